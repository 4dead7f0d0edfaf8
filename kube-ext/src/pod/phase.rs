//! [`Phase`]: kubectl's STATUS, as a type.

use std::fmt;

/// What `kubectl get pods` shows in its STATUS column, as something to match on.
///
/// [`Display`](fmt::Display) is kubectl's text, byte for byte. The rules are those of `printPod` in Kubernetes'
/// `pkg/printers/internalversion/printers.go` (1.36), and they mix several sources: the pod's phase, its deletion,
/// and what its containers wait for or ended with. So the same word can have two variants: a container may name
/// any reason it likes, `Running` among them.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::{Phase, PodExt};
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({
///     "metadata": {"name": "web-0"},
///     "spec": {"containers": [{"name": "app"}]},
///     "status": {"phase": "Running", "containerStatuses": [{
///         "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 7,
///         "state": {"waiting": {"reason": "CrashLoopBackOff"}},
///     }]},
/// }))?;
///
/// assert_eq!(pod.status().to_string(), "CrashLoopBackOff");
/// assert!(matches!(pod.status(), Phase::Waiting(reason) if reason.ends_with("BackOff")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The pod is accepted, but not all of its containers run yet.
    Pending,
    /// The pod is bound to a node and nothing more telling is known.
    Running,
    /// All containers ended with exit code 0; kubectl mostly shows [`Completed`](Phase::Completed) instead.
    Succeeded,
    /// All containers ended and one of them failed; kubectl mostly shows a container's reason instead.
    Failed,
    /// The state of the pod could not be obtained, or it is being deleted from a node that is lost.
    Unknown,
    /// The pod is being deleted.
    Terminating,
    /// The scheduler leaves the pod alone until its scheduling gates are removed.
    SchedulingGated,
    /// A container ended well, another still runs, and the pod is not ready.
    NotReady,
    /// A container ended with the reason `Completed` and none runs any more.
    Completed,
    /// The pod is starting: its init containers have not all done their part.
    #[non_exhaustive]
    Init {
        /// How many init containers are through: ended well, or, for a sidecar, started.
        done: usize,
        /// How many init containers the pod has, sidecars included.
        total: usize,
        /// What the init container after those is doing.
        state: InitState,
    },
    /// What a container waits for: `ContainerCreating`, `CrashLoopBackOff`, `ImagePullBackOff`, ...
    Waiting(String),
    /// Why a container ended: `Error`, `OOMKilled`, ...
    Terminated(String),
    /// A container was ended by this signal, and gave no reason.
    Signal(i32),
    /// A container ended with this exit code, and gave no reason.
    ExitCode(i32),
    /// The pod's own reason: `Evicted`, `NodeLost`, `UnexpectedAdmissionError`, ...
    Reason(String),
    /// A phase that this crate does not know; empty for a pod that has none, as before a server saw it.
    Other(String),
}

/// What the first init container that is not through is doing; part of [`Phase::Init`].
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::{InitState, Phase, PodExt};
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({
///     "metadata": {"name": "web-0"},
///     "spec": {"initContainers": [{"name": "setup"}, {"name": "migrate"}], "containers": [{"name": "app"}]},
///     "status": {"phase": "Pending", "initContainerStatuses": [{
///         "name": "setup", "image": "", "imageID": "", "ready": false, "restartCount": 0,
///         "state": {"waiting": {"reason": "ErrImagePull"}},
///     }]},
/// }))?;
/// assert_eq!(pod.status().to_string(), "Init:ErrImagePull");
/// let Phase::Init { done, total, state, .. } = pod.status() else { panic!("not starting") };
/// assert_eq!((done, total, state), (0, 2, InitState::Waiting("ErrImagePull".into())));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InitState {
    /// It runs, or is about to.
    Running,
    /// It waits for this reason.
    Waiting(String),
    /// It failed for this reason.
    Terminated(String),
    /// It was ended by this signal, and gave no reason.
    Signal(i32),
    /// It failed with this exit code, and gave no reason.
    ExitCode(i32),
}

impl Phase {
    /// The phase that `status.phase` names.
    pub(super) fn from_status(phase: &str) -> Self {
        match phase {
            "Pending" => Self::Pending,
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "Unknown" => Self::Unknown,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether this shows as `Completed`: the word decides, whoever said it.
    pub(super) fn shows_completed(&self) -> bool {
        match self {
            Self::Completed => true,
            Self::Waiting(text) | Self::Terminated(text) | Self::Reason(text) | Self::Other(text) => {
                text == "Completed"
            }
            _ => false,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.pad("Pending"),
            Self::Running => f.pad("Running"),
            Self::Succeeded => f.pad("Succeeded"),
            Self::Failed => f.pad("Failed"),
            Self::Unknown => f.pad("Unknown"),
            Self::Terminating => f.pad("Terminating"),
            Self::SchedulingGated => f.pad("SchedulingGated"),
            Self::NotReady => f.pad("NotReady"),
            Self::Completed => f.pad("Completed"),
            Self::Init { done, total, state } => f.pad(&match state {
                InitState::Running => format!("Init:{done}/{total}"),
                InitState::Waiting(reason) | InitState::Terminated(reason) => format!("Init:{reason}"),
                InitState::Signal(signal) => format!("Init:Signal:{signal}"),
                InitState::ExitCode(code) => format!("Init:ExitCode:{code}"),
            }),
            Self::Waiting(text) | Self::Terminated(text) | Self::Reason(text) | Self::Other(text) => {
                f.pad(text)
            }
            Self::Signal(signal) => f.pad(&format!("Signal:{signal}")),
            Self::ExitCode(code) => f.pad(&format!("ExitCode:{code}")),
        }
    }
}
