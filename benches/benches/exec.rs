//! Commands in a container of the current kubeconfig context: how soon one has ended that does nothing, and how fast 200 MB
//! of output come, beside kube's own `Api::exec` and the kubectl on the `PATH`.
//!
//! Each side is a process of its own, whose memory and processor time are its own, and they take turns.
//!
//! `cargo bench -p kube-ext-benches --bench exec`; it needs a cluster that runs pods, and the image in [`IMAGE`].

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::{
    Api, Client, Config,
    api::{AttachParams, DeleteParams, PostParams},
    client::ConfigExt as _,
    runtime::wait::{await_condition, conditions::is_pod_running},
};
use kube_ext::exec::{self, ExecExt as _};
use kube_ext_benches::process::{median, peak_of};
use serde_json::json;
use tokio::{io, runtime::Runtime, time::timeout};

const NAMESPACE: &str = "kube-ext-bench-exec";
const IMAGE: &str = "kube-ext.local/tools:1";
const POD: &str = "web-0";
const CONTAINER: &str = "app";

const BYTES: u64 = 200_000_000;
const SHORT: [&str; 1] = ["true"];
const LONG: [&str; 4] = ["head", "-c", "200000000", "/dev/zero"];

/// Rounds that count; one more warms up.
const SHORT_ROUNDS: usize = 41;
const LONG_ROUNDS: usize = 7;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A way to run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Ours,
    OursPicks,
    OursOnKubes,
    Kube,
    KubeOnOurs,
    Kubectl,
}

impl Side {
    /// What the others are held against comes first.
    const ALL: [Self; 6] =
        [Self::Ours, Self::OursPicks, Self::OursOnKubes, Self::Kube, Self::KubeOnOurs, Self::Kubectl];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "`pods.command()`, client of `nodelay`",
            Self::OursPicks => "the same, container not named",
            Self::OursOnKubes => "`pods.command()`, kube's client",
            Self::Kube => "`Api::exec`, kube's client",
            Self::KubeOnOurs => "`Api::exec`, client of `nodelay`",
            Self::Kubectl => "`kubectl exec`, a process",
        }
    }

    async fn pods(self) -> Result<Api<Pod>> {
        let config = Config::infer().await?;
        let client = match self {
            Self::Ours | Self::OursPicks | Self::KubeOnOurs => {
                let tls = |config: &Config, tcp| config.rustls_https_connector_with_connector(tcp);
                kube_ext::client::nodelay(config, tls)?.build()
            }
            Self::OursOnKubes | Self::Kube | Self::Kubectl => Client::try_from(config)?,
        };
        Ok(Api::namespaced(client, NAMESPACE))
    }

    /// Runs a command to its end, and gives the bytes of its output, and the peak of another process' memory if there is one.
    fn run(self, runtime: &Runtime, pods: &Api<Pod>, command: &[&str]) -> Result<(u64, Option<u64>)> {
        match self {
            Self::Ours | Self::OursOnKubes => runtime.block_on(ours(pods, Some(CONTAINER), command)),
            Self::OursPicks => runtime.block_on(ours(pods, None, command)),
            Self::Kube | Self::KubeOnOurs => runtime.block_on(theirs(pods, command)),
            Self::Kubectl => return kubectl(command).map(|(bytes, peak)| (bytes, Some(peak))),
        }
        .map(|bytes| (bytes, None))
    }
}

async fn ours(pods: &Api<Pod>, container: Option<&str>, command: &[&str]) -> Result<u64> {
    let (program, args) = command.split_first().ok_or("no command")?;
    let mut command = pods.command(POD, *program).args(args.iter().copied());
    if let Some(container) = container {
        command = command.container(container);
    }
    let mut child = command.stderr(exec::Stdio::Null).spawn().await?;
    let mut stdout = child.stdout.take().ok_or("no stdout")?;
    let bytes = io::copy(&mut stdout, &mut io::sink()).await?;
    let status = child.wait().await?;
    if status.success() { Ok(bytes) } else { Err(status.to_string().into()) }
}

async fn theirs(pods: &Api<Pod>, command: &[&str]) -> Result<u64> {
    let params = AttachParams::default().container(CONTAINER).stdout(true).stderr(false);
    let mut process = pods.exec(POD, command.iter().copied(), &params).await?;
    let status = process.take_status().ok_or("no status")?;
    let mut stdout = process.stdout().ok_or("no stdout")?;
    let mut nowhere = io::sink();
    let (bytes, status) = tokio::join!(io::copy(&mut stdout, &mut nowhere), status);
    process.join().await?;
    let status = status.ok_or("no status")?;
    if status.status.as_deref() == Some("Success") { Ok(bytes?) } else { Err(format!("{status:?}").into()) }
}

fn kubectl(command: &[&str]) -> Result<(u64, u64)> {
    let mut process = Command::new("kubectl")
        .args(["exec", "-n", NAMESPACE, "-c", CONTAINER, POD, "--"])
        .args(command)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdout = process.stdout.take().ok_or("no stdout")?;
    let (mut buffer, mut bytes, mut reads, mut peak) = (vec![0; 1 << 16], 0, 0_u64, 0);
    loop {
        let read = stdout.read(&mut buffer)?;
        bytes += u64::try_from(read)?;
        // Its peak can be asked for while it lives.
        if reads.is_multiple_of(64) {
            peak = peak_of(&process.id().to_string()).unwrap_or(peak);
        }
        reads += 1;
        if read == 0 {
            break;
        }
    }
    let status = process.wait()?;
    if status.success() { Ok((bytes, peak)) } else { Err(status.to_string().into()) }
}

