//! The core API group.

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Pod;

use super::{Column, Columns};
use crate::pod::{self, PodExt};
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
        let [ready, status, restarts] = pod::ready_status_restarts(self, now);
        let gates = self.readiness_gates();
        let passed = gates.iter().filter(|gate| gate.passed).count();
        vec![
            self.metadata.name.clone().unwrap_or_default(),
            ready,
            status,
            restarts,
            Age::since(self.metadata.creation_timestamp.as_ref(), now).to_string(),
            or_none(pod::ip_texts(self).next()),
            or_none(self.spec.as_ref().and_then(|spec| spec.node_name.as_deref())),
            or_none(self.status.as_ref().and_then(|status| status.nominated_node_name.as_deref())),
            if gates.is_empty() { "<none>".into() } else { format!("{passed}/{}", gates.len()) },
        ]
    }
}

fn or_none(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("<none>").to_owned()
}
