//! Logs: how fast they come, what processor time and memory that takes of the client, beside kube's own stream, the kubectl on the
//! `PATH` and stern; of a container on a node, and of one inside the process, whose server is fast enough for the clients to tell.
//!
//! Each run is a process of its own, and the sides take turns. All must find the same number of lines.
//!
//! `cargo bench -p kube-ext-benches --bench logs`; without a cluster that runs pods, and the image in [`IMAGE`], it measures on the
//! cluster inside the process alone.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures::{AsyncBufReadExt as _, TryStreamExt as _, future};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, LogParams, PostParams},
    runtime::wait::await_condition,
};
use kube_ext::{
    fake::FakeCluster,
    logs::{Event, LogExt as _, Tail},
};
use kube_ext_benches::{
    namespace,
    process::{float, median, peak_of, processor_time_of_children, program},
};
use serde_json::json;
use tokio::{runtime::Runtime, time::timeout};

const IMAGE: &str = "kube-ext.local/tools:1";
/// Of a line, its newline included.
const LINE: u64 = 101;
/// What is read of one container: 202 MB.
const LINES: u64 = 2_000_000;
/// Rounds that count; one more warms up. A node takes its time.
const ROUNDS: usize = 7;
const ROUNDS_ON_A_NODE: usize = 3;
/// Containers that are followed at once inside the process, and lines of each.
const MANY: u64 = 100;
const LINES_OF_MANY: u64 = 20_000;
/// And on a node: less than 10 MiB each, which would be rotated while the container runs.
const SOME: u64 = 20;
const LINES_OF_SOME: u64 = 50_000;
/// A node rotates a log that has become too long when it looks, every 10 seconds: a log that is written in less may be whole.
const WRITES: usize = 8;
/// How many MB the processor time is told for.
const UNIT: f64 = 200.0;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A way to read logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Tail,
    Lines,
    StampedLines,
    Kubectl,
    StampedKubectl,
    Stern,
}

/// What is read: all logs of the pods in a namespace.
struct Task<'a> {
    kubeconfig: Option<&'a Path>,
    namespace: &'a str,
    /// They are followed, so many at once; else there is one.
    follow: Option<u64>,
    /// How many lines there are in all.
    lines: u64,
    rounds: usize,
}

/// What a run took.
#[derive(Clone, Copy, Default)]
struct Took {
    seconds: f64,
    processor_seconds: f64,
    peak_mib: f64,
}

impl Side {
    /// What the others are held against comes first.
    const ALL: [Self; 6] =
        [Self::Tail, Self::Lines, Self::StampedLines, Self::Kubectl, Self::StampedKubectl, Self::Stern];

    fn name(self) -> &'static str {
        match self {
            Self::Tail => "`pods.tail()`, times and all",
            Self::Lines => "`Api::log_stream().lines()`",
            Self::StampedLines => "the same with times",
            Self::Kubectl => "`kubectl logs`",
            Self::StampedKubectl => "`kubectl logs --timestamps`",
            Self::Stern => "`stern`",
        }
    }

    /// Another program that does it, if that is one.
    fn program(self, task: &Task<'_>) -> Option<Command> {
        let mut command = match self {
            Self::Tail | Self::Lines | Self::StampedLines => return None,
            Self::Kubectl | Self::StampedKubectl => {
                let mut kubectl = Command::new("kubectl");
                kubectl.args(["logs", "--tail=-1", "--selector=app=bench"]);
                kubectl.arg(format!("--timestamps={}", self == Self::StampedKubectl));
                if let Some(many) = task.follow {
                    kubectl.args(["--follow", &format!("--max-log-requests={many}")]);
                }
                kubectl
            }
            Self::Stern => {
                let mut stern = Command::new(program("stern")?);
                stern.args([".", "--tail=-1", "--since=48h", "--color=never", "--only-log-lines"]);
                stern.arg("--selector=app=bench");
                match task.follow {
                    Some(many) => stern.arg(format!("--max-log-requests={many}")),
                    None => stern.arg("--no-follow"),
                };
                stern
            }
        };
        command.args(["--namespace", task.namespace]);
        Some(command)
    }

    /// This program as the side that it is.
    fn of_this_program(self, task: &Task<'_>) -> Result<Command> {
        let number = Self::ALL.iter().position(|side| *side == self).unwrap_or_default();
        let mut command = Command::new(env::current_exe()?);
        command.args(["side", &number.to_string(), task.namespace, &task.lines.to_string()]);
        command.arg(task.follow.unwrap_or(0).to_string());
        Ok(command)
    }

    fn is_there(self) -> bool {
        match self {
            Self::Kubectl | Self::StampedKubectl => program("kubectl").is_some(),
            Self::Stern => program("stern").is_some(),
            _ => true,
        }
    }

    /// Reads it all in another process, and says what that took.
    fn run(self, task: &Task<'_>) -> Result<Took> {
        let program = self.program(task);
        let is_ours = program.is_none();
        let mut command = program.map_or_else(|| self.of_this_program(task), Ok)?;
        if let Some(kubeconfig) = task.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        let (processor, began) = (processor_time_of_children(), Instant::now());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let counted = if is_ours { counted(&mut process) } else { count(&mut process, task) };
        let (lines, peak) = match counted {
            Ok(counted) => counted,
            Err(error) => {
                let _ = process.kill();
                process.wait()?;
                return Err(error);
            }
        };
        let took = began.elapsed();
        process.wait()?;
        if lines != task.lines {
            return Err(format!("{}: {lines} lines instead of {}", self.name(), task.lines).into());
        }
        let processor =
            processor_time_of_children().zip(processor).map_or(0, |(after, before)| after - before);
        Ok(Took {
            seconds: took.as_secs_f64(),
            processor_seconds: float(processor) / 100.0,
            peak_mib: float(peak) / 1024.0,
        })
    }
}

