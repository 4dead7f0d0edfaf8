//! From lists to a graph: references are joined with what they name by uid, and held against the garbage collector's rules.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kube::api::GroupVersionKind;
use kube::core::gvk::GroupVersion;
use petgraph::graph::NodeIndex;

use super::{
    graph::OwnerGraph,
    kinds::{Catalog, Kind},
    list::{Metadata, Reference},
    node::{Edge, Flaw, Node, Presence, Uid},
};
use crate::time::TimeExt as _;

/// A graph that is being put together.
pub(super) struct Joiner {
    pub(super) graph: OwnerGraph,
    catalog: Arc<Catalog>,
    namespaces: HashSet<Arc<str>>,
    /// The kinds that references name.
    types: HashMap<(Box<str>, Box<str>), Type>,
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
            types: HashMap::new(),
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
        let is_known = self.graph.by_uid(&node.uid).is_some();
        let dependent = self.graph.add(node);
        if is_known {
            return;
        }
        for reference in object.owner_references {
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
        let key = (Box::from(&*reference.api_version), Box::from(&*reference.kind));
        if let Some(known) = self.types.get(&key) {
            return known.clone();
        }
        let gv: GroupVersion =
            reference.api_version.parse().unwrap_or_else(|_| GroupVersion::gv("", &reference.api_version));
        let gvk = GroupVersionKind::gvk(&gv.group, &gv.version, &reference.kind);
        let new = match self.catalog.of(&gvk) {
            Some(kind) => Type { kind: kind.clone(), is_served: true },
            None => Type { kind: Arc::new(Kind::unknown(&gvk)), is_served: false },
        };
        self.types.insert(key, new.clone());
        new
    }

    /// Connects what is owned with an owner that is in the graph.
    fn connect(&mut self, owner: NodeIndex, reference: &Pending) {
        let (it, of) = (&self.graph[owner], &reference.of.kind.resource);
        let is_it = it.name == reference.name
            && (&it.kind.resource.group, &it.kind.resource.kind) == (&of.group, &of.kind);
        let flaw = match (&it.namespace, &self.graph[reference.dependent].namespace) {
            _ if !is_it => Some(Flaw::OtherIdentity),
            (Some(_), None) => Some(Flaw::InvalidNamespace),
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
        let owner = self.graph.add(node);
        self.graph.connect(owner, dependent, Edge { flaw: Some(flaw), ..edge });
    }
}
