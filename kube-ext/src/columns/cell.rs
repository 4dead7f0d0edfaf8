//! Cells of custom resources as the server makes them
//! (`k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor`).

use std::io;

use chrono::{DateTime, Utc};
use serde::Serialize as _;
use serde_json::{Number, Serializer, Value, ser::Formatter};

use crate::{go_float, time::Age};

/// The cell of a column of this type with this value; null if it is of another.
pub(crate) fn of_type(of_type: &str, value: &Value, now: DateTime<Utc>) -> Value {
    match (of_type, &as_stored(value)) {
        ("string", value) => text(value).into(),
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().map(truncated).into(),
        },
        ("number", Value::Number(number)) => number.clone().into(),
        ("boolean", Value::Bool(yes)) => (*yes).into(),
        ("date", Value::String(time)) => age(time, now).into(),
        _ => Value::Null,
    }
}

/// A value as the server has it once it was stored, all numbers in it too.
fn as_stored(value: &Value) -> Value {
    match value {
        Value::Number(number) => stored(number).into(),
        Value::Array(values) => values.iter().map(as_stored).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), as_stored(value))).collect(),
        other => other.clone(),
    }
}

/// A number as the server has it once it was stored: Go writes a float without a fraction as an integer, up to 1e21, and reads it as one where
/// it has 64 bits.
fn stored(number: &Number) -> Number {
    const END: f64 = 9_223_372_036_854_775_808.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && (-END..END).contains(&float) => {
            truncated(float).into()
        }
        _ => number.clone(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "as the server does")]
fn truncated(float: f64) -> i64 {
    float as i64
}

fn age(time: &str, now: DateTime<Utc>) -> String {
    match DateTime::parse_from_rfc3339(time) {
        Ok(time) => Age::new(now - time.to_utc()).to_string(),
        Err(_) if time.is_empty() => Age::UNKNOWN.to_string(),
        Err(_) => "<invalid>".to_owned(),
    }
}

/// A value as `k8s.io/client-go/util/jsonpath` prints it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => go_float::general(float),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => json(value),
    }
}

/// A value as `encoding/json` writes it.
fn json(value: &Value) -> String {
    let mut text = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut text, Go));
    let text = written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default();
    // Only strings have these.
    ['<', '>', '&', '\u{2028}', '\u{2029}']
        .into_iter()
        .fold(text, |text, char| text.replace(char, &format!("\\u{:04x}", u32::from(char))))
}

/// As Go writes JSON, but for what it escapes in strings.
struct Go;

impl Formatter for Go {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, float: f64) -> io::Result<()> {
        writer.write_all(go_float::json(float).as_bytes())
    }
}
