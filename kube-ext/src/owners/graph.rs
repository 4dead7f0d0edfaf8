//! Who owns whom, in a whole cluster or a namespace.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher as _, RandomState},
    ops::Index,
};

use hashbrown::HashTable;
use kube::{Resource, ResourceExt as _};
use petgraph::{
    Direction::{self, Incoming, Outgoing},
    algo::astar,
    graph::NodeIndex,
    stable_graph::StableGraph,
    visit::EdgeRef as _,
};

use super::{
    builder::Builder,
    gap::Gap,
    kinds::Kinds,
    node::{Edge, Flaw, Node, Presence, Uid},
};

/// Who owns whom: each object once, and an edge for each owner reference, from the owner to what it owns.
///
/// It is loaded by [`OwnerGraph::builder`], from lists of metadata alone, and joined by uid with the rules of the garbage collector. A
/// reference that these rules do not honour is an edge with a [`Flaw`]; an owner that is not there is a node all the same, one for all
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
    /// Nodes by uid, and those that were listed by kind, namespace and name.
    by_uid: HashTable<NodeIndex>,
    by_place: HashTable<NodeIndex>,
    hasher: RandomState,
    pub(super) gaps: Vec<Gap>,
}

/// Where an object is: the group of its kind and the kind, its namespace and its name.
pub(super) type Place<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);

