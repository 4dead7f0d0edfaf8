//! From lists and changes to a graph: what objects say of each other is joined by uid and by name, and held against the garbage
//! collector's rules.
//!
//! An object's word is taken when it comes, and again when it has changed; what others say of it is judged anew when it comes or goes.
//! So a graph is the same by whichever way it was come by.

mod claims;
mod conflicts;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use chrono::Utc;
use fixedbitset::FixedBitSet;
use petgraph::{
    Direction::{Incoming, Outgoing},
    graph::{EdgeIndex, NodeIndex},
    visit::EdgeRef as _,
};
use serde_json::Value;

use self::conflicts::Conflicts;
use super::{
    change::Change,
    claim::Types,
    edge::Edge,
    graph::{OwnerGraph, place},
    kinds::{Catalog, Kind},
    list::Metadata,
    node::{Node, Presence, Uid},
    relation::{Relation, Relations},
    said::{Names, Said},
    select::Selection,
    status::NodeStatus,
};
use crate::time::TimeExt as _;

/// A graph that is being put together.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    pub(super) graph: OwnerGraph,
    pub(super) types: Types,
    pub(super) relations: Relations,
    /// Whether nodes have a status.
    pub(super) has_status: bool,
    names: Names,
    conflicts: Conflicts,
    pub(super) selection: Selection,
    /// Whether all lists have been read, so that what has not come is not there.
    is_settled: bool,
    /// What has changed since then.
    pub(super) changes: VecDeque<Change>,
    /// Kinds that have served as well what has left with another one.
    uncovered: Vec<Arc<Kind>>,
    /// How often a claim has been judged.
    #[cfg(test)]
    judgements: std::cell::Cell<usize>,
}

impl Joiner {
    pub(super) fn new(catalog: Arc<Catalog>, relations: Relations, has_status: bool) -> Self {
        Self { types: Types::new(catalog), relations, has_status, ..Self::default() }
    }

    fn changed(&mut self, change: Change) {
        if self.is_settled {
            self.changes.push_back(change);
        }
    }

