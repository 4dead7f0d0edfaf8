//! What a write is told: its options, and the object in its body.
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    object::Object,
    own,
    validate::{invalid, not_supported, required},
};
use crate::{
    fake::{
        kinds::{Kind, Kinds},
        request::Query,
        server::Call,
        status::{Cause, Failure},
    },
    yaml,
};

/// The media types that the server says it reads.
const ACCEPTED: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// The fields of metadata; others are dropped.
const METADATA: [&str; 14] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "uid",
];

/// The media type of a body, without parameters; empty if it is not told.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let header = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// The options of create, update and patch that are in the query.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) dry: bool,
    pub(super) manager: String,
}

impl Options {
    /// `kind` is `CreateOptions`, `UpdateOptions` or `PatchOptions`; `apply` tells apply from other patches.
    pub(super) fn read(query: &Query, kind: &str, apply: bool) -> Result<Self, Failure> {
        let manager = query.get("fieldManager").unwrap_or_default();
        let mut causes = Vec::new();
        if apply && manager.is_empty() {
            causes.push(required("fieldManager", "is required for apply patch"));
        }
        if kind == "PatchOptions" && !apply && query.get("force").is_some() {
            causes.push(super::validate::forbidden("force", "may not be specified for non-apply patch"));
        }
        if manager.len() > 128 {
            let message = "Too long: may not be more than 128 bytes".to_owned();
            causes.push(Cause { reason: "FieldValueTooLong", message, field: "fieldManager".to_owned() });
        }
        for (at, letter) in manager.char_indices().filter(|(_, letter)| letter.is_control()) {
            let why = format!("invalid character U+{:04X} (at position {at})", u32::from(letter));
            causes.push(invalid("fieldManager", manager, &why));
        }
        let dry: Vec<_> = query.all("dryRun").filter(|value| !value.is_empty()).collect();
        causes.extend(dry_run(&dry));
        let validation = query.get("fieldValidation").unwrap_or_default();
        if !["", "Ignore", "Strict", "Warn"].contains(&validation) {
            let value = format!("{validation:?}");
            causes.push(not_supported("fieldValidation", &value, &["", "Ignore", "Strict", "Warn"]));
        }
        if !causes.is_empty() {
            return Err(Failure::invalid("meta.k8s.io", kind, "", causes));
        }
        Ok(Self { dry: !dry.is_empty(), manager: manager.to_owned() })
    }
}

/// What is wrong with values of `dryRun`.
pub(super) fn dry_run(values: &[&str]) -> Option<Cause> {
    let other = values.iter().any(|value| *value != "All");
    other.then(|| not_supported("dryRun", &json!(values).to_string(), &["All"]))
}

/// The object in the body of a create or an update.
pub(super) fn object(call: &Call, kind: &Kind) -> Result<Object, Failure> {
    typed(kind, tree(call, kind)?).map_err(|why| {
        let version = &kind.version;
        let kind = &kind.kind;
        Failure::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"))
    })
}

/// The body of a create or an update, which is of the kind.
pub(super) fn tree(call: &Call, kind: &Kind) -> Result<Value, Failure> {
    let unrecognized = |why: String| {
        let body = summary(&call.body);
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): {why} ({body})",
            kind.kind
        ))
    };
    let mut value = match media_type(&call.headers).as_str() {
        "" | "application/json" => json(&call.body)
            .map_err(|why| unrecognized(format!("couldn't get version/kind; json parse error: {why}")))?,
        "application/yaml" => yaml(&call.body).map_err(unrecognized)?,
        _ => return Err(Failure::unsupported_media_type(&ACCEPTED)),
    };
    if value.is_null() {
        value = json!({});
    }
    let Value::Object(fields) = &value else {
        let found = go_type(&value);
        return Err(unrecognized(format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go value of type struct \
             {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
        )));
    };
    types(&call.shared.kinds(), kind, fields).map_err(|wrong| match wrong {
        Mismatch::Unrecognized(why) => unrecognized(why),
        Mismatch::Failure(failure) => failure,
    })?;
    Ok(value)
}

/// Why an object is none of the kind.
enum Mismatch {
    Unrecognized(String),
    Failure(Failure),
}

/// Whether `apiVersion` and `kind` are those of a kind; built-in kinds may go without.
fn types(kinds: &Kinds, kind: &Kind, fields: &Map<String, Value>) -> Result<(), Mismatch> {
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, name) = (text("apiVersion"), text("kind"));
    let own = kind.api_version();
    if kind.custom.is_some() {
        if name.is_empty() {
            let json = Value::from(fields.clone());
            return Err(Mismatch::Unrecognized(format!("Object 'Kind' is missing in '{json}'")));
        }
        if version != own {
            return Err(Mismatch::Failure(other_version(version, &own)));
        }
        return custom_kind(kind, name, Object::new(fields.clone().into()).name()).map_err(Mismatch::Failure);
    }
    if version.split('/').count() > 2 {
        return Err(Mismatch::Unrecognized(format!("unexpected GroupVersion string: {version}")));
    }
    if (version.is_empty() || version == own) && (name.is_empty() || name == kind.kind) {
        return Ok(());
    }
    let version = if version.is_empty() { &own } else { version };
    let name = if name.is_empty() { &kind.kind } else { name };
    let base = name.strip_suffix("List").unwrap_or(name);
    let known = kinds.of_object(version, name).or_else(|| kinds.of_object(version, base));
    let Some(known) = known.filter(|known| known.custom.is_none()) else {
        let short = version.rsplit('/').next().unwrap_or_default();
        return Err(Mismatch::Failure(Failure::bad_request(format!(
            "{name} in version {short:?} cannot be handled as a {}: no kind {name:?} is registered for version \
             {version:?} in scheme \"pkg/runtime/scheme.go:111\"",
            kind.kind
        ))));
    };
    if known.kind == name && known.storage == kind.storage {
        return Err(Mismatch::Failure(other_version(version, &own)));
    }
    let group = if kind.group.is_empty() { "core" } else { kind.group.split('.').next().unwrap_or_default() };
    Err(Mismatch::Failure(Failure::bad_request(format!(
        "{name} in version {:?} cannot be handled as a {}: converting ({}.{name}) to ({group}.{}): unknown conversion",
        known.version, kind.kind, known.version, kind.kind
    ))))
}

