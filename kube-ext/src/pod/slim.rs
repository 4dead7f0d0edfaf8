//! [`PodSlim`]: what this crate knows about a pod, and no more of it.

use k8s_openapi::{
    api::core::v1::{
        Container, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
        EphemeralContainer, Pod, PodCondition, PodIP, PodReadinessGate,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use serde::{Deserialize, Deserializer};

use super::{
    container::{self, ContainerKind, ContainerSpec},
    read::{self, Read, Status},
};
use crate::slim::{Interned, Shared, Slim, SlimMeta, View};

/// A view of a pod with all that [`PodExt`](super::PodExt) and [`Columns`](crate::columns::Columns) look at: some 1.1 KB instead of the 70 to 120
/// KB of a [`Pod`].
///
/// It is a [`kube::Resource`], so `Api<PodSlim>`, `watcher` and stores take it; it cannot be written back. What siblings have in common, such as
/// the containers of the spec, is in memory once.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}, status: {phase: Running,
/// #   containerStatuses: [{name: app, image: '', imageID: '', ready: false, restartCount: 7, state: {waiting: {reason: CrashLoopBackOff}}}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use kube::Api;
/// use kube_ext::pod::{PodExt, PodSlim};
///
/// let pod = Api::<PodSlim>::default_namespaced(client).get("web-0").await?;
/// assert_eq!((pod.ready(), pod.status().to_string()), ("0/1".into(), "CrashLoopBackOff".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = Pod)]
#[non_exhaustive]
pub struct PodSlim {
    /// Name, namespace, uid, version, creation and controller; without labels.
    #[slim(metadata)]
    pub meta: SlimMeta,
    /// When it is to be gone.
    #[slim(path = "metadata.deletionTimestamp")]
    pub deletion_timestamp: Option<Time>,
    #[slim(path = r#"metadata.annotations["kubectl.kubernetes.io/default-container"]"#)]
    pub(super) default_container: Option<Interned>,
    /// The node that it is assigned to.
    #[slim(path = "spec.nodeName")]
    pub node_name: Option<Interned>,
    #[slim(path = "spec.containers")]
    pub(super) containers: Shared<Box<[ContainerSlim]>>,
    #[slim(path = "spec.initContainers")]
    pub(super) init_containers: Shared<Box<[ContainerSlim]>>,
    #[slim(path = "spec.ephemeralContainers")]
    pub(super) ephemeral_containers: Shared<Box<[EphemeralSlim]>>,
    #[slim(path = "spec.readinessGates")]
    pub(super) readiness_gates: Shared<Box<[GateSlim]>>,
    /// The phase that its status names.
    #[slim(path = "status.phase")]
    pub phase: Option<Interned>,
    /// Why it is in that.
    #[slim(path = "status.reason")]
    pub reason: Option<Interned>,
    /// The node for which others are to make room.
    #[slim(path = "status.nominatedNodeName")]
    pub nominated_node_name: Option<Interned>,
    #[slim(path = "status.podIP")]
    pub(super) pod_ip: Option<Box<str>>,
    #[slim(path = "status.podIPs[]")]
    pub(super) pod_ips: Box<[IpSlim]>,
    #[slim(path = "status.conditions")]
    pub(super) conditions: Conditions,
    #[slim(path = "status.containerStatuses[]")]
    pub(super) container_statuses: Box<[ContainerStatusSlim]>,
    #[slim(path = "status.initContainerStatuses[]")]
    pub(super) init_container_statuses: Box<[ContainerStatusSlim]>,
    #[slim(path = "status.ephemeralContainerStatuses[]")]
    pub(super) ephemeral_container_statuses: Box<[ContainerStatusSlim]>,
}

/// What a [`PodSlim`] keeps of a container's spec.
///
/// ```
/// let app: kube_ext::pod::ContainerSlim = serde_json::from_str(r#"{"name": "app", "command": ["sh"]}"#)?;
/// assert_eq!(&*app.name, "app");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq, Eq, Hash)]
#[slim(of = Container)]
#[non_exhaustive]
pub struct ContainerSlim {
    /// Its name.
    #[slim(path = "name")]
    pub name: Interned,
    /// Its image.
    #[slim(path = "image")]
    pub image: Option<Interned>,
    /// For init containers: `Always` makes a sidecar of one.
    #[slim(path = "restartPolicy")]
    pub restart_policy: Option<Interned>,
}

/// The same of an ephemeral one, which has a type of its own in Kubernetes' API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct EphemeralSlim(pub(super) ContainerSlim);

impl<'de> Deserialize<'de> for EphemeralSlim {
    fn deserialize<D: Deserializer<'de>>(container: D) -> Result<Self, D::Error> {
        ContainerSlim::deserialize(container).map(Self)
    }
}

impl View<EphemeralContainer> for EphemeralSlim {}

#[derive(Slim, Clone, Debug, PartialEq, Eq, Hash)]
#[slim(of = PodReadinessGate)]
pub(super) struct GateSlim {
    #[slim(path = "conditionType")]
    pub(super) condition_type: Interned,
}

#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = PodIP)]
pub(super) struct IpSlim {
    #[slim(path = "ip")]
    pub(super) ip: Box<str>,
}

/// What a [`PodSlim`] keeps of a container's status.
///
/// ```
/// let app: kube_ext::pod::ContainerStatusSlim = serde_json::from_str(r#"{"name": "app", "restartCount": 2}"#)?;
/// assert_eq!(app.restart_count, 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = ContainerStatus)]
#[non_exhaustive]
pub struct ContainerStatusSlim {
    /// The container's name.
    #[slim(path = "name")]
    pub name: Interned,
    /// The image that it runs.
    #[slim(path = "image")]
    pub image: Interned,
    /// Whether it is ready.
    #[slim(path = "ready")]
    pub ready: bool,
    /// Whether its startup probe has passed.
    #[slim(path = "started")]
    pub started: Option<bool>,
    /// How often it was started again.
    #[slim(path = "restartCount")]
    pub restart_count: i32,
    #[slim(path = "state.waiting")]
    pub(super) waiting: Option<Box<ContainerStateWaiting>>,
    #[slim(path = "state.running")]
    pub(super) running: Option<Box<ContainerStateRunning>>,
    #[slim(path = "state.terminated")]
    pub(super) terminated: Option<Box<ContainerStateTerminated>>,
    #[slim(path = "lastState.terminated")]
    pub(super) last_terminated: Option<Box<ContainerStateTerminated>>,
}

/// The conditions of a pod. Type, status and reason are those of thousands of others; the first that is `Ready` is kept whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Conditions {
    pub(super) all: Option<Shared<Box<[Condition]>>>,
    pub(super) ready: Option<Box<PodCondition>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Condition {
    pub(super) kind: Interned,
    pub(super) status: Interned,
    pub(super) reason: Option<Interned>,
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(conditions: D) -> Result<Self, D::Error> {
        let conditions = Vec::<PodCondition>::deserialize(conditions)?;
        let all: Box<[_]> = conditions
            .iter()
            .map(|condition| Condition {
                kind: condition.type_.as_str().into(),
                status: condition.status.as_str().into(),
                reason: condition.reason.as_deref().map(Into::into),
            })
            .collect();
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        Ok(Self { all: Some(Shared::new(all)), ready: ready.map(Box::new) })
    }
}

impl View<Vec<PodCondition>> for Conditions {}

impl<'a> From<&'a ContainerStatusSlim> for Status<'a> {
    fn from(status: &'a ContainerStatusSlim) -> Self {
        Self {
            name: &status.name,
            image: &status.image,
            ready: status.ready,
            started: status.started,
            restart_count: status.restart_count,
            waiting: status.waiting.as_deref(),
            running: status.running.as_deref(),
            terminated: status.terminated.as_deref(),
            last_terminated: status.last_terminated.as_deref(),
            whole: None,
        }
    }
}

