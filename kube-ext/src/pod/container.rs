//! [`Container`]: a view of one container of a pod, its spec and its status joined.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::core::v1::{
    self as corev1, ContainerStateTerminated, ContainerStatus, EphemeralContainer,
};

use super::read::Status;
#[cfg(feature = "derive")]
use super::slim::ContainerSlim;
use crate::time::TimeExt;

/// One container of a pod: what the spec asks for and what the status says, joined by name. It borrows from the pod.
///
/// [`PodExt::containers`](super::PodExt::containers) makes them; [`ContainerExt`] says what they know.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::{ContainerExt, PodExt, State};
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({
///     "metadata": {},
///     "spec": {"containers": [{"name": "app"}]},
///     "status": {"containerStatuses": [{
///         "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2,
///         "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
///         "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
///     }]},
/// }))?;
/// let app = pod.container("app").ok_or("no app")?;
///
/// assert_eq!((app.state(), app.reason()), (State::Waiting, Some("CrashLoopBackOff")));
/// assert_eq!(app.last_termination().map(|ended| ended.exit_code), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    spec: ContainerSpec<'a>,
    status: Option<Status<'a>>,
    kind: ContainerKind,
}

/// What a pod's spec says of a container; ephemeral ones have a type of their own in Kubernetes' API.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::{ContainerExt, ContainerSpec, PodExt};
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({
///     "metadata": {}, "spec": {"containers": [{"name": "app", "command": ["sh"]}]},
/// }))?;
/// let ContainerSpec::Container(spec) = pod.containers(None)[0].spec() else { unreachable!() };
/// assert_eq!(spec.command.as_deref(), Some(&["sh".to_owned()][..]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ContainerSpec<'a> {
    /// A regular or init container.
    Container(&'a corev1::Container),
    /// An ephemeral container, as `kubectl debug` adds them.
    Ephemeral(&'a EphemeralContainer),
    /// Any container of a [`PodSlim`](super::PodSlim).
    #[cfg(feature = "derive")]
    Slim(&'a ContainerSlim),
}

/// In which list of the pod a container stands, and so how it runs.
///
/// ```
/// use kube_ext::pod::ContainerKind;
/// assert_eq!(ContainerKind::Sidecar.to_string(), "sidecar");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContainerKind {
    /// Runs to its end before the regular ones start.
    Init,
    /// An init container with `restartPolicy: Always`: started before the regular ones, it runs along (KEP-753).
    Sidecar,
    /// One of `spec.containers`.
    Regular,
    /// Added to a running pod for debugging (KEP-277).
    Ephemeral,
}

impl ContainerKind {
    /// Of an init container with this restart policy.
    pub(super) fn of_init(restart_policy: Option<&str>) -> Self {
        if restart_policy == Some("Always") { Self::Sidecar } else { Self::Init }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Init => "init",
            Self::Sidecar => "sidecar",
            Self::Regular => "regular",
            Self::Ephemeral => "ephemeral",
        })
    }
}

/// Whether a container waits, runs or has ended.
///
/// ```
/// use kube_ext::pod::State;
/// assert_eq!(State::Terminated.to_string(), "Terminated");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Not started yet, or waiting to be started again. Also what a status without any state means.
    Waiting,
    /// Started and not ended.
    Running,
    /// Ended.
    Terminated,
    /// The kubelet has not said anything about this container yet.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "Waiting",
            Self::Running => "Running",
            Self::Terminated => "Terminated",
            Self::Unknown => "Unknown",
        })
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Container<'_> {}
}

