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
///
/// Its ports are reached by `pods/portforward`: over a websocket of `v4.channel.k8s.io`, as kube's `Api::portforward` does
/// it, and over SPDY in a websocket, as kubectl does. A port that nothing serves refuses connections in containerd's words.
/// Plain SPDY without a websocket is not there.
///
/// What is given to a pod belongs to its name: one that is deleted and made anew has it again.
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

    /// A container of this pod: [`FakeCluster::container`](crate::fake::FakeCluster::container).
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// cluster.pod("default", "web").container("app").log("ready");
    /// assert_eq!(pods.logs("web", &LogParams::default()).await?, "ready\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn container(&self, name: &str) -> Container {
        Container::new(&self.shared, &self.namespace, &self.name, name)
    }

    /// Answers connections to a port, instead of what answered them before. `serve` gets each of them; it ends when the
    /// future does. As in containerd, one direction of a connection has a second from the end of the other one.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    ///
    /// cluster.pod("default", "web").on_port(80, async |mut connection| {
    ///     let _ = connection.write_all(b"hello").await;
    /// });
    /// let mut forward = pods.portforward("web", &[80]).await?;
    /// let mut stream = forward.take_stream(80).ok_or("no stream")?;
    /// let mut answer = String::new();
    /// stream.read_to_string(&mut answer).await?;
    /// assert_eq!(answer, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_port<F>(&self, port: u16, serve: impl Fn(Connection) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.set_port(port, Port::Closure(Arc::new(move |connection| Box::pin(serve(connection)))));
    }

    /// Leads connections to a port to a socket, instead of what answered them before.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// cluster.pod("default", "web").port_to(80, listener.local_addr()?);
    /// let forward = pods.portforward("web", &[80]).await?;
    /// let (connection, _) = listener.accept().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn port_to(&self, port: u16, address: SocketAddr) {
        self.set_port(port, Port::Socket(address));
    }

    fn set_port(&self, port: u16, serves: Port) {
        self.shared.pods.set_port(&self.namespace, &self.name, port, serves);
    }
}

