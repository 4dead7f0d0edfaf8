//! Graphs that are followed.
//!
//! Time stands still here but when somebody waits for a change: what is tried again after half a minute need not take that long.

mod faults;
mod kinds;
mod picture;
mod random;
mod reader;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    discovery::ApiResource,
};
use kube_ext::{
    fake::FakeCluster,
    owners::{Builder, Change, Follow, Node, OwnerGraph, Presence},
};
use serde_json::Value;
use tokio::{sync::oneshot, task};

use self::picture::{line, picture, who};

/// How long a change may take, on a clock that goes on.
const PATIENCE: Duration = Duration::from_secs(60);

/// As long as it is there, time goes on only by [`Follower::until`]. For tests with `start_paused`.
struct StillTime {
    _end: std::sync::mpsc::Sender<()>,
}

impl StillTime {
    /// As long as a thread is at work, tokio does not skip the time until the next timer.
    async fn begin() -> Self {
        let (end, ended) = std::sync::mpsc::channel();
        let (work, at_work) = oneshot::channel();
        drop(task::spawn_blocking(move || {
            let _ = work.send(());
            let _ = ended.recv();
        }));
        at_work.await.unwrap();
        Self { _end: end }
    }
}

/// A graph that is followed, and what its changes told.
struct Follower {
    follow: Follow,
    /// What is there, by the changes.
    told: BTreeSet<String>,
    /// The changes in words: `+ configmaps default/a`.
    changes: Vec<String>,
    _time: StillTime,
}

impl Follower {
    async fn new(builder: Builder) -> Self {
        let time = StillTime::begin().await;
        let graph = builder.load().await.unwrap();
        let told = listed(&graph);
        Self { follow: graph.follow(), told, changes: Vec::new(), _time: time }
    }

    fn graph(&self) -> &OwnerGraph {
        self.follow.graph()
    }

    /// Takes changes until the graph is so.
    async fn until(&mut self, what: &str, is_it: impl Fn(&OwnerGraph) -> bool) {
        let start = Instant::now();
        loop {
            // A graph may be ahead of the changes that are told one by one.
            while let Some(change) = self.follow.next().now_or_never() {
                self.hear(change.expect("it does not end"));
            }
            if is_it(self.follow.graph()) {
                break;
            }
            let late = || {
                format!(
                    "{what}: {:#?}\n{:#?}\n{:#?}",
                    self.follow.graph().gaps(),
                    picture(self.follow.graph()),
                    self.changes
                )
            };
            assert!(start.elapsed() < PATIENCE, "{}", late());
            let moment = task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(5)));
            let change = tokio::select! {
                biased;
                change = self.follow.next() => change.expect("it does not end"),
                _ = moment => {
                    tokio::time::advance(Duration::from_millis(500)).await;
                    continue;
                }
            };
            self.hear(change);
        }
        assert_eq!(self.told, listed(self.graph()));
    }

    fn hear(&mut self, change: Change) {
        let graph = self.follow.graph();
        let (sign, line) = match change {
            Change::Added(index) => {
                assert!(self.told.insert(who(&graph[index])), "{} is added again", graph[index]);
                ("+", line(&graph[index]))
            }
            Change::Modified(index) => {
                assert!(self.told.contains(&who(&graph[index])), "{} is not there", graph[index]);
                ("~", line(&graph[index]))
            }
            Change::Deleted(_, node) => {
                assert!(self.told.remove(&who(&node)), "{node} is deleted again");
                ("-", line(&node))
            }
            Change::Gaps => ("?", "gaps".to_owned()),
            other => panic!("{other:?}"),
        };
        self.changes.push(format!("{sign} {line}"));
    }

    /// Takes changes until the graph is as one that is loaded now, with a client for which nothing goes wrong.
    async fn until_equal(&mut self, builder: Builder) {
        let fresh = builder.load().await.unwrap();
        assert!(fresh.gaps().is_empty(), "{:?}", fresh.gaps());
        let expected = picture(&fresh);
        self.until(&format!("{expected:#?}"), |graph| graph.gaps().is_empty() && picture(graph) == expected)
            .await;
    }

    async fn until_gap(&mut self, words: &str) {
        self.until(words, |graph| graph.gaps().iter().any(|gap| gap.to_string().contains(words))).await;
    }

    async fn until_no_gaps(&mut self) {
        self.until("no gaps", |graph| graph.gaps().is_empty()).await;
    }

    /// Until an object is there.
    async fn until_there(&mut self, kind: &str, name: &str) {
        self.until(name, |graph| graph.nodes().into_iter().any(|it| is_it(&graph[it], kind, name))).await;
    }

    async fn until_gone(&mut self, kind: &str, name: &str) {
        self.until(name, |graph| !graph.nodes().into_iter().any(|it| is_it(&graph[it], kind, name))).await;
    }

    /// The changes of objects since this was asked last, in the order of the alphabet.
    fn sorted_changes(&mut self) -> Vec<String> {
        let mut changes = std::mem::take(&mut self.changes);
        changes.retain(|change| change != "? gaps");
        changes.sort();
        changes
    }
}

fn is_it(node: &Node, kind: &str, name: &str) -> bool {
    node.presence() == Presence::Listed && node.kind().is_called(kind) && node.name() == name
}

fn listed(graph: &OwnerGraph) -> BTreeSet<String> {
    let all = graph.as_petgraph().node_weights();
    all.filter(|node| node.presence() == Presence::Listed).map(who).collect()
}

/// How many requests of that verb there were for a resource, by a user if one is named.
fn count(cluster: &FakeCluster, verb: &str, resource: &str) -> usize {
    let requests = cluster.requests();
    requests.iter().filter(|it| (&*it.verb, &*it.resource) == (verb, resource)).count()
}

fn api(
    client: &Client,
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

fn maps(client: &Client) -> Api<DynamicObject> {
    api(client, "v1", "ConfigMap", "configmaps", Some("default"))
}

async fn create(api: &Api<DynamicObject>, object: Value) -> DynamicObject {
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

async fn patch(api: &Api<DynamicObject>, name: &str, patch: &Value) {
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}
