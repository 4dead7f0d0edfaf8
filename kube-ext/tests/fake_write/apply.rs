//! Server-side apply.
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::setup::{CONFIG_MAPS, DEPLOYMENTS, Server, text};

const APPLY: &str = "application/apply-patch+yaml";

fn config_map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

#[tokio::test]
async fn creates_or_merges_and_forgets_what_is_no_longer_applied() {
    let server = Server::start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(server.client.clone());
    let one = PatchParams::apply("one");
    let mut applied = config_map(&json!({"a": "1", "b": "2"}));
    applied["metadata"]["labels"] = json!({"l": "1"});
    let created = api.patch("a", &one, &Patch::Apply(&applied)).await.unwrap();
    let managed = &created.managed_fields()[0];
    assert_eq!((managed.manager.as_deref(), managed.operation.as_deref()), (Some("one"), Some("Apply")));
    assert_eq!(
        managed.fields_v1.as_ref().unwrap().0,
        json!({"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": {"f:labels": {"f:l": {}}}})
    );

    server.merge(&format!("{CONFIG_MAPS}/a"), json!({"data": {"other": "3"}})).await;
    let two = PatchParams::apply("two");
    api.patch("a", &two, &Patch::Apply(&config_map(&json!({"b": "2"})))).await.unwrap();
    let object = api.patch("a", &one, &Patch::Apply(&config_map(&json!({"c": "4"})))).await.unwrap();
    let data: Vec<_> = object.data.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    // `a` was only applied by `one`, `b` by `two` as well, `other` by nobody.
    assert_eq!(data, ["b=2", "c=4", "other=3"]);
    assert_eq!(object.labels().len(), 0);
    let managers: Vec<_> =
        object.managed_fields().iter().filter_map(|entry| entry.manager.as_deref()).collect();
    assert_eq!(managers, ["two", "one"]);

    let again = api.patch("a", &one, &Patch::Apply(&config_map(&json!({"c": "4"})))).await.unwrap();
    assert_eq!(again.resource_version(), object.resource_version(), "nothing changed");
}

#[tokio::test]
async fn what_another_write_changed_is_no_longer_the_managers() {
    let server = Server::start().await;
    let path = format!("{CONFIG_MAPS}/a?fieldManager=one");
    server.send("PATCH", &path, APPLY, &config_map(&json!({"a": "1", "b": "2"})).to_string()).await;
    server.merge(&format!("{CONFIG_MAPS}/a"), json!({"data": {"a": "changed"}})).await;
    let (_, object) = server.send("PATCH", &path, APPLY, &config_map(&json!({})).to_string()).await;
    assert_eq!(object["data"], json!({"a": "changed"}));
}

#[tokio::test]
async fn merges_well_known_lists_by_key() {
    let server = Server::start().await;
    let applied = |containers: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": containers}}},
        })
        .to_string()
    };
    let path = |manager: &str| format!("{DEPLOYMENTS}/d?fieldManager={manager}");
    let web = json!([{"name": "web", "image": "1", "ports": [{"containerPort": 80}], "args": ["x"]}]);
    let (code, created) = server.send("PATCH", &path("one"), APPLY, &applied(web)).await;
    assert_eq!(code, 201);
    assert_eq!(
        created["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:spec": {"f:selector": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
            ".": {}, "f:args": {}, "f:image": {}, "f:name": {},
            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
        }}}}}})
    );
    let side = json!([{"name": "side", "image": "1"}]);
    server.send("PATCH", &path("two"), APPLY, &applied(side)).await;
    let web = json!([{"name": "web", "image": "2"}]);
    let (_, object) = server.send("PATCH", &path("one"), APPLY, &applied(web)).await;
    let containers = object.pointer("/spec/template/spec/containers").unwrap();
    assert_eq!(*containers, json!([{"name": "web", "image": "2"}, {"name": "side", "image": "1"}]));
    let more =
        json!([{"name": "n1", "image": "1"}, {"name": "side", "image": "1"}, {"name": "n2", "image": "2"}]);
    let (_, object) = server.send("PATCH", &path("three"), APPLY, &applied(more)).await;
    let containers = object.pointer("/spec/template/spec/containers").and_then(Value::as_array).unwrap();
    let names: Vec<_> = containers.iter().map(|container| text(container, "/name")).collect();
    assert_eq!(names, ["web", "n1", "side", "n2"]);
}

#[tokio::test]
async fn needs_a_manager_and_the_kind() {
    let server = Server::start().await;
    let body = config_map(&json!({})).to_string();
    let (code, status) = server.send("PATCH", &format!("{CONFIG_MAPS}/a"), APPLY, &body).await;
    let message =
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
    assert_eq!((code, text(&status, "/message")), (422, message));
    let path = format!("{CONFIG_MAPS}/a?fieldManager=m");
    for (body, code, message) in [
        (json!({"metadata": {}}), 400, "invalid object type: /, Kind="),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}),
            400,
            "the name of the object (b) does not match the name on the URL (a)",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "managedFields": [{}]}}),
            400,
            "metadata.managedFields must be nil",
        ),
    ] {
        let (answered, status) = server.send("PATCH", &path, APPLY, &body.to_string()).await;
        assert_eq!((answered, text(&status, "/message")), (code, message));
    }
    let (code, status) =
        server.send("PATCH", &format!("{CONFIG_MAPS}/a?force=true"), crate::setup::MERGE, "{}").await;
    let message = "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch";
    assert_eq!((code, text(&status, "/message")), (422, message));
}