/// Hundredths of a second of processor time that this process has had, and the children that it has waited for.
fn processor_time() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may have spaces; after it come state, parent and so on, up to the four times.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').skip(11).take(4).map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// One side: for each line that comes, it runs a command, and writes what that took.
fn side(side: Side) -> Result<()> {
    let runtime = Runtime::new()?;
    let _on = runtime.enter();
    let pods = runtime.block_on(side.pods())?;
    for line in std::io::stdin().lines() {
        let (command, expected): (&[&str], _) = if line? == "short" { (&SHORT, 0) } else { (&LONG, BYTES) };
        let (processor, began) = (processor_time(), Instant::now());
        let (bytes, peak) = side.run(&runtime, &pods, command)?;
        let took = began.elapsed();
        if bytes != expected {
            return Err(format!("{side:?}: {bytes} bytes instead of {expected}").into());
        }
        let processor = processor_time().zip(processor).map_or(0, |(after, before)| after - before);
        let peak = peak.or_else(|| peak_of("self")).unwrap_or(0);
        println!("{} {processor} {peak}", took.as_nanos());
    }
    Ok(())
}

/// What one run of a command took.
#[derive(Clone, Copy, Default)]
struct Took {
    seconds: f64,
    processor_seconds: f64,
    peak_mib: f64,
}

/// The process of a side.
struct Worker {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(number: usize) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args(["side", &number.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ask = process.stdin.take().ok_or("no stdin")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        Ok(Self { process, ask, answers })
    }

    fn run(&mut self, what: &str) -> Result<Took> {
        writeln!(self.ask, "{what}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let mut numbers = answer.split_whitespace().map(str::parse::<f64>);
        let mut next = || numbers.next().ok_or("a side has failed")?.map_err(|err| err.to_string());
        Ok(Took { seconds: next()? / 1e9, processor_seconds: next()? / 100.0, peak_mib: next()? / 1024.0 })
    }

    fn end(self) -> Result<()> {
        let Self { mut process, ask, answers } = self;
        drop((ask, answers));
        process.wait()?;
        Ok(())
    }
}

/// Has the sides take turns, and prints a row for each: its name, what `row` makes of the medians, and the median of the rounds'
/// ratios of the time of the first to its own.
fn compare(
    workers: &mut [Worker],
    what: &str,
    rounds: usize,
    row: impl Fn(&dyn Fn(fn(&Took) -> f64) -> f64) -> String,
) -> Result<()> {
    let mut table = Vec::new();
    for round in 0..=rounds {
        // Each comes after each of the others' remains.
        let mut turns: Vec<_> = workers.iter_mut().enumerate().collect();
        turns.rotate_left(round % Side::ALL.len());
        let mut took = turns
            .into_iter()
            .map(|(number, side)| Ok((number, side.run(what)?)))
            .collect::<Result<Vec<_>>>()?;
        took.sort_by_key(|(number, _)| *number);
        table.push(took.into_iter().map(|(_, took)| took).collect::<Vec<_>>());
    }
    let rounds = table.get(1..).unwrap_or_default();
    for (number, side) in Side::ALL.iter().enumerate() {
        let of_side: Vec<Took> = rounds.iter().filter_map(|round| round.get(number).copied()).collect();
        let cells = row(&|of| median(of_side.iter().map(of).collect()));
        let ratio = median(
            rounds
                .iter()
                .zip(&of_side)
                .filter_map(|(round, it)| Some(round.first()?.seconds / it.seconds))
                .collect(),
        );
        println!("| {} | {cells} | {ratio:.2} |", side.name());
    }
    Ok(())
}

fn measure() -> Result<()> {
    let mut workers = (0..Side::ALL.len()).map(Worker::start).collect::<Result<Vec<_>>>()?;
    println!("`{}`, from the call to its exit status; median of {SHORT_ROUNDS} rounds.\n", SHORT.join(" "));
    println!("| by | ms | ratio |\n| --- | --- | --- |");
    compare(&mut workers, "short", SHORT_ROUNDS, |median| format!("{:.1}", median(|it| it.seconds * 1e3)))?;
    println!("\n`{}`; median of {LONG_ROUNDS} rounds.\n", LONG.join(" "));
    println!("| by | MB/s | processor s | peak MiB | ratio |\n| --- | --- | --- | --- | --- |");
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
    compare(&mut workers, "long", LONG_ROUNDS, |median| {
        format!(
            "{:.0} | {:.2} | {:.0}",
            median(|it| BYTES as f64 / 1e6 / it.seconds),
            median(|it| it.processor_seconds),
            median(|it| it.peak_mib),
        )
    })?;
    workers.into_iter().try_for_each(Worker::end)
}

/// A pod that waits for commands.
async fn make(client: &Client) -> Result<()> {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    // The controller manager does this too, a moment later; a pod cannot be without.
    let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": "default"}}))?;
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), NAMESPACE);
    let _ = accounts.create(&PostParams::default(), &account).await;
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": POD},
        "spec": {
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": CONTAINER, "image": IMAGE, "imagePullPolicy": "IfNotPresent",
                "command": ["sleep", "2147483647"],
            }],
        },
    }))?;
    pods.create(&PostParams::default(), &pod).await?;
    timeout(Duration::from_secs(120), await_condition(pods, POD, is_pod_running())).await??;
    Ok(())
}

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    if args.next().as_deref() == Some("side") {
        let number: usize = args.next().ok_or("which side")?.parse()?;
        return side(*Side::ALL.get(number).ok_or("no such side")?);
    }
    let runtime = Runtime::new()?;
    let client = runtime.block_on(Client::try_default())?;
    let measured = runtime.block_on(make(&client)).and_then(|()| measure());
    runtime.block_on(Api::<Namespace>::all(client).delete(NAMESPACE, &DeleteParams::default()))?;
    measured
}
