//! Rules of kinds that are used everywhere: config maps, secrets, the containers and the quality of service of pods. Other
//! kinds' specs are taken as they are.
use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    input::go_type,
    object::Object,
    validate::{forbidden, invalid, required},
};
use crate::fake::{kinds::Kind, status::Cause};

/// Rules of the keys of config maps and secrets (`IsConfigMapKey`).
const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
     'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const IMMUTABLE: &str = "field is immutable when `immutable` is set";

/// Whether the fields are of the right types. An error has Go's words.
pub(super) fn types(kind: &Kind, object: &Object) -> Result<(), String> {
    let fields: &[(&str, bool)] = match &*kind.storage {
        "configmaps" => &[("data", false), ("binaryData", true)],
        "secrets" => &[("data", true), ("stringData", false)],
        _ => return Ok(()),
    };
    for (field, encoded) in fields {
        let wrong = |value: &Value, expected: &str| {
            let (found, kind) = (go_type(value), &kind.kind);
            format!("json: cannot unmarshal {found} into Go struct field {kind}.{field} of type {expected}")
        };
        let (map, item) =
            if *encoded { ("map[string][]uint8", "[]uint8") } else { ("map[string]string", "string") };
        let values = match object.content.get(*field) {
            None => continue,
            Some(Value::Object(values)) => values,
            Some(other) => return Err(wrong(other, map)),
        };
        for value in values.values() {
            let text = value.as_str().ok_or_else(|| wrong(value, item))?;
            if let (true, Err(error)) = (encoded, STANDARD.decode(text)) {
                let at = match error {
                    DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
                    DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len(),
                };
                return Err(format!("illegal base64 data at input byte {at}"));
            }
        }
    }
    Ok(())
}

/// Fills in what follows from other fields, and leaves out what is empty.
pub(super) fn complete(kind: &Kind, object: &mut Object) {
    if ["configmaps", "secrets"].contains(&&*kind.storage) {
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        object.content.retain(|_, value| !is_empty(value));
    }
    match &*kind.storage {
        "secrets" => {
            if let Some(Value::Object(texts)) = object.content.remove("stringData") {
                for (key, text) in texts {
                    object.set_in("data", &key, STANDARD.encode(text.as_str().unwrap_or_default()));
                }
            }
            object.content.entry("type").or_insert_with(|| "Opaque".into());
        }
        "pods" => {
            let class = quality_of_service(object);
            object.set_in("status", "qosClass", class);
        }
        _ => {}
    }
}

pub(super) fn validate(kind: &Kind, object: &Object, old: Option<&Object>) -> Vec<Cause> {
    let mut causes = Vec::new();
    match &*kind.storage {
        "configmaps" => {
            keys(object, "data", &mut causes);
            keys(object, "binaryData", &mut causes);
            let other = map(object, "binaryData");
            let twice = map(object, "data").filter(|(key, _)| other.clone().any(|(other, _)| other == *key));
            let why = "duplicate of key present in binaryData";
            causes.extend(twice.map(|(key, _)| invalid(&format!("data[{key}]"), key, why)));
        }
        "secrets" => keys(object, "data", &mut causes),
        "pods" if object.pointer("/spec/containers").and_then(Value::as_array).is_none_or(Vec::is_empty) => {
            causes.push(required("spec.containers", ""));
        }
        _ => {}
    }
    if let Some(old) = old.filter(|_| ["configmaps", "secrets"].contains(&&*kind.storage)) {
        changes(object, old, &mut causes);
    }
    causes
}

fn changes(new: &Object, old: &Object, causes: &mut Vec<Cause>) {
    let differs = |field| new.content.get(field) != old.content.get(field);
    if let (true, Some(after)) = (differs("type"), new.content.get("type").and_then(Value::as_str)) {
        causes.push(invalid("type", after, "field is immutable"));
    }
    if old.content.get("immutable") != Some(&Value::Bool(true)) {
        return;
    }
    let changed = ["immutable", "data", "binaryData"].into_iter().filter(|field| differs(*field));
    causes.extend(changed.map(|field| forbidden(field, IMMUTABLE)));
}

fn map<'a>(object: &'a Object, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + Clone {
    object.content.get(field).and_then(Value::as_object).into_iter().flatten()
}

fn keys(object: &Object, field: &str, causes: &mut Vec<Cause>) {
    let good = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
    for (key, _) in map(object, field) {
        let mut fail = |why: &str| causes.push(invalid(&format!("{field}[{key}]"), key, why));
        if key.len() > 253 {
            fail("must be no more than 253 characters");
        }
        if key.is_empty() || !key.bytes().all(good) {
            fail(KEY);
        } else if key == "." {
            fail("must not be '.'");
        } else if key == ".." {
            fail("must not be '..'");
        } else if key.starts_with("..") {
            fail("must not start with '..'");
        }
    }
}

/// What a pod is promised (`k8s.io/kubernetes/pkg/apis/core/v1/helper/qos`). Quantities are compared as they are written.
fn quality_of_service(pod: &Object) -> &'static str {
    const COUNTED: [&str; 2] = ["cpu", "memory"];
    let lists = ["/spec/containers", "/spec/initContainers"];
    let containers = lists.iter().filter_map(|list| pod.pointer(list)?.as_array()).flatten();
    let resources: Vec<_> = containers.map(|container| container.get("resources")).collect();
    let amounts = |of: Option<&Value>, which: &str| -> Map<String, Value> {
        let all = of.and_then(|resources| resources.get(which)?.as_object()).into_iter().flatten();
        let zero = |amount: &Value| amount == "0" || amount == 0;
        let counted = all.filter(|(name, amount)| COUNTED.contains(&name.as_str()) && !zero(amount));
        counted.map(|(name, amount)| (name.clone(), amount.clone())).collect()
    };
    let guaranteed = |resources: Option<&Value>| {
        let (limits, requests) = (amounts(resources, "limits"), amounts(resources, "requests"));
        // What is not requested is requested as much as it is limited to.
        limits.len() == COUNTED.len()
            && requests.iter().all(|(name, amount)| limits.get(name) == Some(amount))
    };
    let best_effort = |resources: Option<&Value>| {
        amounts(resources, "limits").is_empty() && amounts(resources, "requests").is_empty()
    };
    if resources.iter().copied().all(best_effort) {
        "BestEffort"
    } else if resources.iter().copied().all(guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
