//! The cells of objects, the rules of pods, their order and their ages, and the health of objects, held against vectors with the answers of
//! Kubernetes' own Go code.
//!
//! The vectors lie beside the checkout, in `../shared/conformance`; where they do not, a line says so. What a server
//! recorded in this repository is held against in `recorded.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::DynamicObject;
use kube_ext::columns::Columns;
use kube_ext::fake::FakeCluster;
use kube_ext::health::{Error, Health, Report};
use kube_ext::owners::OwnerGraph;
use kube_ext::pod::{PodExt, PodSlim, by_activity, by_logging};
use kube_ext::slim::{DeploymentSlim, EventSlim, NodeSlim};
use kube_ext::time::Age;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The cases of a file; `None`, and a line that says so, when there are no vectors here.
fn vectors<T: DeserializeOwned>(file: &str) -> Option<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    if !folder.is_dir() {
        println!("skipped: no vectors at {}", folder.display());
        return None;
    }
    let text = std::fs::read_to_string(folder.join(file)).expect(file);
    Some(serde_json::from_str(&text).expect(file))
}

#[derive(Deserialize)]
struct PrintCase {
    name: String,
    now: DateTime<Utc>,
    input: serde_json::Value,
    expected: Vec<Vec<serde_json::Value>>,
    #[serde(default)]
    server_cells: Option<Vec<Vec<serde_json::Value>>>,
}

fn check_cells<K, V>(file: &str)
where
    K: Columns + DeserializeOwned,
    V: Columns + DeserializeOwned,
{
    let Some(cases) = vectors::<Vec<PrintCase>>(file) else { return };
    assert!(!cases.is_empty());
    for case in cases {
        let expected = case.server_cells.unwrap_or(case.expected);
        let objects = match case.input.get("items") {
            Some(items) => items.as_array().expect("items").clone(),
            None => vec![case.input],
        };
        let cells: Vec<Vec<String>> = objects
            .into_iter()
            .map(|object| {
                let slim: V = serde_json::from_value(object.clone()).expect(&case.name);
                let whole: K = serde_json::from_value(object).expect(&case.name);
                assert_eq!(slim.cells_at(case.now), whole.cells_at(case.now), "{file}: {}", case.name);
                whole.cells_at(case.now)
            })
            .collect();
        // Numbers are text to us.
        let text = |cell: serde_json::Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
        let expected: Vec<Vec<_>> =
            expected.into_iter().map(|cells| cells.into_iter().map(text).collect()).collect();
        assert_eq!(cells, expected, "{file}: {}", case.name);
    }
}

#[test]
fn cells_of_the_pods_of_upstream_tests() {
    check_cells::<Pod, PodSlim>("printers/printPod.json");
}

#[test]
fn cells_of_random_pods() {
    check_cells::<Pod, PodSlim>("printpod_generated_sample.json");
}

#[test]
fn cells_of_the_nodes_of_upstream_tests() {
    check_cells::<Node, NodeSlim>("printers/printNode.json");
}

#[test]
fn cells_of_the_deployments_of_upstream_tests() {
    check_cells::<Deployment, DeploymentSlim>("printers/printDeployment.json");
}

#[test]
fn cells_of_the_events_of_upstream_tests() {
    check_cells::<Event, EventSlim>("printers/printEvent.json");
    check_cells::<Event, EventSlim>("printers/printEventList.json");
}

#[derive(Deserialize)]
struct ColumnCase {
    name: String,
    priority: u8,
}

fn check_columns<K: Columns>(printer: &str) {
    let Some(columns) = vectors::<HashMap<String, Vec<ColumnCase>>>("columns.json") else { return };
    let expected: Vec<_> =
        columns[printer].iter().map(|column| (column.name.as_str(), column.priority)).collect();
    let ours: Vec<_> = K::columns().iter().map(|column| (column.name, column.priority)).collect();
    assert_eq!(ours, expected, "{printer}");
}

#[test]
fn columns_of_all_kinds() {
    check_columns::<Pod>("printPod");
    check_columns::<Node>("printNode");
    check_columns::<Deployment>("printDeployment");
    check_columns::<Event>("printEvent");
}

#[derive(Deserialize)]
struct UpstreamDuration {
    name: String,
    func: String,
    nanos: i64,
    expected: String,
}

#[test]
fn ages_of_upstream_tests() {
    for case in vectors::<Vec<UpstreamDuration>>("human_duration_upstream.json").unwrap_or_default() {
        let age = Age::new(TimeDelta::nanoseconds(case.nanos));
        let text = if case.func == "ShortHumanDuration" { age.short() } else { age.to_string() };
        assert_eq!(text, case.expected, "{}", case.name);
    }
}

#[derive(Deserialize)]
struct DurationCase {
    nanos: i64,
    human: String,
    short: String,
}

