//! What went wrong: the operation, the object, the cause.

use std::fmt;

use super::list::PATIENCE;
use crate::server;

/// Why an owner, or the owners of many objects, cannot be had.
///
/// It names what was read, and why that failed: `owner ReplicaSet default/web-1 of default/web-1-x2x4: replicasets.apps
/// "web-1" not found`. [`cause`](Self::cause) tells the causes apart.
///
/// ```
/// use kube_ext::owners::{Cause, Error};
///
/// fn is_gone(error: &Error) -> bool {
///     matches!(error.cause(), Cause::NotFound { .. } | Cause::OtherUid { .. })
/// }
/// ```
#[derive(Debug)]
pub struct Error(Box<Failure>);

/// In a box, it takes no room where there is none.
#[derive(Debug)]
struct Failure {
    /// What was done with which object.
    what: String,
    cause: Cause,
}

impl Error {
    pub(super) fn new(what: String, cause: Cause) -> Self {
        Self(Box::new(Failure { what, cause }))
    }

    pub(super) fn into_cause(self) -> Cause {
        self.0.cause
    }

    /// What happened.
    ///
    /// ```
    /// use kube_ext::owners::{Cause, Error};
    ///
    /// fn needs_a_role(error: &Error) -> bool {
    ///     matches!(error.cause(), Cause::Forbidden { .. })
    /// }
    /// ```
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.what, self.0.cause)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.cause)
    }
}

/// What can go wrong.
///
/// ```
/// use kube_ext::owners::Cause;
///
/// fn hint(cause: &Cause) -> &'static str {
///     match cause {
///         Cause::Forbidden { .. } => "ask for a role",
///         Cause::NotFound { .. } | Cause::OtherUid { .. } => "its owner is gone",
///         _ => "see the message",
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// There is no such object, or no such resource any more.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    NotFound {
        /// The server's answer.
        #[source]
        source: kube::Error,
    },
    /// The user may not do this.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    Forbidden {
        /// The server's refusal, which names the verb.
        #[source]
        source: kube::Error,
    },
    /// An object of that name is there, but it is another one: the owner was deleted, and its name taken again.
    #[error("it has the uid {uid}, so that it is another object")]
    #[non_exhaustive]
    OtherUid {
        /// The uid of the object that is there.
        uid: String,
    },
    /// What is in no namespace cannot be owned by what is in one (`OwnerRefInvalidNamespace` of the garbage collector).
    #[error("it would be in a namespace, and what it is to own is in none")]
    InvalidNamespace,
    /// The server serves no such kind.
    #[error("the server serves no such kind")]
    UnknownKind,
    /// Owners go round in a circle, so that there is no first one.
    #[error("its owners go round in a circle")]
    Circle,
    /// No request can be made of what was asked for.
    #[error("{problem}")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong with it.
        problem: String,
    },
    /// The request failed, or the server refused it for a reason that has no variant of its own.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    Request {
        /// What happened.
        #[source]
        source: kube::Error,
    },
    /// The server did not answer in time, or not with what was asked for.
    #[error("{reason}")]
    #[non_exhaustive]
    Lost {
        /// How that was seen.
        reason: String,
    },
}

impl Cause {
    /// There was no answer in time.
    pub(super) fn late() -> Self {
        Self::Lost { reason: format!("no whole answer within {PATIENCE:?}") }
    }

    /// The server will say the same again, until somebody changes something.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code(), Some(403..=405))
    }

    /// What was asked for is too old to be known.
    pub(super) fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// The HTTP status of the server's answer, if that is what it is.
    fn code(&self) -> Option<u16> {
        match self {
            Self::NotFound { source: kube::Error::Api(status) }
            | Self::Forbidden { source: kube::Error::Api(status) }
            | Self::Request { source: kube::Error::Api(status) } => Some(status.code),
            _ => None,
        }
    }

    pub(super) fn of(source: kube::Error) -> Self {
        match &source {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden { source },
            kube::Error::Api(status) if status.code == 404 => Self::NotFound { source },
            _ => Self::Request { source },
        }
    }
}
