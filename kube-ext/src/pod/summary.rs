//! The one pass over a pod that its READY, STATUS and RESTARTS come from: `printPod` in Kubernetes'
//! `pkg/printers/internalversion/printers.go` (1.36).

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};

use super::phase::{InitState, Phase};
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
    fn add(&mut self, status: &ContainerStatus) {
        self.count += i64::from(status.restart_count);
        let ended =
            status.last_state.as_ref().and_then(|state| state.terminated.as_ref()?.finished_at.as_ref());
        self.last = self.last.max(ended.filter(|time| !time.is_zero()).map(TimeExt::to_chrono));
    }
}

impl Summary {
    pub(super) fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let (containers, init_containers) = pod
            .spec
            .as_ref()
            .map_or((0, &[][..]), |spec| (spec.containers.len(), or_empty(spec.init_containers.as_ref())));
        let mut summary = Self {
            ready: 0,
            total: containers + init_containers.iter().filter(|container| is_sidecar(container)).count(),
            phase: status.map_or(Phase::Other(String::new()), own_phase),
            restarts: Restarts::default(),
        };
        if let Some(status) = status {
            let (initializing, sidecar_restarts) = summary.add_init_containers(status, init_containers);
            if !initializing || is_initialized(status) {
                summary.restarts = sidecar_restarts;
                summary.add_containers(status);
            }
        }
        if pod.metadata.deletion_timestamp.is_some() {
            let reason = status.and_then(|status| status.reason.as_deref());
            let phase = status.and_then(|status| status.phase.as_deref());
            if reason == Some("NodeLost") {
                summary.phase = Phase::Unknown;
            } else if !matches!(phase, Some("Succeeded" | "Failed")) {
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
    fn add_init_containers(&mut self, status: &PodStatus, specs: &[Container]) -> (bool, Restarts) {
        let mut sidecar_restarts = Restarts::default();
        for (index, container) in or_empty(status.init_container_statuses.as_ref()).iter().enumerate() {
            // As in a Go map, the last of several specs of the same name counts.
            let sidecar = specs.iter().rfind(|spec| spec.name == container.name).is_some_and(is_sidecar);
            self.restarts.add(container);
            if sidecar {
                sidecar_restarts.add(container);
            }
            let state = container.state.as_ref();
            if terminated(state).is_some_and(|ended| ended.exit_code == 0) {
                continue;
            }
            if sidecar && container.started == Some(true) {
                self.ready += usize::from(container.ready);
                continue;
            }
            let state = match (terminated(state), waiting_reason(state)) {
                (Some(ended), _) => match (reason_of(ended), ended.signal.unwrap_or(0)) {
                    (Some(reason), _) => InitState::Terminated(reason.to_owned()),
                    (None, 0) => InitState::ExitCode(ended.exit_code),
                    (None, signal) => InitState::Signal(signal),
                },
                (None, Some(reason)) if reason != "PodInitializing" => InitState::Waiting(reason.to_owned()),
                _ => InitState::Running,
            };
            self.phase = Phase::Init { done: index, total: specs.len(), state };
            return (true, sidecar_restarts);
        }
        (false, sidecar_restarts)
    }

    /// Goes through the regular containers, last to first, so that the first one's word counts most.
    fn add_containers(&mut self, status: &PodStatus) {
        let mut running = false;
        let mut failure = None;
        for container in or_empty(status.container_statuses.as_ref()).iter().rev() {
            self.restarts.add(container);
            let state = container.state.as_ref();
            if let Some(reason) = waiting_reason(state) {
                self.phase = Phase::Waiting(reason.to_owned());
            } else if let Some(ended) = terminated(state) {
                self.phase = match (reason_of(ended), ended.signal.unwrap_or(0)) {
                    (Some("Completed"), _) => Phase::Completed,
                    (Some(reason), _) => Phase::Terminated(reason.to_owned()),
                    (None, 0) => Phase::ExitCode(ended.exit_code),
                    (None, signal) => Phase::Signal(signal),
                };
                if ended.exit_code != 0 {
                    failure = Some(self.phase.clone());
                }
            } else if container.ready && state.is_some_and(|state| state.running.is_some()) {
                running = true;
                self.ready += 1;
            }
        }
        if self.phase.shows_completed() {
            if running && has_ready_condition(status) {
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
fn own_phase(status: &PodStatus) -> Phase {
    let gated = conditions(status).iter().any(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("SchedulingGated")
    });
    if gated {
        return Phase::SchedulingGated;
    }
    match status.reason.as_deref() {
        None | Some("") => Phase::from_status(status.phase.as_deref().unwrap_or_default()),
        Some(reason) => Phase::Reason(reason.to_owned()),
    }
}

/// The first condition of a type decides.
pub(super) fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a PodCondition> {
    conditions(status).iter().find(|condition| condition.type_ == kind)
}

pub(super) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

pub(super) fn or_empty<T>(list: Option<&Vec<T>>) -> &[T] {
    list.map_or(&[], Vec::as_slice)
}

fn conditions(status: &PodStatus) -> &[PodCondition] {
    or_empty(status.conditions.as_ref())
}

fn is_initialized(status: &PodStatus) -> bool {
    condition(status, "Initialized").is_some_and(|condition| condition.status == "True")
}

/// Unlike elsewhere, any condition of the type will do here.
fn has_ready_condition(status: &PodStatus) -> bool {
    conditions(status).iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn terminated(state: Option<&ContainerState>) -> Option<&ContainerStateTerminated> {
    state?.terminated.as_ref()
}

fn reason_of(ended: &ContainerStateTerminated) -> Option<&str> {
    ended.reason.as_deref().filter(|reason| !reason.is_empty())
}

fn waiting_reason(state: Option<&ContainerState>) -> Option<&str> {
    state?.waiting.as_ref()?.reason.as_deref().filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn phase(deleted: bool, status: &serde_json::Value) -> String {
        let deleted = deleted.then_some("2026-07-22T12:00:00Z");
        let pod = json!({"metadata": {"deletionTimestamp": deleted}, "status": status});
        Summary::of(&serde_json::from_value(pod).unwrap()).phase.to_string()
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
        let summary = Summary::of(&serde_json::from_value(pod).unwrap());
        assert_eq!(summary.restarts_at(Utc::now()), "4294967294");
    }
}
