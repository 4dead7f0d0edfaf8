//! What is said of an object that cannot be told from the object itself, since it has another kind, place or uid than is said.

use std::collections::{HashMap, HashSet};

use petgraph::graph::{EdgeIndex, NodeIndex};

use super::super::claim::Claim;

/// Claims that are kept, by the edge that they are of.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    claims: HashMap<EdgeIndex, (NodeIndex, Claim)>,
    /// Their edges by the name that they claim.
    by_name: HashMap<Box<str>, HashSet<EdgeIndex>>,
    /// How many lead to a node.
    at: HashMap<NodeIndex, usize>,
}

impl Conflicts {
    pub(super) fn get(&self, edge: EdgeIndex) -> Option<&Claim> {
        self.claims.get(&edge).map(|(_, claim)| claim)
    }

    /// Keeps a claim that leads to a node.
    pub(super) fn insert(&mut self, edge: EdgeIndex, to: NodeIndex, claim: Claim) {
        self.remove(edge);
        self.by_name.entry(claim.name.clone()).or_default().insert(edge);
        *self.at.entry(to).or_default() += 1;
        self.claims.insert(edge, (to, claim));
    }

    /// Forgets one. Whether there was one.
    pub(super) fn remove(&mut self, edge: EdgeIndex) -> bool {
        let Some((to, claim)) = self.claims.remove(&edge) else { return false };
        if let Some(edges) = self.by_name.get_mut(&claim.name) {
            edges.remove(&edge);
            if edges.is_empty() {
                self.by_name.remove(&claim.name);
            }
        }
        if let Some(count) = self.at.get_mut(&to) {
            *count -= 1;
            if *count == 0 {
                self.at.remove(&to);
            }
        }
        true
    }

    /// Whether one leads to a node.
    pub(super) fn is_at(&self, node: NodeIndex) -> bool {
        self.at.contains_key(&node)
    }

    /// Where those lead that claim a name.
    pub(super) fn targets_of(&self, name: &str) -> HashSet<NodeIndex> {
        let edges = self.by_name.get(name).into_iter().flatten();
        edges.filter_map(|edge| self.claims.get(edge)).map(|(to, _)| *to).collect()
    }
}

#[cfg(test)]
impl Conflicts {
    /// How many there are, by whatever way they are counted.
    pub(super) fn edges(&self) -> [usize; 3] {
        [self.claims.len(), self.by_name.values().map(HashSet::len).sum(), self.at.values().sum()]
    }
}
