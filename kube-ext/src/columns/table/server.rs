//! A server's `metav1.Table`, read.
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Header, Row, Table, parts::Meta};

/// A server's `metav1.Table`; an error when the JSON is something else, as a server that makes no tables would send.
///
/// ```
/// use kube_ext::columns::Table;
/// use serde_json::json;
///
/// let table: Table = serde_json::from_value(json!({
///     "kind": "Table",
///     "apiVersion": "meta.k8s.io/v1",
///     "columnDefinitions": [
///         {"name": "Name", "type": "string", "format": "name", "priority": 0},
///         {"name": "Restarts", "type": "integer", "format": "", "priority": 0},
///         {"name": "Node", "type": "string", "format": "", "priority": 1},
///     ],
///     "rows": [{"cells": ["web-0", 3, "node-1"], "object": {"metadata": {"namespace": "default"}}}],
/// }))?;
/// assert_eq!(
///     table.namespaces(true).to_string(),
///     "NAMESPACE   NAME    RESTARTS\ndefault     web-0   3\n"
/// );
/// assert!(serde_json::from_value::<Table>(json!({"kind": "PodList", "items": []})).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = ServerTable::deserialize(deserializer)?;
        let mut columns = Self::with_headers(table.column_definitions);
        columns.rows = table.rows.into_iter().map(Row::from).collect();
        Ok(columns)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTable {
    #[serde(deserialize_with = "required_or_null")]
    column_definitions: Vec<ColumnDefinition>,
    #[serde(deserialize_with = "required_or_null")]
    rows: Vec<TableRow>,
}

#[derive(Deserialize)]
struct ColumnDefinition {
    name: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    priority: i32,
}

impl From<ColumnDefinition> for Header {
    fn from(column: ColumnDefinition) -> Self {
        let names_object = column.format == "name" && column.r#type == "string";
        Self { name: column.name, priority: column.priority, names_object }
    }
}

#[derive(Deserialize)]
struct TableRow {
    #[serde(deserialize_with = "required_or_null")]
    cells: Vec<Value>,
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Option<ObjectMeta>,
}

#[derive(Default, Deserialize)]
struct ObjectMeta {
    namespace: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

impl From<TableRow> for Row {
    fn from(row: TableRow) -> Self {
        let meta = row.object.map(|object| {
            let metadata = object.metadata.unwrap_or_default();
            Meta {
                namespace: metadata.namespace.unwrap_or_default(),
                labels: metadata.labels.unwrap_or_default(),
            }
        });
        Self { cells: row.cells, meta }
    }
}

/// A list that must be there, but may be `null`, which is how Go writes an empty one.
fn required_or_null<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
