//! A process in a container, and its pipes.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use kube::api::TerminalSize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::{Cause, Error, Stream},
    pipes::{Ending, Pipes},
    session,
    status::ExitStatus,
    target::Connected,
};

/// The connection to a process, and the task that serves it, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    pipes: Arc<Pipes>,
    _task: AbortOnDropHandle<()>,
}

/// The streams of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    /// Stdin, stdout, stderr.
    pub(super) wanted: [bool; 3],
    /// Whether it has a terminal.
    pub(super) tty: bool,
    /// How many bytes of an output are kept.
    pub(super) limit: usize,
    /// How many bytes of input its pipes take for sure, even if it reads none.
    pub(super) spare: usize,
}

/// The ends of a session's pipes, where they were asked for.
pub(super) type Ends = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

impl Session {
    pub(super) fn start(connected: Connected, streams: Streams) -> (Self, Ends) {
        let [stdin, stdout, stderr] = streams.wanted;
        let pipes = Arc::new(Pipes::new(connected.operation.clone(), streams.limit, streams.wanted));
        let task = AbortOnDropHandle::new(tokio::spawn(session::run(connected, pipes.clone(), streams)));
        let ends = (
            stdin.then(|| ChildStdin(pipes.clone())),
            stdout.then(|| ChildStdout(pipes.clone())),
            stderr.then(|| ChildStderr(pipes.clone())),
        );
        (Self { pipes, _task: task }, ends)
    }

    pub(super) async fn ended(&self) -> Ending {
        self.pipes.ended().await
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.pipes.ending()
    }

    /// What became of output behind the exit status, if it is lost.
    pub(super) fn cut_by(&self) -> Option<Error> {
        self.pipes.cut_by()
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        self.pipes.resize(size);
    }

    pub(super) fn error(&self, cause: Cause) -> Error {
        Error::new(&self.pipes.operation, cause)
    }

    /// Closes the connection, and waits for that.
    pub(super) async fn kill(&self) {
        self.pipes.killed.cancel();
        let _ = self.pipes.ended().await;
    }
}

impl Drop for Session {
    /// The task may be at work, and goes on until it waits next: what it gets to see until then does not count.
    fn drop(&mut self) {
        self.pipes.end(Err(self.error(Cause::Killed)));
    }
}

/// A process that runs in a container, as [`Command::spawn`](super::Command::spawn) started it.
///
/// Its streams are there to be taken, as those of `tokio::process::Child`. An output takes what comes, up to
/// [`max_output`](super::Command::max_output) bytes, and then makes the server wait, with both outputs, since they come through one
/// connection. So reading one to its end and then the other works, as does [`wait`](Self::wait) first and reading then. An output that
/// is full, has never been read and is in the way of all else for a minute is
/// [`Cause::Unread`](super::Cause::Unread); one that was read before is taken to have a slow reader, for which everything waits.
/// What waits on the server when the process ends [may be lost there](super#what-a-server-loses).
///
/// Dropping it closes the connection, like [`kill`](Self::kill); whoever holds one of its streams then gets what has
/// arrived, and an error.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::{Exit, FakeCluster};
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # cluster.container("default", "web-0", "app").on_exec(async |mut process| {
/// #     let _ = tokio::io::copy(&mut process.stdin, &mut process.stdout).await;
/// #     Exit::SUCCESS
/// # });
/// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
/// use kube_ext::exec::{ExecExt, Stdio};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let mut child = pods.command("web-0", "cat").stdin(Stdio::Piped).spawn().await?;
/// let (mut stdin, mut stdout) = (child.stdin.take().ok_or("stdin")?, child.stdout.take().ok_or("stdout")?);
/// stdin.write_all(b"meow").await?;
/// stdin.shutdown().await?;
/// let mut text = String::new();
/// stdout.read_to_string(&mut text).await?;
/// assert_eq!((text.as_str(), child.wait().await?.code()), ("meow", 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it closes the connection to the process"]
pub struct Child {
    // Before the rest: the end of stdin that comes with a drop must not reach the process as one that was meant.
    pub(super) session: Session,
    /// Where the process reads, if [`stdin`](super::Command::stdin) was piped.
    pub stdin: Option<ChildStdin>,
    /// What it writes, unless it goes nowhere; with a terminal, all that it writes.
    pub stdout: Option<ChildStdout>,
    /// What it writes to stderr, unless it goes nowhere or the process has a terminal.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    pub(super) fn new((session, (stdin, stdout, stderr)): (Session, Ends)) -> Self {
        Self { session, stdin, stdout, stderr }
    }

    /// An error of this process.
    pub(super) fn error(&self, cause: Cause) -> Error {
        self.session.error(cause)
    }

    /// Waits for the process to end. Stdin is closed first, if it is still here, so that a process which reads to the end of
    /// it can end.
    ///
    /// Outputs that nobody has read are kept meanwhile, up to [`max_output`](super::Command::max_output) bytes each, and can
    /// be read afterwards. It can be called again, and tells the same. An exit status that has come stays, even if output
    /// behind it is lost; who reads that output has the error.
    ///
    /// # Errors
    /// [`Cause::Lost`](super::Cause::Lost) when the connection ends without an exit status, and all others of
    /// [`Cause`](super::Cause) that can happen to a process that has been started; among them the program that is not there,
    /// since the node says so only now.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost when the future is dropped, and it can be called again.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::FakeCluster};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_command(|_| ("", "", 3));
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// let mut child = pods.command("web-0", "false").spawn().await?;
    /// assert_eq!(child.wait().await?.code(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        drop(self.stdin.take());
        self.session.ended().await
    }

    /// How the process ended, if it is known to have ended: [`wait`](Self::wait) without waiting. Stdin stays open.
    ///
    /// For outputs that nobody reads, whoever asked in the last two seconds counts as waiting, so that asking again and again comes
    /// to an end, too.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::{Exit, FakeCluster}};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_exec(|_| std::future::pending());
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// let child = pods.command("web-0", "sleep").arg("1000").spawn().await?;
    /// assert!(child.try_wait()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, Error> {
        self.session.ending().transpose()
    }

    /// Tells the remote terminal its size, in characters. Without one ([`terminal`](super::Command::terminal)) it is ignored.
    /// Only the last of several sizes is sure to be seen.
    ///
    /// ```
    /// use kube::api::TerminalSize;
    ///
    /// fn wider(child: &kube_ext::exec::Child) {
    ///     child.resize(TerminalSize { width: 132, height: 43 });
    /// }
    /// ```
    pub fn resize(&self, size: TerminalSize) {
        self.session.resize(size);
    }

    /// Closes the connection. From then on [`wait`](Self::wait) is an error, unless the exit status was there before.
    ///
    /// **The process may go on.** The protocol has no way to send a signal, and the node does not end a process because its
    /// client is gone. It sees the end of its stdin if that was piped, unless it has a terminal. That is all it can rely on,
    /// with a kubelet 1.36 and containerd 2.1: there is no SIGHUP, not even with a terminal, which stays open, and no SIGPIPE.
    /// What it writes is lost, and once the node's pipe is full, after some 100 KiB, the write blocks for ever; or, if it was
    /// writing just when the connection was closed, the node may have killed it.
    ///
    /// To end it, have it started by something that can be told to: `timeout 60 PROGRAM`, a loop that reads stdin, or a
    /// second command with `kill`. With a terminal, a written `\x03` is Ctrl-C: SIGINT.
    ///
    /// # Cancel safety
    /// The connection is closed in any case, at the latest when the child is dropped.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::{Cause, ExecExt}, fake::FakeCluster};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_exec(|_| std::future::pending());
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// let mut child = pods.command("web-0", "sleep").arg("1000").spawn().await?;
    /// child.kill().await;
    /// assert!(matches!(child.wait().await.unwrap_err().cause(), Cause::Killed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn kill(&mut self) {
        self.session.kill().await;
    }
}

