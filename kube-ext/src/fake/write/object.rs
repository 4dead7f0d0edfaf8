//! An object that is about to be written, in the parts that the rules speak of.
use serde_json::{Map, Value, json};

use crate::fake::store::Stored;

/// An object without `apiVersion` and `kind`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object {
    pub(super) metadata: Map<String, Value>,
    /// All but the metadata: `spec`, `status`, `data`, ...
    pub(super) content: Map<String, Value>,
}

impl Object {
    pub(super) fn new(value: Value) -> Self {
        let Value::Object(mut content) = value else { return Self::default() };
        content.remove("apiVersion");
        content.remove("kind");
        let metadata = match content.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        Self { metadata, content }
    }

    pub(super) fn of(stored: &Stored) -> Self {
        Self::new(stored.value())
    }

    pub(super) fn into_value(self) -> Value {
        let mut value = self.content;
        value.insert("metadata".to_owned(), self.metadata.into());
        value.into()
    }

    /// A text of the metadata; empty if it is not there.
    pub(super) fn text(&self, field: &str) -> &str {
        self.metadata.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.text("name")
    }

    pub(super) fn number(&self, field: &str) -> Option<i64> {
        self.metadata.get(field).and_then(Value::as_i64)
    }

    pub(super) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.metadata.insert(field.to_owned(), value.into());
    }

    /// Takes these fields of the metadata from another object, also that they are missing.
    pub(super) fn keep(&mut self, from: &Self, fields: &[&str]) {
        for field in fields {
            match from.metadata.get(*field) {
                Some(value) => self.metadata.insert((*field).to_owned(), value.clone()),
                None => self.metadata.remove(*field),
            };
        }
    }

    pub(super) fn list<'a>(&'a self, field: &str) -> &'a [Value] {
        self.metadata.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn finalizers(&self) -> Vec<String> {
        self.list("finalizers").iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn set_finalizers(&mut self, finalizers: Vec<String>) {
        self.set_list("finalizers", finalizers.into_iter().map(Value::from).collect());
    }

    /// Sets a list of the metadata; an empty one is none.
    pub(super) fn set_list(&mut self, field: &str, list: Vec<Value>) {
        if list.is_empty() {
            self.metadata.remove(field);
        } else {
            self.set(field, list);
        }
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.metadata.contains_key("deletionTimestamp")
    }

    /// A value in the content, such as `/spec/nodeName`.
    pub(super) fn pointer(&self, pointer: &str) -> Option<&Value> {
        let (field, rest) = pointer.strip_prefix('/')?.split_once('/').unwrap_or((pointer.get(1..)?, ""));
        let value = self.content.get(field)?;
        if rest.is_empty() { Some(value) } else { value.pointer(&format!("/{rest}")) }
    }

    pub(super) fn content_text(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a field of `spec`, `status` or such.
    pub(super) fn set_in(&mut self, part: &str, field: &str, value: impl Into<Value>) {
        let part = self.content.entry(part.to_owned()).or_insert_with(|| json!({}));
        if !part.is_object() {
            *part = json!({});
        }
        if let Some(part) = part.as_object_mut() {
            part.insert(field.to_owned(), value.into());
        }
    }
}
