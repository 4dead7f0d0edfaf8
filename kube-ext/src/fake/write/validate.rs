//! The rules of metadata (`k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, `pkg/util/validation`).
use serde_json::Value;

use super::{object::Object, own};
use crate::fake::{
    kinds::Kind,
    status::{Cause, Failure},
};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
     '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
     start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
     alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
     and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
     for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What all annotations of an object may have, in bytes.
const ANNOTATIONS_BYTES: usize = 256 * 1024;

/// Finalizers without a domain that the core kinds take.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// How the names of a kind are built.
#[derive(Clone, Copy)]
enum Names {
    Subdomain,
    Label,
    /// Anything that can be a part of a path.
    Segment,
}

impl Names {
    fn of(kind: &Kind) -> Self {
        match &*kind.storage {
            "namespaces" | "services" => Self::Label,
            "events" | "certificatesigningrequests.certificates.k8s.io" => Self::Segment,
            _ if kind.group == "rbac.authorization.k8s.io" => Self::Segment,
            _ => Self::Subdomain,
        }
    }

    fn check(self, name: &str) -> Vec<String> {
        match self {
            Self::Subdomain => subdomain(name, "characters"),
            Self::Label => label(name),
            Self::Segment => segment(name),
        }
    }
}

/// An object that is to be created.
pub(super) fn create(kind: &Kind, object: &Object) -> Result<(), Failure> {
    let mut causes = metadata(kind, object, Names::of(kind));
    causes.extend(own::validate(kind, object, None));
    if causes.is_empty() {
        causes = metadata(kind, object, Names::Segment);
    }
    refuse(kind, object, causes)
}

/// An object that is to take the place of another.
pub(super) fn update(kind: &Kind, new: &Object, old: &Object) -> Result<(), Failure> {
    let mut causes = metadata(kind, new, Names::Segment);
    // The server checks twice: what holds for all kinds, and each kind for itself.
    for _ in 0..2 {
        changes(new, old, &mut causes);
    }
    let own = own::validate(kind, new, Some(old));
    if &*kind.storage == "configmaps" {
        // ConfigMaps are checked as if they were new, too.
        causes.extend(metadata(kind, new, Names::of(kind)));
    }
    causes.extend(own);
    refuse(kind, new, causes)
}

pub(super) fn refuse(kind: &Kind, object: &Object, causes: Vec<Cause>) -> Result<(), Failure> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(&kind.group, &kind.kind, object.name(), causes))
}

fn metadata(kind: &Kind, object: &Object, names: Names) -> Vec<Cause> {
    let mut causes = Vec::new();
    let generate = object.text("generateName");
    if !generate.is_empty() {
        // What follows is made of letters: a prefix may end with a dash.
        let prefix = generate.strip_suffix('-').map(|prefix| format!("{prefix}a"));
        let prefix = prefix.as_deref().unwrap_or(generate);
        causes.extend(names.check(prefix).iter().map(|why| invalid("metadata.generateName", generate, why)));
    }
    match object.name() {
        "" => causes.push(required("metadata.name", "name or generateName is required")),
        name => causes.extend(names.check(name).iter().map(|why| invalid("metadata.name", name, why))),
    }
    let namespace = object.text("namespace");
    if kind.namespaced {
        causes.extend(label(namespace).iter().map(|why| invalid("metadata.namespace", namespace, why)));
    }
    shared(object, &mut causes);
    finalizers(kind, object, names, &mut causes);
    causes
}

/// Rules of labels, annotations and owners, for new objects and for updates.
fn shared(object: &Object, causes: &mut Vec<Cause>) {
    for (key, value) in entries(object, "labels") {
        causes.extend(label_key(key).iter().map(|why| invalid("metadata.labels", key, why)));
        causes.extend(label_value(value).iter().map(|why| invalid("metadata.labels", value, why)));
    }
    let mut bytes = 0;
    for (key, value) in entries(object, "annotations") {
        let lower = key.to_lowercase();
        causes.extend(label_key(&lower).iter().map(|why| invalid("metadata.annotations", key, why)));
        bytes += key.len() + value.len();
    }
    if bytes > ANNOTATIONS_BYTES {
        let message = format!("Too long: may not be more than {ANNOTATIONS_BYTES} bytes");
        causes.push(Cause { reason: "FieldValueTooLong", message, field: "metadata.annotations".to_owned() });
    }
    owners(object, causes);
}

fn owners(object: &Object, causes: &mut Vec<Cause>) {
    const FIELD: &str = "metadata.ownerReferences";
    let mut controller: Option<String> = None;
    let references = object.list("ownerReferences");
    for reference in references {
        let text = |field| reference.get(field).and_then(Value::as_str).unwrap_or_default();
        for (field, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(field).is_empty() {
                causes.push(invalid(&format!("{FIELD}.{field}"), "", why));
            }
        }
        if (text("apiVersion"), text("kind")) == ("v1", "Event") {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            causes.push(invalid_value(FIELD, &owner_json(reference), why));
        }
        if reference.get("controller") == Some(&Value::Bool(true)) {
            let this = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                Some(first) => {
                    let all: Vec<_> = references.iter().map(owner_json).collect();
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for \
                         {first} and {this}"
                    );
                    causes.push(invalid_value(FIELD, &format!("[{}]", all.join(",")), &why));
                }
                None => controller = Some(this),
            }
        }
    }
}

