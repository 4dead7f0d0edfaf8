//! Thousands of pods in three stores at once, while each one's connection is cut a hundred times, and pods come, change and go.
//!
//! Most of them have an owner, and are like its other pods, as those of a ReplicaSet are: the packed store keeps them beside each other.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Config, Resource as _, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::ApiResource,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, Store, reflector},
        utils::Backoff,
        watcher::{self, Event, watcher},
    },
};
use kube_ext::{
    pod::PodSlim,
    store::{
        self, CompactStore, Raw, RowStore, WatchEventsExt as _, reflect,
        reflect::{Lists, Reflection},
    },
};
use serde_json::{Value, json};
use tokio::{
    task::AbortHandle,
    time::{sleep, timeout},
};

use crate::{
    cluster::Cluster,
    cut_proxy::{CutProxy, until},
    generate,
    support::{CONCURRENCY, TestNamespace},
};

/// How many pods; `KUBE_EXT_TEST_PODS` asks for more.
const PODS: u64 = if Cluster::HAS_NODE { 2_000 } else { 200 };
/// How often each store's connection is cut.
const CUTS: usize = 100;
/// With so many of them, a watch is too old, and the list that follows is cut, too.
const EXPIRED: usize = 40;
/// So many pods stay as they are.
const FIXED: usize = 20;
/// So many pods have the same owner.
const SIBLINGS: u64 = 10;
/// So many write at once.
const WRITERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(300);

/// Not long: the server is only far away, not unwell.
struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(20))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}

