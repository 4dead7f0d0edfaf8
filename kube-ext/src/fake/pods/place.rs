//! Where a request leads: the pod in the store, the container in it, and whether it still runs
//! (`kubernetes/pkg/registry/core/pod/strategy.go`, `kubernetes/pkg/kubelet/kubelet_pods.go`).
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        server::{Call, Shared},
        status::Failure,
        store::Key,
    },
    Slot,
    log::Run,
    socket::race,
};

/// The pod of a request.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) shared: Arc<Shared>,
    key: Key,
    pod: Value,
}

/// What a container does, as its status has it.
#[derive(Debug, PartialEq, Eq)]
enum State<'a> {
    Running,
    Terminated,
    Waiting(&'a str),
    Unknown,
}

impl Place {
    pub(super) fn find(call: &Call) -> Result<Self, Failure> {
        let resource = call.kind()?.storage.clone();
        let key = Key { resource, namespace: call.info.namespace.clone(), name: call.info.name.clone() };
        let stored = call.shared.store.get(&key);
        let pod = stored.ok_or_else(|| Failure::not_found("", "pods", &call.info.name))?.value();
        Ok(Self { shared: call.shared.clone(), key, pod })
    }

    pub(super) fn name(&self) -> &str {
        &self.key.name
    }

    pub(super) fn namespace(&self) -> &str {
        &self.key.namespace
    }

    pub(super) fn uid(&self) -> &str {
        text(&self.pod, "/metadata/uid")
    }

    pub(super) fn is_bound(&self) -> bool {
        !text(&self.pod, "/spec/nodeName").is_empty()
    }

    /// Whether all of its containers have ended for good.
    pub(super) fn is_done(&self) -> bool {
        matches!(text(&self.pod, "/status/phase"), "Succeeded" | "Failed")
    }

    /// The container that is asked for, or the only one.
    pub(super) fn container(&self, asked: &str) -> Result<String, Failure> {
        let pod = self.name();
        let names: Vec<_> = ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"]
            .into_iter()
            .flat_map(|list| array(&self.pod, list))
            .map(|container| text(container, "/name"))
            .collect();
        if !asked.is_empty() {
            return if names.contains(&asked) {
                Ok(asked.to_owned())
            } else {
                Err(Failure::bad_request(format!("container {asked} is not valid for pod {pod}")))
            };
        }
        match array(&self.pod, "/spec/containers") {
            [] => Err(Failure::bad_request(format!("a container name must be specified for pod {pod}"))),
            [only] => Ok(text(only, "/name").to_owned()),
            _ => Err(Failure::bad_request(format!(
                "a container name must be specified for pod {pod}, choose one of: [{}]",
                names.join(" ")
            ))),
        }
    }

    /// Whether a container was given a terminal.
    pub(super) fn has_tty(&self, container: &str) -> bool {
        let mut containers = ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"]
            .into_iter()
            .flat_map(|list| array(&self.pod, list));
        containers
            .find(|candidate| text(candidate, "/name") == container)
            .and_then(|container| container.get("tty"))
            .is_some_and(|tty| tty == true)
    }

    /// What is attached to a container.
    pub(super) fn slot(&self, container: &str) -> Arc<Slot> {
        self.shared.pods.slot(self.namespace(), self.name(), container)
    }

    /// The run of a container that goes on now, if one does.
    pub(super) fn running(&self, container: &str) -> Option<Arc<Run>> {
        let slot = self.slot(container);
        let slot = slot.lock();
        let runs = match self.state(container) {
            Some(state) => state == State::Running,
            None => slot.is_played,
        };
        (runs && !slot.current.over.is_cancelled()).then(|| slot.current.clone())
    }

