//! The kinds that are served: the built-in ones, and those of CRDs.
use std::sync::Arc;

use serde_json::Value;

/// A kind in one of its versions.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
    pub(crate) subresources: Vec<Subresource>,
    /// Where objects of all versions of it are kept: [`Key::resource`](super::store::Key::resource).
    pub(crate) storage: Arc<str>,
    /// The version as its CRD has it, an entry of `spec.versions`; nothing for built-in kinds.
    pub(crate) custom: Option<Arc<Value>>,
}

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
}

/// All kinds of a cluster. Cheap to clone: a CRD makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    all: Vec<Arc<Kind>>,
}

impl Kinds {
    /// What a Kubernetes 1.36 serves, in its order.
    pub(crate) fn built_in() -> Self {
        Self { all: Vec::new() }
    }

    /// The kind that a path names.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.all
            .iter()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
            .cloned()
    }

    /// The kind of an object with these type fields.
    pub(crate) fn of_object(&self, api_version: &str, name: &str) -> Option<Arc<Kind>> {
        self.all.iter().find(|kind| kind.kind == name && kind.api_version() == api_version).cloned()
    }

    /// A kind of any version, by where its objects are kept.
    pub(crate) fn of_storage(&self, storage: &str) -> Option<Arc<Kind>> {
        self.all.iter().find(|kind| &*kind.storage == storage).cloned()
    }

    /// Serves what a `CustomResourceDefinition` says, instead of what it said before.
    pub(crate) fn install(&mut self, _crd: &Value) {}

    /// No longer serves the kinds of a `CustomResourceDefinition`.
    pub(crate) fn remove(&mut self, _crd: &Value) {}
}
