//! Watches that fail.

use std::{cell::Cell, time::Duration};

use kube_ext::{
    fake::{FakeCluster, Fault},
    store::reflect::{Cause, Lists},
};
use serde_json::json;

use super::{
    calls, cluster, create, delete, names, ready, settings, start, states_until, until, until_names,
    until_state, words,
};

/// A server that restarts costs nothing: the watch goes on from where it was.
#[tokio::test]
async fn a_watch_goes_on_from_where_it_was() {
    let (cluster, api) = cluster(&["a"]).await;
    let (store, _, reflection) = start(api);
    ready(&reflection).await;
    let mut count = 0;
    while reflection.counts().watches < 6 {
        cluster.faults().restart();
        create(&cluster, &format!("map-{count}"));
        count += 1;
        until("the new one", || store.len() == 1 + count).await;
    }
    assert_eq!(reflection.counts().lists, 1);
}

/// The states in their order: live, stale with the error, and live again without an event.
#[tokio::test]
async fn a_watch_that_fails_and_begins_again() {
    let (cluster, api) = cluster(&["a"]).await;
    let (_, told, reflection) = start(api);
    ready(&reflection).await;
    let mut changes = reflection.changes();
    let fault = cluster.faults().add(calls("watch"), Fault::forbidden());
    cluster.faults().restart();
    let forbidden = "stale: watch configmaps in namespace default: configmaps is forbidden";
    let states = states_until(&mut changes, |state| state.starts_with(forbidden)).await;
    assert_eq!(states[0], "live");
    assert!(states[1..].iter().all(|state| state.starts_with("stale: watch ")), "{states:?}");
    until("some tries", || told.errors().len() > 3).await;
    fault.remove();
    let states = states_until(&mut changes, |state| state == "live").await;
    assert!(states.iter().rev().skip(1).all(|state| state.starts_with(forbidden)), "{states:?}");
    assert_eq!(reflection.counts().events, 0);
    assert_eq!(reflection.counts().lists, 1);
}

/// How long it has been stale does not begin anew with each error.
#[tokio::test]
async fn stale_since() {
    let (cluster, api) = cluster(&["a"]).await;
    let (_, told, reflection) = start(api);
    ready(&reflection).await;
    cluster.faults().add(calls("watch"), Fault::forbidden());
    cluster.faults().restart();
    until_state(&reflection, "stale").await;
    let since = || match reflection.state() {
        kube_ext::store::reflect::State::Stale { since, .. } => since,
        state => panic!("{state:?}"),
    };
    let (first, count) = (since(), told.errors().len());
    until("more errors", || told.errors().len() > count + 2).await;
    assert_eq!(since(), first);
}

/// What was deleted while nobody watched, and forgotten, is gone.
#[tokio::test]
async fn listed_again_after_a_410() {
    for lists in [Lists::Auto, Lists::Paged] {
        let (cluster, api) = cluster(&["a", "b", "c"]).await;
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(lists).page_size(1).start();
        ready(&reflection).await;
        until("a watch", || reflection.counts().watches == 1).await;
        let closed = cluster.faults().add(calls("watch"), Fault::forbidden());
        cluster.faults().restart();
        until_state(&reflection, "stale").await;
        delete(&cluster, "b").await;
        create(&cluster, "d");
        cluster.faults().compact();
        assert_eq!(names(&store), ["a", "b", "c"]);
        closed.remove();
        until_names(&store, &["a", "c", "d"]).await;
        until_state(&reflection, "live").await;
        assert!(told.errors().iter().any(|error| error.contains("too old")), "{:?}", told.errors());
        assert_eq!((reflection.counts().lists, reflection.counts().events), (2, 0));
    }
}

/// An answer 410, as proxies and other servers than Kubernetes' have it, lists again as the event does.
#[tokio::test]
async fn a_410_that_is_no_event() {
    let (cluster, api) = cluster(&["a", "b"]).await;
    let (store, _, reflection) = start(api);
    ready(&reflection).await;
    cluster.faults().add(calls("watch").first(1), Fault::status(410, "Expired", "gone"));
    cluster.faults().compact();
    cluster.faults().restart();
    delete(&cluster, "a").await;
    until_names(&store, &["b"]).await;
    until("a list", || reflection.counts().lists == 2).await;
}

