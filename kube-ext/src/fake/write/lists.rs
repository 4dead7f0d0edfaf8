//! How maps and lists are merged: as wholes, as sets, or item by item.
//!
//! Custom resources say so in their schema. For built-in kinds it is in the server's `OpenAPI` document, which is not here:
//! the well-known fields are listed by name, all others are taken as wholes.
use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::fake::kinds::Kind;

/// Lists of objects by field, and what tells the items apart: for strategic merge patch the first, for apply all.
const KEYED: [(&str, &[&str]); 23] = [
    ("conditions", &["type"]),
    ("containers", &["name"]),
    ("containerStatuses", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("ephemeralContainerStatuses", &["name"]),
    ("hostAliases", &["ip"]),
    ("hostIPs", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("initContainerStatuses", &["name"]),
    ("ownerReferences", &["uid"]),
    ("podIPs", &["ip"]),
    ("ports", &["containerPort", "protocol"]),
    ("readinessGates", &["conditionType"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("secrets", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
    ("webhooks", &["name"]),
];

/// Maps that apply takes as wholes.
const WHOLE: [&str; 16] = [
    "claimRef",
    "configMapKeyRef",
    "fieldRef",
    "involvedObject",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "objectSelector",
    "podSelector",
    "resourceFieldRef",
    "roleRef",
    "scaleTargetRef",
    "secretKeyRef",
    "secretRef",
    "selector",
    "targetRef",
];

/// How a list is merged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// It is replaced.
    Whole,
    /// Values that are in it or not.
    Set,
    /// Items told apart by these fields.
    Keyed(Vec<String>),
}

/// What is known of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'a> {
    /// An object of a built-in kind.
    Root,
    /// By its name.
    Named(&'a str),
    /// By its schema, if there is one.
    Schema(Option<&'a Value>),
}

impl<'a> Shape<'a> {
    /// The shape of the objects of a kind.
    pub(super) fn of(kind: &'a Kind) -> Self {
        match &kind.custom {
            Some(version) => Self::Schema(version.pointer("/schema/openAPIV3Schema")),
            None => Self::Root,
        }
    }

    /// The shape of a field of an object.
    pub(super) fn field(self, name: &'a str) -> Self {
        match self {
            // Those of a service account are a whole, those of a pod are not.
            Self::Root if name == "imagePullSecrets" => Self::Named(""),
            Self::Root | Self::Named(_) => Self::Named(name),
            // All objects have the same metadata.
            Self::Schema(_) if name == "metadata" => Self::Named(name),
            Self::Schema(schema) => {
                let named = schema.and_then(|schema| schema.get("properties")?.get(name));
                Self::Schema(named.or_else(|| schema?.get("additionalProperties")))
            }
        }
    }

    /// The shape of the items of a list.
    pub(super) fn item(self) -> Self {
        match self {
            Self::Root | Self::Named(_) => Self::Named(""),
            Self::Schema(schema) => Self::Schema(schema.and_then(|schema| schema.get("items"))),
        }
    }

    pub(super) fn is_whole_map(self) -> bool {
        match self {
            Self::Root => false,
            Self::Named(name) => WHOLE.contains(&name),
            Self::Schema(schema) => {
                schema.and_then(|schema| schema.get("x-kubernetes-map-type")?.as_str()) == Some("atomic")
            }
        }
    }

    /// Whether apply takes the items of a keyed list as wholes.
    pub(super) fn has_whole_items(self) -> bool {
        matches!(self, Self::Named("ownerReferences")) || self.item().is_whole_map()
    }

    pub(super) fn list(self, items: &[Value]) -> Merge {
        match self {
            Self::Root => Merge::Whole,
            Self::Named("finalizers") => Merge::Set,
            Self::Named(name) => {
                let keys = KEYED.iter().find(|(field, _)| *field == name).map_or(&[][..], |(_, keys)| *keys);
                let is = |item: &Value, key: &str| item.get(key).is_some();
                match keys {
                    ["containerPort", protocol] if items.iter().all(|item| is(item, "port")) => {
                        Merge::Keyed(vec!["port".to_owned(), (*protocol).to_owned()])
                    }
                    keys if keys.first().is_some_and(|key| items.iter().all(|item| is(item, key))) => {
                        Merge::Keyed(keys.iter().map(|key| (*key).to_owned()).collect())
                    }
                    _ => Merge::Whole,
                }
            }
            Self::Schema(schema) => {
                let get = |field| schema.and_then(|schema| schema.get(field));
                match get("x-kubernetes-list-type").and_then(Value::as_str) {
                    Some("set") => Merge::Set,
                    Some("map") => {
                        let keys = get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                        let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                        Merge::Keyed(keys.map(str::to_owned).collect())
                    }
                    _ => Merge::Whole,
                }
            }
        }
    }
}

/// What tells an item of a keyed list from the others.
pub(super) fn key_of(item: &Value, keys: &[String]) -> Map<String, Value> {
    let value = |key: &String| match item.get(key) {
        Some(value) => Some(Cow::Borrowed(value)),
        None if key == "protocol" => Some(Cow::Owned("TCP".into())),
        None => None,
    };
    keys.iter().filter_map(|key| Some((key.clone(), value(key)?.into_owned()))).collect()
}
