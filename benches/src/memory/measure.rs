//! What a process measures of the store that it fills.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource,
    api::ListParams,
    core::{NamespaceResourceScope, ObjectList, PartialObjectMeta},
    runtime::{
        WatchStreamExt as _,
        reflector::Store,
        watcher::{self, Event, watcher},
    },
};
use kube_ext::{
    pod::PodSlim,
    store::{CompactStore, Raw, RowStore, reflect, reflect::Lists},
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{io::AsyncBufReadExt as _, time::sleep};

use super::keepers::{Keeper, Object, PodRow};
use crate::{
    corpus,
    process::{float, median, peak_of, resident_of},
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// So many objects are asked for, each once.
const GETS: usize = 2000;
/// So many objects change, each once.
const UPDATES: usize = 2000;
/// How long connections have to let go of what they do not need any more.
const SETTLE: Duration = Duration::from_secs(1);

/// What a process tells that fills a store from a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Direct {
    /// Bytes for an object.
    pub live: u64,
    /// Bytes for an object.
    pub resident: u64,
    /// For an object.
    pub ingest_us: f64,
    /// The median.
    pub get_us: f64,
    /// For an object that has changed.
    pub update_us: f64,
}

/// What one tells that fills it from a server, when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// KiB more than at the start.
    pub rest: u64,
    /// The most until then.
    pub peak: u64,
    /// Until then.
    pub processor_seconds: f64,
    /// Until then.
    pub seconds: f64,
}

/// Fills the store of this name from a file with a line for each object.
///
/// # Errors
/// If there is no such store, or it does not keep them all.
pub fn direct(store: &str, file: &Path, live: fn() -> usize) -> Result<Direct> {
    match store {
        "kube-store" => fill::<Store<Pod>>(file, live, |_| ()),
        "kube-store-cleared" => fill::<Store<Pod>>(file, live, |pod| pod.metadata.managed_fields = None),
        "kube-metadata" => fill::<Store<PartialObjectMeta<Pod>>>(file, live, |_| ()),
        "slim" => fill::<RowStore<Pod, PodSlim>>(file, live, |_| ()),
        "row" => fill::<RowStore<Pod, PodRow>>(file, live, |_| ()),
        "compact-store" => fill::<CompactStore<Pod>>(file, live, |_| ()),
        _ => Err(format!("no store is called {store}").into()),
    }
}

/// Fills it from the server of the kubeconfig, with the pods of a namespace or of all, says what that took, and when there is a line on stdin,
/// once it has listed all again, the most that took.
///
/// # Errors
/// If there is no such store, or it does not keep them all.
pub async fn from_server(store: &str, objects: usize, namespace: Option<&str>) -> Result<()> {
    let from = From { client: Client::try_default().await?, namespace };
    let (store, lists) = match store.strip_suffix("-paged") {
        Some(store) => (store, Lists::Paged),
        None => (store, Lists::Auto),
    };
    match store {
        // kube's own, as its documentation has them.
        "kube-store" => {
            let pods = watcher(from.pods().await?, watcher::Config::default()).default_backoff();
            watched::<Store<Pod>>(pods.boxed(), objects).await
        }
        "kube-store-cleared" => {
            let pods = watcher(from.pods().await?, watcher::Config::default()).default_backoff();
            let cleared = pods.modify(|pod: &mut Pod| pod.metadata.managed_fields = None);
            watched::<Store<Pod>>(cleared.boxed(), objects).await
        }
        "kube-metadata" => {
            let pods = watcher(from.pods().await?, watcher::Config::default()).default_backoff();
            watched::<Store<PartialObjectMeta<Pod>>>(pods.boxed(), objects).await
        }
        "kube-store-reflect" => reflected::<Store<Pod>>(from, lists, objects).await,
        "slim" => reflected::<RowStore<Pod, PodSlim>>(from, lists, objects).await,
        "row" => reflected::<RowStore<Pod, PodRow>>(from, lists, objects).await,
        "compact-store" => reflected::<CompactStore<Pod>>(from, lists, objects).await,
        _ => Err(format!("no store is called {store}").into()),
    }
}

