//! A store behind `relist`, with watches that are cut and begin again.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, PostParams},
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, reflector},
        watcher::{self, Event, watcher},
    },
};
use kube_ext::store::WatchEventsExt as _;
use serde_json::json;
use tokio::time::timeout;

use crate::{cluster::Cluster, support::TestNamespace, writes::Writes};

const PATIENCE: Duration = Duration::from_secs(300);
/// How many watches are cut.
const CUTS: u64 = 25;

/// Writes at random, while watches, and lists in their middle, break off: at the end the store has what a list has, and none was missing
/// meanwhile that was there all the time.
async fn survives_cuts(config: watcher::Config) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "store").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    let create = async |name: &str| {
        let map = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        api.create(&PostParams::default(), &map).await.unwrap();
    };
    let fixed: Vec<_> = (0..20).map(|number| format!("fixed-{number}")).collect();
    for name in &fixed {
        create(name).await;
    }

    let (store, writer) = reflector::store();
    let (is_whole, whole, passed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |of: &AtomicUsize, event: &watcher::Result<Event<ConfigMap>>| {
        of.fetch_add(usize::from(matches!(event, Ok(Event::InitDone))), Ordering::Relaxed);
    };
    // Each begins with a list.
    let watches = stream::iter(0..=CUTS).flat_map(|number| {
        is_whole.store(number == CUTS, Ordering::Relaxed);
        let events = if number == CUTS { usize::MAX } else { fastrand::Rng::with_seed(number).usize(1..60) };
        watcher(api.clone(), config.clone()).default_backoff().take(events)
    });
    let events = watches.inspect(|event| count(&whole, event)).relist(store.clone());
    let mut events = pin!(reflector(writer, events.inspect(|event| count(&passed, event))));

    let writing = async {
        let mut changes = Writes::new(&api);
        while !is_whole.load(Ordering::Relaxed) {
            changes.next().await;
        }
        create("last").await;
    };
    let name = |name: &str| ObjectRef::<ConfigMap>::new(name).within(&namespace.name);
    let (last, fixed) = (name("last"), fixed.iter().map(|it| name(it)).collect::<Vec<_>>());
    let reading = async {
        let mut is_filled = false;
        while store.get(&last).is_none() {
            // Errors are what may come.
            let _ = events.next().await.unwrap();
            is_filled |= store.get(&fixed[0]).is_some();
            let missing = fixed.iter().find(|it| is_filled && store.get(it).is_none());
            assert!(missing.is_none(), "{missing:?}");
        }
    };
    timeout(PATIENCE, futures::future::join(writing, reading)).await.expect("the last one");
    let row = |map: &ConfigMap| (map.name_any(), (map.uid(), map.resource_version(), map.data.clone()));
    let equal = async {
        loop {
            let listed = api.list(&ListParams::default()).await.unwrap();
            let listed: BTreeMap<_, _> = listed.items.iter().map(row).collect();
            let stored: BTreeMap<_, _> = store.state().iter().map(Arc::as_ref).map(row).collect();
            if stored == listed {
                return;
            }
            // The last list may not be at its end, and others may be at work here.
            let _ = timeout(Duration::from_secs(1), events.next()).await;
        }
    };
    timeout(PATIENCE, equal).await.expect("equal to a list");
    store.wait_until_ready().await.unwrap();
    let (whole, passed) = (whole.load(Ordering::Relaxed), passed.load(Ordering::Relaxed));
    assert_eq!(passed, 1);
    assert!(whole > 5, "{whole} lists");
    namespace.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_survives_cuts() {
    survives_cuts(watcher::Config::default().page_size(7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_survives_cuts_of_streamed_lists() {
    survives_cuts(watcher::Config::default().streaming_lists()).await;
}
