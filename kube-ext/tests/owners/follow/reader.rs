//! How changes are read: slowly, not at all, by half.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use kube::api::{DeleteParams, ListParams};
use kube_ext::{
    fake::FakeCluster,
    health::Status,
    owners::{Builder, Change, OwnerGraph, Relation},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    super::{cluster, map, object, uid},
    Follower, PATIENCE, count, create, listed, maps, patch, picture,
};

fn of_maps(cluster: &FakeCluster) -> Builder {
    OwnerGraph::builder(cluster.client().unwrap()).kinds(["configmaps"])
}

#[tokio::test(start_paused = true)]
async fn what_nobody_sees_is_not_said() {
    let (cluster, client) = cluster(vec![map(0, &[]), map(1, &[0])]).await;
    let mut follower = Follower::new(of_maps(&cluster)).await;
    let maps = maps(&client);
    for what in [
        json!({"metadata": {"annotations": {"a": "b"}}}),
        json!({"metadata": {"labels": {"a": "b"}}}),
        json!({"data": {"a": "b"}}),
    ] {
        patch(&maps, "map-1", &what).await;
    }
    create(&maps, json!({"metadata": {"name": "last"}})).await;
    follower.until_there("cm", "last").await;
    assert_eq!(follower.sorted_changes(), ["+ configmaps default/last"]);
    patch(&maps, "map-1", &json!({"metadata": {"finalizers": ["kube-ext.local/held"]}})).await;
    maps.delete("map-1", &DeleteParams::default()).await.unwrap();
    follower
        .until("deleting", |graph| graph[graph.find("cm", Some("default"), "map-1").unwrap()].is_deleting())
        .await;
    patch(&maps, "map-1", &json!({"metadata": {"ownerReferences": null}})).await;
    follower
        .until("no owner", |graph| {
            graph.owners(graph.find("cm", Some("default"), "map-1").unwrap()).is_empty()
        })
        .await;
    patch(&maps, "map-1", &json!({"metadata": {"finalizers": null}})).await;
    follower.until_gone("cm", "map-1").await;
    assert_eq!(
        follower.sorted_changes(),
        ["- configmaps default/map-1", "~ configmaps default/map-1", "~ configmaps default/map-1"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_another_one_is_said() {
    let pod = |phase: &str, labels: Value, ready: &str| {
        object(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default", "uid": uid(1), "labels": labels},
            "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
        }))
    };
    let (cluster, client) = cluster(vec![pod("Pending", json!({}), "False")]).await;
    let builder = OwnerGraph::builder(client.clone()).kinds(["pods", "configmaps"]).status();
    let mut follower = Follower::new(builder).await;
    let health = |graph: &OwnerGraph| {
        let status = graph[graph.find("po", Some("default"), "web").unwrap()].status().unwrap();
        (status.text().unwrap().to_owned(), status.health())
    };
    assert_eq!(health(follower.graph()), ("Pending".to_owned(), Status::InProgress));
    cluster.apply(&pod("Pending", json!({"a": "b"}), "False")).unwrap();
    cluster.apply(&pod("Running", json!({"a": "b"}), "True")).unwrap();
    follower.until("running", |graph| health(graph) == ("Running".to_owned(), Status::Current)).await;
    create(&maps(&client), json!({"metadata": {"name": "last"}})).await;
    follower.until_there("cm", "last").await;
    assert_eq!(follower.sorted_changes(), ["+ configmaps default/last", "~ pods default/web"]);
}

#[tokio::test(start_paused = true)]
async fn what_has_been_created_again_is_deleted_and_added() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let mut follower = Follower::new(of_maps(&cluster)).await;
    maps(&client).delete("map-0", &DeleteParams::default()).await.unwrap();
    create(&maps(&client), json!({"metadata": {"name": "map-0"}})).await;
    create(&maps(&client), json!({"metadata": {"name": "last"}})).await;
    follower.until_there("cm", "last").await;
    assert_eq!(
        follower.changes,
        ["- configmaps default/map-0", "+ configmaps default/map-0", "+ configmaps default/last"]
    );
}

