//! The core API group (`pkg/printers/internalversion/printers.go` of Kubernetes 1.36).

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::core::v1::{Event, EventSeries, Node, Pod},
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
};
use kube::ResourceExt;

use super::{Column, Columns, table::lower};
#[cfg(feature = "derive")]
use crate::pod::PodSlim;
use crate::time::{Age, TimeExt};

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

/// What `printEvent` looks at, whichever type holds it.
pub(crate) struct EventParts<'a> {
    pub(crate) name: &'a str,
    pub(crate) type_: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
    pub(crate) object_kind: Option<&'a str>,
    pub(crate) object_name: Option<&'a str>,
    pub(crate) field_path: Option<&'a str>,
    /// Who tells it: the component of `source`, and `reportingComponent`.
    pub(crate) components: [Option<&'a str>; 2],
    /// Where that is: the host of `source`, and `reportingInstance`.
    pub(crate) instances: [Option<&'a str>; 2],
    pub(crate) first: Option<&'a Time>,
    pub(crate) last: Option<&'a Time>,
    pub(crate) at: Option<&'a MicroTime>,
    pub(crate) count: Option<i32>,
    pub(crate) series: Option<&'a EventSeries>,
}

/// A time, if it is set.
fn set<T: TimeExt>(time: Option<&T>) -> Option<DateTime<Utc>> {
    time.filter(|time| !time.is_zero()).map(TimeExt::to_chrono)
}

impl EventParts<'_> {
    pub(crate) fn first_seen(&self) -> Option<DateTime<Utc>> {
        set(self.first).or_else(|| set(self.at))
    }

    pub(crate) fn last_seen(&self) -> Option<DateTime<Utc>> {
        match self.series {
            Some(series) => set(series.last_observed_time.as_ref()),
            None => set(self.last).or_else(|| self.first_seen()),
        }
    }

    pub(crate) fn count(&self) -> i32 {
        match (self.series, self.count.unwrap_or_default()) {
            (Some(series), _) => series.count.unwrap_or_default(),
            (None, 0) => 1,
            (None, count) => count,
        }
    }

    pub(crate) fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        let age = |time: Option<DateTime<Utc>>| {
            time.map_or(Age::UNKNOWN, |time| Age::new(now.signed_duration_since(time))).to_string()
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let first_of = |texts: [Option<&str>; 2]| {
            texts.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
        };
        let mut object: String = self.object_kind.unwrap_or_default().chars().map(lower).collect();
        if let Some(name) = self.object_name.filter(|name| !name.is_empty()) {
            let _ = write!(object, "/{name}");
        }
        let (mut source, instance) = (first_of(self.components), first_of(self.instances));
        if !instance.is_empty() {
            let _ = write!(source, ", {instance}");
        }
        vec![
            age(self.last_seen()),
            text(self.type_),
            text(self.reason),
            object,
            text(self.field_path),
            source,
            self.message.unwrap_or_default().trim().to_owned(),
            age(self.first_seen()),
            self.count().to_string(),
            self.name.to_owned(),
        ]
    }
}

impl<'a> From<&'a Event> for EventParts<'a> {
    fn from(event: &'a Event) -> Self {
        let (object, source) = (&event.involved_object, event.source.as_ref());
        Self {
            name: event.metadata.name.as_deref().unwrap_or_default(),
            type_: event.type_.as_deref(),
            reason: event.reason.as_deref(),
            message: event.message.as_deref(),
            object_kind: object.kind.as_deref(),
            object_name: object.name.as_deref(),
            field_path: object.field_path.as_deref(),
            components: [
                source.and_then(|source| source.component.as_deref()),
                event.reporting_component.as_deref(),
            ],
            instances: [
                source.and_then(|source| source.host.as_deref()),
                event.reporting_instance.as_deref(),
            ],
            first: event.first_timestamp.as_ref(),
            last: event.last_timestamp.as_ref(),
            at: event.event_time.as_ref(),
            count: event.count,
            series: event.series.as_ref(),
        }
    }
}

/// `printEvent`: Last Seen, Type, Reason, Object, Message; wide Subobject, Source, First Seen, Count, Name.
impl Columns for Event {
    fn columns() -> &'static [Column] {
        const {
            &[
                Column { name: "Last Seen", priority: 0 },
                Column { name: "Type", priority: 0 },
                Column { name: "Reason", priority: 0 },
                Column { name: "Object", priority: 0 },
                Column { name: "Subobject", priority: 1 },
                Column { name: "Source", priority: 1 },
                Column { name: "Message", priority: 0 },
                Column { name: "First Seen", priority: 1 },
                Column { name: "Count", priority: 1 },
                Column { name: "Name", priority: 1 },
            ]
        }
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        EventParts::from(self).cells_at(now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cells(mut event: Value) -> Vec<String> {
        event["metadata"] = json!({});
        let event: Event = serde_json::from_value(event).unwrap();
        event.cells_at("2026-07-22T12:00:00Z".parse().unwrap())
    }

    /// What no server takes today; what it takes is held against it in `tests/cluster/random_kinds.rs`.
    #[test]
    fn events_that_say_little() {
        let empty = ["<unknown>", "", "", "", "", "", "", "<unknown>", "1", ""];
        assert_eq!(cells(json!({})), empty);
        let zero = "0001-01-01T00:00:00Z";
        let times = json!({"firstTimestamp": zero, "lastTimestamp": zero, "eventTime": zero});
        assert_eq!(cells(times), empty);
        let shown = cells(json!({"series": {}, "count": 5, "lastTimestamp": "2026-07-22T11:59:00Z"}));
        assert_eq!((&*shown[0], &*shown[8]), ("<unknown>", "0"));
    }

    #[test]
    fn letters_and_blanks_as_go_has_them() {
        let shown =
            cells(json!({"involvedObject": {"kind": "İΣ"}, "message": "\u{85}\u{a0}\u{3000} a\u{200b} \n"}));
        assert_eq!((&*shown[3], &*shown[6]), ("iσ", "a\u{200b}"));
    }
}