/// A connection to a port of a [`Pod`], for the closure of [`Pod::on_port`].
///
/// Reading ends where the client has closed its side, or is gone. Up to 64 KiB wait unread in each direction.
///
/// ```
/// # let cluster = |pod: kube_ext::fake::Pod| {
/// // A port that sends back what it gets.
/// pod.on_port(7, async |connection| {
///     let (mut input, mut output) = tokio::io::split(connection);
///     let _ = tokio::io::copy(&mut input, &mut output).await;
/// });
/// # };
/// ```
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
/// The pod may be made before or after; it has to have a `nodeName`. Whether a container runs, waits or has ended is what
/// its status says, as for a kubelet: one that waits to start has no log and runs nothing. A container without status in
/// its pod runs as soon as it is given something here.
///
/// Logs, exec and attach answer as Kubernetes 1.36 with containerd does, errors included. Exec and attach speak
/// `v5.channel.k8s.io` and `v4.channel.k8s.io`; older subprotocols, those in base64, and SPDY are not there. Neither is the
/// `stream` of a log, which a server refuses unless `PodLogsQuerySplitStreams` is on.
///
/// What is given to a container belongs to its name: it stays when the pod is deleted.
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
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// app.log("ready");
    /// app.log(b"not \xff UTF-8");
    /// let log = pods.logs("web", &LogParams { tail_lines: Some(2), limit_bytes: Some(6), ..LogParams::default() }).await?;
    /// assert_eq!(log, "ready\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log(&self, line: impl AsRef<[u8]>) {
        self.log_at(Utc::now(), line);
    }

    /// Writes a line to the log that has this time, whatever came before: the order of a log is the order in which it
    /// is written. A newline is added; one in the line makes two of it.
    ///
    /// As with a container runtime (`max_container_log_line_size` of containerd), a line of more than 16 KiB is kept in
    /// several pieces, each of which `tailLines` takes for a line. A carriage return at its end stays, which containerd takes
    /// away and CRI-O does not.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// app.log_at("2999-01-01T00:00:00Z".parse()?, "late");
    /// let log = pods.logs("web", &LogParams { timestamps: true, ..LogParams::default() }).await?;
    /// assert_eq!(log, "2999-01-01T00:00:00.000000000Z late\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_at(&self, time: DateTime<Utc>, line: impl AsRef<[u8]>) {
        self.run().write(time, line.as_ref(), true);
    }

    /// Writes many lines to the log, each with its time, as [`log_at`](Self::log_at) does with one.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// let now = chrono::Utc::now();
    /// app.log_lines((0..100_000).map(|n| (now, format!("line {n}"))));
    /// let log = pods.logs("web", &LogParams { tail_lines: Some(1), ..LogParams::default() }).await?;
    /// assert_eq!(log, "line 99999\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_lines<B: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = (DateTime<Utc>, B)>) {
        self.run().write_lines(lines);
    }

    /// Writes to the log without a newline at the end: what a process leaves that ends in the middle of a line. What is
    /// written next goes on in that line. It is to be seen at once; a container runtime keeps it back until 16 KiB are
    /// together or the container ends.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// app.log_part_at(chrono::Utc::now(), "wait for ");
    /// app.log("it");
    /// assert_eq!(pods.logs("web", &LogParams::default()).await?, "wait for it\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_part_at(&self, time: DateTime<Utc>, part: impl AsRef<[u8]>) {
        self.run().write(time, part.as_ref(), false);
    }

    /// Sets how many bytes of the log are kept, 64 MiB unless told otherwise; each piece takes 16 bytes on top of its
    /// own. The oldest go first; the last one stays in any case. A client that follows and is slower than that misses
    /// what is gone.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// app.log_limit(50);
    /// app.log_lines((0..100).map(|n| (chrono::Utc::now(), format!("line {n}"))));
    /// assert_eq!(pods.logs("web", &LogParams::default()).await?, "line 98\nline 99\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_limit(&self, bytes: usize) {
        self.run().log().set_limit(bytes);
    }

    /// Starts the container anew: what it has logged becomes the `previous` log. Who follows that, executes or is
    /// attached comes to an end. The pod's status is left as it is.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// app.log("one");
    /// app.restart();
    /// app.log("two");
    /// assert_eq!(pods.logs("web", &LogParams::default()).await?, "two\n");
    /// let previous = LogParams { previous: true, ..LogParams::default() };
    /// assert_eq!(pods.logs("web", &previous).await?, "one\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restart(&self) {
        self.attach_with(|attached| {
            let limit = attached.current.log().limit();
            let ended = std::mem::replace(&mut attached.current, Arc::new(Run::new(limit)));
            ended.over.cancel();
            attached.previous = Some(ended);
        });
    }

    /// Ends the container: who follows its log gets the rest of it, and who executes or is attached comes to an end.
    /// [`restart`](Self::restart) starts it again. Without this, a client that follows waits until the status of the
    /// container says that it no longer runs, or the pod is deleted.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// app.log("bye");
    /// app.finish();
    /// let follow = LogParams { follow: true, ..LogParams::default() };
    /// assert_eq!(pods.logs("web", &follow).await?, "bye\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(&self) {
        self.run().over.cancel();
    }

    /// Runs commands, instead of what ran them before. What a real container says of a command that it does not have is
    /// [`Exit::not_found`]; without a closure all commands are such.
    ///
    /// The process ends with its future, or with its container: then the client is told code 137. As on a node, a client
    /// that goes away does not end it; its stdin ends, and writing fails. A panic is code 101, as with any program.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    ///
    /// app.on_exec(async |mut process: Process| match process.argv().first().map(String::as_str) {
    ///     Some("cat") => match tokio::io::copy(&mut process.stdin, &mut process.stdout).await {
    ///         Ok(_) => Exit::SUCCESS,
    ///         Err(_) => Exit::code(1),
    ///     },
    ///     command => Exit::not_found(command.unwrap_or_default()),
    /// });
    /// let mut cat = pods.exec("web", ["cat"], &AttachParams::default().stdin(true).stderr(false)).await?;
    /// let mut stdin = cat.stdin().ok_or("no stdin")?;
    /// stdin.write_all(b"meow").await?;
    /// stdin.shutdown().await?;
    /// let mut output = String::new();
    /// cat.stdout().ok_or("no stdout")?.read_to_string(&mut output).await?;
    /// assert_eq!(output, "meow");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_exec<F>(&self, run: impl Fn(Process) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Exit> + Send + 'static,
    {
        self.attach_with(|attached| attached.exec = Some(Arc::new(move |process| Box::pin(run(process)))));
    }

    /// Runs commands that read nothing: `run` makes stdout, stderr and the exit code from the arguments. It stands in for
    /// what [`on_exec`](Self::on_exec) was given.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// use tokio::io::AsyncReadExt as _;
    ///
    /// app.on_command(|argv| match argv {
    ///     [ls] if ls == "ls" => ("bin\netc\n", "", 0),
    ///     _ => ("", "no such command\n", 127),
    /// });
    /// let mut ls = pods.exec("web", ["ls"], &AttachParams::default().stderr(false)).await?;
    /// let mut output = String::new();
    /// ls.stdout().ok_or("no stdout")?.read_to_string(&mut output).await?;
    /// assert_eq!(output, "bin\netc\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// a real container; whether it has a terminal is what the container's `tty` says. Without a closure, it sees what the
    /// container logs from then on, its input is not read, and the end of that is the end of the attach.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, api::{AttachParams, LogParams}};
    /// # use kube_ext::fake::{Exit, FakeCluster, Process};
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let pods: Api<Pod> = Api::default_namespaced(cluster.client()?);
    /// # let app = cluster.container("default", "web", "app");
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    ///
    /// app.on_attach(async |mut process| {
    ///     let _ = process.stdout.write_all(b"login: ").await;
    /// });
    /// let mut process = pods.attach("web", &AttachParams::default().stderr(false)).await?;
    /// let mut output = String::new();
    /// process.stdout().ok_or("no stdout")?.read_to_string(&mut output).await?;
    /// assert_eq!(output, "login: ");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        attached.is_played = true;
        change(&mut attached)
    }
}
