//! What a cluster starts with.
use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    Error, FakeCluster, Rule,
    access::Access,
    faults::Plan,
    kinds::Kinds,
    pods::Pods,
    port::Port,
    requests::{self, Requests},
    seed,
    server::{self, Shared},
    store::Store,
};
use crate::yaml;

/// How many bytes of past writes a cluster remembers for watches, unless told otherwise.
const HISTORY_BYTES: usize = 64 * 1024 * 1024;

/// How often a watch sends a bookmark, unless told otherwise; as often as the API server.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// Namespaces that are in every cluster.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// What a [`FakeCluster`] starts with.
#[derive(Debug)]
pub struct Builder {
    pub(super) manifests: Vec<String>,
    pub(super) objects: Vec<serde_json::Result<Value>>,
    pub(super) history_bytes: usize,
    pub(super) bookmarks: Duration,
    pub(super) seed: u64,
    pub(super) users: BTreeMap<String, Vec<Rule>>,
    pub(super) kept_requests: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            manifests: Vec::new(),
            objects: Vec::new(),
            history_bytes: HISTORY_BYTES,
            bookmarks: BOOKMARKS,
            seed: 0,
            users: BTreeMap::new(),
            kept_requests: requests::KEPT,
        }
    }

    /// Adds the objects of manifests, YAML or JSON, of many documents, as [`apply`](FakeCluster::apply) would. A CRD comes
    /// before its objects.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kube_ext::fake::Error> {
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let settings = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}";
    /// FakeCluster::builder().yaml(settings).start().await?;
    /// FakeCluster::builder().yaml("kind: [").start().await.unwrap_err();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn yaml(mut self, manifests: impl Into<String>) -> Self {
        self.manifests.push(manifests.into());
        self
    }

    /// Adds objects that have `apiVersion` and `kind` in their JSON, as those of k8s-openapi and custom resources do.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kube_ext::fake::Error> {
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube_ext::fake::FakeCluster;
    ///
    /// let mut settings = ConfigMap::default();
    /// settings.metadata.name = Some("settings".to_owned());
    /// FakeCluster::builder().objects([settings]).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn objects<K: Serialize>(mut self, objects: impl IntoIterator<Item = K>) -> Self {
        self.objects.extend(objects.into_iter().map(serde_json::to_value));
        self
    }

    /// How many bytes of past writes are remembered: 64 MiB unless told otherwise. Watches and lists that want older ones
    /// are answered with 410, as after [`Faults::compact`](super::Faults::compact).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kube_ext::fake::Error> {
    /// let forgetful = kube_ext::fake::FakeCluster::builder().history_bytes(10_000).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn history_bytes(mut self, bytes: usize) -> Self {
        self.history_bytes = bytes;
        self
    }

    /// Other uids and generated names than those of seed 0. Clusters of the same seed give the same ones in the same order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kube_ext::fake::Error> {
    /// let other = kube_ext::fake::FakeCluster::builder().seed(7).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How often a watch that asks for bookmarks gets one: every minute unless told otherwise. It gets one more two seconds
    /// before its end, and one after the initial events, as from the API server. Until something is written, a watch
    /// that starts from a version gets none: there is nothing later to tell.
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

    /// Starts the cluster on the current tokio runtime, which needs I/O and time.
    ///
    /// # Errors
    /// When no port of loopback can be had, a manifest cannot be read, or an object is not taken.
    ///
    /// # Cancel safety
    /// Dropped, it leaves nothing behind.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kube_ext::fake::Error> {
    /// let cluster = kube_ext::fake::FakeCluster::builder().start().await?;
    /// # Ok(())
    /// # }
    /// ```
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
