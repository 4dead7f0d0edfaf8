//! A packed store, with watches that are cut and begin again.

use std::{cell::Cell, collections::BTreeMap, pin::pin, time::Duration};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, ListParams, PostParams},
    core::ApiResource,
    runtime::{
        WatchStreamExt as _,
        reflector::ObjectRef,
        watcher::{self, Event, watcher},
    },
};
use kube_ext::store::{CompactStore, Raw};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{cluster::Cluster, support::TestNamespace, writes::Writes};

const PATIENCE: Duration = Duration::from_secs(300);
/// How many watches are cut.
const CUTS: u64 = 25;

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// Writes at random, while watches, and lists in their middle, break off: at the end the store has what a list has, field by field, none
/// was missing meanwhile that was there all the time, and the index says where each one is.
async fn survives_cuts(config: watcher::Config) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "store").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    let create = async |name: &str| {
        let map =
            serde_json::from_value(json!({"metadata": {"name": name}, "data": {"round": "first"}})).unwrap();
        api.create(&PostParams::default(), &map).await.unwrap();
    };
    let fixed: Vec<_> = (0..20).map(|number| format!("fixed-{number}")).collect();
    for name in &fixed {
        create(name).await;
    }

    let (store, mut writer) = CompactStore::<ConfigMap, Row>::builder()
        .index("round", |row: &Row, key| row.data.get("round").into_iter().for_each(|round| key(round)))
        .build();
    let raw = Api::<Raw<ConfigMap>>::namespaced(cluster.client.clone(), &namespace.name);
    let is_whole = Cell::new(false);
    // Each begins with a list.
    let mut events = pin!(stream::iter(0..=CUTS).flat_map(|number| {
        is_whole.set(number == CUTS);
        let events = if number == CUTS { usize::MAX } else { fastrand::Rng::with_seed(number).usize(1..60) };
        watcher(raw.clone(), config.clone()).default_backoff().take(events)
    }));
    let lists = Cell::new(0);
    let mut next = async || {
        // Errors of the watch are what may come.
        if let Ok(event) = events.next().await.unwrap() {
            lists.set(lists.get() + usize::from(matches!(event, Event::InitDone)));
            writer.apply_watcher_event(event).unwrap();
        }
    };

    let writing = async {
        let mut changes = Writes::new(&api);
        while !is_whole.get() {
            changes.next().await;
        }
        create("last").await;
    };
    let name = |name: &str| ObjectRef::<ConfigMap>::new(name).within(&namespace.name);
    let (last, fixed) = (name("last"), fixed.iter().map(|it| name(it)).collect::<Vec<_>>());
    let reading = async {
        while !store.contains(&last) {
            next().await;
            // They come one by one with the first list.
            let missing = fixed.iter().find(|it| lists.get() > 0 && !store.contains(it));
            assert!(missing.is_none(), "{missing:?}");
        }
    };
    timeout(PATIENCE, futures::future::join(writing, reading)).await.expect("the last one");

    // Whatever the server has of them, with fields that no type knows.
    let kind = ApiResource::erase::<ConfigMap>(&());
    let all = Api::<DynamicObject>::namespaced_with(cluster.client.clone(), &namespace.name, &kind);
    let equal = async {
        loop {
            let listed = all.list(&ListParams::default()).await.unwrap();
            let listed: BTreeMap<_, _> = listed.items.iter().map(|it| (it.name_any(), fields(it))).collect();
            let stored: BTreeMap<_, _> = store
                .keys()
                .into_iter()
                .map(|name| {
                    let json = store.get_json(&name).unwrap().unwrap();
                    (name.name, fields(&serde_json::from_str(&json).unwrap()))
                })
                .collect();
            if stored == listed {
                return;
            }
            // The last list may not be at its end, and others may be at work here.
            let _ = timeout(Duration::from_secs(1), next()).await;
        }
    };
    timeout(PATIENCE, equal).await.expect("equal to a list");
    store.wait_until_ready().await.unwrap();
    for map in store.objects() {
        let map = map.unwrap();
        assert_eq!(*store.get(&name(&map.name_any())).unwrap().unwrap(), map);
        if let Some(round) = map.data.as_ref().and_then(|data| data.get("round")) {
            assert!(store.indexed("round", round).unwrap().contains(&name(&map.name_any())));
        }
    }
    assert!(lists.get() > 5, "{} lists", lists.get());
    namespace.delete().await;
}

/// All fields but those that an item of a list has not.
fn fields(object: &DynamicObject) -> Value {
    let mut fields = serde_json::to_value(object).unwrap();
    for field in ["apiVersion", "kind"] {
        fields.as_object_mut().unwrap().remove(field);
    }
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_store_survives_cuts() {
    survives_cuts(watcher::Config::default().page_size(7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_store_survives_cuts_of_streamed_lists() {
    survives_cuts(watcher::Config::default().streaming_lists()).await;
}
