//! What a table is made of: columns and rows.
use std::collections::BTreeMap;

use kube::ResourceExt;
use serde_json::Value;

#[cfg(doc)]
use super::Table;
use crate::columns::Column;

/// A column of a [`Table`].
///
/// From a `&str` or `String` it is always shown, from a [`Column`] it has the column's priority. A column of the name
/// `Name` is the one that [`Table::show_kind`] puts the kind into.
///
/// ```
/// use kube_ext::columns::Header;
///
/// let name = Header::from("Name");
/// assert!(name.names_object);
/// assert_eq!(name.priority, 0);
/// assert_eq!(Header::from("Node").wide().priority, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The name; the table shows it in upper case.
    pub name: String,
    /// 0 is always shown, anything else only in a [wide](Table::wide) table.
    pub priority: i32,
    /// Whether the cells are the names of the objects.
    pub names_object: bool,
}

impl Header {
    /// The same column, shown in [wide](Table::wide) tables only.
    ///
    /// ```
    /// use kube_ext::columns::{Header, Row, Table};
    ///
    /// let mut table = Table::with_headers([Header::from("Name"), Header::from("Node").wide()]);
    /// table.push_row(Row::new(["web-0", "node-1"]));
    /// assert_eq!(table.to_string(), "NAME\nweb-0\n");
    /// assert_eq!(table.wide(true).to_string(), "NAME    NODE\nweb-0   node-1\n");
    /// ```
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }
}

impl From<String> for Header {
    fn from(name: String) -> Self {
        let names_object = name == "Name";
        Self { name, priority: 0, names_object }
    }
}

impl From<&str> for Header {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

impl From<Column> for Header {
    fn from(column: Column) -> Self {
        Self { priority: column.priority.into(), ..column.name.into() }
    }
}

/// A row of a [`Table`]: its cells, and the namespace and labels of the object it shows.
///
/// Cells are JSON values, as in a server's `metav1.Table`. The table shows `null` as an empty cell and everything
/// else as Go prints it; a string ends in `...` at its first line break, and an escape character becomes `^[`.
///
/// ```
/// use kube_ext::columns::{Row, Table};
/// use serde_json::json;
///
/// let mut table = Table::with_headers(["Name", "Size", "Ready", "Note"]);
/// table.push_row(Row::new([json!("a"), json!(1e6), json!(true), json!("one\ntwo")]));
/// table.push_row(Row::new([json!("b"), json!(12), json!(null), json!("\u{1b}[31mred")]));
/// assert_eq!(
///     table.to_string(),
///     "NAME   SIZE    READY   NOTE\n\
///      a      1e+06   true    one...\n\
///      b      12              ^[[31mred\n"
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub(super) cells: Vec<Value>,
    pub(super) meta: Option<Meta>,
}

/// What the namespace and label columns show of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    pub(super) namespace: String,
    pub(super) labels: BTreeMap<String, String>,
}

impl Row {
    /// A row of the given cells, of no object: its namespace and labels are empty.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name"]).namespaces(true);
    /// table.push_row(Row::new(["web-0"]));
    /// assert_eq!(table.to_string(), "NAMESPACE   NAME\n            web-0\n");
    /// ```
    pub fn new<I>(cells: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Value>,
    {
        Self { cells: cells.into_iter().map(Into::into).collect(), meta: None }
    }

    /// The same row with the namespace and the labels of `object`.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut pod = Pod::default();
    /// pod.metadata.namespace = Some("default".into());
    /// pod.metadata.labels = Some([("app".into(), "web".into())].into());
    /// let mut table = Table::with_headers(["Name"]).namespaces(true).label_columns(["app"]);
    /// table.push_row(Row::new(["web-0"]).of(&pod));
    /// assert_eq!(table.to_string(), "NAMESPACE   NAME    APP\ndefault     web-0   web\n");
    /// ```
    #[must_use]
    pub fn of(mut self, object: &impl ResourceExt) -> Self {
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        self.meta = Some(Meta { namespace, labels: object.labels().clone() });
        self
    }
}
