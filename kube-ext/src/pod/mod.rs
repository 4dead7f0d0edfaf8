//! What `kubectl get pods` knows about a pod: [`PodExt`], its [`Phase`], its [`Container`]s, and which pod or
//! container kubectl would pick.
//!
//! ```
//! use k8s_openapi::api::core::v1::Pod;
//! use kube_ext::pod::{ContainerExt, PodExt};
//!
//! let pod: Pod = serde_json::from_value(serde_json::json!({
//!     "metadata": {"name": "web-0", "namespace": "default"},
//!     "spec": {
//!         "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
//!         "containers": [{"name": "app"}],
//!     },
//!     "status": {
//!         "phase": "Running",
//!         "initContainerStatuses": [{
//!             "name": "proxy", "image": "", "imageID": "", "ready": true, "started": true, "restartCount": 0,
//!             "state": {"running": {}},
//!         }],
//!         "containerStatuses": [{
//!             "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 3,
//!             "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
//!         }],
//!     },
//! }))?;
//!
//! assert_eq!(pod.ready(), "1/2");
//! assert_eq!(pod.status().to_string(), "OOMKilled");
//! assert_eq!(pod.restarts(), "3");
//! for container in pod.containers(None) {
//!     println!("{}: {} ({:?})", container.name(), container.state(), container.exit_code());
//! }
//! # Ok::<(), serde_json::Error>(())
//! ```

mod container;
mod order;
mod phase;
mod pick;
mod read;
#[cfg(feature = "derive")]
mod slim;
mod summary;

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::core::v1::{Pod, PodCondition};

pub use container::{Container, ContainerExt, ContainerKind, ContainerSpec, State};
pub use order::{by_activity, by_logging};
pub use phase::{InitState, Phase};
pub use pick::Error;
#[cfg(feature = "derive")]
pub use slim::{ContainerSlim, ContainerStatusSlim, PodSlim};

use crate::time::{Age, TimeExt};
use read::Read;
use summary::Summary;

mod private {
    pub trait Sealed {}
    impl Sealed for k8s_openapi::api::core::v1::Pod {}
    #[cfg(feature = "derive")]
    impl Sealed for super::PodSlim {}
}