    /// All lists have been read: what has not come is not there.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
        self.judge_all();
    }

    /// All of a kind has been listed, or that of a namespace. What was known of it and has not been seen is gone.
    pub(super) fn listed(&mut self, kind: &Kind, namespace: Option<&Arc<str>>, seen: Option<&FixedBitSet>) {
        let is_new = self.types.list(kind, namespace);
        if let Some(seen) = seen {
            self.leave_all(kind, |index| !seen.contains(index.index()));
        }
        if is_new && self.is_settled {
            self.judge_all();
        }
    }

    /// Nothing is known of a kind any more.
    pub(super) fn unlisted(&mut self, kind: &Kind) {
        if self.forget(kind) {
            self.judge_all();
        }
    }

    /// The same, where the rest is judged later. Whether it was listed.
    pub(super) fn forget(&mut self, kind: &Kind) -> bool {
        self.leave_all(kind, |_| true);
        self.types.unlist(kind)
    }

    /// Kinds that have served as well what has left with another one since this was last asked: they may still have it.
    pub(super) fn take_uncovered(&mut self) -> Vec<Arc<Kind>> {
        std::mem::take(&mut self.uncovered)
    }

    /// An object is gone, as the server says.
    pub(super) fn delete(&mut self, kind: &Arc<Kind>, object: Metadata<'_>) {
        let node = self.node(kind, object);
        if let Some((index, _)) = self.listed_as(&node) {
            self.leave(index);
        }
    }

    /// Takes those objects of a kind away.
    pub(super) fn leave_all(&mut self, kind: &Kind, is_gone: impl Fn(NodeIndex) -> bool) {
        let graph = self.graph.as_petgraph();
        let is_of_kind = |node: &Node| node.presence == Presence::Listed && node.kind.is_same(kind);
        let gone = graph.node_indices().filter(|index| self.graph.node(*index).is_some_and(is_of_kind));
        let gone: Vec<_> = gone.filter(|index| is_gone(*index)).collect();
        if !gone.is_empty() {
            self.uncovered.extend(self.types.copies_of(kind).cloned());
        }
        // The newest edges of a node are the first to be found.
        for index in gone.into_iter().rev() {
            self.leave(index);
        }
    }

    /// Takes an object that is there, with all that there is of it if that was read. Its node.
    pub(super) fn put(&mut self, kind: &Arc<Kind>, object: Metadata<'_>, whole: Option<&Value>) -> NodeIndex {
        let said = Said::new(kind, &object, whole, &self.relations, (&mut self.types, &mut self.names));
        let mut node = self.node(kind, object);
        let status = whole.filter(|_| self.has_status);
        node.status = status.map(|whole| Box::new(NodeStatus::new(kind, whole, Utc::now())));
        if let Some((index, its)) = self.listed_as(&node) {
            if its.is_same(kind) {
                if self.update(index, node) | self.say(index, said) {
                    self.changed(Change::Modified(index));
                }
                return index;
            }
            // The same object, served by two groups: it is always that of the first.
            if self.types.copy(&its, kind) && self.is_settled {
                self.judge_all();
            }
            if order(&its) < order(kind) {
                return index;
            }
            self.leave(index);
        }
        let index = match self.graph.by_uid(&node.uid) {
            Some(index) => {
                self.restate(index, node);
                index
            }
            None => self.graph.add(node),
        };
        self.arrive(index);
        self.say(index, said);
        self.changed(Change::Added(index));
        index
    }

    /// Where that object is if it is there, and the kind that it is there as.
    fn listed_as(&self, node: &Node) -> Option<(NodeIndex, Arc<Kind>)> {
        let known =
            if node.uid.is_empty() { self.graph.at(place(node)) } else { self.graph.by_uid(&node.uid) };
        let index = known.filter(|index| self.graph.is_listed(*index))?;
        Some((index, self.graph.node(index)?.kind.clone()))
    }

    fn node(&mut self, kind: &Arc<Kind>, object: Metadata<'_>) -> Node {
        Node {
            kind: kind.clone(),
            namespace: self.names.namespace(object.namespace.as_deref()),
            name: object.name.into(),
            uid: Uid::from(&*object.uid),
            created: object.creation_timestamp.map(|time| time.to_chrono()),
            presence: Presence::Listed,
            is_deleting: object.deletion_timestamp.is_some(),
            status: None,
        }
    }

    /// Takes what is new of an object that is known. Whether anything is.
    fn update(&mut self, index: NodeIndex, mut node: Node) -> bool {
        let Some(known) = self.graph.node(index) else { return false };
        if node.uid.is_empty() {
            // It is made anew for each answer.
            node.created = known.created;
        }
        let is_other_kind = known.kind.resource != node.kind.resource;
        if is_other_kind {
            self.restate(index, node);
            self.judge(index);
            return true;
        }
        // A kind may be served with other verbs or names, which is no change of its objects.
        let kind = std::mem::replace(&mut node.kind, known.kind.clone());
        let is_changed = *known != node;
        if is_changed || known.kind != kind {
            node.kind = kind;
            self.graph.replace(index, node);
        }
        is_changed
    }

    /// What others say of an object and its place, now that it is there.
    fn arrive(&mut self, index: NodeIndex) {
        // There is one of a name: the end of another one has been missed.
        let (before, _): (Vec<_>, Vec<_>) =
            self.others_at(index).into_iter().partition(|it| self.graph.is_listed(*it));
        for other in before {
            self.leave(other);
        }
        for other in self.others_at(index) {
            self.lead_by_name(other, index);
            self.tidy(other);
            if self.conflicts.is_at(other) {
                self.identify(other);
            }
        }
        self.judge(index);
        if let Some(node) = self.graph.node(index).cloned() {
            self.judge_place(&node);
        }
        self.join_groups(index);
    }

    fn others_at(&self, index: NodeIndex) -> Vec<NodeIndex> {
        let all = self.graph.node(index).map(|node| self.graph.all_at(place(node)));
        all.into_iter().flatten().filter(|other| *other != index).collect()
    }

    /// Takes an object away.
    pub(super) fn leave(&mut self, index: NodeIndex) {
        let Some(node) = self.graph.node(index).cloned() else { return };
        for (edge, other) in self.said_by(index) {
            let was_conflict = self.disconnect(edge);
            if other != index {
                self.withdrawn(other, was_conflict);
            }
        }
        if let Some(namespace) = &node.namespace {
            self.selection.forget(namespace, index);
        }
        let said: HashSet<_> = self.said_of(index).into_iter().map(|(edge, _)| edge).collect();
        for edge in self.edges(index) {
            if !said.contains(&edge) {
                self.disconnect(edge);
            }
        }
        if let Some(known) = self.graph.node_mut(index) {
            *known =
                Node::absent(node.kind.clone(), node.namespace.clone(), node.name.clone(), node.uid.clone());
        }
        if said.iter().any(|edge| self.edge(*edge).is_some_and(|edge| !edge.is_by_uid)) {
            // What has its name is another one, if it comes. It may be known by its name alone itself, if it has no uid.
            let mut others = self.others_at(index).into_iter();
            let known = others.find(|other| self.graph.node(*other).is_some_and(Node::is_known_by_name));
            let named =
                known.unwrap_or_else(|| self.named(node.kind.clone(), node.namespace.clone(), &node.name));
            self.lead_by_name(index, named);
            self.identify(named);
            self.judge(named);
        }
        self.identify(index);
        self.judge(index);
        self.judge_place(&node);
        self.tidy(index);
        self.changed(Change::Deleted(index, node));
    }

    /// Takes an object's word. Whether it is another one than before.
    fn say(&mut self, index: NodeIndex, said: Said) -> bool {
        let namespace = self.graph.node(index).and_then(|node| node.namespace.clone());
        let mut before: HashMap<(NodeIndex, Edge), Vec<EdgeIndex>> = HashMap::new();
        for (edge, other) in self.said_by(index) {
            if let Some(weight) = self.edge(edge) {
                before.entry((other, weight)).or_default().push(edge);
            }
        }
        let mut wanted: Vec<_> = said.claims.into_iter().map(|claim| self.wanted(claim)).collect();
        if let Some(namespace) = &namespace
            && self.relations.selects()
        {
            let selected = self.selection.selector(namespace, index, said.selectors);
            wanted.extend(selected.into_iter().map(|(pod, relation)| (pod, Edge::selects(relation), None)));
        }
        let (mut is_changed, mut unclear) = (false, Vec::new());
        for (other, weight, claim) in wanted {
            let known = before.get_mut(&(other, weight)).and_then(Vec::pop);
            let edge = known.unwrap_or_else(|| {
                is_changed = true;
                let (from, to) = if weight.is_said_by_target() { (other, index) } else { (index, other) };
                self.graph.connect(from, to, weight)
            });
            let Some(claim) = claim else { continue };
            let is_said = self.conflicts.get(edge).is_some_and(|known| known.is_same(&claim));
            if !is_said && self.remember(edge, other, claim.clone()) && !self.graph.is_listed(other) {
                // Nothing is said any more by an edge that says something else now.
                unclear.push((other, known.is_none().then_some(claim)));
            }
        }
        let over =
            before.into_iter().flat_map(|((other, _), edges)| edges.into_iter().map(move |it| (it, other)));
        let mut over: Vec<_> = over.collect();
        over.sort_unstable_by(|one, other| other.cmp(one));
        for (edge, other) in over {
            is_changed = true;
            let was_conflict = self.disconnect(edge);
            if other != index {
                self.withdrawn(other, was_conflict);
            }
        }
        for (other, claim) in unclear {
            let is_another = claim.is_none_or(|claim| self.is_identified_by(other, &claim));
            if is_another {
                self.identify(other);
                self.judge(other);
            }
        }
        if let (Some(namespace), Some(labels)) = (&namespace, said.labels) {
            let by = self.selection.pod(namespace, index, labels);
            is_changed |= self.selected(index, by);
        }
        is_changed
    }

    /// What is not there, and what nobody speaks of any more, is forgotten.
    fn tidy(&mut self, index: NodeIndex) {
        if !self.graph.is_listed(index) && self.speech_of(index).next().is_none() {
            self.graph.remove(index);
        }
    }

    pub(super) fn edge(&self, edge: EdgeIndex) -> Option<Edge> {
        self.graph.as_petgraph().edge_weight(edge).copied()
    }

    /// Whether it was of a claim that was kept.
    pub(super) fn disconnect(&mut self, edge: EdgeIndex) -> bool {
        self.graph.disconnect(edge);
        self.conflicts.remove(edge)
    }

    fn edges(&self, index: NodeIndex) -> Vec<EdgeIndex> {
        let graph = self.graph.as_petgraph();
        let all =
            [Incoming, Outgoing].into_iter().flat_map(|direction| graph.edges_directed(index, direction));
        all.map(|edge| edge.id()).collect()
    }

    /// The edges of what others say of an object, and who says it.
    fn said_of(&self, index: NodeIndex) -> Vec<(EdgeIndex, NodeIndex)> {
        self.speech_of(index).collect()
    }

    fn speech_of(&self, index: NodeIndex) -> impl Iterator<Item = (EdgeIndex, NodeIndex)> {
        let graph = self.graph.as_petgraph();
        let of_targets = graph.edges_directed(index, Outgoing).filter(|it| it.weight().is_said_by_target());
        let of_sources = graph
            .edges_directed(index, Incoming)
            .filter(|it| !it.weight().is_said_by_target() && !it.weight().is_selection());
        let of_targets = of_targets.map(|edge| (edge.id(), edge.target()));
        of_targets.chain(of_sources.map(|edge| (edge.id(), edge.source())))
    }

    /// The edges of what an object says, and of whom.
    fn said_by(&self, index: NodeIndex) -> Vec<(EdgeIndex, NodeIndex)> {
        let graph = self.graph.as_petgraph();
        let of_targets = graph.edges_directed(index, Incoming).filter(|it| it.weight().is_said_by_target());
        let of_sources = graph
            .edges_directed(index, Outgoing)
            .filter(|it| !it.weight().is_said_by_target() && it.weight().relation != Some(Relation::Member));
        let of_targets = of_targets.map(|edge| (edge.id(), edge.source()));
        of_targets.chain(of_sources.map(|edge| (edge.id(), edge.target()))).collect()
    }
}

/// Of two groups that serve an object, the first one has it: Kubernetes' own before another that serves it again.
fn order(kind: &Kind) -> (bool, &str, &str, &str) {
    (!kind.is_own(), &kind.resource.kind, &kind.resource.group, &kind.resource.plural)
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