/// An owner reference in the server's order of fields.
fn owner_json(reference: &Value) -> String {
    let text = |field| Value::from(reference.get(field).and_then(Value::as_str).unwrap_or_default());
    let mut fields: Vec<_> =
        ["apiVersion", "kind", "name", "uid"].map(|field| format!("\"{field}\":{}", text(field))).to_vec();
    for field in ["controller", "blockOwnerDeletion"] {
        fields.extend(reference.get(field).map(|value| format!("\"{field}\":{value}")));
    }
    format!("{{{}}}", fields.join(","))
}

fn finalizers(kind: &Kind, object: &Object, names: Names, causes: &mut Vec<Cause>) {
    const FIELD: &str = "metadata.finalizers";
    let finalizers = object.finalizers();
    for finalizer in &finalizers {
        causes.extend(label_key(finalizer).iter().map(|why| invalid(FIELD, finalizer, why)));
    }
    let both = ["orphan", "foregroundDeletion"];
    if both.iter().all(|name| finalizers.iter().any(|finalizer| finalizer == name)) {
        let list = Value::from(finalizers.clone()).to_string();
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.push(invalid_value(FIELD, &list, why));
    }
    // Custom resources and the rules for all kinds have no list of names.
    if kind.custom.is_some() || matches!(names, Names::Segment) || kind.group == "apiextensions.k8s.io" {
        return;
    }
    for (index, finalizer) in finalizers.iter().enumerate() {
        if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer.as_str()) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(invalid(&format!("{FIELD}[{index}]"), finalizer, why));
        }
    }
}

fn changes(new: &Object, old: &Object, causes: &mut Vec<Cause>) {
    if old.is_deleting() {
        let before = old.finalizers();
        let mut extra: Vec<_> =
            new.finalizers().into_iter().filter(|finalizer| !before.contains(finalizer)).collect();
        extra.sort();
        extra.dedup();
        if !extra.is_empty() {
            let extra: Vec<_> = extra.iter().map(|finalizer| format!("{finalizer:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                extra.join(", ")
            );
            causes.push(forbidden("metadata.finalizers", &why));
        }
    }
    for field in
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"]
    {
        let (after, before) = (new.metadata.get(field), old.metadata.get(field));
        if after != before {
            let value = after.map_or_else(|| "null".to_owned(), Value::to_string);
            causes.push(invalid_value(&format!("metadata.{field}"), &value, "field is immutable"));
        }
    }
    shared(new, causes);
}

fn entries<'a>(object: &'a Object, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = object.metadata.get(field).and_then(Value::as_object);
    map.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

pub(super) fn invalid(field: &str, value: &str, why: &str) -> Cause {
    invalid_value(field, &format!("{value:?}"), why)
}

/// `value` is written as it is.
pub(super) fn invalid_value(field: &str, value: &str, why: &str) -> Cause {
    let message = format!("Invalid value: {value}: {why}");
    Cause { reason: "FieldValueInvalid", message, field: field.to_owned() }
}

pub(super) fn required(field: &str, why: &str) -> Cause {
    let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
    Cause { reason: "FieldValueRequired", message, field: field.to_owned() }
}

pub(super) fn forbidden(field: &str, why: &str) -> Cause {
    Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field: field.to_owned() }
}

pub(super) fn not_supported(field: &str, value: &str, supported: &[&str]) -> Cause {
    let supported: Vec<_> = supported.iter().map(|value| format!("{value:?}")).collect();
    let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
    Cause { reason: "FieldValueNotSupported", message, field: field.to_owned() }
}

/// `unit` is what the server calls a byte.
fn subdomain(value: &str, unit: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 253 {
        errors.push(format!("must be no more than 253 {unit}"));
    }
    if !is_subdomain(value) {
        errors.push(SUBDOMAIN.to_owned());
    }
    errors
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_label)
}

fn label(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 63 {
        errors.push("must be no more than 63 characters".to_owned());
    }
    if !is_label(value) {
        errors.push(if is_subdomain(value) { "must not contain dots" } else { LABEL }.to_owned());
    }
    errors
}

fn is_label(value: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bounded(value, small) && value.bytes().all(|byte| small(byte) || byte == b'-')
}

fn segment(value: &str) -> Vec<String> {
    if matches!(value, "." | "..") {
        return vec![format!("may not be '{value}'")];
    }
    let found = ['/', '%'].into_iter().filter(|illegal| value.contains(*illegal));
    found.map(|illegal| format!("may not contain '{illegal}'")).collect()
}

/// Errors of a label's key, which is also what annotations and finalizers are named by.
fn label_key(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let parts: Vec<_> = value.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                errors.extend(subdomain(prefix, "bytes").iter().map(|why| format!("prefix part {why}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_name(name) {
        errors.push(format!("name part {KEY}"));
    }
    errors
}

fn label_value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 63 {
        errors.push("must be no more than 63 bytes".to_owned());
    }
    if !value.is_empty() && !is_name(value) {
        errors.push(VALUE.to_owned());
    }
    errors
}

fn is_name(value: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    bounded(value, |byte| byte.is_ascii_alphanumeric()) && value.bytes().all(inner)
}

/// Whether the first and the last byte are of a kind.
fn bounded(value: &str, edge: impl Fn(u8) -> bool) -> bool {
    let bytes = value.as_bytes();
    bytes.first().is_some_and(|byte| edge(*byte)) && bytes.last().is_some_and(|byte| edge(*byte))
}
