//! Where claims lead, and what is to be thought of them.
//!
//! An edge does not keep the claim that it is of: that is told from what it leads to, or kept beside it where it cannot be.

use std::{collections::HashSet, sync::Arc};

use petgraph::graph::{EdgeIndex, NodeIndex};

use super::Joiner;
use crate::owners::{
    claim::{Claim, Judgement},
    edge::{Edge, Flaw},
    graph::place,
    kinds::{Catalog, Kind},
    node::{Node, Presence, Uid},
};

/// What is said to be somewhere.
struct Identity {
    kind: Arc<Kind>,
    namespace: Option<Arc<str>>,
    name: Box<str>,
}

impl Identity {
    fn key(&self) -> (&str, &str, Option<&str>, &str) {
        let resource = &self.kind.resource;
        (&resource.api_version, &resource.kind, self.namespace.as_deref(), &self.name)
    }
}

impl Joiner {
    /// The server serves other kinds: what is not there may be of another kind, or elsewhere, than it was taken for.
    pub(in crate::owners) fn serve(&mut self, catalog: Arc<Catalog>) {
        let nodes: Vec<_> = self.graph.as_petgraph().node_indices().collect();
        let to_judge = nodes.into_iter().filter(|index| self.is_to_judge(*index)).collect::<Vec<_>>();
        let claims: Vec<_> = to_judge.into_iter().map(|index| (index, self.claims_of(index))).collect();
        self.types.serve(catalog);
        for (index, claims) in claims {
            let mut ends = HashSet::from([index]);
            for (edge, claim) in claims {
                let to = self.target(&claim);
                if to == index {
                    self.remember(edge, index, claim);
                } else {
                    self.lead(edge, claim, index, to);
                    ends.insert(to);
                }
            }
            for end in ends {
                self.identify(end);
            }
            self.tidy(index);
        }
        self.judge_all();
    }

    /// What is served or listed has changed.
    pub(in crate::owners) fn judge_all(&mut self) {
        let nodes: Vec<_> = self.graph.as_petgraph().node_indices().collect();
        for index in nodes {
            if self.is_to_judge(index) {
                self.judge(index);
            }
        }
    }

    /// Whether it matters to what is said of it what is served or listed.
    fn is_to_judge(&self, index: NodeIndex) -> bool {
        // It may be said by a version that was not served for a while.
        let is_unknown = |(edge, _)| self.edge(edge).is_some_and(|edge| edge.flaw == Some(Flaw::UnknownKind));
        !self.graph.is_listed(index) || self.conflicts.is_at(index) || self.speech_of(index).any(is_unknown)
    }

