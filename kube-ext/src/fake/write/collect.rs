//! What controllers do when an object goes: garbage collection of its dependents, the content of namespaces, the objects of
//! CRDs (`k8s.io/kubernetes/pkg/controller/garbagecollector`, `pkg/controller/namespace`,
//! `k8s.io/apiextensions-apiserver/pkg/controller/finalizer`).
//!
//! A real cluster does it after a while; here it is done with the write. Only what goes is looked at: an object that was
//! created with an owner that never was there stays.
use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{
    Writer, crd,
    create::namespace_key,
    delete::{Deletion, FOREGROUND, ORPHAN, Policy},
    object::Object,
    update::Part,
};
use crate::fake::{
    kinds::Kind,
    store::{Key, Stored},
};

/// What is left to do.
#[derive(Debug)]
pub(super) enum Chore {
    /// An object is gone.
    Removed(Arc<Stored>),
    /// An object waits for its dependents.
    Marked(Arc<Stored>),
    /// A namespace or a CRD waits for what is in it.
    Content(Arc<Stored>),
}

impl Writer<'_, '_> {
    /// What follows from an object that is there now.
    pub(super) fn written(&mut self, kind: &Kind, stored: &Stored) {
        if crd::is(kind) && !self.dry {
            self.install(kind, stored);
        }
    }

    /// Does what is left to do, and what follows from that.
    pub(super) fn settle(&mut self) {
        while !self.chores.is_empty() {
            let mut removed = Vec::new();
            for chore in std::mem::take(&mut self.chores) {
                match chore {
                    Chore::Removed(object) => removed.push(object),
                    Chore::Marked(object) => self.wait_for_dependents(&object),
                    Chore::Content(object) => self.delete_content(&object),
                }
            }
            if !removed.is_empty() {
                self.after_removal(&removed);
            }
        }
    }

    fn kind_of(&self, object: &Stored) -> Option<Arc<Kind>> {
        self.kinds.of_storage(&object.key.resource)
    }

    fn after_removal(&mut self, removed: &[Arc<Stored>]) {
        for object in removed.iter().filter(|object| &*object.key.resource == crd_storage()) {
            self.uninstall(object);
        }
        let gone: BTreeSet<_> = removed.iter().map(|object| object.uid.as_str()).collect();
        for dependent in self.dependents(&gone) {
            self.collect(&dependent);
        }
        let owners: BTreeSet<_> =
            removed.iter().flat_map(|object| &object.owners).map(String::as_str).collect();
        for owner in self.transaction.find(|object| owners.contains(object.uid.as_str())) {
            self.release_foreground(&owner);
        }
        let namespaces: BTreeSet<_> = removed.iter().map(|object| object.key.namespace.as_str()).collect();
        for name in namespaces.into_iter().filter(|name| !name.is_empty()) {
            if let Some(namespace) = self.transaction.get(&namespace_key(name)) {
                self.end_namespace(&namespace);
            }
        }
        let resources: BTreeSet<_> = removed.iter().map(|object| &object.key.resource).collect();
        for resource in resources {
            let key = Key {
                resource: crd_storage().into(),
                namespace: String::new(),
                name: resource.as_ref().to_owned(),
            };
            if let Some(crd) = self.transaction.get(&key) {
                self.end_crd(&crd);
            }
        }
    }

    fn dependents(&self, owners: &BTreeSet<&str>) -> Vec<Arc<Stored>> {
        self.transaction.find(|object| object.owners.iter().any(|owner| owners.contains(owner.as_str())))
    }

    /// Deletes an object unless one of its owners is there and stays; then only the others are forgotten.
    fn collect(&mut self, dependent: &Stored) {
        let Some(kind) = self.kind_of(dependent) else { return };
        let Some(current) = self.transaction.get(&dependent.key) else { return };
        let mut object = Object::of(&current);
        if object.is_deleting() {
            return;
        }
        let owners = self.transaction.find(|owner| current.owners.contains(&owner.uid));
        let (waiting, solid): (Vec<_>, Vec<_>) =
            owners.into_iter().partition(|owner| is_marked(&Object::of(owner), FOREGROUND));
        if solid.is_empty() {
            let own = BTreeSet::from([current.uid.as_str()]);
            let foreground = !waiting.is_empty() && !self.dependents(&own).is_empty();
            let policy = foreground.then_some(Policy::Foreground);
            let deletion = Deletion { policy, ..Deletion::default() };
            // A pod of which a policy is not known is deleted like any other.
            let _ = self.delete(&kind, &current.key, &deletion);
            return;
        }
        let stays = |reference: &Value| {
            solid.iter().any(|owner| reference.get("uid").and_then(Value::as_str) == Some(&owner.uid))
        };
        let references = object.list("ownerReferences").iter().filter(|one| stays(one)).cloned().collect();
        object.set_list("ownerReferences", references);
        let _ = self.update(&kind, &current, Part::Object, object);
    }