/// A readiness gate of a pod: a condition that must be true for the pod to be ready (KEP-580).
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::PodExt;
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({
///     "metadata": {},
///     "spec": {"containers": [], "readinessGates": [{"conditionType": "example.com/lb"}]},
///     "status": {"conditions": [{"type": "example.com/lb", "status": "True"}]},
/// }))?;
/// let gates = pod.readiness_gates();
/// assert_eq!((gates[0].condition_type, gates[0].passed), ("example.com/lb", true));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReadinessGate<'a> {
    /// The type of the condition that the gate looks at.
    pub condition_type: &'a str,
    /// Whether the first condition of that type is true.
    pub passed: bool,
}

/// What `kubectl get pods` knows about a pod, and a little more.
///
/// The cells are those of `printPod` in Kubernetes' `pkg/printers/internalversion/printers.go` (1.36); [`Columns`]
/// gives them as a row.
///
/// [`Columns`]: crate::columns::Columns
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::PodExt;
///
/// fn describe(pod: &Pod) -> String {
///     format!("{} containers ready, {}, {} restarts", pod.ready(), pod.status(), pod.restarts())
/// }
/// assert_eq!(describe(&Pod::default()), "0/0 containers ready, , 0 restarts");
/// ```
pub trait PodExt: private::Sealed {
    /// How long ago the pod was created; zero when that is not known.
    ///
    /// [`Age`] turns it into kubectl's text.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    /// assert!(Pod::default().age().is_zero());
    /// ```
    fn age(&self) -> TimeDelta {
        self.age_at(Utc::now())
    }

    /// [`age`](PodExt::age) by the given clock.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod =
    ///     serde_json::from_value(serde_json::json!({"metadata": {"creationTimestamp": "2026-07-22T12:00:00Z"}}))?;
    /// assert_eq!(pod.age_at("2026-07-22T12:00:30Z".parse()?), TimeDelta::seconds(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn age_at(&self, now: DateTime<Utc>) -> TimeDelta;

    /// The READY column: `ready/total` containers, sidecars included.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
    /// }))?;
    /// assert_eq!(pod.ready(), "0/2");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn ready(&self) -> String;

    /// The RESTARTS column: how often containers restarted, and how long ago the last of them ended: `3 (5m ago)`.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    /// assert_eq!(Pod::default().restarts(), "0");
    /// ```
    fn restarts(&self) -> String {
        self.restarts_at(Utc::now())
    }

    /// [`restarts`](PodExt::restarts) by the given clock.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {},
    ///     "status": {"containerStatuses": [{
    ///         "name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 3,
    ///         "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-07-22T11:55:00Z"}},
    ///     }]},
    /// }))?;
    /// assert_eq!(pod.restarts_at("2026-07-22T12:00:00Z".parse()?), "3 (5m ago)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn restarts_at(&self, now: DateTime<Utc>) -> String;

    /// The STATUS column. [`Phase`] tells the parts of it; its text is kubectl's.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::{Phase, PodExt};
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {"deletionTimestamp": "2026-07-22T12:00:00Z"}, "status": {"phase": "Running"},
    /// }))?;
    /// assert_eq!(pod.status(), Phase::Terminating);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn status(&self) -> Phase;

    /// The pod's containers whose name contains `filter`, or all of them: init containers and sidecars, regular ones,
    /// ephemeral ones, each in the order of the spec. That is the order of `kubectl logs --all-containers`.
    ///
    /// Nothing of the pod is copied.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::{ContainerExt, PodExt};
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {},
    ///     "spec": {"containers": [{"name": "app"}, {"name": "proxy"}], "initContainers": [{"name": "setup"}]},
    /// }))?;
    /// let names: Vec<_> = pod.containers(None).iter().map(|container| container.name()).collect();
    /// assert_eq!(names, ["setup", "app", "proxy"]);
    /// assert_eq!(pod.containers(Some("ro".into())).len(), 1);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn containers(&self, filter: Option<String>) -> Vec<Container<'_>>;

    /// The pod's own address, once it has one: the first of [`ips`](PodExt::ips).
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "status": {"podIP": "10.0.0.7"}}))?;
    /// assert_eq!(pod.ip(), Some([10, 0, 0, 7].into()));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn ip(&self) -> Option<IpAddr> {
        self.ips().first().copied()
    }

    /// The pod's addresses, the primary one first; of both families on a dual-stack cluster.
    ///
    /// As in the API server's conversion of pods, `status.podIP` wins when `status.podIPs` does not start with it.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {},
    ///     "status": {"podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}, {"ip": "fd00::7"}]},
    /// }))?;
    /// assert_eq!(pod.ips().len(), 2);
    /// assert!(pod.ips()[1].is_ipv6());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn ips(&self) -> Vec<IpAddr>;

    /// The first `Ready` condition, if there is one.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    /// assert_eq!(Pod::default().ready_condition(), None);
    /// ```
    fn ready_condition(&self) -> Option<&PodCondition>;

    /// Whether the pod is ready to serve: `IsPodReady` of kubectl's `pkg/util/podutils`.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    /// }))?;
    /// assert!(pod.is_ready());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn is_ready(&self) -> bool {
        self.ready_condition().is_some_and(|condition| condition.status == "True")
    }

    /// Whether the pod has been ready for more than `min_ready_seconds`, so that a workload counts it as available.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    /// assert!(!Pod::default().is_available(0));
    /// ```
    fn is_available(&self, min_ready_seconds: i32) -> bool {
        self.is_available_at(min_ready_seconds, Utc::now())
    }

    /// [`is_available`](PodExt::is_available) by the given clock: `IsPodAvailable` of kubectl's `pkg/util/podutils`.
    /// With 0 seconds a ready pod is available at once; with more, it must be known since when it is ready.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({"metadata": {}, "status": {"conditions": [
    ///     {"type": "Ready", "status": "True", "lastTransitionTime": "2026-07-22T12:00:00Z"},
    /// ]}}))?;
    /// assert!(!pod.is_available_at(10, "2026-07-22T12:00:10Z".parse()?));
    /// assert!(pod.is_available_at(10, "2026-07-22T12:00:11Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn is_available_at(&self, min_ready_seconds: i32, now: DateTime<Utc>) -> bool;

    /// The pod's readiness gates, in the order of the spec, and whether each has passed.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    /// assert!(Pod::default().readiness_gates().is_empty());
    /// ```
    fn readiness_gates(&self) -> Vec<ReadinessGate<'_>>;

    /// The container that the pod's author wants tools to use: the annotation
    /// `kubectl.kubernetes.io/default-container` (KEP-2227). It need not exist.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {"annotations": {"kubectl.kubernetes.io/default-container": "app"}},
    /// }))?;
    /// assert_eq!(pod.default_container(), Some("app"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn default_container(&self) -> Option<&str>;

    /// The container of this name: regular ones first, then init containers, then ephemeral ones.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::PodExt;
    /// assert!(Pod::default().container("app").is_none());
    /// ```
    fn container(&self, name: &str) -> Option<Container<'_>>;

    /// The container that `kubectl exec` and `attach` would use: the one of this name; else the
    /// [default](PodExt::default_container); else the first regular one.
    ///
    /// # Errors
    /// [`Error::NoContainers`] when the pod has no regular container; [`Error::NoSuchContainer`] when it has none of
    /// that name, whether it came from the caller or the annotation.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::pod::{ContainerExt, PodExt};
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {"name": "web-0", "namespace": "default"},
    ///     "spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "setup"}]},
    /// }))?;
    /// assert_eq!(pod.pick_container(None)?.name(), "app");
    /// assert_eq!(
    ///     pod.pick_container(Some("ap")).unwrap_err().to_string(),
    ///     "pick container ap in pod default/web-0: no such container, out of: app, setup (init)",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn pick_container(&self, name: Option<&str>) -> Result<Container<'_>, Error>;
}

