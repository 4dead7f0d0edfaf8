//! Pods: their nodes end them.
use std::time::Duration;

use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::Request;
use serde_json::{Value, json};

use crate::setup::{Server, text};

const PODS: &str = "/api/v1/namespaces/default/pods";

async fn pod(server: &Server, name: &str, node: Option<&str>) -> Value {
    let mut spec = json!({"containers": [{"name": "c", "image": "i"}]});
    if let Some(node) = node {
        spec["nodeName"] = json!(node);
    }
    let (code, pod) = server.post(PODS, json!({"metadata": {"name": name}, "spec": spec})).await;
    assert_eq!(code, 201, "{pod}");
    pod
}

/// Whether a pod is gone within a second.
async fn goes(server: &Server, name: &str) -> bool {
    for _ in 0..50 {
        if server.get(&format!("{PODS}/{name}")).await.0 == 404 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn node_stops_a_pod() {
    let server = Server::start().await;
    server.post("/api/v1/nodes", json!({"metadata": {"name": "n"}})).await;
    let created = pod(&server, "p", Some("n")).await;
    let watch = format!("{PODS}?watch=1&resourceVersion={}", text(&created, "/metadata/resourceVersion"));
    let watch = Request::get(watch).body(Vec::new()).unwrap();
    let mut events = server.client.request_stream(watch).await.unwrap().lines();
    let (_, marked) = server.delete(&format!("{PODS}/p"), json!({})).await;
    let metadata = &marked["metadata"];
    assert_eq!((&metadata["deletionGracePeriodSeconds"], &metadata["generation"]), (&json!(30), &json!(2)));
    // It is marked, and ends in a moment, not at once.
    for (expected, grace) in [("MODIFIED", 30), ("MODIFIED", 0), ("DELETED", 0)] {
        let event = tokio::time::timeout(Duration::from_secs(60), events.next()).await.unwrap().unwrap();
        let event: Value = serde_json::from_str(&event.unwrap()).unwrap();
        let metadata = &event["object"]["metadata"];
        assert_eq!((text(&event, "/type"), &metadata["name"]), (expected, &json!("p")));
        assert_eq!(metadata["deletionGracePeriodSeconds"], grace, "{event}");
        assert!(metadata["deletionTimestamp"].is_string(), "{event}");
    }
    assert_eq!(server.get(&format!("{PODS}/p")).await.0, 404);
}

#[tokio::test]
async fn pod_of_a_lost_node_stays_until_it_is_forced() {
    let server = Server::start().await;
    pod(&server, "p", Some("lost")).await;
    let path = format!("{PODS}/p");
    server.delete(&path, json!({})).await;
    assert!(!goes(&server, "p").await);
    for (asked, left) in [(40, 30), (5, 5)] {
        let (_, pod) = server.delete(&path, json!({"gracePeriodSeconds": asked})).await;
        assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], left, "grace is only shortened");
    }
    let (code, last) = server.delete(&path, json!({"gracePeriodSeconds": 0})).await;
    assert_eq!((code, &last["metadata"]["deletionGracePeriodSeconds"]), (200, &json!(0)));
    assert_eq!(server.get(&path).await.0, 404);
}

#[tokio::test]
async fn unscheduled_pod_goes_at_once() {
    let server = Server::start().await;
    let created = pod(&server, "p", None).await;
    assert_eq!(created["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
    let (_, last) = server.delete(&format!("{PODS}/p"), json!({})).await;
    assert_eq!((text(&last, "/kind"), &last["metadata"]["deletionGracePeriodSeconds"]), ("Pod", &json!(0)));
    assert_eq!(server.get(&format!("{PODS}/p")).await.0, 404);
}

#[tokio::test]
async fn quality_of_service() {
    let server = Server::start().await;
    let all = json!({"cpu": "1", "memory": "1Gi"});
    for (name, resources, class) in [
        ("guaranteed", json!({"limits": all}), "Guaranteed"),
        ("same", json!({"limits": all, "requests": all}), "Guaranteed"),
        ("less", json!({"limits": all, "requests": {"cpu": "0.5"}}), "Burstable"),
        ("part", json!({"limits": {"cpu": "1"}}), "Burstable"),
        ("other", json!({"requests": {"example.com/gpu": "1"}}), "BestEffort"),
    ] {
        let containers = json!([{"name": "c", "image": "i", "resources": resources}]);
        let (_, pod) =
            server.post(PODS, json!({"metadata": {"name": name}, "spec": {"containers": containers}})).await;
        assert_eq!(text(&pod, "/status/qosClass"), class, "{name}");
    }
}

#[tokio::test]
async fn binding_and_eviction() {
    let server = Server::start().await;
    pod(&server, "p", None).await;
    let binding = |node: &str| json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}});
    let (code, status) = server.post(&format!("{PODS}/p/binding"), binding("n")).await;
    let success =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    assert_eq!((code, &status), (201, &success));
    let (_, bound) = server.get(&format!("{PODS}/p")).await;
    assert_eq!(
        (text(&bound, "/spec/nodeName"), text(&bound, "/status/conditions/0/type")),
        ("n", "PodScheduled")
    );
    let (code, status) = server.post(&format!("{PODS}/p/binding"), binding("m")).await;
    let message =
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n\"";
    assert_eq!((code, text(&status, "/message")), (409, message));

    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"},
        "deleteOptions": {"gracePeriodSeconds": 0},
    });
    let (code, status) = server.post(&format!("{PODS}/p/eviction"), eviction).await;
    assert_eq!((code, &status), (201, &success));
    assert_eq!(server.get(&format!("{PODS}/p")).await.0, 404);
}
