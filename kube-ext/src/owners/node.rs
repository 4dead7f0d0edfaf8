//! Objects in a graph.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{kinds::Kind, status::NodeStatus};

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
    pub(super) status: Option<Box<NodeStatus>>,
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
    /// It is known by what others say of it, and was in none of the lists that it would have been in: it is gone, or has never been there.
    Gone,
    /// It is known by what others say of it, and where it would be was not listed, or not all of it.
    Unknown,
    /// It is a user or a group, which are no objects of the API: what authenticates somebody knows of them.
    NoObject,
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
    /// What is known by what others say of it.
    pub(super) fn absent(kind: Arc<Kind>, namespace: Option<Arc<str>>, name: Box<str>, uid: Uid) -> Self {
        let presence = if kind.is_subject() { Presence::NoObject } else { Presence::Unknown };
        Self { kind, namespace, name, uid, created: None, presence, is_deleting: false, status: None }
    }

    pub(super) fn is_known_by_name(&self) -> bool {
        self.presence != Presence::Listed && self.uid.is_empty()
    }

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

    /// Its uid; empty if it has none, or is known by its name alone.
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

    /// How it is; none unless that was [asked for](crate::owners::Builder::status).
    ///
    /// ```
    /// fn words(node: &kube_ext::owners::Node) -> Option<String> {
    ///     Some(format!("{node} is {}", node.status()?.health()))
    /// }
    /// ```
    pub fn status(&self) -> Option<&NodeStatus> {
        self.status.as_deref()
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
