//! What went wrong: the operation, the object, the cause.

use std::{error, fmt, time::Duration};

use crate::server;

/// Why a list, a watch or an object of a reflection failed.
///
/// It names what was done with which objects, and why that failed: `list pods in namespace shop: pods is forbidden: ..`.
/// [`cause`](Self::cause) tells the causes apart.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::reflector};
/// use kube_ext::{fake::FakeCluster, store::reflect};
///
/// let cluster = FakeCluster::builder().user("jane", []).start().await?;
/// let pods: Api<Pod> = Api::namespaced(cluster.client_as("jane")?, "shop");
/// let error = reflect(pods, reflector::store().1).start().ready().await.unwrap_err();
/// assert!(error.is_refusal());
/// assert!(error.to_string().starts_with("list pods in namespace shop: pods is forbidden: "), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Error(Box<Failure>);

/// In a box, it takes no room where there is none.
#[derive(Debug)]
struct Failure {
    /// `list pods in namespace shop`.
    what: String,
    cause: Cause,
}

/// What happened to a list, a watch or an object.
///
/// ```
/// use kube_ext::store::reflect::{Cause, Error};
///
/// fn is_missing(error: &Error) -> bool {
///     matches!(error.cause(), Cause::Server(kube::Error::Api(status)) if status.is_not_found())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server said no, could not be reached, or said what cannot be read.
    #[error("{}", server::words(.0))]
    Server(#[source] kube::Error),
    /// The server said nothing for so long.
    #[error("the server has said nothing for {0:?}")]
    Silent(Duration),
    /// An event is not of the type that is asked for. kube does not tell which one, or why.
    #[error("an event cannot be read")]
    Unreadable,
    /// A streamed list ended before it was whole.
    #[error("it ended before it was whole")]
    Broken,
    /// A watch ended within a second, without a word.
    #[error("it ended at once, without a word")]
    Short,
    /// A list has no `resourceVersion`, so that no watch can go on from it.
    #[error("the list has no resourceVersion")]
    NoVersion,
    /// What the watch is kept in did not take an object, or a list that was whole.
    #[error("{0}")]
    Refused(#[source] Box<dyn error::Error + Send + Sync>),
    /// What the watch is kept in panicked, with this message.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// The runtime ended the task.
    #[error("the runtime has ended its task")]
    Cancelled,
}

impl Cause {
    /// What a watch says instead of an event. kube takes any object that it cannot read for a `Status`, of which it finds nothing then.
    pub(super) fn in_watch(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 0 && status.message.is_empty() => Self::Unreadable,
            error => Self::Server(error),
        }
    }
}

impl Error {
    pub(super) fn new(what: String, cause: Cause) -> Self {
        Self(Box::new(Failure { what, cause }))
    }

    /// What happened.
    ///
    /// ```
    /// use kube_ext::store::reflect::{Cause, Error};
    ///
    /// fn was_not_stored(error: &Error) -> bool {
    ///     matches!(error.cause(), Cause::Refused(_))
    /// }
    /// ```
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// Whether the server understood and said no, so that the same request is likely to be answered the same: all codes from 400 to 499 but
    /// 408, 409, 410 and 429.
    ///
    /// No rights (403), no such kind (404), and selectors that are none (400) are refusals; a server that is busy, away or broken is not.
    ///
    /// ```
    /// fn exit_code(error: &kube_ext::store::reflect::Error) -> u8 {
    ///     if error.is_refusal() { 2 } else { 1 }
    /// }
    /// ```
    pub fn is_refusal(&self) -> bool {
        self.code().is_some_and(|code| (400..500).contains(&code) && ![408, 409, 410, 429].contains(&code))
    }

    fn code(&self) -> Option<u16> {
        match &self.0.cause {
            Cause::Server(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// Whether what the server knows begins later than what was asked for, so that all is to be listed again.
    pub(super) fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// Whether a watch from this version is likely to be answered the same for ever, and a list would make it good. What is wrong with the rest of
    /// the request, if it is that, the list is told again.
    pub(super) fn is_about_version(&self) -> bool {
        matches!(self.code(), Some(400 | 410))
    }

    /// Whether the server has answered, with an error that may be about the version: not about rights, the kind, or how often it is asked.
    pub(super) fn is_answer(&self) -> bool {
        self.code().is_some_and(|code| ![401, 403, 404, 429].contains(&code))
    }

    /// Whether an event could not be read.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(&self.0.cause, Cause::Unreadable | Cause::Server(kube::Error::SerdeError(_)))
    }

    /// Whether the server has no streaming lists, and nothing else is wrong: the words of `ValidateListOptions` in `k8s.io/apimachinery`
    /// (`pkg/apis/meta/internalversion/validation`). A server older than the feature minds the `resourceVersionMatch` that goes with it.
    pub(super) fn is_about_streaming(&self) -> bool {
        let Cause::Server(kube::Error::Api(status)) = &self.0.cause else { return false };
        let words = ["sendInitialEvents", "resourceVersionMatch"];
        matches!(status.code, 400 | 422) && words.iter().any(|word| status.message.contains(word))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.what, self.0.cause)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        error::Error::source(&self.0.cause)
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn error(code: u16, message: &str) -> Error {
        let status = Status::failure(message, "").with_code(code);
        Error::new("watch pods".to_owned(), Cause::Server(kube::Error::Api(status.boxed())))
    }

    #[test]
    fn refusals() {
        for code in [400, 401, 403, 404, 405, 406, 422] {
            assert!(error(code, "").is_refusal(), "{code}");
        }
        for code in [200, 408, 409, 410, 429, 500, 503, 504] {
            assert!(!error(code, "").is_refusal(), "{code}");
        }
        assert!(!Error::new(String::new(), Cause::Short).is_refusal());
    }

    #[test]
    fn what_a_list_may_make_good() {
        assert!(error(400, "").is_about_version() && error(410, "").is_about_version());
        assert!(!error(500, "").is_about_version());
        for code in [400, 422, 500, 503, 504] {
            assert!(error(code, "").is_answer(), "{code}");
        }
        for code in [401, 403, 404, 429] {
            assert!(!error(code, "").is_answer(), "{code}");
        }
        assert!(!Error::new(String::new(), Cause::Broken).is_answer());
    }

    #[test]
    fn servers_without_streaming_lists() {
        let gate = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless \
                    the WatchList feature gate is enabled";
        let old = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch";
        assert!(error(422, gate).is_about_streaming());
        assert!(error(422, old).is_about_streaming());
        assert!(!error(403, gate).is_about_streaming());
        assert!(!error(400, "unable to parse requirement: found '=='").is_about_streaming());
        assert!(!Error::new(String::new(), Cause::Broken).is_about_streaming());
    }

    #[test]
    fn what_kube_cannot_read() {
        let empty = kube::Error::Api(Status::default().boxed());
        assert!(Error::new(String::new(), Cause::in_watch(empty)).is_unreadable());
        let gone = kube::Error::Api(Status::failure("", "Expired").with_code(410).boxed());
        assert!(!Error::new(String::new(), Cause::in_watch(gone)).is_unreadable());
    }

    #[test]
    fn words() {
        assert_eq!(error(500, "no\n").to_string(), "watch pods: no");
    }
}