/// Where a process in a container reads.
///
/// A write is taken when there is room for it, 64 KiB, and waits when the process does not read. A server that waits for the
/// process answers no pings: after 5 times [`keepalive`](super::Command::keepalive) without a word from it, 5 minutes
/// unless told otherwise, the connection is taken for lost.
///
/// `flush` waits until all has been handed to the connection. `shutdown`, or dropping it, is the end of the process's stdin; a
/// server that speaks `v4.channel.k8s.io` only, before Kubernetes 1.30, cannot be told of it, which is
/// [`Cause::NoEndOfStdin`](super::Cause::NoEndOfStdin), or nothing if the process has a terminal, whose input goes on. To write
/// to a process that has ended is [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// A process that ends with much of its input unread may end as [`Cause::Lost`](super::Cause::Lost) rather than with its exit
/// status: with a real node the server resets the connection then, or falls silent. Or, with some megabytes, which the server
/// takes itself, it lives on and never tells the end, so that only a [`timeout`](super::Command::timeout) ends it. kubectl sees
/// all of this as well. Where the code matters, have the program read its stdin to the end, or send less than 64 KiB.
///
/// Cancel safety is that of any [`AsyncWrite`]: bytes that `write` has counted are sent, `write_all` may have sent some.
///
/// ```
/// use tokio::io::AsyncWriteExt;
///
/// async fn feed(mut stdin: kube_ext::exec::ChildStdin, input: &[u8]) -> std::io::Result<()> {
///     stdin.write_all(input).await?;
///     stdin.shutdown().await
/// }
/// ```
#[derive(Debug)]
pub struct ChildStdin(Arc<Pipes>);

impl AsyncWrite for ChildStdin {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close_input();
        self.0.poll_flush(cx)
    }
}

impl Drop for ChildStdin {
    fn drop(&mut self) {
        self.0.close_input();
    }
}

/// What a process in a container writes to stdout.
///
/// It ends when the process has ended. Should that not be known, because the connection was lost, say, what has arrived can
/// be read, and then there is an error instead of an end; its inner error is an [`Error`]. Dropping it throws away what comes:
/// the process goes on and does not notice.
///
/// Cancel safety is that of any [`AsyncRead`]: what a dropped `read` would have given comes with the next one.
///
/// ```
/// use tokio::io::{AsyncBufReadExt, BufReader};
///
/// async fn lines(stdout: kube_ext::exec::ChildStdout) -> std::io::Result<()> {
///     let mut lines = BufReader::new(stdout).lines();
///     while let Some(line) = lines.next_line().await? {
///         println!("{line}");
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct ChildStdout(Arc<Pipes>);

/// What a process in a container writes to stderr; in all else like [`ChildStdout`].
///
/// ```
/// use tokio::io::AsyncReadExt;
///
/// async fn all(mut stderr: kube_ext::exec::ChildStderr) -> std::io::Result<Vec<u8>> {
///     let mut bytes = Vec::new();
///     stderr.read_to_end(&mut bytes).await?;
///     Ok(bytes)
/// }
/// ```
#[derive(Debug)]
pub struct ChildStderr(Arc<Pipes>);

impl AsyncRead for ChildStdout {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(Stream::Stdout, cx, buffer)
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(Stream::Stderr, cx, buffer)
    }
}

impl Drop for ChildStdout {
    fn drop(&mut self) {
        self.0.discard(Stream::Stdout);
    }
}

impl Drop for ChildStderr {
    fn drop(&mut self) {
        self.0.discard(Stream::Stderr);
    }
}
