//! A command, as `tokio::process::Command` has it.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::TerminalSize};

use super::{
    child::{Child, Session, Streams},
    error::{Cause, Error},
    output::{self, Output},
    status::ExitStatus,
    target::{Look, Target},
};

/// How much of each output is kept, unless told otherwise.
pub(super) const MAX_OUTPUT: usize = 64 * 1024 * 1024;
/// What the pipes of a new process take, even if it reads nothing: the least that a pipe of Linux can hold.
const PIPE: usize = 4096;

/// What becomes of a stream of a process.
///
/// ```
/// use kube_ext::exec::{Command, Stdio};
///
/// fn quiet(command: Command) -> Command {
///     command.stderr(Stdio::Null)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stdio {
    /// Nothing: the process has `/dev/null` there, and nothing is transferred.
    Null,
    /// A pipe, whose other end is in the [`Child`].
    Piped,
}

/// A command to be run in a container: [`ExecExt::command`](super::ExecExt::command) makes one.
///
/// It has the shape of `tokio::process::Command`, and can be run many times. What the protocol has no place for, the
/// environment and the directory, is there when asked for, by means of programs in the container; and there is more that can
/// go wrong than with a local process: see [`Cause`].
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # cluster.container("default", "web-0", "app").on_command(|_| ("hello\n", "", 0));
/// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
/// use kube_ext::exec::ExecExt;
///
/// let output = pods.command("web-0", "sh").args(["-c", "echo hello"]).container("app").output().await?;
/// assert!(output.status.success());
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct Command {
    pub(super) target: Target,
    pub(super) program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    current_dir: Option<String>,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    input: Option<Bytes>,
    /// Width and height.
    terminal: Option<(u16, u16)>,
    max_output: usize,
}

impl Command {
    pub(super) fn new(api: &Api<Pod>, pod: String, program: String) -> Self {
        Self {
            target: Target::new(api, pod),
            program,
            args: Vec::new(),
            env: Vec::new(),
            current_dir: None,
            stdin: Stdio::Null,
            stdout: Stdio::Piped,
            stderr: Stdio::Piped,
            input: None,
            terminal: None,
            max_output: MAX_OUTPUT,
        }
    }

    /// Adds an argument. No shell looks at it.
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// fn verbose(command: Command) -> Command {
    ///     command.arg("-v")
    /// }
    /// ```
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments. All of a command are part of the address of a request: together they take up to 62 KiB, after
    /// percent-encoding (64 KiB less what the rest of an address may need), or it is [`Cause::Invalid`]. So they are
    /// in the server's audit log, in the logs of proxies on the way and in the spans of a client that traces addresses, as
    /// kube's own does: secrets go through stdin ([`input`](Self::input)).
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// fn shell(command: Command, script: &str) -> Command {
    ///     command.args(["-c", script])
    /// }
    /// ```
    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Names the container. Without this it is kubectl's choice: the one of the annotation
    /// `kubectl.kubernetes.io/default-container`, else the first; the pod is read to find it, which takes one more request,
    /// and a right to `get` pods.
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// fn in_proxy(command: Command) -> Command {
    ///     command.container("proxy")
    /// }
    /// ```
    pub fn container(mut self, container: impl Into<String>) -> Self {
        self.target.container = Some(container.into());
        self
    }

    /// Sets a variable of the environment. The protocol has none: the command becomes `env NAME=VALUE.. PROGRAM ARGS..`, so that
    /// the container must have an `env` (POSIX, so most have one), and a program that is not there is exit code 127 of `env`, not
    /// [`Cause::ProgramNotFound`]. The value can be read wherever arguments can, in logs among them: see [`args`](Self::args).
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// fn in_english(command: Command) -> Command {
    ///     command.env("LC_ALL", "C")
    /// }
    /// ```
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    /// Sets the directory the process starts in. The protocol has none, only the container's: the command becomes
    /// `sh -c 'cd -- "$1" && shift && exec "$@"' sh DIRECTORY PROGRAM ARGS..`, so that the container must have a `sh`. A directory that
    /// is not there is the shell's message and exit code (1 or 2), a program that is not there its exit code 127.
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// fn at_home(command: Command) -> Command {
    ///     command.current_dir("/root")
    /// }
    /// ```
    pub fn current_dir(mut self, directory: impl Into<String>) -> Self {
        self.current_dir = Some(directory.into());
        self
    }

