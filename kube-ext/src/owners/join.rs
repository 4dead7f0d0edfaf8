//! From lists and changes to a graph: what objects say of each other is joined by uid and by name, and held against the garbage
//! collector's rules.
//!
//! An object's word is taken when it comes, and again when it has changed; what others say of it is judged anew when it comes or goes.
//! So a graph is the same by whichever way it was come by.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use petgraph::{
    Direction::{Incoming, Outgoing},
    graph::{EdgeIndex, NodeIndex},
    visit::EdgeRef as _,
};
use serde_json::Value;

use super::{
    change::Change,
    claim::{Claim, Judgement, Types},
    edge::Edge,
    graph::{OwnerGraph, place},
    kinds::{Catalog, Kind},
    list::Metadata,
    node::{Node, Presence, Uid},
    relation::{Relation, Relations},
    said::{Names, Said},
    select::Selection,
};
use crate::time::TimeExt as _;

/// A graph that is being put together.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    pub(super) graph: OwnerGraph,
    pub(super) types: Types,
    pub(super) relations: Relations,
    names: Names,
    /// What is said of an object by another kind or name than it has.
    conflicts: HashMap<EdgeIndex, Claim>,
    pub(super) selection: Selection,
    /// Whether all lists have been read, so that what has not come is not there.
    is_settled: bool,
    /// What has changed since then.
    pub(super) changes: VecDeque<Change>,
}

impl Joiner {
    pub(super) fn new(catalog: Arc<Catalog>, relations: Relations) -> Self {
        Self { types: Types::new(catalog), relations, ..Self::default() }
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
    pub(super) fn listed(
        &mut self,
        kind: &Kind,
        namespace: Option<&Arc<str>>,
        seen: Option<&HashSet<NodeIndex>>,
    ) {
        let is_new = self.types.list(kind, namespace);
        if let Some(seen) = seen {
            self.leave_all(kind, |index| !seen.contains(&index));
        }
        if is_new && self.is_settled {
            self.judge_all();
        }
    }

    /// Nothing is known of a kind any more.
    pub(super) fn unlisted(&mut self, kind: &Kind) {
        self.types.unlist(kind);
        self.leave_all(kind, |_| true);
        self.judge_all();
    }

    /// The server serves other kinds.
    pub(super) fn serve(&mut self, catalog: Arc<Catalog>) {
        self.types.serve(catalog);
        self.judge_all();
    }

    /// An object is gone, as the server says.
    pub(super) fn delete(&mut self, kind: &Arc<Kind>, object: Metadata<'_>) {
        let node = self.node(kind, object);
        let known =
            if node.uid.is_empty() { self.graph.at(place(&node)) } else { self.graph.by_uid(&node.uid) };
        if let Some(index) = known.filter(|index| self.graph.is_listed(*index)) {
            self.leave(index);
        }
    }

    /// Takes those objects of a kind away.
    pub(super) fn leave_all(&mut self, kind: &Kind, is_gone: impl Fn(NodeIndex) -> bool) {
        let graph = self.graph.as_petgraph();
        let is_of_kind = |node: &Node| node.presence == Presence::Listed && node.kind.is_same(kind);
        let gone = graph.node_indices().filter(|index| graph.node_weight(*index).is_some_and(is_of_kind));
        let gone: Vec<_> = gone.filter(|index| is_gone(*index)).collect();
        gone.into_iter().for_each(|index| self.leave(index));
    }

    /// What is served or listed has changed.
    pub(super) fn judge_all(&mut self) {
        let graph = self.graph.as_petgraph();
        let absent = graph.node_indices().filter(|index| !self.graph.is_listed(*index));
        let ends = self.conflicts.keys().filter_map(|edge| graph.edge_endpoints(*edge));
        let all: HashSet<_> = absent.chain(ends.flat_map(|(from, to)| [from, to])).collect();
        all.into_iter().for_each(|index| self.judge(index));
    }

    /// Takes an object that is there, with all that there is of it if that was read. Its node.
    pub(super) fn put(&mut self, kind: &Arc<Kind>, object: Metadata<'_>, whole: Option<&Value>) -> NodeIndex {
        let said = Said::new(kind, &object, whole, &self.relations, (&mut self.types, &mut self.names));
        let node = self.node(kind, object);
        let known =
            if node.uid.is_empty() { self.graph.at(place(&node)) } else { self.graph.by_uid(&node.uid) };
        if let Some(index) = known.filter(|index| self.graph.is_listed(*index)) {
            if let Some(is_changed) = self.update(index, node)
                && (self.say(index, said) | is_changed)
            {
                self.changed(Change::Modified(index));
            }
            return index;
        }
        let index = match known {
            Some(index) => self.come_back(index, node),
            None => self.graph.add(node),
        };
        self.arrive(index);
        self.say(index, said);
        self.changed(Change::Added(index));
        index
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
        }
    }

