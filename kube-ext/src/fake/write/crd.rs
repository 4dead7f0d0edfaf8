//! What a `CustomResourceDefinition` gets from the server, and what it brings about
//! (`k8s.io/apiextensions-apiserver`: `registry/customresourcedefinition`, `controller/status`, `controller/finalizer`).
use std::sync::PoisonError;

use serde_json::{Value, json};

use super::{
    Writer, now,
    object::Object,
    validate::{self, invalid, invalid_value, not_supported, required},
};
use crate::fake::{kinds::Kind, status::Failure, store::Stored};

/// Holds a CRD until its objects are gone.
pub(super) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

const SCOPES: [&str; 2] = ["Cluster", "Namespaced"];

pub(super) fn is(kind: &Kind) -> bool {
    kind.kind == "CustomResourceDefinition" && kind.group == "apiextensions.k8s.io"
}

/// Fills in what the names leave out, and the first stored version.
pub(super) fn prepare_create(object: &mut Object) {
    defaults(object);
    if object.pointer("/status/storedVersions").is_some() {
        return;
    }
    let stored: Vec<_> = storage_version(object).into_iter().collect();
    object.set_in("status", "conditions", Value::Null);
    object.set_in("status", "acceptedNames", json!({"plural": "", "kind": ""}));
    object.set_in("status", "storedVersions", stored);
}

/// Notes one more stored version.
pub(super) fn note_version(new: &mut Object) {
    let Some(version) = storage_version(new) else { return };
    let stored = new.pointer("/status/storedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    if !stored.contains(&version) {
        let stored: Vec<_> = stored.into_iter().chain([version]).collect();
        new.set_in("status", "storedVersions", stored);
    }
}

fn storage_version(object: &Object) -> Option<Value> {
    let versions = object.pointer("/spec/versions").and_then(Value::as_array)?;
    let stored = versions.iter().find(|version| is_stored(version))?;
    stored.get("name").cloned()
}

/// Fills in what the names leave out.
pub(super) fn defaults(object: &mut Object) {
    let kind = object.content_text("/spec/names/kind").to_owned();
    let Some(spec) = object.content.get_mut("spec").and_then(Value::as_object_mut) else { return };
    spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    if let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) {
        names.entry("singular").or_insert_with(|| kind.to_lowercase().into());
        names.entry("listKind").or_insert_with(|| format!("{kind}List").into());
    }
}

/// The rules that are held: those of the name, the scope, the schema, and that one version is stored.
pub(super) fn validate(kind: &Kind, object: &Object) -> Result<(), Failure> {
    let text = |pointer| object.content_text(pointer);
    let mut causes = Vec::new();
    if object.name() != format!("{}.{}", text("/spec/names/plural"), text("/spec/group")) {
        causes.push(invalid("metadata.name", object.name(), "must be spec.names.plural+\".\"+spec.group"));
    }
    for (field, pointer) in [
        ("spec.group", "/spec/group"),
        ("spec.scope", "/spec/scope"),
        ("spec.names.plural", "/spec/names/plural"),
        ("spec.names.kind", "/spec/names/kind"),
    ] {
        if text(pointer).is_empty() {
            causes.push(required(field, ""));
        }
    }
    let scope = text("/spec/scope");
    if !scope.is_empty() && !SCOPES.contains(&scope) {
        causes.push(not_supported("spec.scope", &format!("{scope:?}"), &SCOPES));
    }
    let versions = object.pointer("/spec/versions").and_then(Value::as_array);
    let versions = versions.map(Vec::as_slice).unwrap_or_default();
    if versions.iter().filter(|version| is_stored(version)).count() != 1 {
        let versions: Vec<_> = versions.iter().map(|version| internal(version, versions)).collect();
        let why = "must have exactly one version marked as storage version";
        causes.push(invalid_value("spec.versions", &format!("[{}]", versions.join(",")), why));
    }
    for (index, version) in versions.iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none() {
            causes.push(required(&format!("spec.versions[{index}].schema.openAPIV3Schema"), ""));
        }
    }
    if object.pointer("/status/storedVersions").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        causes.push(invalid_value("status.storedVersions", "null", "must have at least one stored version"));
    }
    validate::refuse(kind, object, causes)
}

