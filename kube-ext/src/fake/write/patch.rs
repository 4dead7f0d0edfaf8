//! Patches: JSON, merge, strategic merge, apply.
use http::{HeaderMap, Response, StatusCode};
use json_patch::{AddOperation, PatchOperation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Writer,
    apply::{self, Manager},
    create::same_namespace,
    input::{self, Options},
    key,
    lists::Shape,
    now,
    object::Object,
    respond, strategic,
    update::{Part, same_name},
    validate::invalid,
};
use crate::fake::{
    body::Body,
    kinds::Kind,
    server::Call,
    status::Failure,
    store::{Key, Stored},
    table::Form,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Type {
    pub(super) fn of(headers: &HeaderMap, kind: &Kind) -> Result<Self, Failure> {
        match input::media_type(headers).as_str() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if kind.custom.is_none() => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => Err(input::unknown_patch(kind)),
        }
    }
}

/// Answers a PATCH of an object, or of its `status`.
pub(super) fn answer(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let form = Form::of(&call.headers)?;
    let patch_type = Type::of(&call.headers, kind)?;
    let options = Options::read(&call.info.query, "PatchOptions", patch_type == Type::Apply)?;
    let part = Part::of(&call.info.subresource);
    let key = key(kind, &call.info.namespace, &call.info.name);
    let (stored, code) = Writer::answer(call, options.dry, |writer| {
        let before = writer.transaction.get(&key);
        let object = match (patch_type, &before) {
            (Type::Apply, _) => applied(call, kind, before.as_deref(), &key, &options.manager)?,
            (_, None) => return Err(Failure::not_found(&kind.group, &kind.plural, &key.name)),
            (other, Some(before)) => patched(kind, other, before, &call.body)?,
        };
        same_name(&object, &key.name)?;
        same_namespace(kind, &object, &key.namespace)?;
        match before {
            Some(before) => Ok((writer.update(kind, &before, part, object)?, StatusCode::OK)),
            None if part == Part::Object => {
                writer.namespace_takes(kind, &key.namespace, &object)?;
                Ok((writer.create(kind, &key.namespace, object)?, StatusCode::CREATED))
            }
            None => Err(Failure::not_found(&kind.group, &kind.plural, &key.name)),
        }
    })?;
    Ok(respond(form, kind, code, &stored))
}

/// The object after a JSON, merge or strategic merge patch.
fn patched(kind: &Kind, patch_type: Type, before: &Stored, body: &[u8]) -> Result<Object, Failure> {
    typed(kind, &tree(patch_type, kind.typed(before.value()), body)?)
}

/// A tree after a patch. What is applied to it is merged.
pub(super) fn tree(patch_type: Type, mut value: Value, body: &[u8]) -> Result<Value, Failure> {
    let undecodable = |why: String| match patch_type {
        Type::Strategic => Failure::bad_request(why),
        _ => Failure::bad_request(format!("error decoding patch: {why}")),
    };
    let patch = if patch_type == Type::Apply { input::yaml(body) } else { input::json(body) };
    let patch = patch.map_err(undecodable)?;
    match (patch_type, &patch) {
        (Type::Json, Value::Array(operations)) => json_patch(&mut value, operations)?,
        (Type::Json, other) => {
            let found = input::go_type(other);
            return Err(undecodable(format!(
                "json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
            )));
        }
        (Type::Strategic, Value::Object(patch)) => {
            if let Some(target) = value.as_object_mut() {
                strategic::merge(target, patch).map_err(Failure::bad_request)?;
            }
        }
        (Type::Merge | Type::Apply, Value::Object(_)) => json_patch::merge(&mut value, &patch),
        (_, other) => {
            let found = input::go_type(other);
            return Err(undecodable(format!(
                "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            )));
        }
    }
    Ok(value)
}

/// A patched tree as an object of the kind.
fn typed(kind: &Kind, value: &Value) -> Result<Object, Failure> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let wrong = |why: &str| Failure::invalid("", "", "", vec![invalid("patch", &value.to_string(), why)]);
    if kind.custom.is_some() {
        let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        input::custom_kind(kind, text("kind"), name)?;
    } else if (text("apiVersion"), text("kind")) != (kind.api_version().as_str(), kind.kind.as_str()) {
        let (version, name) = (text("apiVersion"), text("kind"));
        return Err(wrong(&format!(
            "no kind {name:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\""
        )));
    }
    input::typed(kind, value.clone()).map_err(|why| wrong(&why))
}

/// RFC 6902, with what the server's library does beyond: a `replace` of a field that is not there adds it, and a `copy`
/// of one copies null.
fn json_patch(value: &mut Value, operations: &[Value]) -> Result<(), Failure> {
    let failed = || {
        let message = "the server rejected our request due to an error in our request";
        Failure::general(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    };
    for operation in operations {
        let operation = PatchOperation::deserialize(operation).map_err(|_| failed())?;
        let operation = match operation {
            PatchOperation::Replace(replace) if is_missing_field(value, replace.path.as_str()) => {
                PatchOperation::Add(AddOperation { path: replace.path, value: replace.value })
            }
            PatchOperation::Copy(copy) if is_missing_field(value, copy.from.as_str()) => {
                PatchOperation::Add(AddOperation { path: copy.path, value: Value::Null })
            }
            PatchOperation::Test(test)
                if test.value.is_null() && is_missing_field(value, test.path.as_str()) =>
            {
                continue;
            }
            other => other,
        };
        json_patch::patch(value, &[operation]).map_err(|_| failed())?;
    }
    Ok(())
}

/// Whether a path names a field that an object does not have.
fn is_missing_field(value: &Value, path: &str) -> bool {
    let parent = path.rsplit_once('/').and_then(|(parent, _)| value.pointer(parent));
    parent.is_some_and(Value::is_object) && value.pointer(path).is_none()
}

/// The object after an apply.
fn applied(
    call: &Call,
    kind: &Kind,
    before: Option<&Stored>,
    key: &Key,
    manager: &str,
) -> Result<Object, Failure> {
    let value = input::yaml(&call.body).map_err(|why| {
        Failure::bad_request(format!("error decoding YAML: error converting YAML to JSON: {why}"))
    })?;
    if !value.is_object() && !value.is_null() {
        let found = input::go_type(&value);
        return Err(Failure::bad_request(format!(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go \
             value of type map[string]interface {{}}"
        )));
    }
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, name) = (text("apiVersion"), text("kind"));
    let api_version = kind.api_version();
    if (version, name) != (api_version.as_str(), kind.kind.as_str()) {
        // A version without a group is one of the group without a name.
        let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
        return Err(Failure::bad_request(format!("invalid object type: {version}, Kind={name}")));
    }
    if value.pointer("/metadata/managedFields").is_some_and(|managed| *managed != json!([])) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let mut applied = typed(kind, &value)?;
    if applied.name().is_empty() && before.is_some() {
        applied.set("name", key.name.clone());
    }
    if kind.namespaced && applied.text("namespace").is_empty() {
        applied.set("namespace", key.namespace.clone());
    }
    if before.is_none() {
        same_name(&applied, &key.name)?;
    }
    let uid = applied.text("uid");
    if before.is_none() && !uid.is_empty() {
        let why = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        );
        return Err(Failure::conflict(&kind.group, &kind.plural, &key.name, &why));
    }
    let old = before.map(Object::of);
    let time = now();
    let manager = Manager {
        name: manager,
        api_version: &api_version,
        subresource: &call.info.subresource,
        time: &time,
    };
    Ok(apply::apply(old.as_ref(), &applied, Shape::of(kind), manager))
}