    /// What is new of an object that is known: whether it is anything; none if it is known by another kind, of which it is.
    fn update(&mut self, index: NodeIndex, node: Node) -> Option<bool> {
        let known = self.graph.as_petgraph().node_weight(index)?;
        if !known.kind.is_same(&node.kind) {
            // The same object, served by two groups: it is always that of the first.
            if order(&known.kind) < order(&node.kind) {
                return None;
            }
        } else if *known == node {
            return Some(false);
        }
        self.graph.replace(index, node);
        Some(true)
    }

    /// An object has come that was known by what others say of it.
    fn come_back(&mut self, index: NodeIndex, node: Node) -> NodeIndex {
        for (edge, by) in self.said_of(index) {
            if let Some(claim) = self.claim(edge, by, index)
                && self.is_conflict(&claim, &node)
            {
                self.conflicts.insert(edge, claim);
            }
        }
        self.graph.replace(index, node);
        index
    }

    /// What others say of an object and its place, now that it is there.
    fn arrive(&mut self, index: NodeIndex) {
        for other in self.others_at(index) {
            if self.graph.is_listed(other) {
                // There is one of a name: its end has been missed.
                self.leave(other);
            } else {
                for (edge, _) in self.said_of(other) {
                    if self.edge(edge).is_some_and(|edge| !edge.is_by_uid) {
                        self.lead(edge, other, index);
                    }
                }
                self.tidy(other);
            }
        }
        self.judge(index);
        self.judge_place(index);
        self.join_groups(index);
    }

    /// Judges what is said of others at the place of an object, which has come or gone.
    fn judge_place(&mut self, index: NodeIndex) {
        let mut others = self.others_at(index);
        if let Some(node) = self.graph.as_petgraph().node_weight(index) {
            let named = self.conflicts.iter().filter(|(_, claim)| claim.name == node.name);
            let ends = named.filter_map(|(edge, _)| self.graph.as_petgraph().edge_endpoints(*edge));
            others.extend(ends.flat_map(|(from, to)| [from, to]));
        }
        others.into_iter().for_each(|other| self.judge(other));
    }

    fn others_at(&self, index: NodeIndex) -> Vec<NodeIndex> {
        let node = self.graph.as_petgraph().node_weight(index);
        let all = node.map(|node| self.graph.all_at(place(node)));
        all.into_iter().flatten().filter(|other| *other != index).collect()
    }

    /// Takes an object away.
    pub(super) fn leave(&mut self, index: NodeIndex) {
        let Some(node) = self.graph.as_petgraph().node_weight(index).cloned() else { return };
        for (edge, other) in self.said_by(index) {
            self.disconnect(edge);
            if other != index {
                self.tidy(other);
            }
        }
        if let Some(namespace) = &node.namespace {
            self.selection.forget(namespace, index);
        }
        let (by_uid, by_name): (Vec<_>, Vec<_>) = self
            .said_of(index)
            .into_iter()
            .map(|(edge, _)| edge)
            .partition(|edge| self.edge(*edge).is_some_and(|edge| edge.is_by_uid));
        let others =
            self.edges(index).into_iter().filter(|edge| !by_uid.contains(edge) && !by_name.contains(edge));
        others.collect::<Vec<_>>().into_iter().for_each(|edge| self.disconnect(edge));
        if let Some(known) = self.graph.node_mut(index) {
            *known = Node { presence: Presence::Gone, created: None, is_deleting: false, ..node.clone() };
        }
        if !by_name.is_empty() {
            // What has its name is another one, if it comes.
            let named = self.named(node.kind.clone(), node.namespace.clone(), &node.name);
            by_name.into_iter().for_each(|edge| self.lead(edge, index, named));
            self.judge(named);
        }
        self.judge(index);
        self.judge_place(index);
        self.tidy(index);
        self.changed(Change::Deleted(index, node));
    }

