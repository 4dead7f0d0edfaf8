//! What a test holds to play a pod.
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::future::join;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};

use super::{
    super::server::Shared,
    Attached, Port,
    log::Run,
    process::{Exit, Process},
};

/// What runs in a pod of a [`FakeCluster`](crate::fake::FakeCluster), from
/// [`FakeCluster::pod`](crate::fake::FakeCluster::pod). Clones are the same pod.
#[derive(Clone, Debug)]
pub struct Pod {
    shared: Arc<Shared>,
    namespace: String,
    name: String,
}

impl Pod {
    pub(super) fn new(shared: &Arc<Shared>, namespace: &str, name: &str) -> Self {
        Self { shared: shared.clone(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// A container of this pod.
    pub fn container(&self, name: &str) -> Container {
        Container::new(&self.shared, &self.namespace, &self.name, name)
    }

    /// Answers connections to a port, instead of what answered them before. `serve` gets each of them; it ends when the
    /// future does.
    pub fn on_port<F>(&self, port: u16, serve: impl Fn(Connection) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.set_port(port, Port::Closure(Arc::new(move |connection| Box::pin(serve(connection)))));
    }

    /// Leads connections to a port to a socket, instead of what answered them before.
    pub fn port_to(&self, port: u16, address: SocketAddr) {
        self.set_port(port, Port::Socket(address));
    }

    fn set_port(&self, port: u16, serves: Port) {
        self.shared.pods.set_port(&self.namespace, &self.name, port, serves);
    }
}

/// A connection to a port of a [`Pod`].
///
/// Reading ends where the client has closed its side. Up to 64 KiB wait unread in each direction.
#[derive(Debug)]
pub struct Connection(pub(super) DuplexStream);

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// What runs in a container of a [`FakeCluster`](crate::fake::FakeCluster), from
/// [`FakeCluster::container`](crate::fake::FakeCluster::container). Clones are the same container.
///
/// The pod may be made before or after. Whether a container runs, waits or has ended is what its status says. One that
/// has no status in its pod runs as soon as something is attached to it.
#[derive(Clone, Debug)]
pub struct Container {
    shared: Arc<Shared>,
    names: [String; 3],
}

impl Container {
    pub(super) fn new(shared: &Arc<Shared>, namespace: &str, pod: &str, name: &str) -> Self {
        Self { shared: shared.clone(), names: [namespace, pod, name].map(ToOwned::to_owned) }
    }

    /// Writes a line to the log, now. A newline is added; one in the line makes two of it.
    pub fn log(&self, line: impl AsRef<[u8]>) {
        self.log_at(Utc::now(), line);
    }

    /// Writes a line to the log that has this time, whatever came before: the order of a log is the order in which it
    /// is written. A newline is added; one in the line makes two of it.
    ///
    /// As with a container runtime (`max_container_log_line_size` of containerd), a line of more than 16 KiB is kept in
    /// several pieces, each of which `tailLines` takes for a line.
    pub fn log_at(&self, time: DateTime<Utc>, line: impl AsRef<[u8]>) {
        self.run().write(time, line.as_ref(), true);
    }

    /// Writes many lines to the log, each with its time.
    pub fn log_lines<B: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = (DateTime<Utc>, B)>) {
        self.run().write_lines(lines);
    }

    /// Writes to the log without a newline at the end: what a process leaves that ends in the middle of a line. What is
    /// written next goes on in that line.
    pub fn log_part_at(&self, time: DateTime<Utc>, part: impl AsRef<[u8]>) {
        self.run().write(time, part.as_ref(), false);
    }

    /// Sets how many bytes of the log are kept, 64 MiB unless told otherwise; each piece takes 16 bytes on top of its
    /// own. The oldest go first; the last one stays in any case. A client that follows and is slower than that misses
    /// what is gone.
    pub fn log_limit(&self, bytes: usize) {
        self.run().log().set_limit(bytes);
    }

    /// Starts the container anew: what it has logged becomes the `previous` log. Who follows that, executes or is
    /// attached comes to an end.
    pub fn restart(&self) {
        self.attach_with(|attached| {
            let limit = attached.current.log().limit();
            let ended = std::mem::replace(&mut attached.current, Arc::new(Run::new(limit)));
            ended.over.cancel();
            attached.previous = Some(ended);
        });
    }

    /// Ends the container: who follows its log gets the rest of it, and who executes or is attached comes to an end.
    /// [`restart`](Self::restart) starts it again.
    pub fn finish(&self) {
        self.run().over.cancel();
    }

    /// Runs commands, instead of what ran them before. What a real container says of a command that it does not have is
    /// [`Exit::not_found`]; without a closure all commands are such.
    ///
    /// The process ends with its future, or with its container: then the client is told code 137. As on a node, a client
    /// that goes away does not end it; its stdin ends, and writing fails. A panic is code 101, as with any program.
    pub fn on_exec<F>(&self, run: impl Fn(Process) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Exit> + Send + 'static,
    {
        self.attach_with(|attached| attached.exec = Some(Arc::new(move |process| Box::pin(run(process)))));
    }

    /// Runs commands that read nothing: `run` makes stdout, stderr and the exit code from the arguments.
    pub fn on_command<O, E>(&self, run: impl Fn(&[String]) -> (O, E, u8) + Send + Sync + 'static)
    where
        O: Into<Bytes>,
        E: Into<Bytes>,
    {
        self.on_exec(move |mut process| {
            let (stdout, stderr, code) = run(process.argv());
            let (stdout, stderr) = (stdout.into(), stderr.into());
            async move {
                // Both at once: a client may read one of them to its end before the other. A client that is gone reads none.
                let out = async {
                    let _ = process.stdout.write_all(&stdout).await;
                    drop(process.stdout);
                };
                let err = async {
                    let _ = process.stderr.write_all(&stderr).await;
                    drop(process.stderr);
                };
                join(out, err).await;
                Exit::code(code)
            }
        });
    }

    /// Answers who attaches to the container, instead of what answered before. The client is told of no exit code, as by
    /// a real container. Without a closure, it sees what the container logs from then on, and its input is not read.
    pub fn on_attach<F>(&self, run: impl Fn(Process) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.attach_with(|attached| attached.attach = Some(Arc::new(move |process| Box::pin(run(process)))));
    }

    fn run(&self) -> Arc<Run> {
        self.attach_with(|attached| attached.current.clone())
    }

    fn attach_with<T>(&self, change: impl FnOnce(&mut Attached) -> T) -> T {
        let [namespace, pod, name] = &self.names;
        let slot = self.shared.pods.slot(namespace, pod, name);
        let mut attached = slot.lock();
        attached.attached = true;
        change(&mut attached)
    }
}
