//! How an object is, of those that a graph has been asked for.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use petgraph::graph::NodeIndex;
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    gap::Gap,
    graph::OwnerGraph,
    kinds::Kind,
    list::List,
    node::Uid,
    reading::{Reading, Turn},
};
use crate::{
    health::{self, Status},
    pod::PodExt as _,
};

/// How an object is: [`Node::status`](crate::owners::Node::status).
///
/// ```
/// use kube_ext::health::Status;
///
/// fn is_in_trouble(node: &kube_ext::owners::Node) -> bool {
///     node.status().is_some_and(|status| status.health() == Status::Failed)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    ready: Option<Box<str>>,
    text: Option<Box<str>>,
    conditions: Box<[NodeCondition]>,
    health: Status,
    message: Box<str>,
}

/// A condition in the status of an object.
///
/// ```
/// fn title(condition: &kube_ext::owners::NodeCondition) -> String {
///     format!("{}={} {}", condition.type_, condition.status, condition.reason)
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeCondition {
    /// Its type, as `Ready`.
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in a word; empty if none is given.
    pub reason: String,
    /// Why, in words; empty if none are given.
    pub message: String,
}

impl NodeStatus {
    /// Of a whole object, with its type.
    pub(super) fn new(kind: &Kind, object: &Value, now: DateTime<Utc>) -> Self {
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let conditions: Box<[_]> = conditions.into_iter().flatten().filter_map(condition).collect();
        let (ready, text) = words(&kind.resource.group, &kind.resource.kind, object, &conditions);
        let (health, message) = match health::of(object, now) {
            Ok(report) => (report.status, report.message),
            Err(error) => (Status::Unknown, error.to_string()),
        };
        Self {
            ready: ready.map(Into::into),
            text: text.map(Into::into),
            conditions,
            health,
            message: message.into(),
        }
    }

    /// What kubectl shows as READY of a pod (`1/2`, containers), a Deployment or a `StatefulSet` (`3/5`, replicas) and as COMPLETIONS of
    /// a job; of a `ReplicaSet`, a `ReplicationController` and a `DaemonSet` its READY of DESIRED. None of other kinds
    /// (`pkg/printers/internalversion/printers.go`).
    ///
    /// ```
    /// fn ready(node: &kube_ext::owners::Node) -> &str {
    ///     node.status().and_then(|status| status.ready()).unwrap_or("-")
    /// }
    /// ```
    pub fn ready(&self) -> Option<&str> {
        self.ready.as_deref()
    }

    /// What kubectl shows as STATUS of a pod, as `CrashLoopBackOff`, or of a job, as `Complete`. None of other kinds.
    ///
    /// ```
    /// fn status(node: &kube_ext::owners::Node) -> &str {
    ///     node.status().and_then(|status| status.text()).unwrap_or("-")
    /// }
    /// ```
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What kstatus says of it ([`health`]); [`Status::Unknown`] if that says that something is wrong with the object. Of a pod that
    /// cannot be scheduled, what it said when the object was read.
    ///
    /// ```
    /// # use kube_ext::owners::NodeStatus;
    /// fn is_there(status: &NodeStatus) -> bool {
    ///     status.health() == kube_ext::health::Status::Current
    /// }
    /// ```
    pub fn health(&self) -> Status {
        self.health
    }

    /// Why, in kstatus's words.
    ///
    /// ```
    /// # use kube_ext::owners::NodeStatus;
    /// fn why(status: &NodeStatus) -> String {
    ///     format!("{}: {}", status.health(), status.message())
    /// }
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Its conditions, in its own order.
    ///
    /// ```
    /// # use kube_ext::owners::NodeStatus;
    /// fn types(status: &NodeStatus) -> Vec<&str> {
    ///     status.conditions().iter().map(|condition| &*condition.type_).collect()
    /// }
    /// ```
    pub fn conditions(&self) -> &[NodeCondition] {
        &self.conditions
    }

    /// The first condition of a type.
    ///
    /// ```
    /// # use kube_ext::owners::NodeStatus;
    /// fn is_available(status: &NodeStatus) -> bool {
    ///     status.condition("Available").is_some_and(|condition| condition.status == "True")
    /// }
    /// ```
    pub fn condition(&self, type_: &str) -> Option<&NodeCondition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

impl OwnerGraph {
    pub(super) fn forget_statuses(&mut self) {
        let nodes: Vec<_> = self.as_petgraph().node_indices().collect();
        for index in nodes {
            if let Some(node) = self.node_mut(index) {
                node.status = None;
            }
        }
    }

