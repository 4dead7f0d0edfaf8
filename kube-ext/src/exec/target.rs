//! The container that is meant, and the way to it.

use std::{future::Future, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{AttachParams, Request},
    client::Connection,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    error::{Cause, Error, Operation},
    session::Bounds,
};
use crate::{
    pod::{self, Container, ContainerExt as _, PodExt as _, State},
    server,
};

/// After how long without a word from the server it is taken for gone: kubectl's `pingReadDeadline`.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest address that a request can have, of which the path of the cluster's URL is a part that is not known here.
const MAX_ADDRESS: usize = 65_534 - 2048;

/// A container of a pod, and how long things may take.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) api: Api<Pod>,
    pub(super) pod: String,
    pub(super) container: Option<String>,
    pub(super) silence: Duration,
    pub(super) timeout: Option<Duration>,
}

/// Whether to look at the pod before its container is asked for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Always,
    /// Where its container has no name.
    IfNeeded,
}

impl Target {
    pub(super) fn new(api: &Api<Pod>, pod: String) -> Self {
        Self { api: api.clone(), pod, container: None, silence: SILENCE, timeout: None }
    }

    /// A ping at a time: what is shorter leaves no time for an answer.
    pub(super) fn set_silence(&mut self, silence: Duration) {
        self.silence = silence.max(Duration::from_millis(12));
    }

    pub(super) fn operation(&self, verb: String, container: Option<&str>) -> Arc<Operation> {
        let namespace = self.api.namespace().unwrap_or_default().to_owned();
        let container = container.or(self.container.as_deref()).map(ToOwned::to_owned);
        Arc::new(Operation { verb, namespace, pod: self.pod.clone(), container })
    }

    pub(super) fn bounds(&self) -> Bounds {
        let deadline = self.timeout.and_then(|after| Some((Instant::now().checked_add(after)?, after)));
        Bounds { silence: self.silence, deadline }
    }

