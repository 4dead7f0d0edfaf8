//! The rules of kinds that are no workloads (`pkg/kstatus/status/core.go`).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    error::Problem,
    object::{Given, Object, problem},
    report::Report,
};

/// How old a pod may be before it counts as one that cannot be scheduled.
const SCHEDULE_WINDOW: TimeDelta = TimeDelta::seconds(15);

pub(super) fn service(object: Object<'_>) -> Report {
    let is_balancer = object.text("spec.type", "ClusterIP") == "LoadBalancer";
    if is_balancer && object.text("spec.clusterIP", "").is_empty() {
        return Report::in_progress("NoIPAssigned", "ClusterIP not set. Service type: LoadBalancer");
    }
    Report::current("Service is ready")
}

pub(super) fn claim(object: Object<'_>) -> Report {
    match object.text("status.phase", "unknown") {
        "Bound" => Report::current("PVC is Bound"),
        phase => Report::in_progress("NotBound", format!("PVC is not Bound. phase: {phase}")),
    }
}

pub(super) fn definition(conditions: &[Given<'_>]) -> Report {
    for condition in conditions {
        let refused = condition.is("NamesAccepted", "False")
            || condition.is("Established", "False") && condition.reason != "Installing";
        if refused {
            return Report::failed(condition.reason, condition.message);
        }
        if condition.is("Established", "True") {
            return Report::current("CRD is established");
        }
    }
    Report::in_progress("Installing", "Install in progress")
}

pub(super) fn pod(
    object: Object<'_>,
    conditions: &[Given<'_>],
    now: DateTime<Utc>,
) -> Result<Report, Problem> {
    let report = match object.text("status.phase", "") {
        "Succeeded" => Report::current("Pod has completed successfully"),
        "Failed" => Report::current("Pod has completed, but not successfully"),
        "Running" if conditions.iter().any(|condition| condition.is("Ready", "True")) => {
            Report::current("Pod is Ready")
        }
        "Running" => match crash_looping(object)?.as_slice() {
            [] => Report::in_progress("PodRunningNotReady", "Pod is running but is not Ready"),
            names => {
                let message = format!("Containers in CrashLoop state: {}", names.join(","));
                Report::failed("ContainerCrashLooping", message)
            }
        },
        "Pending" => {
            let scheduled = conditions.iter().find(|condition| condition.is("PodScheduled", "False"));
            if scheduled.is_none_or(|condition| condition.reason != "Unschedulable") {
                Report::in_progress("PodPending", "Pod is in the Pending phase")
            } else if is_new(object, now) {
                Report::in_progress("PodNotScheduled", "Pod has not been scheduled")
            } else {
                Report::failed("PodUnschedulable", "Pod could not be scheduled")
            }
        }
        "" => Report::in_progress("PodNotObserved", "Pod phase not available"),
        phase => return Err(Problem::UnknownPhase(phase.to_owned())),
    };
    Ok(report)
}

/// Whether the scheduler still has time. It has none if nobody knows when the pod was created.
fn is_new(pod: Object<'_>, now: DateTime<Utc>) -> bool {
    let created = DateTime::parse_from_rfc3339(pod.text("metadata.creationTimestamp", ""));
    created.is_ok_and(|created| now.signed_duration_since(created) < SCHEDULE_WINDOW)
}

/// The names of the regular containers that wait because they crashed too often.
fn crash_looping(pod: Object<'_>) -> Result<Vec<&str>, Problem> {
    let statuses = pod.strict_list("status.containerStatuses")?.map(Vec::as_slice).unwrap_or_default();
    let named = |(index, status)| {
        let path = format!("status.containerStatuses[{index}]");
        crash_looping_name(path, status).transpose()
    };
    statuses.iter().enumerate().filter_map(named).collect()
}

/// The name of a container if it waits because it crashed too often. `path` is where its status is.
fn crash_looping_name(mut path: String, status: &Value) -> Result<Option<&str>, Problem> {
    let Some(name) = member(&path, status, "name")? else { return Ok(None) };
    let name = name.as_str().ok_or_else(|| problem(format!("{path}.name"), name, "a string"))?;
    let mut value = status;
    for field in ["state", "waiting", "reason"] {
        let Some(next) = member(&path, value, field)? else { return Ok(None) };
        value = next;
        path.push('.');
        path.push_str(field);
    }
    let reason = value.as_str().ok_or_else(|| problem(path, value, "a string"))?;
    Ok((reason == "CrashLoopBackOff").then_some(name))
}

/// A field of what must be an object, and is at `path`.
fn member<'a>(path: &str, value: &'a Value, field: &str) -> Result<Option<&'a Value>, Problem> {
    let fields = value.as_object().ok_or_else(|| problem(path, value, "an object"))?;
    Ok(fields.get(field))
}
