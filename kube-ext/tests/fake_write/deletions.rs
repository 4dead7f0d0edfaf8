//! Objects that go, what holds them, and what goes with them.
use serde_json::{Value, json};

use crate::setup::{CONFIG_MAPS, Server, text};

#[tokio::test]
async fn answers_with_a_status_or_the_object() {
    let server = Server::start().await;
    let created = server.config_map(json!({"name": "a"})).await;
    let (code, status) = server.delete(&format!("{CONFIG_MAPS}/a"), json!({})).await;
    assert_eq!(code, 200);
    let details = json!({"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]});
    let success = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    });
    assert_eq!(status, success);
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    server.post(accounts, json!({"metadata": {"name": "s"}})).await;
    let (_, gone) = server.delete(&format!("{accounts}/s"), json!({})).await;
    assert_eq!((text(&gone, "/kind"), gone.pointer("/metadata/deletionTimestamp")), ("ServiceAccount", None));
    assert_eq!(server.get(&format!("{accounts}/s")).await.0, 404);
}

#[tokio::test]
async fn finalizers_hold_an_object() {
    let server = Server::start().await;
    server.config_map(json!({"name": "a", "finalizers": ["x/one", "x/two"]})).await;
    let path = format!("{CONFIG_MAPS}/a");
    let (_, marked) = server.delete(&path, json!({})).await;
    assert_eq!(
        (text(&marked, "/kind"), &marked["metadata"]["deletionGracePeriodSeconds"]),
        ("ConfigMap", &json!(0))
    );
    let (_, again) = server.delete(&path, json!({})).await;
    assert_eq!(again, marked, "it is marked once");

    let (code, status) = server.merge(&path, json!({"metadata": {"finalizers": ["x/one", "x/new"]}})).await;
    let message = "ConfigMap \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the \
                   object is being deleted, found new finalizers []string{\"x/new\"}";
    assert_eq!((code, text(&status, "/message")), (422, message));
    let (code, status) = server.post(CONFIG_MAPS, json!({"metadata": {"name": "a"}})).await;
    let message = "object is being deleted: configmaps \"a\" already exists";
    assert_eq!((code, text(&status, "/message")), (409, message));

    server.merge(&path, json!({"metadata": {"finalizers": ["x/one"]}})).await;
    assert_eq!(server.get(&path).await.0, 200);
    let (code, last) = server.merge(&path, json!({"metadata": {"finalizers": null}})).await;
    assert_eq!((code, last.pointer("/metadata/finalizers")), (200, None));
    assert_eq!(server.get(&path).await.0, 404);
}

#[tokio::test]
async fn preconditions() {
    let server = Server::start().await;
    let created = server.config_map(json!({"name": "a"})).await;
    let (uid, version) = (text(&created, "/metadata/uid"), text(&created, "/metadata/resourceVersion"));
    let path = format!("{CONFIG_MAPS}/a");
    let (code, status) = server.delete(&path, json!({"preconditions": {"uid": "x"}})).await;
    let message = format!(
        "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does not match the UID in \
         record ({uid}). The object might have been deleted and then recreated"
    );
    assert_eq!((code, text(&status, "/message")), (409, message.as_str()));
    assert_eq!(status["details"], json!({"name": "a", "kind": "ConfigMap"}));
    let (code, _) =
        server.delete(&path, json!({"preconditions": {"uid": uid, "resourceVersion": "1"}})).await;
    assert_eq!(code, 409);
    let (code, _) =
        server.delete(&path, json!({"preconditions": {"uid": uid, "resourceVersion": version}})).await;
    assert_eq!(code, 200);
    let (code, status) = server.delete(&path, json!({"propagationPolicy": "Silly"})).await;
    let message = "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Silly\": supported \
                   values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
    assert_eq!((code, text(&status, "/message")), (422, message));
}

/// A ConfigMap that is owned by others.
async fn owned(server: &Server, name: &str, owners: &[&Value], more: Value) -> Value {
    let references: Vec<_> = owners
        .iter()
        .map(|owner| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true,
            })
        })
        .collect();
    let mut metadata = json!({"name": name, "ownerReferences": references});
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.config_map(metadata).await
}

async fn exist(server: &Server, names: &[&str]) -> Vec<bool> {
    let mut exist = Vec::new();
    for name in names {
        exist.push(server.get(&format!("{CONFIG_MAPS}/{name}")).await.0 == 200);
    }
    exist
}

#[tokio::test]
async fn dependents_go_after_their_last_owner() {
    let server = Server::start().await;
    let (one, two) =
        (server.config_map(json!({"name": "one"})).await, server.config_map(json!({"name": "two"})).await);
    let child = owned(&server, "child", &[&one], json!({})).await;
    owned(&server, "grandchild", &[&child], json!({})).await;
    owned(&server, "shared", &[&one, &two], json!({})).await;
    server.delete(&format!("{CONFIG_MAPS}/one"), json!({})).await;
    assert_eq!(exist(&server, &["child", "grandchild", "shared"]).await, [false, false, true]);
    let (_, shared) = server.get(&format!("{CONFIG_MAPS}/shared")).await;
    let owners = shared["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((owners.len(), &owners[0]["name"]), (1, &json!("two")));
    server.delete(&format!("{CONFIG_MAPS}/two"), json!({})).await;
    assert_eq!(exist(&server, &["shared"]).await, [false]);
}

#[tokio::test]
async fn orphans_stay() {
    let server = Server::start().await;
    let one = server.config_map(json!({"name": "one"})).await;
    owned(&server, "child", &[&one], json!({})).await;
    let (_, marked) =
        server.delete(&format!("{CONFIG_MAPS}/one"), json!({"propagationPolicy": "Orphan"})).await;
    assert_eq!(marked["metadata"]["finalizers"], json!(["orphan"]));
    assert_eq!(exist(&server, &["one", "child"]).await, [false, true]);
    let (_, child) = server.get(&format!("{CONFIG_MAPS}/child")).await;
    assert_eq!(child.pointer("/metadata/ownerReferences"), None);
}

#[tokio::test]
async fn foreground_deletion_waits_for_dependents() {
    let server = Server::start().await;
    let one = server.config_map(json!({"name": "one"})).await;
    owned(&server, "free", &[&one], json!({})).await;
    let held = owned(&server, "held", &[&one], json!({"finalizers": ["x/hold"]})).await;
    owned(&server, "below", &[&held], json!({})).await;
    let path = format!("{CONFIG_MAPS}/one");
    let (_, marked) = server.delete(&path, json!({"propagationPolicy": "Foreground"})).await;
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert_eq!(exist(&server, &["one", "free", "held", "below"]).await, [true, false, true, false]);
    let (_, one) = server.get(&path).await;
    assert_eq!(one["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    server.merge(&format!("{CONFIG_MAPS}/held"), json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(exist(&server, &["one", "held"]).await, [false, false]);
}

#[tokio::test]
async fn collections_go_by_selector() {
    let server = Server::start().await;
    for (name, app) in [("a", "x"), ("b", "x"), ("c", "y")] {
        server.config_map(json!({"name": name, "labels": {"app": app}})).await;
    }
    let (code, list) = server.delete(&format!("{CONFIG_MAPS}?labelSelector=app%3Dx"), json!({})).await;
    assert_eq!((code, text(&list, "/kind")), (200, "ConfigMapList"));
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| text(item, "/metadata/name")).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(exist(&server, &["a", "b", "c"]).await, [false, false, true]);
}
