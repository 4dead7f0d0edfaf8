//! Objects with what they say of each other, and where they are found.

use std::{
    hash::{BuildHasher as _, RandomState},
    ops::Index,
};

use hashbrown::HashTable;
use kube::{Resource, ResourceExt as _};
use petgraph::{
    graph::{EdgeIndex, NodeIndex},
    stable_graph::StableGraph,
};

use super::{
    builder::Builder,
    edge::Edge,
    follow::Origin,
    gap::Gap,
    kinds::Kinds,
    node::{Node, Presence, Uid},
};

/// Who owns whom: each object once, and an edge for each owner reference, from the owner to what it owns.
///
/// It is loaded by [`OwnerGraph::builder`], from lists of metadata, and of whole objects where more was asked for, and joined by uid with the rules of the garbage collector. A
/// reference that these rules do not honour is an edge with a [`Flaw`](crate::owners::Flaw); an owner that is not there is a node all the same, one for all
/// who name it. What could not be listed is in [`gaps`](Self::gaps).
///
/// The lists are of different moments: an object that comes while they are made may be in it without its owner.
///
/// Objects with equal uids are one node, so that what two groups of the API serve is there once. Circles are ended by every question
/// here; algorithms of [`petgraph`] can be had with [`as_petgraph`](Self::as_petgraph).
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let web = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web, uid: 00000000-0000-4000-8000-000000000001}}";
/// # let owned = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web-1, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: web, uid: 00000000-0000-4000-8000-000000000001}]}}";
/// # let cluster = FakeCluster::builder().yaml(web).yaml(owned).start().await?;
/// # let client = cluster.client()?;
/// use kube_ext::owners::OwnerGraph;
///
/// let graph = OwnerGraph::builder(client).namespace("default").load().await?;
/// let web = graph.find("configmap", Some("default"), "web").unwrap();
/// for index in graph.descendants(web) {
///     println!("{} belongs to it", graph[index]);
/// }
/// # assert_eq!(graph.descendants(web).len(), 1);
/// for gap in graph.gaps() {
///     eprintln!("{gap}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct OwnerGraph {
    graph: StableGraph<Node, Edge>,
    /// Nodes by uid, and by kind, namespace and name.
    by_uid: HashTable<NodeIndex>,
    by_place: HashTable<NodeIndex>,
    hasher: RandomState,
    pub(super) gaps: Vec<Gap>,
    pub(super) origin: Option<Box<Origin>>,
}

/// Where an object is: the group of its kind and the kind, its namespace and its name.
pub(super) type Place<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);

/// Where that node is.
pub(super) fn place(node: &Node) -> Place<'_> {
    let resource = &node.kind.resource;
    (&resource.group, &resource.kind, node.namespace(), &node.name)
}

impl OwnerGraph {
    /// How to load a graph: of all namespaces and kinds, unless the builder is told otherwise.
    ///
    /// ```
    /// fn of_web(client: kube::Client) -> kube_ext::owners::Builder {
    ///     kube_ext::owners::OwnerGraph::builder(client).namespace("web")
    /// }
    /// ```
    pub fn builder(client: kube::Client) -> Builder {
        Builder::new(Kinds::new(client))
    }

    /// Adds a node. What is made for each answer, as `componentstatuses`, and what is known by its name alone has no uid.
    pub(super) fn add(&mut self, node: Node) -> NodeIndex {
        let index = self.graph.add_node(node);
        self.file(index);
        index
    }

    /// Puts another node in the place of one; its edges stay.
    pub(super) fn replace(&mut self, index: NodeIndex, node: Node) {
        self.unfile(index);
        if let Some(known) = self.graph.node_weight_mut(index) {
            *known = node;
        }
        self.file(index);
    }

    /// Takes a node away, and its edges.
    pub(super) fn remove(&mut self, index: NodeIndex) -> Option<Node> {
        self.unfile(index);
        self.graph.remove_node(index)
    }

    fn file(&mut self, index: NodeIndex) {
        let Self { graph, by_uid, by_place, hasher, .. } = self;
        let of_uid = |index: &NodeIndex| graph.node_weight(*index).map_or(0, |it| hasher.hash_one(&it.uid));
        let of_place =
            |index: &NodeIndex| graph.node_weight(*index).map_or(0, |it| hasher.hash_one(place(it)));
        if graph.node_weight(index).is_some_and(|node| !node.uid.is_empty()) {
            by_uid.insert_unique(of_uid(&index), index, of_uid);
        }
        by_place.insert_unique(of_place(&index), index, of_place);
    }

    fn unfile(&mut self, index: NodeIndex) {
        let Some(node) = self.graph.node_weight(index) else { return };
        let (of_uid, of_place) = (self.hasher.hash_one(&node.uid), self.hasher.hash_one(place(node)));
        for (table, hash) in [(&mut self.by_uid, of_uid), (&mut self.by_place, of_place)] {
            if let Ok(entry) = table.find_entry(hash, |at| *at == index) {
                entry.remove();
            }
        }
    }

