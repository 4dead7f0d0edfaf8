//! Kinds that come and go.
use serde_json::{Value, json};

use crate::setup::{Server, text};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const THINGS: &str = "/apis/example.com/v1/namespaces/default/things";

fn crd(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"properties": {
                    "parts": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]},
                }}}}},
            }],
        },
    })
}

#[tokio::test]
async fn kind_is_served_while_its_crd_is_there() {
    let server = Server::start().await;
    assert_eq!(server.get(THINGS).await.0, 404);
    let (code, created) = server.post(CRDS, crd("things.example.com")).await;
    assert_eq!(code, 201);
    let early =
        json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": ["v1"]});
    assert_eq!(created["status"], early);
    let names = json!({"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"});
    assert_eq!(created["spec"]["names"], names);
    let (_, settled) = server.get(&format!("{CRDS}/things.example.com")).await;
    assert_eq!(settled["status"]["acceptedNames"], names);
    let conditions: Vec<_> = settled["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|condition| (text(condition, "/type"), text(condition, "/status"), text(condition, "/reason")))
        .collect();
    let expected =
        [("NamesAccepted", "True", "NoConflicts"), ("Established", "True", "InitialNamesAccepted")];
    assert_eq!(conditions, expected);

    let thing = |name: &str, finalizers: Value| {
        json!({
            "apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": name, "finalizers": finalizers},
            "spec": {"null": null}, "status": {"dropped": true},
        })
    };
    let (code, created) = server.post(THINGS, thing("a", json!([]))).await;
    assert_eq!((code, created.get("status"), &created["metadata"]["generation"]), (201, None, &json!(1)));
    assert_eq!(created["spec"], json!({"null": null}), "nulls of custom resources stay");
    server.post(THINGS, thing("held", json!(["x/hold"]))).await;

    let (_, marked) = server.delete(&format!("{CRDS}/things.example.com"), json!({})).await;
    assert_eq!(marked["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    assert_eq!(text(&marked, "/status/conditions/2/reason"), "InstanceDeletionPending");
    assert_eq!(server.get(&format!("{THINGS}/a")).await.0, 404);
    assert_eq!(server.get(&format!("{THINGS}/held")).await.0, 200);
    server.merge(&format!("{THINGS}/held"), json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(server.get(&format!("{CRDS}/things.example.com")).await.0, 404);
    assert_eq!(server.get(THINGS).await.0, 404);
}

#[tokio::test]
async fn custom_resources_have_their_own_rules() {
    let server = Server::start().await;
    server.post(CRDS, crd("things.example.com")).await;
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}});
    server.post(THINGS, thing.clone()).await;
    let path = format!("{THINGS}/a");
    let (code, status) = server.put(&path, thing.clone()).await;
    let message = "things.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for \
                   an update";
    assert_eq!((code, text(&status, "/message")), (422, message));
    let (code, status) = server.send("PATCH", &path, "application/strategic-merge-patch+json", "{}").await;
    let message = "the body of the request was in an unknown format - accepted media types include: \
                   application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
    assert_eq!((code, text(&status, "/message")), (415, message));
    let (code, status) = server.merge(&path, json!({"kind": "Other"})).await;
    let message = "Other.example.com \"a\" is invalid: kind: Invalid value: \"Other\": must be Thing";
    assert_eq!((code, text(&status, "/message")), (422, message));
    let (_, written) = server
        .merge(
            &format!("{path}/status"),
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}, "status": {"y": 2}}),
        )
        .await;
    assert_eq!((written.get("spec"), &written["status"]), (None, &json!({"y": 2})));
    assert_eq!(written.pointer("/metadata/labels"), None);

    let apply = |manager: &str, parts: Value| {
        let path = format!("{path}?fieldManager={manager}");
        let body = json!({
            "apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"},
            "spec": {"parts": parts, "list": [manager]},
        });
        (path, body.to_string())
    };
    for (manager, part) in [("one", json!({"id": 1, "a": 1})), ("two", json!({"id": 2, "a": 2}))] {
        let (path, body) = apply(manager, json!([part]));
        assert_eq!(server.send("PATCH", &path, "application/apply-patch+yaml", &body).await.0, 200);
    }
    let (_, applied) = server.get(&path).await;
    // The schema says how lists are merged: the one by key, the other as a whole.
    assert_eq!(applied["spec"], json!({"parts": [{"id": 1, "a": 1}, {"id": 2, "a": 2}], "list": ["two"]}));
}

#[tokio::test]
async fn crds_are_checked() {
    let server = Server::start().await;
    let (code, status) = server.post(CRDS, crd("other.example.com")).await;
    let message = "CustomResourceDefinition.apiextensions.k8s.io \"other.example.com\" is invalid: metadata.name: Invalid \
                   value: \"other.example.com\": must be spec.names.plural+\".\"+spec.group";
    assert_eq!((code, text(&status, "/message")), (422, message));
    let mut sideways = crd("things.example.com");
    sideways["spec"]["scope"] = json!("Sideways");
    let (code, status) = server.post(CRDS, sideways).await;
    let message = "CustomResourceDefinition.apiextensions.k8s.io \"things.example.com\" is invalid: spec.scope: \
                   Unsupported value: \"Sideways\": supported values: \"Cluster\", \"Namespaced\"";
    assert_eq!((code, text(&status, "/message")), (422, message));
}
