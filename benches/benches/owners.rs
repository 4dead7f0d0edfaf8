//! Who owns whom: how long it takes to find out, and what it takes of the client, beside whole objects, an owner at a time, and
//! kube-lineage. `kubectl tree` is not to be had from the Go module proxy.
//!
//! 5,000 `ConfigMap`s in a tree, ten below each, and 3,000 pods, in one namespace of the cluster of the current context. Each run is a
//! process of its own, and the sides take turns; what they receive is counted on the way, by a proxy on loopback.
//!
//! `cargo bench -p kube-ext-benches --bench owners`, on a cluster that nobody else asks for anything: `.ci/cluster/up api`.

use std::{
    cell::Cell,
    env, fs,
    path::{Path, PathBuf},
    pin::pin,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::{
    Api, Client, Discovery, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, ObjectList, PostParams},
    config::Kubeconfig,
    core::PartialObjectMeta,
    core::gvk::GroupVersionKind,
    discovery::{ApiResource, Scope, verbs},
    runtime::{WatchStreamExt as _, reflector, watcher},
};
use kube_ext::{
    fake::FakeCluster,
    owners::{Follow, OwnerGraph, Relation},
};
use kube_ext_benches::{
    keeper, namespace,
    process::{float, median, peak_of, processor_time_of_children, program, resident_of},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

const MAPS: usize = 5_000;
const FAN_OUT: usize = 10;
const PODS: usize = 3_000;
/// Objects of the graph whose nodes are weighed.
const NODES: usize = 100_000;
const ROUNDS: usize = 5;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Load,
    Everything,
    Whole,
    Walk,
    WalkAtOnce,
    Lineage,
}

/// What a run took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    requests: f64,
    megabytes: f64,
    processor_seconds: f64,
    peak_mib: f64,
}

impl Side {
    /// What the others are held against comes first.
    const ALL: [Self; 6] =
        [Self::Load, Self::Everything, Self::Whole, Self::Walk, Self::WalkAtOnce, Self::Lineage];

    fn name(self) -> &'static str {
        match self {
            Self::Load => "`OwnerGraph::builder().namespace().load()`",
            Self::Everything => "the same with `.relations(Relation::all()).status()`",
            Self::Whole => "lists of whole objects, 16 at a time",
            Self::Walk => "a list, then `get` of each owner",
            Self::WalkAtOnce => "that, 16 at a time",
            Self::Lineage => "`kube-lineage configmap/map-0`",
        }
    }

    fn command(self, namespace: &str) -> Result<Command> {
        if self == Self::Lineage {
            let mut command = Command::new(program("kube-lineage").ok_or("no kube-lineage")?);
            command.args(["configmap/map-0", "--namespace", namespace]);
            return Ok(command);
        }
        let number = Self::ALL.iter().position(|side| *side == self).unwrap_or_default();
        let mut command = Command::new(env::current_exe()?);
        command.args(["side", &number.to_string(), namespace]);
        Ok(command)
    }

    /// Does it in this process, and says how many objects it knows that the first ConfigMap owns.
    async fn run(self, client: Client, namespace: &str) -> Result<usize> {
        match self {
            Self::Load | Self::Everything => {
                let mut builder = OwnerGraph::builder(client).namespace(namespace);
                if self == Self::Everything {
                    builder = builder.relations(Relation::all()).status();
                }
                let graph = builder.load().await?;
                let first = graph.find("configmap", Some(namespace), "map-0").ok_or("no map-0")?;
                Ok(graph.descendants(first).len())
            }
            Self::Whole => whole(client, namespace).await,
            Self::Walk => walk(client, namespace, 1).await,
            Self::WalkAtOnce => walk(client, namespace, 16).await,
            Self::Lineage => Err("that is another program".into()),
        }
    }
}

