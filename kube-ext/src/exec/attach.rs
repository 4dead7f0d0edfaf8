//! Attaching to the process that a container runs.

use std::{future::Future, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::TerminalSize};

use super::{
    child::{ChildStderr, ChildStdin, ChildStdout, Session, Streams},
    command::{MAX_OUTPUT, Stdio},
    error::Error,
    target::{Look, Target},
};

/// An attachment to a container's own process, to be made: [`ExecExt::attach_to`](super::ExecExt::attach_to) makes one.
///
/// As with `kubectl attach`, the pod is read first, to choose the container and to see whether it was started with a terminal
/// (`tty` of its spec): if so, stdout has all that it writes, and there is no stderr. For stdin to reach the process,
/// its spec must say `stdin: true`. What the process wrote before is in the log, not here.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # cluster.container("default", "web-0", "app").on_attach(async |mut process| {
/// #     let _ = tokio::io::AsyncWriteExt::write_all(&mut process.stdout, b"listening\n").await;
/// # });
/// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
/// use kube_ext::exec::ExecExt;
/// use tokio::io::AsyncReadExt;
///
/// let mut attached = pods.attach_to("web-0").container("app").spawn().await?;
/// let mut text = String::new();
/// attached.stdout.take().ok_or("no stdout")?.read_to_string(&mut text).await?;
/// assert_eq!(text, "listening\n");
/// attached.wait().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an attachment does nothing until it is made"]
pub struct Attach {
    pub(super) target: Target,
    stdin: Stdio,
    max_output: usize,
}

impl Attach {
    pub(super) fn new(api: &Api<Pod>, pod: String) -> Self {
        Self { target: Target::new(api, pod), stdin: Stdio::Null, max_output: MAX_OUTPUT }
    }

    /// Names the container. Without this it is kubectl's choice, as for
    /// [`Command::container`](super::Command::container).
    ///
    /// ```
    /// # use kube_ext::exec::Attach;
    /// fn to_proxy(attach: Attach) -> Attach {
    ///     attach.container("proxy")
    /// }
    /// ```
    pub fn container(mut self, container: impl Into<String>) -> Self {
        self.target.container = Some(container.into());
        self
    }

    /// What becomes of stdin: nothing, unless told otherwise. A container with `stdinOnce` ends its stdin with the first
    /// attachment that had it.
    ///
    /// With stdin, of a container without `stdinOnce`, containerd loses what comes to stderr after the end of stdout, to every
    /// client (`Attach` in `internal/cri/io/container_io.go`). An attachment without stdin has all of it.
    ///
    /// ```
    /// # use kube_ext::exec::{Attach, Stdio};
    /// fn interactive(attach: Attach) -> Attach {
    ///     attach.stdin(Stdio::Piped)
    /// }
    /// ```
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.stdin = stdin;
        self
    }

    /// How long the attachment may last, as [`Command::timeout`](super::Command::timeout).
    ///
    /// ```
    /// # use kube_ext::exec::Attach;
    /// use std::time::Duration;
    ///
    /// fn for_a_minute(attach: Attach) -> Attach {
    ///     attach.timeout(Duration::from_secs(60))
    /// }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = Some(timeout);
        self
    }

    /// After how long without any sign of life from the server the connection is taken for lost, as
    /// [`Command::keepalive`](super::Command::keepalive); here any input that is on its way makes it 5 times as long, since the
    /// pipe of the process may have been full before.
    ///
    /// ```
    /// # use kube_ext::exec::Attach;
    /// use std::time::Duration;
    ///
    /// fn on_a_bad_line(attach: Attach) -> Attach {
    ///     attach.keepalive(Duration::from_secs(10))
    /// }
    /// ```
    pub fn keepalive(mut self, silence: Duration) -> Self {
        self.target.set_silence(silence);
        self
    }

    /// How many bytes of an output are kept that nobody reads, as [`Command::max_output`](super::Command::max_output).
    ///
    /// ```
    /// # use kube_ext::exec::Attach;
    /// fn short(attach: Attach) -> Attach {
    ///     attach.max_output(4096)
    /// }
    /// ```
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Attaches.
    ///
    /// # Errors
    /// [`Cause`](super::Cause) has all of them.
    ///
    /// # Cancel safety
    /// If the future is dropped, the connection is closed. The container does not notice.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::FakeCluster};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// let error = pods.attach_to("web-0").container("ap").spawn().await.unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "attach in pod default/web-0 container ap: no such container ap, out of: app",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn(&self) -> impl Future<Output = Result<Attached, Error>> + Send + use<> {
        let attach = self.clone();
        async move {
            let stdin = attach.stdin == Stdio::Piped;
            let wanted = |tty: bool| [stdin, true, !tty];
            let connected = attach
                .target
                .connect("attach".to_owned(), "pods/attach", Look::Always, |request, picked| {
                    let params = picked.params(wanted(picked.tty), picked.tty);
                    request.attach(&attach.target.pod, &params)
                })
                .await?;
            let tty = connected.picked.tty;
            // Its pipes may be full of what others wrote.
            let streams = Streams { wanted: wanted(tty), tty, limit: attach.max_output, spare: 0 };
            let (session, (stdin, stdout, stderr)) = Session::start(connected, streams);
            Ok(Attached { session, stdin, stdout, stderr, tty })
        }
    }
}

