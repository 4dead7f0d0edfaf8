//! JSON in which something has become something else.
use serde_json::{Value, json};

/// Where choices come from: chance, or the bytes of a fuzzer.
pub(crate) trait Choices {
    /// A number below this one, which is not zero.
    fn below(&mut self, end: usize) -> usize;
}

/// Makes something else of a part of a value.
pub(crate) fn mutate(value: &mut Value, choices: &mut impl Choices) {
    let goes_on = choices.below(8) != 0;
    match value {
        Value::Object(fields) if goes_on && !fields.is_empty() => {
            let key = fields.keys().nth(choices.below(fields.len())).unwrap().clone();
            match choices.below(20) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert("unknown".into(), json!({"a": [1, null, {"b": "\u{0}"}]}))),
                _ => mutate(&mut fields[&key], choices),
            }
        }
        Value::Array(items) if goes_on && !items.is_empty() => {
            let at = choices.below(items.len());
            match choices.below(10) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => mutate(&mut items[at], choices),
            }
        }
        _ => {
            let mut others = [
                json!(null),
                json!(true),
                json!(-1),
                json!(1.5),
                json!(u64::MAX),
                json!(""),
                json!("Ready"),
                json!("a\u{1f600}\"\\\n"),
                json!("9999-12-31T23:59:59.999999999Z"),
                json!([]),
                json!([null, 1]),
                json!({}),
                json!({"name": "a", "type": "Ready", "status": "True", "terminated": {"exitCode": 0}}),
            ];
            *value = others[choices.below(others.len())].take();
        }
    }
}
