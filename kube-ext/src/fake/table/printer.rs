//! Objects and lists of a kind, written in a form. Objects are JSON already: what is not asked for is not parsed.
use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use futures::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{Form, Include, columns::Columns};
use crate::fake::{kinds::Kind, store::Stored};

/// Writes the objects of a kind in a form.
#[derive(Debug)]
pub(crate) struct Printer {
    form: Form,
    /// `apiVersion` and `kind` of an object, as the beginning of its JSON.
    type_fields: String,
    list_type_fields: String,
    /// Items of lists have no type fields, unless their kind is a custom one.
    typed_items: bool,
    /// Of tables only.
    columns: Option<Columns>,
}

#[derive(Deserialize)]
struct WithMetadata<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl Printer {
    pub(crate) fn new(form: Form, kind: &Kind) -> Self {
        let type_fields = |kind: &str, api_version: &str| {
            format!(r#""kind":{},"apiVersion":{}"#, Value::from(kind), Value::from(api_version))
        };
        Self {
            form,
            type_fields: type_fields(&kind.kind, &kind.api_version()),
            list_type_fields: match form {
                Form::Whole => type_fields(&kind.list_kind, &kind.api_version()),
                Form::Metadata => type_fields("PartialObjectMetadataList", "meta.k8s.io/v1"),
                Form::Table(_) => TABLE.to_owned(),
            },
            typed_items: kind.custom.is_some(),
            columns: matches!(form, Form::Table(_)).then(|| Columns::of(kind)),
        }
    }

    /// An object as an answer or in an event. A table names its columns if it is to: in a watch, the first one does.
    pub(crate) fn object(&self, object: &Stored, with_columns: bool) -> Vec<u8> {
        self.object_as(self.form, object, with_columns)
    }

    /// The bookmark after the initial events: its row has metadata in any case, which mark it.
    pub(crate) fn initial_end(&self, bookmark: &Stored, with_columns: bool) -> Vec<u8> {
        let form = match self.form {
            Form::Table(Include::None) => Form::Table(Include::Metadata),
            form => form,
        };
        self.object_as(form, bookmark, with_columns)
    }

    fn object_as(&self, form: Form, object: &Stored, with_columns: bool) -> Vec<u8> {
        match form {
            Form::Whole => self.whole(object),
            Form::Metadata => metadata(object),
            Form::Table(include) => {
                let columns = self.columns.as_ref().filter(|_| with_columns);
                let columns = columns.map_or("null", |columns| columns.definitions());
                let version = json!({"resourceVersion": object.version.to_string()});
                let mut table =
                    format!(r#"{{{TABLE},"metadata":{version},"columnDefinitions":{columns},"rows":["#);
                table.push_str(&String::from_utf8_lossy(&self.row(object, include)));
                table.push_str("]}");
                table.into_bytes()
            }
        }
    }

    /// A list with this metadata, piece by piece.
    pub(crate) fn list(
        self,
        mut metadata: Map<String, Value>,
        objects: Vec<Arc<Stored>>,
    ) -> impl Stream<Item = Bytes> + Send + 'static {
        let items = match &self.columns {
            Some(columns) => format!(r#""columnDefinitions":{},"rows""#, columns.definitions()),
            None => r#""items""#.to_owned(),
        };
        if self.form == Form::Whole && self.typed_items {
            // Lists without a Go type say that there is no more.
            metadata.entry("continue").or_insert_with(|| "".into());
        }
        let metadata = Value::from(metadata);
        // The default table of nothing has not even an empty list of rows, nor has a list of metadata one of items.
        let is_null = objects.is_empty()
            && (self.form == Form::Metadata || self.columns.as_ref().is_some_and(Columns::are_default));
        let (begin, end) = if is_null { ("null", "}\n") } else { ("[", "]}\n") };
        let head = format!(r#"{{{},"metadata":{metadata},{items}:{begin}"#, self.list_type_fields);
        let items = objects.into_iter().enumerate().map(move |(index, object)| {
            let mut item = self.item(&object);
            if index > 0 {
                item.insert(0, b',');
            }
            Bytes::from(item)
        });
        let head = stream::iter([Bytes::from(head)]);
        head.chain(stream::iter(items)).chain(stream::iter([Bytes::from(end)]))
    }

    fn item(&self, object: &Stored) -> Vec<u8> {
        match self.form {
            Form::Whole if self.typed_items => self.whole(object),
            Form::Whole => object.json.to_vec(),
            Form::Metadata => metadata(object),
            Form::Table(include) => self.row(object, include),
        }
    }

    fn whole(&self, object: &Stored) -> Vec<u8> {
        let mut whole = format!("{{{}", self.type_fields).into_bytes();
        match object.json.get(1..) {
            Some(fields @ [b'"', ..]) => {
                whole.push(b',');
                whole.extend_from_slice(fields);
            }
            _ => whole.push(b'}'),
        }
        whole
    }

    fn row(&self, object: &Stored, include: Include) -> Vec<u8> {
        let cells = self.columns.as_ref().map(|columns| columns.cells(object, Utc::now()));
        let mut row =
            format!(r#"{{"cells":{},"object":"#, Value::from(cells.unwrap_or_default())).into_bytes();
        match include {
            Include::None => row.extend_from_slice(b"null"),
            Include::Metadata => row.append(&mut metadata(object)),
            Include::Object => row.append(&mut self.whole(object)),
        }
        row.push(b'}');
        row
    }
}

const TABLE: &str = r#""kind":"Table","apiVersion":"meta.k8s.io/v1""#;

/// A `PartialObjectMetadata`.
fn metadata(object: &Stored) -> Vec<u8> {
    let parsed: Option<WithMetadata<'_>> = serde_json::from_slice(&object.json).ok();
    let metadata = parsed.map_or("{}", |object| object.metadata.get());
    let type_fields = r#""kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1""#;
    format!(r#"{{{type_fields},"metadata":{metadata}}}"#).into_bytes()
}
