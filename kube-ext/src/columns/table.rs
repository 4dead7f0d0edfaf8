//! The text table of `kubectl get`.
//!
//! The rules are those of `k8s.io/cli-runtime/pkg/printers/tableprinter.go`, Kubernetes 1.36.
mod align;
mod parts;
mod server;
mod text;
pub(super) mod value;

use std::fmt;

use chrono::{DateTime, Utc};
use kube::{Resource, ResourceExt};
use serde_json::Value;

pub use self::parts::{Header, Row};
pub(super) use self::text::lower;
#[cfg(feature = "client")]
pub(crate) use self::text::write_cut as write_cell;
use self::text::{format_labels, join, upper, write_cut, write_escaped};
use super::Columns;

/// The text that `kubectl get` prints for rows, byte for byte.
///
/// There are three ways to one: [`Table::new`] for a kind with [`Columns`], [`Table::with_headers`] for columns of
/// your own, and deserializing a server's `metav1.Table`, which is what the API server answers to
/// `Accept: application/json;as=Table;v=v1;g=meta.k8s.io`.
///
/// [`Display`](fmt::Display) lays out all rows. [`take`](Table::take) does too, then drops the rows but keeps the
/// widths, as `kubectl get --watch` does: a table that is taken from holds no more than the rows pushed since.
/// Widths count Unicode scalar values, as Go counts runes.
///
/// ```
/// use kube_ext::columns::{Row, Table};
///
/// let mut table = Table::with_headers(["Name", "Status", "Age"]);
/// table.push_row(Row::new(["web-0", "Running", "3d"]));
/// table.push_row(Row::new(["database-0", "CrashLoopBackOff", "12m"]));
/// assert_eq!(
///     table.to_string(),
///     "NAME         STATUS             AGE\n\
///      web-0        Running            3d\n\
///      database-0   CrashLoopBackOff   12m\n"
/// );
/// ```
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "kubectl's flags, one each")]
pub struct Table {
    headers: Vec<Header>,
    rows: Vec<Row>,
    kind: String,
    wide: bool,
    no_headers: bool,
    namespaces: bool,
    show_kind: bool,
    show_labels: bool,
    label_columns: Vec<String>,
    header_taken: bool,
    widths: Vec<usize>,
}

impl Table {
    /// An empty table with the columns of `K`.
    ///
    /// ```
    /// use chrono::{DateTime, Utc};
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::{CustomResource, ResourceExt};
    /// use kube_ext::columns::{Column, Columns, Table};
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
    /// #[kube(group = "example.com", version = "v1", kind = "Shirt", namespaced)]
    /// struct ShirtSpec {
    ///     color: String,
    /// }
    ///
    /// impl Columns for Shirt {
    ///     fn columns() -> &'static [Column] {
    ///         &[Column { name: "Name", priority: 0 }, Column { name: "Color", priority: 0 }]
    ///     }
    ///     fn cells_at(&self, _now: DateTime<Utc>) -> Vec<String> {
    ///         vec![self.name_any(), self.spec.color.clone()]
    ///     }
    /// }
    ///
    /// let mut table = Table::new::<Shirt>().show_kind(true);
    /// table.push(&Shirt::new("a", ShirtSpec { color: "blue".into() }), Utc::now());
    /// assert_eq!(table.to_string(), "NAME                  COLOR\nshirt.example.com/a   blue\n");
    /// ```
    pub fn new<K>() -> Self
    where
        K: Columns + Resource<DynamicType = ()>,
    {
        let (kind, group) = (K::kind(&()), K::group(&()));
        let table = Self::with_headers(K::columns().iter().copied());
        if group.is_empty() { table.kind(kind) } else { table.kind(format!("{kind}.{group}")) }
    }