/// Counts the lines that a program prints, until it ends, or all have come of those that it would follow for ever.
fn count(process: &mut Child, task: &Task<'_>) -> Result<(u64, u64)> {
    let mut stdout = process.stdout.take().ok_or("no stdout")?;
    let (mut buffer, mut lines, mut reads, mut peak) = (vec![0; 1 << 16], 0, 0_u64, 0);
    loop {
        let read = stdout.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        #[expect(clippy::naive_bytecount, reason = "the compiler makes it fast enough")]
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        lines += ends as u64;
        // Its peak can be asked for while it lives.
        if reads.is_multiple_of(64) || lines >= task.lines {
            peak = peak_of(&process.id().to_string()).unwrap_or(peak);
        }
        reads += 1;
        if read == 0 {
            return Ok((lines, peak));
        }
        if task.follow.is_some() && lines >= task.lines {
            process.kill()?;
            return Ok((lines, peak));
        }
    }
}

/// What a process of this program says of itself.
fn counted(process: &mut Child) -> Result<(u64, u64)> {
    let mut answer = String::new();
    BufReader::new(process.stdout.take().ok_or("no stdout")?).read_line(&mut answer)?;
    let mut numbers = answer.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next().ok_or("a side has failed")?.map_err(|error| error.to_string());
    Ok((next()?, next()?))
}

/// One side: counts lines, and writes how many there were and the peak of its memory.
async fn side(side: Side, namespace: &str, lines: u64, follow: u64) -> Result<()> {
    let pods = Api::<Pod>::namespaced(Client::try_default().await?, namespace);
    let found = match side {
        Side::Tail => ours(&pods, lines, follow).await?,
        _ => theirs(&pods, side == Side::StampedLines, lines, follow).await?,
    };
    println!("{found} {}", peak_of("self").unwrap_or(0));
    Ok(())
}

async fn ours(pods: &Api<Pod>, lines: u64, follow: u64) -> Result<u64> {
    let mut tail = Tail::new().labels("app=bench");
    if follow > 0 {
        tail = tail.follow().max_streams(usize::try_from(follow)?);
    }
    let (mut logs, mut found) = (pods.tail(tail), 0);
    while let Some(event) = logs.try_next().await? {
        match event {
            Event::Line(_) => found += 1,
            Event::Started(_) | Event::Ended(_) => {}
            other => return Err(format!("{other:?}").into()),
        }
        if follow > 0 && found == lines {
            break;
        }
    }
    Ok(found)
}

