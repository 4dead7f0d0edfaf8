//! Records objects of the current context's cluster with Kubernetes' own answers, as data for tests that need no
//! cluster: `cargo test -p kube-ext --test record`, then look at the change and commit it.
//!
//! `pods.jsonl` holds random pods, each with the cells of the server's table; `objects.jsonl` holds objects of many
//! kinds, each with the text that kubectl prints of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod cluster;
mod generate;
mod kubectl;
mod row;
mod support;

use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams};
use kube_ext::pod::PodSlim;
use serde_json::json;

use cluster::Cluster;
use kubectl::{create_objects, kinds, kubectl};
use support::{TestNamespace, server_table};

const PODS: u64 = 400;
/// How many objects of a kind: those of this run first, then by name.
const OBJECTS_OF_A_KIND: usize = 4;

#[tokio::main]
async fn main() {
    let client = Cluster::connect().await.client;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded");
    fs::create_dir_all(&folder).expect("a folder");
    let namespace = TestNamespace::create(&client, "record").await;
    create_objects(&namespace, include_str!("objects.yaml")).await;
    namespace.write((0..PODS).map(generate::pod).collect()).await;

    let (_, rows) = server_table(&client, &format!("/api/v1/namespaces/{}/pods", namespace.name)).await;
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let mut row = serde_json::to_value(row).expect("JSON");
            // Nobody reads these, and they are much of the size.
            row["object"]["metadata"].as_object_mut().expect("metadata").remove("managedFields");
            row.to_string() + "\n"
        })
        .collect();
    fs::write(folder.join("pods.jsonl"), lines.concat()).expect("write");
    let different = rows.iter().filter(|row| row.difference::<Pod, PodSlim>().is_some()).count();
    println!("{} pods; our own cells differ for {different}", lines.len());

    let mut lines = Vec::new();
    for (resource, _) in kinds(&client).await {
        // These describe the machine it runs on.
        if matches!(resource.kind.as_str(), "Node" | "CSINode") {
            continue;
        }
        let plural = format!("{}.{}.{}", resource.plural, resource.version, resource.group);
        let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let mut objects = all.list(&ListParams::default()).await.expect("list").items;
        // Those of this run first: they are the varied ones.
        objects
            .sort_by_key(|object| (object.namespace().as_ref() != Some(&namespace.name), object.name_any()));
        for object in objects.into_iter().take(OBJECTS_OF_A_KIND) {
            let (name, scope) = (object.name_any(), object.namespace());
            let get = |options: &[&str]| {
                let mut arguments = vec!["get", plural.as_str(), name.as_str()];
                arguments.extend(scope.iter().flat_map(|scope| ["-n", scope]));
                arguments.extend(options);
                kubectl(&arguments)
            };
            let whole = ["-o", "json", "--show-managed-fields"];
            let (before, yaml, json, after) =
                (get(&whole), get(&["-o", "yaml"]), get(&["-o", "json"]), get(&whole));
            if before == after {
                let object: serde_json::Value = serde_json::from_str(&after).expect("JSON");
                lines.push(json!({"object": object, "yaml": yaml, "json": json}).to_string() + "\n");
            }
        }
    }
    fs::write(folder.join("objects.jsonl"), lines.concat()).expect("write");
    println!("{} objects", lines.len());
    namespace.delete().await;
}
