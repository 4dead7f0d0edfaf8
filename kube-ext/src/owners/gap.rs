//! What a graph does not have, and why.

use std::fmt;

use super::error::Cause;

/// What could not be listed, or cannot be followed.
///
/// ```
/// fn show(gap: &kube_ext::owners::Gap) {
///     // pods.metrics.k8s.io in all namespaces: not listed: the server is currently unable to handle the request
///     eprintln!("{gap}");
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Gap {
    /// The kind, as kubectl names it (`deployments.apps`), or a group with a version (`metrics.k8s.io/v1beta1`) if what is served there is
    /// not known.
    pub what: String,
    /// The namespace whose objects were asked for; none if those of all were, or the kind is in none.
    pub namespace: Option<String>,
    /// The namespace of which the graph has the objects, because those of all namespaces may not be listed.
    pub only: Option<String>,
    /// It was listed, but changes of it do not come: of a graph that is followed.
    pub is_listed: bool,
    /// Why.
    pub cause: Cause,
}

impl Gap {
    pub(super) fn of(what: &str, cause: Cause) -> Self {
        Self { what: what.to_owned(), namespace: None, only: None, is_listed: false, cause }
    }

    /// Of a group with a version.
    pub(super) fn stale(what: &str) -> Self {
        let reason = "the server that serves it does not answer".to_owned();
        Self::of(what, Cause::Lost { reason })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace {namespace}")?;
        }
        match &self.only {
            _ if self.is_listed => f.write_str(": not followed: ")?,
            Some(only) => write!(f, ": not listed but for namespace {only}: ")?,
            None => f.write_str(": not listed: ")?,
        }
        self.cause.fmt(f)
    }
}
