//! The `scale` of workloads and of custom resources that say where theirs is.
use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Writer,
    input::{self, Options},
    key,
    object::Object,
    patch::{self, Type},
    update::{Part, same_name},
    validate::invalid_value,
};
use crate::{
    fake::{
        body::{self, Body},
        kinds::Kind,
        server::Call,
        status::Failure,
        store::{Key, Stored},
    },
    labels,
};

/// Answers get, update and patch of a `scale`.
pub(super) fn answer(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let key = key(kind, &call.info.namespace, &call.info.name);
    let paths = Paths::of(kind).ok_or_else(Failure::no_such_path)?;
    let missing = || Failure::not_found(&kind.group, &kind.plural, &key.name);
    let stored = match call.info.verb.as_str() {
        "get" => call.shared.store.get(&key).ok_or_else(missing)?,
        "update" => {
            let options = Options::read(&call.info.query, "UpdateOptions", false)?;
            let scale = input::tree(call, &scale_kind(kind))?;
            Writer::answer(call, options.dry, |writer| {
                let before = writer.transaction.get(&key).ok_or_else(missing)?;
                writer.scale(kind, &key, &paths, &before, scale)
            })?
        }
        _ => {
            let patch_type = Type::of(&call.headers, kind)?;
            let options = Options::read(&call.info.query, "PatchOptions", patch_type == Type::Apply)?;
            Writer::answer(call, options.dry, |writer| {
                let before = writer.transaction.get(&key).ok_or_else(missing)?;
                let scale = patch::tree(patch_type, paths.scale(&before), &call.body)?;
                writer.scale(kind, &key, &paths, &before, scale)
            })?
        }
    };
    Ok(body::json(StatusCode::OK, &paths.scale(&stored)))
}

impl Writer<'_, '_> {
    fn scale(
        &mut self,
        kind: &Kind,
        key: &Key,
        paths: &Paths,
        before: &Arc<Stored>,
        scale: Value,
    ) -> Result<Arc<Stored>, Failure> {
        let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0));
        let scale = Object::new(scale);
        same_name(&scale, &key.name)?;
        if replicas.as_i64().is_none_or(|replicas| replicas < 0) {
            let why = "must be greater than or equal to 0";
            let cause = invalid_value("spec.replicas", &replicas.to_string(), why);
            return Err(Failure::invalid("autoscaling", "Scale", &key.name, vec![cause]));
        }
        let mut value = before.value();
        set(&mut value, &paths.spec, replicas);
        let mut object = Object::new(value);
        object.keep(&scale, &["resourceVersion"]);
        if object.text("resourceVersion").is_empty() {
            object.keep(&Object::of(before), &["resourceVersion"]);
        }
        self.update(kind, before, Part::Object, object)
    }
}

/// Where in an object the parts of its scale are, as JSON pointers.
struct Paths {
    spec: String,
    status: String,
    selector: Option<String>,
}

impl Paths {
    fn of(kind: &Kind) -> Option<Self> {
        let Some(custom) = &kind.custom else {
            return Some(Self {
                spec: "/spec/replicas".to_owned(),
                status: "/status/replicas".to_owned(),
                selector: Some("/spec/selector".to_owned()),
            });
        };
        let scale = custom.pointer("/subresources/scale")?;
        let pointer = |field| Some(scale.get(field)?.as_str()?.replace('.', "/"));
        Some(Self {
            spec: pointer("specReplicasPath")?,
            status: pointer("statusReplicasPath")?,
            selector: pointer("labelSelectorPath"),
        })
    }

    fn scale(&self, stored: &Stored) -> Value {
        let value = stored.value();
        let number = |path: &str| value.pointer(path).and_then(Value::as_i64).unwrap_or(0);
        let metadata = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"];
        let metadata: Map<_, _> = metadata
            .into_iter()
            .filter_map(|field| Some((field.to_owned(), value.get("metadata")?.get(field)?.clone())))
            .collect();
        let mut status = json!({"replicas": number(&self.status)});
        let selector = self.selector.as_ref().and_then(|path| value.pointer(path)).map(selector);
        if let (Some(selector), Some(status)) = (selector, status.as_object_mut()) {
            status.insert("selector".to_owned(), selector.into());
        }
        // No replicas are left out, as Go does.
        let spec = match number(&self.spec) {
            0 => json!({}),
            replicas => json!({"replicas": replicas}),
        };
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
    }
}

/// The kind of the body, for what is said of it.
fn scale_kind(kind: &Kind) -> Kind {
    Kind {
        group: "autoscaling".to_owned(),
        version: "v1".to_owned(),
        kind: "Scale".to_owned(),
        custom: None,
        ..kind.clone()
    }
}

/// A selector as a text: it is one already, or a map of labels, or a `LabelSelector`.
fn selector(selector: &Value) -> String {
    if let Some(text) = selector.as_str() {
        return text.to_owned();
    }
    let is_label_selector =
        ["matchLabels", "matchExpressions"].iter().any(|part| selector.get(part).is_some());
    let selector = if is_label_selector { selector.clone() } else { json!({"matchLabels": selector}) };
    let selector = serde_json::from_value(selector).map(|selector| labels::selector_text(&selector));
    selector.ok().and_then(Result::ok).unwrap_or_default()
}

/// Sets a value in a tree, and makes the objects on the way to it.
fn set(value: &mut Value, pointer: &str, to: Value) {
    let Some((field, rest)) = pointer.trim_start_matches('/').split_once('/') else {
        if let Some(map) = value.as_object_mut() {
            map.insert(pointer.trim_start_matches('/').to_owned(), to);
        }
        return;
    };
    if let Some(map) = value.as_object_mut() {
        set(map.entry(field.to_owned()).or_insert_with(|| json!({})), rest, to);
    }
}
