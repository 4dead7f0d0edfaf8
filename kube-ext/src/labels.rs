//! What Kubernetes takes for labels, and selectors by them as text (`LabelSelectorAsSelector` and its `String` in `k8s.io/apimachinery`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// The longest label value, and name part of a key.
const MAX_BYTES: usize = 63;

/// The longest prefix of a label key.
const MAX_PREFIX_BYTES: usize = 253;

const NAME_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                         alphanumeric character";
const SUBDOMAIN_FORMAT: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// The text of a selector, in the order of keys; empty if there is none, or it is for all. An error has what is wrong with it.
///
/// Of several requirements of one key the first comes first; from 13 requirements on, Kubernetes' own order of those is any.
pub(crate) fn selector_text(selector: &LabelSelector) -> Result<String, String> {
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| (&**key, &**value));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let values = expression.values.iter().flatten().map(String::as_str).collect();
        (&*expression.key, &*expression.operator, values)
    });
    text(labels, expressions)
}

/// The same of its labels, and of its expressions: key, operator and values.
pub(crate) fn text<'a>(
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    expressions: impl Iterator<Item = (&'a str, &'a str, Vec<&'a str>)>,
) -> Result<String, String> {
    let mut terms = Vec::new();
    for (key, value) in labels {
        check(key, &[value])?;
        terms.push((key, format!("{key}={value}")));
    }
    for (key, operator, mut values) in expressions {
        check(key, &values)?;
        values.sort_unstable();
        let term = match (operator, values.is_empty()) {
            ("In", false) => format!("{key} in ({})", values.join(",")),
            ("NotIn", false) => format!("{key} notin ({})", values.join(",")),
            ("Exists", true) => key.to_owned(),
            ("DoesNotExist", true) => format!("!{key}"),
            ("In" | "NotIn", true) => return Err(format!("{operator} of {key:?} has no values")),
            ("Exists" | "DoesNotExist", false) => return Err(format!("{operator} of {key:?} has values")),
            _ => return Err(format!("unknown operator {operator:?}")),
        };
        terms.push((key, term));
    }
    terms.sort_by_key(|(key, _)| *key);
    Ok(terms.into_iter().map(|(_, term)| term).collect::<Vec<_>>().join(","))
}

fn check(key: &str, values: &[&str]) -> Result<(), String> {
    let fault = |text: &str, faults: Vec<String>| match faults.as_slice() {
        [] => Ok(()),
        faults => Err(format!("{text:?}: {}", faults.join("; "))),
    };
    fault(key, key_faults(key))?;
    values.iter().try_for_each(|value| fault(value, value_faults(value)))
}

/// What is wrong with a label key (`k8s.io/apimachinery/pkg/api/validate/content.IsLabelKey`).
pub(crate) fn key_faults(key: &str) -> Vec<String> {
    let rule = || {
        format!(
            "{NAME_RULE} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{NAME_FORMAT}')"
        )
    };
    let (prefix, name) = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            let optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {optional}", rule())];
        }
    };
    let mut faults = Vec::new();
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            faults.push("prefix part must be non-empty".to_owned());
        } else if prefix.len() > MAX_PREFIX_BYTES {
            faults.push(format!("prefix part {}", too_long(MAX_PREFIX_BYTES)));
        }
        if !prefix.is_empty() && !is_subdomain(prefix) {
            faults.push(format!(
                "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
                 or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                 validation is '{SUBDOMAIN_FORMAT}')"
            ));
        }
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > MAX_BYTES {
        faults.push(format!("name part {}", too_long(MAX_BYTES)));
    }
    if !is_name(name) {
        faults.push(format!("name part {}", rule()));
    }
    faults
}

/// What is wrong with a label value.
pub(crate) fn value_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > MAX_BYTES {
        faults.push(too_long(MAX_BYTES));
    }
    if !value.is_empty() && !is_name(value) {
        faults.push(format!(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
             must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
             regex used for validation is '({NAME_FORMAT})?')"
        ));
    }
    faults
}

fn too_long(bytes: usize) -> String {
    format!("must be no more than {bytes} bytes")
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| {
        is_name(label) && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(selector: Value) -> Result<String, String> {
        selector_text(&serde_json::from_value(selector).unwrap())
    }

    #[test]
    fn in_the_order_of_keys() {
        let selector = json!({"matchLabels": {"b": "2", "a": ""}, "matchExpressions": [
            {"key": "d", "operator": "Exists"}, {"key": "c", "operator": "DoesNotExist", "values": []},
            {"key": "a", "operator": "NotIn", "values": ["z", "", "z"]}, {"key": "a", "operator": "In", "values": ["x"]},
        ]});
        assert_eq!(of(selector), Ok("a=,a notin (,z,z),a in (x),b=2,!c,d".to_owned()));
        assert_eq!(of(json!({})), Ok(String::new()));
    }

    #[test]
    fn what_is_no_selector() {
        for (key, operator, values) in [
            ("a", "In", json!([])),
            ("a", "In", json!(null)),
            ("a", "NotIn", json!([])),
            ("a", "Exists", json!(["x"])),
            ("a", "DoesNotExist", json!(["x"])),
            ("a", "Like", json!(["x"])),
            ("a", "", json!(null)),
            ("", "Exists", json!(null)),
            ("a b", "Exists", json!(null)),
            ("a", "In", json!(["x", "-"])),
        ] {
            let selector = json!({"matchLabels": {"b": "1"}, "matchExpressions": [
                {"key": key, "operator": operator, "values": values},
            ]});
            assert!(of(selector).is_err(), "{key} {operator} {values}");
        }
        assert!(of(json!({"matchLabels": {"a": "b c"}})).unwrap_err().starts_with("\"b c\": "));
        assert!(of(json!({"matchLabels": {"/": ""}})).is_err());
    }
}