/// A version as the server shows it: by its Go fields, without those that are the same in all versions.
fn internal(version: &Value, all: &[Value]) -> String {
    let value =
        |field: &str, missing: &str| version.get(field).map_or_else(|| missing.to_owned(), Value::to_string);
    let own = |field: &str| {
        let same = all.iter().all(|other| other.get(field) == version.get(field));
        if same { "null".to_owned() } else { value(field, "null") }
    };
    let parts = [
        ("Name", value("name", "\"\"")),
        ("Served", value("served", "false")),
        ("Storage", value("storage", "false")),
        ("Deprecated", value("deprecated", "false")),
        ("DeprecationWarning", value("deprecationWarning", "null")),
        ("Schema", own("schema")),
        ("Subresources", own("subresources")),
        ("AdditionalPrinterColumns", own("additionalPrinterColumns")),
        ("SelectableFields", own("selectableFields")),
    ];
    let parts: Vec<_> = parts.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", parts.join(","))
}

fn is_stored(version: &Value) -> bool {
    version.get("storage") == Some(&Value::Bool(true))
}

/// Accepts the names and says so in the status. Returns whether that is new.
pub(super) fn accept(object: &mut Object) -> bool {
    let names = object.pointer("/spec/names").cloned().unwrap_or_default();
    let established = ["NamesAccepted", "Established"].iter().all(|wanted| has_condition(object, wanted));
    if established && object.pointer("/status/acceptedNames") == Some(&names) {
        return false;
    }
    object.set_in("status", "acceptedNames", names);
    set_condition(object, "NamesAccepted", "NoConflicts", "no conflicts found");
    set_condition(object, "Established", "InitialNamesAccepted", "the initial names have been accepted");
    true
}

/// Says in the status that the CRD and its objects are to go.
pub(super) fn terminate(object: &mut Object) {
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(object, "Terminating", "InstanceDeletionPending", message);
}

fn conditions(object: &Object) -> Vec<Value> {
    object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn has_condition(object: &Object, wanted: &str) -> bool {
    let is_true = |condition: &Value| {
        condition.get("type") == Some(&Value::from(wanted))
            && condition.get("status") == Some(&Value::from("True"))
    };
    conditions(object).iter().any(is_true)
}

fn set_condition(object: &mut Object, wanted: &str, reason: &str, message: &str) {
    if has_condition(object, wanted) {
        return;
    }
    let mut all = conditions(object);
    all.retain(|condition| condition.get("type") != Some(&Value::from(wanted)));
    all.push(json!({
        "type": wanted, "status": "True", "lastTransitionTime": now(), "reason": reason, "message": message,
    }));
    object.set_in("status", "conditions", all);
}

impl Writer<'_, '_> {
    /// Serves what a CRD says, and has its status follow.
    pub(super) fn install(&mut self, kind: &Kind, stored: &Stored) {
        let mut object = Object::of(stored);
        if object.is_deleting() {
            return;
        }
        self.shared.kinds.write().unwrap_or_else(PoisonError::into_inner).install(&stored.value());
        self.kinds = self.shared.kinds();
        if accept(&mut object) {
            self.put(kind, stored.key.clone(), object);
        }
    }

    /// No longer serves the kinds of a CRD.
    pub(super) fn uninstall(&mut self, stored: &Stored) {
        self.shared.kinds.write().unwrap_or_else(PoisonError::into_inner).remove(&stored.value());
        self.kinds = self.shared.kinds();
    }
}

/// Where the objects of a CRD are kept.
pub(super) fn storage(object: &Object) -> String {
    let text = |pointer| object.content_text(pointer);
    format!("{}.{}", text("/spec/names/plural"), text("/spec/group"))
}
