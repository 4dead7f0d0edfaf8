//! What objects say of each other: owner references, and the relations beside them.

use std::fmt;

use super::relation::Relation;

/// An owner reference, from the owner to what it owns; or a [`Relation`], from the object that it is of to the other one.
///
/// ```
/// fn keeps(edge: &kube_ext::owners::Edge) -> bool {
///     edge.flaw().is_none()
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of a reference, or how it is kept")]
pub struct Edge {
    pub(super) relation: Option<Relation>,
    pub(super) is_controller: bool,
    pub(super) blocks_deletion: bool,
    pub(super) is_optional: bool,
    /// What it leads to is the object with a uid, not whatever has the name.
    pub(super) is_by_uid: bool,
    pub(super) flaw: Option<Flaw>,
}

impl Edge {
    /// What is written at it: its relation, whether the object does without it, and what is wrong with it.
    pub(super) fn label(self, problem: Option<String>) -> Option<String> {
        let Some(relation) = self.relation else { return problem };
        let optional = if self.is_optional { ", optional" } else { "" };
        let problem = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
        Some(format!("{relation}{optional}{problem}"))
    }

    /// What leads from an object to a pod that it selects.
    pub(super) fn selects(relation: Relation) -> Self {
        Self { relation: Some(relation), ..Self::default() }
    }

    /// Who of the two it is of: an owner reference is in what is owned.
    pub(super) fn is_said_by_target(self) -> bool {
        matches!(self.relation, None | Some(Relation::Slice))
    }

    /// It leads to what has some labels, or is in a group, not to what has a name.
    pub(super) fn is_selection(self) -> bool {
        matches!(self.relation, Some(Relation::Budget | Relation::Policy | Relation::Member))
    }

    /// The relation; none of an owner reference.
    ///
    /// ```
    /// use kube_ext::owners::{Edge, Relation};
    ///
    /// fn is_of_a_node(edge: &Edge) -> bool {
    ///     edge.relation() == Some(Relation::Node)
    /// }
    /// ```
    pub fn relation(&self) -> Option<Relation> {
        self.relation
    }

    /// Whether the object says that it does without the other one (`optional: true` of a reference to a `ConfigMap` or a Secret).
    ///
    /// ```
    /// fn is_in_the_way(edge: &kube_ext::owners::Edge) -> bool {
    ///     edge.flaw().is_some() && !edge.is_optional()
    /// }
    /// ```
    pub fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// Whether it is an owner reference and the owner is the controller: of several owners, one at most is.
    ///
    /// ```
    /// fn controllers(edges: &[kube_ext::owners::Edge]) -> usize {
    ///     edges.iter().filter(|edge| edge.is_controller()).count()
    /// }
    /// ```
    pub fn is_controller(&self) -> bool {
        self.is_controller
    }

    /// Whether a foreground deletion of the owner waits for what it owns (`blockOwnerDeletion`).
    ///
    /// ```
    /// fn waits(edge: &kube_ext::owners::Edge) -> bool {
    ///     edge.blocks_deletion()
    /// }
    /// ```
    pub fn blocks_deletion(&self) -> bool {
        self.blocks_deletion
    }

    /// Why the garbage collector does not take the reference for one to this owner, or what is wrong with a relation; none if it holds.
    ///
    /// ```
    /// use kube_ext::owners::{Edge, Flaw};
    ///
    /// fn is_of_another_namespace(edge: &Edge) -> bool {
    ///     edge.flaw() == Some(Flaw::OtherNamespace)
    /// }
    /// ```
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }
}

/// What is wrong with an owner reference, by the rules of the garbage collector (`pkg/controller/garbagecollector`): the owner is
/// the object of that kind and name in the namespace of what it owns, or in none if its kind is of that sort, and it has that uid. Or
/// with a [`Relation`], which is held against the namespace that it names.
///
/// ```
/// use kube_ext::owners::Flaw;
///
/// assert_eq!(Flaw::Gone.to_string(), "the owner is gone");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// Nothing has that uid, nor the name.
    Gone,
    /// There is nothing of that name, to which a [`Relation`] leads.
    Missing,
    /// Nothing has that uid, and another object has the name: the owner was deleted and created again.
    Replaced,
    /// The object with that uid is of another kind or group, or has another name, than the reference says.
    OtherIdentity,
    /// The object with that uid is in another namespace.
    OtherNamespace,
    /// The object with that uid is in a namespace, and what it is to own is in none.
    InvalidNamespace,
    /// The server serves no such kind as is named.
    UnknownKind,
    /// It is not known: where the other object would be was not listed.
    Unlisted,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the owner is gone",
            Self::Missing => "it is not there",
            Self::Replaced => "it is gone, and another object has its name",
            Self::OtherIdentity => "it has another kind or name than the reference says",
            Self::OtherNamespace => "it is in another namespace",
            Self::InvalidNamespace => "the owner is in a namespace, and what it owns is in none",
            Self::UnknownKind => "the server does not serve its kind",
            Self::Unlisted => "it has not been looked for",
        })
    }
}
