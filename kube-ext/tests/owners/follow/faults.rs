//! Watches and lists that fail, and what is asked for then.

use std::time::Duration;

use kube::api::DeleteParams;
use kube_ext::{
    fake::{Calls, FakeCluster, Fault, Rule},
    owners::{Builder, Flaw, OwnerGraph},
};
use serde_json::json;

use super::{
    super::{cluster, map, object},
    Follower, count, create, maps, patch,
};

fn of_maps(cluster: &FakeCluster) -> Builder {
    OwnerGraph::builder(cluster.client().unwrap()).kinds(["configmaps"])
}

fn watches() -> Calls {
    Calls::verb("watch").resource("configmaps")
}

fn lists() -> Calls {
    Calls::verb("list").resource("configmaps")
}

fn asked(cluster: &FakeCluster) -> (usize, usize) {
    (count(cluster, "list", "configmaps"), count(cluster, "watch", "configmaps"))
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_cut_goes_on_where_it_was() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let mut follower = Follower::new(of_maps(&cluster)).await;
    // More often than a watch is tried again in a row.
    for number in 1..8 {
        follower.until("a watch", |_| cluster.requests_open() > 0).await;
        cluster.faults().restart();
        cluster.until_no_requests().await;
        cluster.apply(&map(number, &[number - 1])).unwrap();
        follower.until_there("cm", &format!("map-{number}")).await;
    }
    maps(&client).delete("map-7", &DeleteParams::default()).await.unwrap();
    follower.until_gone("cm", "map-7").await;
    follower.until_equal(of_maps(&cluster)).await;
    let (lists, watches) = asked(&cluster);
    // The first one, and the one that it was held against.
    assert_eq!(lists, 2);
    assert!(watches >= 8, "{watches}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_cut_between_two_events() {
    let (cluster, _) = cluster(vec![map(0, &[])]).await;
    cluster.faults().add(watches().first(3), Fault::cut_after_events(2));
    cluster.faults().add(watches().nth(4), Fault::cut_after_events(1).cleanly());
    let mut follower = Follower::new(of_maps(&cluster)).await;
    for number in 1..20 {
        cluster.apply(&map(number, &[number - 1])).unwrap();
    }
    follower.until_there("cm", "map-19").await;
    follower.until_equal(of_maps(&cluster)).await;
    assert_eq!(follower.sorted_changes().len(), 19);
    assert_eq!(asked(&cluster).0, 2);
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_listed_once_more() {
    let (cluster, client) = cluster((0..3).map(|number| map(number, &[])).collect()).await;
    let mut follower = Follower::new(of_maps(&cluster).page_size(2)).await;
    follower.until_there("cm", "map-0").await;
    let away = cluster.faults().add(watches(), Fault::internal_error("it broke"));
    cluster.faults().restart();
    follower.until_gap("it broke").await;
    follower.changes.clear();

    // One is gone, one is another one by the same name, one is new, one has changed.
    let maps = maps(&client);
    maps.delete("map-0", &DeleteParams::default()).await.unwrap();
    maps.delete("map-1", &DeleteParams::default()).await.unwrap();
    create(&maps, json!({"metadata": {"name": "map-1"}})).await;
    create(&maps, json!({"metadata": {"name": "map-9"}})).await;
    patch(&maps, "map-2", &json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}]}})).await;
    cluster.faults().compact();
    let before = count(&cluster, "list", "configmaps");
    away.remove();
    follower.until_no_gaps().await;
    follower.until_there("cm", "map-9").await;
    follower.until_gone("cm", "map-0").await;
    // Two pages.
    assert_eq!(count(&cluster, "list", "configmaps") - before, 2);
    let words = [
        "+ configmaps default/map-1",
        "+ configmaps default/map-9",
        "- configmaps default/map-0",
        "- configmaps default/map-1",
        "~ configmaps default/map-2",
    ];
    assert_eq!(
        follower.changes.iter().filter(|it| it.contains("map-1")).collect::<Vec<_>>(),
        [words[3], words[0]]
    );
    assert_eq!(follower.sorted_changes(), words);
    follower.until_equal(of_maps(&cluster)).await;
}

