//! kubectl's columns and cells for any resource, and the text table that they make.
//!
//! ```
//! use k8s_openapi::api::core::v1::Pod;
//! use kube_ext::columns::Columns;
//!
//! let names: Vec<_> = Pod::columns().iter().map(|column| column.name).collect();
//! assert_eq!(names[..5], ["Name", "Ready", "Status", "Restarts", "Age"]);
//! assert_eq!(Pod::default().cells().len(), names.len());
//! ```

pub(crate) mod apps;
#[cfg(any(feature = "derive", feature = "fake"))]
pub(crate) mod cell;
pub(crate) mod core;
#[cfg(feature = "derive")]
pub(crate) mod printer;
mod table;

use chrono::{DateTime, Utc};

#[cfg(feature = "derive")]
pub use self::printer::{PrinterColumn, PrinterColumns};
#[cfg(feature = "client")]
pub(crate) use self::table::write_cell;
pub use self::table::{Header, Row, Table};
#[cfg(feature = "derive")]
pub use kube_ext_derive::Columns;

/// A column of a resource's table, as in the server's `Table` answers.
///
/// ```
/// use kube_ext::columns::Column;
///
/// const AGE: Column = Column { name: "Age", priority: 0 };
/// assert!(!AGE.is_wide());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// The name as the server spells it; kubectl prints it in capitals.
    pub name: &'static str,
    /// 0 for columns that are always shown; others only show in wide output.
    pub priority: u8,
}

impl Column {
    /// Whether the column only shows with `-o wide`.
    ///
    /// ```
    /// use kube_ext::columns::Column;
    /// assert!(Column { name: "Node", priority: 1 }.is_wide());
    /// ```
    pub const fn is_wide(&self) -> bool {
        self.priority != 0
    }
}

/// A resource that can be shown as a row of a table, as `kubectl get` shows it.
///
/// Pods, nodes, deployments and events of the core group have it, and so have their views. Their cells equal those of the API
/// server's `Table` answers (`pkg/printers` of Kubernetes 1.36), wide ones included. Implement it for your own resources to print them likewise; their columns are the
/// `additionalPrinterColumns` of the CRD.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use kube_ext::columns::{Column, Columns};
///
/// struct Ship { name: String, guns: u8 }
///
/// impl Columns for Ship {
///     fn columns() -> &'static [Column] {
///         &[Column { name: "Name", priority: 0 }, Column { name: "Guns", priority: 1 }]
///     }
///
///     fn cells_at(&self, _now: DateTime<Utc>) -> Vec<String> {
///         vec![self.name.clone(), self.guns.to_string()]
///     }
/// }
///
/// assert_eq!(Ship { name: "Victory".into(), guns: 104 }.cells(), ["Victory", "104"]);
/// ```
pub trait Columns {
    /// All columns, wide ones included, in the server's order.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::Columns;
    /// assert!(Pod::columns().iter().any(|column| column.name == "Node" && column.is_wide()));
    /// ```
    fn columns() -> &'static [Column];

    /// One cell for each column, with ages by the given clock.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::Columns;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {"name": "web-0", "creationTimestamp": "2026-07-22T12:00:00Z"},
    ///     "spec": {"containers": [{"name": "app"}]}, "status": {"phase": "Pending"},
    /// }))?;
    /// let cells = pod.cells_at("2026-07-22T12:00:42Z".parse()?);
    /// assert_eq!(cells[..5], ["web-0", "0/1", "Pending", "0", "42s"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String>;

    /// [`cells_at`](Columns::cells_at) by the system's clock.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::Columns;
    /// assert_eq!(Pod::default().cells()[4], "<unknown>");
    /// ```
    fn cells(&self) -> Vec<String> {
        self.cells_at(Utc::now())
    }
}
