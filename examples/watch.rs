//! The pods of a whole cluster, live, and what they cost: `cargo run --example watch -- -l app=web`.
use std::{
    fmt::Debug,
    fs,
    hash::Hash,
    io::{IsTerminal as _, stdout},
    process::ExitCode,
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use clap::{Parser, ValueEnum};
use futures::StreamExt as _;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource,
    runtime::reflector::{self, ObjectRef, Store},
};
use kube_ext::{
    columns::{Columns, Table},
    pod::PodSlim,
    store::{
        self, CompactStore, RowStore, reflect,
        reflect::{IntoKeep, Reflection, State},
    },
    time::Age,
};
use kube_ext_examples::{ClusterArgs, Connection, Failure, print};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

/// What happens within this time is shown at once.
const PAUSE: Duration = Duration::from_millis(200);
/// How often ages are shown anew on a terminal, and it is looked for changes elsewhere.
const TICK: Duration = Duration::from_secs(1);
/// Begins at the top of a terminal; what is left of a line, and of the screen, is cleared as it is written.
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K\n";
const END_OF_SCREEN: &str = "\x1b[J";

/// Shows the pods of a cluster as `kubectl get pods -A -w` does, with what it takes to keep them.
#[derive(Parser)]
#[command(name = "watch")]
struct Args {
    /// Only pods of this namespace.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only pods with these labels.
    #[arg(short = 'l', long)]
    selector: Option<String>,
    /// Only pods with these fields.
    #[arg(long)]
    field_selector: Option<String>,
    /// What keeps the pods.
    #[arg(long, value_enum, default_value_t = Kept::Slim)]
    store: Kept,
    /// Show them once, when all are there.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What can keep pods.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kept {
    /// What the table shows of each: a `RowStore` of `PodSlim`.
    Slim,
    /// All of them, packed: a `CompactStore<Pod>`.
    Compact,
    /// kube's `Store<Pod>`.
    Kube,
}

impl Kept {
    /// Begins to keep them.
    fn start(self, args: &Args, client: Client) -> (Box<dyn Pods>, Reflection) {
        match self {
            Self::Slim => {
                let (store, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
                (Box::new(store), args.reflect(client, writer.views()))
            }
            Self::Compact => {
                let (store, writer) = store::compact::<Pod>();
                (Box::new(store), args.reflect(client, writer))
            }
            Self::Kube => {
                let (store, writer) = reflector::store::<Pod>();
                (Box::new(store), args.reflect(client, writer))
            }
        }
    }
}

/// A store of pods, in whichever form.
trait Pods {
    /// How many there are.
    fn count(&self) -> usize;

    /// The first of them by namespace and name, up to so many, put into a table.
    fn show(&self, table: &mut Table, rows: usize);
}

impl<K> Pods for Store<K>
where
    K: Resource + Columns + Clone,
    K::DynamicType: Eq + Hash + Clone,
{
    fn count(&self) -> usize {
        self.len()
    }

    fn show(&self, table: &mut Table, rows: usize) {
        let now = Utc::now();
        let mut pods = self.state();
        let key = |pod: &K| (pod.meta().namespace.clone(), pod.meta().name.clone());
        pods.sort_by_cached_key(|pod| key(pod));
        pods.iter().take(rows).for_each(|pod| table.push(&**pod, now));
    }
}

impl Pods for RowStore<Pod, PodSlim> {
    fn count(&self) -> usize {
        self.len()
    }

    fn show(&self, table: &mut Table, rows: usize) {
        let now = Utc::now();
        let pods = first(self.keys(), rows).into_iter().filter_map(|name| self.row(&name));
        pods.for_each(|pod| table.push(&pod, now));
    }
}

impl Pods for CompactStore<Pod> {
    fn count(&self) -> usize {
        self.len()
    }

    fn show(&self, table: &mut Table, rows: usize) {
        let now = Utc::now();
        // One that is gone meanwhile is not shown.
        let pods = first(self.keys(), rows).into_iter().filter_map(|name| self.get(&name).ok().flatten());
        pods.for_each(|pod| table.push(&*pod, now));
    }
}

/// The first names, in order.
fn first(mut names: Vec<ObjectRef<Pod>>, count: usize) -> Vec<ObjectRef<Pod>> {
    names.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    names.truncate(count);
    names
}

impl Args {
    /// Lists and watches pods into what keeps them.
    fn reflect<W>(&self, client: Client, writer: W) -> Reflection
    where
        W: IntoKeep,
        W::Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        W::Object: Clone + Debug + DeserializeOwned + Send + 'static,
    {
        let api = match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let reflect = reflect(api, writer);
        let reflect = match &self.selector {
            Some(labels) => reflect.labels(labels),
            None => reflect,
        };
        match &self.field_selector {
            Some(fields) => reflect.fields(fields),
            None => reflect,
        }
        .start()
    }

