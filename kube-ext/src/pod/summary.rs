//! The one pass over a pod that its READY, STATUS and RESTARTS come from: `printPod` in Kubernetes'
//! `pkg/printers/internalversion/printers.go` (1.36).

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::ContainerStateTerminated;

use super::{
    container::{ContainerExt as _, ContainerKind},
    phase::{InitState, Phase},
    read::{Read, Status},
};
use crate::time::{Age, TimeExt};

/// What `printPod` learns from a pod.
pub(super) struct Summary {
    pub(super) ready: usize,
    pub(super) total: usize,
    pub(super) phase: Phase,
    restarts: Restarts,
}

/// A count of restarts, and when the last of them was.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<DateTime<Utc>>,
}

impl Restarts {
    fn add(&mut self, status: &Status<'_>) {
        self.count += i64::from(status.restart_count);
        let ended = status.last_terminated.and_then(|ended| ended.finished_at.as_ref());
        self.last = self.last.max(ended.filter(|time| !time.is_zero()).map(TimeExt::to_chrono));
    }
}

impl Summary {
    pub(super) fn of(pod: &impl Read) -> Self {
        let sidecars = pod.init().filter(|container| container.kind() == ContainerKind::Sidecar).count();
        let mut summary = Self {
            ready: 0,
            total: pod.regular().len() + sidecars,
            phase: own_phase(pod),
            restarts: Restarts::default(),
        };
        let (initializing, sidecar_restarts) = summary.add_init_containers(pod);
        if !initializing || pod.condition("Initialized").is_some_and(|(_, status, _)| status == "True") {
            summary.restarts = sidecar_restarts;
            summary.add_containers(pod);
        }
        if pod.is_deleted() {
            if pod.reason() == Some("NodeLost") {
                summary.phase = Phase::Unknown;
            } else if !matches!(pod.phase(), Some("Succeeded" | "Failed")) {
                summary.phase = Phase::Terminating;
            }
        }
        summary
    }

    /// The RESTARTS cell.
    pub(super) fn restarts_at(&self, now: DateTime<Utc>) -> String {
        let Restarts { count, last } = self.restarts;
        match last {
            Some(last) if count != 0 => {
                format!("{count} ({} ago)", Age::new(now.signed_duration_since(last)))
            }
            _ => count.to_string(),
        }
    }

    /// Goes through the init containers up to the first that is not through. Returns whether there is one, and the
    /// restarts of sidecars alone.
    fn add_init_containers(&mut self, pod: &impl Read) -> (bool, Restarts) {
        let mut sidecar_restarts = Restarts::default();
        for (index, container) in pod.init_statuses().enumerate() {
            // As in a Go map, the last of several specs of the same name counts.
            let spec = pod.init().rfind(|spec| spec.name() == container.name);
            let sidecar = spec.is_some_and(|spec| spec.kind() == ContainerKind::Sidecar);
            self.restarts.add(&container);
            if sidecar {
                sidecar_restarts.add(&container);
            }
            if container.terminated.is_some_and(|ended| ended.exit_code == 0) {
                continue;
            }
            if sidecar && container.started == Some(true) {
                self.ready += usize::from(container.ready);
                continue;
            }
            let state = match (container.terminated, waiting_reason(&container)) {
                (Some(ended), _) => match (reason_of(ended), ended.signal.unwrap_or(0)) {
                    (Some(reason), _) => InitState::Terminated(reason.to_owned()),
                    (None, 0) => InitState::ExitCode(ended.exit_code),
                    (None, signal) => InitState::Signal(signal),
                },
                (None, Some(reason)) if reason != "PodInitializing" => InitState::Waiting(reason.to_owned()),
                _ => InitState::Running,
            };
            self.phase = Phase::Init { done: index, total: pod.init().len(), state };
            return (true, sidecar_restarts);
        }
        (false, sidecar_restarts)
    }

    /// Goes through the regular containers, last to first, so that the first one's word counts most.
    fn add_containers(&mut self, pod: &impl Read) {
        let mut running = false;
        let mut failure = None;
        for container in pod.statuses().rev() {
            self.restarts.add(&container);
            if let Some(reason) = waiting_reason(&container) {
                self.phase = Phase::Waiting(reason.to_owned());
            } else if let Some(ended) = container.terminated {
                self.phase = match (reason_of(ended), ended.signal.unwrap_or(0)) {
                    (Some("Completed"), _) => Phase::Completed,
                    (Some(reason), _) => Phase::Terminated(reason.to_owned()),
                    (None, 0) => Phase::ExitCode(ended.exit_code),
                    (None, signal) => Phase::Signal(signal),
                };
                if ended.exit_code != 0 {
                    failure = Some(self.phase.clone());
                }
            } else if container.ready && container.running.is_some() {
                running = true;
                self.ready += 1;
            }
        }
        if self.phase.shows_completed() {
            if running && has_ready_condition(pod) {
                self.phase = Phase::Running;
            } else if let Some(failure) = failure {
                self.phase = failure;
            } else if running {
                self.phase = Phase::NotReady;
            }
        }
    }
}

/// The pod's status before any container has its say.
fn own_phase(pod: &impl Read) -> Phase {
    let is_gated = |(kind, _, reason): (&str, _, Option<&str>)| {
        kind == "PodScheduled" && reason == Some("SchedulingGated")
    };
    if pod.conditions().any(is_gated) {
        return Phase::SchedulingGated;
    }
    match pod.reason() {
        None | Some("") => Phase::from_status(pod.phase().unwrap_or_default()),
        Some(reason) => Phase::Reason(reason.to_owned()),
    }
}

/// Unlike elsewhere, any condition of the type will do here.
fn has_ready_condition(pod: &impl Read) -> bool {
    pod.conditions().any(|(kind, status, _)| kind == "Ready" && status == "True")
}

fn reason_of(ended: &ContainerStateTerminated) -> Option<&str> {
    ended.reason.as_deref().filter(|reason| !reason.is_empty())
}

fn waiting_reason<'a>(status: &Status<'a>) -> Option<&'a str> {
    status.waiting?.reason.as_deref().filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    fn phase(deleted: bool, status: &serde_json::Value) -> String {
        let deleted = deleted.then_some("2026-07-22T12:00:00Z");
        let pod = json!({"metadata": {"deletionTimestamp": deleted}, "status": status});
        Summary::of(&serde_json::from_value::<Pod>(pod).unwrap()).phase.to_string()
    }

    #[test]
    fn deletion_has_the_last_word_unless_the_pod_has_ended() {
        assert_eq!(phase(false, &json!({"phase": "Running", "reason": "NodeLost"})), "NodeLost");
        assert_eq!(phase(true, &json!({"phase": "Running", "reason": "NodeLost"})), "Unknown");
        assert_eq!(phase(true, &json!({"phase": "Succeeded", "reason": "NodeLost"})), "Unknown");
        assert_eq!(phase(true, &json!({"phase": "Running"})), "Terminating");
        assert_eq!(phase(true, &json!({"phase": "Failed", "reason": "Evicted"})), "Evicted");
        assert_eq!(phase(true, &json!({})), "Terminating");
    }

    #[test]
    fn restarts_do_not_overflow() {
        let status = json!({
            "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": i32::MAX,
        });
        let pod = json!({"metadata": {}, "status": {"containerStatuses": [status, status]}});
        let summary = Summary::of(&serde_json::from_value::<Pod>(pod).unwrap());
        assert_eq!(summary.restarts_at(Utc::now()), "4294967294");
    }
}
