//! Which pods and containers are meant.

use k8s_openapi::{
    api::core::v1::{self as corev1, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{ResourceExt as _, runtime::watcher};
use regex::Regex;

use super::{error::Cause, tail::Tail};
use crate::{
    pod::{Container, ContainerExt as _, ContainerKind, PodExt as _, State},
    server::is_name,
};

/// How many pods are listed at once: whole ones, of which little is kept.
const PAGE: u32 = 50;

/// What the API server does not select by.
#[derive(Debug)]
pub(super) struct Filter {
    names: Vec<String>,
    pods: Patterns,
    container: Option<String>,
    containers: Patterns,
    without: Vec<ContainerKind>,
    states: Vec<State>,
}

#[derive(Debug)]
struct Patterns {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
}

impl Filter {
    pub(super) fn new(tail: &Tail) -> Result<Self, Cause> {
        for name in &tail.names {
            if !is_name(name) {
                return Err(Cause::Invalid { problem: format!("{name:?} is no name of a pod") });
            }
        }
        Ok(Self {
            names: tail.names.iter().cloned().collect(),
            pods: Patterns::new(&tail.pods, &tail.exclude_pods)?,
            container: tail.container.clone(),
            containers: Patterns::new(&tail.containers, &tail.exclude_containers)?,
            without: tail.without.clone(),
            states: tail.states.clone(),
        })
    }

    /// The pods that are named.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn takes_pod(&self, pod: &Pod) -> bool {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        (self.names.is_empty() || self.names.iter().any(|known| known == name)) && self.pods.take(name)
    }

    /// Whether a container's logs are to be read; `first` says that it was there from the beginning.
    pub(super) fn takes(&self, container: &Container<'_>, first: bool) -> bool {
        let name = container.name();
        self.container.as_deref().is_none_or(|known| known == name)
            && self.containers.take(name)
            && !self.without.contains(&container.kind())
            && (!first || self.states.is_empty() || self.states.contains(&container.state()))
    }
}

impl Patterns {
    fn new(include: &[String], exclude: &[String]) -> Result<Self, Cause> {
        let compile =
            |patterns: &[String]| patterns.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>();
        Ok(Self { include: compile(include)?, exclude: compile(exclude)? })
    }

    fn take(&self, name: &str) -> bool {
        let found = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(name));
        (self.include.is_empty() || found(&self.include)) && !found(&self.exclude)
    }
}

fn compile(pattern: &str) -> Result<Regex, Cause> {
    Regex::new(pattern).map_err(|error| Cause::Invalid { problem: bad_pattern(pattern, &error) })
}

pub(super) fn bad_pattern(pattern: &str, error: &regex::Error) -> String {
    format!("{pattern:?} is no regular expression: {error}")
}

/// How the pods are watched. `labels` are those of a workload.
pub(super) fn watch(tail: &Tail, labels: Option<String>) -> watcher::Config {
    let mut fields = tail.fields.clone();
    if let (Some(name), 1) = (tail.names.first(), tail.names.len()) {
        fields.push(format!("metadata.name={name}"));
    }
    let labels: Vec<_> = tail.labels.iter().cloned().chain(labels).collect();
    let mut config = watcher::Config::default().page_size(PAGE);
    if !labels.is_empty() {
        config = config.labels(&labels.join(","));
    }
    if !fields.is_empty() {
        config = config.fields(&fields.join(","));
    }
    config
}

/// A container's log, as the node keeps it: of one start of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// Empty if the pod's status has none.
    pub(super) id: String,
    pub(super) restarts: i32,
    /// It has ended.
    pub(super) is_over: bool,
}

/// What a pod's status says of a container's logs, by the kubelet's rules (`validateContainerLogStatus` in
/// `pkg/kubelet/kubelet_pods.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// The log that is there to be read.
    pub(super) current: Option<Instance>,
    /// The one before.
    pub(super) previous: Option<Instance>,
}

impl Sight {
    /// `None` for a pod without that container.
    pub(super) fn of(pod: &Pod, container: &str) -> Option<Self> {
        let container = pod.container(container)?;
        let Some(status) = container.container_status() else {
            // Nothing is known, so it is asked for.
            let has_started = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            let unknown = Instance { id: String::new(), restarts: 0, is_over: false };
            return Some(Self { current: has_started.then_some(unknown), previous: None });
        };
        let restarts = status.restart_count;
        let ended = |state: Option<&corev1::ContainerState>, restarts| {
            let ended = state?.terminated.as_ref()?;
            Some(Instance { id: ended.container_id.clone().unwrap_or_default(), restarts, is_over: true })
        };
        let state = status.state.as_ref();
        let before = ended(status.last_state.as_ref(), restarts.saturating_sub(1));
        let id = status.container_id.clone().unwrap_or_default();
        if state.is_some_and(|state| state.running.is_some()) {
            let current = Instance { id, restarts, is_over: false };
            return Some(Self { current: Some(current), previous: before });
        }
        let current = ended(state, restarts).filter(|it| !it.id.is_empty() || before.is_none());
        match (current, before) {
            (Some(current), before) => Some(Self { current: Some(current), previous: before }),
            // It waits for its next start: the last log is the one that is served, as either.
            (None, Some(before)) => {
                let current = Instance { restarts, ..before };
                Some(Self { previous: Some(current.clone()), current: Some(current) })
            }
            (None, None) => Some(Self { current: None, previous: None }),
        }
    }
}

/// Whether nothing of a pod will ever run again.
pub(super) fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(super) fn uid(pod: &Pod) -> String {
    pod.uid().unwrap_or_default()
}

/// What of a pod is kept: enough to know its containers' logs.
pub(super) fn slim(pod: Pod) -> Pod {
    let containers = |containers: Vec<corev1::Container>| -> Vec<_> {
        let keep = |it: corev1::Container| corev1::Container {
            name: it.name,
            restart_policy: it.restart_policy,
            ..corev1::Container::default()
        };
        containers.into_iter().map(keep).collect()
    };
    let ephemeral = |it: corev1::EphemeralContainer| corev1::EphemeralContainer {
        name: it.name,
        ..corev1::EphemeralContainer::default()
    };
    let spec = pod.spec.map(|spec| corev1::PodSpec {
        node_name: spec.node_name,
        containers: containers(spec.containers),
        init_containers: spec.init_containers.map(containers),
        ephemeral_containers: spec.ephemeral_containers.map(|all| all.into_iter().map(ephemeral).collect()),
        ..corev1::PodSpec::default()
    });
    let status = pod.status.map(|status| corev1::PodStatus {
        phase: status.phase,
        container_statuses: status.container_statuses,
        init_container_statuses: status.init_container_statuses,
        ephemeral_container_statuses: status.ephemeral_container_statuses,
        ..corev1::PodStatus::default()
    });
    let mut annotations = pod.metadata.annotations;
    if let Some(annotations) = &mut annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    let metadata = ObjectMeta {
        namespace: pod.metadata.namespace,
        name: pod.metadata.name,
        uid: pod.metadata.uid,
        labels: pod.metadata.labels,
        annotations,
        ..ObjectMeta::default()
    };
    Pod { metadata, spec, status }
}
