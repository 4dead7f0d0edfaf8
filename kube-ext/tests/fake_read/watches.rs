//! Watches: from where they start, what they say, and how they end.
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::{
    api::core::v1::ConfigMap, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};

use crate::ask::{TABLE, ask, brief, config_map, get, next, rest, watch, watch_as, widget, widgets};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn with_maps(names: &[&str]) -> FakeCluster {
    let maps = names.iter().map(|name| config_map("default", name, json!({})));
    FakeCluster::builder().objects(maps).start().await.unwrap()
}

fn apply(cluster: &FakeCluster, namespace: &str, name: &str, labels: Value) -> String {
    let map: ConfigMap = serde_json::from_value(config_map(namespace, name, labels)).unwrap();
    cluster.apply(&map).unwrap().resource_version().unwrap()
}

async fn version(client: &Client) -> String {
    get(client, MAPS).await["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_watch_starts_with_what_is_there_or_after_a_version() {
    let cluster = with_maps(&["a", "b"]).await;
    let client = cluster.client().unwrap();
    let start = version(&client).await;
    for query in ["", "&resourceVersion=0", "&resourceVersion="] {
        let events = rest(watch(&client, &format!("{MAPS}?watch=1&timeoutSeconds=1{query}")).await).await;
        let seen: Vec<_> = events.iter().map(|event| brief(event).0).collect();
        assert_eq!(seen, ["ADDED", "ADDED"], "{query}");
    }
    let changed = apply(&cluster, "default", "a", json!({"x": "y"}));
    apply(&cluster, "kube-system", "elsewhere", json!({}));
    Api::<ConfigMap>::default_namespaced(client.clone()).delete("b", &DeleteParams::default()).await.unwrap();
    let deleted = version(&client).await;
    let since = format!("{MAPS}?watch=true&timeoutSeconds=1&resourceVersion={start}");
    let events = rest(watch(&client, &since).await).await;
    let seen: Vec<_> = events.iter().map(brief).collect();
    assert_eq!(seen, [("MODIFIED", "a", changed.as_str()), ("DELETED", "b", deleted.as_str())]);
    assert_eq!(events[1]["object"]["data"], json!({"key": "value"}));
    assert_eq!(events[0]["object"]["kind"], "ConfigMap");
}

/// Of what is not selected nothing is seen: it comes when it is, and goes when it no longer is.
#[tokio::test]
async fn objects_come_and_go_with_their_labels() {
    let cluster = with_maps(&["a"]).await;
    let client = cluster.client().unwrap();
    let start = version(&client).await;
    let labels = ["no", "yes", "yes", "no", "yes"];
    let versions = labels.map(|label| apply(&cluster, "default", "a", json!({"in": label})));
    let maps = Api::<ConfigMap>::default_namespaced(client.clone());
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    let deleted = version(&client).await;
    let path = format!("{MAPS}?watch=1&timeoutSeconds=1&resourceVersion={start}&labelSelector=in%3Dyes");
    let events = rest(watch(&client, &path).await).await;
    let seen: Vec<_> = events.iter().map(|event| (brief(event).0, brief(event).2)).collect();
    let [_, second, third, fourth, fifth] = &versions;
    assert_eq!(
        seen,
        [
            ("ADDED", second.as_str()),
            ("MODIFIED", third),
            ("DELETED", fourth),
            ("ADDED", fifth),
            ("DELETED", deleted.as_str()),
        ]
    );
    // It is shown as it was when it was last selected.
    assert_eq!(events[2]["object"]["metadata"]["labels"], json!({"in": "yes"}));
}

#[tokio::test]
async fn a_single_object_is_watched_by_its_name() {
    let cluster = with_maps(&["a", "b"]).await;
    let client = cluster.client().unwrap();
    let mut events = watch(&client, &format!("{MAPS}?watch=1&fieldSelector=metadata.name%3Db")).await;
    assert_eq!(brief(&next(&mut events).await).1, "b");
    apply(&cluster, "default", "a", json!({"x": "y"}));
    apply(&cluster, "default", "b", json!({"x": "y"}));
    let event = next(&mut events).await;
    assert_eq!((brief(&event).0, brief(&event).1), ("MODIFIED", "b"));
    // With the name in the path the server sees no watch.
    let (code, _, object) = ask(&client, &format!("{MAPS}/a?watch=1"), "application/json").await;
    assert_eq!(
        (code, serde_json::from_str::<Value>(&object).unwrap()["kind"].clone()),
        (200, json!("ConfigMap"))
    );
}

#[tokio::test]
async fn initial_events_have_an_end() {
    let cluster = with_maps(&["a"]).await;
    let client = cluster.client().unwrap();
    let streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    for query in [streaming, "resourceVersion=0&allowWatchBookmarks=true"] {
        let current = version(&client).await;
        let events = rest(watch(&client, &format!("{MAPS}?watch=1&timeoutSeconds=1&{query}")).await).await;
        assert_eq!(events.len(), 2);
        assert_eq!(
            events[1],
            json!({"type": "BOOKMARK", "object": {
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"resourceVersion": current, "annotations": {"k8s.io/initial-events-end": "true"}},
            }})
        );
    }
}