fn join<'a>(
    spec: &'a ContainerSlim,
    kind: ContainerKind,
    statuses: &'a [ContainerStatusSlim],
) -> container::Container<'a> {
    let status = statuses.iter().find(|status| status.name == spec.name);
    container::Container::new(ContainerSpec::Slim(spec), kind, status.map(Status::from))
}

impl Read for PodSlim {
    fn name(&self) -> &str {
        self.meta.name()
    }

    fn namespace(&self) -> Option<&str> {
        self.meta.namespace()
    }

    fn created(&self) -> Option<&Time> {
        self.meta.creation_timestamp()
    }

    fn is_deleted(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    fn node_name(&self) -> Option<&str> {
        self.node_name.as_deref()
    }

    fn nominated_node_name(&self) -> Option<&str> {
        self.nominated_node_name.as_deref()
    }

    fn annotated_container(&self) -> Option<&str> {
        self.default_container.as_deref()
    }

    fn gates(&self) -> impl Iterator<Item = &str> {
        self.readiness_gates.iter().map(|gate| &*gate.condition_type)
    }

    fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }

    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    fn pod_ip(&self) -> Option<&str> {
        self.pod_ip.as_deref()
    }

    fn pod_ips(&self) -> impl Iterator<Item = &str> {
        self.pod_ips.iter().map(|ip| &*ip.ip)
    }

    fn conditions(&self) -> impl Iterator<Item = read::Condition<'_>> {
        let all = self.conditions.all.as_deref().map_or(&[][..], |all| all);
        all.iter().map(|condition| (&*condition.kind, &*condition.status, condition.reason.as_deref()))
    }

    fn whole_ready_condition(&self) -> Option<&PodCondition> {
        self.conditions.ready.as_deref()
    }

    fn regular(&self) -> impl ExactSizeIterator<Item = container::Container<'_>> {
        self.containers.iter().map(|spec| join(spec, ContainerKind::Regular, &self.container_statuses))
    }

    fn init(&self) -> impl ExactSizeIterator<Item = container::Container<'_>> + DoubleEndedIterator {
        self.init_containers.iter().map(|spec| {
            let kind = ContainerKind::of_init(spec.restart_policy.as_deref());
            join(spec, kind, &self.init_container_statuses)
        })
    }

    fn ephemeral(&self) -> impl Iterator<Item = container::Container<'_>> {
        self.ephemeral_containers
            .iter()
            .map(|spec| join(&spec.0, ContainerKind::Ephemeral, &self.ephemeral_container_statuses))
    }

    fn statuses(&self) -> impl DoubleEndedIterator<Item = Status<'_>> {
        self.container_statuses.iter().map(Status::from)
    }

    fn init_statuses(&self) -> impl Iterator<Item = Status<'_>> {
        self.init_container_statuses.iter().map(Status::from)
    }
}
