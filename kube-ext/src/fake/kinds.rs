//! The kinds that are served: the built-in ones, and those of CRDs.
//!
//! The built-in ones are read from `data/api.json` and `data/apis.json`, which are the answers of an API server of
//! Kubernetes 1.36.2 with its defaults to `/api` and `/apis`, asked with
//! `Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`, without spaces.
//! `data/storage-versions.json` has the `storageVersionHash` of each resource, by group, version and name, from the same
//! server's legacy documents.
use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use kube::core::Version as Priority;
use serde::Deserialize;
use serde_json::Value;

/// The group `events.k8s.io` serves the events of the core group once more.
const EVENTS: &str = "events";

/// The scope of kinds whose objects are in namespaces.
const NAMESPACED: &str = "Namespaced";

/// The verbs of custom resources, in the server's order.
const CUSTOM_VERBS: [&str; 8] =
    ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

static BUILT_IN: LazyLock<Kinds> = LazyLock::new(|| {
    let hashes = include_str!("data/storage-versions.json");
    let hashes = serde_json::from_str(hashes).unwrap_or_default();
    let groups = [include_str!("data/api.json"), include_str!("data/apis.json")]
        .into_iter()
        .filter_map(|document| serde_json::from_str::<Document>(document).ok())
        .flat_map(|document| document.items)
        .map(|group| group.with_hashes(&hashes))
        .collect();
    Kinds { groups: Arc::new(groups) }
});

/// A kind in one of its versions.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "as in a CRD")]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// The kind of lists of it.
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
    pub(crate) subresources: Vec<Subresource>,
    /// Where objects of all versions of it are kept: [`Key::resource`](super::store::Key::resource). Versions differ in
    /// `apiVersion` only: no field is converted.
    pub(crate) storage: Arc<str>,
    /// What legacy discovery says of the version that is kept; empty for those that are not kept, and for custom ones.
    pub(crate) storage_hash: String,
    /// The version as its CRD has it, an entry of `spec.versions`; nothing for built-in kinds.
    pub(crate) custom: Option<Arc<Value>>,
}

/// A part of an object that has a path of its own, and the kind that it takes and answers with.
#[derive(Clone, Debug)]
pub(crate) struct Subresource {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) verbs: Vec<String>,
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// An object with the type fields of this kind.
    pub(crate) fn typed(&self, mut object: Value) -> Value {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), self.api_version().into());
            fields.insert("kind".to_owned(), self.kind.clone().into());
        }
        object
    }

    pub(crate) fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }
}

/// All kinds of a cluster. Cheap to clone: a CRD makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    groups: Arc<Vec<Group>>,
}

/// A group; the core group has no name.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The preferred one first.
    pub(crate) versions: Vec<Version>,
    /// Whether it is there because of a CRD.
    pub(crate) custom: bool,
}

/// A version of a group.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) kinds: Vec<Arc<Kind>>,
}

impl Kinds {
    /// What a Kubernetes 1.36 serves, in its order.
    pub(crate) fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// The groups in the server's order: the core group, the built-in ones, those of CRDs by name.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.groups.iter().flat_map(|group| &group.versions).flat_map(|version| &version.kinds)
    }

    /// The kind that a path names.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        let version = self.group(group)?.versions.iter().find(|served| served.name == version)?;
        version.kinds.iter().find(|kind| kind.plural == plural).cloned()
    }

    /// The kind of an object with these type fields.
    pub(crate) fn of_object(&self, api_version: &str, name: &str) -> Option<Arc<Kind>> {
        self.all().find(|kind| kind.kind == name && kind.api_version() == api_version).cloned()
    }

    /// A kind of any version, by where its objects are kept.
    pub(crate) fn of_storage(&self, storage: &str) -> Option<Arc<Kind>> {
        self.all().find(|kind| &*kind.storage == storage).cloned()
    }

    /// Serves what a `CustomResourceDefinition` says, instead of what it said before.
    pub(crate) fn install(&mut self, crd: &Value) {
        self.remove(crd);
        let groups = Arc::make_mut(&mut self.groups);
        for kind in custom_kinds(crd) {
            insert(groups, &Arc::new(kind));
        }
        groups.sort_by(|a, b| (a.custom, a.custom_name()).cmp(&(b.custom, b.custom_name())));
    }

    /// No longer serves the kinds of a `CustomResourceDefinition`.
    pub(crate) fn remove(&mut self, crd: &Value) {
        let (group, plural) = (crd.pointer("/spec/group"), crd.pointer("/spec/names/plural"));
        let (Some(group), Some(plural)) = (group, plural) else { return };
        let groups = Arc::make_mut(&mut self.groups);
        for group in groups.iter_mut().filter(|other| *group == *other.name) {
            for version in &mut group.versions {
                version.kinds.retain(|kind| kind.custom.is_none() || *plural != *kind.plural);
            }
            group.versions.retain(|version| !version.kinds.is_empty());
        }
        groups.retain(|group| !group.versions.is_empty());
    }
}

