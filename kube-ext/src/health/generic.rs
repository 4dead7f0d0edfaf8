//! What all kinds have in common (`pkg/kstatus/status/generic.go` and `status.go`).

use chrono::{DateTime, Utc};

use super::{
    error::Problem,
    kinds,
    object::{Given, Object},
    report::Report,
    workloads,
};

/// The report of an object: by what all kinds have in common if that tells, then by the rules of its kind, then by `Ready`.
pub(super) fn report(object: Object<'_>, now: DateTime<Utc>) -> Result<Report, Problem> {
    if object.strict_text("metadata.deletionTimestamp")?.is_some_and(|time| !time.is_empty()) {
        return Ok(Report::terminating("Resource scheduled for deletion"));
    }
    if let Some(report) = unobserved(object)? {
        return Ok(report);
    }
    let conditions = object.conditions()?;
    if let Some(report) = conditions.iter().find_map(standard) {
        return Ok(report);
    }
    let report = match group_kind(object).as_str() {
        "Secret" | "ConfigMap" | "batch/CronJob" => Report::current("Resource is always ready"),
        "policy/PodDisruptionBudget" => Report::current("AllowedDisruptions has been computed."),
        "Service" => kinds::service(object),
        "Pod" => kinds::pod(object, &conditions, now)?,
        "PersistentVolumeClaim" => kinds::claim(object),
        "apiextensions.k8s.io/CustomResourceDefinition" => kinds::definition(&conditions),
        "apps/StatefulSet" => workloads::stateful_set(object),
        "apps/DaemonSet" | "extensions/DaemonSet" => workloads::daemon_set(object)?,
        "apps/Deployment" | "extensions/Deployment" => workloads::deployment(object, &conditions),
        "apps/ReplicaSet" | "extensions/ReplicaSet" => workloads::replica_set(object, &conditions),
        "batch/Job" => workloads::job(object, &conditions),
        _ => conditions.iter().find_map(ready).unwrap_or_else(|| Report::current("Resource is current")),
    };
    Ok(report)
}

/// In progress, if the controller has seen an older generation than this.
fn unobserved(object: Object<'_>) -> Result<Option<Report>, Problem> {
    let Some(generation) = object.strict_number("metadata.generation")? else { return Ok(None) };
    let Some(observed) = object.strict_number("status.observedGeneration")? else { return Ok(None) };
    Ok((observed != generation).then(|| {
        let kind = object.text("kind", "");
        let message =
            format!("{kind} generation is {generation}, but latest observed generation is {observed}");
        Report::in_progress("LatestGenerationNotObserved", message)
    }))
}

/// By a condition that is one of kstatus's own, which controllers may set themselves.
fn standard(condition: &Given<'_>) -> Option<Report> {
    if condition.status != "True" {
        return None;
    }
    match condition.type_ {
        "Reconciling" => Some(Report::in_progress(condition.reason, condition.message)),
        "Stalled" => Some(Report::failed(condition.reason, condition.message)),
        _ => None,
    }
}

/// By a condition `Ready`, which many custom resources have.
fn ready(condition: &Given<'_>) -> Option<Report> {
    if condition.type_ != "Ready" {
        return None;
    }
    match condition.status {
        "True" => Some(Report::current("Resource is Ready")),
        "False" | "Unknown" => Some(Report::in_progress(condition.reason, condition.message)),
        _ => None,
    }
}

/// `group/kind`, or the kind alone if it is in the core group. The version does not count.
fn group_kind(object: Object<'_>) -> String {
    let kind = object.text("kind", "");
    match object.text("apiVersion", "").split_once('/') {
        // No API version has two slashes, and what has one that is none has no kind either.
        Some((_, version)) if version.contains('/') => String::new(),
        None | Some(("", _)) => kind.to_owned(),
        Some((group, _)) => format!("{group}/{kind}"),
    }
}
