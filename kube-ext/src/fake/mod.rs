//! An API server inside the process, for tests and demos, with faults on demand.
//!
//! [`FakeCluster`] speaks real HTTP and websockets on loopback, so that all of a program's client is under test. It is a
//! test double: as much server as clients of the built-in kinds and of custom resources need, held against a real API
//! server of Kubernetes 1.36 by several hundred requests to both.
//!
//! - Objects: get, list with selectors, pages and versions, watch, create, update, patch, apply, delete with finalizers, the
//!   `status` and `scale` subresources, `Table` and `PartialObjectMetadata` answers, discovery, CRDs.
//! - Pods: logs, exec, attach and port-forward, played by closures; see [`Container`] and [`Pod`].
//! - [`Faults`]: cut, stall, slow, refuse, expire, restart. [`Rule`]: what users may do. [`RequestRecord`]: what was asked.
//!
//! # What is not there
//! - Whatever a controller, scheduler or kubelet does: a Deployment makes no pods, a pod's status is what was written. Of
//!   the garbage collector there is that dependents go with the last of their owners.
//! - Admission, quotas, CRD schemas (neither pruning nor checks), and most of the defaults and checks of built-in kinds'
//!   fields: objects stay as they were written. The metadata are checked.
//! - Conversion: the versions of a kind differ in `apiVersion` only.
//! - `managedFields` of any but apply, and its conflicts; strategic merge patch and apply know the keys of well-known
//!   lists only.
//! - Columns of kinds that have no [`Columns`](crate::columns::Columns): their tables have names and times.
//! - `OpenAPI` documents (`kubectl create` and `apply` need `--validate=false`), TLS, HTTP/2, protobuf, aggregated APIs.
//!
//! ```
//! use k8s_openapi::api::core::v1::Pod;
//! use kube::{Api, ResourceExt, api::ListParams};
//! use kube_ext::fake::{Calls, FakeCluster, Fault};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = FakeCluster::builder()
//!     .yaml("{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}}")
//!     .start()
//!     .await?;
//! let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
//!
//! cluster.faults().add(Calls::verb("list").resource("pods").nth(2), Fault::forbidden());
//! assert_eq!(pods.list(&ListParams::default()).await?.items[0].name_any(), "web-0");
//! assert!(pods.list(&ListParams::default()).await.unwrap_err().to_string().contains("is forbidden"));
//! assert_eq!(cluster.requests().len(), 2);
//! # Ok(())
//! # }
//! ```

mod access;
mod body;
mod builder;
mod discovery;
mod faults;
mod kinds;
mod pattern;
mod pods;
mod port;
mod read;
mod request;
mod requests;
mod selector;
mod server;
mod status;
mod store;
mod table;
mod user;
mod write;

use std::{fmt, io, net::SocketAddr, sync::Arc};

use kube::{Client, Config};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    access::Rule,
    builder::Builder,
    faults::{Calls, Fault, FaultHandle, Faults},
    pods::{Connection, Container, Exit, Output, Pod, Process, Resizes, Stdin, TerminalSize},
    requests::RequestRecord,
};
use self::{server::Shared, status::Failure};
use crate::yaml;

