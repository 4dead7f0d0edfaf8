//! Reads JSON documents. Keys may not be given twice, which `serde_json` would not notice.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{collections::HashSet, fmt};

/// One of the JSON values that a text is made of.
pub(super) struct Document {
    pub(super) value: Result<Value, Failure>,
    /// Where the value starts: lines before it, from 0.
    pub(super) line: usize,
}

/// Why a value was not read.
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) duplicate_key: Option<String>,
    /// The line, from 1, and the column, from 1.
    pub(super) line: usize,
    pub(super) column: usize,
}

/// All values of a text, up to the first error.
pub(super) fn read(text: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let (mut line, mut counted) = (0, 0);
    loop {
        let rest = text.get(values.byte_offset()..).unwrap_or_default();
        let start = text.len() - rest.trim_start().len();
        line += text.get(counted..start).unwrap_or_default().matches('\n').count();
        counted = start;
        let value = match values.next() {
            None => return documents,
            Some(Err(error)) => Err(failure(&error, 0)),
            Some(Ok(value)) => {
                let source = text.get(start..values.byte_offset()).unwrap_or_default();
                match serde_json::from_str::<UniqueKeys>(source) {
                    Ok(UniqueKeys) => Ok(value),
                    Err(error) => Err(failure(&error, line)),
                }
            }
        };
        let failed = value.is_err();
        documents.push(Document { value, line });
        if failed {
            return documents;
        }
    }
}

const DUPLICATE: &str = "duplicate key ";

fn failure(error: &serde_json::Error, lines_before: usize) -> Failure {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&position).unwrap_or(&text);
    Failure {
        message: message.to_owned(),
        duplicate_key: message.strip_prefix(DUPLICATE).map(str::to_owned),
        line: error.line() + lines_before,
        column: error.column().max(1),
    }
}

/// Any JSON value in which no object has the same key twice.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some((key, Self)) = entries.next_entry::<String, Self>()? {
            if let Some(key) = keys.replace(key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE}{key}")));
            }
        }
        Ok(self)
    }
}