    /// What becomes of stdin: nothing, unless told otherwise. [`input`](Self::input) is for bytes that are at hand.
    ///
    /// ```
    /// # use kube_ext::exec::{Command, Stdio};
    /// fn interactive(command: Command) -> Command {
    ///     command.stdin(Stdio::Piped)
    /// }
    /// ```
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.stdin = stdin;
        self
    }

    /// What becomes of stdout: a pipe, unless told otherwise; nothing for [`status`](Self::status).
    ///
    /// ```
    /// # use kube_ext::exec::{Command, Stdio};
    /// fn without_stdout(command: Command) -> Command {
    ///     command.stdout(Stdio::Null)
    /// }
    /// ```
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.stdout = stdout;
        self
    }

    /// What becomes of stderr: a pipe, unless told otherwise; nothing for [`status`](Self::status).
    ///
    /// ```
    /// # use kube_ext::exec::{Command, Stdio};
    /// fn without_stderr(command: Command) -> Command {
    ///     command.stderr(Stdio::Null)
    /// }
    /// ```
    pub fn stderr(mut self, stderr: Stdio) -> Self {
        self.stderr = stderr;
        self
    }

    /// What [`output`](Self::output) and [`status`](Self::status) write to stdin while the process runs, and then close it. A
    /// process that ends without having read all of it is no error; but a node may fail to tell its exit status then, if
    /// much is unread: see [`ChildStdin`](super::ChildStdin). With anything else that runs a command it is
    /// [`Cause::Invalid`]: [`stdin`](Self::stdin) and [`spawn`](Self::spawn) go together.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::{Exit, FakeCluster}};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_exec(async |mut process| {
    /// #     let _ = tokio::io::copy(&mut process.stdin, &mut process.stdout).await;
    /// #     Exit::SUCCESS
    /// # });
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// assert_eq!(pods.command("web-0", "cat").input("meow").output().await?.stdout, b"meow");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(Bytes::from(input.into()));
        self
    }

    /// Gives the process a terminal of this size, in characters. Stdout and stderr are one then, a line ends in `\r\n`, and what
    /// is written to stdin is echoed, as terminals do. Nothing happens to the local terminal.
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// use kube::api::TerminalSize;
    ///
    /// fn vt100(command: Command) -> Command {
    ///     command.terminal(TerminalSize { width: 80, height: 24 })
    /// }
    /// ```
    pub fn terminal(mut self, TerminalSize { width, height }: TerminalSize) -> Self {
        self.terminal = Some((width, height));
        self
    }

    /// How long all of it may take, from the first request to the exit status: without end, unless told otherwise. Then the
    /// connection is closed, as by [`Child::kill`], with [`Cause::TimedOut`].
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// use std::time::Duration;
    ///
    /// fn impatient(command: Command) -> Command {
    ///     command.timeout(Duration::from_secs(10))
    /// }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = Some(timeout);
        self
    }

    /// After how long without any sign of life from the server the connection is taken for lost: 60 seconds unless told
    /// otherwise, as in kubectl. It is asked for one by a websocket's ping after each 12th of that span in which nothing came, so that
    /// a process may be silent for as long as it likes.
    ///
    /// A server that waits for a process to read its stdin answers no pings, and cannot be told from one that is gone. So it may
    /// be silent for 5 times as long, 5 minutes, from when input is sent until a ping that was sent after it is answered;
    /// not for the first 4 KiB of a command's input, which fit into any pipe. A process that leaves its stdin
    /// unread for longer, while it writes nothing, needs a longer `keepalive`.
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// use std::time::Duration;
    ///
    /// fn on_a_bad_line(command: Command) -> Command {
    ///     command.keepalive(Duration::from_secs(10))
    /// }
    /// ```
    pub fn keepalive(mut self, silence: Duration) -> Self {
        self.target.set_silence(silence);
        self
    }

    /// How many bytes of each output are kept in memory, 64 MiB unless told otherwise: all that [`output`](Self::output)
    /// collects; in a [`Child`], what waits in an output for its reader. With less, more waits on the server, where it
    /// [may be lost](super#what-a-server-loses).
    ///
    /// ```
    /// # use kube_ext::exec::Command;
    /// fn short(command: Command) -> Command {
    ///     command.max_output(4096)
    /// }
    /// ```
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Runs the command to its end and collects what it writes.
    ///
    /// # Errors
    /// [`Cause`] has all of them. The error has what had been collected until then. It is an error, too, if the exit status came and
    /// the [`timeout`](Self::timeout) cut off output behind it.
    ///
    /// # Cancel safety
    /// If the future is dropped, the connection is closed, as by [`Child::kill`], and what was collected is lost.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::FakeCluster};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_command(|_| ("", "ls: /x: No such file or directory\n", 1));
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// let output = pods.command("web-0", "ls").arg("/x").output().await?;
    /// assert_eq!(output.status.code(), 1);
    /// assert_eq!(output.stderr, b"ls: /x: No such file or directory\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn output(&self) -> impl Future<Output = Result<Output, Error>> + Send + use<> {
        let mut command = self.clone();
        async move {
            let input = command.input.take();
            let wanted = [input.is_some(), command.stdout == Stdio::Piped, command.stderr == Stdio::Piped];
            output::of(command.start(wanted).await?, input, command.max_output).await
        }
    }

    /// Runs the command to its end. What it writes is not even transferred, unless stderr has to be for want of another stream.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    ///
    /// # Cancel safety
    /// If the future is dropped, the connection is closed, as by [`Child::kill`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::FakeCluster};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_command(|_| ("", "", 137));
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// let status = pods.command("web-0", "test").args(["-e", "/ready"]).status().await?;
    /// assert_eq!(status.to_string(), "exit code 137 (SIGKILL)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self) -> impl Future<Output = Result<ExitStatus, Error>> + Send + use<> {
        let mut command = self.clone();
        async move {
            // A server wants at least one stream.
            let input = command.input.take();
            let mut child = command.start([input.is_some(), false, input.is_none()]).await?;
            drop((child.stdout.take(), child.stderr.take()));
            output::feed(child.stdin.take(), input).await;
            child.wait().await
        }
    }

    /// Starts the command. What is known when this returns is that the server has taken it: that a program is not there, the
    /// node says later, to [`Child::wait`]; up to Kubernetes 1.35 also that the container does not run.
    ///
    /// # Errors
    /// [`Cause`] has all of them; [`Cause::Invalid`] if there is an [`input`](Self::input).
    ///
    /// # Cancel safety
    /// If the future is dropped, the connection is closed; the command may have been started, or not.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::{exec::ExecExt, fake::FakeCluster};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").on_command(|_| ("one\ntwo\n", "", 0));
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// use tokio::io::{AsyncBufReadExt, BufReader};
    ///
    /// let mut child = pods.command("web-0", "seq").spawn().await?;
    /// let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
    /// while let Some(line) = lines.next_line().await? {
    ///     println!("{line}");
    /// }
    /// assert!(child.wait().await?.success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn(&self) -> impl Future<Output = Result<Child, Error>> + Send + use<> {
        let command = self.clone();
        async move {
            command.start([command.stdin, command.stdout, command.stderr].map(|it| it == Stdio::Piped)).await
        }
    }

    /// Starts it with these streams, whose input is for the caller to write.
    pub(super) async fn start(&self, [stdin, stdout, stderr]: [bool; 3]) -> Result<Child, Error> {
        let verb = format!("exec {}", self.program);
        let argv = if self.input.is_some() {
            Err("input is for output() and status(), or else stdin(Stdio::Piped)".to_owned())
        } else {
            self.argv()
        };
        let argv = argv.map_err(|problem| {
            Error::new(&self.target.operation(verb.clone(), None), Cause::Invalid { problem })
        })?;
        let tty = self.terminal.is_some();
        // With a terminal there is one output; and a server wants at least one stream.
        let (stdout, stderr) = if tty { (stdout || stderr, false) } else { (stdout, stderr) };
        let nothing = !stdin && !stdout && !stderr;
        let wanted = [stdin, stdout || nothing, stderr];
        let connected = self
            .target
            .connect(verb, "pods/exec", Look::IfNeeded, |request, picked| {
                request.exec(&self.target.pod, argv.iter(), &picked.params(wanted, tty))
            })
            .await?;
        let streams = Streams { wanted, tty, limit: self.max_output, spare: PIPE };
        let mut child = Child::new(Session::start(connected, streams));
        if nothing {
            drop(child.stdout.take());
        }
        if let Some((width, height)) = self.terminal {
            child.resize(TerminalSize { width, height });
        }
        Ok(child)
    }

    /// The arguments as the container is to see them.
    fn argv(&self) -> Result<Vec<String>, String> {
        let mut argv = Vec::new();
        if let Some(directory) = &self.current_dir {
            argv.extend(
                ["sh", "-c", r#"cd -- "$1" && shift && exec "$@""#, "sh", directory].map(ToOwned::to_owned),
            );
        }
        if !self.env.is_empty() {
            argv.push("env".to_owned());
            if self.program.contains('=') {
                return Err(format!("env would take the program {:?} for a variable", self.program));
            }
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.starts_with('-') || name.contains('=') {
                return Err(format!("{name:?} is no name of a variable"));
            }
            argv.push(format!("{name}={value}"));
        }
        argv.push(self.program.clone());
        argv.extend_from_slice(&self.args);
        if self.program.is_empty() {
            return Err("the program has no name".to_owned());
        }
        match argv.iter().find(|arg| arg.contains('\0')) {
            Some(arg) => Err(format!("{arg:?} has a NUL byte, which no argument can have")),
            None => Ok(argv),
        }
    }
}