impl Group {
    /// Built-in groups have an order that is not that of their names.
    fn custom_name(&self) -> Option<&str> {
        self.custom.then_some(self.name.as_str())
    }
}

/// Adds the kind of a CRD. Versions and kinds are in the server's order.
fn insert(groups: &mut Vec<Group>, kind: &Arc<Kind>) {
    if !groups.iter().any(|group| group.name == kind.group) {
        groups.push(Group { name: kind.group.clone(), versions: Vec::new(), custom: true });
    }
    for group in groups.iter_mut().filter(|group| group.name == kind.group) {
        if !group.versions.iter().any(|version| version.name == kind.version) {
            group.versions.push(Version { name: kind.version.clone(), kinds: Vec::new() });
            group.versions.sort_by_cached_key(|version| Reverse(Priority::parse(&version.name).priority()));
        }
        for version in group.versions.iter_mut().filter(|version| version.name == kind.version) {
            version.kinds.push(kind.clone());
            version.kinds.sort_by(|a, b| a.plural.cmp(&b.plural));
        }
    }
}

/// The versions of a CRD that are served, as the server's discovery has them
/// (`k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_discovery_controller.go`).
fn custom_kinds(crd: &Value) -> Vec<Kind> {
    let Ok(spec) = CrdSpec::deserialize(crd.get("spec").unwrap_or(&Value::Null)) else { return Vec::new() };
    let CrdSpec { group, names, scope, versions } = spec;
    let storage: Arc<str> = format!("{}.{group}", names.plural).into();
    let served = versions.into_iter().filter(|version| version.get("served") == Some(&Value::Bool(true)));
    served
        .map(|custom| {
            let version = custom.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let own = ("status", group.as_str(), version.as_str(), names.kind.as_str());
            let subresources = [own, ("scale", "autoscaling", "v1", "Scale")]
                .into_iter()
                .filter(|(name, ..)| custom.pointer(&format!("/subresources/{name}")).is_some())
                .map(|(name, group, version, kind)| Subresource {
                    name: name.to_owned(),
                    group: group.to_owned(),
                    version: version.to_owned(),
                    kind: kind.to_owned(),
                    verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
                })
                .collect();
            Kind {
                group: group.clone(),
                version,
                kind: names.kind.clone(),
                list_kind: names.list_kind.clone().unwrap_or_else(|| format!("{}List", names.kind)),
                plural: names.plural.clone(),
                singular: names.singular.clone().unwrap_or_else(|| names.kind.to_lowercase()),
                short_names: names.short_names.clone(),
                categories: names.categories.clone(),
                namespaced: scope == NAMESPACED,
                verbs: CUSTOM_VERBS.map(str::to_owned).to_vec(),
                subresources,
                storage: storage.clone(),
                storage_hash: String::new(),
                custom: Some(Arc::new(custom)),
            }
        })
        .collect()
}

