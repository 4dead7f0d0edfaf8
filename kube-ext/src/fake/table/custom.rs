//! The columns of custom resources: `additionalPrinterColumns`
//! (`k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor`).
use chrono::{DateTime, Utc};
use jsonpath_rust::{parser, query};
use serde_json::{Value, json};

use crate::columns::cell;

/// A column after the first, which has the name.
#[derive(Debug)]
pub(crate) struct CustomColumn {
    definition: Value,
    of_type: String,
    /// Nothing if it cannot be read: its cells are empty.
    path: Option<parser::model::JpQuery>,
}

impl CustomColumn {
    /// The columns of a version of a CRD; `Age` if it has none, in the words of `created`.
    pub(crate) fn all(version: &Value, created: Option<&Value>) -> Vec<Self> {
        let columns = version.get("additionalPrinterColumns").and_then(Value::as_array);
        if let Some(columns) = columns.filter(|columns| !columns.is_empty()) {
            columns.iter().map(Self::new).collect()
        } else {
            let description = created.and_then(|column| column.get("description"));
            let path = ".metadata.creationTimestamp";
            let age = json!({"name": "Age", "type": "date", "jsonPath": path, "description": description});
            vec![Self::new(&age)]
        }
    }

    fn new(column: &Value) -> Self {
        let text = |field| column.get(field).and_then(Value::as_str).unwrap_or_default();
        let path = text("jsonPath");
        let description = match text("description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            description => description.to_owned(),
        };
        Self {
            definition: json!({
                "name": text("name"), "type": text("type"), "format": text("format"), "description": description,
                "priority": column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            }),
            of_type: text("type").to_owned(),
            path: parser::parse_json_path(&standard(path)).ok(),
        }
    }

    /// An entry of `columnDefinitions`.
    pub(crate) fn definition(&self) -> Value {
        self.definition.clone()
    }

    pub(crate) fn cell(&self, object: &Value, now: DateTime<Utc>) -> Value {
        let found = self.path.as_ref().and_then(|path| query::js_path_process(path, object).ok());
        // Of several results the first counts.
        let Some(value) = found.and_then(|found| found.into_iter().next()).map(query::QueryRef::val) else {
            return Value::Null;
        };
        cell::of_type(&self.of_type, value, now)
    }
}

/// A path of Kubernetes as RFC 9535 writes it: `.metadata.annotations.example\.com/a` becomes
/// `$['metadata']['annotations']['example.com/a']`.
fn standard(path: &str) -> String {
    let mut standard = "$".to_owned();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        match first {
            '.' if rest.starts_with("..") => {
                standard.push_str("..");
                // Its name is read as after a single dot.
                rest = rest.strip_prefix('.').unwrap_or_default();
                let (name, after) = split_name(rest.strip_prefix('.').unwrap_or_default());
                push_name(&mut standard, name);
                rest = after;
            }
            '.' => {
                let (name, after) = split_name(rest.strip_prefix('.').unwrap_or_default());
                push_name(&mut standard, name);
                rest = after;
            }
            '[' => {
                let (brackets, after) = split_brackets(rest);
                // In brackets dots are escaped, too, where a name is meant.
                standard.push_str(&brackets.replace("\\.", "."));
                rest = after;
            }
            other => {
                standard.push(other);
                rest = rest.strip_prefix(other).unwrap_or_default();
            }
        }
    }
    standard
}

/// A name up to the next dot or bracket that is not escaped.
fn split_name(text: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = text.find(|c| {
        let end = matches!(c, '.' | '[') && !escaped;
        escaped = c == '\\' && !escaped;
        end
    });
    text.split_at(end.unwrap_or(text.len()))
}

