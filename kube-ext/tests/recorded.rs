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

use k8s_openapi::api::core::v1::Pod;
use kube::api::DynamicObject;
use kube_ext::pod::PodSlim;
use kube_ext::yaml::Yaml;
use serde::Deserialize;

use row::ServerRow;

fn lines<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn cells_of_pods() {
    let rows: Vec<ServerRow> = lines(include_str!("data/recorded/pods.jsonl"));
    assert!(rows.len() >= 300, "only {} pods", rows.len());
    let different: Vec<_> = rows.iter().filter_map(ServerRow::difference::<Pod, PodSlim>).collect();
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
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