#[derive(Deserialize)]
struct CrdSpec {
    group: String,
    names: CrdNames,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    versions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CrdNames {
    plural: String,
    singular: Option<String>,
    kind: String,
    list_kind: Option<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
}

/// An `APIGroupDiscoveryList`.
#[derive(Deserialize)]
struct Document {
    items: Vec<DocumentGroup>,
}

#[derive(Deserialize)]
struct DocumentGroup {
    metadata: DocumentMetadata,
    versions: Vec<DocumentVersion>,
}

#[derive(Deserialize)]
struct DocumentMetadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct DocumentVersion {
    version: String,
    resources: Vec<DocumentResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentResource {
    resource: String,
    response_kind: DocumentKind,
    scope: String,
    singular_resource: String,
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    subresources: Vec<DocumentSubresource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentSubresource {
    subresource: String,
    response_kind: DocumentKind,
    verbs: Vec<String>,
}

/// Without a version it is of the group and version that it is in.
#[derive(Deserialize)]
struct DocumentKind {
    group: String,
    version: String,
    kind: String,
}

impl DocumentGroup {
    fn with_hashes(self, hashes: &HashMap<String, String>) -> Group {
        let name = self.metadata.name;
        let versions = self.versions.into_iter().map(|version| {
            let kinds = version.resources.into_iter().map(|resource| {
                let mut kind = resource.kind(&name, &version.version);
                let hash = hashes.get(&format!("{}/{}", kind.api_version(), kind.plural));
                kind.storage_hash = hash.cloned().unwrap_or_default();
                Arc::new(kind)
            });
            Version { kinds: kinds.collect(), name: version.version }
        });
        Group { versions: versions.collect(), name, custom: false }
    }
}

impl DocumentResource {
    fn kind(self, group: &str, version: &str) -> Kind {
        let core = group.is_empty() || self.resource == EVENTS;
        let storage = if core { self.resource.clone() } else { format!("{}.{group}", self.resource) };
        let subresources = self.subresources.into_iter().map(|subresource| {
            let DocumentSubresource { subresource: name, response_kind: of, verbs } = subresource;
            let (group, version) = match of.version.as_str() {
                "" => (group, version),
                version => (of.group.as_str(), version),
            };
            Subresource { name, group: group.to_owned(), version: version.to_owned(), kind: of.kind, verbs }
        });
        Kind {
            group: group.to_owned(),
            version: version.to_owned(),
            list_kind: format!("{}List", self.response_kind.kind),
            kind: self.response_kind.kind,
            subresources: subresources.collect(),
            plural: self.resource,
            singular: self.singular_resource,
            short_names: self.short_names,
            categories: self.categories,
            namespaced: self.scope == NAMESPACED,
            verbs: self.verbs,
            storage: storage.into(),
            storage_hash: String::new(),
            custom: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn crd(plural: &str, versions: &[(&str, bool)]) -> Value {
        let versions: Vec<_> = versions
            .iter()
            .map(|(name, served)| json!({"name": name, "served": served, "subresources": {"status": {}}}))
            .collect();
        json!({"spec": {
            "group": "example.com", "scope": "Cluster", "versions": versions,
            "names": {"plural": plural, "kind": "Widget", "shortNames": ["wd"]},
        }})
    }

    fn names(kinds: &Kinds, group: &str) -> Vec<String> {
        let versions = kinds.group(group).into_iter().flat_map(|group| &group.versions);
        versions
            .flat_map(|version| version.kinds.iter().map(|kind| format!("{} {}", version.name, kind.plural)))
            .collect()
    }

    #[test]
    fn built_in_kinds_are_there() {
        let kinds = Kinds::built_in();
        assert_eq!(kinds.all().count(), 68);
        let pods = kinds.find("", "v1", "pods").unwrap();
        // They are read once, and not for each cluster.
        assert!(Arc::ptr_eq(&pods, &Kinds::built_in().find("", "v1", "pods").unwrap()));
        assert_eq!((pods.kind.as_str(), pods.list_kind.as_str(), &*pods.storage), ("Pod", "PodList", "pods"));
        assert!(pods.namespaced && pods.verbs.iter().any(|verb| verb == "watch"));
        let eviction = pods.subresource("eviction").unwrap();
        assert_eq!((eviction.group.as_str(), eviction.version.as_str()), ("policy", "v1"));
        let status = pods.subresource("status").unwrap();
        assert_eq!((status.group.as_str(), status.version.as_str()), ("", "v1"));
        let deployment = kinds.of_object("apps/v1", "Deployment").unwrap();
        assert_eq!((&*deployment.storage, deployment.singular.as_str()), ("deployments.apps", "deployment"));
        assert!(kinds.find("apps", "v1beta1", "deployments").is_none());
        assert!(kinds.of_object("v1", "Deployment").is_none());
    }

    #[test]
    fn versions_of_a_kind_share_their_objects() {
        let kinds = Kinds::built_in();
        let storage = |group, version, plural| kinds.find(group, version, plural).unwrap().storage.clone();
        let scalers = "horizontalpodautoscalers";
        assert_eq!(storage("autoscaling", "v1", scalers), storage("autoscaling", "v2", scalers));
        assert_eq!(storage("events.k8s.io", "v1", "events"), storage("", "v1", "events"));
    }

    #[test]
    fn custom_kinds_come_and_go() {
        let mut kinds = Kinds::built_in();
        kinds.install(&crd("widgets", &[("v1beta1", true), ("v1", true), ("v2", false), ("v2alpha1", true)]));
        kinds.install(&crd("alphas", &[("v1", true)]));
        assert_eq!(
            names(&kinds, "example.com"),
            ["v1 alphas", "v1 widgets", "v1beta1 widgets", "v2alpha1 widgets"]
        );
        let widgets = kinds.find("example.com", "v1", "widgets").unwrap();
        assert_eq!((widgets.singular.as_str(), widgets.list_kind.as_str()), ("widget", "WidgetList"));
        assert_eq!(widgets.custom.as_ref().unwrap()["name"], "v1");
        assert_eq!(widgets.subresources.len(), 1);
        assert!(!widgets.namespaced);

        kinds.install(&crd("widgets", &[("v1", true)]));
        assert_eq!(names(&kinds, "example.com"), ["v1 alphas", "v1 widgets"]);
        kinds.remove(&crd("widgets", &[]));
        kinds.remove(&crd("alphas", &[]));
        assert!(kinds.group("example.com").is_none());
        assert_eq!(kinds.all().count(), Kinds::built_in().all().count());
    }

    #[test]
    fn groups_are_in_the_servers_order() {
        let mut kinds = Kinds::built_in();
        for group in ["z.io", "a.io"] {
            let mut crd = crd("widgets", &[("v1", true)]);
            crd["spec"]["group"] = group.into();
            kinds.install(&crd);
        }
        let groups: Vec<_> = kinds.groups().iter().map(|group| group.name.as_str()).collect();
        assert_eq!(groups[..4], ["", "apiregistration.k8s.io", "apps", "events.k8s.io"]);
        assert_eq!(groups[groups.len() - 3..], ["flowcontrol.apiserver.k8s.io", "a.io", "z.io"]);
    }
}