/// An API server inside the process; see the [module](self).
///
/// It listens on a port of loopback and ends with this: connections drop, and whatever it started stops. There is no global
/// state: a process can have many. Memory is bounded by the objects, by the history for watches
/// ([`history_bytes`](Builder::history_bytes)), by the requests that are remembered
/// ([`keep_requests`](Builder::keep_requests)) and by the logs ([`Container::log_limit`]).
pub struct FakeCluster {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// Why a [`FakeCluster`] could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No port of loopback could be had.
    #[error("start fake cluster: listen on loopback: {0}")]
    #[non_exhaustive]
    Listen(#[source] io::Error),
    /// A manifest could not be read.
    #[error("start fake cluster: read manifest: {0}")]
    #[non_exhaustive]
    Manifest(#[source] yaml::Error),
    /// An object could not be written as JSON, or its stored form not read as the type.
    #[error("apply object to fake cluster: {0}")]
    #[non_exhaustive]
    Json(#[source] serde_json::Error),
    /// The cluster does not take an object.
    #[error("apply {object} to fake cluster: {message}")]
    #[non_exhaustive]
    Refused {
        /// Kind and name of the object.
        object: String,
        /// The server's words.
        message: String,
    },
    /// A client could not be built.
    #[error("connect to fake cluster: {0}")]
    #[non_exhaustive]
    Client(#[source] kube::Error),
}

impl FakeCluster {
    /// A cluster to be. It will have the namespaces that every cluster has, and nothing else.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = kube_ext::fake::FakeCluster::builder().start().await?;
    /// assert_eq!(cluster.client()?.apiserver_version().await?.minor, "36");
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A client that may do everything. Its default namespace is `default`.
    ///
    /// # Errors
    /// [`Error::Client`] if kube cannot build it.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Namespace;
    /// use kube::{Api, api::ListParams};
    /// use kube_ext::fake::FakeCluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = FakeCluster::builder().start().await?;
    /// let namespaces: Api<Namespace> = Api::all(cluster.client()?);
    /// assert_eq!(namespaces.list(&ListParams::default()).await?.items.len(), 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn client(&self) -> Result<Client, Error> {
        Self::connect(&self.url(None))
    }

    /// A client of a user, who may do what [`Builder::user`] or [`allow`](Self::allow) say.
    ///
    /// # Errors
    /// [`Error::Client`] if kube cannot build it.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Namespace;
    /// use kube::{Api, api::ListParams};
    /// use kube_ext::fake::FakeCluster;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = FakeCluster::builder().start().await?;
    /// let namespaces: Api<Namespace> = Api::all(cluster.client_as("nobody")?);
    /// assert!(namespaces.list(&ListParams::default()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_as(&self, user: &str) -> Result<Client, Error> {
        Self::connect(&self.url(Some(user)))
    }

    /// Puts an object into the cluster as it is, status included, and returns it as it is kept: what is missing (uid,
    /// creation time, namespace) is filled in. An object that is there already is replaced. Watches see it.
    ///
    /// # Errors
    /// [`Error::Refused`] if the cluster does not take it, such as an object of a kind that it does not serve;
    /// [`Error::Json`] if its JSON is no `K`.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{Api, ResourceExt};
    /// use kube_ext::{fake::FakeCluster, prelude::*};
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = FakeCluster::builder().start().await?;
    /// let pod: Pod = serde_json::from_value(json!({
    ///     "metadata": {"name": "web-0"},
    ///     "spec": {"containers": [{"name": "app"}]},
    ///     "status": {"phase": "Running"},
    /// }))?;
    /// assert!(cluster.apply(&pod)?.uid().is_some());
    /// let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// assert_eq!(pods.get("web-0").await?.status().to_string(), "Running");
    /// # Ok(())
    /// # }
    /// ```
    pub fn apply<K: Serialize + DeserializeOwned>(&self, object: &K) -> Result<K, Error> {
        let value = serde_json::to_value(object).map_err(Error::Json)?;
        serde_json::from_value(seed(&self.shared, value)?).map_err(Error::Json)
    }

    fn url(&self, user: Option<&str>) -> String {
        match user {
            Some(user) => format!("http://{}{}", self.address, user::prefix(user)),
            None => format!("http://{}", self.address),
        }
    }

    fn connect(url: &str) -> Result<Client, Error> {
        let uri = url.parse().map_err(|err| Error::Client(kube::Error::HttpError(http::Error::from(err))))?;
        Client::try_from(Config::new(uri)).map_err(Error::Client)
    }
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCluster").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn seed(shared: &Shared, object: Value) -> Result<Value, Error> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let named = format!("{} {}", text("/kind"), text("/metadata/name"));
    write::seed(shared, object)
        .map_err(|failure: Failure| Error::Refused { object: named, message: failure.message().to_owned() })
}
