//! What went wrong: the operation, the object, the cause.

use std::{fmt, io, sync::Arc, time::Duration};

use crate::{pod, server};

/// Which of a process's outputs.
///
/// ```
/// assert_eq!(kube_ext::exec::Stream::Stderr.to_string(), "stderr");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

/// Why a command has no exit status, or an attachment did not end in good order.
///
/// It names what was done to what, and why it failed: `exec sh in pod default/web-0 container app: container is not
/// running: waiting (CrashLoopBackOff)`. [`cause`](Error::cause) tells the causes apart; [`stdout`](Error::stdout) and
/// [`stderr`](Error::stderr) hold what [`output`](crate::exec::Command::output) had collected until then.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::Api;
/// use kube_ext::{exec::{Cause, ExecExt}, fake::FakeCluster};
///
/// let cluster = FakeCluster::builder().start().await?;
/// let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
/// let error = pods.command("web-0", "ls").output().await.unwrap_err();
/// assert!(matches!(error.cause(), Cause::PodNotFound { .. }));
/// assert_eq!(error.to_string(), r#"exec ls in pod default/web-0: pods "web-0" not found"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    operation: Arc<Operation>,
    cause: Arc<Cause>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// What is done to what.
#[derive(Debug)]
pub(crate) struct Operation {
    /// `exec sh`, `attach`.
    pub(crate) verb: String,
    pub(crate) namespace: String,
    pub(crate) pod: String,
    /// None until one is chosen.
    pub(crate) container: Option<String>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, namespace, pod, container } = self;
        write!(f, "{verb} in pod {namespace}/{pod}")?;
        container.as_ref().map_or(Ok(()), |container| write!(f, " container {container}"))
    }
}

impl Error {
    pub(crate) fn new(operation: &Arc<Operation>, cause: Cause) -> Self {
        let (stdout, stderr) = (Vec::new(), Vec::new());
        Self(Box::new(Inner { operation: operation.clone(), cause: Arc::new(cause), stdout, stderr }))
    }

    pub(crate) fn with_output(mut self, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        (self.0.stdout, self.0.stderr) = (stdout, stderr);
        self
    }

    /// What happened.
    ///
    /// ```
    /// use kube_ext::exec::{Cause, Error};
    ///
    /// fn is_worth_another_try(error: &Error) -> bool {
    ///     matches!(error.cause(), Cause::Lost { .. } | Cause::NotRunning { .. })
    /// }
    /// ```
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// What had been collected of stdout: empty but for errors of [`Command::output`](crate::exec::Command::output). Of
    /// a process that was spawned, it is in the pipes.
    ///
    /// ```
    /// fn show(error: &kube_ext::exec::Error) {
    ///     eprintln!("{error}, after {} bytes", error.stdout().len());
    /// }
    /// ```
    pub fn stdout(&self) -> &[u8] {
        &self.0.stdout
    }

    /// What had been collected of stderr, as [`stdout`](Self::stdout).
    ///
    /// ```
    /// fn show(error: &kube_ext::exec::Error) {
    ///     eprintln!("{error}: {}", String::from_utf8_lossy(error.stderr()));
    /// }
    /// ```
    pub fn stderr(&self) -> &[u8] {
        &self.0.stderr
    }

    /// Another cause of the same.
    #[cfg(all(feature = "tty", unix))]
    pub(crate) fn with_cause(mut self, cause: Cause) -> Self {
        self.0.cause = Arc::new(cause);
        self
    }

    /// The same, for who reads or writes a pipe.
    pub(crate) fn to_io(&self) -> io::Error {
        let kind = match self.cause() {
            Cause::Lost { .. } => io::ErrorKind::ConnectionAborted,
            Cause::TimedOut { .. } => io::ErrorKind::TimedOut,
            Cause::Killed => io::ErrorKind::BrokenPipe,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self.clone())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.cause)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("operation", &self.0.operation)
            .field("cause", &self.0.cause)
            .field("stdout", &self.0.stdout.len())
            .field("stderr", &self.0.stderr.len())
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.source()
    }
}

