//! kube's runtime on watches of metadata and streaming lists, and over what a cluster forgets.
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt as _, reflector, watcher},
};
use kube_ext::fake::FakeCluster;
use serde_json::json;
use tokio::time::timeout;

use crate::ask::{PATIENCE, config_map};

fn configs() -> [watcher::Config; 2] {
    [watcher::Config::default().page_size(2), watcher::Config::default().streaming_lists()]
}

async fn three() -> FakeCluster {
    let maps = ["a", "b", "c"].map(|name| config_map("default", name, json!({})));
    FakeCluster::builder().objects(maps).start().await.unwrap()
}

fn apply(cluster: &FakeCluster, name: &str, labels: serde_json::Value) {
    let map: ConfigMap = serde_json::from_value(config_map("default", name, labels)).unwrap();
    cluster.apply(&map).unwrap();
}

#[tokio::test]
async fn a_watcher_lists_and_follows() {
    for config in configs() {
        let cluster = three().await;
        let maps = Api::<ConfigMap>::all(cluster.client().unwrap());
        let mut events = Box::pin(watcher(maps, config));
        let mut next = async || timeout(PATIENCE, events.try_next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(next().await, watcher::Event::Init));
        for name in ["a", "b", "c"] {
            assert!(matches!(next().await, watcher::Event::InitApply(map) if map.name_any() == name));
        }
        assert!(matches!(next().await, watcher::Event::InitDone));
        apply(&cluster, "b", json!({"x": "y"}));
        assert!(matches!(next().await, watcher::Event::Apply(map) if map.labels().contains_key("x")));
    }
}

#[tokio::test]
async fn a_reflector_of_metadata_has_what_is_there() {
    for config in configs() {
        let cluster = three().await;
        let maps = Api::<PartialObjectMeta<ConfigMap>>::all(cluster.client().unwrap());
        let (reader, writer) = reflector::store();
        let mut objects = Box::pin(reflector(writer, watcher(maps, config)).applied_objects());
        for _ in 0..3 {
            timeout(PATIENCE, objects.try_next()).await.unwrap().unwrap().unwrap();
        }
        apply(&cluster, "d", json!({}));
        let last = timeout(PATIENCE, objects.try_next()).await.unwrap().unwrap().unwrap();
        assert_eq!((last.name_any().as_str(), reader.len()), ("d", 4));
    }
}

/// A watcher whose version is forgotten lists again, and misses nothing.
#[tokio::test]
async fn a_watcher_lists_again_after_a_compaction() {
    let cluster = three().await;
    let maps = Api::<ConfigMap>::all(cluster.client().unwrap());
    let mut events = Box::pin(watcher(maps, watcher::Config::default()).default_backoff());
    let mut next = async || loop {
        // An error is what makes it list again.
        if let Ok(event) = timeout(PATIENCE, events.try_next()).await.unwrap() {
            break event.unwrap();
        }
    };
    while !matches!(next().await, watcher::Event::InitDone) {}
    cluster.faults().restart();
    apply(&cluster, "d", json!({}));
    cluster.faults().compact();
    let mut names = Vec::new();
    loop {
        match next().await {
            watcher::Event::InitApply(map) => names.push(map.name_any()),
            watcher::Event::InitDone => break,
            _ => {}
        }
    }
    assert_eq!(names, ["a", "b", "c", "d"]);
}
