//! Which of several pods kubectl would pick.

use std::cmp::{Ordering, Reverse};

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{ContainerExt as _, ContainerKind, PodExt, read::Read};
use crate::time::TimeExt;

/// The order in which `kubectl logs deployment/web` prefers pods, the best first: assigned to a node, running, ready,
/// longest ready, most restarts, oldest.
///
/// This is `ByLogging` of kubectl's `pkg/util/podutils`. Pods that kubectl holds for equal are equal here, so use a
/// stable sort.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
///
/// let pod = |phase: &str| -> Pod {
///     serde_json::from_value(serde_json::json!({"metadata": {}, "status": {"phase": phase}})).unwrap_or_default()
/// };
/// let mut pods = vec![pod("Pending"), pod("Running")];
/// pods.sort_by(kube_ext::pod::by_logging);
/// assert_eq!(pods[0], pod("Running"));
/// ```
pub fn by_logging(a: &Pod, b: &Pod) -> Ordering {
    let phase = |pod: &Pod| match phase_of(pod) {
        "Unknown" => 1,
        "Pending" => 2,
        _ => 0,
    };
    is_assigned(b)
        .cmp(&is_assigned(a))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| b.is_ready().cmp(&a.is_ready()))
        .then_with(|| oldest_first(ready_since(a), ready_since(b)))
        .then_with(|| most_restarts(a).cmp(&most_restarts(b)))
        .then_with(|| oldest_first(created(a), created(b)))
}

/// The order in which a controller would delete pods, the least useful first: not assigned to a node, pending, not
/// ready, being deleted, shortest ready, most restarts, newest.
///
/// This is `ActivePods` of kubectl's `pkg/util/podutils`. `kubectl attach`, `exec` and `port-forward` on a workload
/// use it in reverse, so the pod they pick is the greatest. Use a stable sort.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
///
/// let pod = |phase: &str| -> Pod {
///     serde_json::from_value(serde_json::json!({"metadata": {}, "status": {"phase": phase}})).unwrap_or_default()
/// };
/// let pods = [pod("Running"), pod("Pending")];
/// let picked = pods.iter().max_by(|a, b| kube_ext::pod::by_activity(a, b));
/// assert_eq!(picked, Some(&pod("Running")));
/// ```
pub fn by_activity(a: &Pod, b: &Pod) -> Ordering {
    let phase = |pod: &Pod| match phase_of(pod) {
        "Unknown" => 1,
        "Running" => 2,
        _ => 0,
    };
    let deleted = |pod: &Pod| pod.metadata.deletion_timestamp.as_ref().and_then(instant);
    let is_deleting = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
    is_assigned(a)
        .cmp(&is_assigned(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| a.is_ready().cmp(&b.is_ready()))
        .then_with(|| is_deleting(b).cmp(&is_deleting(a)))
        .then_with(|| deleted(a).cmp(&deleted(b)))
        .then_with(|| oldest_first(ready_since(b), ready_since(a)))
        .then_with(|| most_restarts(a).cmp(&most_restarts(b)))
        .then_with(|| oldest_first(created(b), created(a)))
}

fn is_assigned(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_some_and(|node| !node.is_empty())
}

fn phase_of(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// A time that is not set comes last.
fn oldest_first(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Ordering {
    (a.is_none(), a).cmp(&(b.is_none(), b))
}

fn instant(time: &Time) -> Option<DateTime<Utc>> {
    (!time.is_zero()).then(|| time.to_chrono())
}

fn created(pod: &Pod) -> Option<DateTime<Utc>> {
    pod.metadata.creation_timestamp.as_ref().and_then(instant)
}

/// Since when a ready pod is so; `None` for pods that are not, which are compared with their like only.
fn ready_since(pod: &Pod) -> Option<DateTime<Utc>> {
    pod.ready_condition()
        .filter(|condition| condition.status == "True")?
        .last_transition_time
        .as_ref()
        .and_then(instant)
}

/// The highest count of a regular container, then of a sidecar; more sorts first.
fn most_restarts(pod: &Pod) -> (Reverse<i32>, Reverse<i32>) {
    let is_sidecar =
        |name: &str| pod.init().any(|spec| spec.kind() == ContainerKind::Sidecar && spec.name() == name);
    let sidecars = pod.init_statuses().filter(|status| is_sidecar(status.name));
    let most = |count: Option<i32>| Reverse(count.unwrap_or(0).max(0));
    (
        most(pod.statuses().map(|status| status.restart_count).max()),
        most(sidecars.map(|status| status.restart_count).max()),
    )
}
