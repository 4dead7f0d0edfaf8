//! Objects in a graph, and the references between them.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::kinds::Kind;

/// An object in an [`OwnerGraph`](crate::owners::OwnerGraph).
///
/// ```
/// fn title(node: &kube_ext::owners::Node) -> String {
///     format!("{} in {}", node, node.namespace().unwrap_or("no namespace"))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub(super) kind: Arc<Kind>,
    pub(super) namespace: Option<Arc<str>>,
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    pub(super) created: Option<DateTime<Utc>>,
    pub(super) presence: Presence,
    pub(super) is_deleting: bool,
}

/// Whether an object is there.
///
/// ```
/// use kube_ext::owners::{Node, Presence};
///
/// fn is_there(node: &Node) -> bool {
///     node.presence() == Presence::Listed
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presence {
    /// It was in a list.
    Listed,
    /// It is known by references to it, and was in none of the lists that it would have been in: it is gone.
    Gone,
    /// It is known by references to it, and where it would be was not listed, or not all of it.
    Unknown,
}

/// A uid: 16 bytes if it is one of those that Kubernetes makes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Uid {
    Uuid(Uuid),
    Other(Box<str>),
}

impl Uid {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Other(text) if text.is_empty())
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        let mut buffer = Uuid::encode_buffer();
        match Uuid::try_parse(text) {
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut buffer) == text => Self::Uuid(uuid),
            _ => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Node {
    /// Its kind.
    ///
    /// ```
    /// fn is_pod(node: &kube_ext::owners::Node) -> bool {
    ///     node.kind().resource.kind == "Pod"
    /// }
    /// ```
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The namespace that it is in, if it is in one.
    ///
    /// ```
    /// fn is_of_the_system(node: &kube_ext::owners::Node) -> bool {
    ///     node.namespace() == Some("kube-system")
    /// }
    /// ```
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Its name.
    ///
    /// ```
    /// fn is_web(node: &kube_ext::owners::Node) -> bool {
    ///     node.name().starts_with("web-")
    /// }
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its uid.
    ///
    /// ```
    /// fn is(node: &kube_ext::owners::Node, uid: &str) -> bool {
    ///     node.uid() == uid
    /// }
    /// ```
    pub fn uid(&self) -> String {
        self.uid.to_string()
    }

    /// When it was created; not of one that is only known by references.
    ///
    /// ```
    /// fn is_older(node: &kube_ext::owners::Node, than: chrono::DateTime<chrono::Utc>) -> bool {
    ///     node.created().is_some_and(|created| created < than)
    /// }
    /// ```
    pub fn created(&self) -> Option<DateTime<Utc>> {
        self.created
    }

    /// Whether it is being deleted.
    ///
    /// ```
    /// fn count(nodes: &[kube_ext::owners::Node]) -> usize {
    ///     nodes.iter().filter(|node| node.is_deleting()).count()
    /// }
    /// ```
    pub fn is_deleting(&self) -> bool {
        self.is_deleting
    }

    /// Whether it is there.
    ///
    /// ```
    /// use kube_ext::owners::{Node, Presence};
    ///
    /// fn is_gone(node: &Node) -> bool {
    ///     node.presence() == Presence::Gone
    /// }
    /// ```
    pub fn presence(&self) -> Presence {
        self.presence
    }
}

/// As `kubectl tree` names it: `ReplicaSet/web-5d4f8c7b9`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.resource.kind, self.name)
    }
}

/// An owner reference: an edge from the owner to what it owns.
///
/// ```
/// fn keeps(edge: &kube_ext::owners::Edge) -> bool {
///     edge.flaw().is_none()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub(super) is_controller: bool,
    pub(super) blocks_deletion: bool,
    pub(super) flaw: Option<Flaw>,
}

impl Edge {
    /// Whether the owner is the controller: of several owners, one at most is.
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

    /// Why the garbage collector does not take the reference for one to this owner; none if it does.
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
/// the object of that kind and name in the namespace of what it owns, or in none if its kind is of that sort, and it has that uid.
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
    /// Nothing has that uid, and another object has the name: the owner was deleted and created again.
    Replaced,
    /// The object with that uid is of another kind, or has another name, than the reference says.
    OtherIdentity,
    /// The object with that uid is in another namespace.
    OtherNamespace,
    /// The object with that uid is in a namespace, and what it is to own is in none.
    InvalidNamespace,
    /// The server serves no such kind as the reference names.
    UnknownKind,
    /// It is not known: where the owner would be was not listed.
    Unlisted,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the owner is gone",
            Self::Replaced => "the owner is gone, and another object has its name",
            Self::OtherIdentity => "the owner has another kind or name than the reference says",
            Self::OtherNamespace => "the owner is in another namespace",
            Self::InvalidNamespace => "the owner is in a namespace, and what it owns is in none",
            Self::UnknownKind => "the server does not serve the owner's kind",
            Self::Unlisted => "the owner has not been looked for",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids() {
        let uid = "b805bceb-77b9-42a5-b6ef-a18311c0d500";
        assert!(matches!(Uid::from(uid), Uid::Uuid(_)));
        let others = ["", "x", &uid.to_uppercase(), &uid.replace('-', ""), &format!("{{{uid}}}")];
        for text in [uid, others[0], others[1], others[2], others[3], others[4]] {
            assert_eq!(Uid::from(text).to_string(), text);
            assert_eq!(matches!(Uid::from(text), Uid::Uuid(_)), text == uid, "{text}");
        }
    }
}