/// What is known of a container.
///
/// Reasons, codes and times are those of its present state; [`last_termination`](ContainerExt::last_termination) tells
/// of the run before.
///
/// ```
/// use kube_ext::pod::{Container, ContainerExt};
///
/// fn describe(container: &Container<'_>) -> String {
///     let why = container.reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
///     format!("{} container {}: {}{why}", container.kind(), container.name(), container.state())
/// }
/// ```
pub trait ContainerExt<'a>: private::Sealed {
    /// The container's name, unique within its pod.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.name(), "app");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn name(&self) -> &'a str;

    /// How it runs: init, sidecar, regular or ephemeral.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, ContainerKind, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.kind(), ContainerKind::Regular);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn kind(&self) -> ContainerKind;

    /// What the pod's spec says of it.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, ContainerSpec, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert!(matches!(app.spec(), ContainerSpec::Container(spec) if spec.command.is_none()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn spec(&self) -> ContainerSpec<'a>;

    /// What the kubelet says of it; `None` before it has said anything, and for a [view](ContainerSpec) of a pod, which keeps less: ask the
    /// other methods.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert!(app.container_status().is_some_and(|status| status.started.is_none()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn container_status(&self) -> Option<&'a ContainerStatus>;

    /// The image as the spec names it, or as the kubelet does when the spec leaves it out; may be empty.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.image(), "example.com/app:1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn image(&self) -> &'a str;

    /// Whether it waits, runs or has ended.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt, State};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.state(), State::Running);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn state(&self) -> State;

    /// Why it waits or has ended: `CrashLoopBackOff`, `Completed`, `OOMKilled`, ...
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.reason(), Some("CrashLoopBackOff"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn reason(&self) -> Option<&'a str>;

    /// The longer text beside the reason.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.message(), Some("back-off 20s"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn message(&self) -> Option<&'a str>;

    /// The exit code, once it has ended: 0 to 255, above 128 for a signal.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"terminated": {"exitCode": 137, "signal": 9}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.exit_code(), Some(137));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn exit_code(&self) -> Option<i32>;

    /// The signal that ended it, where the runtime reports one.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"terminated": {"exitCode": 137, "signal": 9}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.signal(), Some(9));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn signal(&self) -> Option<i32>;

    /// Whether it passes its readiness probe, or, without one, runs.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert!(app.ready());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn ready(&self) -> bool;

    /// How often it was restarted.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.restarts(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn restarts(&self) -> i32;

    /// How long it has been running; `None` when it is not.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.age(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn age(&self) -> Option<TimeDelta> {
        self.age_at(Utc::now())
    }

    /// [`age`](ContainerExt::age) by the given clock.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.age_at("2026-07-22T12:01:00Z".parse()?), Some(chrono::TimeDelta::minutes(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn age_at(&self, now: DateTime<Utc>) -> Option<TimeDelta>;

    /// How its previous run ended, if it had one.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::pod::{ContainerExt, PodExt};
    /// # let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "spec": {
    /// #     "containers": [{"name": "app", "image": "example.com/app:1"}],
    /// # }, "status": {"containerStatuses": [{
    /// #     "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 2, "state": {"running": {"startedAt": "2026-07-22T12:00:00Z"}},
    /// #     "lastState": {"terminated": {"exitCode": 3}},
    /// # }]}}))?;
    /// # let app = pod.container("app").ok_or("no app")?;
    /// assert_eq!(app.last_termination().map(|ended| ended.exit_code), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn last_termination(&self) -> Option<&'a ContainerStateTerminated>;
}

impl<'a> Container<'a> {
    pub(super) fn new(spec: ContainerSpec<'a>, kind: ContainerKind, status: Option<Status<'a>>) -> Self {
        Self { spec, status, kind }
    }
}

impl<'a> ContainerExt<'a> for Container<'a> {
    fn name(&self) -> &'a str {
        self.spec.name()
    }

    fn kind(&self) -> ContainerKind {
        self.kind
    }

    fn spec(&self) -> ContainerSpec<'a> {
        self.spec
    }

    fn container_status(&self) -> Option<&'a ContainerStatus> {
        self.status?.whole
    }

    fn image(&self) -> &'a str {
        let asked = match self.spec {
            ContainerSpec::Container(spec) => spec.image.as_deref(),
            ContainerSpec::Ephemeral(spec) => spec.image.as_deref(),
            #[cfg(feature = "derive")]
            ContainerSpec::Slim(spec) => spec.image.as_deref(),
        };
        asked.or_else(|| Some(self.status?.image)).unwrap_or_default()
    }

    fn state(&self) -> State {
        match self.status {
            None => State::Unknown,
            Some(status) if status.running.is_some() => State::Running,
            Some(status) if status.terminated.is_some() => State::Terminated,
            Some(_) => State::Waiting,
        }
    }

    fn reason(&self) -> Option<&'a str> {
        let Status { waiting, terminated, .. } = self.status?;
        let waiting = waiting.and_then(|waiting| waiting.reason.as_deref());
        waiting.or_else(|| terminated?.reason.as_deref()).filter(|reason| !reason.is_empty())
    }

    fn message(&self) -> Option<&'a str> {
        let Status { waiting, terminated, .. } = self.status?;
        let waiting = waiting.and_then(|waiting| waiting.message.as_deref());
        waiting.or_else(|| terminated?.message.as_deref()).filter(|message| !message.is_empty())
    }

    fn exit_code(&self) -> Option<i32> {
        self.status?.terminated.map(|ended| ended.exit_code)
    }

    fn signal(&self) -> Option<i32> {
        self.status?.terminated?.signal.filter(|signal| *signal != 0)
    }

    fn ready(&self) -> bool {
        self.status.is_some_and(|status| status.ready)
    }

    fn restarts(&self) -> i32 {
        self.status.map_or(0, |status| status.restart_count)
    }

    fn age_at(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.status?.running?.started_at.as_ref()?.age_at(now).delta()
    }

    fn last_termination(&self) -> Option<&'a ContainerStateTerminated> {
        self.status?.last_terminated
    }
}

impl<'a> ContainerSpec<'a> {
    pub(super) fn name(&self) -> &'a str {
        match self {
            Self::Container(spec) => &spec.name,
            Self::Ephemeral(spec) => &spec.name,
            #[cfg(feature = "derive")]
            Self::Slim(spec) => &spec.name,
        }
    }
}
