//! Field selectors (`k8s.io/apimachinery/pkg/fields/selector.go`), and the fields that each kind lets them ask for.
use serde_json::Value;

use super::super::{kinds::Kind, store::Stored};

pub(super) const NAME: &str = "metadata.name";
pub(super) const NAMESPACE: &str = "metadata.namespace";

const POD: [&str; 8] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

const EVENT: [&str; 11] = [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// Requirements that fields have to meet, all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldSelector(Vec<Requirement>);

#[derive(Clone, Debug)]
struct Requirement {
    field: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    pub(crate) fn parse(kind: &Kind, text: &str) -> Result<Self, String> {
        let terms = terms(text).into_iter().filter(|term| !term.is_empty());
        let mut requirements = Vec::new();
        for term in terms {
            let Some((field, equal, value)) = split(term) else {
                return Err(format!("invalid selector: '{text}'; can't understand '{term}'"));
            };
            requirements.push(Requirement { field: field.to_owned(), equal, value: unescape(value)? });
        }
        for requirement in &mut requirements {
            check(kind, &mut requirement.field)?;
        }
        Ok(Self(requirements))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The only value that a field can have.
    pub(crate) fn only(&self, field: &str) -> Option<&str> {
        let only = self.0.iter().find(|requirement| requirement.field == field && requirement.equal);
        only.map(|requirement| requirement.value.as_str())
    }

    pub(crate) fn matches(&self, object: &Stored) -> bool {
        self.0.iter().all(|requirement| {
            let value = match requirement.field.as_str() {
                NAME => &object.key.name,
                NAMESPACE => &object.key.namespace,
                field => object.fields.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value),
            };
            (value == requirement.value) == requirement.equal
        })
    }
}

/// The parts between commas, escaped ones aside.
fn terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c| {
        let split = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        split
    })
    .collect()
}

/// The field, whether it has to be equal, and the value as it is written.
fn split(term: &str) -> Option<(&str, bool, &str)> {
    term.char_indices().find_map(|(index, _)| {
        let (field, rest) = term.split_at(index);
        let operators = [("!=", false), ("==", true), ("=", true)];
        operators.iter().find_map(|(operator, equal)| Some((field, *equal, rest.strip_prefix(operator)?)))
    })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => value.push(c),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!("invalid field selector: invalid escape sequence: \\{other}"));
                }
            },
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character in value: {}",
                    u32::from(c)
                ));
            }
            c => value.push(c),
        }
    }
    Ok(value)
}

/// Whether a kind has a field, under which name, as its `conversion.go` in `kubernetes/pkg/apis` says.
fn check(kind: &Kind, field: &mut String) -> Result<(), String> {
    // The old name of clients of v1beta3.
    if &*kind.storage == "pods" && field == "spec.host" {
        "spec.nodeName".clone_into(field);
    }
    let of_kind = names(kind);
    let known = match field.as_str() {
        NAME => true,
        NAMESPACE => kind.namespaced || (of_kind.is_none() && kind.custom.is_none()),
        // Never set, though it may be asked for.
        "status.podIPs" => &*kind.storage == "pods",
        field => {
            of_kind.into_iter().flatten().any(|name| *name == field)
                || custom_fields(kind).any(|name| name == field)
        }
    };
    match &*kind.storage {
        _ if known => Ok(()),
        "jobs.batch" => Err(format!("field label {field:?} not supported for Job")),
        "resourceslices.resource.k8s.io" => {
            Err(format!("field label not supported for {}, Kind=ResourceSlice: {field}", kind.api_version()))
        }
        _ if of_kind.is_none() && kind.custom.is_none() => {
            Err(format!("{field:?} is not a known field selector: only {NAME:?}, {NAMESPACE:?}"))
        }
        _ => Err(format!("field label not supported: {field}")),
    }
}

/// The fields of a built-in kind that has some beside name and namespace.
fn names(kind: &Kind) -> Option<&'static [&'static str]> {
    Some(match &*kind.storage {
        "pods" => &POD,
        "events" => &EVENT,
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "secrets" => &["type"],
        "services" => &["spec.clusterIP", "spec.type"],
        "replicationcontrollers" => &["status.replicas"],
        "jobs.batch" => &["status.successful"],
        "certificatesigningrequests.certificates.k8s.io" => &["spec.signerName"],
        "resourceslices.resource.k8s.io" => &["spec.nodeName", "spec.driver"],
        _ => return None,
    })
}

/// The `selectableFields` of a custom resource.
fn custom_fields(kind: &Kind) -> impl Iterator<Item = &str> {
    let fields = kind.custom.as_ref().and_then(|version| version.get("selectableFields")?.as_array());
    let paths = fields.into_iter().flatten().filter_map(|field| field.get("jsonPath")?.as_str());
    paths.map(|path| path.strip_prefix('.').unwrap_or(path))
}

/// What field selectors can ask of an object, beside its name and namespace: the selectable fields of the kind's
/// `strategy.go` in `kubernetes/pkg/registry`.
pub(crate) fn fields(kind: &Kind, object: &Value) -> Vec<(String, String)> {
    let names = names(kind).into_iter().flatten().copied();
    names
        .chain(custom_fields(kind))
        .map(|name| (name.to_owned(), value(&kind.storage, name, object)))
        .collect()
}

fn value(storage: &str, name: &str, object: &Value) -> String {
    let at = |path: &str| {
        let value = path.split('.').try_fold(object, |value, field| value.get(field));
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(other @ (Value::Bool(_) | Value::Number(_))) => other.to_string(),
            _ => String::new(),
        }
    };
    // What the server fills in where nothing is said.
    let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    match (storage, name) {
        ("pods", "spec.restartPolicy") => or(at(name), "Always"),
        ("pods", "spec.schedulerName") => or(at(name), "default-scheduler"),
        ("pods", "status.phase") => or(at(name), "Pending"),
        ("namespaces", "status.phase") => or(at(name), "Active"),
        ("secrets", "type") => or(at(name), "Opaque"),
        ("services", "spec.type") => or(at(name), "ClusterIP"),
        ("pods", "spec.hostNetwork") | ("nodes", "spec.unschedulable") => or(at(name), "false"),
        ("pods", "status.podIP") => {
            let first = object.pointer("/status/podIPs/0/ip").and_then(Value::as_str);
            first.unwrap_or_default().to_owned()
        }
        ("jobs.batch", _) => or(at("status.succeeded"), "0"),
        ("replicationcontrollers", _) => or(at(name), "0"),
        // The core group's names; `events.k8s.io` has others for the same.
        ("events", "source") => {
            let sources = ["source.component", "reportingComponent", "deprecatedSource.component"];
            first(sources.iter().map(|path| at(path)), at("reportingController"))
        }
        ("events", "reportingComponent") => first([at(name)].into_iter(), at("reportingController")),
        ("events", field) => match field.strip_prefix("involvedObject.") {
            Some(field) => first([at(name)].into_iter(), at(&format!("regarding.{field}"))),
            None => at(field),
        },
        _ => at(name),
    }
}

fn first(mut texts: impl Iterator<Item = String>, last: String) -> String {
    texts.find(|text| !text.is_empty()).unwrap_or(last)
}