    /// Where a claim leads, and as which edge.
    pub(super) fn wanted(&mut self, claim: Claim) -> (NodeIndex, Edge, Option<Claim>) {
        let other = self.target(&claim);
        let Judgement { flaw, is_gone } = self.judgement(&claim, other);
        if let Some(node) =
            self.graph.node_mut(other).filter(|node| node.presence == Presence::Unknown && is_gone)
        {
            node.presence = Presence::Gone;
        }
        (other, Edge { flaw, ..claim.edge }, Some(claim))
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
    pub(super) fn named(&mut self, kind: Arc<Kind>, namespace: Option<Arc<str>>, name: &str) -> NodeIndex {
        let node = Node::absent(kind, namespace, name.into(), Uid::from(""));
        let known = self
            .graph
            .all_at(place(&node))
            .find(|index| self.graph.node(*index).is_some_and(Node::is_known_by_name));
        known.unwrap_or_else(|| {
            let index = self.graph.add(node);
            self.take_members(index);
            index
        })
    }

    /// Judges what others say of an object.
    pub(super) fn judge(&mut self, index: NodeIndex) {
        let mut is_gone = false;
        for (edge, claim) in self.claims_of(index) {
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

    /// Whether what is known of an object is still said: that it is gone, if it is.
    fn is_known(&mut self, index: NodeIndex) -> bool {
        let presence = self.graph.node(index).map(|node| node.presence);
        presence != Some(Presence::Gone)
            || self.said_of(index).into_iter().any(|(edge, by)| {
                self.claim(edge, by, index).is_some_and(|claim| self.judgement(&claim, index).is_gone)
            })
    }

    fn judgement(&self, claim: &Claim, index: NodeIndex) -> Judgement {
        #[cfg(test)]
        self.judgements.set(self.judgements.get() + 1);
        let (Some(node), Some(of)) = (self.graph.node(index), self.types.get(claim.of)) else {
            return Judgement::default();
        };
        let is_it = node.presence == Presence::Listed && !(claim.edge.is_by_uid && claim.uid.is_empty());
        if is_it {
            return Judgement { flaw: self.types.judge(claim, node), is_gone: false };
        }
        let (namespace, resource) = (of.namespace(claim), &of.kind.resource);
        let at = (&*resource.group, &*resource.kind, namespace.as_deref(), &*claim.name);
        let was_listed = self.is_settled && self.types.is_listed(&of.kind, namespace.as_deref());
        of.judge_absent(claim, was_listed, claim.edge.is_by_uid && self.graph.at(at).is_some())
    }

    /// Judges what is said of others at the place of an object, which has come or gone.
    pub(super) fn judge_place(&mut self, node: &Node) {
        let here: Vec<_> = self.graph.all_at(place(node)).collect();
        let others: HashSet<_> = here.into_iter().chain(self.conflicts.targets_of(&node.name)).collect();
        for other in others {
            if !self.graph.is_listed(other) {
                self.judge(other);
            }
        }
    }

    /// The claims of what is said of an object, with their edges.
    fn claims_of(&mut self, index: NodeIndex) -> Vec<(EdgeIndex, Claim)> {
        let said = self.said_of(index).into_iter();
        said.filter_map(|(edge, by)| Some((edge, self.claim(edge, by, index)?))).collect()
    }

    /// The claim that an edge is of.
    pub(super) fn claim(&mut self, edge: EdgeIndex, by: NodeIndex, of: NodeIndex) -> Option<Claim> {
        if let Some(claim) = self.conflicts.get(edge) {
            return Some(claim.clone());
        }
        let (graph, edge) = (self.graph.as_petgraph(), self.edge(edge)?);
        let (by, of) = (graph.node_weight(by)?, graph.node_weight(of)?);
        let resource = &of.kind.resource;
        let (kind, namespace) = match edge.relation {
            None => (self.types.exactly(&resource.api_version, &resource.kind), &by.namespace),
            Some(_) => (self.types.in_group(&resource.group, &resource.kind), &of.namespace),
        };
        Some(Claim {
            of: kind,
            namespace: namespace.clone(),
            name: of.name.clone(),
            uid: if edge.is_by_uid { of.uid.clone() } else { Uid::from("") },
            edge,
        })
    }

    /// Keeps a claim if it cannot be told from what it leads to. Whether it cannot.
    pub(super) fn remember(&mut self, edge: EdgeIndex, to: NodeIndex, claim: Claim) -> bool {
        let is_conflict = self.is_conflict(&claim, to);
        if is_conflict {
            self.conflicts.insert(edge, to, claim);
        } else {
            self.conflicts.remove(edge);
        }
        is_conflict
    }

    /// Whether a claim is of another kind, name or namespace than what it leads to.
    fn is_conflict(&self, claim: &Claim, to: NodeIndex) -> bool {
        let (Some(of), Some(node)) = (self.types.get(claim.of), self.graph.node(to)) else { return false };
        let (one, other) = (&of.kind.resource, &node.kind.resource);
        let is_it = one.api_version == other.api_version
            && one.kind == other.kind
            && of.namespace(claim) == node.namespace
            && (claim.edge.relation.is_none() || claim.namespace == node.namespace)
            && claim.name == node.name
            && !(claim.edge.is_by_uid && claim.uid.is_empty());
        !is_it
    }

    /// What is not there is what is said of it: the first in order, where they differ.
    pub(super) fn identify(&mut self, index: NodeIndex) {
        if self.graph.is_listed(index) {
            return;
        }
        let claims = self.claims_of(index);
        let identities = claims.iter().filter_map(|(_, claim)| self.identity(claim));
        let first = identities.min_by(|one, other| one.key().cmp(&other.key()));
        let (Some(Identity { kind, namespace, name }), Some(node)) = (first, self.graph.node(index)) else {
            return;
        };
        if (&kind, &namespace, &name) != (&node.kind, &node.namespace, &node.name) {
            let node = Node { kind, namespace, name, ..node.clone() };
            self.restate(index, node);
        }
    }

    /// Whether one thing that is said of what is not there comes before what it is known as.
    pub(super) fn is_identified_by(&self, index: NodeIndex, claim: &Claim) -> bool {
        let (Some(node), Some(said)) = (self.graph.node(index), self.identity(claim)) else { return false };
        let known =
            Identity { kind: node.kind.clone(), namespace: node.namespace.clone(), name: node.name.clone() };
        said.key() < known.key()
    }

    fn identity(&self, claim: &Claim) -> Option<Identity> {
        let of = self.types.get(claim.of)?;
        Some(Identity { kind: of.kind.clone(), namespace: of.namespace(claim), name: claim.name.clone() })
    }

    /// Puts another node in the place of one; what is said of it stays what it is.
    pub(super) fn restate(&mut self, index: NodeIndex, node: Node) {
        let claims = self.claims_of(index);
        self.graph.replace(index, node);
        for (edge, claim) in claims {
            self.remember(edge, index, claim);
        }
    }

    /// Leads an edge of a claim from one node to another.
    pub(super) fn lead(&mut self, edge: EdgeIndex, claim: Claim, from: NodeIndex, to: NodeIndex) {
        let ends = self.graph.as_petgraph().edge_endpoints(edge);
        if let (Some((source, target)), Some(weight)) = (ends, self.edge(edge)) {
            self.disconnect(edge);
            let at = |end| if end == from { to } else { end };
            let edge = self.graph.connect(at(source), at(target), weight);
            self.remember(edge, to, claim);
        }
    }

    /// Leads what is said of something by name to what has that name.
    pub(super) fn lead_by_name(&mut self, from: NodeIndex, to: NodeIndex) {
        for (edge, claim) in self.claims_of(from) {
            if !claim.edge.is_by_uid {
                self.lead(edge, claim, from, to);
            }
        }
    }

    /// Something is not said of an object any more, which may have been kept as a claim of its own.
    pub(super) fn withdrawn(&mut self, index: NodeIndex, was_conflict: bool) {
        self.tidy(index);
        if self.graph.is_listed(index) || !(was_conflict || self.conflicts.is_at(index)) {
            // Others say the same, if there are any.
            return;
        }
        let is_said = |(edge, _)| self.conflicts.get(edge).is_none();
        if !self.speech_of(index).any(is_said) {
            self.identify(index);
            self.judge(index);
        } else if was_conflict && !self.is_known(index) {
            self.judge(index);
        }
    }
}
