//! Random objects of kinds other than pods, written to the server: its own cells against ours, and against those of views.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Node};
use kube::api::ListParams;
use kube::runtime::reflector::{self, ObjectRef, reflector};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use kube_ext::columns::Columns;
use kube_ext::slim::{DeploymentSlim, EventSlim, NodeSlim};
use kube_ext::store::{CompactStore, Raw, reflect};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::row::ServerRow;
use crate::written_kinds::{Nodes, deployments, events, nodes};

const NODES: u64 = 500;
/// Fewer, for a controller makes their pods.
const DEPLOYMENTS: u64 = 200;
const EVENTS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(300);

/// Seeds, the first of which is shown; `KUBE_EXT_TEST_SEED` sets it.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let seed = std::env::var("KUBE_EXT_TEST_SEED")
        .map_or_else(|_| fastrand::u64(..1 << 40), |seed| seed.parse().expect("a number"));
    println!("KUBE_EXT_TEST_SEED={seed}");
    seed..seed + count
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

#[tokio::test]
async fn cells_of_nodes_equal_the_servers() {
    let cluster = Cluster::connect().await;
    check::<Node, NodeSlim>(
        &nodes(&cluster.client, seeds(NODES)).await,
        NODES,
        &[("Status", 6), ("Roles", 12), ("Internal-IP", 9), ("Kernel-Version", 12), ("Container-Runtime", 3)],
    );
}

#[tokio::test]
async fn cells_of_deployments_equal_the_servers() {
    let cluster = Cluster::connect().await;
    check::<Deployment, DeploymentSlim>(
        &deployments(&cluster.client, seeds(DEPLOYMENTS)).await,
        DEPLOYMENTS,
        &[("Ready", 4), ("Containers", 8), ("Images", 8), ("Selector", 100)],
    );
}

#[tokio::test]
async fn cells_of_events_equal_the_servers() {
    let cluster = Cluster::connect().await;
    check::<Event, EventSlim>(
        &events(&cluster.client, seeds(EVENTS)).await,
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

/// Of a node, what no controller changes: its roles, and whether it is cordoned.
fn lasting(node: &impl Columns) -> (String, bool) {
    let cells = node.cells();
    (cells[2].clone(), cells[1].ends_with(",SchedulingDisabled"))
}

/// A kind without a namespace: gotten, listed, watched, and kept as rows, as views and whole.
#[tokio::test(flavor = "multi_thread")]
async fn views_of_nodes_in_all_stores() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let nodes = Nodes::create(client, seeds(20)).await;
    let views = Api::<NodeSlim>::all(client.clone());
    let listed = views.list(&ListParams::default().labels(&nodes.selector())).await.unwrap();
    let expected: BTreeMap<_, _> =
        listed.iter().map(|node| (node.meta.name().to_owned(), lasting(node))).collect();
    assert_eq!(expected.len(), 20);
    let name = expected.keys().next().unwrap();
    let view = views.get(name).await.unwrap();
    assert_eq!(
        (view.meta.name(), view.meta.namespace(), view.meta().namespace.as_ref()),
        (&**name, None, None)
    );
    assert_eq!(view.meta.label("kube-ext-test"), nodes.selector().strip_prefix("kube-ext-test="));

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

    timeout(PATIENCE, store.wait_until_ready()).await.unwrap().unwrap();
    assert_eq!(
        store
            .state()
            .iter()
            .map(|node| (node.meta.name().to_owned(), lasting(&**node)))
            .collect::<BTreeMap<_, _>>(),
        expected
    );
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
        shown.insert(name.to_owned(), lasting(node));
    });
    assert_eq!(shown, expected);
    let cordoned = expected.values().filter(|(_, is_cordoned)| *is_cordoned).count();
    assert_eq!(rows.indexed("cordoned", "yes").unwrap().len(), cordoned);
    for name in expected.keys() {
        let key = ObjectRef::new(name);
        let whole = packed.get(&key).unwrap().expect("the node");
        assert_eq!((whole.metadata.name.as_ref(), lasting(&*whole)), (Some(name), expected[name].clone()));
        assert_eq!(lasting(&packed.row(&key).expect("its row")), expected[name]);
    }
    kept.abort();
    nodes.delete().await;
}