#[tokio::test(start_paused = true)]
async fn it_does_not_ask_on_and_on_for_what_expires_each_time() {
    let (cluster, _) = cluster(vec![map(0, &[])]).await;
    let expired = cluster.faults().add(watches().first(6), Fault::expired());
    let mut follower = Follower::new(of_maps(&cluster)).await;
    let start = tokio::time::Instant::now();
    cluster.apply(&map(1, &[0])).unwrap();
    follower.until("six times", |_| expired.hits() == 6).await;
    follower.until("the last list", |_| asked(&cluster).0 == 7).await;
    follower.until_equal(of_maps(&cluster)).await;
    // Half a second, one, two, four, eight: by the clock that stands still else.
    assert!(start.elapsed() > Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(asked(&cluster).0, 8);
}

#[tokio::test(start_paused = true)]
async fn after_three_failures_all_is_listed_again() {
    for fault in [
        Fault::internal_error("it broke"),
        Fault::drop_connection(),
        Fault::cut_after_events(0),
        Fault::cut_after_events(0).cleanly(),
        Fault::text(502, "<html>bad gateway</html>"),
    ] {
        let (cluster, client) = cluster(vec![map(0, &[])]).await;
        // A connection that was dropped is tried twice more at once.
        let is_dropped = format!("{fault:?}").contains("Drop") && !format!("{fault:?}").contains("Cut");
        let times = if is_dropped { 12 } else { 4 };
        let failing = cluster.faults().add(watches().first(times), fault);
        let mut follower = Follower::new(of_maps(&cluster)).await;
        follower.until("it has failed", |_| failing.hits() == times).await;
        maps(&client).delete("map-0", &DeleteParams::default()).await.unwrap();
        follower.until_gone("cm", "map-0").await;
        follower.until_no_gaps().await;
        assert_eq!(asked(&cluster).0, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_a_gap_until_it_is_back() {
    let (cluster, _) = cluster(vec![map(0, &[]), map(1, &[0])]).await;
    let mut follower = Follower::new(of_maps(&cluster)).await;
    cluster.faults().shut_down().await;
    follower.until_gap("configmaps: not followed: ").await;
    follower.until_gap("configmaps: not listed: ").await;
    // What is known stays.
    assert_eq!(follower.told.len(), 2);
    assert_eq!(follower.sorted_changes(), [""; 0]);
    cluster.faults().start_again().await.unwrap();
    cluster.apply(&map(2, &[1])).unwrap();
    follower.until_equal(of_maps(&cluster)).await;
    assert_eq!(follower.sorted_changes(), ["+ configmaps default/map-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_when_all_is_listed_again() {
    for fault in [
        Fault::internal_error("it broke"),
        Fault::too_many_requests(Duration::from_secs(1)),
        Fault::cut_after_bytes(200),
        Fault::cut_after_bytes(200).cleanly(),
        Fault::drop_connection(),
        Fault::text(502, "<html>bad gateway</html>"),
    ] {
        let (cluster, client) = cluster((0..9).map(|number| map(number, &[])).collect()).await;
        let mut follower = Follower::new(of_maps(&cluster).page_size(4)).await;
        cluster.faults().add(watches().first(2), Fault::expired());
        // A first page, then a later one.
        let failing =
            [(0, 1), (2, 3)].map(|(from, to)| cluster.faults().add(lists().range(from..=to), fault.clone()));
        maps(&client).delete("map-3", &DeleteParams::default()).await.unwrap();
        cluster.faults().restart();
        follower.until("it has failed", |_| failing.iter().all(|it| it.hits() > 0)).await;
        follower.until_gone("cm", "map-3").await;
        follower.until_no_gaps().await;
        assert_eq!(follower.sorted_changes(), ["- configmaps default/map-3"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_listed_any_more_leaves_and_comes_back() {
    let secret = object(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default", "uid": super::super::uid(50)}}),
    );
    let mut owned = map(1, &[]);
    owned.metadata.owner_references = Some(vec![
        serde_json::from_value(
            json!({"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": super::super::uid(50)}),
        )
        .unwrap(),
    ]);
    let rule = |resources: &[&str]| Rule::verbs(["list", "watch"]).resources(resources.iter().copied());
    let cluster = FakeCluster::builder()
        .objects([secret, owned])
        .user("one", [rule(&["configmaps", "secrets"])])
        .start()
        .await
        .unwrap();
    let builder = |client| OwnerGraph::builder(client).kinds(["configmaps", "secrets"]);
    let mut follower = Follower::new(builder(cluster.client_as("one").unwrap())).await;
    let flaw = |graph: &OwnerGraph| {
        let owned = graph.find("cm", Some("default"), "map-1").unwrap();
        graph.owners(owned)[0].1.flaw()
    };
    assert_eq!(flaw(follower.graph()), None);

    cluster.set_rules("one", [rule(&["configmaps"])]);
    cluster.faults().restart();
    follower.until_gap("secrets: not listed: ").await;
    assert_eq!(follower.sorted_changes(), ["- secrets default/s"]);
    assert_eq!(flaw(follower.graph()), Some(Flaw::Unlisted));
    // It is one gap: what is not listed is not to be followed either.
    assert_eq!(follower.graph().gaps().len(), 1, "{:?}", follower.graph().gaps());

    cluster.set_rules("one", [rule(&["configmaps", "secrets"])]);
    follower.until_equal(builder(cluster.client().unwrap())).await;
    assert_eq!(follower.sorted_changes(), ["+ secrets default/s"]);
    assert_eq!(flaw(follower.graph()), None);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_listed_in_one_namespace_any_more() {
    let away = object(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "away", "namespace": "kube-system"}}),
    );
    let rule = Rule::verbs(["list", "watch"]).resources(["configmaps"]);
    let cluster = FakeCluster::builder()
        .objects([away, map(0, &[]), map(1, &[0])])
        .user("one", [rule.clone()])
        .start()
        .await
        .unwrap();
    let builder = |client| OwnerGraph::builder(client).kinds(["configmaps"]).page_size(1);
    let mut follower = Follower::new(builder(cluster.client_as("one").unwrap())).await;
    assert_eq!(follower.told.len(), 3);
    // Not before the second page.
    cluster.faults().add(watches().first(1), Fault::expired());
    cluster.faults().add(lists().range(2..), Fault::forbidden());
    let narrow = [rule.clone().namespace("default")];
    cluster.faults().restart();
    follower.until("gaps", |graph| !graph.gaps().is_empty()).await;
    cluster.faults().clear();
    cluster.set_rules("one", narrow);
    follower.until_gap("configmaps: not listed but for namespace default: ").await;
    follower.until_gone("cm", "away").await;
    assert_eq!(follower.told.len(), 2);
    cluster.apply(&map(2, &[])).unwrap();
    follower.until_there("cm", "map-2").await;

    // When the watch ends, after some minutes, it is seen that more is allowed.
    cluster.set_rules("one", [rule]);
    follower.until_equal(builder(cluster.client().unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_the_only_namespace_stays() {
    let rule = Rule::verbs(["list", "watch"]).resources(["configmaps"]).namespace("default");
    let cluster = FakeCluster::builder()
        .objects([map(0, &[]), map(1, &[0])])
        .user("one", [rule])
        .start()
        .await
        .unwrap();
    let builder = || OwnerGraph::builder(cluster.client_as("one").unwrap()).kinds(["configmaps"]);
    // Refused, and then it fails: that is a gap, and no reason to forget what is known.
    cluster.faults().add(lists().namespace("default").nth(2), Fault::internal_error("it broke"));
    let mut follower = Follower::new(builder()).await;
    assert_eq!(follower.told.len(), 2);
    cluster.faults().add(watches().first(1), Fault::expired());
    cluster.faults().restart();
    follower.until_gap("it broke").await;
    follower.until_gap("configmaps: not listed but for namespace default: ").await;
    assert_eq!(follower.sorted_changes(), [""; 0]);
    // Refused there as well, it says so of all of them.
    cluster.faults().add(lists().namespace("default"), Fault::forbidden());
    let graph = builder().load().await.unwrap();
    assert!(graph.gaps()[0].to_string().contains("at the cluster scope"), "{:?}", graph.gaps());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_watched_is_listed_again() {
    // By the verbs of its kind, or because the server says so.
    let status = object(json!({"apiVersion": "v1", "kind": "ComponentStatus", "metadata": {"name": "one"}}));
    let (cluster, client) = cluster(vec![map(0, &[]), status.clone()]).await;
    let not_allowed = Fault::status(405, "MethodNotAllowed", "the server does not allow this method");
    cluster.faults().add(watches(), not_allowed);
    let builder = OwnerGraph::builder(client.clone()).kinds(["configmaps", "componentstatuses"]);
    let mut follower = Follower::new(builder).await;
    follower.until_gap("does not allow").await;
    follower.until("lists", |_| count(&cluster, "list", "componentstatuses") > 2).await;
    cluster.apply(&map(1, &[0])).unwrap();
    follower.until_there("cm", "map-1").await;
    maps(&client).delete("map-1", &DeleteParams::default()).await.unwrap();
    follower.until_gone("cm", "map-1").await;
    assert_eq!(follower.sorted_changes(), ["+ configmaps default/map-1", "- configmaps default/map-1"]);
    assert_eq!(count(&cluster, "watch", "componentstatuses"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_comes_as_an_event_each_time() {
    // Nothing is known of what happened then.
    let (cluster, _) = cluster(vec![map(0, &[])]).await;
    let broken = cluster.faults().add(watches().first(4), Fault::cut_after_bytes(40).cleanly());
    let mut follower = Follower::new(of_maps(&cluster)).await;
    cluster.apply(&map(1, &[])).unwrap();
    follower.until("four times", |_| broken.hits() == 4).await;
    follower.until_equal(of_maps(&cluster)).await;
    assert_eq!(asked(&cluster).0, 3);
}
