//! What runs in pods: logs, exec, attach, port-forward.
mod command;
mod forward;
mod handle;
mod log;
mod logs;
mod place;
mod process;
mod since;
mod socket;
mod spdy;
mod tunnel;

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio_util::task::TaskTracker;

pub use self::{
    handle::{Connection, Container, Pod},
    process::{Exit, Output, Process, Resizes, Stdin, TerminalSize},
};
use self::{log::Run, place::Place};
use super::{
    FakeCluster,
    body::{self, Body},
    server::Call,
    status::Failure,
};

impl FakeCluster {
    /// What runs in a pod that is there or will be.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let cluster = FakeCluster::builder().start().await?;
    /// let web = cluster.pod("default", "web");
    /// web.container("app").log("ready");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pod(&self, namespace: &str, name: &str) -> Pod {
        Pod::new(&self.shared, namespace, name)
    }

    /// What runs in a container of a pod that is there or will be.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{Api, api::LogParams};
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// cluster.container("default", "web", "app").log("ready");
    /// let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// assert_eq!(pods.logs("web", &LogParams::default()).await?, "ready\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn container(&self, namespace: &str, pod: &str, name: &str) -> Container {
        Container::new(&self.shared, namespace, pod, name)
    }

    /// How many upgraded connections, and closures that run for them, there are now: none some time after the last
    /// client is gone and the last closure has ended.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let cluster = kube_ext::fake::FakeCluster::builder().start().await?;
    /// assert_eq!(cluster.open_streams(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_streams(&self) -> usize {
        self.shared.pods.tasks.len()
    }
}

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a test gave for something in a container.
type Played<I, O> = Arc<dyn Fn(I) -> Task<O> + Send + Sync>;

/// All that tests attached to containers. It belongs to the names: a pod that is deleted and made again finds it.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    containers: Mutex<HashMap<[String; 3], Arc<Slot>>>,
    ports: Mutex<HashMap<([String; 2], u16), Port>>,
    /// Upgraded connections, and the closures that run for them.
    tasks: TaskTracker,
}

impl Pods {
    fn slot(&self, namespace: &str, pod: &str, container: &str) -> Arc<Slot> {
        let mut containers = self.containers.lock().unwrap_or_else(PoisonError::into_inner);
        containers.entry([namespace, pod, container].map(ToOwned::to_owned)).or_default().clone()
    }

    fn port(&self, namespace: &str, pod: &str, port: u16) -> Option<Port> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.get(&([namespace, pod].map(ToOwned::to_owned), port)).cloned()
    }

    fn set_port(&self, namespace: &str, pod: &str, port: u16, serves: Port) {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        ports.insert(([namespace, pod].map(ToOwned::to_owned), port), serves);
    }
}

/// What is attached to a container.
#[derive(Debug, Default)]
struct Slot(Mutex<Attached>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Attached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Attached {
    /// Whether a test has given this container anything.
    is_played: bool,
    current: Arc<Run>,
    previous: Option<Arc<Run>>,
    exec: Option<Played<Process, Exit>>,
    attach: Option<Played<Process, ()>>,
}

impl Attached {
    /// The latest run that has written something.
    fn latest(&self) -> Arc<Run> {
        let previous = self.previous.as_ref().filter(|_| self.current.log().is_empty());
        previous.unwrap_or(&self.current).clone()
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("is_played", &self.is_played).finish_non_exhaustive()
    }
}

/// What serves a port of a pod.
#[derive(Clone)]
enum Port {
    Closure(Played<Connection, ()>),
    Socket(SocketAddr),
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closure(_) => f.write_str("Closure"),
            Self::Socket(address) => f.debug_tuple("Socket").field(address).finish(),
        }
    }
}

/// Answers `pods/log`, `pods/exec`, `pods/attach` and `pods/portforward`. `request` is there for its upgrade.
pub(crate) fn answer(call: &Call, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let is_log = call.info.subresource == "log";
    match call.method {
        Method::GET => (),
        Method::POST if !is_log => (),
        _ => return Err(Failure::method_not_allowed()),
    }
    if is_log {
        return logs::answer(call);
    }
    let place = Place::find(call)?;
    match call.info.subresource.as_str() {
        "portforward" => forward::answer(call, place, request),
        _ => command::answer(call, &place, request),
    }
}

/// Refuses what is no upgrade.
fn check_upgrade(call: &Call, place: &Place) -> Result<(), Failure> {
    if !place.is_bound() {
        return Err(Failure::bad_request(format!("pod {} does not have a host assigned", place.name())));
    }
    if !socket::lists(&call.headers, header::CONNECTION, "upgrade") {
        return Err(Failure::bad_request("Upgrade request required"));
    }
    Ok(())
}

/// Refuses a subprotocol. A real server says nothing, but has SPDY.
fn no_protocol(call: &Call) -> Response<Body> {
    let is_spdy = socket::lists(&call.headers, header::UPGRADE, "SPDY/3.1");
    body::text(StatusCode::FORBIDDEN, if is_spdy { "this server has websockets only" } else { "" })
}