fn push_name(path: &mut String, name: &str) {
    match name {
        "" => {}
        "*" => path.push_str("[*]"),
        name => {
            let mut plain = String::with_capacity(name.len());
            let mut chars = name.chars();
            while let Some(c) = chars.next() {
                plain.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            path.push_str("['");
            path.push_str(&plain.replace('\\', "\\\\").replace('\'', "\\'"));
            path.push_str("']");
        }
    }
}

/// What is in the first brackets, these included.
fn split_brackets(text: &str) -> (&str, &str) {
    let mut quote = None;
    let mut depth = 0_usize;
    let end = text.char_indices().find(|(_, c)| {
        match (quote, c) {
            (Some(open), c) if open == *c => quote = None,
            (None, '\'' | '"') => quote = Some(*c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    text.split_at(end.map_or(text.len(), |(index, last)| index + last.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of each type over an object, and the cells that a server of Kubernetes 1.36.2 made of them.
    #[test]
    fn cells_are_the_servers() {
        let object = json!({
            "metadata": {"annotations": {"example.com/a-b": "ann"}, "creationTimestamp": "2026-07-01T00:00:00Z"},
            "spec": {
                "color": "red", "size": 3, "ok": true, "when": "2026-01-02T03:04:05Z", "ratio": 2.75,
                "big": 123_456_789_012_345_678_i64, "map": {"z": 1, "a": "q<", "n": null}, "da-sh": "dash",
                "items": [{"name": "a", "v": 1}, {"name": "b", "v": {"x": [1, 2]}}, {"name": "c"}],
                "nul": null, "float": 1e21, "html": "<b>&", "empty": [],
            },
            "status": {"conditions": [{"type": "X", "status": "No"}, {"type": "Ready", "status": "True"}]},
        });
        let now = "2026-07-02T00:00:00Z".parse().unwrap();
        for (of_type, path, expected) in [
            ("string", ".spec.color", json!("red")),
            ("integer", ".spec.size", json!(3)),
            ("boolean", ".spec.ok", json!(true)),
            ("date", ".spec.when", json!("180d")),
            ("number", ".spec.ratio", json!(2.75)),
            ("integer", ".spec.ratio", json!(2)),
            ("string", ".spec.ratio", json!("2.75")),
            ("string", ".spec.size", json!("3")),
            ("string", ".spec.ok", json!("true")),
            ("string", ".spec.big", json!("123456789012345678")),
            ("string", ".spec.items[*].name", json!("a")),
            (
                "string",
                ".spec.items",
                json!(r#"[{"name":"a","v":1},{"name":"b","v":{"x":[1,2]}},{"name":"c"}]"#),
            ),
            ("string", ".spec.map", json!(r#"{"a":"q\u003c","n":null,"z":1}"#)),
            ("string", r#".spec.items[?(@.name=="b")].v"#, json!(r#"{"x":[1,2]}"#)),
            ("string", ".spec.items[1].name", json!("b")),
            ("string", ".spec.items[-1:].name", json!("c")),
            ("string", ".spec.items[-1].name", json!("c")),
            ("string", r".metadata.annotations.example\.com/a-b", json!("ann")),
            ("string", r".metadata.annotations['example\.com/a-b']", json!("ann")),
            ("string", ".spec.da-sh", json!("dash")),
            ("string", ".spec.nul", json!("<no value>")),
            ("string", ".spec.no.no", json!(null)),
            ("integer", ".spec.no.no", json!(null)),
            ("integer", ".spec.color", json!(null)),
            ("string", "..color", json!("red")),
            ("string", ".spec.float", json!("1e+21")),
            ("number", ".spec.size", json!(3)),
            ("string", ".spec.items[7].name", json!(null)),
            ("date", ".spec.size", json!(null)),
            ("string", ".spec.html", json!("<b>&")),
            ("number", ".spec.float", json!(1e21)),
            ("date", ".spec.color", json!("<invalid>")),
            ("string", ".spec.when", json!("2026-01-02T03:04:05Z")),
            ("string", ".spec.empty[*].name", json!(null)),
            ("string", ".spec.empty", json!("[]")),
            ("string", r#".status.conditions[?(@.type=="Ready")].status"#, json!("True")),
            ("date", ".metadata.creationTimestamp", json!("24h")),
        ] {
            let column = CustomColumn::new(&json!({"name": "X", "type": of_type, "jsonPath": path}));
            assert_eq!(column.cell(&object, now), expected, "{of_type} {path}");
        }
    }

    #[test]
    fn columns_describe_themselves() {
        let version = json!({"additionalPrinterColumns": [
            {"name": "Color", "type": "string", "jsonPath": ".spec.color", "description": "The color"},
            {"name": "Size", "type": "integer", "format": "int32", "priority": 1, "jsonPath": ".spec.size"},
        ]});
        let definitions: Vec<_> =
            CustomColumn::all(&version, None).iter().map(CustomColumn::definition).collect();
        let by_path = "Custom resource definition column (in JSONPath format): .spec.size";
        assert_eq!(
            definitions,
            [
                json!({"name": "Color", "type": "string", "format": "", "description": "The color", "priority": 0}),
                json!({"name": "Size", "type": "integer", "format": "int32", "description": by_path, "priority": 1}),
            ]
        );
        let created = json!({"description": "When"});
        let default = CustomColumn::all(&json!({}), Some(&created));
        assert_eq!(
            default[0].definition(),
            json!({"name": "Age", "type": "date", "format": "", "description": "When", "priority": 0})
        );
    }
}