/// An attachment to a container's own process. Its streams behave like those of a [`Child`](super::Child); dropping it ends
/// the attachment, and the container goes on.
///
/// ```
/// async fn watch(mut attached: kube_ext::exec::Attached) -> Result<(), Box<dyn std::error::Error>> {
///     if let Some(mut stdout) = attached.stdout.take() {
///         tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await?;
///     }
///     Ok(attached.wait().await?)
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the attachment"]
pub struct Attached {
    // Before the rest, as in `Child`.
    pub(super) session: Session,
    /// Where the process reads, if [`stdin`](Attach::stdin) was piped.
    pub stdin: Option<ChildStdin>,
    /// What it writes; with a terminal, all that it writes.
    pub stdout: Option<ChildStdout>,
    /// What it writes to stderr, unless it has a terminal.
    pub stderr: Option<ChildStderr>,
    tty: bool,
}

impl Attached {
    /// Whether the container was started with a terminal.
    ///
    /// ```
    /// fn needs_raw_mode(attached: &kube_ext::exec::Attached) -> bool {
    ///     attached.has_terminal()
    /// }
    /// ```
    pub fn has_terminal(&self) -> bool {
        self.tty
    }

    /// Waits for the end of the attachment. Stdin is closed first, if it is still here, unless the process has a terminal,
    /// whose stdin has no end. With which code the process ended is not told here, but in the pod's status.
    ///
    /// # Errors
    /// [`Cause::Lost`](super::Cause::Lost) when the connection ends without a word of the server, and all others of
    /// [`Cause`](super::Cause) that can happen to an attachment once it is there; up to Kubernetes 1.35 also that the
    /// container does not run.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost when the future is dropped, and it can be called again.
    ///
    /// ```
    /// async fn is_whole(mut attached: kube_ext::exec::Attached) -> bool {
    ///     attached.wait().await.is_ok()
    /// }
    /// ```
    pub async fn wait(&mut self) -> Result<(), Error> {
        if !self.tty {
            drop(self.stdin.take());
        }
        self.session.ended().await.map(|_| ())
    }

    /// Tells the container's terminal its size, in characters. Without one it is ignored.
    ///
    /// ```
    /// use kube::api::TerminalSize;
    ///
    /// fn wider(attached: &kube_ext::exec::Attached) {
    ///     attached.resize(TerminalSize { width: 132, height: 43 });
    /// }
    /// ```
    pub fn resize(&self, size: TerminalSize) {
        self.session.resize(size);
    }
}
