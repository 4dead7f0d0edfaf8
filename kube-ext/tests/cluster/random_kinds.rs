//! Random objects of kinds other than pods, written to the server: its own cells against ours, and against those of views.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::reflector::{self, ObjectRef, reflector};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use kube_ext::columns::Columns;
use kube_ext::slim::{DeploymentSlim, EventSlim, NodeSlim};
use kube_ext::store::{CompactStore, Raw, reflect};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::generate_kinds;
use crate::row::ServerRow;
use crate::support::{CONCURRENCY, TestNamespace, server_table};

const NODES: u64 = 500;
/// Fewer, for a controller makes their pods.
const DEPLOYMENTS: u64 = 200;
const EVENTS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// Seeds, the first of which is shown; `KUBE_EXT_TEST_SEED` sets it.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let seed = std::env::var("KUBE_EXT_TEST_SEED")
        .map_or_else(|_| fastrand::u64(..1 << 40), |seed| seed.parse().expect("a number"));
    println!("KUBE_EXT_TEST_SEED={seed}");
    seed..seed + count
}

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

/// The server's rows of objects that are the test's.
async fn rows<K: Columns>(client: &Client, path: &str, is_ours: impl Fn(&Value) -> bool) -> Vec<ServerRow> {
    let (columns, mut rows) = server_table(client, path).await;
    let ours: Vec<_> =
        K::columns().iter().map(|column| (column.name.to_owned(), i64::from(column.priority))).collect();
    assert_eq!(ours, columns);
    rows.retain(|row| is_ours(&row.object));
    rows
}

/// Rows are ours, and there are so many different ones in these columns at least: what was made is what was meant.
fn check<K, V>(rows: &[ServerRow], count: u64, variety: &[(&str, usize)])
where
    K: Columns + DeserializeOwned,
    V: Columns + DeserializeOwned,
{
    assert_eq!(rows.len() as u64, count);
    let different: Vec<_> = rows.iter().filter_map(ServerRow::difference::<K, V>).collect();
    assert!(different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.join("\n"));
    for (name, count) in variety {
        let at = K::columns().iter().position(|column| column.name == *name).expect(name);
        let cells: BTreeSet<_> = rows.iter().map(|row| &row.cells[at]).collect();
        assert!(cells.len() >= *count, "{name}: only {cells:?}");
    }
}

/// Random nodes of this test alone, which are gone in the end.
struct Nodes {
    api: Api<Node>,
    label: (&'static str, String),
    made: Vec<Value>,
}

impl Nodes {
    async fn create(client: &Client, count: u64) -> Self {
        let label = ("kube-ext-test", format!("nodes-{:x}", fastrand::u64(..)));
        let made: Vec<_> = seeds(count)
            .map(|seed| {
                let mut node = generate_kinds::node(seed);
                node["metadata"]["labels"][label.0] = label.1.clone().into();
                node
            })
            .collect();
        create(client, &Node::url_path(&(), None), &made).await;
        Self { api: Api::all(client.clone()), label, made }
    }

    fn selector(&self) -> String {
        format!("{}={}", self.label.0, self.label.1)
    }

    fn has(&self, node: &Value) -> bool {
        node["metadata"]["labels"][self.label.0] == *self.label.1
    }

    fn name(&self, number: usize) -> String {
        self.made[number]["metadata"]["name"].as_str().unwrap().to_owned()
    }

    async fn delete(self) {
        let ours = ListParams::default().labels(&self.selector());
        self.api.delete_collection(&DeleteParams::default(), &ours).await.expect("delete nodes");
    }
}

#[tokio::test]
async fn cells_of_nodes_equal_the_servers() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let nodes = Nodes::create(client, NODES).await;
    let rows = rows::<Node>(client, &Node::url_path(&(), None), |node| nodes.has(node)).await;
    nodes.delete().await;
    check::<Node, NodeSlim>(
        &rows,
        NODES,
        &[("Status", 6), ("Roles", 12), ("Internal-IP", 9), ("Kernel-Version", 12), ("Container-Runtime", 3)],
    );
}