/// Where pods come from.
struct From<'a> {
    client: Client,
    namespace: Option<&'a str>,
}

impl From<'_> {
    /// What is to be watched, once one of them has been listed: the connection, and code that is in memory once it has run, are no object's.
    async fn pods<K: Object + Resource<Scope = NamespaceResourceScope>>(self) -> Result<Api<K>> {
        let pods = match self.namespace {
            Some(namespace) => Api::namespaced(self.client, namespace),
            None => Api::all(self.client),
        };
        pods.list(&ListParams::default().limit(1)).await?;
        Ok(pods)
    }
}

/// What the page of a list takes once it is read, as a multiple of its text: as pods, as `PodSlim` and as `Raw`.
///
/// # Errors
/// If it cannot be read.
pub fn page(objects: &[String], live: fn() -> usize) -> Result<[f64; 3]> {
    fn read<K: DeserializeOwned + Clone>(text: &str, live: fn() -> usize) -> Result<f64> {
        let before = live();
        let list = serde_json::from_str::<ObjectList<K>>(text)?;
        let took = live().saturating_sub(before);
        drop(list);
        Ok(float(took as u64) / float(text.len() as u64))
    }
    let list =
        format!(r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{}},"items":[{}]}}"#, objects.join(","));
    Ok([read::<Pod>(&list, live)?, read::<PodSlim>(&list, live)?, read::<Raw<Pod>>(&list, live)?])
}

/// Processor time that this thread, or this process, has had.
fn processor_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn fill<S: Keeper>(file: &Path, live: fn() -> usize, prepare: fn(&mut S::Object)) -> Result<Direct> {
    let mut file = BufReader::new(File::open(file)?);
    let mut text = String::with_capacity(1 << 20);
    // Code that is in memory once it has run is no object's: another store has had the first one.
    file.read_line(&mut text)?;
    let (store, mut writer) = S::make();
    for event in [Event::Init, Event::InitApply(serde_json::from_str(&text)?), Event::InitDone] {
        S::apply(&mut writer, event)?;
    }
    drop((store, writer));
    file.rewind()?;
    text.clear();
    let (resident_before, live_before) = (resident_of("self").ok_or("unknown")?, live());
    let (store, mut writer) = S::make();
    let (mut took, mut objects) = (Duration::ZERO, 0_u64);
    S::apply(&mut writer, Event::Init)?;
    while file.read_line(&mut text)? > 0 {
        let start = processor_time(ClockId::ThreadCPUTime);
        let mut object = serde_json::from_str(&text)?;
        prepare(&mut object);
        S::apply(&mut writer, Event::InitApply(object))?;
        took += processor_time(ClockId::ThreadCPUTime).saturating_sub(start);
        objects += 1;
        text.clear();
    }
    S::apply(&mut writer, Event::InitDone)?;
    let (resident, live) = (resident_of("self").ok_or("unknown")?, live());
    if store.count() as u64 != objects {
        return Err(format!("{} of {objects}", store.count()).into());
    }
    let mut names = store.names();
    fastrand::Rng::with_seed(0).shuffle(&mut names);
    let mut times = Vec::with_capacity(GETS);
    for name in names.iter().take(GETS) {
        let start = Instant::now();
        if !store.has(name)? {
            return Err("one is gone".into());
        }
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Direct {
        live: live.saturating_sub(live_before) as u64 / objects,
        resident: resident.saturating_sub(resident_before) * 1024 / objects,
        ingest_us: took.as_secs_f64() * 1e6 / float(objects),
        get_us: median(times),
        update_us: update::<S>(&store, &mut writer, &mut file, prepare)?,
    })
}

