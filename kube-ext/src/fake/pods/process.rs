//! A process in a container, as a test's closure sees it.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    sync::watch,
};

/// How many bytes of a stream wait for the one who reads them.
pub(super) const PIPE: usize = 64 * 1024;

/// A process that a client started in a container, or attached to.
///
/// It lives as long as the future of the closure that got it. The status goes to the client when that has ended and
/// everything that the process wrote is read: what a background task still holds of `stdout` delays it, as a background
/// process does on a node.
///
/// ```
/// use kube_ext::fake::{Exit, Process};
/// use tokio::io::AsyncWriteExt as _;
///
/// // For `Container::on_exec`.
/// async fn echo(mut process: Process) -> Exit {
///     let words = process.argv().get(1..).unwrap_or_default().join(" ");
///     match process.stdout.write_all(words.as_bytes()).await {
///         Ok(()) => Exit::SUCCESS,
///         Err(_) => Exit::code(1),
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Process {
    /// What the client sends. At its end when the client said so, when it is gone, or if it asked for no stdin.
    pub stdin: Stdin,
    /// Goes to the client; thrown away if it asked for none. Writing waits while 64 KiB are unread.
    pub stdout: Output,
    /// Goes to the client; thrown away if it asked for none, and with a terminal, where all is stdout.
    pub stderr: Output,
    /// The sizes of the client's terminal.
    pub resizes: Resizes,
    argv: Vec<String>,
    tty: bool,
}

/// The server's ends of a process's streams, those that the client asked for.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) stdin: Option<DuplexStream>,
    pub(super) stdout: Option<DuplexStream>,
    pub(super) stderr: Option<DuplexStream>,
    pub(super) resizes: watch::Sender<Option<TerminalSize>>,
}

/// Which streams a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are four parameters of a request")]
pub(super) struct Wanted {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
}

impl Process {
    pub(super) fn new(argv: Vec<String>, wanted: Wanted) -> (Self, Ends) {
        let pipe = |wanted: bool| wanted.then(|| tokio::io::duplex(PIPE)).unzip();
        let (stdin, stdin_end) = pipe(wanted.stdin);
        let (stdout, stdout_end) = pipe(wanted.stdout);
        let (stderr, stderr_end) = pipe(wanted.stderr);
        let (sizes, resizes) = watch::channel(None);
        let process = Self {
            stdin: Stdin(stdin),
            stdout: Output(stdout),
            stderr: Output(stderr),
            resizes: Resizes(resizes),
            argv,
            tty: wanted.tty,
        };
        (process, Ends { stdin: stdin_end, stdout: stdout_end, stderr: stderr_end, resizes: sizes })
    }

    /// The command with its arguments; empty for an attach.
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// Whether the client has a terminal. Its echo, its line ends and its signals are the closure's to play: bytes go
    /// through as they are.
    pub fn tty(&self) -> bool {
        self.tty
    }
}

/// The input of a [`Process`].
#[derive(Debug)]
pub struct Stdin(Option<DuplexStream>);

impl Stdin {
    /// Whether the client asked for it.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(pipe) => Pin::new(pipe).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// An output of a [`Process`]. Writing fails with [`io::ErrorKind::BrokenPipe`] when the client is gone.
#[derive(Debug)]
pub struct Output(Option<DuplexStream>);

impl Output {
    /// Whether the client asked for it.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }
}

impl AsyncWrite for Output {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            None => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(pipe) => Pin::new(pipe).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// The size of a terminal, in characters.
///
/// ```
/// use kube_ext::fake::TerminalSize;
///
/// let size = TerminalSize { width: 80, height: 24 };
/// assert_eq!(size.width, 80);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminalSize {
    /// Characters in a line.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

/// The sizes of a client's terminal.
///
/// ```
/// use kube_ext::fake::{Exit, Process};
/// use tokio::io::AsyncWriteExt as _;
///
/// // For `Container::on_exec`: ends when the client does.
/// async fn sizes(mut process: Process) -> Exit {
///     while let Some(size) = process.resizes.next().await {
///         let text = format!("{}x{}\r\n", size.width, size.height);
///         if process.stdout.write_all(text.as_bytes()).await.is_err() {
///             break;
///         }
///     }
///     Exit::SUCCESS
/// }
/// ```
#[derive(Debug)]
pub struct Resizes(watch::Receiver<Option<TerminalSize>>);

impl Resizes {
    /// Waits for the next size. Of several that came since the last call only the latest counts, as for a program that
    /// is told of them by a signal. `None` when the client is gone.
    ///
    /// # Cancel safety
    /// A call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<TerminalSize> {
        self.0.changed().await.ok()?;
        *self.0.borrow_and_update()
    }
}

/// How a process ended.
///
/// ```
/// use kube_ext::fake::Exit;
///
/// assert_eq!(Exit::from(0), Exit::SUCCESS);
/// assert_ne!(Exit::not_found("ls"), Exit::code(127));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit(pub(super) Result<u8, String>);

impl Exit {
    /// It ended as it should.
    pub const SUCCESS: Self = Self(Ok(0));

    /// It ended with an exit code. What a signal ends has 128 and the signal's number.
    ///
    /// ```
    /// assert_eq!(kube_ext::fake::Exit::code(0), kube_ext::fake::Exit::SUCCESS);
    /// ```
    pub fn code(code: u8) -> Self {
        Self(Ok(code))
    }

    /// It could not be started. The message is what the container runtime says, which the client finds in an
    /// `InternalError` after `error executing command in container: `.
    ///
    /// ```
    /// let exit = kube_ext::fake::Exit::not_started("failed to exec in container: container is paused");
    /// ```
    pub fn not_started(message: impl Into<String>) -> Self {
        Self(Err(message.into()))
    }

    /// It could not be started because there is no such command, in the words of containerd with runc.
    ///
    /// ```
    /// let exit = kube_ext::fake::Exit::not_found("ls");
    /// ```
    pub fn not_found(command: &str) -> Self {
        Self::not_started(format!(
            "failed to exec in container: failed to start exec \"{:064x}\": OCI runtime exec failed: exec failed: \
             unable to start container process: exec: {command:?}: executable file not found in $PATH",
            0
        ))
    }
}

impl From<u8> for Exit {
    fn from(code: u8) -> Self {
        Self::code(code)
    }
}
