//! What the rules about pods look at, whichever type holds it.

use k8s_openapi::{
    api::core::v1::{
        self as corev1, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
        ContainerStatus, Pod, PodCondition, PodSpec, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::ResourceExt as _;

use super::container::{Container, ContainerKind, ContainerSpec};

/// A container's status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) ready: bool,
    pub(super) started: Option<bool>,
    pub(super) restart_count: i32,
    pub(super) waiting: Option<&'a ContainerStateWaiting>,
    pub(super) running: Option<&'a ContainerStateRunning>,
    pub(super) terminated: Option<&'a ContainerStateTerminated>,
    pub(super) last_terminated: Option<&'a ContainerStateTerminated>,
    /// All of it, where that is known.
    pub(super) whole: Option<&'a ContainerStatus>,
}

/// A condition's type, status and reason.
pub(crate) type Condition<'a> = (&'a str, &'a str, Option<&'a str>);

/// A pod.
pub(crate) trait Read {
    fn name(&self) -> &str;
    /// Its name, or what a server would make one of.
    fn any_name(&self) -> &str {
        self.name()
    }
    fn namespace(&self) -> Option<&str>;
    fn created(&self) -> Option<&Time>;
    fn is_deleted(&self) -> bool;
    fn node_name(&self) -> Option<&str>;
    fn nominated_node_name(&self) -> Option<&str>;
    /// The annotation `kubectl.kubernetes.io/default-container`.
    fn annotated_container(&self) -> Option<&str>;
    /// The conditions that readiness gates look at.
    fn gates(&self) -> impl Iterator<Item = &str>;

    fn phase(&self) -> Option<&str>;
    fn reason(&self) -> Option<&str>;
    fn pod_ip(&self) -> Option<&str>;
    fn pod_ips(&self) -> impl Iterator<Item = &str>;
    fn conditions(&self) -> impl Iterator<Item = Condition<'_>>;
    /// The first that is `Ready`.
    fn whole_ready_condition(&self) -> Option<&PodCondition>;

    fn regular(&self) -> impl ExactSizeIterator<Item = Container<'_>>;
    fn init(&self) -> impl ExactSizeIterator<Item = Container<'_>> + DoubleEndedIterator;
    fn ephemeral(&self) -> impl Iterator<Item = Container<'_>>;
    /// The statuses of regular containers, which may be others than the spec has.
    fn statuses(&self) -> impl DoubleEndedIterator<Item = Status<'_>>;
    fn init_statuses(&self) -> impl Iterator<Item = Status<'_>>;

    /// Init containers, regular ones, ephemeral ones.
    fn all(&self) -> impl Iterator<Item = Container<'_>> {
        self.init().chain(self.regular()).chain(self.ephemeral())
    }

    /// The order in which kubectl looks a name up.
    fn regular_first(&self) -> impl Iterator<Item = Container<'_>> {
        self.regular().chain(self.init()).chain(self.ephemeral())
    }

    /// The first condition of a type decides.
    fn condition(&self, kind: &str) -> Option<Condition<'_>> {
        self.conditions().find(|(of, ..)| *of == kind)
    }

    /// The pod's addresses as written, which is how they are shown.
    fn ip_texts(&self) -> impl Iterator<Item = &str> {
        let primary = self.pod_ip().filter(|ip| !ip.is_empty());
        let overruled = primary.is_some() && primary != self.pod_ips().next();
        primary.filter(|_| overruled).into_iter().chain(self.pod_ips().filter(move |_| !overruled))
    }
}

fn or_empty<T>(list: Option<&Vec<T>>) -> &[T] {
    list.map_or(&[], Vec::as_slice)
}

fn specs<T>(pod: &Pod, list: impl FnOnce(&PodSpec) -> &[T]) -> &[T] {
    pod.spec.as_ref().map_or(&[], list)
}

type Statuses = Option<Vec<ContainerStatus>>;

fn statuses(pod: &Pod, list: impl FnOnce(&PodStatus) -> &Statuses) -> &[ContainerStatus] {
    pod.status.as_ref().map_or(&[], |status| or_empty(list(status).as_ref()))
}