    /// Takes an object's word. Whether it is another one than before.
    fn say(&mut self, index: NodeIndex, said: Said) -> bool {
        let namespace = self.graph.as_petgraph().node_weight(index).and_then(|node| node.namespace.clone());
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
        let mut is_changed = false;
        for (other, weight, claim) in wanted {
            let known = before.get_mut(&(other, weight)).and_then(Vec::pop);
            let edge = known.unwrap_or_else(|| {
                is_changed = true;
                let (from, to) = if weight.is_said_by_target() { (other, index) } else { (index, other) };
                self.graph.connect(from, to, weight)
            });
            match claim {
                Some(claim) => self.conflicts.insert(edge, claim),
                None => self.conflicts.remove(&edge),
            };
        }
        for ((other, _), edges) in before {
            for edge in edges {
                is_changed = true;
                self.disconnect(edge);
            }
            if other != index {
                self.tidy(other);
            }
        }
        if let (Some(namespace), Some(labels)) = (&namespace, said.labels) {
            let by = self.selection.pod(namespace, index, labels);
            is_changed |= self.selected(index, by);
        }
        is_changed
    }

    /// Where a claim leads, and the claim itself if it says something else than what is there.
    fn wanted(&mut self, claim: Claim) -> (NodeIndex, Edge, Option<Claim>) {
        let other = self.target(&claim);
        let Judgement { flaw, is_gone } = self.judgement(&claim, other);
        if let Some(node) =
            self.graph.node_mut(other).filter(|node| node.presence == Presence::Unknown && is_gone)
        {
            node.presence = Presence::Gone;
        }
        let edge = Edge { flaw, ..claim.edge };
        let node = self.graph.as_petgraph().node_weight(other);
        let is_conflict = node.is_some_and(|node| self.is_conflict(&claim, node));
        (other, edge, Some(claim).filter(|_| is_conflict))
    }

    /// What a claim leads to, which may not be there.
    fn target(&mut self, claim: &Claim) -> NodeIndex {
        let Some(of) = self.types.get(claim.of).cloned() else { return NodeIndex::end() };
        let (kind, namespace) = (of.kind.clone(), of.namespace(claim));
        if !claim.edge.is_by_uid || claim.uid.is_empty() {
            let resource = &kind.resource;
            let at = (&*resource.group, &*resource.kind, namespace.as_deref(), &*claim.name);
            let there = self.graph.at(at).filter(|_| !claim.edge.is_by_uid);
            return there.unwrap_or_else(|| self.named(kind, namespace, &claim.name));
        }
        self.graph.by_uid(&claim.uid).unwrap_or_else(|| {
            self.graph.add(Node::absent(kind, namespace, claim.name.clone(), claim.uid.clone()))
        })
    }

    /// What is known by its name alone.
    fn named(&mut self, kind: Arc<Kind>, namespace: Option<Arc<str>>, name: &str) -> NodeIndex {
        let node = Node::absent(kind, namespace, name.into(), Uid::from(""));
        let known = self
            .graph
            .all_at(place(&node))
            .find(|index| self.graph.as_petgraph().node_weight(*index).is_some_and(Node::is_known_by_name));
        known.unwrap_or_else(|| {
            let index = self.graph.add(node);
            self.take_members(index);
            index
        })
    }