async fn theirs(pods: &Api<Pod>, timestamps: bool, lines: u64, follow: u64) -> Result<u64> {
    let listed = pods.list_metadata(&ListParams::default().labels("app=bench")).await?;
    let of_each = lines / u64::try_from(listed.items.len().max(1))?;
    let params = LogParams { follow: follow > 0, timestamps, ..LogParams::default() };
    let all = listed.items.iter().map(|pod| {
        let (name, params) = (pod.name_any(), &params);
        async move {
            let (mut lines, mut found) = (pods.log_stream(&name, params).await?.lines(), 0);
            while lines.try_next().await?.is_some() {
                found += 1;
                if follow > 0 && found == of_each {
                    break;
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(found)
        }
    });
    Ok(future::try_join_all(all).await?.into_iter().sum())
}

/// Has the sides take turns, and prints a row for each: the medians, and the median of the rounds' ratios of the processor time
/// of the first to its own.
fn compare(task: &Task<'_>, sides: &[Side]) -> Result<()> {
    let sides: Vec<Side> = sides.iter().copied().filter(|side| side.is_there()).collect();
    let mut table = Vec::new();
    for round in 0..=task.rounds {
        // Each comes after each of the others' remains.
        let mut turns: Vec<_> = sides.iter().enumerate().collect();
        turns.rotate_left(round % sides.len());
        let took = turns.into_iter().map(|(number, side)| Ok((number, side.run(task)?)));
        let mut took = took.collect::<Result<Vec<_>>>()?;
        took.sort_by_key(|(number, _)| *number);
        table.push(took.into_iter().map(|(_, took)| took).collect::<Vec<_>>());
    }
    let mb = float(task.lines * LINE) / 1e6;
    println!("| by | MB/s | lines/s | processor s for 200 MB | peak MiB | ratio |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let rounds = table.get(1..).unwrap_or_default();
    for (number, side) in sides.iter().enumerate() {
        let of_side: Vec<Took> = rounds.iter().filter_map(|round| round.get(number).copied()).collect();
        let of = |of: &dyn Fn(&Took) -> f64| median(of_side.iter().map(of).collect());
        let firsts = rounds.iter().filter_map(|round| round.first());
        let ratios = firsts.zip(&of_side).map(|(first, it)| first.processor_seconds / it.processor_seconds);
        println!(
            "| {} | {:.1} | {:.0} | {:.2} | {:.0} | {:.2} |",
            side.name(),
            of(&|it| mb / it.seconds),
            of(&|it| float(task.lines) / it.seconds),
            of(&|it| it.processor_seconds * UNIT / mb),
            of(&|it| it.peak_mib),
            median(ratios.collect()),
        );
    }
    println!();
    Ok(())
}

fn of_many() -> Vec<Side> {
    Side::ALL.into_iter().filter(|side| *side != Side::StampedKubectl).collect()
}

/// Logs that a cluster inside this process serves.
fn inside(runtime: &Runtime) -> Result<()> {
    let folder = env::temp_dir().join(format!("kube-ext-bench-logs-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let kubeconfig = folder.join("kubeconfig");
    let measured = (|| {
        for (pods, lines, follow) in [(1, LINES, None), (MANY, LINES_OF_MANY, Some(MANY))] {
            let cluster = runtime.block_on(FakeCluster::builder().start())?;
            for number in 0..pods {
                let name = format!("web-{number}");
                let id = format!("containerd://{number}");
                let state = if follow.is_some() {
                    json!({"running": {}})
                } else {
                    json!({"terminated": {"exitCode": 0, "containerID": id}})
                };
                let pod: Pod = serde_json::from_value(json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "namespace": "default", "labels": {"app": "bench"}},
                    "spec": {"nodeName": "node", "containers": [{"name": "app", "image": IMAGE}]},
                    "status": {
                        "phase": if follow.is_some() { "Running" } else { "Succeeded" },
                        "containerStatuses": [{
                            "name": "app", "image": IMAGE, "imageID": "", "ready": follow.is_some(), "restartCount": 0,
                            "containerID": id, "state": state,
                        }],
                    },
                }))?;
                cluster.apply(&pod)?;
                let container = cluster.container("default", &name, "app");
                container.log_limit(1 << 30);
                let start = chrono::Utc::now();
                container.log_lines((0..lines).map(|number| {
                    // A hundred thousand a second.
                    let nanos = i64::try_from(number * 10_000).unwrap_or_default();
                    let text = format!("line {number} ");
                    (start + chrono::TimeDelta::nanoseconds(nanos), format!("{text:x<100}"))
                }));
            }
            fs::write(&kubeconfig, cluster.kubeconfig("default"))?;
            let task = Task {
                kubeconfig: Some(&kubeconfig),
                namespace: "default",
                follow,
                lines: pods * lines,
                rounds: ROUNDS,
            };
            match follow {
                None => println!("A container inside the process, {lines} lines of {LINE} bytes:\n"),
                Some(_) => {
                    println!("{pods} containers inside the process, followed at once, {lines} lines each:\n");
                }
            }
            compare(&task, &if follow.is_some() { of_many() } else { Side::ALL.to_vec() })?;
        }
        Ok(())
    })();
    fs::remove_dir_all(&folder)?;
    measured
}

/// Pods that have written so many lines each, and ended.
async fn write(client: &Client, namespace: &str, pods: u64, lines: u64) -> Result<()> {
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    for number in 0..pods {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": format!("web-{number}"), "labels": {"app": "bench"}},
            "spec": {
                "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
                "containers": [{
                    "name": "app", "image": IMAGE, "imagePullPolicy": "Never",
                    "command": ["logwriter", "-lines", lines.to_string(), "-width", "100"],
                }],
            },
        }))?;
        api.create(&PostParams::default(), &pod).await?;
    }
    for number in 0..pods {
        let is_over = |pod: Option<&Pod>| {
            let phase = pod.and_then(|pod| pod.status.as_ref()?.phase.as_deref());
            phase == Some("Succeeded")
        };
        let name = format!("web-{number}");
        timeout(Duration::from_secs(300), await_condition(api.clone(), &name, is_over)).await??;
    }
    Ok(())
}