/// Kube's store behind `relist`, and what is known of its lists.
struct Kubes {
    store: Store<Pod>,
    is_listing: Arc<AtomicBool>,
    lists: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Kubes {
    fn start(api: Api<Pod>) -> Self {
        let (store, writer) = reflector::store();
        let (is_listing, lists) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let tell = {
            let (is_listing, lists) = (is_listing.clone(), lists.clone());
            move |event: &watcher::Result<Event<Pod>>| match event {
                Ok(Event::Init) => is_listing.store(true, Ordering::SeqCst),
                Ok(Event::InitDone) => {
                    is_listing.store(false, Ordering::SeqCst);
                    lists.fetch_add(1, Ordering::SeqCst);
                }
                _ => (),
            }
        };
        let events =
            watcher(api, watcher::Config::default()).backoff(Soon).inspect(tell).relist(store.clone());
        let task = tokio::spawn(reflector(writer, events).for_each(async |_| ())).abort_handle();
        Self { store, is_listing, lists, task }
    }

    fn is_live(&self) -> bool {
        !self.is_listing.load(Ordering::SeqCst)
    }
}

impl Drop for Kubes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The same pods in three stores, each with a way of its own to the server.
struct Stores {
    compact: CompactStore<Pod>,
    of_compact: Reflection,
    rows: RowStore<Pod, PodSlim>,
    of_rows: Reflection,
    kubes: Kubes,
    /// In this order.
    proxies: [CutProxy; 3],
}

impl Stores {
    /// Once all are listed.
    async fn start(config: &Config, namespace: &str) -> Self {
        let proxies = [(); 3].map(|()| CutProxy::new(config.clone()));
        let proxies = <[_; 3]>::try_from(future::join_all(proxies).await).ok().unwrap();
        let [for_compact, for_rows, for_kubes] = &proxies;
        let raw = |proxy: &CutProxy| Api::<Raw<Pod>>::namespaced(proxy.client.clone(), namespace);
        let wait = [5, 50].map(Duration::from_millis);
        let (compact, writer) = store::compact::<Pod>();
        let of_compact = reflect(raw(for_compact), writer).backoff(wait[0], wait[1]).start();
        let (rows, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
        let of_rows = reflect(raw(for_rows), writer).lists(Lists::Paged).backoff(wait[0], wait[1]).start();
        let kubes = Kubes::start(Api::namespaced(for_kubes.client.clone(), namespace));
        of_compact.ready().await.unwrap();
        of_rows.ready().await.unwrap();
        kubes.store.wait_until_ready().await.unwrap();
        Self { compact, of_compact, rows, of_rows, kubes, proxies }
    }

    /// Whether all have it.
    fn have(&self, name: &ObjectRef<Pod>) -> bool {
        self.compact.contains(name) && self.rows.contains(name) && self.kubes.store.get(name).is_some()
    }

    /// Cuts the way to each of them.
    async fn cut(&self) {
        let [for_compact, for_rows, for_kubes] = &self.proxies;
        tokio::join!(
            cut(for_compact, 1, || self.of_compact.state().is_live()),
            cut(for_rows, 2, || self.of_rows.state().is_live()),
            cut(for_kubes, 3, || self.kubes.is_live()),
        );
    }

    /// What each has not as it is listed, field by field.
    fn differences(&self, namespace: &str, listed: &BTreeMap<String, Value>) -> [Option<String>; 3] {
        let reference = |name: &str| ObjectRef::<Pod>::new(name).within(namespace);
        let json = |name: &str| {
            let json = self.compact.get_json(&reference(name)).unwrap();
            json.map(|json| fields(serde_json::from_str(&json).unwrap()))
        };
        let row = |name: &str| self.rows.row(&reference(name));
        let view = |listed: &Value| serde_json::from_str::<PodSlim>(&listed.to_string()).unwrap();
        let pod = |name: &str| self.kubes.store.get(&reference(name));
        let whole = |listed: &Value| Arc::new(serde_json::from_value::<Pod>(listed.clone()).unwrap());
        [
            difference(listed, self.compact.len(), json, Value::clone),
            difference(listed, self.rows.len(), row, view),
            difference(listed, self.kubes.store.len(), pod, whole),
        ]
    }

    /// How often each has been listed to the end.
    fn lists(&self) -> [u64; 3] {
        [self.of_compact.counts().lists, self.of_rows.counts().lists, self.kubes.lists.load(Ordering::SeqCst)]
    }
}

/// Maps to be the owners of pods: a controller collects what belongs to somebody that is not there, or whose uid is another.
async fn owners(client: &Client, namespace: &str, count: u64) -> Vec<OwnerReference> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let create = async |number| {
        let map = json!({"metadata": {"name": format!("owner-{number}")}});
        let map = api.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await?;
        Ok::<_, kube::Error>(map.controller_owner_ref(&()).unwrap())
    };
    stream::iter(0..count).map(create).buffered(CONCURRENCY).try_collect().await.unwrap()
}

/// A pod to create, its status, and whether it is to be deleted then. Most have an owner, and of those most are like the others of it.
fn pod(number: u64, owners: &[OwnerReference]) -> (Pod, Value, bool) {
    let (group, place) = (number / SIBLINGS, number % SIBLINGS);
    let owner = owners.get(usize::try_from(group).unwrap()).filter(|_| place > 0).cloned();
    let own = generate::pod(number);
    let name = own.0.metadata.name.clone();
    let (mut pod, status, terminates) = if owner.is_some() && place > 2 { generate::pod(group) } else { own };
    pod.metadata.name = name;
    pod.metadata.owner_references = owner.map(|owner| vec![owner]);
    // A controller would collect those of nodes that do not exist.
    pod.spec.as_mut().unwrap().node_name = None;
    (pod, status, terminates)
}

/// Writes at random to pods of these names, until it is over.
async fn write(
    api: Api<Pod>,
    names: Vec<(String, Pod)>,
    owners: &[OwnerReference],
    seed: u64,
    is_over: &AtomicBool,
) -> usize {
    let (mut rng, mut writes) = (Rng::with_seed(seed), 0);
    while !is_over.load(Ordering::SeqCst) {
        let (name, pod) = &names[rng.usize(..names.len())];
        let patch = match rng.u8(..10) {
            0..=3 => json!({"metadata": {"labels": {"round": writes.to_string()}}}),
            4 => {
                json!({"metadata": {"labels": {"round": null}, "annotations": {"note": "\u{1f980} \"\\\n".repeat(rng.usize(..20))}}})
            }
            5 => json!({"metadata": {"finalizers": null}}),
            // It goes to another owner, or to none.
            6 => {
                json!({"metadata": {"ownerReferences": rng.choice(owners).filter(|_| rng.bool()).map(|it| [it])}})
            }
            _ => Value::Null,
        };
        let params = PatchParams::default();
        let written = if patch.is_null() {
            match rng.u8(..4) {
                0 => api.delete(name, &DeleteParams::default()).await.map(drop),
                1 | 2 => api.create(&PostParams::default(), pod).await.map(drop),
                _ => {
                    let phase = rng.choice(["Running", "Failed", "Succeeded"]).unwrap();
                    let status = json!({"status": {"phase": phase, "message": writes.to_string(), "podIP": "10.1.0.1"}});
                    api.patch_status(name, &params, &Patch::Merge(status)).await.map(drop)
                }
            }
        } else {
            api.patch(name, &params, &Patch::Merge(patch)).await.map(drop)
        };
        match written {
            // It is not there, or there already.
            Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => (),
            written => written.unwrap(),
        }
        writes += 1;
    }
    writes
}

/// Cuts the way to a store, mostly while it watches.
async fn cut(proxy: &CutProxy, seed: u64, is_live: impl Fn() -> bool) {
    let mut rng = Rng::with_seed(seed);
    for number in 0..CUTS {
        match number % EXPIRED {
            // What follows is a list, which breaks off.
            0 if number > 0 => proxy.cut(rng.usize(..200_000)).await,
            last => {
                until(&is_live).await;
                if last == EXPIRED - 1 {
                    proxy.expire();
                }
                proxy.cut(rng.usize(..20_000)).await;
            }
        }
    }
}

/// All fields, but those that an item of a list has not.
fn fields(mut object: Value) -> Value {
    for field in ["apiVersion", "kind"] {
        object.as_object_mut().unwrap().remove(field);
    }
    object
}

async fn list(client: &Client, namespace: &str) -> BTreeMap<String, Value> {
    let kind = ApiResource::erase::<Pod>(&());
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind);
    let (mut listed, mut params) = (BTreeMap::new(), ListParams::default().limit(500));
    loop {
        let page = api.list(&params).await.unwrap();
        listed.extend(page.items.iter().map(|it| (it.name_any(), fields(serde_json::to_value(it).unwrap()))));
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            _ => return listed,
        }
    }
}