impl<'a> From<&'a ContainerStatus> for Status<'a> {
    fn from(status: &'a ContainerStatus) -> Self {
        let (state, last) = (status.state.as_ref(), status.last_state.as_ref());
        Self {
            name: &status.name,
            image: &status.image,
            ready: status.ready,
            started: status.started,
            restart_count: status.restart_count,
            waiting: state.and_then(|state| state.waiting.as_ref()),
            running: state.and_then(|state| state.running.as_ref()),
            terminated: state.and_then(|state| state.terminated.as_ref()),
            last_terminated: last.and_then(|state| state.terminated.as_ref()),
            whole: Some(status),
        }
    }
}

fn join<'a>(spec: ContainerSpec<'a>, kind: ContainerKind, statuses: &'a [ContainerStatus]) -> Container<'a> {
    let status = statuses.iter().find(|status| status.name == spec.name());
    Container::new(spec, kind, status.map(Status::from))
}

impl Read for Pod {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn any_name(&self) -> &str {
        self.metadata.name.as_deref().or(self.metadata.generate_name.as_deref()).unwrap_or_default()
    }

    fn namespace(&self) -> Option<&str> {
        self.metadata.namespace.as_deref()
    }

    fn created(&self) -> Option<&Time> {
        self.metadata.creation_timestamp.as_ref()
    }

    fn is_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    fn node_name(&self) -> Option<&str> {
        self.spec.as_ref()?.node_name.as_deref()
    }

    fn nominated_node_name(&self) -> Option<&str> {
        self.status.as_ref()?.nominated_node_name.as_deref()
    }

    fn annotated_container(&self) -> Option<&str> {
        self.annotations().get("kubectl.kubernetes.io/default-container").map(String::as_str)
    }

    fn gates(&self) -> impl Iterator<Item = &str> {
        specs(self, |spec| or_empty(spec.readiness_gates.as_ref()))
            .iter()
            .map(|gate| gate.condition_type.as_str())
    }

    fn phase(&self) -> Option<&str> {
        self.status.as_ref()?.phase.as_deref()
    }

    fn reason(&self) -> Option<&str> {
        self.status.as_ref()?.reason.as_deref()
    }

    fn pod_ip(&self) -> Option<&str> {
        self.status.as_ref()?.pod_ip.as_deref()
    }

    fn pod_ips(&self) -> impl Iterator<Item = &str> {
        let ips = self.status.as_ref().map_or(&[][..], |status| or_empty(status.pod_ips.as_ref()));
        ips.iter().map(|ip| ip.ip.as_str())
    }

    fn conditions(&self) -> impl Iterator<Item = Condition<'_>> {
        let conditions = self.status.as_ref().map_or(&[][..], |status| or_empty(status.conditions.as_ref()));
        conditions
            .iter()
            .map(|condition| (&*condition.type_, &*condition.status, condition.reason.as_deref()))
    }

    fn whole_ready_condition(&self) -> Option<&PodCondition> {
        self.status.as_ref()?.conditions.iter().flatten().find(|condition| condition.type_ == "Ready")
    }

    fn regular(&self) -> impl ExactSizeIterator<Item = Container<'_>> {
        let statuses = statuses(self, |status| &status.container_statuses);
        let specs = specs(self, |spec| &spec.containers).iter();
        specs.map(|spec| join(ContainerSpec::Container(spec), ContainerKind::Regular, statuses))
    }

    fn init(&self) -> impl ExactSizeIterator<Item = Container<'_>> + DoubleEndedIterator {
        let statuses = statuses(self, |status| &status.init_container_statuses);
        let specs = specs(self, |spec| or_empty(spec.init_containers.as_ref())).iter();
        specs.map(|spec: &corev1::Container| {
            let kind = ContainerKind::of_init(spec.restart_policy.as_deref());
            join(ContainerSpec::Container(spec), kind, statuses)
        })
    }

    fn ephemeral(&self) -> impl Iterator<Item = Container<'_>> {
        let statuses = statuses(self, |status| &status.ephemeral_container_statuses);
        let specs = specs(self, |spec| or_empty(spec.ephemeral_containers.as_ref())).iter();
        specs.map(|spec| join(ContainerSpec::Ephemeral(spec), ContainerKind::Ephemeral, statuses))
    }

    fn statuses(&self) -> impl DoubleEndedIterator<Item = Status<'_>> {
        statuses(self, |status| &status.container_statuses).iter().map(Status::from)
    }

    fn init_statuses(&self) -> impl Iterator<Item = Status<'_>> {
        statuses(self, |status| &status.init_container_statuses).iter().map(Status::from)
    }
}