#[tokio::test]
async fn bookmarks_come_by_the_clock_once_there_is_something_new() {
    let cluster = FakeCluster::builder().bookmarks(Duration::from_millis(50)).start().await.unwrap();
    let client = cluster.client().unwrap();
    let start = version(&client).await;
    let path = format!("{MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion={start}");
    let mut events = watch(&client, &path).await;
    let silence = tokio::time::timeout(Duration::from_millis(300), events.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    let elsewhere = apply(&cluster, "kube-system", "elsewhere", json!({}));
    for _ in 0..3 {
        let event = next(&mut events).await;
        assert_eq!(brief(&event), ("BOOKMARK", "", elsewhere.as_str()));
    }
    let mut without =
        watch(&client, &format!("{MAPS}?watch=1&timeoutSeconds=1&resourceVersion={start}")).await;
    assert!(without.next().await.is_none());
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_over() {
    let cluster = with_maps(&[]).await;
    let client = cluster.client().unwrap();
    let begun = Instant::now();
    assert!(rest(watch(&client, &format!("{MAPS}?watch=1&timeoutSeconds=1")).await).await.is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_version_that_is_forgotten_is_an_error_in_the_stream() {
    let cluster = with_maps(&["a"]).await;
    let client = cluster.client().unwrap();
    let old = version(&client).await;
    apply(&cluster, "default", "a", json!({"x": "y"}));
    cluster.faults().compact();
    let current = version(&client).await;
    for accept in ["application/json", TABLE] {
        let events =
            rest(watch_as(&client, &format!("{MAPS}?watch=1&resourceVersion={old}"), accept).await).await;
        let message = format!("too old resource version: {old} ({current})");
        assert_eq!(
            events,
            [json!({"type": "ERROR", "object": {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                "reason": "Expired", "code": 410,
            }})]
        );
    }
    let mut events = watch(&client, &format!("{MAPS}?watch=1&resourceVersion={current}")).await;
    apply(&cluster, "default", "a", json!({"x": "z"}));
    assert_eq!(brief(&next(&mut events).await).0, "MODIFIED");
}

/// A reader that is slower than the history is long has to list again; nothing is kept for it.
#[tokio::test]
async fn a_slow_reader_is_told_that_it_missed_something() {
    let cluster = with_maps(&[]).await;
    let client = cluster.client().unwrap();
    let mut events = watch(&client, &format!("{MAPS}?watch=1")).await;
    let big = "x".repeat(900_000);
    let mut map: ConfigMap = serde_json::from_value(config_map("default", "a", json!({}))).unwrap();
    // More than the history holds, and than the sockets do.
    for round in 0..120 {
        map.data = Some([("big".to_owned(), big.clone()), ("round".to_owned(), round.to_string())].into());
        cluster.apply(&map).unwrap();
        tokio::task::yield_now().await;
    }
    let mut seen = Vec::new();
    while let Some(event) = tokio::time::timeout(crate::ask::PATIENCE, events.next()).await.unwrap() {
        seen.push((brief(&event).0.to_owned(), event["object"]["code"].clone()));
    }
    assert_eq!(seen.last().unwrap(), &("ERROR".to_owned(), json!(410)));
    assert!(seen.len() < 120, "{} events", seen.len());
}

#[tokio::test]
async fn a_version_that_is_to_come_is_waited_for() {
    let cluster = with_maps(&["a"]).await;
    let client = cluster.client().unwrap();
    let next_version = version(&client).await.parse::<u64>().unwrap() + 1;
    let mut events = watch(&client, &format!("{MAPS}?watch=1&resourceVersion={next_version}")).await;
    apply(&cluster, "default", "a", json!({"x": "1"}));
    let later = apply(&cluster, "default", "a", json!({"x": "2"}));
    assert_eq!(brief(&next(&mut events).await), ("MODIFIED", "a", later.as_str()));
    let streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=99999";
    let events = rest(watch(&client, &format!("{MAPS}?watch=1&{streaming}")).await).await;
    assert_eq!(events[0]["object"]["reason"], "Timeout");
    assert_eq!((brief(&events[0]).0, events.len()), ("ERROR", 1));
}

/// A thousand writes while nobody reads arrive in their order, none twice.
#[tokio::test]
async fn events_that_wait_keep_their_order() {
    let cluster = with_maps(&[]).await;
    let client = cluster.client().unwrap();
    let mut events = watch(&client, &format!("{MAPS}?watch=1")).await;
    let versions: Vec<_> =
        (0..1000).map(|round| apply(&cluster, "default", "a", json!({"round": round.to_string()}))).collect();
    for version in versions {
        assert_eq!(brief(&next(&mut events).await).2, version);
    }
}

#[tokio::test]
async fn watches_of_a_custom_kind_end_with_its_crd() {
    let cluster = FakeCluster::builder().objects([widgets(), widget("w", &json!({}))]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let mut events = watch(&client, "/apis/example.com/v1/widgets?watch=1").await;
    assert_eq!(brief(&next(&mut events).await).0, "ADDED");
    let crds = Api::<CustomResourceDefinition>::all(client.clone());
    crds.delete("widgets.example.com", &DeleteParams::default()).await.unwrap();
    rest(events).await;
}

#[tokio::test]
async fn a_write_of_a_client_is_seen_at_once() {
    let cluster = with_maps(&["a"]).await;
    let client = cluster.client().unwrap();
    let mut events = watch(&client, &format!("{MAPS}?watch=1")).await;
    next(&mut events).await;
    let maps = Api::<ConfigMap>::default_namespaced(client.clone());
    let patch = Patch::Merge(json!({"data": {"key": "other"}}));
    maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(next(&mut events).await["object"]["data"]["key"], "other");
}
