//! What stores take of memory and time, side by side, each in a process of its own: kube's `Store<Pod>` as it is, with managed fields cleared,
//! and of metadata alone; views and rows in it; and whole objects packed.
//!
//! `cargo bench -p kube-ext-benches --bench memory -- [--objects N] [--corpus FILE.jsonl] [--json FILE] [--server KUBECONFIG]`: see
//! `docs/memory.md`.

use std::{
    alloc::System,
    env,
    fs::{self, File},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cap::Cap;
use clap::{Parser, Subcommand};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kube_ext::fake::{Calls, FakeCluster, Fault};
use kube_ext_benches::{
    corpus,
    memory::{
        Entry, Figures, STORES, Watched, json,
        measure::{self, Direct, Ready},
        report, server,
    },
    namespace,
    process::available,
};
use serde_json::Value;
use tokio::{runtime::Runtime, task};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Counts bytes that are asked for and given back, with an addition for each; the rest is the system's allocator.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Filled from a server beside those of the JSON: kube's store, when it is `reflect` that fills it.
const REFLECTED: &str = "kube-store-reflect";

/// How often each store is filled from a real server.
const ROUNDS: usize = 3;

/// What stores take of memory and time, side by side.
#[derive(Parser)]
#[command(disable_help_subcommand = true)]
struct Options {
    /// How many objects; once for each number. 10,000 and 50,000 unless it is told.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    objects: Vec<u32>,
    /// Pods, one a line as JSON, instead of those that are made.
    #[arg(long, value_name = "FILE.jsonl")]
    corpus: Option<PathBuf>,
    /// Where the figures go.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Have docs/memory.md show these figures.
    #[arg(long)]
    docs: bool,
    /// Fill stores from the API server of this kubeconfig instead: pods are written into a namespace of their own, which is deleted then.
    #[arg(long, value_name = "KUBECONFIG", conflicts_with_all = ["docs", "redraw"])]
    server: Option<PathBuf>,
    /// Measure nothing, and have it show once more what it has.
    #[arg(long)]
    redraw: bool,
    /// As cargo calls it.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    measure: Option<Measure>,
}

/// What this program does in a process of its own.
#[derive(Subcommand)]
#[command(hide = true)]
enum Measure {
    /// Fill a store from a file.
    Direct { store: String, file: PathBuf },
    /// Fill one from the server of the kubeconfig.
    FromServer { store: String, objects: usize, namespace: Option<String> },
}

/// A folder that is deleted.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new() -> Result<Self> {
        let folder = env::temp_dir().join(format!("kube-ext-bench-memory-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// A file with these lines.
    fn file<T: AsRef<str>>(&self, name: &str, lines: impl IntoIterator<Item = Result<T>>) -> Result<PathBuf> {
        let path = self.0.join(name);
        let mut file = BufWriter::new(File::create(&path)?);
        for line in lines {
            writeln!(file, "{}", line?.as_ref())?;
        }
        file.flush()?;
        Ok(path)
    }
}

/// A file that the user names. Cargo calls benches in their package's folder; the name is meant where cargo was called.
fn named(file: &Path) -> PathBuf {
    let called_in =
        env::var_os("CARGO").and_then(|_| fs::read_link(format!("/proc/{}/cwd", parent_id())).ok());
    called_in.map_or_else(|| file.to_owned(), |folder| folder.join(file))
}

/// What a process tells that measures.
fn start(args: &[&str], kubeconfig: Option<&Path>) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    Ok(command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
}

fn direct(store: &str, file: &Path) -> Result<Direct> {
    let output = start(&["direct", store, file.to_str().ok_or("no UTF-8")?], None)?.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{store}: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What a store takes that is filled from a server; and the most of it, in bytes.
fn from_server(
    store: &str,
    cluster: &FakeCluster,
    kubeconfig: &Path,
    objects: usize,
) -> Result<(Watched, u64)> {
    let mut process = start(&["from-server", store, &objects.to_string()], Some(kubeconfig))?;
    let mut lines = BufReader::new(process.stdout.take().ok_or("no stdout")?).lines();
    let mut stdin = process.stdin.take().ok_or("no stdin")?;
    let ready: Ready = serde_json::from_str(&lines.next().ok_or("no answer")??)?;
    // All of it twice, at the worst, beside what others need meanwhile.
    let has_memory = available().ok_or("unknown")? > ready.rest + ready.rest / 4;
    let again = if has_memory {
        let expired = cluster.faults().add(Calls::verb("watch").resource("pods").first(1), Fault::expired());
        cluster.faults().restart();
        writeln!(stdin)?;
        let again = lines.next().ok_or("no answer")??.parse()?;
        expired.remove();
        Some(again)
    } else {
        None
    };
    drop(stdin);
    if !process.wait()?.success() {
        return Err(format!("{store}: not all was kept").into());
    }
    Ok((watched(store, objects, &ready, again), ready.peak.max(again.unwrap_or_default()) * 1024))
}

/// What a process has told, for each object.
fn watched(store: &str, objects: usize, ready: &Ready, again: Option<u64>) -> Watched {
    let each = |kib: u64| kib * 1024 / objects as u64;
    Watched {
        store: store.to_owned(),
        objects,
        rest_bytes_per_object: each(ready.rest),
        first_list_bytes_per_object: each(ready.peak),
        relist_bytes_per_object: again.map(each),
        processor_seconds: ready.processor_seconds,
        seconds: ready.seconds,
    }
}

/// What stores take that are filled with these pods from an API server, several times each.
async fn from_real_server(pods: &[String], kubeconfig: &Path) -> Result<Vec<Watched>> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    let client =
        Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)?;
    let namespace = namespace::make(&client, "kube-ext-memory-").await?;
    let measured = served(pods, &client, &namespace, kubeconfig).await;
    server::delete(&client, &namespace).await?;
    measured
}

async fn served(
    pods: &[String],
    client: &Client,
    namespace: &str,
    kubeconfig: &Path,
) -> Result<Vec<Watched>> {
    eprintln!("writing {} pods", pods.len());
    server::write(client, namespace, pods).await?;
    println!("{} bytes of JSON each", server::json_bytes(client, namespace).await?);
    let objects = pods.len();
    let mut rounds = Vec::new();
    let mut measure = |store, round, process: Child| -> Result<()> {
        eprintln!("{store}, {objects} objects, round {round} of {ROUNDS}");
        let output = task::block_in_place(|| process.wait_with_output())?;
        if !output.status.success() {
            return Err(format!("{store}: {}", output.status).into());
        }
        rounds.push(watched(store, objects, &serde_json::from_slice(&output.stdout)?, None));
        Ok(())
    };
    for round in 1..=ROUNDS {
        for store in server::STORES {
            let args = ["from-server", store, &objects.to_string(), namespace];
            measure(store, round, start(&args, Some(kubeconfig))?)?;
        }
        for of in server::INFORMERS {
            match server::informer(of, kubeconfig, namespace, objects) {
                Some(mut informer) => measure(of.0, round, informer.spawn()?)?,
                None => eprintln!("{} is left out: `.ci/cluster/peers` builds it", of.0),
            }
        }
    }
    Ok(rounds)
}

/// A cluster with these pods.
async fn cluster(pods: &[String]) -> Result<FakeCluster> {
    let cluster = FakeCluster::builder().start().await?;
    for pod in pods {
        let mut pod: Value = serde_json::from_str(pod)?;
        // Items of a list do not say what they are.
        if let Some(pod) = pod.as_object_mut() {
            pod.insert("apiVersion".to_owned(), "v1".into());
            pod.insert("kind".to_owned(), "Pod".into());
        }
        cluster.apply(&pod)?;
    }
    Ok(cluster)
}

/// Measures all stores with so many objects.
fn measure(pods: &[String], runtime: &Runtime, figures: &mut Figures) -> Result<()> {
    let objects = pods.len();
    let json = pods.iter().map(String::len).sum::<usize>() / objects;
    let folder = Folder::new()?;
    let whole = folder.file("pods", pods.iter().map(Ok))?;
    let metadata = folder.file("metadata", pods.iter().map(|pod| corpus::metadata(pod)))?;
    let mut measured = Vec::new();
    for store in STORES {
        eprintln!("{store}, {objects} objects");
        measured.push(direct(store, if store == "kube-metadata" { &metadata } else { &whole })?);
    }
    let cluster = runtime.block_on(cluster(pods))?;
    let kubeconfig = folder.file("kubeconfig", [Ok(cluster.kubeconfig("default"))])?;
    for (store, direct) in STORES.into_iter().zip(measured) {
        eprintln!("{store}, {objects} objects, from a server");
        let (watched, peak) = from_server(store, &cluster, &kubeconfig, objects)?;
        figures.watched.push(watched);
        if store == STORES[0] {
            figures.watched.push(from_server(REFLECTED, &cluster, &kubeconfig, objects)?.0);
        }
        figures.entries.push(Entry {
            store: store.to_owned(),
            objects,
            json_bytes_per_object: json as u64,
            live_bytes_per_object: direct.live,
            resident_bytes_per_object: direct.resident,
            peak_resident_bytes: peak,
            ingest_us: direct.ingest_us,
            get_us: direct.get_us,
            update_us: Some(direct.update_us),
        });
    }
    Ok(())
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = Runtime::new()?;
    match options.measure {
        Some(Measure::Direct { store, file }) => {
            let measured = measure::direct(&store, &file, || ALLOCATOR.allocated())?;
            println!("{}", serde_json::to_string(&measured)?);
            return Ok(());
        }
        Some(Measure::FromServer { store, objects, namespace }) => {
            return runtime.block_on(measure::from_server(&store, objects, namespace.as_deref()));
        }
        None => (),
    }
    if options.redraw {
        return Figures::read()?.write();
    }
    let counts = if options.objects.is_empty() { vec![10_000, 50_000] } else { options.objects };
    let mut figures = Figures { entries: Vec::new(), watched: Vec::new() };
    for objects in counts {
        let objects = usize::try_from(objects)?;
        let lines = match &options.corpus {
            Some(file) => corpus::read(&named(file), objects)?,
            None => corpus::made(objects),
        };
        let pods = corpus::repeated(&lines, objects)?;
        drop(lines);
        if let Some(kubeconfig) = &options.server {
            figures.watched.extend(runtime.block_on(from_real_server(&pods, &named(kubeconfig)))?);
            continue;
        }
        if figures.entries.is_empty() {
            let first: Vec<_> = pods.iter().take(500).cloned().collect();
            let [whole, slim, raw] = measure::page(&first, || ALLOCATOR.allocated())?;
            println!(
                "A page of {} objects, read, is in memory {whole:.2} times its text as `ObjectList<Pod>`, {slim:.2} times as `ObjectList<PodSlim>`, \
                 and {raw:.2} times as `ObjectList<Raw<Pod>>`.\n",
                first.len()
            );
        }
        measure(&pods, &runtime, &mut figures)?;
    }
    if options.server.is_some() {
        println!("{}", server::table(&figures.watched));
        return match &options.json {
            Some(file) => Ok(fs::write(named(file), json(&figures.watched)?)?),
            None => Ok(()),
        };
    }
    println!("{}", report::tables(&figures));
    if let Some(file) = &options.json {
        fs::write(named(file), json(&figures.entries)?)?;
    }
    if options.docs { figures.write() } else { Ok(()) }
}