/// Logs of containers on a node.
async fn on_a_node(client: &Client, pods: u64, lines: u64, follow: Option<u64>) -> Result<()> {
    for _ in 0..WRITES {
        let namespace = namespace::make(client, "kube-ext-bench-logs-").await?;
        let measured = async {
            write(client, &namespace, pods, lines).await?;
            let task = Task {
                kubeconfig: None,
                namespace: &namespace,
                follow,
                lines: pods * lines,
                rounds: ROUNDS_ON_A_NODE,
            };
            let api = Api::<Pod>::namespaced(client.clone(), &namespace);
            let found = ours(&api, u64::MAX, 0).await?;
            if found < task.lines {
                eprintln!("the node has rotated the log: {found} lines are left of {}", task.lines);
                return Ok(false);
            }
            match follow {
                None => println!("A container on a node, {lines} lines of {LINE} bytes:\n"),
                Some(_) => println!("{pods} containers on a node, followed at once, {lines} lines each:\n"),
            }
            compare(&task, &if follow.is_some() { of_many() } else { Side::ALL.to_vec() })?;
            Ok(true)
        }
        .await;
        Api::<Namespace>::all(client.clone()).delete(&namespace, &DeleteParams::default()).await?;
        let is_measured: Result<bool> = measured;
        if is_measured? {
            return Ok(());
        }
    }
    println!("The node rotated the log at each of {WRITES} tries: not measured.\n");
    Ok(())
}

/// The cluster of the current context, if there is one that answers.
async fn cluster() -> Result<Client> {
    let client = Client::try_default().await?;
    client.apiserver_version().await?;
    Ok(client)
}

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let runtime = Runtime::new()?;
    if args.next().as_deref() == Some("side") {
        let mut next = || args.next().ok_or("which side?");
        let number: usize = next()?.parse()?;
        let (namespace, lines, follow) = (next()?, next()?.parse()?, next()?.parse()?);
        return runtime.block_on(side(
            *Side::ALL.get(number).ok_or("no such side")?,
            &namespace,
            lines,
            follow,
        ));
    }
    for side in Side::ALL.into_iter().filter(|side| !side.is_there()) {
        println!("{} is not there, and left out.\n", side.name());
    }
    match runtime.block_on(cluster()) {
        Ok(client) => runtime.block_on(async {
            on_a_node(&client, 1, LINES, None).await?;
            on_a_node(&client, SOME, LINES_OF_SOME, Some(SOME)).await
        })?,
        Err(error) => println!("No cluster, so nothing of a node: {error}\n"),
    }
    inside(&runtime)
}
