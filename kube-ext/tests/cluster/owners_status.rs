//! The status of objects in a graph, beside what the server prints of them.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use kube_ext::{
    health::Status,
    owners::{NodeIndex, NodeStatus, OwnerGraph},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    cluster::Cluster,
    generate,
    support::{TestNamespace, server_table},
};

const PATIENCE: Duration = Duration::from_secs(300);

async fn create<K>(namespace: &TestNamespace, object: Value, status: Value)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(namespace.client.clone(), &namespace.name);
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.expect(&name);
    if !status.is_null() {
        let patch = Patch::Merge(json!({"status": status}));
        api.patch_status(&name, &PatchParams::default(), &patch).await.expect(&name);
    }
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"schedulerName": "nobody", "restartPolicy": "Always", "containers": [{"name": "app", "image": "kube-ext.local/none:1"}]},
    })
}

async fn workloads(namespace: &TestNamespace) {
    let selector = json!({"matchLabels": {"app": "web"}});
    let deployment = json!({"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": selector, "template": template()}});
    create::<Deployment>(namespace, deployment, Value::Null).await;
    let set = json!({"metadata": {"name": "db"}, "spec": {"replicas": 2, "serviceName": "db", "selector": selector, "template": template()}});
    create::<StatefulSet>(namespace, set, Value::Null).await;
    let started = "2026-01-01T00:00:00Z";
    let condition = |type_: &str| json!({"type": type_, "status": "True", "reason": "Why", "lastTransitionTime": started, "lastProbeTime": started});
    let mut pods = template();
    pods["spec"]["restartPolicy"] = "Never".into();
    for (name, spec, status) in [
        (
            "running",
            json!({"completions": 4}),
            json!({"startTime": started, "active": 1, "succeeded": 2, "uncountedTerminatedPods": {}}),
        ),
        (
            "suspended",
            json!({"parallelism": 3}),
            json!({"startTime": null, "conditions": [condition("Suspended")]}),
        ),
        (
            "ended",
            json!({"completions": 1}),
            json!({"startTime": started, "completionTime": "2026-01-01T00:01:00Z", "succeeded": 1, "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]}),
        ),
        (
            "failed",
            json!({"completions": 1}),
            json!({"startTime": started, "failed": 1, "conditions": [condition("FailureTarget"), condition("Failed")]}),
        ),
    ] {
        // No controller of the cluster looks at them.
        let mut job = json!({"metadata": {"name": name}, "spec": {"managedBy": "kube-ext.local/nobody", "template": pods}});
        job["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        create::<Job>(namespace, job, status).await;
    }
}

/// READY and STATUS of a kind as the server prints them, by name; none of what it does not print.
async fn printed(
    namespace: &TestNamespace,
    plural: &str,
    columns: [&str; 2],
) -> Vec<(String, [Option<String>; 2])> {
    let group = match plural {
        "pods" => "api/v1",
        "jobs" => "apis/batch/v1",
        _ => "apis/apps/v1",
    };
    let path = format!("/{group}/namespaces/{}/{plural}", namespace.name);
    let (names, rows) = server_table(&namespace.client, &path).await;
    let place = |column: &str| names.iter().position(|(name, _)| name == column);
    let row = |row: crate::row::ServerRow| {
        let name = row.object["metadata"]["name"].as_str().unwrap().to_owned();
        (name, columns.map(|column| place(column).map(|place| row.cells[place].clone())))
    };
    rows.into_iter().map(row).collect()
}

fn status<'g>(graph: &'g OwnerGraph, plural: &str, namespace: &TestNamespace, name: &str) -> &'g NodeStatus {
    let index =
        graph.find(plural, Some(&namespace.name), name).unwrap_or_else(|| panic!("no {plural} {name}"));
    graph[index].status().unwrap_or_else(|| panic!("{plural} {name} has no status"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_and_status_are_those_that_the_server_prints() {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "status").await;
    workloads(&namespace).await;
    namespace.write((0..100).map(generate::pod).collect()).await;
    for (plural, columns) in [
        ("pods", ["Ready", "Status"]),
        ("jobs", ["Completions", "Status"]),
        ("deployments", ["Ready", ""]),
        ("statefulsets", ["Ready", ""]),
    ] {
        // Controllers are at work on a real cluster, so that the two are of different moments.
        let compare = async {
            loop {
                let before = printed(&namespace, plural, columns).await;
                let builder = OwnerGraph::builder(cluster.client.clone()).namespace(&namespace.name);
                let graph = builder.kinds([plural]).status().load().await.unwrap();
                assert!(graph.gaps().is_empty(), "{:?}", graph.gaps());
                if before == printed(&namespace, plural, columns).await {
                    break (before, graph);
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let (expected, graph) = timeout(PATIENCE, compare).await.expect("a quiet moment");
        assert!(!expected.is_empty(), "{plural}");
        for (name, [ready, text]) in expected {
            let status = status(&graph, plural, &namespace, &name);
            // A server inside the process prints some kinds as it does custom resources.
            if ready.is_some() || text.is_some() {
                assert_eq!(
                    [status.ready(), status.text()],
                    [ready.as_deref(), text.as_deref()],
                    "{plural} {name}"
                );
            }
        }
    }
    namespace.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_some_objects_of_a_graph() {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "some").await;
    workloads(&namespace).await;
    let builder = OwnerGraph::builder(cluster.client.clone()).namespace(&namespace.name);
    let mut graph = builder.load().await.unwrap();
    assert!(graph.nodes().iter().all(|index| graph[*index].status().is_none()));
    let jobs = graph.nodes().into_iter().filter(|index| graph[*index].kind().is_called("jobs"));
    let jobs: Vec<NodeIndex> = jobs.filter(|index| graph[*index].name() != "running").collect();
    let gaps = graph.load_status(jobs.clone()).await;
    assert!(gaps.is_empty(), "{gaps:?}");
    let known = graph.nodes().into_iter().filter(|index| graph[*index].status().is_some());
    assert_eq!(known.collect::<Vec<_>>(), jobs);

    let of = |name| status(&graph, "jobs", &namespace, name);
    let health = |name| (of(name).health(), of(name).message().to_owned());
    assert_eq!(health("ended"), (Status::Current, "Job Completed. succeeded: 1/1".to_owned()));
    assert_eq!(health("failed").0, Status::Failed);
    let failed = of("failed").condition("Failed").unwrap();
    assert_eq!((&*failed.status, &*failed.reason), ("True", "Why"));
    let types: Vec<_> = of("ended").conditions().iter().map(|condition| &*condition.type_).collect();
    assert_eq!(types, ["SuccessCriteriaMet", "Complete"]);

    // As kubectl tree prints it, once any of it is known.
    let ended = graph.find("job", Some(&namespace.name), "ended").unwrap();
    let text = graph.tree(ended).to_string();
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["NAMESPACE", "NAME", "READY", "REASON", "STATUS", "AGE"]);
    assert_eq!(lines.next().unwrap()[..4], [&*namespace.name, "Job/ended", "-", "Current"]);
    let running = graph.find("job", Some(&namespace.name), "running").unwrap();
    let header = graph.tree(running).to_string();
    assert_eq!(
        header.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["NAMESPACE", "NAME", "AGE"]
    );
    namespace.delete().await;
}