    /// Reads the [status](crate::owners::Node::status) of some objects as it is now: with one list of each of their kinds, of the namespace that they are in if
    /// they are in one. What could not be read, of which the status stays what it was.
    ///
    /// # Cancel safety
    /// If the future is dropped, the graph is as before.
    ///
    /// ```
    /// use kube_ext::owners::{NodeIndex, OwnerGraph};
    ///
    /// async fn show(graph: &mut OwnerGraph, web: NodeIndex) {
    ///     let below = graph.descendants(web);
    ///     for gap in graph.load_status([web].into_iter().chain(below)).await {
    ///         eprintln!("{gap}");
    ///     }
    ///     println!("{}", graph.tree(web));
    /// }
    /// ```
    pub async fn load_status(&mut self, nodes: impl IntoIterator<Item = NodeIndex>) -> Vec<Gap> {
        let Some((builder, catalog)) = self.origin.as_ref().and_then(|origin| origin.sources()) else {
            return Vec::new();
        };
        let nodes: HashSet<_> = nodes.into_iter().filter(|index| self.is_listed(*index)).collect();
        let mut lists: Vec<List> = Vec::new();
        for kind in &catalog.preferred {
            let of_kind = nodes.iter().filter_map(|index| self.node(*index));
            let spaces: HashSet<_> =
                of_kind.filter(|node| node.kind.is_same(kind)).map(|node| node.namespace.clone()).collect();
            let mut spaces = spaces.into_iter();
            if let Some(first) = spaces.next() {
                let namespace = first.filter(|_| spaces.next().is_none());
                lists.push(List { depth: kind.depth_of_status(), ..builder.list(kind, namespace) });
            }
        }
        let wanted: HashMap<&Uid, NodeIndex> = nodes
            .iter()
            .filter_map(|index| Some((&self.node(*index)?.uid, *index)))
            .filter(|(uid, _)| !uid.is_empty())
            .collect();
        let reading = lists.into_iter().map(|list| statuses(list, &wanted));
        let read: Vec<_> = stream::iter(reading).buffer_unordered(builder.concurrency).collect().await;
        let mut gaps = Vec::new();
        for (statuses, gap) in read {
            for (index, status) in statuses {
                if let Some(node) = self.node_mut(index) {
                    node.status = Some(Box::new(status));
                }
            }
            gaps.extend(gap);
        }
        gaps.sort_by(|one, other| one.what.cmp(&other.what));
        gaps
    }
}

/// The statuses of those objects of a list that are wanted, and what is missing of it.
async fn statuses(
    list: List,
    wanted: &HashMap<&Uid, NodeIndex>,
) -> (HashMap<NodeIndex, NodeStatus>, Option<Gap>) {
    let (kind, mut found, mut reading) = (list.kind.clone(), HashMap::new(), Reading::new(list));
    loop {
        let (next, page) = reading.page().await;
        reading = next;
        let turn = reading.turn(page, |metadata, whole| {
            let index = wanted.get(&Uid::from(&*metadata.uid));
            if let Some((index, whole)) = index.zip(whole) {
                found.insert(*index, NodeStatus::new(&kind, whole, Utc::now()));
            }
        });
        match turn {
            Turn::More | Turn::Anew => {}
            Turn::Done(_) => return (found, reading.narrowed()),
            Turn::Failed(cause) => return (found, Some(reading.gap(cause))),
        }
    }
}

fn condition(condition: &Value) -> Option<NodeCondition> {
    let text = |field| condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let type_ = condition.get("type")?.as_str()?.to_owned();
    Some(NodeCondition { type_, status: text("status"), reason: text("reason"), message: text("message") })
}

/// READY and STATUS.
fn words(
    group: &str,
    kind: &str,
    object: &Value,
    conditions: &[NodeCondition],
) -> (Option<String>, Option<String>) {
    let number = |pointer| object.pointer(pointer).and_then(Value::as_i64);
    let of = |ready, wanted| {
        (Some(format!("{}/{}", number(ready).unwrap_or_default(), number(wanted).unwrap_or_default())), None)
    };
    match (group, kind) {
        ("", "Pod") => match Pod::deserialize(object) {
            Ok(pod) => (Some(pod.ready()), Some(pod.status().to_string())),
            Err(_) => (None, None),
        },
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") | ("", "ReplicationController") => {
            of("/status/readyReplicas", "/spec/replicas")
        }
        ("apps", "DaemonSet") => of("/status/numberReady", "/status/desiredNumberScheduled"),
        ("batch", "Job") => {
            let succeeded = number("/status/succeeded").unwrap_or_default();
            let completions = match (number("/spec/completions"), number("/spec/parallelism")) {
                (Some(wanted), _) => format!("{succeeded}/{wanted}"),
                (None, Some(at_once)) if at_once > 1 => format!("{succeeded}/1 of {at_once}"),
                (None, _) => format!("{succeeded}/1"),
            };
            (Some(completions), Some(job(object, conditions).to_owned()))
        }
        _ => (None, None),
    }
}

fn job(object: &Value, conditions: &[NodeCondition]) -> &'static str {
    let has = |type_: &&str| conditions.iter().any(|it| it.type_ == *type_ && it.status == "True");
    let is_deleting = object.pointer("/metadata/deletionTimestamp").is_some_and(|it| !it.is_null());
    let ended = ["Complete", "Failed"].into_iter().find(has);
    let going = || ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter().find(has);
    ended.or_else(|| is_deleting.then_some("Terminating")).or_else(going).unwrap_or("Running")
}
