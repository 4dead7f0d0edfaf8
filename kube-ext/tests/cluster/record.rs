//! Records objects of the current context's cluster with Kubernetes' own answers, as data for tests that need no
//! cluster: `cargo test -p kube-ext --test record`, then look at the change and commit it.
//!
//! `pods.jsonl` holds random pods, each with the cells of the server's table, and `nodes.jsonl`, `deployments.jsonl` and
//! `events.jsonl` hold such of these kinds; `objects.jsonl` holds objects of many
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
mod generate_kinds;
mod kubectl;
mod row;
mod support;
mod written_kinds;

use std::fs;
use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams};
use kube_ext::columns::Columns;
use kube_ext::pod::PodSlim;
use kube_ext::slim::{DeploymentSlim, EventSlim, NodeSlim};
use serde::de::DeserializeOwned;
use serde_json::json;

use cluster::Cluster;
use kubectl::{create_objects, kinds, kubectl};
use row::ServerRow;
use support::{TestNamespace, server_table};

const PODS: u64 = 400;
/// Nodes, deployments and events.
const OTHERS: u64 = 100;
/// How many objects of a kind: those of this run first, then by name.
const OBJECTS_OF_A_KIND: usize = 4;

/// Rows without what nobody reads, which is much of the size; and in how many we differ.
fn write_rows<K, V>(path: &Path, rows: &[ServerRow])
where
    K: Columns + DeserializeOwned,
    V: Columns + DeserializeOwned,
{
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let mut row = serde_json::to_value(row).expect("JSON");
            row["object"]["metadata"].as_object_mut().expect("metadata").remove("managedFields");
            row.to_string() + "\n"
        })
        .collect();
    fs::write(path, lines.concat()).expect("write");
    let different = rows.iter().filter(|row| row.difference::<K, V>().is_some()).count();
    println!("{}: {} rows; our own cells differ for {different}", path.display(), lines.len());
}

#[tokio::main]
async fn main() {
    let client = Cluster::connect().await.client;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded");
    fs::create_dir_all(&folder).expect("a folder");
    let namespace = TestNamespace::create(&client, "record").await;
    create_objects(&namespace, include_str!("objects.yaml")).await;
    namespace.write((0..PODS).map(generate::pod).collect()).await;

    let (_, rows) = server_table(&client, &format!("/api/v1/namespaces/{}/pods", namespace.name)).await;
    write_rows::<Pod, PodSlim>(&folder.join("pods.jsonl"), &rows);
    let rows = written_kinds::nodes(&client, 0..OTHERS).await;
    write_rows::<Node, NodeSlim>(&folder.join("nodes.jsonl"), &rows);
    let rows = written_kinds::deployments(&client, 0..OTHERS).await;
    write_rows::<Deployment, DeploymentSlim>(&folder.join("deployments.jsonl"), &rows);
    let rows = written_kinds::events(&client, 0..OTHERS).await;
    write_rows::<Event, EventSlim>(&folder.join("events.jsonl"), &rows);

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
