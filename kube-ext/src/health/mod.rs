//! Whether an object is what it is meant to be, for any kind: [`Health`], by the rules of kstatus.
//!
//! kstatus (`pkg/kstatus/status` of `sigs.k8s.io/cli-utils`) is how kpt and Flux know that what they applied is there. It looks at
//! nothing but the object: first at what all kinds have in common, then by rules for thirteen built-in kinds, then for a
//! condition `Ready`.
//!
//! ```
//! use k8s_openapi::api::apps::v1::Deployment;
//! use kube_ext::health::{Health, Status};
//!
//! let web: Deployment = serde_json::from_value(serde_json::json!({
//!     "metadata": {"name": "web", "namespace": "default", "generation": 2},
//!     "spec": {"replicas": 3, "selector": {}, "template": {}},
//!     "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1},
//! }))?;
//!
//! let report = web.health()?;
//! assert_eq!(report.status, Status::InProgress);
//! assert_eq!(report.message, "Updated: 1/3");
//! assert_eq!(report.conditions[0].reason, "LessUpdated");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod generic;
mod kinds;
mod object;
mod report;
mod workloads;

use chrono::{DateTime, Utc};
use kube::{
    Resource,
    core::{ApiResource, TypeMeta},
};
use serde::Serialize;
use serde_json::Value;

pub use self::{
    error::Error,
    report::{Condition, ConditionType, Report, Status},
};
pub use crate::yaml::Dynamic;

use self::object::Object;
use crate::yaml::{describe, describe_value, types_of};

/// The health of an object by kstatus.
///
/// It is there for every [`Resource`] that serialises: the types of `k8s_openapi`, derived custom resources, and
/// [`DynamicObject`](kube::core::DynamicObject). `K` only tells these apart for the compiler, which finds it by itself.
///
/// The object must be whole. Of one that is only metadata, such as a [`PartialObjectMeta`](kube::core::PartialObjectMeta), or that
/// has lost its status, kstatus says what it would of an object that has none: often that it is current.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::health::{Error, Health, Status};
///
/// fn is_there<K>(object: &impl Health<K>) -> Result<bool, Error> {
///     Ok(object.health()?.status == Status::Current)
/// }
/// assert!(!is_there(&Pod::default())?);
/// # Ok::<(), Error>(())
/// ```
pub trait Health<K: ?Sized> {
    /// What kstatus says of the object: its status, why, and the conditions that would tell so (`Compute` in
    /// `pkg/kstatus/status/status.go`, the rules of kinds in `pkg/kstatus/status/core.go`).
    ///
    /// The clock counts for one thing: a pod that cannot be scheduled is in progress until it is 15 seconds old, then it has
    /// failed.
    ///
    /// # Errors
    /// - [`Error::UnknownPhase`] for a pod in a phase that there is not.
    /// - [`Error::Field`] if a field that all kinds have in common is of a type that it cannot have. Fields that only some kinds have,
    ///   such as `spec.replicas`, then count as absent.
    /// - [`Error::MissingType`] for a dynamic object that does not know its kind. Those of a list do not: give them the
    ///   list's.
    /// - [`Error::Serialize`] if the object's `Serialize` fails.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::PersistentVolumeClaim;
    /// use kube_ext::health::Health;
    ///
    /// let report = PersistentVolumeClaim::default().health()?;
    /// assert_eq!(report.to_string(), "InProgress: PVC is not Bound. phase: unknown");
    /// # Ok::<(), kube_ext::health::Error>(())
    /// ```
    fn health(&self) -> Result<Report, Error> {
        self.health_at(Utc::now())
    }

    /// [`health`](Self::health) by the given clock.
    ///
    /// # Errors
    /// As [`health`](Self::health).
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::health::{Health, Status};
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {"creationTimestamp": "2026-07-22T12:00:00Z"},
    ///     "status": {"phase": "Pending", "conditions": [
    ///         {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
    ///     ]},
    /// }))?;
    /// assert_eq!(pod.health_at("2026-07-22T12:00:14Z".parse()?)?.status, Status::InProgress);
    /// assert_eq!(pod.health_at("2026-07-22T12:00:15Z".parse()?)?.status, Status::Failed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn health_at(&self, now: DateTime<Utc>) -> Result<Report, Error>;
}

