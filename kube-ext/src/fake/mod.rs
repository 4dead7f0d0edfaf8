//! An API server inside the process, for tests and demos, with faults on demand.

mod access;
mod body;
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

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, RwLock},
    time::Duration,
};

use kube::{Client, Config};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

pub use self::pods::{Connection, Container, Exit, Output, Pod, Process, Resizes, Stdin, TerminalSize};
use self::{
    access::Access, faults::Plan, kinds::Kinds, pods::Pods, port::Port, requests::Requests, server::Shared,
    status::Failure, store::Store,
};
pub use self::{
    access::Rule,
    faults::{Calls, Fault, FaultHandle, Faults},
    requests::RequestRecord,
};
use crate::yaml;

/// How many bytes of past writes a cluster remembers for watches, unless told otherwise.
const HISTORY_BYTES: usize = 64 * 1024 * 1024;

/// How often a watch sends a bookmark, unless told otherwise; as often as the API server.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// Namespaces that are in every cluster.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// An API server inside the process.
pub struct FakeCluster {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// What a [`FakeCluster`] starts with.
#[derive(Debug)]
pub struct Builder {
    manifests: Vec<String>,
    objects: Vec<serde_json::Result<Value>>,
    history_bytes: usize,
    bookmarks: Duration,
    seed: u64,
    users: BTreeMap<String, Vec<Rule>>,
    kept_requests: usize,
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
    /// A cluster to be.
    pub fn builder() -> Builder {
        Builder {
            manifests: Vec::new(),
            objects: Vec::new(),
            history_bytes: HISTORY_BYTES,
            bookmarks: BOOKMARKS,
            seed: 0,
            users: BTreeMap::new(),
            kept_requests: requests::KEPT,
        }
    }

    /// A client that may do everything.
    pub fn client(&self) -> Result<Client, Error> {
        self.connect(&self.url(None))
    }

    /// A client of a user.
    pub fn client_as(&self, user: &str) -> Result<Client, Error> {
        self.connect(&self.url(Some(user)))
    }

    /// Puts an object into the cluster as it is, status included, and returns it as it is kept: what is missing (uid,
    /// creation time, namespace) is filled in. An object that is there already is replaced.
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

    fn connect(&self, url: &str) -> Result<Client, Error> {
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

impl Builder {
    /// Adds the objects of manifests: YAML or JSON, of many documents.
    #[must_use]
    pub fn yaml(mut self, manifests: impl Into<String>) -> Self {
        self.manifests.push(manifests.into());
        self
    }

    /// Adds objects, with `apiVersion` and `kind`.
    #[must_use]
    pub fn objects<K: Serialize>(mut self, objects: impl IntoIterator<Item = K>) -> Self {
        self.objects.extend(objects.into_iter().map(serde_json::to_value));
        self
    }

    /// How often a watch that asks for bookmarks gets one: every minute unless told otherwise. It gets one more two seconds
    /// before its end, and one after the initial events, as from the API server.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kube_ext::fake::Error> {
    /// use std::time::Duration;
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let cluster = FakeCluster::builder().bookmarks(Duration::from_millis(100)).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn bookmarks(mut self, every: Duration) -> Self {
        self.bookmarks = every;
        self
    }

    /// Starts the cluster on the current tokio runtime.
    pub async fn start(self) -> Result<FakeCluster, Error> {
        let port = Port::reserve().map_err(Error::Listen)?;
        let address = port.address();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            store: Store::new(self.history_bytes, self.seed),
            kinds: RwLock::new(Kinds::built_in()),
            access: Access::new(self.users),
            plan: Arc::new(Plan::default()),
            requests: Requests::new(self.kept_requests),
            pods: Pods::default(),
            port,
            accepting: Mutex::new(None),
            bookmarks: self.bookmarks,
            connections: RwLock::new(stop.child_token()),
            stop,
        });
        let cluster = FakeCluster { shared, address };
        for name in NAMESPACES {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            seed(&cluster.shared, namespace)?;
        }
        for object in self.manifests.iter().flat_map(|text| yaml::manifests(text.as_bytes())) {
            let object = object.map_err(Error::Manifest)?;
            seed(&cluster.shared, serde_json::to_value(object).map_err(Error::Json)?)?;
        }
        for object in self.objects {
            seed(&cluster.shared, object.map_err(Error::Json)?)?;
        }
        server::listen(&cluster.shared).await.map_err(Error::Listen)?;
        Ok(cluster)
    }
}

fn seed(shared: &Shared, object: Value) -> Result<Value, Error> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let named = format!("{} {}", text("/kind"), text("/metadata/name"));
    write::seed(shared, object)
        .map_err(|failure: Failure| Error::Refused { object: named, message: failure.message().to_owned() })
}
