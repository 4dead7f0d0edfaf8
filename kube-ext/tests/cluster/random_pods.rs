//! Thousands of random pods, written to the server with their status: its own cells against ours.

use k8s_openapi::api::core::v1::Pod;
use kube_ext::columns::Columns;
use kube_ext::pod::PodSlim;

use crate::cluster::Cluster;
use crate::generate;
use crate::row::ServerRow;
use crate::support::{TestNamespace, server_table};

/// How many pods; `KUBE_EXT_TEST_PODS` asks for more.
const PODS: u64 = 2_000;
/// So few at once that most of them are compared before a controller collects those whose node does not exist.
const BATCH: usize = 250;

#[tokio::test]
async fn cells_equal_the_servers() {
    let cluster = Cluster::connect().await;
    let client = &cluster.client;
    let count = std::env::var("KUBE_EXT_TEST_PODS").map_or(PODS, |count| count.parse().expect("a number"));
    let seed = std::env::var("KUBE_EXT_TEST_SEED")
        .map_or_else(|_| fastrand::u64(..1 << 40), |seed| seed.parse().expect("a number"));
    println!("KUBE_EXT_TEST_SEED={seed}");

    let ours: Vec<_> =
        Pod::columns().iter().map(|column| (column.name.to_owned(), i64::from(column.priority))).collect();
    let (mut compared, mut different) = (0, Vec::new());
    // Those that a controller has collected before they were listed are made up for.
    for batch in (seed..seed + 4 * count).step_by(BATCH) {
        if compared >= count {
            break;
        }
        let batch = batch..batch + BATCH as u64;
        let namespace = TestNamespace::create(client, "random").await;
        namespace.write(batch.map(generate::pod).collect()).await;
        let (columns, rows) =
            server_table(client, &format!("/api/v1/namespaces/{}/pods", namespace.name)).await;
        namespace.delete().await;
        assert_eq!(ours, columns);
        compared += rows.len() as u64;
        different.extend(rows.iter().filter_map(ServerRow::difference::<Pod, PodSlim>));
    }
    assert!(compared >= count, "{compared} of {count}");
    assert!(
        different.is_empty(),
        "{} of {compared} pods differ (seed {seed}):\n{}",
        different.len(),
        different.join("\n")
    );
}