    /// Judges what others say of an object.
    fn judge(&mut self, index: NodeIndex) {
        let mut is_gone = false;
        for (edge, by) in self.said_of(index) {
            let Some(claim) = self.claim(edge, by, index) else { continue };
            let judgement = self.judgement(&claim, index);
            is_gone |= judgement.is_gone;
            if let Some(edge) = self.graph.edge_mut(edge) {
                edge.flaw = judgement.flaw;
            }
        }
        if let Some(node) = self.graph.node_mut(index).filter(|node| node.presence != Presence::Listed) {
            node.presence = match node.presence {
                Presence::NoObject => Presence::NoObject,
                _ if is_gone => Presence::Gone,
                _ => Presence::Unknown,
            };
        }
    }

    fn judgement(&self, claim: &Claim, index: NodeIndex) -> Judgement {
        let node = self.graph.as_petgraph().node_weight(index);
        let (Some(node), Some(of)) = (node, self.types.get(claim.of)) else { return Judgement::default() };
        let is_it = node.presence == Presence::Listed && !(claim.edge.is_by_uid && claim.uid.is_empty());
        if is_it {
            return Judgement { flaw: of.judge(claim, node), is_gone: false };
        }
        let (namespace, resource) = (of.namespace(claim), &of.kind.resource);
        let at = (&*resource.group, &*resource.kind, namespace.as_deref(), &*claim.name);
        let was_listed = self.is_settled && self.types.is_listed(&of.kind, namespace.as_deref());
        of.judge_absent(claim, was_listed, claim.edge.is_by_uid && self.graph.at(at).is_some())
    }

    /// The claim that an edge is of.
    fn claim(&mut self, edge: EdgeIndex, by: NodeIndex, of: NodeIndex) -> Option<Claim> {
        if let Some(claim) = self.conflicts.get(&edge) {
            return Some(claim.clone());
        }
        let (graph, edge) = (self.graph.as_petgraph(), self.edge(edge)?);
        let (by, of) = (graph.node_weight(by)?, graph.node_weight(of)?);
        let namespace = if edge.relation.is_none() { &by.namespace } else { &of.namespace };
        Some(Claim {
            of: self.types.of(&of.kind),
            namespace: namespace.clone(),
            name: of.name.clone(),
            uid: if edge.is_by_uid { of.uid.clone() } else { Uid::from("") },
            edge,
        })
    }

    /// Whether a claim is of another kind, name or namespace than what it leads to.
    fn is_conflict(&self, claim: &Claim, node: &Node) -> bool {
        let Some(of) = self.types.get(claim.of) else { return false };
        let (one, other) = (&of.kind.resource, &node.kind.resource);
        let is_elsewhere = claim.edge.relation.is_some() && of.namespace(claim) != node.namespace;
        claim.edge.is_by_uid
            && ((&one.group, &one.kind, &claim.name) != (&other.group, &other.kind, &node.name)
                || is_elsewhere)
    }

    /// Leads an edge from one node to another.
    fn lead(&mut self, edge: EdgeIndex, from: NodeIndex, to: NodeIndex) {
        let ends = self.graph.as_petgraph().edge_endpoints(edge);
        if let (Some((source, target)), Some(weight)) = (ends, self.edge(edge)) {
            self.disconnect(edge);
            let at = |end| if end == from { to } else { end };
            self.graph.connect(at(source), at(target), weight);
        }
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

    pub(super) fn disconnect(&mut self, edge: EdgeIndex) {
        self.conflicts.remove(&edge);
        self.graph.disconnect(edge);
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

/// Of two groups that serve an object, the first one has it.
fn order(kind: &Kind) -> (&str, &str) {
    (&kind.resource.kind, &kind.resource.group)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::edge::Flaw, *};

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
        let mut joiner = Joiner::new(Arc::new(catalog), Relations::default());
        for (kind, objects) in [(&kinds[0], objects), (&kinds[1], in_none)] {
            for object in objects {
                let text = object.to_string();
                joiner.put(kind, serde_json::from_str(&text).unwrap(), None);
            }
            joiner.listed(kind, None, None);
        }
        joiner.settle();
        joiner.graph
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