    /// An empty table with columns of your own: names, [`Column`](super::Column)s or [`Header`]s.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name", "Up-to-date"]);
    /// table.push_row(Row::new(["web", "3"]));
    /// assert_eq!(table.to_string(), "NAME   UP-TO-DATE\nweb    3\n");
    /// ```
    pub fn with_headers<I>(headers: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Header>,
    {
        Self { headers: headers.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Shows the columns of every priority, as `-o wide` does.
    ///
    /// ```
    /// use chrono::Utc;
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::Table;
    ///
    /// let mut table = Table::new::<Pod>();
    /// table.push(&Pod::default(), Utc::now());
    /// assert!(!table.to_string().contains("NOMINATED NODE"));
    /// assert!(table.wide(true).to_string().contains("NOMINATED NODE"));
    /// ```
    #[must_use]
    pub fn wide(mut self, wide: bool) -> Self {
        self.wide = wide;
        self
    }

    /// Leaves the line of column names out, as `--no-headers` does.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name", "Age"]).no_headers(true);
    /// table.push_row(Row::new(["web-0", "3d"]));
    /// assert_eq!(table.to_string(), "web-0   3d\n");
    /// ```
    #[must_use]
    pub fn no_headers(mut self, no_headers: bool) -> Self {
        self.no_headers = no_headers;
        self
    }

    /// Puts a `NAMESPACE` column before all others, as `--all-namespaces` does.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut pod = Pod::default();
    /// pod.metadata.namespace = Some("default".into());
    /// let mut table = Table::with_headers(["Name"]).namespaces(true);
    /// table.push_row(Row::new(["web-0"]).of(&pod));
    /// assert_eq!(table.to_string(), "NAMESPACE   NAME\ndefault     web-0\n");
    /// ```
    #[must_use]
    pub fn namespaces(mut self, namespaces: bool) -> Self {
        self.namespaces = namespaces;
        self
    }

    /// Adds a column for each label, as `--label-columns` does, under what follows the last `/` of its key.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut pod = Pod::default();
    /// pod.metadata.labels = Some([("example.com/tier".into(), "front".into())].into());
    /// let mut table = Table::with_headers(["Name"]).label_columns(["example.com/tier", "app"]);
    /// table.push_row(Row::new(["web-0"]).of(&pod));
    /// assert_eq!(table.to_string(), "NAME    TIER    APP\nweb-0   front   \n");
    /// ```
    #[must_use]
    pub fn label_columns<I>(mut self, labels: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.label_columns = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a last column with all labels, as `--show-labels` does: `<none>`, or `key=value` in order, with commas.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut pod = Pod::default();
    /// let mut table = Table::with_headers(["Name"]).show_labels(true);
    /// table.push_row(Row::new(["a"]).of(&pod));
    /// pod.metadata.labels = Some([("b".into(), "2".into()), ("a".into(), "1".into())].into());
    /// table.push_row(Row::new(["b"]).of(&pod));
    /// assert_eq!(table.to_string(), "NAME   LABELS\na      <none>\nb      a=1,b=2\n");
    /// ```
    #[must_use]
    pub fn show_labels(mut self, show_labels: bool) -> Self {
        self.show_labels = show_labels;
        self
    }

    /// Puts the kind before the names, as `--show-kind` does: `pod/web-0`, `deployment.apps/web`; nothing when the
    /// table has no [`kind`](Table::kind).
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name"]).kind("Deployment.apps").show_kind(true);
    /// table.push_row(Row::new(["web"]));
    /// assert_eq!(table.to_string(), "NAME\ndeployment.apps/web\n");
    /// ```
    #[must_use]
    pub fn show_kind(mut self, show_kind: bool) -> Self {
        self.show_kind = show_kind;
        self
    }

    /// The kind of the rows, with its group if it has one, for [`show_kind`](Table::show_kind); [`Table::new`] knows
    /// it already.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name"]).kind("Pod").show_kind(true);
    /// table.push_row(Row::new(["web-0"]));
    /// assert_eq!(table.to_string(), "NAME\npod/web-0\n");
    /// ```
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Adds the row of an object at a time; the object should be of the kind that the table was made for.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::columns::Table;
    ///
    /// let pod: Pod = serde_json::from_value(serde_json::json!({
    ///     "metadata": {"name": "web-0", "creationTimestamp": "2026-01-01T00:00:00Z"},
    ///     "spec": {"containers": [{"name": "app"}]},
    ///     "status": {"phase": "Pending"},
    /// }))?;
    /// let mut table = Table::new::<Pod>();
    /// table.push(&pod, "2026-01-01T00:01:30Z".parse()?);
    /// assert_eq!(
    ///     table.to_string(),
    ///     "NAME    READY   STATUS    RESTARTS   AGE\n\
    ///      web-0   0/1     Pending   0          90s\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push<K>(&mut self, object: &K, now: DateTime<Utc>)
    where
        K: Columns + ResourceExt,
    {
        self.push_row(Row::new(object.cells_at(now)).of(object));
    }

    /// Adds a row; cells beyond the table's columns are not shown.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name", "Age"]);
    /// table.push_row(Row::new(["a", "1d", "more"]));
    /// table.push_row(Row::new(["b"]));
    /// assert_eq!(table.to_string(), "NAME   AGE\na      1d\nb\n");
    /// ```
    pub fn push_row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds the rows of another table, such as the next page of a list or an event of a watch.
    ///
    /// The columns and options of `self` stay; only if it has no columns, those of `other` become its own.
    ///
    /// ```
    /// use kube_ext::columns::Table;
    /// use serde_json::json;
    ///
    /// let columns = json!([{"name": "Name", "type": "string", "format": "name", "priority": 0}]);
    /// let page: Table = serde_json::from_value(json!({
    ///     "kind": "Table", "columnDefinitions": columns, "rows": [{"cells": ["a"]}],
    /// }))?;
    /// // A watch sends the columns once.
    /// let event: Table = serde_json::from_value(json!({
    ///     "kind": "Table", "columnDefinitions": null, "rows": [{"cells": ["b"]}],
    /// }))?;
    /// let mut table = Table::default();
    /// table.append(page);
    /// table.append(event);
    /// assert_eq!(table.to_string(), "NAME\na\nb\n");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn append(&mut self, other: Self) {
        if self.headers.is_empty() {
            self.headers = other.headers;
        }
        self.rows.extend(other.rows);
    }

    /// The number of rows that wait to be shown.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name"]);
    /// table.push_row(Row::new(["a"]));
    /// assert_eq!(table.len(), 1);
    /// table.take();
    /// assert_eq!(table.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row to show; the text is then empty too, without even a header.
    ///
    /// ```
    /// use kube_ext::columns::Table;
    ///
    /// let table = Table::with_headers(["Name"]);
    /// assert!(table.is_empty());
    /// assert_eq!(table.to_string(), "");
    /// ```
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text of the rows pushed since the last call, which the table then forgets.
    ///
    /// The header comes with the first rows only. No column gets narrower than it was, so that rows of a watch stand
    /// under those before them; one that gets wider does so from there on.
    ///
    /// ```
    /// use kube_ext::columns::{Row, Table};
    ///
    /// let mut table = Table::with_headers(["Name", "Status", "Age"]);
    /// table.push_row(Row::new(["web-0", "ContainerCreating", "1s"]));
    /// assert_eq!(table.take(), "NAME    STATUS              AGE\nweb-0   ContainerCreating   1s\n");
    /// table.push_row(Row::new(["web-0", "Running", "2s"]));
    /// assert_eq!(table.take(), "web-0   Running             2s\n");
    /// assert_eq!(table.take(), "");
    /// ```
    pub fn take(&mut self) -> String {
        let text = align::align(&self.text(), &mut self.widths);
        self.header_taken |= !self.rows.is_empty();
        self.rows.clear();
        text
    }

    /// The lines of the table, a tab between cells.
    fn text(&self) -> String {
        let shown = self.shown();
        let mut text = String::new();
        if !self.rows.is_empty() && !self.no_headers && !self.header_taken {
            let names = self.names();
            join(names.zip(&shown).filter(|(_, shown)| **shown), &mut text, |(name, _), text| {
                text.extend(name.chars().map(upper));
            });
        }
        let kind: String = self.kind.chars().map(lower).collect();
        let named = self.headers.iter().position(|header| header.names_object);
        let name_column = named.filter(|_| self.show_kind && !kind.is_empty());
        for row in &self.rows {
            let cells = self.cells(row, name_column.map(|column| (column, kind.as_str())), shown.len());
            join(cells.iter().zip(&shown).filter(|(_, shown)| **shown), &mut text, |(cell, _), text| {
                cell.write(text);
            });
        }
        text
    }

    /// For every column, the added ones included, whether it is shown.
    fn shown(&self) -> Vec<bool> {
        let added_after = self.label_columns.len() + usize::from(self.show_labels);
        let mut shown = vec![true; usize::from(self.namespaces)];
        shown.extend(self.headers.iter().map(|header| self.wide || header.priority == 0));
        shown.extend(std::iter::repeat_n(true, added_after));
        shown
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let labels = self.label_columns.iter().map(|key| key.rsplit('/').next().unwrap_or(key));
        self.namespaces
            .then_some("Namespace")
            .into_iter()
            .chain(self.headers.iter().map(|header| header.name.as_str()))
            .chain(labels)
            .chain(self.show_labels.then_some("Labels"))
    }

    /// The cells of a row with those of the added columns, which follow the row's own even if it has too few or too
    /// many of them.
    fn cells<'a>(&'a self, row: &'a Row, kind: Option<(usize, &str)>, width: usize) -> Vec<Cell<'a>> {
        let mut cells = Vec::with_capacity(width);
        if self.namespaces {
            cells.push(row.meta.as_ref().map_or(Cell::Empty, |meta| Cell::Borrowed(&meta.namespace)));
        }
        cells.extend(row.cells.iter().enumerate().map(|(column, cell)| match kind {
            Some((name_column, kind)) if name_column == column => {
                Cell::Owned(format!("{kind}/{}", value::sprint_as_text(cell)))
            }
            _ => Cell::Value(cell),
        }));
        if let Some(meta) = &row.meta {
            let labels = &meta.labels;
            cells.extend(
                self.label_columns
                    .iter()
                    .map(|key| Cell::Borrowed(labels.get(key).map_or("", String::as_str))),
            );
            if self.show_labels {
                cells.push(Cell::Owned(format_labels(labels)));
            }
        } else if kind.is_some() || width > self.headers.len() {
            // Without an object half of the missing cells are filled: Go's loop compares its counter with a
            // difference that shrinks as it appends.
            let missing = width.saturating_sub(cells.len());
            cells.extend(std::iter::repeat_n(Cell::Empty, missing.div_ceil(2)));
        }
        cells
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&align::align(&self.text(), &mut self.widths.clone()))
    }
}

#[derive(Clone)]
enum Cell<'a> {
    Empty,
    Value(&'a Value),
    Borrowed(&'a str),
    Owned(String),
}

impl Cell<'_> {
    fn write(&self, text: &mut String) {
        match self {
            Self::Empty | Self::Value(Value::Null) => {}
            Self::Value(Value::String(cell)) | Self::Owned(cell) => write_cut(cell, text),
            Self::Borrowed(cell) => write_cut(cell, text),
            Self::Value(cell) => write_escaped(&value::sprint(cell), text),
        }
    }
}