/// Lists all there is, and joins it.
async fn whole(client: Client, namespace: &str) -> Result<usize> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let resources = discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
    let apis: Vec<Api<DynamicObject>> = resources
        .filter(|(_, can)| can.scope == Scope::Namespaced && can.supports_operation(verbs::LIST))
        .map(|(resource, _)| Api::namespaced_with(client.clone(), namespace, &resource))
        .collect();
    let lists = stream::iter(apis).map(|api| async move {
        let (mut all, mut params) = (Vec::new(), ListParams::default().limit(500));
        loop {
            let ObjectList { items, metadata, .. } = api.list(&params).await?;
            all.extend(items);
            match metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok::<_, kube::Error>(all),
            }
        }
    });
    let objects: Vec<DynamicObject> = lists.buffer_unordered(16).try_concat().await?;
    Ok(owned(&objects))
}

/// Gets the owner of each ConfigMap.
async fn walk(client: Client, namespace: &str, at_once: usize) -> Result<usize> {
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?;
    let owners = maps.items.iter().flat_map(ResourceExt::owner_references);
    let found = stream::iter(owners).map(|owner| {
        let client = client.clone();
        async move {
            let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &owner.kind));
            let api = Api::<DynamicObject>::namespaced_with(client, namespace, &resource);
            api.get(&owner.name).await
        }
    });
    Ok(found.buffer_unordered(at_once).try_collect::<Vec<_>>().await?.len())
}

/// How many objects have an owner.
fn owned(objects: &[DynamicObject]) -> usize {
    objects.iter().filter(|object| !object.owner_references().is_empty()).count()
}

/// Passes bytes on, and counts those that come back.
async fn proxy(to: String) -> Result<(u16, Arc<AtomicU64>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (port, received) = (listener.local_addr()?.port(), Arc::new(AtomicU64::new(0)));
    let counted = received.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (to, counted) = (to.clone(), counted.clone());
            tokio::spawn(async move {
                let server = TcpStream::connect(to).await?;
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let there = async {
                    tokio::io::copy(&mut from_client, &mut to_server).await?;
                    to_server.shutdown().await
                };
                let back = async {
                    let mut buffer = vec![0; 1 << 16];
                    loop {
                        let read = from_server.read(&mut buffer).await?;
                        if read == 0 {
                            return to_client.shutdown().await;
                        }
                        counted.fetch_add(read as u64, Ordering::Relaxed);
                        to_client.write_all(buffer.get(..read).unwrap_or_default()).await?;
                    }
                };
                tokio::try_join!(there, back).map(|_| ())
            });
        }
    });
    Ok((port, received))
}

