//! The core API group.

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Pod;

use super::{Column, Columns};
#[cfg(feature = "derive")]
use crate::pod::PodSlim;

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