/// The same rules for whatever a pod is read from.
macro_rules! pod_ext {
    ($pod:ty) => {
        impl PodExt for $pod {
            fn age_at(&self, now: DateTime<Utc>) -> TimeDelta {
                self.created().and_then(|time| time.age_at(now).delta()).unwrap_or_default()
            }

            fn ready(&self) -> String {
                let summary = Summary::of(self);
                format!("{}/{}", summary.ready, summary.total)
            }

            fn restarts_at(&self, now: DateTime<Utc>) -> String {
                Summary::of(self).restarts_at(now)
            }

            fn status(&self) -> Phase {
                Summary::of(self).phase
            }

            fn containers(&self, filter: Option<String>) -> Vec<Container<'_>> {
                let filter = filter.unwrap_or_default();
                self.all().filter(|container| container.name().contains(&filter)).collect()
            }

            fn ips(&self) -> Vec<IpAddr> {
                self.ip_texts().filter_map(|ip| ip.parse().ok()).collect()
            }

            fn ready_condition(&self) -> Option<&PodCondition> {
                self.whole_ready_condition()
            }

            fn is_available_at(&self, min_ready_seconds: i32, now: DateTime<Utc>) -> bool {
                self.whole_ready_condition()
                    .is_some_and(|ready| is_available_at(ready, min_ready_seconds, now))
            }

            fn readiness_gates(&self) -> Vec<ReadinessGate<'_>> {
                let passed = |kind| self.condition(kind).is_some_and(|(_, status, _)| status == "True");
                let gates = self.gates();
                gates
                    .map(|condition_type| ReadinessGate { condition_type, passed: passed(condition_type) })
                    .collect()
            }

            fn default_container(&self) -> Option<&str> {
                self.annotated_container().filter(|name| !name.is_empty())
            }

            fn container(&self, name: &str) -> Option<Container<'_>> {
                self.regular_first().find(|container| container.name() == name)
            }

            fn pick_container(&self, name: Option<&str>) -> Result<Container<'_>, Error> {
                pick::pick(self, name.filter(|name| !name.is_empty()).or_else(|| self.default_container()))
            }
        }
    };
}

pod_ext!(Pod);
#[cfg(feature = "derive")]
pod_ext!(PodSlim);

fn is_available_at(ready: &PodCondition, min_ready_seconds: i32, now: DateTime<Utc>) -> bool {
    let ready_for = || ready.last_transition_time.as_ref()?.age_at(now).delta();
    ready.status == "True"
        && (min_ready_seconds == 0
            || ready_for().is_some_and(|ready_for| ready_for > TimeDelta::seconds(min_ready_seconds.into())))
}

/// The cells of `printPod`: Name, Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates.
pub(crate) fn cells(pod: &(impl PodExt + Read), now: DateTime<Utc>) -> Vec<String> {
    let or_none = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("<none>").to_owned();
    let summary = Summary::of(pod);
    let gates = pod.readiness_gates();
    let passed = gates.iter().filter(|gate| gate.passed).count();
    vec![
        pod.name().to_owned(),
        format!("{}/{}", summary.ready, summary.total),
        summary.phase.to_string(),
        summary.restarts_at(now),
        Age::since(pod.created(), now).to_string(),
        or_none(pod.ip_texts().next()),
        or_none(pod.node_name()),
        or_none(pod.nominated_node_name()),
        if gates.is_empty() { "<none>".into() } else { format!("{passed}/{}", gates.len()) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ips(status: &serde_json::Value) -> Vec<String> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap();
        pod.ip_texts().map(str::to_owned).collect()
    }

    #[test]
    fn the_single_address_wins_over_a_list_that_does_not_start_with_it() {
        let (a, b) = (json!({"ip": "10.0.0.1"}), json!({"ip": "fd00::1"}));
        assert_eq!(ips(&json!({"podIP": "10.0.0.1", "podIPs": [a, b]})), ["10.0.0.1", "fd00::1"]);
        assert_eq!(ips(&json!({"podIP": "10.0.0.9", "podIPs": [a, b]})), ["10.0.0.9"]);
        assert_eq!(ips(&json!({"podIP": "10.0.0.9"})), ["10.0.0.9"]);
        assert_eq!(ips(&json!({"podIPs": [b]})), ["fd00::1"]);
        assert_eq!(ips(&json!({"podIP": "", "podIPs": [b]})), ["fd00::1"]);
        assert!(ips(&json!({})).is_empty());
    }
}