/// Changes objects that are in the store, in random order; the processor time for one.
fn update<S: Keeper>(
    store: &S,
    writer: &mut S::Writer,
    file: &mut BufReader<File>,
    prepare: fn(&mut S::Object),
) -> Result<f64> {
    let (mut lines, mut at, mut text) = (Vec::new(), 0, String::with_capacity(1 << 20));
    file.rewind()?;
    loop {
        let len = file.read_line(&mut text)?;
        if len == 0 {
            break;
        }
        lines.push(at);
        at += len as u64;
        text.clear();
    }
    fastrand::Rng::with_seed(1).shuffle(&mut lines);
    lines.truncate(UPDATES);
    let (mut took, count) = (Duration::ZERO, store.count());
    for (number, line) in lines.iter().enumerate() {
        file.seek(SeekFrom::Start(*line))?;
        text.clear();
        file.read_line(&mut text)?;
        let changed = corpus::updated(&text, 900_000_000 + number)?;
        let start = processor_time(ClockId::ThreadCPUTime);
        let mut object = serde_json::from_str(&changed)?;
        prepare(&mut object);
        S::apply(writer, Event::Apply(object))?;
        took += processor_time(ClockId::ThreadCPUTime).saturating_sub(start);
    }
    if store.count() != count {
        return Err(format!("{} of {count}", store.count()).into());
    }
    Ok(took.as_secs_f64() * 1e6 / float(lines.len() as u64))
}

/// Follows a stream of events into a store, and tries again what goes wrong.
async fn watched<S: Keeper>(
    mut events: impl Stream<Item = watcher::Result<Event<S::Object>>> + Send + Unpin + 'static,
    objects: usize,
) -> Result<()>
where
    S::Writer: Send + 'static,
{
    let start = Start::now()?;
    let (store, mut writer) = S::make();
    let lists = Arc::new(AtomicU64::new(0));
    let whole = lists.clone();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let Ok(event) = event else { continue };
            let is_done = matches!(event, Event::InitDone);
            // A store that refuses an object has too few of them at the end.
            if S::apply(&mut writer, event).is_ok() && is_done {
                whole.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    start.follow(objects, || lists.load(Ordering::Relaxed), || store.count()).await
}

/// Has it filled in the background.
async fn reflected<S>(from: From<'_>, lists: Lists, objects: usize) -> Result<()>
where
    S: Keeper<Object: Resource<Scope = NamespaceResourceScope>>,
{
    let pods = from.pods().await?;
    let start = Start::now()?;
    let (store, writer) = S::make();
    let reflection = reflect(pods, writer).lists(lists).start();
    start.follow(objects, || reflection.counts().lists, || store.count()).await
}

/// How it was before there was a store.
struct Start {
    resident: u64,
    processor: Duration,
    time: Instant,
}

impl Start {
    fn now() -> Result<Self> {
        let resident = resident_of("self").ok_or("unknown")?;
        Ok(Self { resident, processor: processor_time(ClockId::ProcessCPUTime), time: Instant::now() })
    }

    /// Says what it took to be ready, and to list once more, when that is asked for.
    async fn follow(self, objects: usize, lists: impl Fn() -> u64, count: impl Fn() -> usize) -> Result<()> {
        let listed = async |number: u64| {
            while lists() < number {
                sleep(Duration::from_millis(5)).await;
            }
            if count() == objects { Ok(()) } else { Err(format!("{} of {objects}", count())) }
        };
        listed(1).await?;
        let processor = processor_time(ClockId::ProcessCPUTime).saturating_sub(self.processor);
        let seconds = self.time.elapsed().as_secs_f64();
        sleep(SETTLE).await;
        let more = |kib: Option<u64>| Ok::<_, &str>(kib.ok_or("unknown")?.saturating_sub(self.resident));
        let ready = Ready {
            rest: more(resident_of("self"))?,
            peak: more(peak_of("self"))?,
            processor_seconds: processor.as_secs_f64(),
            seconds,
        };
        println!("{}", serde_json::to_string(&ready)?);
        // The peak from here on.
        fs::write("/proc/self/clear_refs", "5")?;
        let mut asked = tokio::io::BufReader::new(tokio::io::stdin()).lines();
        if asked.next_line().await?.is_some() {
            listed(2).await?;
            println!("{}", more(peak_of("self"))?);
        }
        Ok(())
    }
}