/// What a store has not as it is listed; the first of it in words.
fn difference<T: PartialEq + Debug>(
    listed: &BTreeMap<String, Value>,
    len: usize,
    get: impl Fn(&str) -> Option<T>,
    expected: impl Fn(&Value) -> T,
) -> Option<String> {
    let differs = listed.iter().find_map(|(name, value)| {
        let (kept, expected) = (get(name), Some(expected(value)));
        (kept != expected).then(|| format!("{name} is {kept:?}, listed as {expected:?}"))
    });
    differs.or_else(|| (len != listed.len()).then(|| format!("{len} objects for {}", listed.len())))
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_survive_a_hundred_cuts() {
    let count = std::env::var("KUBE_EXT_TEST_PODS").map_or(PODS, |count| count.parse().expect("a number"));
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "many").await;
    let begun = Instant::now();
    let owners = owners(&cluster.client, &namespace.name, count.div_ceil(SIBLINGS)).await;
    let pods: Vec<_> = (0..count).map(|number| pod(number, &owners)).collect();
    let names: Vec<_> = pods.iter().map(|(pod, ..)| (pod.name_any(), pod.clone())).collect();
    namespace.write(pods).await;
    println!("{count} pods written in {:.1?}", begun.elapsed());

    let begun = Instant::now();
    let stores = Stores::start(&cluster.config().await, &namespace.name).await;
    println!("listed by all in {:.1?}", begun.elapsed());

    let begun = Instant::now();
    let is_over = AtomicBool::new(false);
    let reference = |(name, _): &(String, Pod)| ObjectRef::<Pod>::new(name).within(&namespace.name);
    let fixed: Vec<_> = names.iter().take(FIXED).map(reference).collect();
    let writing = future::join_all((0..WRITERS).map(|number| {
        let own = names.iter().skip(FIXED + number).step_by(WRITERS).cloned().collect();
        write(namespace.pods(), own, &owners, number as u64, &is_over)
    }));
    let cutting = async {
        let cut = timeout(PATIENCE, stores.cut()).await;
        is_over.store(true, Ordering::SeqCst);
        cut.expect("all cuts");
    };
    let watching = async {
        while !is_over.load(Ordering::SeqCst) {
            let missing = fixed.iter().find(|it| !stores.have(it));
            assert!(missing.is_none(), "{missing:?}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    let (written, (), ()) = tokio::join!(writing, cutting, watching);
    println!(
        "cut {:?} times in {:.1?}, with {} writes and {:?} bytes",
        stores.proxies.each_ref().map(CutProxy::cuts),
        begun.elapsed(),
        written.iter().sum::<usize>(),
        stores.proxies.each_ref().map(CutProxy::bytes),
    );

    let begun = Instant::now();
    // What was written last may be on its way, and others may be at work here.
    loop {
        let listed = list(&cluster.client, &namespace.name).await;
        let differences = stores.differences(&namespace.name, &listed);
        if differences == [None, None, None] {
            println!("{} pods as a list has them, after {:.1?}", listed.len(), begun.elapsed());
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{differences:?}");
        sleep(Duration::from_millis(200)).await;
    }
    println!("{:?} lists; {:?}; {:?}", stores.lists(), stores.of_compact.counts(), stores.of_rows.counts());
    assert!(stores.lists().iter().all(|lists| *lists > 2));
    assert!([&stores.of_compact, &stores.of_rows].iter().all(|it| it.counts().refused == 0));
    stores.of_compact.stop().await;
    stores.of_rows.stop().await;
    namespace.delete().await;
}