/// How many objects and lists the server has been asked for.
async fn requests(client: &Client) -> Result<f64> {
    let metrics = client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
    let counters = metrics.lines().filter(|line| {
        line.starts_with("apiserver_request_total{")
            && (line.contains(r#"verb="GET""#) || line.contains(r#"verb="LIST""#))
            && !line.contains(r#"resource="leases""#)
    });
    Ok(counters.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
}

async fn make(client: &Client) -> Result<String> {
    let namespace = namespace::make(client, "kube-ext-bench-owners-").await?;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    let mut uids = Vec::new();
    // Those below one whose uid is known can be made at once.
    while uids.len() < MAPS {
        let end = (uids.len() * FAN_OUT + 1).min(MAPS);
        let new = (uids.len()..end).map(|number| {
            let (maps, owner) = (maps.clone(), number.checked_sub(1).map(|above| above / FAN_OUT));
            let owner = owner.and_then(|owner| Some((owner, uids.get(owner)?)));
            let reference = |(owner, uid): (usize, &String)| {
                json!({"apiVersion": "v1", "kind": "ConfigMap", "name": format!("map-{owner}"), "uid": uid, "controller": true})
            };
            let owners: Value = owner.map(reference).into_iter().collect();
            let map = json!({"metadata": {"name": format!("map-{number}"), "ownerReferences": owners}, "data": {"text": "x".repeat(500)}});
            async move {
                let map = maps.create(&PostParams::default(), &serde_json::from_value(map)?).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(map.uid().unwrap_or_default())
            }
        });
        let new: Vec<_> = stream::iter(new.collect::<Vec<_>>()).buffered(32).try_collect().await?;
        uids.extend(new);
    }
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let new = (0..PODS).map(|number| {
        let pods = pods.clone();
        async move {
            let pod = json!({
                "metadata": {"name": format!("pod-{number}"), "labels": {"app": "bench"}},
                "spec": {"schedulerName": "nobody", "containers": [{"name": "app", "image": "kube-ext.local/tools:1"}]},
            });
            pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        }
    });
    stream::iter(new).buffer_unordered(32).try_collect::<Vec<()>>().await?;
    Ok(namespace)
}

/// Runs a side in a process of its own.
async fn run(
    side: Side,
    namespace: &str,
    kubeconfig: &Path,
    client: &Client,
    received: &AtomicU64,
) -> Result<Took> {
    let before = requests(client).await?;
    received.store(0, Ordering::Relaxed);
    let (processor, began) = (processor_time_of_children(), Instant::now());
    let mut command = side.command(namespace)?;
    command.env("KUBECONFIG", kubeconfig).env("HOME", kubeconfig.parent().unwrap_or(kubeconfig));
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = process.stdout.take().ok_or("no stdout")?;
    let id = process.id().to_string();
    let lines = std::thread::spawn(move || std::io::read_to_string(stdout));
    let mut peak = 0;
    // Other programs do not say; what they have had resident is known as long as they live.
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        peak = peak_of(&id).unwrap_or(peak);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let seconds = began.elapsed().as_secs_f64();
    let printed = lines.join().map_err(|_| "unread")??;
    let count = if side == Side::Lineage { printed.lines().count() } else { printed.trim().parse()? };
    if !status.success() || count < MAPS - 1 {
        return Err(format!("{}: {status}, {count} objects", side.name()).into());
    }
    let processor = processor_time_of_children().zip(processor).map_or(0, |(after, before)| after - before);
    Ok(Took {
        seconds,
        // Without that for the numbers.
        requests: requests(client).await? - before - 1.0,
        megabytes: float(received.load(Ordering::Relaxed)) / 1e6,
        processor_seconds: float(processor) / 100.0,
        peak_mib: float(peak) / 1024.0,
    })
}

async fn on_a_server(client: &Client, kubeconfig: Kubeconfig) -> Result<()> {
    let namespace = make(client).await?;
    let folder = env::temp_dir().join(format!("kube-ext-bench-owners-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = async {
        let (path, received) = by_proxy(kubeconfig, &folder).await?;
        let sides: Vec<Side> = Side::ALL
            .into_iter()
            .filter(|side| *side != Side::Lineage || program("kube-lineage").is_some())
            .collect();
        let mut table = Vec::new();
        for _ in 0..=ROUNDS {
            let mut took = Vec::new();
            for side in &sides {
                took.push(run(*side, &namespace, &path, client, &received).await?);
            }
            table.push(took);
        }
        println!("{MAPS} ConfigMaps in a tree, {FAN_OUT} below each, and {PODS} pods, in one namespace:\n");
        println!("| by | s | requests | MB received | processor s | peak MiB | ratio of time | of memory |");
        println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
        let rounds = table.get(1..).unwrap_or_default();
        for (number, side) in sides.iter().enumerate() {
            let all = |of: &dyn Fn(&Took) -> f64| {
                median(rounds.iter().filter_map(|it| it.get(number)).map(of).collect())
            };
            let ratio = |of: &dyn Fn(&Took) -> f64| {
                median(rounds.iter().filter_map(|it| Some(of(it.first()?) / of(it.get(number)?))).collect())
            };
            println!(
                "| {} | {:.2} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} |",
                side.name(),
                all(&|it| it.seconds),
                all(&|it| it.requests),
                all(&|it| it.megabytes),
                all(&|it| it.processor_seconds),
                all(&|it| it.peak_mib),
                ratio(&|it| it.seconds),
                ratio(&|it| it.peak_mib),
            );
        }
        println!();
        Ok(())
    }
    .await;
    fs::remove_dir_all(&folder)?;
    Api::<Namespace>::all(client.clone()).delete(&namespace, &DeleteParams::default()).await?;
    measured
}

/// A kubeconfig that leads through the proxy, and what has come through.
async fn by_proxy(mut kubeconfig: Kubeconfig, folder: &Path) -> Result<(PathBuf, Arc<AtomicU64>)> {
    let cluster = kubeconfig.clusters.iter_mut().find_map(|it| it.cluster.as_mut()).ok_or("no cluster")?;
    let server = cluster.server.clone().ok_or("no server")?;
    let (scheme, place) = server.split_once("://").ok_or("no URL")?;
    let (port, received) = proxy(place.trim_end_matches('/').to_owned()).await?;
    cluster.server = Some(format!("{scheme}://127.0.0.1:{port}"));
    let path = folder.join("kubeconfig");
    fs::write(&path, serde_json::to_string(&kubeconfig)?)?;
    Ok((path, received))
}

/// Who keeps many objects, each with an owner.
const KEEPERS: [&str; 2] = ["`OwnerGraph`, followed", "kube's `Store` of `PartialObjectMeta`"];

/// What an object takes of those who keep many, each in a process of its own: at rest, and at the most while all are listed again.
fn weigh(runtime: &Runtime) -> Result<()> {
    let uid = |number: usize| format!("00000000-0000-4000-8000-{number:012}");
    let maps = (0..NODES).map(|number| {
        let owner = number.checked_sub(1).map(|above| above / FAN_OUT);
        let reference = owner.map(|owner| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": format!("map-{owner}"), "uid": uid(owner)})
        });
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("map-{number}"), "namespace": "default", "uid": uid(number),
                "ownerReferences": reference.into_iter().collect::<Value>(),
            },
        })
    });
    let cluster = runtime.block_on(FakeCluster::builder().objects(maps).start())?;
    println!("{NODES} objects, each with an owner, without managed fields; bytes for each:\n");
    keeper::compare(&cluster, "configmaps", NODES, &KEEPERS)
}

/// Keeps them, says what that takes, and once more when it is asked.
async fn keep(number: usize) -> Result<()> {
    let client = Client::try_default().await?;
    // What any connection takes is not an object's.
    OwnerGraph::builder(client.clone()).kinds(["secrets"]).load().await?;
    let before = resident_of("self").ok_or("unknown")?;
    if number == 0 {
        let follow = OwnerGraph::builder(client).kinds(["configmaps"]).load().await?.follow();
        let count = |follow: &Follow| follow.graph().as_petgraph().node_count();
        let kept = Cell::new(count(&follow));
        let changes = stream::unfold(follow, |mut follow| async {
            follow.next().await?;
            kept.set(count(&follow));
            Some(((), follow))
        });
        return keeper::keep(before, NODES, pin!(changes), || kept.get()).await;
    }
    let (store, writer) = reflector::store();
    let maps = Api::<PartialObjectMeta<ConfigMap>>::default_namespaced(client);
    let watch = watcher(maps, watcher::Config::default()).default_backoff();
    let mut changes = reflector(writer, watch).map(drop).boxed();
    while store.len() < NODES {
        changes.next().await.ok_or("the end")?;
    }
    keeper::keep(before, NODES, changes, || store.len()).await
}

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    if let Some((number, _)) = keeper::asked()? {
        return runtime.block_on(keep(number));
    }
    let mut args = env::args().skip(1);
    if args.next().as_deref() == Some("side") {
        let side: usize = args.next().ok_or("which side?")?.parse()?;
        let (side, namespace) = (Side::ALL.get(side).ok_or("no such side")?, args.next().ok_or("where?")?);
        let found = runtime.block_on(async { side.run(Client::try_default().await?, &namespace).await })?;
        println!("{found}");
        return Ok(());
    }
    let measured = runtime.block_on(async {
        let client = Client::try_default().await?;
        client.apiserver_version().await?;
        if program("kube-lineage").is_none() {
            println!("kube-lineage is not there, and left out: `.ci/cluster/peers` builds it.\n");
        }
        on_a_server(&client, Kubeconfig::read()?).await
    });
    if let Err(error) = measured {
        println!("No cluster, or one that went away, so nothing of a server: {error}\n");
    }
    weigh(&runtime)
}
