//! [`NodeSlim`]: a node without its images, volumes and resources.

use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::core::v1::{Node, NodeAddress, NodeCondition, NodeSystemInfo},
    apimachinery::pkg::apis::meta::v1::Time,
};

use crate::{
    columns::{
        Column, Columns,
        core::{NodeInfo, ReadNode, node_cells},
    },
    slim::{Interned, Shared, Slim, SlimMeta},
};

/// A view of a node with all that [`Columns`] looks at, its labels and its conditions, without its images, volumes and resources.
///
/// It is a [`kube::Resource`] without a namespace, so `Api<NodeSlim>`, `watcher` and stores take it; it cannot be written back.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let node = "{apiVersion: v1, kind: Node, metadata: {name: node-1, labels: {node-role.kubernetes.io/worker: ''}},
/// #   spec: {unschedulable: true}, status: {conditions: [{type: Ready, status: 'True'}]}}";
/// # let cluster = FakeCluster::builder().yaml(node).start().await?;
/// # let client = cluster.client()?;
/// use kube::Api;
/// use kube_ext::{columns::Columns, slim::NodeSlim};
///
/// let node = Api::<NodeSlim>::all(client).get("node-1").await?;
/// assert_eq!(node.cells()[..3], ["node-1", "Ready,SchedulingDisabled", "worker"]);
/// assert_eq!((node.unschedulable, node.meta.labels().count()), (true, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = Node)]
#[non_exhaustive]
pub struct NodeSlim {
    /// Name, uid, version, creation, controller and labels.
    #[slim(metadata, labels)]
    pub meta: SlimMeta,
    /// When it is to be gone.
    #[slim(path = "metadata.deletionTimestamp")]
    pub deletion_timestamp: Option<Time>,
    /// Whether it is to get no new pods: `kubectl cordon`.
    #[slim(path = "spec.unschedulable")]
    pub unschedulable: bool,
    /// Its conditions.
    #[slim(path = "status.conditions")]
    pub conditions: Shared<Box<[NodeConditionSlim]>>,
    /// Its addresses.
    #[slim(path = "status.addresses[]")]
    pub addresses: Box<[NodeAddressSlim]>,
    /// What runs on it.
    #[slim(path = "status.nodeInfo")]
    pub info: Shared<NodeInfoSlim>,
}

/// What a [`NodeSlim`] keeps of a condition.
///
/// ```
/// let ready: kube_ext::slim::NodeConditionSlim = serde_json::from_str(r#"{"type": "Ready", "status": "True"}"#)?;
/// assert_eq!((&*ready.type_, &*ready.status), ("Ready", "True"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq, Eq, Hash)]
#[slim(of = NodeCondition)]
#[non_exhaustive]
pub struct NodeConditionSlim {
    /// Its type.
    #[slim(path = "type")]
    pub type_: Interned,
    /// `True`, `False` or `Unknown`.
    #[slim(path = "status")]
    pub status: Interned,
}

/// An address of a [`NodeSlim`].
///
/// ```
/// let address: kube_ext::slim::NodeAddressSlim = serde_json::from_str(r#"{"type": "InternalIP", "address": "10.0.0.1"}"#)?;
/// assert_eq!((&*address.type_, &*address.address), ("InternalIP", "10.0.0.1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, PartialEq, Eq, Hash)]
#[slim(of = NodeAddress)]
#[non_exhaustive]
pub struct NodeAddressSlim {
    /// Its type: `InternalIP`, `ExternalIP`, `Hostname` and others.
    #[slim(path = "type")]
    pub type_: Interned,
    /// The address.
    #[slim(path = "address")]
    pub address: Box<str>,
}

/// What runs on a [`NodeSlim`], which is the same on many; without what only one has.
///
/// ```
/// let info: kube_ext::slim::NodeInfoSlim = serde_json::from_str(r#"{"kubeletVersion": "v1.36.2", "bootID": "7c1e6ef0"}"#)?;
/// assert_eq!((&*info.kubelet_version, &*info.os_image), ("v1.36.2", ""));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Slim, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[slim(of = NodeSystemInfo)]
#[non_exhaustive]
pub struct NodeInfoSlim {
    /// The kubelet's version.
    #[slim(path = "kubeletVersion")]
    pub kubelet_version: Interned,
    /// The container runtime and its version: `containerd://2.1.4`.
    #[slim(path = "containerRuntimeVersion")]
    pub container_runtime_version: Interned,
    /// The distribution.
    #[slim(path = "osImage")]
    pub os_image: Interned,
    /// The kernel's version.
    #[slim(path = "kernelVersion")]
    pub kernel_version: Interned,
    /// `linux` or `windows`.
    #[slim(path = "operatingSystem")]
    pub operating_system: Interned,
    /// `amd64`, `arm64` and others.
    #[slim(path = "architecture")]
    pub architecture: Interned,
}

impl ReadNode for NodeSlim {
    fn name(&self) -> &str {
        self.meta.name()
    }

    fn created(&self) -> Option<&Time> {
        self.meta.creation_timestamp()
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meta.labels()
    }

    fn is_unschedulable(&self) -> bool {
        self.unschedulable
    }

    fn conditions(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.conditions.iter().map(|condition| (&*condition.type_, &*condition.status))
    }

    fn addresses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.addresses.iter().map(|address| (&*address.type_, &*address.address))
    }

    fn info(&self) -> NodeInfo<'_> {
        NodeInfo {
            kubelet: &self.info.kubelet_version,
            os_image: &self.info.os_image,
            kernel: &self.info.kernel_version,
            architecture: &self.info.architecture,
            runtime: &self.info.container_runtime_version,
        }
    }
}

/// As a [`Node`].
impl Columns for NodeSlim {
    fn columns() -> &'static [Column] {
        Node::columns()
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        node_cells(self, now)
    }
}
