//! What can be asked of a graph.

use std::{
    cmp::Ordering,
    collections::{HashSet, VecDeque},
};

use petgraph::{
    Direction::{self, Incoming, Outgoing},
    algo::astar,
    graph::NodeIndex,
    stable_graph::EdgeReference,
    visit::{EdgeFiltered, EdgeRef as _},
};

use super::{
    edge::{Edge, Flaw},
    graph::OwnerGraph,
    node::{Node, Presence},
    relation::Relation,
};

fn is_reference(edge: Edge) -> bool {
    edge.relation().is_none()
}

/// The order of edges between the same two, whenever they have come.
fn rank(edge: Edge) -> (Option<Relation>, Option<u8>, [bool; 3]) {
    let flags = [edge.is_by_uid, edge.is_controller(), edge.blocks_deletion()];
    (edge.relation(), edge.flaw().map(|flaw| flaw as u8), flags)
}

impl OwnerGraph {
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
        self.neighbours(index, Incoming, is_reference)
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
        self.neighbours(index, Outgoing, is_reference)
    }

    /// Where its relations lead, as a pod's to its node, each with the edge; by kind, name and namespace. None, unless some were
    /// [asked for](crate::owners::Builder::relations).
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph, Relation};
    /// fn node_of(graph: &OwnerGraph, pod: NodeIndex) -> Option<NodeIndex> {
    ///     let mut relations = graph.relations(pod).into_iter();
    ///     relations.find(|(_, edge)| edge.relation() == Some(Relation::Node)).map(|(node, _)| node)
    /// }
    /// ```
    pub fn relations(&self, index: NodeIndex) -> Vec<(NodeIndex, &Edge)> {
        self.neighbours(index, Outgoing, |edge| !is_reference(edge))
    }

    /// Whose relations lead to it, as those of pods to their node, each with the edge; by kind, name and namespace.
    ///
    /// ```
    /// # use kube_ext::owners::{NodeIndex, OwnerGraph};
    /// fn is_in_use(graph: &OwnerGraph, config_map: NodeIndex) -> bool {
    ///     !graph.relations_to(config_map).is_empty()
    /// }
    /// ```
    pub fn relations_to(&self, index: NodeIndex) -> Vec<(NodeIndex, &Edge)> {
        self.neighbours(index, Incoming, |edge| !is_reference(edge))
    }

    fn neighbours(
        &self,
        index: NodeIndex,
        direction: Direction,
        is_meant: impl Fn(Edge) -> bool,
    ) -> Vec<(NodeIndex, &Edge)> {
        let edges = self.as_petgraph().edges_directed(index, direction);
        let mut found: Vec<_> = edges
            .filter(|edge| is_meant(*edge.weight()))
            .map(|edge| (if direction == Incoming { edge.source() } else { edge.target() }, edge.weight()))
            .collect();
        found.sort_by(|(one, edge), (other, another)| {
            self.in_order(*one, *other).then_with(|| rank(**edge).cmp(&rank(**another)))
        });
        found
    }

    /// Edges to its owners, or to what it owns.
    fn references(
        &self,
        index: NodeIndex,
        direction: Direction,
    ) -> impl Iterator<Item = EdgeReference<'_, Edge>> {
        self.as_petgraph().edges_directed(index, direction).filter(|edge| is_reference(*edge.weight()))
    }

    pub(super) fn sorted(&self, nodes: impl Iterator<Item = NodeIndex>) -> Vec<NodeIndex> {
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by(|one, other| self.in_order(*one, *other));
        nodes
    }

    /// Of several that have been at a place, what is there comes first, then by uid: an index says no more than when a list has come.
    fn in_order(&self, one: NodeIndex, other: NodeIndex) -> Ordering {
        if one == other {
            return Ordering::Equal;
        }
        let (node, another) = (&self[one], &self[other]);
        let absent = |node: &Node| node.presence() != Presence::Listed;
        order(node)
            .cmp(&order(another))
            .then_with(|| (absent(node), node.uid()).cmp(&(absent(another), another.uid())))
            .then(one.cmp(&other))
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
            for (neighbour, _) in self.neighbours(index, direction, is_reference) {
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
        let has = |index, direction| self.references(index, direction).next().is_some();
        self.sorted(
            self.as_petgraph().node_indices().filter(|index| !has(*index, Incoming) && has(*index, Outgoing)),
        )
    }

    /// What has owners by its references, of which none is there: the garbage collector deletes it. Not what has an owner of which that
    /// is not known ([`Flaw::Unlisted`], [`Flaw::UnknownKind`]), nor what has one that it cannot have, which the garbage collector leaves alone
    /// ([`Flaw::InvalidNamespace`]). Events, and kinds that it cannot list, watch and delete, it leaves alone as well; they are here all the same.
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
            let mut owners = self.references(*index, Incoming).peekable();
            owners.peek().is_some() && owners.all(|edge| !may_be_there(edge.weight().flaw))
        };
        self.sorted(self.as_petgraph().node_indices().filter(is_orphan))
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
        self.node(owner)?;
        let owning = EdgeFiltered::from_fn(self.as_petgraph(), |edge| is_reference(*edge.weight()));
        astar(&owning, owner, |index| index == dependent, |_| 1, |_| 0).map(|(_, path)| path)
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
        self.node(index)?;
        let (mut seen, mut level, mut depth) = (HashSet::from([index]), vec![index], 0);
        while !level.is_empty() {
            let mut above = Vec::new();
            for index in level {
                let mut owners = self.references(index, Incoming).map(|edge| edge.source()).peekable();
                if owners.peek().is_none() {
                    return Some(depth);
                }
                above.extend(owners.filter(|owner| seen.insert(*owner)));
            }
            (level, depth) = (above, depth + 1);
        }
        None
    }
}

/// By kind, name and namespace, as `kubectl tree` sorts; then by group.
pub(super) fn order(node: &Node) -> (&str, &str, Option<&str>, &str) {
    let resource = &node.kind.resource;
    (&resource.kind, &node.name, node.namespace(), &resource.group)
}