impl<K> Health<K> for K
where
    K: Resource + Serialize,
    K::DynamicType: Default,
{
    fn health_at(&self, now: DateTime<Utc>) -> Result<Report, Error> {
        of(&tree(self, Some(types_of::<K>()))?, now)
    }
}

impl<K> Health<Dynamic> for K
where
    K: Resource<DynamicType = ApiResource> + Serialize,
{
    fn health_at(&self, now: DateTime<Utc>) -> Result<Report, Error> {
        of(&tree(self, None)?, now)
    }
}

/// The object as a tree of values, with its apiVersion and kind even where a client has dropped them.
fn tree<K: Resource + Serialize>(object: &K, types: Option<TypeMeta>) -> Result<Value, Error> {
    let mut tree = serde_json::to_value(object).map_err(|cause| {
        let kind = types.as_ref().map_or("object", |types| types.kind.as_str());
        Error::Serialize { object: describe(kind, object.meta()), message: cause.to_string() }
    })?;
    if let (Some(fields), Some(types)) = (tree.as_object_mut(), types) {
        let absent = |field: &str| fields.get(field).and_then(Value::as_str).is_none_or(str::is_empty);
        if absent("apiVersion") || absent("kind") {
            fields.insert("apiVersion".to_owned(), types.api_version.into());
            fields.insert("kind".to_owned(), types.kind.into());
        }
    }
    Ok(tree)
}

