//! A cluster whose containers log, and what came of it.

use std::{collections::BTreeMap, future::Future, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube_ext::{
    fake::FakeCluster,
    logs::{Error, Event, LogStream, Part, Tail},
};
use serde_json::{Value, json};

/// What anything here may take.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

pub(crate) async fn cluster() -> FakeCluster {
    FakeCluster::builder().start().await.unwrap()
}

pub(crate) fn api(cluster: &FakeCluster) -> Api<Pod> {
    Api::default_namespaced(cluster.client().unwrap())
}

/// A tail that does not wait for long before it tries again.
pub(crate) fn tail() -> Tail {
    Tail::new().backoff(Duration::from_millis(1), Duration::from_millis(50))
}

pub(crate) fn at(milliseconds: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    start + TimeDelta::milliseconds(milliseconds)
}

/// A container's state, of its start number `restarts`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Now {
    Waiting,
    Running,
    Ended(i32),
}

/// A pod with these containers, each as it is after so many restarts.
pub(crate) fn pod(name: &str, containers: &[(&str, Now, i32)]) -> Pod {
    let id = |container: &str, restart: i32| format!("containerd://{name}-{container}-{restart}");
    let ended = |container: &str, restart: i32, code: i32| {
        json!({"terminated": {"exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" },
            "containerID": id(container, restart)}})
    };
    let status = |&(container, now, restarts): &(&str, Now, i32)| {
        let (state, current): (Value, Option<String>) = match now {
            Now::Waiting => (json!({"waiting": {"reason": "ContainerCreating"}}), None),
            Now::Running => (json!({"running": {}}), Some(id(container, restarts))),
            Now::Ended(code) => (ended(container, restarts, code), Some(id(container, restarts))),
        };
        let last = if restarts > 0 { ended(container, restarts - 1, 1) } else { json!({}) };
        json!({"name": container, "image": "x", "imageID": "", "ready": matches!(now, Now::Running), "restartCount": restarts,
            "containerID": current, "state": state, "lastState": last})
    };
    let specs: Vec<_> = containers.iter().map(|(name, ..)| json!({"name": name, "image": "x"})).collect();
    let statuses: Vec<_> = containers.iter().map(status).collect();
    let over = containers.iter().all(|(_, now, _)| matches!(now, Now::Ended(_)));
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"), "labels": {"app": "web"}},
        "spec": {"nodeName": "node-0", "containers": specs},
        "status": {"phase": if over { "Succeeded" } else { "Running" }, "containerStatuses": statuses},
    }))
    .unwrap()
}

/// A pod whose container `app` runs.
pub(crate) fn running(name: &str) -> Pod {
    pod(name, &[("app", Now::Running, 0)])
}

/// What a stream told, in order: `web-0/app: line`, `! Gap`, `+` and `-` for logs that begin and end.
pub(crate) fn told(event: &Event) -> String {
    match event {
        Event::Line(line) => {
            let part = match line.part() {
                Part::Whole => "",
                Part::First => " >",
                Part::Middle => " <>",
                Part::Last => " <",
                _ => " ?",
            };
            format!("{}/{}: {}{part}", line.pod(), line.container(), line.text())
        }
        Event::Started(source) => format!("+ {}/{} {}", source.pod, source.container, source.restarts),
        Event::Ended(source) => format!("- {}/{} {}", source.pod, source.container, source.restarts),
        Event::Gap(gap) => format!("! {}/{} {:?}", gap.source.pod, gap.source.container, gap.reason),
        Event::Failed(error) => format!("failed {error}"),
        Event::Interrupted { .. } => "interrupted".to_owned(),
        other => format!("{other:?}"),
    }
}

/// All that a stream tells until it ends.
pub(crate) async fn all(logs: LogStream) -> Vec<String> {
    within(logs.map_ok(|event| told(&event)).try_collect()).await.unwrap()
}

/// As [`all`], sorted, without what comes of interruptions.
pub(crate) async fn sorted(logs: LogStream) -> Vec<String> {
    let mut all = all(logs).await;
    all.retain(|told| told != "interrupted");
    all.sort();
    all
}

/// The next events, so many.
pub(crate) async fn next(logs: &mut LogStream, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        let event = within(logs.next()).await.expect("more").unwrap();
        found.push(told(&event));
    }
    found
}

/// The lines of each container, until there are so many in all; nothing else but what is said of connections may come.
pub(crate) async fn lines(
    logs: &mut (impl Stream<Item = Result<Event, Error>> + Unpin),
    count: usize,
) -> BTreeMap<String, Vec<Vec<u8>>> {
    let (mut found, mut total) = (BTreeMap::<_, Vec<_>>::new(), 0);
    // What is told if there are not so many.
    let mut told_of = Vec::new();
    let all = async {
        while total < count {
            match logs.next().await.expect("more").unwrap() {
                Event::Line(line) => {
                    let of_container =
                        found.entry(format!("{}/{}", line.pod(), line.container())).or_default();
                    of_container.push(line.bytes().to_vec());
                    total += 1;
                }
                Event::Interrupted { error, .. } => told_of.push(format!("after {total}: {error}")),
                event @ (Event::Started(_) | Event::Ended(_)) => {
                    told_of.push(format!("after {total}: {}", told(&event)));
                }
                other => panic!("{other:?}"),
            }
        }
    };
    if tokio::time::timeout(LIMIT, all).await.is_err() {
        let counts: Vec<_> = found.iter().map(|(name, lines)| format!("{name}: {}", lines.len())).collect();
        told_of.truncate(1000);
        panic!("{total} of {count} lines: {counts:#?} {told_of:#?}");
    }
    found
}