#[tokio::test]
async fn a_future_that_is_dropped_loses_nothing() {
    let (cluster, _) = cluster((0..10).map(|number| map(number, &[])).collect()).await;
    let mut follow = of_maps(&cluster).load().await.unwrap().follow();
    for number in 10..60 {
        cluster.apply(&map(number, &[number - 10])).unwrap();
    }
    let mut added = 0;
    let all = async {
        while added < 50 {
            // A future of its own each time.
            match follow.next().now_or_never() {
                Some(Some(Change::Added(_))) => added += 1,
                Some(change) => panic!("{change:?}"),
                None => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, all).await.unwrap();
    let fresh = of_maps(&cluster).load().await.unwrap();
    assert_eq!(picture(follow.graph()), picture(&fresh));
    assert_eq!(count(&cluster, "list", "configmaps"), 2);
}

#[tokio::test]
async fn who_is_dropped_leaves_no_request() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let mut follow = OwnerGraph::builder(client.clone()).load().await.unwrap().follow();
    cluster.apply(&map(1, &[0])).unwrap();
    assert!(matches!(timeout(PATIENCE, follow.next()).await.unwrap(), Some(Change::Added(_))));
    // All that it watches.
    let open = async {
        while cluster.requests_open() < 20 {
            let _ = follow.next().now_or_never();
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, open).await.unwrap();
    drop(follow);
    timeout(PATIENCE, cluster.until_no_requests()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_misses_nothing() {
    let (cluster, _) = cluster((0..10).map(|number| map(number, &[])).collect()).await;
    let mut follower = Follower::new(of_maps(&cluster)).await;
    cluster.apply(&map(10, &[])).unwrap();
    follower.until_there("cm", "map-10").await;
    // A watch is open, and nobody reads from it; until the server has no memory of what it has sent.
    for number in 11..5000 {
        cluster.apply(&map(number, &[number % 10])).unwrap();
        if number == 2500 {
            cluster.faults().compact();
        }
    }
    follower.until("all of it", |graph| graph.as_petgraph().node_count() == 5000).await;
    let fresh = of_maps(&cluster).load().await.unwrap();
    assert_eq!(picture(follower.graph()), picture(&fresh));
    assert_eq!(follower.told, listed(&fresh));
}

#[tokio::test(start_paused = true)]
async fn when_all_is_gone_nothing_is_left() {
    let space = "many";
    let owner = |number: usize| json!([{"apiVersion": "v1", "kind": "ServiceAccount", "name": "a", "uid": uid(number)}]);
    let pod = |number: usize| {
        object(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("p-{number}"), "namespace": space, "labels": {"app": "web"}, "ownerReferences": owner(number % 3)},
            "spec": {"serviceAccountName": "a", "nodeName": "n", "containers": [{"name": "c", "image": "c"}]},
        }))
    };
    let others = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "namespace": space, "uid": uid(0)}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b", "namespace": space}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}),
    ];
    let (cluster, client) = cluster(others.into_iter().map(object).collect()).await;
    let builder = OwnerGraph::builder(client.clone())
        .namespace(space)
        .kinds(["pods", "sa", "pdb"])
        .relations(Relation::all());
    let mut follower = Follower::new(builder.clone()).await;
    for number in 0..300 {
        cluster.apply(&pod(number)).unwrap();
    }
    follower.until("pods", |graph| graph.find("pod", Some(space), "p-299").is_some()).await;
    follower.until_equal(builder).await;
    let pods = super::api(&client, "v1", "Pod", "pods", Some(space));
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete_collection(&now, &ListParams::default()).await.unwrap();
    let namespaces = super::api(&client, "v1", "Namespace", "namespaces", None);
    namespaces.delete(space, &DeleteParams::default()).await.unwrap();
    follower.until("nothing", |graph| graph.as_petgraph().node_count() == 0).await;
    assert_eq!(follower.graph().as_petgraph().edge_count(), 0);
}

#[tokio::test]
async fn a_graph_that_nobody_has_loaded_has_no_changes() {
    let mut follow = OwnerGraph::default().follow();
    assert_eq!(timeout(Duration::from_secs(60), follow.next()).await.unwrap(), None);
}
