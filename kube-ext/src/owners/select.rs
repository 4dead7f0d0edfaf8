//! What nobody says by name: which pods are meant by their labels, and which service accounts are in a group.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use kube::core::{Selector, SelectorExt as _};
use petgraph::{Direction::Incoming, graph::NodeIndex, visit::EdgeRef as _};

use super::{edge::Edge, join::Joiner, node::Node, relation::Relation};

pub(super) type Labels = BTreeMap<String, String>;

/// Groups that all service accounts are in, and those of a namespace.
const OF_ALL: [&str; 2] = ["system:serviceaccounts", "system:authenticated"];
const OF_NAMESPACE: &str = "system:serviceaccounts:";

/// The labels of pods, and what selects pods by them; service accounts, for their groups; by namespace.
#[derive(Debug, Default)]
pub(super) struct Selection {
    spaces: HashMap<Arc<str>, Space>,
    /// Pods of one owner have the same labels, which are kept once.
    known: HashSet<Arc<Labels>>,
}

#[derive(Debug, Default)]
struct Space {
    pods: HashMap<NodeIndex, Arc<Labels>>,
    accounts: HashSet<NodeIndex>,
    selectors: HashMap<NodeIndex, Vec<(Relation, Selector)>>,
}

impl Selection {
    /// Takes the labels of a pod. What selects it.
    pub(super) fn pod(
        &mut self,
        namespace: &Arc<str>,
        pod: NodeIndex,
        labels: Labels,
    ) -> Vec<(NodeIndex, Relation)> {
        let labels = self.one(labels);
        let space = self.spaces.entry(namespace.clone()).or_default();
        let before = space.pods.insert(pod, labels.clone());
        let all =
            space.selectors.iter().flat_map(|(by, selectors)| selectors.iter().map(move |it| (*by, it)));
        let found = all
            .filter(|(_, (_, selector))| selector.matches(&labels))
            .map(|(by, (relation, _))| (by, *relation))
            .collect();
        self.let_go(before);
        found
    }

    /// Takes what an object selects pods by. The pods that it selects.
    pub(super) fn selector(
        &mut self,
        namespace: &Arc<str>,
        by: NodeIndex,
        selectors: Vec<(Relation, Selector)>,
    ) -> Vec<(NodeIndex, Relation)> {
        if selectors.is_empty() {
            if let Some(space) = self.spaces.get_mut(namespace) {
                space.selectors.remove(&by);
            }
            return Vec::new();
        }
        let space = self.spaces.entry(namespace.clone()).or_default();
        let pods = space.pods.iter();
        let found = pods.flat_map(|(pod, labels)| {
            let all = selectors.iter().filter(|(_, selector)| selector.matches(labels));
            all.map(|(relation, _)| (*pod, *relation))
        });
        let found = found.collect();
        space.selectors.insert(by, selectors);
        found
    }

    /// Takes a service account.
    fn account(&mut self, namespace: &Arc<str>, account: NodeIndex) {
        self.spaces.entry(namespace.clone()).or_default().accounts.insert(account);
    }

    /// The service accounts that are in a group.
    fn members(&self, group: &str) -> Vec<NodeIndex> {
        let spaces: Vec<_> = match group.strip_prefix(OF_NAMESPACE) {
            Some(namespace) => self.spaces.get(namespace).into_iter().collect(),
            None if OF_ALL.contains(&group) => self.spaces.values().collect(),
            None => Vec::new(),
        };
        spaces.into_iter().flat_map(|space| &space.accounts).copied().collect()
    }

    /// An object is gone.
    pub(super) fn forget(&mut self, namespace: &str, index: NodeIndex) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        space.selectors.remove(&index);
        space.accounts.remove(&index);
        let labels = space.pods.remove(&index);
        if space.pods.is_empty() && space.selectors.is_empty() && space.accounts.is_empty() {
            self.spaces.remove(namespace);
        }
        self.let_go(labels);
    }

    fn one(&mut self, labels: Labels) -> Arc<Labels> {
        if let Some(known) = self.known.get(&labels) {
            return known.clone();
        }
        let new = Arc::new(labels);
        self.known.insert(new.clone());
        new
    }

    /// Labels that no pod has any more are not kept.
    fn let_go(&mut self, labels: Option<Arc<Labels>>) {
        if let Some(labels) = labels
            && Arc::strong_count(&labels) == 2
        {
            self.known.remove(&labels);
        }
    }
}

