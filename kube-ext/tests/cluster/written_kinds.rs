//! Random objects of kinds other than pods, written to a server, and its rows of them.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, Resource};
use kube_ext::columns::Columns;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::generate_kinds;
use crate::row::ServerRow;
use crate::support::{CONCURRENCY, TestNamespace, server_table};

const PATIENCE: Duration = Duration::from_secs(300);

/// Creates objects as they are written here.
async fn create(client: &Client, path: &str, objects: &[Value]) {
    let created = stream::iter(objects).map(Ok).try_for_each_concurrent(CONCURRENCY, async |object| {
        let request = http::Request::post(path)
            .header("Content-Type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        let created = client.request::<Value>(request).await;
        created.map(drop).map_err(|error| format!("{error}\n{object}"))
    });
    created.await.expect("create");
}

/// The server's rows of objects that are ours.
async fn rows<K: Columns>(client: &Client, path: &str, is_ours: impl Fn(&Value) -> bool) -> Vec<ServerRow> {
    let (columns, mut rows) = server_table(client, path).await;
    let ours: Vec<_> =
        K::columns().iter().map(|column| (column.name.to_owned(), i64::from(column.priority))).collect();
    assert_eq!(ours, columns);
    rows.retain(|row| is_ours(&row.object));
    rows
}

/// Random nodes that are nobody else's, until they are deleted.
pub(crate) struct Nodes {
    client: Client,
    label: (&'static str, String),
}

impl Nodes {
    pub(crate) async fn create(client: &Client, seeds: impl Iterator<Item = u64>) -> Self {
        let label = ("kube-ext-test", format!("nodes-{:x}", fastrand::u64(..)));
        let nodes = seeds.map(|seed| {
            let mut node = generate_kinds::node(seed);
            node["metadata"]["labels"][label.0] = label.1.clone().into();
            node
        });
        create(client, &Node::url_path(&(), None), &nodes.collect::<Vec<_>>()).await;
        Self { client: client.clone(), label }
    }

    pub(crate) fn selector(&self) -> String {
        format!("{}={}", self.label.0, self.label.1)
    }

    pub(crate) async fn delete(self) {
        let ours = ListParams::default().labels(&self.selector());
        let nodes = Api::<Node>::all(self.client);
        // A busy server takes longer over so many than it gives an answer time.
        let since = Instant::now();
        while let Err(error) = nodes.delete_collection(&DeleteParams::default(), &ours).await {
            assert!(since.elapsed() < PATIENCE, "delete nodes: {error}");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

pub(crate) async fn nodes(client: &Client, seeds: impl Iterator<Item = u64>) -> Vec<ServerRow> {
    let nodes = Nodes::create(client, seeds).await;
    let (name, value) = &nodes.label;
    let is_ours = |node: &Value| node["metadata"]["labels"][name] == **value;
    let rows = rows::<Node>(client, &Node::url_path(&(), None), is_ours).await;
    nodes.delete().await;
    rows
}

pub(crate) async fn deployments(client: &Client, seeds: impl Iterator<Item = u64>) -> Vec<ServerRow> {
    let namespace = TestNamespace::create(client, "deployments").await;
    let (deployments, statuses): (Vec<_>, Vec<_>) = seeds.map(generate_kinds::deployment).unzip();
    let path = Deployment::url_path(&(), Some(&namespace.name));
    create(client, &path, &deployments).await;
    let api = Api::<Deployment>::namespaced(client.clone(), &namespace.name);
    let patched = stream::iter(deployments.iter().zip(statuses)).map(Ok);
    let patched = patched.try_for_each_concurrent(CONCURRENCY, async |(deployment, status)| {
        let name = deployment["metadata"]["name"].as_str().unwrap();
        let change = Patch::Merge(json!({"status": status}));
        let patched = api.patch_status(name, &PatchParams::default(), &change).await;
        patched.map(drop).map_err(|error| format!("{error}\n{change:?}"))
    });
    patched.await.expect("patch");
    let rows = rows::<Deployment>(client, &path, |_| true).await;
    namespace.delete().await;
    rows
}

pub(crate) async fn events(client: &Client, seeds: impl Iterator<Item = u64>) -> Vec<ServerRow> {
    let namespace = TestNamespace::create(client, "events").await;
    let events: Vec<_> = seeds.map(|seed| generate_kinds::event(seed, &namespace.name)).collect();
    let path = Event::url_path(&(), Some(&namespace.name));
    create(client, &path, &events).await;
    // A controller may tell of the namespace, too.
    let is_ours = |event: &Value| event["metadata"]["name"].as_str().unwrap().starts_with("event-");
    let rows = rows::<Event>(client, &path, is_ours).await;
    namespace.delete().await;
    rows
}