#[test]
fn ages_of_random_spans() {
    for case in vectors::<Vec<DurationCase>>("human_duration_sample.json").unwrap_or_default() {
        let age = Age::new(TimeDelta::nanoseconds(case.nanos));
        assert_eq!((age.to_string(), age.short()), (case.human, case.short), "{} ns", case.nanos);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderCase {
    a: Pod,
    b: Pod,
    #[serde(rename = "active_less")]
    active: [bool; 2],
    #[serde(rename = "logging_less")]
    logging: [bool; 2],
    now: DateTime<Utc>,
    min_ready_seconds: i32,
    #[serde(rename = "a_available")]
    available: bool,
    #[serde(rename = "a_ready")]
    ready: bool,
}

#[test]
fn order_and_availability_of_random_pods() {
    let less =
        |order: fn(&Pod, &Pod) -> Ordering, a: &Pod, b: &Pod| [order(a, b).is_lt(), order(b, a).is_lt()];
    for (index, case) in vectors::<Vec<OrderCase>>("podutils_sort_generated_sample.json")
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        assert_eq!(less(by_activity, &case.a, &case.b), case.active, "by_activity, case {index}");
        assert_eq!(less(by_logging, &case.a, &case.b), case.logging, "by_logging, case {index}");
        assert_eq!(case.a.is_available_at(case.min_ready_seconds, case.now), case.available, "case {index}");
        assert_eq!(case.a.is_ready(), case.ready, "case {index}");
    }
}

#[derive(Deserialize)]
struct HealthCase {
    name: String,
    now: DateTime<Utc>,
    input: serde_json::Value,
    #[serde(default)]
    expected: serde_json::Value,
    #[serde(default)]
    error: Option<String>,
}

fn check_health(case: &HealthCase, health: Result<Report, Error>) {
    match (health, &case.error) {
        (Ok(report), None) => {
            assert_eq!(serde_json::to_value(report).expect("a report"), case.expected, "{}", case.name);
        }
        (Err(_), Some(_)) => {}
        (health, error) => panic!("{}: {health:?} instead of {error:?}", case.name),
    }
}

#[test]
fn health_of_objects_of_all_kinds() {
    for case in vectors::<Vec<HealthCase>>("kstatus.json").unwrap_or_default() {
        let object: DynamicObject = serde_json::from_value(case.input.clone()).expect(&case.name);
        check_health(&case, object.health_at(case.now));
    }
}

/// The health of an object of a list, which has lost its apiVersion and kind.
fn typed_health<K: Health<K> + DeserializeOwned>(case: &HealthCase) -> Result<Report, Error> {
    let mut object = case.input.clone();
    object.as_object_mut().expect(&case.name).retain(|field, _| field != "apiVersion" && field != "kind");
    serde_json::from_value::<K>(object).expect(&case.name).health_at(case.now)
}

#[test]
fn health_of_typed_objects() {
    for case in vectors::<Vec<HealthCase>>("kstatus.json").unwrap_or_default() {
        let health = match case.input["kind"].as_str().expect(&case.name) {
            // No typed status is without this number.
            "DaemonSet" if case.input.pointer("/status/desiredNumberScheduled").is_none() => continue,
            "DaemonSet" => typed_health::<DaemonSet>(&case),
            "Deployment" => typed_health::<Deployment>(&case),
            "ReplicaSet" => typed_health::<ReplicaSet>(&case),
            "StatefulSet" => typed_health::<StatefulSet>(&case),
            "CronJob" => typed_health::<CronJob>(&case),
            "Job" => typed_health::<Job>(&case),
            "PersistentVolumeClaim" => typed_health::<PersistentVolumeClaim>(&case),
            "Pod" => typed_health::<Pod>(&case),
            "Service" => typed_health::<Service>(&case),
            "PodDisruptionBudget" => typed_health::<PodDisruptionBudget>(&case),
            "CustomResourceDefinition" => typed_health::<CustomResourceDefinition>(&case),
            kind => {
                assert!(["MyCR", "SomeCustomKind"].contains(&kind), "{}", case.name);
                continue;
            }
        };
        check_health(&case, health);
    }
}

/// READY and STATUS of workloads as the server prints them, of objects that a graph has listed.
#[tokio::test]
async fn status_in_a_graph() {
    for (file, columns) in [
        ("printDeployment.json", &[Some(1), None][..]),
        ("printStatefulSet.json", &[Some(1), None]),
        ("printJob.json", &[Some(2), Some(1)]),
        ("printPod.json", &[Some(1), Some(2)]),
    ] {
        let Some(cases) = vectors::<Vec<PrintCase>>(&format!("printers/{file}")) else { return };
        for case in cases {
            let Some([cells]) = case.server_cells.as_deref() else { continue };
            let mut object = case.input;
            if object.get("items").is_some() {
                continue;
            }
            object["metadata"]["namespace"] = "default".into();
            let cluster = FakeCluster::builder().objects([object.clone()]).start().await.expect(&case.name);
            let builder = OwnerGraph::builder(cluster.client().unwrap()).namespace("default");
            let kind = object["kind"].as_str().unwrap();
            let graph = builder.kinds([kind]).status().load().await.unwrap();
            let name = object["metadata"]["name"].as_str().unwrap();
            let node = graph.find(kind, Some("default"), name).expect(&case.name);
            let status = graph[node].status().expect(&case.name);
            let expected = columns.iter().map(|column| column.map(|column| cells[column].as_str().unwrap()));
            assert_eq!(
                [status.ready(), status.text()],
                *expected.collect::<Vec<_>>(),
                "{file} {}",
                case.name
            );
        }
    }
}
