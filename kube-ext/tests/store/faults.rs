//! A store behind `relist` on a cluster where watches and lists fail.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams},
    core::{ApiResource, PartialObjectMeta},
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, Store, reflector},
        watcher::{self, Event, watcher},
    },
};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault, Rule},
    store::WatchEventsExt as _,
};
use serde_json::json;
use tokio::time::timeout;

use crate::map;

/// Nothing here takes longer, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Maps that nobody deletes.
const FIXED: usize = 20;

fn fixed() -> impl Iterator<Item = String> {
    (0..FIXED).map(|number| format!("fixed-{number}"))
}

async fn cluster() -> (FakeCluster, Api<ConfigMap>) {
    let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}});
    let objects: Vec<_> = fixed().map(|name| map(&name)).collect();
    let cluster =
        FakeCluster::builder().objects(objects).user("watcher", [Rule::everything()]).start().await.unwrap();
    let maps = Api::default_namespaced(cluster.client().unwrap());
    (cluster, maps)
}

/// How many lists came whole, and out of `relist` as such.
#[derive(Default)]
struct Lists {
    whole: AtomicUsize,
    passed: AtomicUsize,
}

fn keep(
    api: Api<ConfigMap>,
    config: watcher::Config,
) -> (Store<ConfigMap>, Arc<Lists>, impl Stream<Item = watcher::Result<Event<ConfigMap>>> + Unpin + Send) {
    let (store, writer) = reflector::store();
    let lists = Arc::new(Lists::default());
    let count = |of: fn(&Lists) -> &AtomicUsize| {
        let lists = lists.clone();
        move |event: &watcher::Result<Event<ConfigMap>>| {
            if matches!(event, Ok(Event::InitDone)) {
                of(&lists).fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    // A server that is away for a moment is asked again at once.
    let events = watcher(api, config).inspect(count(|lists| &lists.whole)).relist(store.clone());
    let events = reflector(writer, events.inspect(count(|lists| &lists.passed)));
    (store, lists.clone(), events.boxed())
}

/// Takes events until one object is there, and checks after each that none is missing that was there all the time.
async fn until(
    store: &Store<ConfigMap>,
    events: &mut (impl Stream<Item = watcher::Result<Event<ConfigMap>>> + Unpin),
    name: &str,
) -> usize {
    let mut errors = 0;
    let name = ObjectRef::<ConfigMap>::new(name).within("default");
    let fixed: Vec<_> = fixed().map(|name| ObjectRef::<ConfigMap>::new(&name).within("default")).collect();
    let found = async {
        while store.get(&name).is_none() {
            if events.next().await.unwrap().is_err() {
                errors += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Until the first list is whole, there is nothing.
            if !store.is_empty() {
                for it in &fixed {
                    assert!(store.get(it).is_some(), "{it} is not there for a moment");
                }
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{name} never came: {:?}", store.state()));
    errors
}

fn stored(store: &Store<ConfigMap>) -> Vec<(String, Option<String>, Option<String>)> {
    let row = |map: &Arc<ConfigMap>| (map.name_any(), map.uid(), map.resource_version());
    let mut rows: Vec<_> = store.state().iter().map(row).collect();
    rows.sort();
    rows
}

async fn listed(api: &Api<ConfigMap>) -> Vec<(String, Option<String>, Option<String>)> {
    let params = ListParams::default();
    let list = sure(async || api.list(&params).await).await.unwrap();
    let mut rows: Vec<_> =
        list.items.iter().map(|map| (map.name_any(), map.uid(), map.resource_version())).collect();
    rows.sort();
    rows
}

/// What another client writes, whose connections do not break.
fn create(cluster: &FakeCluster, name: &str) {
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}});
    cluster.apply(&map).unwrap();
}

/// Asks again when the connection has been cut, as it is when the server restarts.
async fn sure<T>(request: impl AsyncFn() -> kube::Result<T>) -> kube::Result<T> {
    loop {
        match request().await {
            Err(kube::Error::Service(_) | kube::Error::HyperError(_)) => {}
            answer => return answer,
        }
    }
}

async fn delete(api: &Api<ConfigMap>, name: &str) {
    let params = DeleteParams::default();
    match sure(async || api.delete(name, &params).await).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        answer => drop(answer.unwrap()),
    }
}

/// Writes, faults and restarts by turns.
async fn survives(config: watcher::Config) {
    let (cluster, api) = cluster().await;
    // The requests of the tests are not to fail.
    let watching = Api::<ConfigMap>::default_namespaced(cluster.client_as("watcher").unwrap());
    let (store, lists, mut events) = keep(watching, config);
    let mut rng = fastrand::Rng::with_seed(11);
    let calls = |verb: &str| Calls::verb(verb).resource("configmaps").user("watcher");
    let mut errors = 0;
    create(&cluster, "first");
    until(&store, &mut events, "first").await;
    for round in 0..40 {
        let mut there: BTreeSet<_> = listed(&api).await.into_iter().map(|(name, ..)| name).collect();
        let faults = cluster.faults();
        match round % 5 {
            0 => drop(faults.add(calls("watch").first(1), Fault::expired())),
            1 => {
                faults.add(calls("watch").first(1), Fault::expired());
                faults.add(calls("list").first(2), Fault::cut_after_bytes(rng.u64(..3000)));
            }
            2 => {
                faults.add(calls("watch").first(2), Fault::expired());
                faults.add(calls("list").nth(rng.u64(1..4)), Fault::internal_error("no"));
            }
            3 => drop(faults.add(calls("watch").first(2), Fault::cut_after_bytes(rng.u64(..2000)))),
            _ => faults.compact(),
        }
        faults.restart();
        // What happens now is seen by a list, if at all.
        for _ in 0..rng.u8(1..10) {
            let name = format!("map-{}", rng.u8(..12));
            if there.remove(&name) {
                delete(&api, &name).await;
            } else {
                create(&cluster, &name);
                there.insert(name);
            }
        }
        let last = format!("last-{round}");
        create(&cluster, &last);
        errors += until(&store, &mut events, &last).await;
        cluster.faults().clear();
        // A list that had it may not be at its end.
        let marker = format!("marker-{round}");
        create(&cluster, &marker);
        errors += until(&store, &mut events, &marker).await;
        let equal = async {
            while stored(&store) != listed(&api).await {
                // What is left is on its way.
                errors += usize::from(events.next().await.unwrap().is_err());
            }
        };
        let end = timeout(PATIENCE, equal).await;
        assert!(end.is_ok(), "round {round}: {:#?}\n{:#?}", stored(&store), listed(&api).await);
    }
    store.wait_until_ready().await.unwrap();
    let (whole, passed) = (lists.whole.load(Ordering::Relaxed), lists.passed.load(Ordering::Relaxed));
    assert_eq!(passed, 1);
    assert!(whole > 15 && errors > 15, "{whole} lists and {errors} errors: nothing was tried");
}

#[tokio::test]
async fn pages() {
    survives(watcher::Config::default().page_size(7)).await;
}

#[tokio::test]
async fn lists_in_one() {
    survives(watcher::Config::default()).await;
}

#[tokio::test]
async fn streamed_lists() {
    survives(watcher::Config::default().streaming_lists()).await;
}

struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Who reads in another thread sees what is there all the time, whatever is listed.
#[tokio::test(flavor = "multi_thread")]
async fn readers_of_other_threads() {
    let (cluster, api) = cluster().await;
    let (store, lists, mut events) = keep(api.clone(), watcher::Config::default().page_size(3));
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::task::spawn_blocking({
        let (store, is_over) = (store.clone(), over.clone());
        move || {
            let last = ObjectRef::<ConfigMap>::new("last").within("default");
            let fixed: Vec<_> =
                fixed().map(|name| ObjectRef::<ConfigMap>::new(&name).within("default")).collect();
            let mut is_filled = false;
            while !is_over.load(Ordering::Relaxed) {
                let found = fixed.iter().filter(|it| store.get(it).is_some()).count();
                assert!(!is_filled || found == FIXED, "{found} of {FIXED}");
                is_filled |= found == FIXED;
                if store.get(&last).is_some() {
                    return is_filled;
                }
                std::thread::sleep(Duration::from_micros(50));
            }
            false
        }
    });
    // A test that fails is not to wait for it.
    let _guard = Guard(over);
    until(&store, &mut events, "fixed-0").await;
    for round in 0..30 {
        cluster.faults().add(Calls::verb("watch").resource("configmaps").first(1), Fault::expired());
        cluster.faults().restart();
        let name = format!("round-{round}");
        create(&cluster, &name);
        until(&store, &mut events, &name).await;
        cluster.faults().clear();
    }
    create(&cluster, "last");
    until(&store, &mut events, "last").await;
    assert!(timeout(PATIENCE, reader).await.unwrap().unwrap());
    assert!(lists.whole.load(Ordering::Relaxed) > 10);
}

/// All that wait are told, although later lists do not come out as such.
#[tokio::test]
async fn until_ready() {
    let (_cluster, api) = cluster().await;
    let (store, writer) = reflector::store();
    let events = watcher(api, watcher::Config::default()).relist(store.clone());
    let task = tokio::spawn(reflector(writer, events).for_each(async |_| ()));
    timeout(PATIENCE, store.wait_until_ready()).await.unwrap().unwrap();
    assert_eq!(store.len(), FIXED);
    task.abort();
    let (store, writer) = reflector::store::<ConfigMap>();
    let events = futures::stream::pending().relist(store.clone());
    drop(reflector(writer, events));
    store.wait_until_ready().await.unwrap_err();
}

/// Dropped between the pages of a second list, nothing is gone, and what it asked for ends.
#[tokio::test]
async fn dropped_between_pages() {
    let (cluster, api) = cluster().await;
    let (store, _, mut events) = keep(api.clone(), watcher::Config::default().page_size(5));
    until(&store, &mut events, "fixed-0").await;
    cluster.faults().add(Calls::verb("watch").resource("configmaps").first(1), Fault::expired());
    let second_page = Calls::verb("list").resource("configmaps").nth(2);
    let page = cluster.faults().add(second_page, Fault::hang());
    cluster.faults().restart();
    delete(&api, "fixed-0").await;
    let hung = async {
        while page.hits() == 0 {
            let _ = timeout(Duration::from_millis(10), events.next()).await;
        }
    };
    timeout(PATIENCE, hung).await.unwrap();
    drop(events);
    timeout(PATIENCE, cluster.until_no_requests()).await.unwrap();
    assert_eq!(store.len(), FIXED);
}

/// Kinds that are known at run time, and metadata alone.
#[tokio::test]
async fn other_types() {
    let (cluster, api) = cluster().await;
    let client = cluster.client().unwrap();
    let kind = ApiResource::erase::<ConfigMap>(&());
    let writer = reflector::store::Writer::<DynamicObject>::new(kind.clone());
    let objects = writer.as_reader();
    let events = watcher(Api::default_namespaced_with(client.clone(), &kind), watcher::Config::default());
    let mut objects_events = reflector(writer, events.relist(objects.clone())).boxed();
    let (metadata, writer) = reflector::store::<PartialObjectMeta<ConfigMap>>();
    let events = watcher(Api::default_namespaced(client), watcher::Config::default());
    let mut metadata_events = events.relist(metadata.clone()).reflect(writer).boxed();
    let both = async |count: usize| {
        while objects.len() != count || metadata.len() != count {
            tokio::select! {
                _ = objects_events.next() => {}
                _ = metadata_events.next() => {}
            }
        }
    };
    let mut both = both;
    timeout(PATIENCE, both(FIXED)).await.unwrap();
    cluster.faults().add(Calls::verb("watch").resource("configmaps").first(2), Fault::expired());
    cluster.faults().restart();
    delete(&api, "fixed-0").await;
    timeout(PATIENCE, both(FIXED - 1)).await.unwrap();
    cluster.apply(&map("new", "00000000-0000-4000-8000-000000000001", 1)).unwrap();
    timeout(PATIENCE, both(FIXED)).await.unwrap();
}
