//! Namespaces, and what is in them.
use serde_json::json;

use crate::setup::{Server, text};

#[tokio::test]
async fn namespace_has_what_the_server_gives_it() {
    let server = Server::start().await;
    let (code, created) = server.post("/api/v1/namespaces", json!({"metadata": {"name": "n"}})).await;
    assert_eq!(code, 201);
    assert_eq!(created["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "n"}));
    assert_eq!(created["spec"], json!({"finalizers": ["kubernetes"]}));
    assert_eq!(created["status"], json!({"phase": "Active"}));
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        assert_eq!(server.get(&format!("/api/v1/namespaces/{name}")).await.0, 200);
    }
    let (code, status) = server.delete("/api/v1/namespaces/default", json!({})).await;
    let message = "namespaces \"default\" is forbidden: this namespace may not be deleted";
    assert_eq!((code, text(&status, "/message")), (403, message));
}

#[tokio::test]
async fn namespace_goes_with_all_that_is_in_it() {
    let server = Server::start().await;
    server.post("/api/v1/namespaces", json!({"metadata": {"name": "n"}})).await;
    let maps = "/api/v1/namespaces/n/configmaps";
    server.post(maps, json!({"metadata": {"name": "free"}})).await;
    server.post(maps, json!({"metadata": {"name": "held", "finalizers": ["x/hold"]}})).await;
    let (code, marked) = server.delete("/api/v1/namespaces/n", json!({})).await;
    assert_eq!((code, text(&marked, "/status/phase")), (200, "Terminating"));
    assert_eq!(server.get(&format!("{maps}/free")).await.0, 404);
    let (_, held) = server.get(&format!("{maps}/held")).await;
    assert!(held.pointer("/metadata/deletionTimestamp").is_some());
    let (_, namespace) = server.get("/api/v1/namespaces/n").await;
    assert_eq!(text(&namespace, "/status/phase"), "Terminating");

    let (code, status) = server.post(maps, json!({"metadata": {"name": "late"}})).await;
    let message = "configmaps \"late\" is forbidden: unable to create new content in namespace n because it is being \
                   terminated";
    assert_eq!((code, text(&status, "/message")), (403, message));
    let cause = json!([{
        "reason": "NamespaceTerminating", "message": "namespace n is being terminated", "field": "metadata.namespace",
    }]);
    assert_eq!(status["details"]["causes"], cause);

    server.merge(&format!("{maps}/held"), json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(server.get("/api/v1/namespaces/n").await.0, 404);
    let (code, _) = server.post("/api/v1/namespaces", json!({"metadata": {"name": "n"}})).await;
    assert_eq!(code, 201, "the name is free again");
}

#[tokio::test]
async fn seeded_object_brings_its_namespace() {
    let server = Server::start().await;
    let map = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "brought"},
    });
    let kept = server.cluster.apply(&map).unwrap();
    assert_eq!(text(&kept, "/metadata/namespace"), "brought");
    assert_eq!(server.get("/api/v1/namespaces/brought").await.0, 200);
    assert_eq!(server.get("/api/v1/namespaces/brought/configmaps/a").await.1, kept);
}