fn other_version(version: &str, expected: &str) -> Failure {
    Failure::bad_request(format!(
        "the API version in the data ({version}) does not match the expected API version ({expected})"
    ))
}

/// Whether a custom resource names its own kind.
pub(super) fn custom_kind(kind: &Kind, name: &str, object: &str) -> Result<(), Failure> {
    if name == kind.kind {
        return Ok(());
    }
    let cause = invalid("kind", name, &format!("must be {}", kind.kind));
    Err(Failure::invalid(&kind.group, name, object, vec![cause]))
}

/// The object of a tree, with metadata of the right types and nothing empty in it; an error has Go's words.
pub(super) fn typed(kind: &Kind, mut value: Value) -> Result<Object, String> {
    let wrong = |value: &Value, field: &str, expected: &str| {
        let field = match field.strip_prefix("metadata.") {
            Some(inner) if kind.custom.is_some() => format!("ObjectMeta.{inner}"),
            Some(_) => format!("ObjectMeta.{field}"),
            None => format!("{}.{field}", kind.kind),
        };
        format!("json: cannot unmarshal {} into Go struct field {field} of type {expected}", go_type(value))
    };
    match value.get("metadata") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(other) => return Err(wrong(other, "metadata", "v1.ObjectMeta")),
    }
    if kind.custom.is_none() {
        drop_nulls(&mut value);
    }
    let mut object = Object::new(value);
    object.metadata.retain(|field, value| METADATA.contains(&field.as_str()) && !is_empty(value));
    for (field, value) in &object.metadata {
        let at = format!("metadata.{field}");
        let text = |value: &Value| if value.is_string() { Ok(()) } else { Err(wrong(value, &at, "string")) };
        match (field.as_str(), value) {
            ("labels" | "annotations", Value::Object(map)) => map.values().try_for_each(text)?,
            ("labels" | "annotations", other) => return Err(wrong(other, &at, "map[string]string")),
            ("finalizers", Value::Array(list)) => list.iter().try_for_each(text)?,
            ("finalizers", other) => return Err(wrong(other, &at, "[]string")),
            ("ownerReferences", Value::Array(list)) if list.iter().all(Value::is_object) => {}
            ("ownerReferences", other) => return Err(wrong(other, &at, "[]v1.OwnerReference")),
            ("managedFields", Value::Array(list)) if list.iter().all(Value::is_object) => {}
            ("managedFields", other) => return Err(wrong(other, &at, "[]v1.ManagedFieldsEntry")),
            ("generation" | "deletionGracePeriodSeconds", Value::Number(_)) => {}
            ("generation" | "deletionGracePeriodSeconds", other) => return Err(wrong(other, &at, "int64")),
            (_, other) => text(other)?,
        }
    }
    own::types(kind, &object)?;
    Ok(object)
}

/// Whether Go would leave a value of metadata out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Fields of built-in kinds that are null are not there.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A JSON body; an error has Go's words if serde's tell enough.
pub(super) fn json(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() {
            return "unexpected end of JSON input".to_owned();
        }
        match first_letter(body) {
            Some(letter) if !r#"{["-0123456789tfn"#.contains(letter) => {
                format!("invalid character {letter:?} looking for beginning of value")
            }
            _ => error.to_string(),
        }
    })
}

fn first_letter(body: &[u8]) -> Option<char> {
    String::from_utf8_lossy(body).chars().find(|letter| !letter.is_whitespace())
}

/// A YAML body (JSON is YAML, too) of one document.
pub(super) fn yaml(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
    yaml::value(text).map_err(|why| format!("yaml: {why}"))
}

/// What the server shows of a body that it cannot read.
fn summary(body: &[u8]) -> String {
    const MOST: usize = 30;
    let start = body.get(..MOST).unwrap_or(body);
    let text = match body {
        [] => return "<empty>".to_owned(),
        [b'{', ..] => String::from_utf8_lossy(start).into_owned(),
        _ => start.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(hex_digit).collect(),
    };
    if body.len() > MOST { format!("{text} ...") } else { text }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or_default()
}

pub(super) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The server's answer to a patch whose type it does not know.
pub(super) fn unknown_patch(kind: &Kind) -> Failure {
    if kind.custom.is_some() {
        return Failure::unsupported_media_type(&[
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/apply-patch+yaml",
        ]);
    }
    let message = "415: Unsupported Media Type";
    Failure::general(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
}
