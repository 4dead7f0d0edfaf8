//! What the server has: discovery documents, aggregated and legacy, its version and its health.
//!
//! There is no `OpenAPI`, and no `storageVersionHash` of custom resources.
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    body::{self, Body},
    kinds::{Group, Kind, Kinds, Subresource, Version},
    server::Call,
    status::Failure,
    table::{Target, check_representation, negotiate},
};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers `/api`, `/apis`, `/api/v1`, `/apis/GROUP`, `/apis/GROUP/VERSION`, `/version` and the like.
pub(crate) fn answer(call: &Call) -> Result<Response<Body>, Failure> {
    let kinds = call.shared.kinds();
    let path: Vec<_> = call.info.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let document = match path.as_slice() {
        ["healthz" | "livez" | "readyz", ..] => return Ok(body::text(StatusCode::OK, "ok")),
        [] => json!({ "paths": paths(&kinds) }),
        ["version"] => version(),
        [root @ ("api" | "apis")] => {
            let groups = kinds.groups().iter().filter(|group| group.name.is_empty() == (*root == "api"));
            let groups: Vec<_> = groups.collect();
            if wants_aggregated(call) {
                let groups: Vec<_> = groups.into_iter().map(aggregated_group).collect();
                let list = json!({
                    "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                    "items": groups,
                });
                return Ok(body::response(StatusCode::OK, AGGREGATED, body::full(list.to_string())));
            }
            if *root == "api" {
                api_versions(call, &groups)
            } else {
                let groups: Vec<_> = groups.into_iter().map(group_fields).collect();
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
            }
        }
        ["api", version] => match served(&kinds, "", version) {
            Some(version) => resources("", version),
            None => return Ok(missing_in(kinds.group(""))),
        },
        ["apis", group] => match kinds.group(group).filter(|group| !group.name.is_empty()) {
            Some(group) => api_group(group),
            None => return Ok(no_such_path()),
        },
        ["apis", group, version] => match served(&kinds, group, version) {
            Some(version) => resources(group, version),
            None => return Ok(missing_in(kinds.group(group))),
        },
        _ => return Ok(no_such_path()),
    };
    if !matches!(call.info.verb.as_str(), "get" | "head") {
        return Err(Failure::method_not_allowed());
    }
    if !matches!(path.as_slice(), [] | ["apis"]) {
        check_representation(&call.headers, false)?;
    }
    negotiate(&call.headers, |target| target.is_none().then_some(()))?;
    Ok(body::json(StatusCode::OK, &document))
}

/// The answer to a path below a group and version that names no resource of it.
pub(crate) fn no_such_resource(call: &Call) -> Response<Body> {
    missing_in(call.shared.kinds().group(&call.info.group))
}

/// Groups of CRDs come and go, and so do their paths; those of built-in groups are there to say no.
fn missing_in(group: Option<&Group>) -> Response<Body> {
    match group {
        Some(group) if !group.custom => Failure::no_such_path().into_response(),
        _ => no_such_path(),
    }
}

fn no_such_path() -> Response<Body> {
    body::text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn served<'a>(kinds: &'a Kinds, group: &str, version: &str) -> Option<&'a Version> {
    kinds.group(group)?.versions.iter().find(|served| served.name == version)
}

/// Whether the aggregated document is among what the client takes: it then comes first
/// (`k8s.io/apiserver/pkg/endpoints/discovery/aggregated/wrapper.go`).
fn wants_aggregated(call: &Call) -> bool {
    const LIST: Target<'_> =
        Target { kind: "APIGroupDiscoveryList", group: "apidiscovery.k8s.io", version: "v2" };
    negotiate(&call.headers, |target| (target == Some(LIST)).then_some(())).is_ok()
}

/// The server's version; where and with what it was built is left open.
fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": "v1.36.2",
        "gitCommit": "", "gitTreeState": "", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "", "platform": "",
    })
}

fn paths(kinds: &Kinds) -> Vec<String> {
    let mut paths: Vec<_> =
        ["/api", "/apis", "/healthz", "/livez", "/readyz", "/version"].map(str::to_owned).into();
    for group in kinds.groups() {
        let root = match group.name.as_str() {
            "" => "/api".to_owned(),
            name => format!("/apis/{name}"),
        };
        paths.extend(group.versions.iter().map(|version| format!("{root}/{}", version.name)));
        paths.push(root);
    }
    paths.sort();
    paths.dedup();
    paths
}

