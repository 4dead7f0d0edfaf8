//! What a real server and kubectl 1.36 said, recorded by `tests/cluster/record.rs`: held against us without a cluster.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "cluster/row.rs"]
mod row;

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::DynamicObject;
use kube_ext::columns::Columns;
use kube_ext::pod::PodSlim;
use kube_ext::slim::{DeploymentSlim, EventSlim, NodeSlim};
use kube_ext::yaml::Yaml;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use row::ServerRow;

fn lines<T: DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn check<K, V>(text: &str, least: usize)
where
    K: Columns + DeserializeOwned,
    V: Columns + DeserializeOwned,
{
    let rows: Vec<ServerRow> = lines(text);
    assert!(rows.len() >= least, "only {} rows", rows.len());
    let different: Vec<_> = rows.iter().filter_map(ServerRow::difference::<K, V>).collect();
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn cells_of_pods() {
    check::<Pod, PodSlim>(include_str!("data/recorded/pods.jsonl"), 300);
}

#[test]
fn cells_of_nodes() {
    check::<Node, NodeSlim>(include_str!("data/recorded/nodes.jsonl"), 100);
}

#[test]
fn cells_of_deployments() {
    check::<Deployment, DeploymentSlim>(include_str!("data/recorded/deployments.jsonl"), 100);
}

#[test]
fn cells_of_events() {
    check::<Event, EventSlim>(include_str!("data/recorded/events.jsonl"), 100);
}

/// An object with all its fields, and what `kubectl get` prints of it.
#[derive(Deserialize)]
struct Printed {
    object: DynamicObject,
    yaml: String,
    json: String,
}

#[test]
fn text_of_objects() {
    let objects: Vec<Printed> = lines(include_str!("data/recorded/objects.jsonl"));
    assert!(objects.len() >= 100, "only {} objects", objects.len());
    let kinds: BTreeSet<_> =
        objects.iter().filter_map(|printed| printed.object.types.clone()).map(|types| types.kind).collect();
    assert!(kinds.len() >= 20, "only of kinds {kinds:?}");
    for Printed { object, yaml, json } in &objects {
        assert_eq!(&object.to_yaml().expect("yaml"), yaml);
        assert_eq!(&object.to_json().expect("json"), json);
    }
}