#[tokio::test]
async fn cells_of_deployments_equal_the_servers() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let namespace = TestNamespace::create(client, "deployments").await;
    let (deployments, statuses): (Vec<_>, Vec<_>) =
        seeds(DEPLOYMENTS).map(generate_kinds::deployment).unzip();
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
    check::<Deployment, DeploymentSlim>(
        &rows,
        DEPLOYMENTS,
        &[("Ready", 4), ("Containers", 8), ("Images", 8), ("Selector", 100)],
    );
}

#[tokio::test]
async fn cells_of_events_equal_the_servers() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let namespace = TestNamespace::create(client, "events").await;
    let events: Vec<_> = seeds(EVENTS).map(|seed| generate_kinds::event(seed, &namespace.name)).collect();
    let path = Event::url_path(&(), Some(&namespace.name));
    create(client, &path, &events).await;
    // A controller may tell of the namespace, too.
    let is_ours = |event: &Value| event["metadata"]["name"].as_str().unwrap().starts_with("event-");
    let rows = rows::<Event>(client, &path, is_ours).await;
    namespace.delete().await;
    check::<Event, EventSlim>(
        &rows,
        EVENTS,
        &[
            ("Last Seen", 100),
            ("Type", 4),
            ("Object", 15),
            ("Subobject", 3),
            ("Source", 20),
            ("Message", 5),
            ("First Seen", 100),
            ("Count", 7),
        ],
    );
}

/// A kind without a namespace: gotten, listed, watched, and kept as rows, as views and whole.
#[tokio::test(flavor = "multi_thread")]
async fn views_of_nodes_in_all_stores() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let nodes = Nodes::create(client, 20).await;
    let views = Api::<NodeSlim>::all(client.clone());
    let view = views.get(&nodes.name(0)).await.unwrap();
    assert_eq!((view.meta.name(), view.meta.namespace()), (&*nodes.name(0), None));
    assert_eq!(view.meta.label(nodes.label.0), Some(&*nodes.label.1));
    assert_eq!(view.meta().namespace, None);

    let (store, writer) = reflector::store::<NodeSlim>();
    let ours = watcher::Config::default().labels(&nodes.selector());
    let events = watcher(views.clone(), ours).default_backoff();
    let kept = tokio::spawn(reflector(writer, events).for_each(async |_| ()));
    let (rows, writer) = CompactStore::<Node, NodeSlim>::builder()
        .index("cordoned", |node, key| key(if node.unschedulable { "yes" } else { "no" }))
        .rows_only()
        .build();
    let _rows = reflect(views.clone(), writer.views()).labels(&nodes.selector()).start();
    let (packed, writer) = CompactStore::<Node, NodeSlim>::builder().build();
    let raw = Api::<Raw<Node>>::all(client.clone());
    let _packed = reflect(raw, writer).labels(&nodes.selector()).start();

    let listed = views.list(&ListParams::default().labels(&nodes.selector())).await.unwrap();
    let cells = |node: &NodeSlim| (node.meta.name().to_owned(), node.cells()[1].clone());
    let expected: BTreeMap<_, _> = listed.iter().map(cells).collect();
    assert_eq!(expected.len(), 20);
    timeout(PATIENCE, store.wait_until_ready()).await.unwrap().unwrap();
    assert_eq!(store.state().iter().map(|node| cells(node)).collect::<BTreeMap<_, _>>(), expected);
    timeout(PATIENCE, async {
        while rows.len() < 20 || packed.len() < 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("all nodes");
    let mut shown = BTreeMap::new();
    rows.for_each_row(|namespace, name, node| {
        assert_eq!(namespace, None);
        shown.insert(name.to_owned(), node.cells()[1].clone());
    });
    assert_eq!(shown, expected);
    let cordoned = expected.values().filter(|status| status.ends_with(",SchedulingDisabled")).count();
    assert_eq!(rows.indexed("cordoned", "yes").unwrap().len(), cordoned);
    for name in expected.keys() {
        let key = ObjectRef::new(name);
        let whole = packed.get(&key).unwrap().expect("the node");
        assert_eq!((whole.metadata.name.as_ref(), &whole.cells()[1]), (Some(name), &expected[name]));
        assert_eq!(packed.row(&key).expect("its row").cells()[1], expected[name]);
    }
    kept.abort();
    nodes.delete().await;
}
