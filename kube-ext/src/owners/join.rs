//! From lists to a graph: references are joined with what they name by uid, and held against the garbage collector's rules.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kube::api::GroupVersionKind;
use petgraph::graph::NodeIndex;

use super::{
    graph::OwnerGraph,
    kinds::{self, Catalog, Kind},
    list::{Metadata, Reference},
    node::{Edge, Flaw, Node, Presence, Uid},
};
use crate::time::TimeExt as _;

/// A graph that is being put together.
pub(super) struct Joiner {
    pub(super) graph: OwnerGraph,
    catalog: Arc<Catalog>,
    namespaces: HashSet<Arc<str>>,
    /// The kinds that references name, by version and kind: some dozens.
    types: Vec<(Box<str>, Box<str>, Type)>,
    /// References whose owners have not come yet.
    pending: Vec<Pending>,
    /// What has been listed, by group and plural: all of it, or that of a namespace.
    listed: HashMap<(String, String), Option<Arc<str>>>,
}

/// A kind that a reference names.
#[derive(Clone, Debug)]
struct Type {
    kind: Arc<Kind>,
    is_served: bool,
}

struct Pending {
    dependent: NodeIndex,
    of: Type,
    name: Box<str>,
    uid: Uid,
    edge: Edge,
}

impl Joiner {
    pub(super) fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            graph: OwnerGraph::default(),
            catalog,
            namespaces: HashSet::new(),
            types: Vec::new(),
            pending: Vec::new(),
            listed: HashMap::new(),
        }
    }

    /// Takes an object of a list.
    pub(super) fn object(&mut self, kind: &Arc<Kind>, object: Metadata<'_>) {
        let namespace = object.namespace.filter(|namespace| !namespace.is_empty());
        let node = Node {
            kind: kind.clone(),
            namespace: namespace.map(|namespace| self.intern(&namespace)),
            name: object.name.into(),
            uid: Uid::from(&*object.uid),
            created: object.creation_timestamp.map(|time| time.to_chrono()),
            presence: Presence::Listed,
            is_deleting: object.deletion_timestamp.is_some(),
        };
        let (dependent, is_new) = self.graph.add(node);
        for reference in object.owner_references.into_iter().filter(|_| is_new) {
            self.reference(dependent, reference);
        }
    }

    fn intern(&mut self, namespace: &str) -> Arc<str> {
        if let Some(known) = self.namespaces.get(namespace) {
            return known.clone();
        }
        let new: Arc<str> = namespace.into();
        self.namespaces.insert(new.clone());
        new
    }

    fn reference(&mut self, dependent: NodeIndex, reference: Reference<'_>) {
        let edge = Edge {
            is_controller: reference.controller == Some(true),
            blocks_deletion: reference.block_owner_deletion == Some(true),
            flaw: None,
        };
        let of = self.type_of(&reference);
        let pending =
            Pending { dependent, of, name: reference.name.into(), uid: Uid::from(&*reference.uid), edge };
        match self.graph.by_uid(&pending.uid) {
            Some(owner) => self.connect(owner, &pending),
            None => self.pending.push(pending),
        }
    }

    fn type_of(&mut self, reference: &Reference<'_>) -> Type {
        let (api_version, kind) = (&*reference.api_version, &*reference.kind);
        let is_it = |(of_version, of_kind, _): &&(Box<str>, Box<str>, Type)| {
            (&**of_version, &**of_kind) == (api_version, kind)
        };
        if let Some((.., known)) = self.types.iter().find(is_it) {
            return known.clone();
        }
        let gvk =
            kinds::gvk(api_version, kind).unwrap_or_else(|| GroupVersionKind::gvk("", api_version, kind));
        let new = match self.catalog.of(&gvk) {
            Some(kind) => Type { kind: kind.clone(), is_served: true },
            None => Type { kind: Arc::new(Kind::unknown(&gvk)), is_served: false },
        };
        self.types.push((api_version.into(), kind.into(), new.clone()));
        new
    }

    /// Connects what is owned with an owner that is in the graph.
    fn connect(&mut self, owner: NodeIndex, reference: &Pending) {
        let (it, of) = (&self.graph[owner], &reference.of);
        let (its, named) = (&it.kind.resource, &of.kind.resource);
        // Two groups may serve the same object, which is found by either.
        let is_group = its.group == named.group || of.is_served;
        let is_it = it.name == reference.name && its.kind == named.kind && is_group;
        let is_in_one = it.namespace.is_some() || (of.is_served && of.kind.is_namespaced);
        let flaw = match (&it.namespace, &self.graph[reference.dependent].namespace) {
            (_, None) if is_in_one => Some(Flaw::InvalidNamespace),
            _ if !is_it => Some(Flaw::OtherIdentity),
            (Some(one), Some(other)) if one != other => Some(Flaw::OtherNamespace),
            _ => None,
        };
        self.graph.connect(owner, reference.dependent, Edge { flaw, ..reference.edge });
    }

    /// All of a kind has been listed, or that of a namespace.
    pub(super) fn is_listed(&mut self, kind: &Kind, namespace: Option<&Arc<str>>) {
        let key = (kind.resource.group.clone(), kind.resource.plural.clone());
        self.listed.insert(key, namespace.cloned());
    }

    /// Joins the references whose owners have not come before, and adds owners that have not come at all.
    pub(super) fn finish(mut self) -> OwnerGraph {
        let mut absent = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            match self.graph.by_uid(&pending.uid) {
                Some(owner) => self.connect(owner, &pending),
                None => absent.push(pending),
            }
        }
        for reference in absent {
            self.absent(reference);
        }
        self.graph
    }

    fn absent(&mut self, reference: Pending) {
        let Pending { dependent, of: Type { kind, is_served }, name, uid, edge } = reference;
        let of_dependent = self.graph[dependent].namespace.clone();
        let namespace = of_dependent.clone().filter(|_| is_served && kind.is_namespaced);
        let resource = &kind.resource;
        let was_listed = match self.listed.get(&(resource.group.clone(), resource.plural.clone())) {
            Some(Some(only)) => namespace.as_ref() == Some(only),
            Some(None) => true,
            None => false,
        };
        let is_replaced =
            self.graph.at((&resource.group, &resource.kind, namespace.as_deref(), &name)).is_some();
        let flaw = match () {
            () if !is_served => Flaw::UnknownKind,
            () if kind.is_namespaced && of_dependent.is_none() => Flaw::InvalidNamespace,
            () if is_replaced => Flaw::Replaced,
            () if was_listed => Flaw::Gone,
            () => Flaw::Unlisted,
        };
        let presence = if was_listed || is_replaced { Presence::Gone } else { Presence::Unknown };
        let node = Node { kind, namespace, name, uid, created: None, presence, is_deleting: false };
        let (owner, _) = self.graph.add(node);
        self.graph.connect(owner, dependent, Edge { flaw: Some(flaw), ..edge });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A graph of objects of a kind that is in namespaces, and of one that is not.
    fn graph(objects: &[Value], in_none: &[Value]) -> OwnerGraph {
        let resource = |plural: &str, kind: &str, scope: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["list"]});
        let resources =
            [resource("configmaps", "ConfigMap", "Namespaced"), resource("nodes", "Node", "Cluster")];
        let group =
            json!({"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": resources}]});
        let other = json!({
            "metadata": {"name": "other"},
            "versions": [{"version": "v1", "resources": [resource("configmaps", "ConfigMap", "Namespaced")]}],
        });
        let mut catalog = Catalog::default();
        catalog.add_group(serde_json::from_value(group).unwrap());
        catalog.add_group(serde_json::from_value(other).unwrap());
        let kinds = catalog.preferred.clone();
        let mut joiner = Joiner::new(Arc::new(catalog));
        for (kind, objects) in [(&kinds[0], objects), (&kinds[1], in_none)] {
            for object in objects {
                let text = object.to_string();
                joiner.object(kind, serde_json::from_str(&text).unwrap());
            }
            joiner.is_listed(kind, None);
        }
        joiner.finish()
    }

    fn owned_by(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
        json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}])
    }

    #[test]
    fn what_has_no_uid_is_an_object_of_its_own() {
        let graph = graph(
            &[
                json!({"name": "a", "namespace": "x"}),
                json!({"name": "b", "namespace": "x", "ownerReferences": null}),
            ],
            &[
                json!({"name": "c", "creationTimestamp": null, "ownerReferences": owned_by("v1", "Node", "d", "")}),
            ],
        );
        let names: Vec<_> = graph.nodes().into_iter().map(|index| graph[index].name().to_owned()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!(graph.owners(graph.find("Node", None, "c").unwrap())[0].1.flaw(), Some(Flaw::Gone));
    }

    #[test]
    fn what_is_in_no_namespace_and_names_an_owner_in_one_is_left_alone() {
        let map = json!({"name": "a", "namespace": "x", "uid": "1"});
        for owner in [
            owned_by("v1", "ConfigMap", "a", "1"),
            owned_by("v1", "ConfigMap", "other", "1"),
            owned_by("v1", "ConfigMap", "a", "2"),
        ] {
            let node = json!({"name": "n", "uid": "9", "ownerReferences": owner});
            let graph = graph(std::slice::from_ref(&map), &[node]);
            let node = graph.find("Node", None, "n").unwrap();
            assert_eq!(graph.owners(node)[0].1.flaw(), Some(Flaw::InvalidNamespace), "{owner}");
            assert!(graph.orphans().is_empty());
        }
    }

    #[test]
    fn an_owner_is_found_by_either_group_that_serves_it() {
        for (api_version, flaw) in [("v1", None), ("other/v1", None), ("none/v1", Some(Flaw::OtherIdentity))]
        {
            let owned = owned_by(api_version, "ConfigMap", "a", "1");
            let graph = graph(
                &[
                    json!({"name": "b", "namespace": "x", "uid": "2", "ownerReferences": owned}),
                    json!({"name": "a", "namespace": "x", "uid": "1"}),
                ],
                &[],
            );
            let owned = graph.find("ConfigMap", Some("x"), "b").unwrap();
            assert_eq!(graph.owners(owned)[0].1.flaw(), flaw, "{api_version}");
        }
    }
}
