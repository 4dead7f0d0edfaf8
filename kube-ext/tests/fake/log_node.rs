//! Logs of containers that are processes of this machine, and what kubectl would make of them.

use std::process::Stdio;

use futures::AsyncReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::LogParams;
use kube_ext::fake;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use crate::exec::setup::Scene;
use crate::logs::setup::Ask;

/// Puts a pod into the cluster, and has its containers run, one after the other; those that end have done so then.
pub(crate) async fn start(scene: &Scene, pod: Value) {
    scene.start(pod.clone()).await;
    let pod: Pod = serde_json::from_value(pod).expect("a pod");
    let (spec, status) = (pod.spec.as_ref().expect("a spec"), pod.status.as_ref().expect("a status"));
    let statuses = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        let handle = scene.cluster.server.container(&scene.namespace.name, &pod.name_any(), &container.name);
        let argv = container.command.clone().expect("a command");
        let state = statuses().find(|it| it.name == container.name).and_then(|it| it.state.as_ref());
        let run = run(argv, handle.clone());
        match state {
            Some(state) if state.terminated.is_some() => {
                run.await;
                handle.finish();
            }
            _ => drop(tokio::spawn(run)),
        }
    }
}

/// Runs a process to its end, and logs what it writes.
async fn run(argv: Vec<String>, to: fake::Container) {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    tokio::join!(log(stdout, &to), log(stderr, &to));
    child.wait().await.unwrap();
}

async fn log(from: impl AsyncRead + Unpin, to: &fake::Container) {
    let (mut from, mut line) = (BufReader::new(from), Vec::new());
    while from.read_until(b'\n', &mut line).await.unwrap() > 0 {
        match line.strip_suffix(b"\n") {
            Some(line) => to.log(line),
            None => to.log_part_at(chrono::Utc::now(), &line),
        }
        line.clear();
    }
}

/// What kubectl prints of a container's log: the server's answer, with the pod and the container before each line.
pub(crate) async fn kubectl_logs(scene: &Scene, pod: &str, container: &str, ask: Ask) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut log = scene.pods().log_stream(pod, &params(ask, container)).await.unwrap();
    log.read_to_end(&mut answer).await.unwrap();
    if !ask.prefix {
        return answer;
    }
    let prefix = format!("[pod/{pod}/{container}] ").into_bytes();
    answer.split_inclusive(|byte| *byte == b'\n').flat_map(|line| [&prefix, line].concat()).collect()
}

/// The same for the server.
fn params(ask: Ask, container: &str) -> LogParams {
    let signed = |number: u64| i64::try_from(number).unwrap();
    LogParams {
        container: Some(container.to_owned()),
        timestamps: ask.timestamps,
        previous: ask.previous,
        tail_lines: ask.tail.map(signed),
        since_seconds: ask.since.map(|ago| signed(ago.as_secs())),
        since_time: ask.since_time.map(|time| Timestamp::from_second(time.timestamp()).unwrap()),
        limit_bytes: ask.limit_bytes.map(signed),
        ..LogParams::default()
    }
}