/// A connection that says nothing any more is given up, and the watch goes on.
#[tokio::test]
async fn a_connection_that_died_without_a_word() {
    let (cluster, api) = cluster(&["a"]).await;
    // The list and its end, and then nothing; nor from the watch after it.
    cluster.faults().add(calls("watch").nth(1), Fault::cut_after_events(2).stalling());
    cluster.faults().add(calls("watch").nth(2), Fault::stall());
    let (store, told, reflect) = settings(api);
    let reflection = reflect.timeout(Duration::from_millis(1)).start();
    ready(&reflection).await;
    create(&cluster, "b");
    assert_eq!(words(&reflection.state()), "live");
    until_names(&store, &["a", "b"]).await;
    let errors = told.errors();
    assert_eq!(errors, ["watch configmaps in namespace default: the server has said nothing for 6s"]);
    assert_eq!(reflection.counts().lists, 1);
    assert!(matches!(reflection.last_error().unwrap().cause(), Cause::Silent(_)));
}

/// So is a page that never comes, and a watch that is never answered.
#[tokio::test]
async fn requests_that_are_never_answered() {
    let (cluster, api) = cluster(&["a"]).await;
    cluster.faults().add(calls("list").nth(1), Fault::hang());
    cluster.faults().add(calls("watch").nth(1), Fault::hang());
    let (_, told, reflect) = settings(api);
    let reflection = reflect.lists(Lists::Paged).timeout(Duration::from_secs(1)).start();
    ready(&reflection).await;
    until("a watch", || reflection.counts().watches == 1).await;
    let silence = "configmaps in namespace default: the server has said nothing for 6s";
    assert_eq!(told.errors(), [format!("list {silence}"), format!("watch {silence}")]);
}

/// The server ends a watch in good order now and then: that is no error.
#[tokio::test]
async fn watches_that_end_in_good_order() {
    let (cluster, api) = cluster(&["a"]).await;
    let (store, told, reflect) = settings(api);
    let reflection = reflect.timeout(Duration::from_secs(1)).start();
    ready(&reflection).await;
    until("some watches", || reflection.counts().watches > 2).await;
    create(&cluster, "b");
    until_names(&store, &["a", "b"]).await;
    assert_eq!((told.errors().len(), reflection.counts().lists), (0, 1));
    assert_eq!(words(&reflection.state()), "live");
    let asked = cluster.requests();
    let mut asked = asked.iter().filter(|it| it.user == "watcher").map(|it| it.param("timeoutSeconds"));
    // A list takes as long as it takes.
    assert_eq!(asked.next().flatten().as_deref(), Some("290"));
    assert!(asked.all(|seconds| seconds.as_deref() == Some("1")));
}

/// Watches that end at once are not asked for in a hurry, and are told.
#[tokio::test]
async fn watches_that_end_at_once() {
    let (cluster, api) = cluster(&["a"]).await;
    let (_, told, reflection) = start(api);
    ready(&reflection).await;
    let fault = cluster.faults().add(calls("watch"), Fault::cut_after_bytes(0).cleanly());
    cluster.faults().restart();
    until("some tries", || fault.hits() > 3).await;
    until("as many errors", || told.errors().len() > 3).await;
    assert!(
        told.errors().iter().any(|error| error.ends_with("it ended at once, without a word")),
        "{:?}",
        told.errors()
    );
    fault.remove();
    until_state(&reflection, "live").await;
}

/// Bookmarks count as words of the server, and the watch goes on from them.
#[tokio::test]
async fn bookmarks() {
    let builder = FakeCluster::builder().bookmarks(Duration::from_millis(20));
    let cluster = builder.user("watcher", [kube_ext::fake::Rule::everything()]).start().await.unwrap();
    let api = kube::Api::namespaced(cluster.client_as("watcher").unwrap(), "default");
    let (store, _, reflection) = start(api);
    ready(&reflection).await;
    // Nothing of ours happens.
    cluster.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}})).unwrap();
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "x"}});
    let other = cluster.apply(&other).unwrap();
    let version: u64 = other["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    // The first may have been on its way.
    for _ in 0..2 {
        let last = Cell::new(Duration::ZERO);
        until("a bookmark", || {
            let staleness = reflection.staleness().unwrap();
            last.replace(staleness) > staleness
        })
        .await;
    }
    cluster.faults().restart();
    until("a second watch", || reflection.counts().watches == 2).await;
    let asked = cluster.requests();
    let last = asked.iter().rfind(|it| it.user == "watcher").unwrap();
    let from: u64 = last.param("resourceVersion").unwrap().parse().unwrap();
    assert!(from >= version, "{from} {version}");
    assert!(store.is_empty());
    assert_eq!(reflection.counts().events, 0);
}
