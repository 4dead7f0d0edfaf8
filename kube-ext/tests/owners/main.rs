//! Owners where things go wrong, on clusters inside the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod follow;
mod load;
mod pictures;
mod relations;
mod walk;

use kube::{Client, core::DynamicObject};
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};

/// A uid that says whose it is.
fn uid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A ConfigMap with a uid of its number, owned by those of other numbers.
fn map(number: usize, owners: &[usize]) -> DynamicObject {
    let reference = |owner: &usize| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": format!("map-{owner}"), "uid": uid(*owner), "controller": owners.first() == Some(owner)});
    object(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": format!("map-{number}"), "namespace": "default", "uid": uid(number),
            "ownerReferences": owners.iter().map(reference).collect::<Value>(),
        },
    }))
}

fn object(object: Value) -> DynamicObject {
    serde_json::from_value(object).unwrap()
}

async fn cluster(objects: Vec<DynamicObject>) -> (FakeCluster, Client) {
    let cluster = FakeCluster::builder().objects(objects).start().await.unwrap();
    let client = cluster.client().unwrap();
    (cluster, client)
}
