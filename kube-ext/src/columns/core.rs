//! The core API group (`pkg/printers/internalversion/printers.go` of Kubernetes 1.36).

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::core::v1::{Node, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::ResourceExt;

use super::{Column, Columns};
#[cfg(feature = "derive")]
use crate::pod::PodSlim;
use crate::time::Age;

/// `printPod`: Name, Ready, Status, Restarts, Age; wide IP, Node, Nominated Node, Readiness Gates.
impl Columns for Pod {
    fn columns() -> &'static [Column] {
        const {
            &[
                Column { name: "Name", priority: 0 },
                Column { name: "Ready", priority: 0 },
                Column { name: "Status", priority: 0 },
                Column { name: "Restarts", priority: 0 },
                Column { name: "Age", priority: 0 },
                Column { name: "IP", priority: 1 },
                Column { name: "Node", priority: 1 },
                Column { name: "Nominated Node", priority: 1 },
                Column { name: "Readiness Gates", priority: 1 },
            ]
        }
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        crate::pod::cells(self, now)
    }
}

/// As a [`Pod`].
#[cfg(feature = "derive")]
impl Columns for PodSlim {
    fn columns() -> &'static [Column] {
        Pod::columns()
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        crate::pod::cells(self, now)
    }
}

/// What `printNode` looks at, whichever type holds it.
pub(crate) trait ReadNode {
    fn name(&self) -> &str;
    fn created(&self) -> Option<&Time>;
    fn labels(&self) -> impl Iterator<Item = (&str, &str)>;
    fn is_unschedulable(&self) -> bool;
    /// Types and statuses.
    fn conditions(&self) -> impl DoubleEndedIterator<Item = (&str, &str)>;
    /// Types and addresses.
    fn addresses(&self) -> impl Iterator<Item = (&str, &str)>;
    fn info(&self) -> NodeInfo<'_>;
}

/// What runs on a node; empty where it is not told.
#[derive(Default)]
pub(crate) struct NodeInfo<'a> {
    pub(crate) kubelet: &'a str,
    pub(crate) os_image: &'a str,
    pub(crate) kernel: &'a str,
    pub(crate) architecture: &'a str,
    pub(crate) runtime: &'a str,
}

impl ReadNode for Node {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn created(&self) -> Option<&Time> {
        self.metadata.creation_timestamp.as_ref()
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        ResourceExt::labels(self).iter().map(|(key, value)| (&**key, &**value))
    }

    fn is_unschedulable(&self) -> bool {
        self.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default()
    }

    fn conditions(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let conditions = self.status.as_ref().and_then(|status| status.conditions.as_deref());
        conditions.unwrap_or_default().iter().map(|condition| (&*condition.type_, &*condition.status))
    }

    fn addresses(&self) -> impl Iterator<Item = (&str, &str)> {
        let addresses = self.status.as_ref().and_then(|status| status.addresses.as_deref());
        addresses.unwrap_or_default().iter().map(|address| (&*address.type_, &*address.address))
    }

    fn info(&self) -> NodeInfo<'_> {
        let info = self.status.as_ref().and_then(|status| status.node_info.as_ref());
        info.map_or_else(NodeInfo::default, |info| NodeInfo {
            kubelet: &info.kubelet_version,
            os_image: &info.os_image,
            kernel: &info.kernel_version,
            architecture: &info.architecture,
            runtime: &info.container_runtime_version,
        })
    }
}

/// `printNode`: Name, Status, Roles, Age, Version; wide Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime.
impl Columns for Node {
    fn columns() -> &'static [Column] {
        const {
            &[
                Column { name: "Name", priority: 0 },
                Column { name: "Status", priority: 0 },
                Column { name: "Roles", priority: 0 },
                Column { name: "Age", priority: 0 },
                Column { name: "Version", priority: 0 },
                Column { name: "Internal-IP", priority: 1 },
                Column { name: "External-IP", priority: 1 },
                Column { name: "OS-Image", priority: 1 },
                Column { name: "Kernel-Version", priority: 1 },
                Column { name: "Container-Runtime", priority: 1 },
            ]
        }
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        node_cells(self, now)
    }
}

pub(crate) fn node_cells(node: &impl ReadNode, now: DateTime<Utc>) -> Vec<String> {
    // Of several conditions of a type, the last one counts.
    let mut status = match node.conditions().rev().find(|(kind, _)| *kind == "Ready") {
        Some((_, "True")) => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node.is_unschedulable() {
        status.push_str(",SchedulingDisabled");
    }
    let roles = roles(node.labels());
    let address = |of: &str| {
        let address = node.addresses().find(|(kind, _)| *kind == of);
        address.map_or("<none>", |(_, address)| address).to_owned()
    };
    let info = node.info();
    let or_unknown = |text: &str| if text.is_empty() { "<unknown>" } else { text }.to_owned();
    let mut kernel = or_unknown(info.kernel);
    if !info.architecture.is_empty() {
        let _ = write!(kernel, " ({})", info.architecture);
    }
    vec![
        node.name().to_owned(),
        status,
        if roles.is_empty() { "<none>".to_owned() } else { roles },
        Age::since(node.created(), now).to_string(),
        info.kubelet.to_owned(),
        address("InternalIP"),
        address("ExternalIP"),
        or_unknown(info.os_image),
        kernel,
        or_unknown(info.runtime),
    ]
}

/// The roles that labels give to a node, in order.
fn roles<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let roles = labels.filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role),
        None => (key == "kubernetes.io/role").then_some(value),
    });
    roles.filter(|role| !role.is_empty()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}
