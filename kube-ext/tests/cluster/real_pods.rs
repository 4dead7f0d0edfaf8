//! Pods that a kubelet really runs: watched through all they go through, the server's cells against ours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube_ext::pod::PodSlim;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::{TestNamespace, server_table};

/// The pods, and what each is expected to show at some time.
fn pods() -> Vec<(Value, &'static [&'static str])> {
    let sh = |name: &str, script: &str| json!({"name": name, "image": "kube-ext.local/tools:1", "imagePullPolicy": "Never", "command": ["sh", "-c", script]});
    let sidecar = |name: &str, script: &str| {
        let mut container = sh(name, script);
        container["restartPolicy"] = "Always".into();
        container
    };
    let with_memory = |mut container: Value, limit: &str| {
        container["resources"] = json!({"limits": {"memory": limit}});
        container
    };
    let stay = "trap 'exit 0' TERM; while :; do sleep 0.2; done";
    let ignore_term = "trap '' TERM; while :; do sleep 0.2; done";
    let pod = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    vec![
        (pod("runs", json!({"containers": [sh("app", stay)]})), &["Running"]),
        (
            pod("crashes", json!({"containers": [sh("app", "sleep 1; exit 3")]})),
            &["Error", "CrashLoopBackOff"],
        ),
        (
            pod("finishes", json!({"restartPolicy": "Never", "containers": [sh("app", "exit 0")]})),
            &["Completed"],
        ),
        (
            pod(
                "fails",
                json!({"restartPolicy": "Never", "containers": [sh("app", "exit 7"), sh("other", "exit 0")]}),
            ),
            &["Error"],
        ),
        (
            pod(
                "hungry",
                json!({"restartPolicy": "Never", "containers": [with_memory(sh("app", "tail /dev/zero"), "24Mi")]}),
            ),
            &["OOMKilled"],
        ),
        (
            pod(
                "inits",
                json!({
                    "initContainers": [sh("one", "sleep 10"), sidecar("two", stay), sh("three", "sleep 10")],
                    "containers": [sh("app", stay)],
                }),
            ),
            &["Init:0/3", "Init:2/3", "Running"],
        ),
        (
            pod(
                "init-fails",
                json!({"initContainers": [sh("one", "exit 1")], "containers": [sh("app", stay)]}),
            ),
            &["Init:Error", "Init:CrashLoopBackOff"],
        ),
        (
            pod(
                "half-done",
                json!({"restartPolicy": "OnFailure", "containers": [sh("done", "exit 0"), sh("stays", stay)]}),
            ),
            &["NotReady"],
        ),
        (
            pod(
                "no-image",
                json!({"containers": [{
                    "name": "app", "image": "kube-ext.local/missing:1", "imagePullPolicy": "Never",
                }]}),
            ),
            &["ErrImageNeverPull"],
        ),
        (
            pod(
                "pending",
                json!({"containers": [sh("app", stay)], "nodeSelector": {"example.com/none": "here"}}),
            ),
            &["Pending"],
        ),
        (
            pod(
                "gated",
                json!({"containers": [sh("app", stay)], "schedulingGates": [{"name": "example.com/wait"}]}),
            ),
            &["SchedulingGated"],
        ),
        (
            pod(
                "gates",
                json!({"containers": [sh("app", stay)], "readinessGates": [{"conditionType": "example.com/ready"}]}),
            ),
            &["Running"],
        ),
        (
            pod(
                "terminates",
                json!({"containers": [sh("app", ignore_term)], "terminationGracePeriodSeconds": 30}),
            ),
            &["Running", "Terminating"],
        ),
    ]
}

#[tokio::test]
async fn cells_equal_the_servers_while_pods_live_and_die() {
    let client = Cluster::connect().await.client;
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.expect("nodes");
    assert!(!nodes.items.is_empty(), "this test needs a node; `.ci/cluster/up full` or kind has one");
    let namespace = TestNamespace::create(&client, "real").await;
    let api = namespace.pods();
    let mut missing: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (pod, statuses) in pods() {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        missing.insert(pod.metadata.name.clone().unwrap(), statuses.iter().copied().collect());
        api.create(&PostParams::default(), &pod).await.expect("create pod");
    }

    let path = format!("/api/v1/namespaces/{}/pods", namespace.name);
    let (started, mut compared, mut seen) = (Instant::now(), 0, BTreeSet::new());
    while !missing.is_empty() {
        for row in server_table(&client, &path).await.1 {
            if let Some(difference) = row.difference::<Pod, PodSlim>() {
                panic!("{difference}");
            }
            compared += 1;
            let (name, status) = (row.cells[0].clone(), row.cells[2].clone());
            if name == "terminates" && status == "Running" {
                api.delete(&name, &DeleteParams::default()).await.expect("delete pod");
            }
            if let Some(statuses) = missing.get_mut(&name) {
                statuses.remove(status.as_str());
            }
            seen.insert(format!("{name}: {status}"));
        }
        missing.retain(|_, statuses| !statuses.is_empty());
        assert!(started.elapsed() < Duration::from_secs(600), "never seen: {missing:?}; seen: {seen:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{compared} rows of real pods compared; seen: {seen:#?}");
    namespace.delete().await;
}