fn place(node: &Node) -> Place<'_> {
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

    /// Adds a node, unless there is one of its uid already. What is made for each answer, as `componentstatuses`, has none.
    /// True if there was none.
    pub(super) fn add(&mut self, node: Node) -> (NodeIndex, bool) {
        let is_nobodys = node.uid.is_empty();
        if let Some(index) = self.by_uid(&node.uid).filter(|_| !is_nobodys) {
            let is_listed = node.presence == Presence::Listed;
            if is_listed && self.graph.node_weight(index).is_some_and(|known| order(&node) < order(known)) {
                // The same object, served by two groups: it is always that of the first.
                self.replace(index, node);
            }
            return (index, false);
        }
        let (uid, is_listed) = (self.hasher.hash_one(&node.uid), node.presence == Presence::Listed);
        let index = self.graph.add_node(node);
        let Self { graph, by_uid, hasher, .. } = self;
        let hash = |index: &NodeIndex| graph.node_weight(*index).map_or(0, |it| hasher.hash_one(&it.uid));
        if !is_nobodys {
            by_uid.insert_unique(uid, index, hash);
        }
        if is_listed {
            self.put_in_place(index);
        }
        (index, true)
    }

    fn put_in_place(&mut self, index: NodeIndex) {
        let Self { graph, by_place, hasher, .. } = self;
        let hash = |index: &NodeIndex| graph.node_weight(*index).map_or(0, |it| hasher.hash_one(place(it)));
        by_place.insert_unique(hash(&index), index, hash);
    }

    fn replace(&mut self, index: NodeIndex, node: Node) {
        let Some(known) = self.graph.node_weight_mut(index) else { return };
        let of_place = self.hasher.hash_one(place(known));
        *known = node;
        if let Ok(entry) = self.by_place.find_entry(of_place, |at| *at == index) {
            entry.remove();
        }
        self.put_in_place(index);
    }

    pub(super) fn connect(&mut self, owner: NodeIndex, dependent: NodeIndex, edge: Edge) {
        self.graph.add_edge(owner, dependent, edge);
    }

    pub(super) fn by_uid(&self, uid: &Uid) -> Option<NodeIndex> {
        let is_it = |index: &NodeIndex| self.graph.node_weight(*index).is_some_and(|it| it.uid == *uid);
        self.by_uid.find(self.hasher.hash_one(uid), is_it).copied()
    }

    pub(super) fn at(&self, wanted: Place<'_>) -> Option<NodeIndex> {
        let is_it = |index: &NodeIndex| self.graph.node_weight(*index).is_some_and(|it| place(it) == wanted);
        self.by_place.find(self.hasher.hash_one(wanted), is_it).copied()
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

    /// Its owners, each with the reference to it; by kind, name and namespace.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn controller(graph: &OwnerGraph, pod: NodeIndex) -> Option<NodeIndex> {
    ///     let mut owners = graph.owners(pod).into_iter();
    ///     owners.find(|(_, edge)| edge.is_controller()).map(|(owner, _)| owner)
    /// }
    /// ```
    pub fn owners(&self, index: NodeIndex) -> Vec<(NodeIndex, &Edge)> {
        self.neighbours(index, Incoming)
    }

    /// What it owns, each with the reference to it; by kind, name and namespace.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn is_leaf(graph: &OwnerGraph, index: NodeIndex) -> bool {
    ///     graph.dependents(index).is_empty()
    /// }
    /// ```
    pub fn dependents(&self, index: NodeIndex) -> Vec<(NodeIndex, &Edge)> {
        self.neighbours(index, Outgoing)
    }

    fn neighbours(&self, index: NodeIndex, direction: Direction) -> Vec<(NodeIndex, &Edge)> {
        let edges = self.graph.edges_directed(index, direction);
        let mut found: Vec<_> = edges
            .map(|edge| (if direction == Incoming { edge.source() } else { edge.target() }, edge.weight()))
            .collect();
        found.sort_by_key(|(index, _)| (order(&self.graph[*index]), *index));
        found
    }

    pub(super) fn sorted(&self, nodes: impl Iterator<Item = NodeIndex>) -> Vec<NodeIndex> {
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by_key(|index| (order(&self.graph[*index]), *index));
        nodes
    }

    /// Its owners, their owners and so on: the nearest first, each once, without itself.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn show(graph: &OwnerGraph, pod: NodeIndex) {
    ///     for owner in graph.ancestors(pod) {
    ///         println!("{}", graph[owner]);
    ///     }
    /// }
    /// ```
    pub fn ancestors(&self, index: NodeIndex) -> Vec<NodeIndex> {
        self.reach(index, Incoming)
    }

    /// What it owns, what that owns and so on: the nearest first, each once, without itself.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn pods(graph: &OwnerGraph, deployment: NodeIndex) -> usize {
    ///     graph.descendants(deployment).into_iter().filter(|index| graph[*index].kind().is_called("pod")).count()
    /// }
    /// ```
    pub fn descendants(&self, index: NodeIndex) -> Vec<NodeIndex> {
        self.reach(index, Outgoing)
    }

    fn reach(&self, start: NodeIndex, direction: Direction) -> Vec<NodeIndex> {
        let (mut seen, mut next, mut found) = (HashSet::from([start]), VecDeque::from([start]), Vec::new());
        while let Some(index) = next.pop_front() {
            for (neighbour, _) in self.neighbours(index, direction) {
                if seen.insert(neighbour) {
                    found.push(neighbour);
                    next.push_back(neighbour);
                }
            }
        }
        found
    }

    /// What has no owner, but owns something: where trees begin.
    ///
    /// ```
    /// # use kube_ext::owners::OwnerGraph;
    /// fn show(graph: &OwnerGraph) {
    ///     for root in graph.roots() {
    ///         println!("{}", graph.tree(root));
    ///     }
    /// }
    /// ```
    pub fn roots(&self) -> Vec<NodeIndex> {
        let has = |index, direction| self.graph.edges_directed(index, direction).next().is_some();
        self.sorted(self.graph.node_indices().filter(|index| !has(*index, Incoming) && has(*index, Outgoing)))
    }

    /// What has owners by its references, of which none is there: the garbage collector deletes it. Not what has an owner of which that
    /// is not known ([`Flaw::Unlisted`], [`Flaw::UnknownKind`]), nor what has one that it cannot have, which the garbage collector leaves alone
    /// ([`Flaw::InvalidNamespace`]).
    ///
    /// ```
    /// # use kube_ext::owners::OwnerGraph;
    /// fn count(graph: &OwnerGraph) -> usize {
    ///     graph.orphans().len()
    /// }
    /// ```
    pub fn orphans(&self) -> Vec<NodeIndex> {
        let may_be_there =
            |flaw| matches!(flaw, None | Some(Flaw::Unlisted | Flaw::UnknownKind | Flaw::InvalidNamespace));
        let is_orphan = |index: &NodeIndex| {
            let mut owners = self.graph.edges_directed(*index, Incoming).peekable();
            owners.peek().is_some() && owners.all(|edge| !may_be_there(edge.weight().flaw))
        };
        self.sorted(self.graph.node_indices().filter(is_orphan))
    }

    /// The shortest way from an owner down to what it owns, with both ends; none if there is no such way.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn steps(graph: &OwnerGraph, deployment: NodeIndex, pod: NodeIndex) -> Option<usize> {
    ///     Some(graph.path(deployment, pod)?.len() - 1)
    /// }
    /// ```
    pub fn path(&self, owner: NodeIndex, dependent: NodeIndex) -> Option<Vec<NodeIndex>> {
        self.graph.node_weight(owner)?;
        astar(&self.graph, owner, |index| index == dependent, |_| 1, |_| 0).map(|(_, path)| path)
    }

    /// How many steps it is from what has no owner, by the shortest way; none if its owners go round in a circle, or it is not in the graph.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn is_root(graph: &OwnerGraph, index: NodeIndex) -> bool {
    ///     graph.depth(index) == Some(0)
    /// }
    /// ```
    pub fn depth(&self, index: NodeIndex) -> Option<usize> {
        self.graph.node_weight(index)?;
        let (mut seen, mut level, mut depth) = (HashSet::from([index]), vec![index], 0);
        while !level.is_empty() {
            let mut above = Vec::new();
            for index in level {
                let mut owners = self.graph.neighbors_directed(index, Incoming).peekable();
                if owners.peek().is_none() {
                    return Some(depth);
                }
                above.extend(owners.filter(|owner| seen.insert(*owner)));
            }
            (level, depth) = (above, depth + 1);
        }
        None
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

/// By kind, name and namespace, as `kubectl tree` sorts; then by group.
fn order(node: &Node) -> (&str, &str, Option<&str>, &str) {
    let resource = &node.kind.resource;
    (&resource.kind, &node.name, node.namespace(), &resource.group)
}

impl Index<NodeIndex> for OwnerGraph {
    type Output = Node;

    /// # Panics
    /// If it is an index of another graph.
    fn index(&self, index: NodeIndex) -> &Node {
        &self.graph[index]
    }
}