    /// Chooses the container and connects to it. `ask` makes the request, given the container's name and whether it was
    /// started with a terminal, where that is known.
    ///
    /// `subresource` is `pods/exec` or `pods/attach`.
    pub(super) async fn connect(
        &self,
        verb: String,
        subresource: &'static str,
        look: Look,
        ask: impl Fn(&Request, &Picked) -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Connected, Error> {
        let bounds = self.bounds();
        let operation = self.operation(verb.clone(), None);
        let failed = |cause| Error::new(&operation, cause);
        self.check().map_err(failed)?;
        let picked = match &self.container {
            Some(name) if look == Look::IfNeeded => Picked { container: name.clone(), tty: false },
            _ => within(bounds, Box::pin(self.pick())).await.and_then(|picked| picked).map_err(failed)?,
        };
        let operation = self.operation(verb, Some(&picked.container));
        let failed = |cause| Error::new(&operation, cause);
        let request = address(ask(&Request::new(self.api.resource_url()), &picked)).map_err(failed)?;
        // A request is kilobytes of state; in a box, a caller's future stays small.
        let client = self.api.clone().into_client();
        match within(bounds, Box::pin(client.connect(request))).await.map_err(failed)? {
            Ok(connection) => {
                let target = Self { container: Some(picked.container.clone()), ..self.clone() };
                Ok(Connected { connection, operation, target, bounds, picked })
            }
            Err(error) => {
                let is_of_the_node =
                    matches!(&error, kube::Error::Api(status) if matches!(status.code, 400 | 500));
                let why =
                    if is_of_the_node { self.not_running(&picked.container, bounds).await } else { None };
                Err(failed(why.unwrap_or_else(|| refused(error, subresource))))
            }
        }
    }

    /// What no request can be made of.
    fn check(&self) -> Result<(), Cause> {
        let problem = if self.api.namespace().is_none() {
            "the Api is not of one namespace".to_owned()
        } else if !server::is_name(&self.pod) {
            format!("{:?} is no name of a pod", self.pod)
        } else {
            return Ok(());
        };
        Err(Cause::Invalid { problem })
    }

    async fn get(&self) -> kube::Result<Pod> {
        server::again(|| self.api.get(&self.pod)).await
    }

    /// kubectl's choice, of a pod that is not over.
    async fn pick(&self) -> Result<Picked, Cause> {
        let pod = self.get().await.map_err(|error| refused(error, "pods"))?;
        if let Some(phase) = over(&pod) {
            return Err(Cause::PodNotRunning { phase });
        }
        let container = pod
            .pick_container(self.container.as_deref())
            .map_err(|source| Cause::NoSuchContainer { source })?;
        Ok(Picked { container: container.name().to_owned(), tty: has_terminal(&pod, container.name()) })
    }

    /// What is behind a refusal, of which the API server and the node say little: why nothing can run in the container, as its
    /// pod has it. A pod that cannot be read in time, or is gone by now, explains nothing.
    pub(super) async fn not_running(&self, container: &str, bounds: Bounds) -> Option<Cause> {
        let pod = within(bounds, Box::pin(self.get())).await.ok()?.ok()?;
        if let Some(phase) = over(&pod) {
            return Some(Cause::PodNotRunning { phase });
        }
        if pod.spec.as_ref().is_none_or(|spec| spec.node_name.is_none()) {
            return Some(Cause::PodNotRunning { phase: "Pending".to_owned() });
        }
        match pod.pick_container(Some(container)) {
            Err(source @ pod::Error::NoSuchContainer { .. }) => Some(Cause::NoSuchContainer { source }),
            Ok(container) if container.state() != State::Running => {
                Some(Cause::NotRunning { state: describe(&container) })
            }
            _ => None,
        }
    }
}

/// A connection to a container, and whose it is.
pub(super) struct Connected {
    pub(super) connection: Connection,
    pub(super) operation: Arc<Operation>,
    /// With the container that was chosen.
    pub(super) target: Target,
    pub(super) bounds: Bounds,
    pub(super) picked: Picked,
}

/// What a future gives, if the server answers in time.
async fn within<T>(bounds: Bounds, work: impl Future<Output = T>) -> Result<T, Cause> {
    let silence = bounds.silence;
    let work = async {
        let lost = |_| Cause::Lost { reason: format!("nothing from the server for {silence:?}") };
        timeout(silence, work).await.map_err(lost)
    };
    match bounds.deadline {
        Some((at, after)) => timeout_at(at, work).await.unwrap_or(Err(Cause::TimedOut { after })),
        None => work.await,
    }
}

/// The request, if its address is not too long for one.
fn address(
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<http::Request<Vec<u8>>, Cause> {
    let invalid = |why: String| Cause::Invalid {
        problem: format!(
            "a command takes up to 64 KiB, percent-encoded, as a part of the request's address: {why}"
        ),
    };
    let request = request.map_err(|error| invalid(error.to_string()))?;
    match request.uri().to_string().len() {
        length if length > MAX_ADDRESS => Err(invalid(format!("this one takes {length} bytes"))),
        _ => Ok(request),
    }
}

/// The container that was chosen.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) container: String,
    /// Whether it was started with a terminal, if the pod has been looked at; else false.
    pub(super) tty: bool,
}

impl Picked {
    pub(super) fn params(&self, [stdin, stdout, stderr]: [bool; 3], tty: bool) -> AttachParams {
        AttachParams::default()
            .container(&self.container)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr && !tty)
            .tty(tty)
    }
}

/// The phase of a pod in which nothing will ever run again.
fn over(pod: &Pod) -> Option<String> {
    let phase = pod.status.as_ref()?.phase.as_ref()?;
    matches!(phase.as_str(), "Succeeded" | "Failed").then(|| phase.clone())
}

fn has_terminal(pod: &Pod, container: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let of_ephemeral = spec.ephemeral_containers.iter().flatten().map(|it| (it.name.as_str(), it.tty));
    let init = spec.init_containers.iter().flatten();
    let mut all = init.chain(&spec.containers).map(|it| (it.name.as_str(), it.tty)).chain(of_ephemeral);
    all.any(|(name, tty)| name == container && tty == Some(true))
}

fn describe(container: &Container<'_>) -> String {
    let state = match container.state() {
        State::Unknown => "not started".to_owned(),
        state => state.to_string().to_lowercase(),
    };
    let code = container.exit_code().map(|code| format!("exit code {code}"));
    let why: Vec<String> = container.reason().map(ToOwned::to_owned).into_iter().chain(code).collect();
    if why.is_empty() { state } else { format!("{state} ({})", why.join(", ")) }
}

fn refused(source: kube::Error, resource: &'static str) -> Cause {
    match &source {
        kube::Error::Api(status) if status.code == 403 => Cause::Forbidden { resource, source },
        kube::Error::Api(status) if status.code == 404 && is_of_a_pod(status) => {
            Cause::PodNotFound { source }
        }
        _ => Cause::Request { source },
    }
}

/// A server has more than pods that may not be there: a path that leads nowhere, a node that nobody knows.
fn is_of_a_pod(status: &kube::core::Status) -> bool {
    let kind = status.details.as_ref().map(|details| details.kind.as_str());
    kind == Some("pods") || status.message.starts_with("pods \"")
}
