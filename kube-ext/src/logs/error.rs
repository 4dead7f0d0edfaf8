//! What went wrong: the operation, the object, the cause.

use std::{fmt, time::Duration};

use kube::runtime::watcher;

use crate::server;

/// Why lines cannot be had.
///
/// It names what was read of what, and why that failed: `logs of pod default/web-0 container app: pods "web-0" is
/// forbidden: ..`. [`cause`](Self::cause) tells the causes apart.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use futures::TryStreamExt;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::Api;
/// use kube_ext::{fake::FakeCluster, logs::{Cause, LogExt, Tail}};
///
/// let cluster = FakeCluster::builder().start().await?;
/// let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
/// let error = pods.tail(Tail::new().pod("web-0")).try_next().await.unwrap_err();
/// assert!(matches!(error.cause(), Cause::NotFound { .. }));
/// assert_eq!(error.to_string(), r#"logs of pod default/web-0: pods "web-0" not found"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Error(Box<Failure>);

/// In a box, it takes no room where there is none.
#[derive(Debug)]
struct Failure {
    /// `pod default/web-0 container app`, `pods in default`.
    object: String,
    cause: Cause,
}

impl Error {
    pub(super) fn new(object: impl fmt::Display, cause: Cause) -> Self {
        Self(Box::new(Failure { object: object.to_string(), cause }))
    }

    /// What happened.
    ///
    /// ```
    /// use kube_ext::logs::{Cause, Error};
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
        write!(f, "logs of {}: {}", self.0.object, self.0.cause)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.source()
    }
}

/// What keeps lines from being had.
///
/// ```
/// use kube_ext::logs::{Cause, Error};
///
/// fn hint(error: &Error) -> &'static str {
///     match error.cause() {
///         Cause::Forbidden { .. } => "ask for `get` on `pods/log`, and `list` and `watch` on `pods`",
///         Cause::NotFound { .. } => "is the name right?",
///         _ => "",
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// It cannot be asked for: nothing was sent.
    #[error("{problem}")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong with it.
        problem: String,
    },
    /// The user may not do this.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    Forbidden {
        /// The server's refusal, which names verb and resource.
        #[source]
        source: kube::Error,
    },
    /// There is no such pod, or no such workload.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    NotFound {
        /// The server's answer.
        #[source]
        source: kube::Error,
    },
    /// The request failed, or the server or the node refused it for another reason.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    Request {
        /// What happened.
        #[source]
        source: kube::Error,
    },
    /// The pods cannot be watched for now.
    #[error("{source}")]
    #[non_exhaustive]
    Watch {
        /// What happened.
        #[source]
        source: Box<watcher::Error>,
    },
    /// The connection was cut.
    #[error("connection lost: {reason}")]
    #[non_exhaustive]
    Lost {
        /// How it ended.
        reason: String,
    },
    /// The node could not read the log to its end, and said so in the place of a line.
    #[error("{message}")]
    #[non_exhaustive]
    Node {
        /// The node's words.
        message: String,
    },
    /// The lines ended, or the time, before one came that was waited for.
    #[error("no line matched {pattern:?}{}", .after.map_or_else(String::new, |after| format!(" within {after:?}")))]
    #[non_exhaustive]
    NoMatch {
        /// The regular expression.
        pattern: String,
        /// How long it was waited for, if that was the limit.
        after: Option<Duration>,
    },
}

impl Cause {
    /// What a failed request means.
    pub(super) fn of(source: kube::Error) -> Self {
        match &source {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden { source },
            kube::Error::Api(status) if status.code == 404 => Self::NotFound { source },
            _ => Self::Request { source },
        }
    }

    /// Whether the server does not know the user, or what the user may do.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Forbidden { .. } => true,
            Self::Request { source: kube::Error::Api(status) } => status.code == 401,
            Self::Request { source } => matches!(source, kube::Error::Auth(_)),
            _ => false,
        }
    }

    /// Whether the same request may succeed later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Request { source: kube::Error::Api(status) } => {
                matches!(status.code, 408 | 410 | 429 | 500..)
            }
            Self::Request { source } => {
                !matches!(source, kube::Error::BuildRequest(_) | kube::Error::Auth(_))
            }
            Self::Watch { .. } | Self::Lost { .. } | Self::Node { .. } => true,
            _ => false,
        }
    }
}
