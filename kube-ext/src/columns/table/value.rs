//! JSON values as Go prints them.
//!
//! A `metav1.Table` holds JSON cells, which kubectl decodes into Go values and prints with `fmt.Sprint`, and the name
//! under `--show-kind` with `%s` (`k8s.io/cli-runtime/pkg/printers/tableprinter.go`).
use std::fmt::Write;

use serde_json::{Number, Value};

use crate::go_float;

/// A value as `fmt.Sprint` prints it: `1.5`, `true`, `1e+06`, `[a <nil>]`, `map[a:1]`.
pub(in crate::columns) fn sprint(value: &Value) -> String {
    let mut out = String::new();
    write(value, Verb::Default, &mut out);
    out
}

/// A value as `%s` prints it: strings as they are, anything else with its type, as in `%!s(int64=3)`.
pub(super) fn sprint_as_text(value: &Value) -> String {
    if value.is_null() {
        return "%!s(<nil>)".to_owned();
    }
    let mut out = String::new();
    write(value, Verb::Text, &mut out);
    out
}

#[derive(Clone, Copy)]
enum Verb {
    /// `%v`
    Default,
    /// `%s`
    Text,
}

fn write(value: &Value, verb: Verb, out: &mut String) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::String(text) => out.push_str(text),
        Value::Bool(flag) => write_scalar(if *flag { "true" } else { "false" }, "bool", verb, out),
        Value::Number(number) => match number.as_i64() {
            Some(int) => write_scalar(&int.to_string(), "int64", verb, out),
            None => write_scalar(&float(number), "float64", verb, out),
        },
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                write(item, verb, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            // Go prints maps in the order of their keys; `serde_json` may keep another one.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            out.push_str("map[");
            for (i, (key, field)) in fields.into_iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write(field, verb, out);
            }
            out.push(']');
        }
    }
}

fn write_scalar(text: &str, type_name: &str, verb: Verb, out: &mut String) {
    match verb {
        Verb::Default => out.push_str(text),
        Verb::Text => {
            // Writing to a string does not fail.
            let _ = write!(out, "%!s({type_name}={text})");
        }
    }
}

/// A number that is no `int64`.
fn float(number: &Number) -> String {
    number.as_f64().map_or_else(|| number.to_string(), go_float::general)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{sprint, sprint_as_text};

    #[test]
    fn values_print_as_in_go() {
        for (value, default, text) in [
            (json!("a b"), "a b", "a b"),
            (json!(null), "<nil>", "%!s(<nil>)"),
            (json!(true), "true", "%!s(bool=true)"),
            (json!(-3), "-3", "%!s(int64=-3)"),
            (json!(u64::MAX), "1.8446744073709552e+19", "%!s(float64=1.8446744073709552e+19)"),
            (json!(1.0), "1", "%!s(float64=1)"),
            (json!(999_999.5), "999999.5", "%!s(float64=999999.5)"),
            (json!(1e6), "1e+06", "%!s(float64=1e+06)"),
            (json!(0.0001), "0.0001", "%!s(float64=0.0001)"),
            (json!(0.000_015), "1.5e-05", "%!s(float64=1.5e-05)"),
            (json!([1, null, "x"]), "[1 <nil> x]", "[%!s(int64=1) <nil> x]"),
            (json!({"b": [], "a": {}}), "map[a:map[] b:[]]", "map[a:map[] b:[]]"),
        ] {
            assert_eq!(sprint(&value), default);
            assert_eq!(sprint_as_text(&value), text);
        }
    }
}