    /// The run of a container whose log is asked for.
    pub(super) fn logged(&self, container: &str, previous: bool) -> Result<Arc<Run>, Failure> {
        let pod = self.name();
        let refuse =
            |what: &str| Err(Failure::bad_request(format!("container {container:?} in pod {pod:?} {what}")));
        let slot = self.slot(container);
        let slot = slot.lock();
        let not_found = || {
            let message = format!("previous terminated container {container:?} in pod {pod:?} not found");
            Failure::bad_request(message)
        };
        let Some(state) = self.state(container) else {
            return match (slot.is_played, previous) {
                (true, true) => slot.previous.clone().ok_or_else(not_found),
                (true, false) => Ok(slot.current.clone()),
                (false, true) => Err(not_found()),
                (false, false) => refuse("is not available"),
            };
        };
        // A real container has an id; one that a test made up has a log.
        let is_there = |terminated: &&Value| slot.is_played || !text(terminated, "/containerID").is_empty();
        let status = self.status(container);
        let last = status.and_then(|status| status.pointer("/lastState/terminated"));
        let ended = last.filter(is_there);
        match state {
            // Between two runs, the latest one is the one before.
            State::Waiting(_) | State::Unknown if ended.is_some() => Ok(slot.latest()),
            _ if previous => match (&slot.previous, ended) {
                (Some(run), _) => Ok(run.clone()),
                (None, Some(_)) => Ok(Arc::default()),
                (None, None) => Err(not_found()),
            },
            State::Running => Ok(slot.current.clone()),
            State::Terminated => {
                let now = status.and_then(|status| status.pointer("/state/terminated")).filter(is_there);
                if now.or(ended).is_some() { Ok(slot.current.clone()) } else { refuse("is terminated") }
            }
            _ if last.is_some() => refuse("is terminated"),
            State::Waiting("ErrImagePull") => refuse("is waiting to start: image can't be pulled"),
            State::Waiting("ImagePullBackOff") => {
                refuse("is waiting to start: trying and failing to pull image")
            }
            State::Waiting(reason) => refuse(&format!("is waiting to start: {reason}")),
            State::Unknown => refuse("is waiting to start - no logs yet"),
        }
    }

    /// The end of a container, or of the pod if none is named.
    pub(super) fn life(&self, container: Option<(&str, &Arc<Run>)>) -> Life {
        Life {
            shared: self.shared.clone(),
            key: self.key.clone(),
            uid: self.uid().to_owned(),
            container: container.map(|(name, _)| name.to_owned()),
            restarts: container.map_or(0, |(name, _)| self.restarts(name)),
            over: container.map_or_else(CancellationToken::new, |(_, run)| run.over.clone()),
            seen: AtomicU64::new(0),
        }
    }

    fn status(&self, container: &str) -> Option<&Value> {
        ["/status/containerStatuses", "/status/initContainerStatuses", "/status/ephemeralContainerStatuses"]
            .into_iter()
            .flat_map(|list| array(&self.pod, list))
            .find(|status| text(status, "/name") == container)
    }

    fn restarts(&self, container: &str) -> u64 {
        self.status(container).and_then(|status| status.get("restartCount")?.as_u64()).unwrap_or_default()
    }

    fn state(&self, container: &str) -> Option<State<'_>> {
        let state = self.status(container)?.get("state");
        let of = |name| state.and_then(|state| state.get(name)).filter(|state| !state.is_null());
        Some(match (of("running"), of("terminated"), of("waiting")) {
            (Some(_), ..) => State::Running,
            (_, Some(_), _) => State::Terminated,
            (_, _, Some(waiting)) => State::Waiting(text(waiting, "/reason")),
            _ => State::Unknown,
        })
    }
}

/// How long a container runs, or a pod is there.
#[derive(Debug)]
pub(super) struct Life {
    shared: Arc<Shared>,
    key: Key,
    uid: String,
    container: Option<String>,
    restarts: u64,
    over: CancellationToken,
    /// The version of the pod that was looked at last, and found to run.
    seen: AtomicU64,
}

impl Life {
    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled() || !self.is_in_store()
    }

    /// Waits for the end.
    pub(super) async fn over(&self) {
        let mut written = self.shared.store.written();
        while !self.is_over() {
            race(written.changed(), self.over.cancelled()).await;
        }
    }

    /// Whether the pod is there and, by its status, still runs what it ran.
    fn is_in_store(&self) -> bool {
        let Some(stored) = self.shared.store.get(&self.key) else { return false };
        if stored.version == self.seen.load(Ordering::Relaxed) {
            return true;
        }
        let place = Place { shared: self.shared.clone(), key: self.key.clone(), pod: stored.value() };
        let runs = place.uid() == self.uid
            && self.container.as_deref().is_none_or(|container| {
                place.state(container).is_none_or(|state| state == State::Running)
                    && place.restarts(container) == self.restarts
            });
        if runs {
            self.seen.store(stored.version, Ordering::Relaxed);
        }
        runs
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