/// The health of an object that is a tree of values, with apiVersion and kind in it.
pub(crate) fn of(object: &Value, now: DateTime<Utc>) -> Result<Report, Error> {
    let object = Object::new(object);
    if object.text("kind", "").is_empty() {
        return Err(Error::MissingType { object: describe_value(object.value()) });
    }
    generic::report(object, now).map_err(|problem| problem.of(describe_value(object.value())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::{
        apps::v1::{DaemonSet, Deployment},
        core::v1::{Pod, Secret},
    };
    use kube::core::DynamicObject;
    use serde_json::json;

    const NOON: &str = "2026-07-22T12:00:00Z";

    fn noon() -> DateTime<Utc> {
        NOON.parse().unwrap()
    }

    /// What is said of an object, in one line.
    fn told(object: &Value) -> String {
        match of(object, noon()) {
            Ok(report) => report.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// An object of a kind that has no rules.
    fn ship(generation: &Value, status: &Value) -> Value {
        let metadata = json!({"name": "victory", "namespace": "sea", "generation": generation});
        json!({"apiVersion": "example.com/v1", "kind": "Ship", "metadata": metadata, "status": status})
    }

    #[test]
    fn what_all_kinds_have_in_common_comes_in_order() {
        let reconciling =
            json!({"type": "Reconciling", "status": "True", "reason": "Sails", "message": "set"});
        let stalled = json!({"type": "Stalled", "status": "True", "reason": "Calm", "message": "no wind"});
        let status = json!({"observedGeneration": 2, "conditions": [stalled, reconciling]});
        assert_eq!(told(&ship(&json!(2), &status)), "Failed: no wind");
        assert_eq!(
            told(&ship(&json!(3), &status)),
            "InProgress: Ship generation is 3, but latest observed generation is 2"
        );
        let mut going = ship(&json!(3), &status);
        going["metadata"]["deletionTimestamp"] = NOON.into();
        assert_eq!(told(&going), "Terminating: Resource scheduled for deletion");

        let status = json!({"conditions": [reconciling, stalled]});
        assert_eq!(told(&ship(&json!(2), &status)), "InProgress: set");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Succeeded", "conditions": [stalled]}});
        assert_eq!(told(&pod), "Failed: no wind");
    }

    #[test]
    fn ready_is_for_kinds_that_have_no_rules() {
        let ready =
            |status: &str| json!({"conditions": [{"type": "Ready", "status": status, "message": "why"}]});
        assert_eq!(told(&ship(&json!(1), &ready("True"))), "Current: Resource is Ready");
        assert_eq!(told(&ship(&json!(1), &ready("False"))), "InProgress: why");
        assert_eq!(told(&ship(&json!(1), &ready("Unknown"))), "InProgress: why");
        assert_eq!(told(&ship(&json!(1), &ready("Sinking"))), "Current: Resource is current");
        assert_eq!(told(&ship(&json!(1), &Value::Null)), "Current: Resource is current");
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "status": ready("False")});
        assert_eq!(told(&secret), "Current: Resource is always ready");
    }

    #[test]
    fn a_kind_has_its_rules_in_its_group_alone_and_in_every_version() {
        let of_type = |api_version: &str, kind: &str| told(&json!({"apiVersion": api_version, "kind": kind}));
        for version in ["apps/v1", "apps/v1beta2", "extensions/v1beta1"] {
            assert_eq!(of_type(version, "Deployment"), "InProgress: Replicas: 0/1");
        }
        assert_eq!(of_type("v1", "Pod"), "InProgress: Pod phase not available");
        assert_eq!(of_type("", "Pod"), "InProgress: Pod phase not available");
        for (version, kind) in [("v1", "Deployment"), ("extensions/v1beta1", "StatefulSet"), ("a/b/c", "Pod")]
        {
            assert_eq!(of_type(version, kind), "Current: Resource is current");
        }
    }

    #[test]
    fn a_stateful_set_with_a_partition_waits_for_those_above_it() {
        let set = |updated: u8| {
            let strategy = json!({"rollingUpdate": {"partition": 2}});
            let status = json!({"replicas": 3, "readyReplicas": 3, "updatedReplicas": updated});
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
                "spec": {"replicas": 3, "updateStrategy": strategy}, "status": status})
        };
        assert_eq!(told(&set(0)), "InProgress: updated: 0/1");
        assert_eq!(told(&set(1)), "Current: Partition rollout complete. updated: 1");
    }

    #[test]
    fn a_stateful_set_is_of_one_revision_unless_its_pods_are_deleted_by_hand() {
        let status = json!({"replicas": 1, "readyReplicas": 1, "currentReplicas": 1,
            "currentRevision": "a", "updateRevision": "b"});
        let mut set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "status": status});
        assert_eq!(told(&set), "InProgress: Waiting for updated revision to match current");
        set["spec"] = json!({"updateStrategy": {"type": "OnDelete"}});
        assert_eq!(told(&set), "Current: StatefulSet is using the ondelete update strategy");
    }

    #[test]
    fn a_deployment_past_its_deadline_has_the_words_of_its_condition() {
        let overdue = json!({"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "web has timed out"});
        let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "status": {"conditions": [overdue]}});
        let report = of(&web, noon()).unwrap();
        assert_eq!(report.to_string(), "Failed: Progress deadline exceeded");
        assert_eq!(
            serde_json::to_value(&report.conditions).unwrap(),
            json!([{"type": "Stalled", "status": "True",
                "reason": "ProgressDeadlineExceeded", "message": "web has timed out"}])
        );
    }

    #[test]
    fn all_containers_that_crash_are_named() {
        let waits = |reason: &str| json!({"waiting": {"reason": reason}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running", "containerStatuses": [
            {"name": "a", "state": waits("CrashLoopBackOff")},
            {"name": "b", "state": waits("ImagePullBackOff")},
            {"name": "c", "state": waits("CrashLoopBackOff")},
            {"name": "d"}, {"state": waits("CrashLoopBackOff")}, {"name": "e", "state": {"running": {}}},
        ]}});
        assert_eq!(told(&pod), "Failed: Containers in CrashLoop state: a,c");
    }

    #[test]
    fn the_scheduler_has_less_than_15_seconds() {
        let report = |created: &str| {
            let unscheduled = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
            told(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": created},
                "status": {"phase": "Pending", "conditions": [unscheduled]}}))
        };
        let (waits, failed) =
            ("InProgress: Pod has not been scheduled", "Failed: Pod could not be scheduled");
        assert_eq!(report("2026-07-22T11:59:45.001Z"), waits);
        assert_eq!(report("2026-07-22T13:59:46+02:00"), waits);
        assert_eq!(report("2026-07-22T11:59:45Z"), failed);
        assert_eq!(report("2026-07-23T00:00:00Z"), waits);
        assert_eq!(report("no time"), failed);
    }

    #[test]
    fn errors_name_the_object_and_the_field() {
        let told = |status: Value| told(&ship(&json!(1), &status));
        let with = |cause: &str| format!("health of Ship sea/victory: {cause}");
        assert_eq!(
            told(json!({"observedGeneration": "1"})),
            with("status.observedGeneration is a string, not a whole number")
        );
        assert_eq!(
            told(json!({"observedGeneration": null})),
            with("status.observedGeneration is null, not a whole number")
        );
        assert_eq!(told(json!([])), with("status is a list, not an object"));
        assert_eq!(told(json!({"conditions": {}})), with("status.conditions is an object, not a list"));
        assert_eq!(
            told(json!({"conditions": [null, {"type": null}, {"type": 1}]})),
            with("status.conditions[2].type is a number, not a string")
        );
        assert_eq!(
            told(json!({"conditions": ["Ready"]})),
            with("status.conditions[0] is a string, not an object")
        );
    }

    #[test]
    fn what_is_no_object_has_no_health() {
        for value in [json!(null), json!("Pod"), json!([]), json!({}), json!({"kind": 1})] {
            assert_eq!(told(&value), "health of object without a name: its kind is not known");
        }
    }

    /// The value, with `odd` in the place of each of its parts in turn, at any depth.
    fn replaced(value: &Value, odd: &Value) -> Vec<Value> {
        let mut all = vec![odd.clone()];
        let mut put = |part: &Value, place: &dyn Fn(&mut Value) -> &mut Value| {
            all.extend(replaced(part, odd).into_iter().map(|new| {
                let mut whole = value.clone();
                *place(&mut whole) = new;
                whole
            }));
        };
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, part)| put(part, &|it| &mut it[name])),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, part)| put(part, &|it| &mut it[index]));
            }
            _ => {}
        }
        all
    }

    #[test]
    fn no_type_of_a_field_makes_it_panic() {
        let numbers = [
            "replicas",
            "readyReplicas",
            "updatedReplicas",
            "currentReplicas",
            "availableReplicas",
            "fullyLabeledReplicas",
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberReady",
            "observedGeneration",
            "succeeded",
        ];
        let mut status: serde_json::Map<_, _> =
            numbers.iter().map(|name| ((*name).to_owned(), json!(1))).collect();
        status.insert("phase".to_owned(), json!("Running"));
        status.insert("conditions".to_owned(), json!([{"type": "Ready", "status": "False", "reason": "r"}]));
        let crashed = json!([{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
        status.insert("containerStatuses".to_owned(), crashed);
        let spec = json!({"replicas": 1, "type": "LoadBalancer", "clusterIP": "", "suspend": true,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}});
        let kinds = [
            ("v1", "Pod"),
            ("v1", "Service"),
            ("v1", "PersistentVolumeClaim"),
            ("apps/v1", "Deployment"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("apps/v1", "ReplicaSet"),
            ("batch/v1", "Job"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            ("example.com/v1", "Ship"),
        ];
        let odd = [
            json!(null),
            json!(""),
            json!("1"),
            json!(true),
            json!(1.5),
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!([]),
            json!({}),
            json!([null]),
            json!([1]),
            json!({"": null}),
        ];
        let mut answers = 0;
        for (api_version, kind) in kinds {
            let object = json!({"apiVersion": api_version, "kind": kind, "spec": spec, "status": status,
                "metadata": {"name": "web", "generation": 1, "creationTimestamp": NOON}});
            for odd in &odd {
                for object in replaced(&object, odd) {
                    for now in [noon(), DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                        answers += usize::from(of(&object, now).is_ok());
                    }
                }
            }
        }
        assert!(answers > 1000);
    }

    #[test]
    fn typed_and_dynamic_objects_are_told_the_same() {
        let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"selector": {}, "template": {}}});
        let dynamic: DynamicObject = serde_json::from_value(web.clone()).unwrap();
        let typed: Deployment = serde_json::from_value(web).unwrap();
        assert_eq!(dynamic.health().unwrap(), typed.health().unwrap());
        assert_eq!(Secret::default().health().unwrap().message, "Resource is always ready");
        assert_eq!(Pod::default().health().unwrap().status, Status::InProgress);
        assert_eq!(DaemonSet::default().health().unwrap().message, "DaemonSet metadata.generation not found");
    }

    #[test]
    fn a_dynamic_object_must_know_its_kind() {
        let pods = ApiResource::erase::<Pod>(&());
        let pod = DynamicObject::new("web-0", &pods).within("default");
        assert_eq!(pod.health().unwrap().message, "Pod phase not available");
        let error = DynamicObject { types: None, ..pod }.health().unwrap_err();
        assert_eq!(error.to_string(), "health of object default/web-0: its kind is not known");
    }
}
