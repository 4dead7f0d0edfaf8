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
use crate::pod::{self, Container, ContainerExt as _, PodExt as _, State};

/// After how long without a word from the server it is taken for gone: kubectl's `pingReadDeadline`.
const SILENCE: Duration = Duration::from_secs(60);

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
        bounds: Bounds,
        ask: impl Fn(&Request, &Picked) -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<(Connection, Arc<Operation>, Picked), Error> {
        let operation = self.operation(verb.clone(), None);
        self.check().map_err(|cause| Error::new(&operation, cause))?;
        let picked = match &self.container {
            Some(name) if look == Look::IfNeeded => Picked { container: name.clone(), tty: false },
            _ => self
                .within(bounds, Box::pin(self.pick()))
                .await
                .map_err(|cause| Error::new(&operation, cause))?,
        };
        let operation = self.operation(verb, Some(&picked.container));
        let connect = async {
            let request = Request::new(self.api.resource_url());
            let request = ask(&request, &picked).map_err(|error| Cause::Invalid {
                problem: format!("the request cannot be built, a command takes up to 64 KiB: {error}"),
            })?;
            match self.api.clone().into_client().connect(request).await {
                Ok(connection) => Ok(connection),
                Err(error) => Err(self.explain(error, subresource, &picked.container).await),
            }
        };
        // A request is kilobytes of state; in a box, a caller's future stays small.
        match self.within(bounds, Box::pin(connect)).await {
            Ok(connection) => Ok((connection, operation, picked)),
            Err(cause) => Err(Error::new(&operation, cause)),
        }
    }

    /// Names are put into a path as they are.
    fn check(&self) -> Result<(), Cause> {
        let is_name = |name: &str| {
            let known =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
            (1..=253).contains(&name.len()) && name.bytes().all(known) && name.trim_matches('.') == name
        };
        let problem = if self.api.namespace().is_none() {
            "the Api is not of one namespace".to_owned()
        } else if !is_name(&self.pod) {
            format!("{:?} is no name of a pod", self.pod)
        } else {
            return Ok(());
        };
        Err(Cause::Invalid { problem })
    }

    async fn within<T>(
        &self,
        bounds: Bounds,
        work: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, Cause> {
        let silence = bounds.silence;
        let work = async {
            timeout(silence, work).await.unwrap_or_else(|_| {
                Err(Cause::Lost { reason: format!("nothing from the server for {silence:?}") })
            })
        };
        match bounds.deadline {
            Some((at, after)) => timeout_at(at, work).await.unwrap_or(Err(Cause::TimedOut { after })),
            None => work.await,
        }
    }

    /// kubectl's choice, of a pod that is not over.
    async fn pick(&self) -> Result<Picked, Cause> {
        let pod = self.api.get(&self.pod).await.map_err(|error| refused(error, "pods"))?;
        if let Some(phase) = over(&pod) {
            return Err(Cause::PodNotRunning { phase });
        }
        let container = pod
            .pick_container(self.container.as_deref())
            .map_err(|source| Cause::NoSuchContainer { source })?;
        Ok(Picked { container: container.name().to_owned(), tty: has_terminal(&pod, container.name()) })
    }

    /// Finds out what is behind a refusal: the API server and the node say little.
    async fn explain(&self, error: kube::Error, subresource: &'static str, container: &str) -> Cause {
        let kube::Error::Api(status) = &error else { return refused(error, subresource) };
        if !matches!(status.code, 400 | 500) {
            return refused(error, subresource);
        }
        // A pod that cannot be read, or is gone by now, explains nothing.
        let Ok(pod) = self.api.get(&self.pod).await else { return refused(error, subresource) };
        if let Some(phase) = over(&pod) {
            return Cause::PodNotRunning { phase };
        }
        if pod.spec.as_ref().is_none_or(|spec| spec.node_name.is_none()) {
            return Cause::PodNotRunning { phase: "Pending".to_owned() };
        }
        match pod.pick_container(Some(container)) {
            Err(source @ pod::Error::NoSuchContainer { .. }) => Cause::NoSuchContainer { source },
            Ok(container) if container.state() != State::Running => {
                Cause::NotRunning { state: describe(&container) }
            }
            _ => refused(error, subresource),
        }
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
        kube::Error::Api(status) if status.code == 404 => Cause::PodNotFound { source },
        _ => Cause::Request { source },
    }
}
