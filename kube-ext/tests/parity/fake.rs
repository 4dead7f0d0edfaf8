//! The scenarios on a server inside the process.

use chrono::{TimeDelta, Utc};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use kube::config::Kubeconfig;
use kube::{Client, ResourceExt};
use kube_ext::fake::{Exit, FakeCluster, Process};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::parity::{self, Clients, Stage, Transcript, stage};

/// Plays all scenarios on a new cluster.
pub(crate) async fn transcript() -> Transcript {
    let cluster = FakeCluster::builder().user("powerless", []).start().await.expect("fake cluster");
    // As on a real server that has run for a while.
    cluster.faults().compact();
    let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("default")).expect("kubeconfig");
    let clients = Clients::of(&kubeconfig).await;
    parity::play(&clients, &Played(&cluster), |_| true).await
}

/// Pods of which each does what it does on a node.
struct Played<'a>(&'a FakeCluster);

impl Stage for Played<'_> {
    fn set<'a>(&'a self, client: &'a Client, namespace: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            for mut pod in stage::pods() {
                pod.metadata.namespace = Some(namespace.to_owned());
                let status = pod.status.as_ref().expect("a status");
                if let (Some(spec), Some(_)) = (&mut pod.spec, &status.container_statuses) {
                    spec.node_name = Some("node".to_owned());
                }
                self.0.apply(&pod).expect("a pod");
                for container in pod.spec.iter().flat_map(|spec| &spec.containers) {
                    self.0.container(namespace, &pod.name_any(), &container.name).on_exec(run);
                }
            }
            self.write_logs(namespace);
            let reader = self.0.container(namespace, "reader", "app");
            let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let read = reader.clone();
            reader.on_attach(move |mut process| {
                let (read, pods) = (read.clone(), pods.clone());
                async move {
                    let mut text = String::new();
                    process.stdin.read_to_string(&mut text).await.expect("what the client sends");
                    process.stdout.write_all(text.as_bytes()).await.expect("a client that reads");
                    text.lines().for_each(|line| read.log(line));
                    let ended = json!({"status": {
                        "phase": "Succeeded",
                        "containerStatuses": [{
                            "name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
                            "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
                        }],
                    }});
                    pods.patch_status("reader", &PatchParams::default(), &Patch::Merge(ended)).await.unwrap();
                }
            });
        })
    }
}

impl Played<'_> {
    fn write_logs(&self, namespace: &str) {
        let start = Utc::now() - TimeDelta::seconds(10);
        let container = |pod, name| self.0.container(namespace, pod, name);
        for talker in [container("pair", "app"), container("single", "app")] {
            (1..=5).for_each(|n| talker.log_at(start, format!("line {n}")));
            talker.log_at(start, "grün und 漢字");
        }
        container("single", "setup").log_at(start, "set up");
        let done = container("done", "app");
        done.log_at(start, "out");
        done.log_at(start, "err");
        done.log_part_at(start, "unfinished");
        done.finish();
        let again = container("again", "app");
        again.log_at(start, "first");
        again.restart();
        again.log_at(start, "second");
    }
}

/// The commands of the image that scenarios use.
async fn run(mut process: Process) -> Exit {
    let argv = process.argv().to_vec();
    let argv: Vec<_> = argv.iter().map(String::as_str).collect();
    match argv.as_slice() {
        ["true"] => Exit::SUCCESS,
        ["sh", "-c", script] => {
            let (output, code) = script.rsplit_once("exit ").expect("a script that exits");
            if !output.is_empty() {
                process.stdout.write_all(b"out\n").await.unwrap();
                process.stderr.write_all(b"err\n").await.unwrap();
            }
            Exit::code(code.parse().unwrap())
        }
        ["echo", words @ ..] => {
            let end = if process.tty() { "\r\n" } else { "\n" };
            process.stdout.write_all((words.join(" ") + end).as_bytes()).await.unwrap();
            Exit::SUCCESS
        }
        ["cat"] => {
            let mut text = Vec::new();
            process.stdin.read_to_end(&mut text).await.unwrap();
            process.stdout.write_all(&text).await.unwrap();
            Exit::SUCCESS
        }
        [path, ..] if path.starts_with('/') => not_started(&format!(
            "unable to start container process: exec: {path:?}: stat {path}: no such file or directory"
        )),
        [command, ..] => Exit::not_found(command),
        [] => not_started("args must not be empty"),
    }
}

/// In the words of containerd with runc.
fn not_started(why: &str) -> Exit {
    let id = "0".repeat(64);
    Exit::not_started(format!(
        "failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec failed: {why}"
    ))
}