    /// Lets the dependents of a marked object go, or go free.
    fn wait_for_dependents(&mut self, owner: &Stored) {
        let Some(current) = self.transaction.get(&owner.key) else { return };
        let object = Object::of(&current);
        let own = BTreeSet::from([current.uid.as_str()]);
        if is_marked(&object, ORPHAN) {
            for dependent in self.dependents(&own) {
                self.disown(&dependent, &current.uid);
            }
            self.drop_finalizer(&current, ORPHAN);
        } else if is_marked(&object, FOREGROUND) {
            for dependent in self.dependents(&own).iter().filter(|dependent| blocks(dependent, &own)) {
                self.collect(dependent);
            }
            self.release_foreground(&current);
        }
    }

    fn disown(&mut self, dependent: &Arc<Stored>, owner: &str) {
        let Some(kind) = self.kind_of(dependent) else { return };
        let mut object = Object::of(dependent);
        let others = |reference: &&Value| reference.get("uid").and_then(Value::as_str) != Some(owner);
        let references = object.list("ownerReferences").iter().filter(others).cloned().collect();
        object.set_list("ownerReferences", references);
        let _ = self.update(&kind, dependent, Part::Object, object);
    }

    /// Lets an object go that waited for its dependents, if none of them holds it any more.
    fn release_foreground(&mut self, owner: &Arc<Stored>) {
        let Some(current) = self.transaction.get(&owner.key) else { return };
        let own = BTreeSet::from([current.uid.as_str()]);
        if is_marked(&Object::of(&current), FOREGROUND)
            && !self.dependents(&own).iter().any(|dependent| blocks(dependent, &own))
        {
            self.drop_finalizer(&current, FOREGROUND);
        }
    }

    fn drop_finalizer(&mut self, stored: &Arc<Stored>, finalizer: &str) {
        let Some(kind) = self.kind_of(stored) else { return };
        let mut object = Object::of(stored);
        let mut finalizers = object.finalizers();
        finalizers.retain(|name| name != finalizer);
        object.set_finalizers(finalizers);
        let _ = self.update(&kind, stored, Part::Object, object);
    }

    /// Deletes what is in a namespace, or the objects of a CRD.
    fn delete_content(&mut self, container: &Arc<Stored>) {
        let is_namespace = &*container.key.resource == "namespaces";
        let content = if is_namespace {
            self.transaction.in_namespace(&container.key.name)
        } else {
            self.transaction.list(&crd::storage(&Object::of(container)).into(), None)
        };
        for object in content {
            if let Some(kind) = self.kind_of(&object) {
                let _ = self.delete(&kind, &object.key, &Deletion::default());
            }
        }
        if is_namespace {
            self.end_namespace(container);
        } else {
            self.end_crd(container);
        }
    }

    /// Lets a namespace go that is to go and empty.
    fn end_namespace(&mut self, namespace: &Stored) {
        let Some(current) = self.transaction.get(&namespace.key) else { return };
        let Some(kind) = self.kind_of(&current) else { return };
        let mut object = Object::of(&current);
        if object.is_deleting() && self.transaction.in_namespace(&current.key.name).is_empty() {
            object.content.insert("spec".to_owned(), Value::Object(serde_json::Map::new()));
            let _ = self.update(&kind, &current, Part::Finalize, object);
        }
    }

    /// Lets a CRD go that is to go and has no objects.
    fn end_crd(&mut self, crd: &Stored) {
        let Some(current) = self.transaction.get(&crd.key) else { return };
        let object = Object::of(&current);
        if is_marked(&object, crd::CLEANUP)
            && self.transaction.list(&crd::storage(&object).into(), None).is_empty()
        {
            self.drop_finalizer(&current, crd::CLEANUP);
        }
    }
}

fn crd_storage() -> &'static str {
    "customresourcedefinitions.apiextensions.k8s.io"
}

fn is_marked(object: &Object, finalizer: &str) -> bool {
    object.is_deleting() && object.finalizers().iter().any(|name| name == finalizer)
}

/// Whether an object keeps one of its owners from going before it.
fn blocks(dependent: &Stored, owners: &BTreeSet<&str>) -> bool {
    Object::of(dependent).list("ownerReferences").iter().any(|reference| {
        let uid = reference.get("uid").and_then(Value::as_str).unwrap_or_default();
        owners.contains(uid) && reference.get("blockOwnerDeletion") == Some(&Value::Bool(true))
    })
}