/// What kept a command from its exit status.
///
/// That a command ends with a code other than 0 is none of these: it is an
/// [`ExitStatus`](crate::exec::ExitStatus).
///
/// ```
/// use kube_ext::exec::{Cause, Error};
///
/// fn hint(error: &Error) -> &'static str {
///     match error.cause() {
///         Cause::ProgramNotFound { .. } => "the image has no such program",
///         Cause::NotRunning { .. } => "wait for the container",
///         Cause::Forbidden { .. } => "ask for a role",
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
        /// What the user has no right to: `pods/exec` or `pods/attach`, or `pods` when the pod had to be read to choose a
        /// container.
        resource: &'static str,
        /// The server's refusal, which names the verb.
        #[source]
        source: kube::Error,
    },
    /// There is no such pod.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    PodNotFound {
        /// The server's answer.
        #[source]
        source: kube::Error,
    },
    /// The pod has no such container.
    #[error("{}", without_pod(source))]
    #[non_exhaustive]
    NoSuchContainer {
        /// Which one, and which there are.
        source: pod::Error,
    },
    /// The container does not run: it waits, or has ended.
    #[error("container is not running: {state}")]
    #[non_exhaustive]
    NotRunning {
        /// Its state and the reason for it, as `waiting (CrashLoopBackOff)` or `terminated (Completed, exit code 0)`.
        state: String,
    },
    /// The pod has ended, or runs nowhere yet.
    #[error("pod is not running: current phase is {phase}")]
    #[non_exhaustive]
    PodNotRunning {
        /// `Succeeded`, `Failed` or `Pending`.
        phase: String,
    },
    /// The container has no such program.
    #[error("program not found in the container: {message}")]
    #[non_exhaustive]
    ProgramNotFound {
        /// The words of the container's runtime.
        message: String,
    },
    /// The program is there, but cannot be executed.
    #[error("program cannot be executed: {message}")]
    #[non_exhaustive]
    NotExecutable {
        /// The words of the container's runtime.
        message: String,
    },
    /// The node could not run the command or lost hold of it, for a reason that only its own words tell.
    #[error("{message}")]
    #[non_exhaustive]
    Failed {
        /// The node's words.
        message: String,
    },
    /// The request failed, or the server refused it for a reason that has no variant of its own.
    #[error("{}", server::words(source))]
    #[non_exhaustive]
    Request {
        /// What happened.
        #[source]
        source: kube::Error,
    },
    /// The connection to the server ended before the exit status came. The process may have ended, with any code, or still run.
    ///
    /// When it is the server that loses a connection of its own, it is the server's to say so; [it may call that a
    /// success](crate::exec#what-a-server-loses).
    #[error("connection lost before the exit status: {reason}")]
    #[non_exhaustive]
    Lost {
        /// How it ended.
        reason: String,
    },
    /// The [`timeout`](crate::exec::Command::timeout) passed. The process may still run.
    #[error("timed out after {after:?}")]
    #[non_exhaustive]
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// More came than [`max_output`](crate::exec::Command::max_output) lets be collected.
    #[error("more than {limit} bytes on {stream}")]
    #[non_exhaustive]
    TooMuchOutput {
        /// Where.
        stream: Stream,
        /// The bound, in bytes.
        limit: usize,
    },
    /// An output is full and has never been read, while the rest has waited for a minute for what can only come after it.
    #[error("{stream} holds {limit} bytes that nobody has read for {idle:?}, and all else waits for that")]
    #[non_exhaustive]
    Unread {
        /// The output that is full.
        stream: Stream,
        /// How much it holds, in bytes.
        limit: usize,
        /// For how long it has been full.
        idle: Duration,
    },
    /// The server speaks `v4.channel.k8s.io` only (before Kubernetes 1.30), where stdin has no end.
    #[error("the server cannot be told of the end of stdin (it offers v4.channel.k8s.io only)")]
    NoEndOfStdin,
    /// Standard input is not a terminal.
    #[cfg(all(feature = "tty", unix))]
    #[error("standard input is not a terminal")]
    #[non_exhaustive]
    NotATerminal,
    /// Another session of this process has the terminal.
    #[cfg(all(feature = "tty", unix))]
    #[error("another session has the terminal")]
    #[non_exhaustive]
    TerminalInUse,
    /// The terminal of this process failed, or is gone.
    #[cfg(all(feature = "tty", unix))]
    #[error("cannot {action}: {source}")]
    #[non_exhaustive]
    Terminal {
        /// What could not be done: `write to standard output`.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The container that is attached to was not started with a terminal.
    #[cfg(all(feature = "tty", unix))]
    #[error("the container was started without a terminal")]
    #[non_exhaustive]
    NoTerminal,
    /// The container has no shell.
    #[cfg(all(feature = "tty", unix))]
    #[error("no shell in the container: there is neither {}", tried.join(" nor "))]
    #[non_exhaustive]
    NoShell {
        /// The programs that were looked for.
        tried: Vec<String>,
    },
    /// It was killed, or its [`Child`](crate::exec::Child) was dropped.
    #[error("the connection was closed by this side")]
    Killed,
}

/// The operation has named the pod.
fn without_pod(error: &pod::Error) -> String {
    match error {
        pod::Error::NoSuchContainer { container, available, .. } => {
            format!("no such container {container}, out of: {available}")
        }
        error => error.to_string(),
    }
}