fn api_versions(call: &Call, groups: &[&Group]) -> Value {
    let versions: Vec<_> =
        groups.iter().flat_map(|group| &group.versions).map(|version| &version.name).collect();
    let host = call.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    json!({
        "kind": "APIVersions", "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    })
}

fn group_fields(group: &Group) -> Value {
    let named = |version: &Version| json!({"groupVersion": format!("{}/{}", group.name, version.name), "version": version.name});
    let versions: Vec<_> = group.versions.iter().map(named).collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

fn api_group(group: &Group) -> Value {
    let mut fields = group_fields(group);
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("kind".to_owned(), "APIGroup".into());
        fields.insert("apiVersion".to_owned(), "v1".into());
    }
    fields
}

/// An `APIResourceList`.
fn resources(group: &str, version: &Version) -> Value {
    let resources: Vec<_> = version.kinds.iter().flat_map(|kind| legacy(kind)).collect();
    let group_version = match group {
        "" => version.name.clone(),
        group => format!("{group}/{}", version.name),
    };
    let mut list = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources});
    // The core group's list has been without since before there were groups.
    if let Some(list) = list.as_object_mut().filter(|_| !group.is_empty()) {
        list.insert("apiVersion".to_owned(), "v1".into());
    }
    list
}

/// A kind and its subresources, as entries of an `APIResourceList`.
fn legacy(kind: &Kind) -> Vec<Value> {
    let mut own = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": kind.verbs,
    });
    insert_names(&mut own, kind);
    if let Some(own) = own.as_object_mut().filter(|_| !kind.storage_hash.is_empty()) {
        own.insert("storageVersionHash".to_owned(), kind.storage_hash.clone().into());
    }
    let subresources = kind.subresources.iter().map(|subresource| {
        let mut entry = json!({
            "name": format!("{}/{}", kind.plural, subresource.name), "singularName": "",
            "namespaced": kind.namespaced, "kind": subresource.kind, "verbs": subresource.verbs,
        });
        if let Some(entry) = entry.as_object_mut().filter(|_| is_foreign(kind, subresource)) {
            entry.insert("group".to_owned(), subresource.group.clone().into());
            entry.insert("version".to_owned(), subresource.version.clone().into());
        }
        entry
    });
    [own].into_iter().chain(subresources).collect()
}

fn insert_names(entry: &mut Value, kind: &Kind) {
    let Some(entry) = entry.as_object_mut() else { return };
    for (field, names) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
        if !names.is_empty() {
            entry.insert(field.to_owned(), names.clone().into());
        }
    }
}

/// Whether a subresource's kind is of another group or version than the resource.
fn is_foreign(kind: &Kind, subresource: &Subresource) -> bool {
    (&subresource.group, &subresource.version) != (&kind.group, &kind.version)
}

/// An `APIGroupDiscovery`.
fn aggregated_group(group: &Group) -> Value {
    let mut metadata = Map::new();
    if !group.name.is_empty() {
        metadata.insert("name".to_owned(), group.name.clone().into());
    }
    let versions = group.versions.iter().map(|version| {
        let resources: Vec<_> = version.kinds.iter().map(|kind| aggregated(kind)).collect();
        json!({"version": version.name, "resources": resources, "freshness": "Current"})
    });
    json!({"metadata": metadata, "versions": versions.collect::<Vec<_>>()})
}

/// An `APIResourceDiscovery`. Built-in kinds leave group and version out where they are those of the document.
fn aggregated(kind: &Kind) -> Value {
    let response_kind = |named: bool, group: &str, version: &str, name: &str| {
        let (group, version) = if named { (group, version) } else { ("", "") };
        json!({"group": group, "version": version, "kind": name})
    };
    let custom = kind.custom.is_some();
    let mut entry = json!({
        "resource": kind.plural,
        "responseKind": response_kind(custom, &kind.group, &kind.version, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": kind.verbs,
    });
    insert_names(&mut entry, kind);
    let subresources: Vec<_> = kind
        .subresources
        .iter()
        .map(|subresource| {
            let named = custom || is_foreign(kind, subresource);
            let Subresource { name, group, version, kind, verbs } = subresource;
            json!({"subresource": name, "responseKind": response_kind(named, group, version, kind), "verbs": verbs})
        })
        .collect();
    if let Some(entry) = entry.as_object_mut().filter(|_| !subresources.is_empty()) {
        entry.insert("subresources".to_owned(), subresources.into());
    }
    entry
}
