//! The rules of workloads (`pkg/kstatus/status/core.go`).

use super::{
    error::Problem,
    object::{Given, Object},
    report::Report,
};

/// In progress, with the number there is of the number there must be.
fn less(reason: &str, what: &str, there: i64, wanted: i64) -> Report {
    Report::in_progress(reason, format!("{what}: {there}/{wanted}"))
}

/// In progress, with the number of pods that are still to go.
fn extra(there: i64, wanted: i64) -> Report {
    Report::in_progress("ExtraPods", format!("Pending termination: {}", there.wrapping_sub(wanted)))
}

pub(super) fn stateful_set(object: Object<'_>) -> Report {
    // Its user deletes the pods, so that there is nothing to wait for.
    if object.text("spec.updateStrategy.type", "") == "OnDelete" {
        return Report::current("StatefulSet is using the ondelete update strategy");
    }
    let wanted = object.number("spec.replicas", 1);
    let replicas = object.number("status.replicas", 0);
    let ready = object.number("status.readyReplicas", 0);
    let current = object.number("status.currentReplicas", 0);
    let updated = object.number("status.updatedReplicas", 0);

    if wanted > replicas {
        return less("LessReplicas", "Replicas", replicas, wanted);
    }
    if wanted > ready {
        return less("LessReady", "Ready", ready, wanted);
    }
    if replicas > wanted {
        return extra(replicas, wanted);
    }
    // A default strategy has a partition, too, of 0.
    let partition = object.number("spec.updateStrategy.rollingUpdate.partition", -1);
    if partition != -1 {
        let wanted = wanted.wrapping_sub(partition);
        if updated < wanted {
            return less("PartitionRollout", "updated", updated, wanted);
        }
        return Report::current(format!("Partition rollout complete. updated: {updated}"));
    }
    if wanted > current {
        return less("LessCurrent", "current", current, wanted);
    }
    if object.text("status.currentRevision", "") != object.text("status.updateRevision", "") {
        return Report::in_progress("RevisionMismatch", "Waiting for updated revision to match current");
    }
    Report::current(format!("All replicas scheduled as expected. Replicas: {replicas}"))
}

pub(super) fn deployment(object: Object<'_>, conditions: &[Given<'_>]) -> Report {
    if let Some(overdue) = conditions
        .iter()
        .find(|condition| condition.type_ == "Progressing" && condition.reason == "ProgressDeadlineExceeded")
    {
        let message = "Progress deadline exceeded".to_owned();
        return Report::stalled(message, overdue.reason, overdue.message);
    }
    let wanted = object.number("spec.replicas", 1);
    let replicas = object.number("status.replicas", 0);
    let updated = object.number("status.updatedReplicas", 0);
    let ready = object.number("status.readyReplicas", 0);
    let available = object.number("status.availableReplicas", 0);

    if wanted > replicas {
        return less("LessReplicas", "Replicas", replicas, wanted);
    }
    if wanted > updated {
        return less("LessUpdated", "Updated", updated, wanted);
    }
    if replicas > wanted {
        return extra(replicas, wanted);
    }
    if updated > available {
        return less("LessAvailable", "Available", available, updated);
    }
    if wanted > ready {
        return less("LessReady", "Ready", ready, wanted);
    }
    // Without a deadline, which the greatest number stands for, too, the controller sets no condition `Progressing`.
    let no_deadline = i64::from(i32::MAX);
    let has_progressed = object.number("spec.progressDeadlineSeconds", no_deadline) == no_deadline
        || conditions.iter().any(|condition| {
            condition.is("Progressing", "True") && condition.reason == "NewReplicaSetAvailable"
        });
    if !has_progressed {
        return Report::in_progress("ReplicaSetNotAvailable", "ReplicaSet not Available");
    }
    if !conditions.iter().any(|condition| condition.is("Available", "True")) {
        return Report::in_progress("DeploymentNotAvailable", "Deployment not Available");
    }
    Report::current(format!("Deployment is available. Replicas: {replicas}"))
}

pub(super) fn replica_set(object: Object<'_>, conditions: &[Given<'_>]) -> Report {
    if conditions.iter().any(|condition| condition.is("ReplicaFailure", "True")) {
        return Report::in_progress("ReplicaFailure", "Replica Failure condition. Check Pods");
    }
    let wanted = object.number("spec.replicas", 1);
    let replicas = object.number("status.replicas", 0);
    let ready = object.number("status.readyReplicas", 0);
    let available = object.number("status.availableReplicas", 0);
    let labelled = object.number("status.fullyLabeledReplicas", 0);

    if wanted > labelled {
        return less("LessLabelled", "Labelled", labelled, wanted);
    }
    if wanted > available {
        return less("LessAvailable", "Available", available, wanted);
    }
    if wanted > ready {
        return less("LessReady", "Ready", ready, wanted);
    }
    if replicas > wanted {
        return extra(replicas, wanted);
    }
    Report::current(format!("ReplicaSet is available. Replicas: {replicas}"))
}

pub(super) fn daemon_set(object: Object<'_>) -> Result<Report, Problem> {
    // Other kinds may do without; a DaemonSet that has been seen by its controller has both.
    let kind = object.text("kind", "");
    if object.strict_number("metadata.generation")?.is_none() {
        let message = format!("{kind} metadata.generation not found");
        return Ok(Report::in_progress("NoGeneration", message));
    }
    if object.strict_number("status.observedGeneration")?.is_none() {
        let message = format!("{kind} status.observedGeneration not found");
        return Ok(Report::in_progress("NoObservedGeneration", message));
    }
    let wanted = object.number("status.desiredNumberScheduled", -1);
    let current = object.number("status.currentNumberScheduled", 0);
    let updated = object.number("status.updatedNumberScheduled", 0);
    let available = object.number("status.numberAvailable", 0);
    let ready = object.number("status.numberReady", 0);

    let report = if wanted == -1 {
        Report::in_progress("NoDesiredNumber", "Missing .status.desiredNumberScheduled")
    } else if wanted > current {
        less("LessCurrent", "Current", current, wanted)
    } else if wanted > updated {
        less("LessUpdated", "Updated", updated, wanted)
    } else if wanted > available {
        less("LessAvailable", "Available", available, wanted)
    } else if wanted > ready {
        less("LessReady", "Ready", ready, wanted)
    } else {
        Report::current(format!("All replicas scheduled as expected. Replicas: {wanted}"))
    };
    Ok(report)
}

pub(super) fn job(object: Object<'_>, conditions: &[Given<'_>]) -> Report {
    let completions = object.number("spec.completions", object.number("spec.parallelism", 1));
    let succeeded = object.number("status.succeeded", 0);
    let active = object.number("status.active", 0);
    let failed = object.number("status.failed", 0);

    for condition in conditions.iter().filter(|condition| condition.status == "True") {
        match condition.type_ {
            "Complete" => {
                return Report::current(format!("Job Completed. succeeded: {succeeded}/{completions}"));
            }
            "Failed" => {
                return Report::failed("JobFailed", format!("Job Failed. failed: {failed}/{completions}"));
            }
            // It is to stand still, and does.
            "Suspended" if object.flag("spec.suspend") => return Report::current("Job is suspended"),
            _ => {}
        }
    }
    if object.text("status.startTime", "").is_empty() {
        return Report::in_progress("JobNotStarted", "Job not started");
    }
    Report::current(format!("Job in progress. success:{succeeded}, active: {active}, failed: {failed}"))
}