impl Joiner {
    /// A pod is selected by these, and by no others. Whether they are others than before.
    pub(super) fn selected(&mut self, pod: NodeIndex, by: Vec<(NodeIndex, Relation)>) -> bool {
        let mut wanted: HashSet<_> = by.into_iter().collect();
        let edges = self.graph.as_petgraph().edges_directed(pod, Incoming);
        let selecting = edges.filter_map(|edge| Some((edge.id(), edge.source(), selecting(*edge.weight())?)));
        let no_longer: Vec<_> =
            selecting.filter(|(_, by, relation)| !wanted.remove(&(*by, *relation))).collect();
        let is_changed = !wanted.is_empty() || !no_longer.is_empty();
        for (edge, ..) in no_longer {
            self.disconnect(edge);
        }
        for (by, relation) in wanted {
            self.graph.connect(by, pod, Edge::selects(relation));
        }
        is_changed
    }

    /// A service account is in the groups that its token is for (`k8s.io/apiserver`, `pkg/authentication/serviceaccount`), where they
    /// are spoken of.
    pub(super) fn join_groups(&mut self, account: NodeIndex) {
        let namespace = self.account_in(account).filter(|_| self.relations.has(Relation::Member));
        let Some(namespace) = namespace else { return };
        for group in groups_of(&namespace) {
            let at = ("rbac.authorization.k8s.io", "Group", None, &*group);
            let known: Vec<_> = self.graph.all_at(at).collect();
            for group in known {
                self.graph.connect(group, account, Edge::selects(Relation::Member));
            }
        }
        self.selection.account(&namespace, account);
    }

    /// If a group is one of service accounts, it has members.
    pub(super) fn take_members(&mut self, group: NodeIndex) {
        let node = self.graph.node(group).filter(|node| is_group(node));
        let Some(node) = node.filter(|_| self.relations.has(Relation::Member)) else { return };
        for account in self.selection.members(node.name()) {
            self.graph.connect(group, account, Edge::selects(Relation::Member));
        }
    }

    /// The namespace of a service account that is there.
    fn account_in(&self, index: NodeIndex) -> Option<Arc<str>> {
        let node = self.graph.node(index)?;
        let resource = &node.kind.resource;
        let is_one =
            resource.group.is_empty() && resource.kind == "ServiceAccount" && self.graph.is_listed(index);
        node.namespace.clone().filter(|_| is_one)
    }
}

fn selecting(edge: Edge) -> Option<Relation> {
    edge.relation().filter(|relation| matches!(relation, Relation::Budget | Relation::Policy))
}

/// Whether it may be a group of service accounts.
fn is_group(node: &Node) -> bool {
    node.kind.is_subject() && node.kind.resource.kind == "Group" && node.name.starts_with("system:")
}

fn groups_of(namespace: &str) -> [String; 3] {
    let [all, authenticated] = OF_ALL.map(ToOwned::to_owned);
    [all, authenticated, format!("{OF_NAMESPACE}{namespace}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(app: &str) -> Labels {
        Labels::from([("app".to_owned(), app.to_owned())])
    }

    #[test]
    fn labels_are_kept_once_and_only_as_long_as_they_are_in_use() {
        let mut selection = Selection::default();
        let space: Arc<str> = "default".into();
        let [budget, one, other] = [0, 1, 2].map(NodeIndex::new);
        let by_app: Selector = labels("web").into_iter().collect();
        assert!(selection.selector(&space, budget, vec![(Relation::Budget, by_app)]).is_empty());
        assert_eq!(selection.pod(&space, one, labels("web")), [(budget, Relation::Budget)]);
        assert_eq!(selection.pod(&space, other, labels("web")), [(budget, Relation::Budget)]);
        assert_eq!(selection.known.len(), 1);
        assert!(selection.pod(&space, one, labels("db")).is_empty());
        assert_eq!(selection.known.len(), 2);
        selection.forget("default", one);
        assert_eq!(selection.known.len(), 1);
        selection.forget("default", budget);
        selection.forget("default", other);
        assert!(selection.known.is_empty() && selection.spaces.is_empty());
    }
}