    pub(super) fn connect(&mut self, from: NodeIndex, to: NodeIndex, edge: Edge) -> EdgeIndex {
        self.graph.add_edge(from, to, edge)
    }

    pub(super) fn disconnect(&mut self, edge: EdgeIndex) {
        self.graph.remove_edge(edge);
    }

    pub(super) fn node_mut(&mut self, index: NodeIndex) -> Option<&mut Node> {
        self.graph.node_weight_mut(index)
    }

    pub(super) fn edge_mut(&mut self, index: EdgeIndex) -> Option<&mut Edge> {
        self.graph.edge_weight_mut(index)
    }

    /// The node with a uid, whether it is there or not.
    pub(super) fn by_uid(&self, uid: &Uid) -> Option<NodeIndex> {
        let is_it = |index: &NodeIndex| self.graph.node_weight(*index).is_some_and(|it| it.uid == *uid);
        self.by_uid.find(self.hasher.hash_one(uid), is_it).copied()
    }

    /// The object that is at a place.
    pub(super) fn at(&self, wanted: Place<'_>) -> Option<NodeIndex> {
        self.all_at(wanted).find(|index| self.is_listed(*index))
    }

    /// What is known of a place: the object there, what has been there, and what is known by its name alone.
    pub(super) fn all_at<'a>(&'a self, wanted: Place<'a>) -> impl Iterator<Item = NodeIndex> + 'a {
        let is_it =
            move |index: &NodeIndex| self.graph.node_weight(*index).is_some_and(|it| place(it) == wanted);
        self.by_place.iter_hash(self.hasher.hash_one(wanted)).copied().filter(is_it)
    }

    pub(super) fn is_listed(&self, index: NodeIndex) -> bool {
        self.graph.node_weight(index).is_some_and(|node| node.presence == Presence::Listed)
    }

    /// What is at an index; none if that has left the graph.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn name(graph: &OwnerGraph, index: NodeIndex) -> Option<&str> {
    ///     Some(graph.node(index)?.name())
    /// }
    /// ```
    pub fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.graph.node_weight(index)
    }

    /// The node of an object, if the graph has it; by its uid.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::owners::OwnerGraph;
    ///
    /// fn dependents(graph: &OwnerGraph, pod: &Pod) -> usize {
    ///     graph.get(pod).map_or(0, |index| graph.descendants(index).len())
    /// }
    /// ```
    pub fn get(&self, object: &impl Resource) -> Option<NodeIndex> {
        self.by_uid(&Uid::from(&*object.uid()?))
    }

    /// The object of a kind, by a name that kubectl would take for it ([`Kind::is_called`](crate::owners::Kind::is_called)), a namespace
    /// if it is in one, and its name. It looks at all nodes; [`get`](Self::get) does not.
    ///
    /// ```
    /// # use kube_ext::owners::OwnerGraph;
    /// fn has_web(graph: &OwnerGraph) -> bool {
    ///     graph.find("deploy", Some("default"), "web").is_some()
    /// }
    /// ```
    pub fn find(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<NodeIndex> {
        let is_it = |node: &Node| {
            node.presence == Presence::Listed
                && &*node.name == name
                && node.namespace() == namespace
                && node.kind.is_called(kind)
        };
        self.sorted(self.graph.node_indices().filter(|index| is_it(&self.graph[*index]))).first().copied()
    }

    /// All nodes, in a stable order: by kind, name and namespace.
    ///
    /// ```
    /// # use kube_ext::owners::{OwnerGraph, Presence};
    /// fn count(graph: &OwnerGraph) -> usize {
    ///     graph.nodes().into_iter().filter(|index| graph[*index].presence() == Presence::Listed).count()
    /// }
    /// ```
    pub fn nodes(&self) -> Vec<NodeIndex> {
        self.sorted(self.graph.node_indices())
    }

    /// What could not be listed, and why: the graph has none of it, or not all.
    ///
    /// ```
    /// # use kube_ext::owners::OwnerGraph;
    /// fn is_whole(graph: &OwnerGraph) -> bool {
    ///     graph.gaps().is_empty()
    /// }
    /// ```
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The graph itself, for algorithms.
    ///
    /// ```
    /// # use kube_ext::owners::OwnerGraph;
    /// use kube_ext::owners::petgraph::algo::is_cyclic_directed;
    ///
    /// fn has_circles(graph: &OwnerGraph) -> bool {
    ///     is_cyclic_directed(graph.as_petgraph())
    /// }
    /// ```
    pub fn as_petgraph(&self) -> &StableGraph<Node, Edge> {
        &self.graph
    }
}

impl Index<NodeIndex> for OwnerGraph {
    type Output = Node;

    /// # Panics
    /// If it is an index of another graph, or of a node that has left this one. [`OwnerGraph::node`] does not.
    fn index(&self, index: NodeIndex) -> &Node {
        &self.graph[index]
    }
}