    /// The table, of so many rows at most.
    fn table(&self, pods: &dyn Pods, reflection: &Reflection, rows: usize) -> String {
        let mut table = Table::new::<Pod>().namespaces(self.namespace.is_none());
        pods.show(&mut table, rows);
        let is_nothing = table.is_empty() && reflection.state().is_live();
        if is_nothing { "No resources found\n".to_owned() } else { table.take() }
    }
}

/// What this process has in memory, in bytes, where Linux tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// How it is, in a few words.
fn state(reflection: &Reflection) -> String {
    let text = match reflection.state() {
        State::Live { refused: 0 } => "live".to_owned(),
        State::Live { refused } => format!("live, but for {refused} changes"),
        State::Stale { since, error } => {
            let age = Age::new(TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX));
            format!("stale for {age}: {error}")
        }
        State::Starting { error: Some(error) } => format!("not listed: {error}"),
        State::Starting { error: None } => "listing".to_owned(),
        State::Ended { error: Some(error) } => format!("ended: {error}"),
        _ => "ended".to_owned(),
    };
    text.replace('\n', " ")
}

/// The corner: pods, memory and state.
struct Corner {
    /// What was in memory before there were pods.
    empty: Option<u64>,
}

impl Corner {
    fn text(&self, pods: &dyn Pods, reflection: &Reflection) -> String {
        let count = pods.count();
        let memory = match (resident(), self.empty) {
            (Some(resident), Some(empty)) => {
                #[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
                let mib = resident as f64 / f64::from(1 << 20);
                let each = resident.saturating_sub(empty).checked_div(count as u64);
                let each = each.map(|each| format!(", {each} bytes a pod")).unwrap_or_default();
                format!("{mib:.1} MiB{each}")
            }
            _ => "memory unknown".to_owned(),
        };
        let word = if count == 1 { "pod" } else { "pods" };
        format!("{count} {word} | {memory} | {}\n", state(reflection))
    }
}

/// Fits a text into a terminal of so many columns.
fn fit(text: &str, columns: usize) -> String {
    let lines = text.lines().map(|line| line.chars().take(columns).collect::<String>() + END_OF_LINE);
    format!("{HOME}{}{END_OF_SCREEN}", lines.collect::<String>())
}

/// Rows and columns of the terminal, if it is one.
fn screen() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok().filter(|_| stdout().is_terminal())?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row.into(), size.ws_col.into()))
}

async fn run(args: &Args) -> Result<(), Failure> {
    let Connection { client, .. } = &args.cluster.connect(args.namespace.as_deref()).await?;
    let corner = Corner { empty: resident() };
    let (pods, reflection) = args.store.start(args, client.clone());
    if args.once {
        reflection.ready().await.map_err(|error| Failure(format!("error: {error}")))?;
        let table = args.table(&*pods, &reflection, usize::MAX);
        return print(&format!("{}{table}", corner.text(&*pods, &reflection)));
    }
    watch(args, &*pods, &reflection, &corner).await
}

/// Shows them again and again: on a terminal in the same place, and elsewhere whenever something has changed.
async fn watch(
    args: &Args,
    pods: &dyn Pods,
    reflection: &Reflection,
    corner: &Corner,
) -> Result<(), Failure> {
    let mut changes = reflection.changes();
    let mut shown = None;
    loop {
        let screen = screen();
        // The clock is no change.
        let now =
            (reflection.counts(), state(reflection).split(':').next_back().unwrap_or_default().to_owned());
        if screen.is_some() || shown.as_ref() != Some(&now) {
            let (rows, columns) = screen.unwrap_or((usize::MAX, usize::MAX));
            // The corner, the names of columns, and the cursor.
            let table = args.table(pods, reflection, rows.saturating_sub(3));
            let text = corner.text(pods, reflection) + &table;
            let text = match (screen, &shown) {
                (Some(_), _) => fit(&text, columns),
                (None, Some(_)) => format!("\n{text}"),
                (None, None) => text,
            };
            print(&text)?;
            shown = Some(now);
        }
        match timeout(TICK, changes.next()).await {
            // It has ended, as it was just told.
            Ok(None) => return Err(Failure(format!("error: {}", state(reflection)))),
            Ok(Some(_)) | Err(_) => sleep(PAUSE).await,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
