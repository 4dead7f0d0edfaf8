//! A way to the cluster that counts connections and bytes, and cuts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use kube_ext::exec::{Command, ExecExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::setup::Scene;

/// How a connection is cut, once so many bytes of the server have passed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Both sides see it reset.
    Reset(usize),
    /// Nothing of the server passes any more; neither side is told.
    Stall(usize),
}

/// A port of this machine that leads to the cluster until this is dropped, and a client that goes there.
pub(crate) struct Proxy {
    pub(crate) client: Client,
    namespace: String,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    passed: AtomicUsize,
}

impl Proxy {
    /// Each of its connections is cut, if so.
    pub(crate) async fn new(scene: &Scene, cut: Option<Cut>) -> Self {
        let mut config = scene.cluster.config().await;
        let host = config.cluster_url.host().unwrap().to_owned();
        let server = format!("{host}:{}", config.cluster_url.port_u16().unwrap_or(443));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut parts = config.cluster_url.into_parts();
        parts.authority = Some(listener.local_addr().unwrap().to_string().parse().unwrap());
        config.cluster_url = http::Uri::from_parts(parts).unwrap();
        config.tls_server_name.get_or_insert(host);
        let counts = Arc::new(Counts::default());
        let accepting = tokio::spawn(accept(listener, server, cut, counts.clone()));
        let namespace = scene.namespace.name.clone();
        Self { client: Client::try_from(config).expect("client"), namespace, counts, accepting }
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// How many bytes have come from the server.
    pub(crate) fn passed(&self) -> usize {
        self.counts.passed.load(Ordering::SeqCst)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A script in the container `app` of the pod `web`.
    pub(crate) fn sh(&self, script: impl Into<String>) -> Command {
        self.pods().command("web", "sh").arg("-c").arg(script).container("app")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A connection that is counted.
struct Open(Arc<Counts>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, server: String, cut: Option<Cut>, counts: Arc<Counts>) {
    // They end with it.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        counts.open.fetch_add(1, Ordering::SeqCst);
        let open = Open(counts.clone());
        let server = server.clone();
        connections.spawn(async move {
            let server = TcpStream::connect(server).await.unwrap();
            serve(client, server, cut, &open.0.passed).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The connection is to be reset.
struct Reset;

async fn serve(mut client: TcpStream, mut server: TcpStream, cut: Option<Cut>, passed: &AtomicUsize) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = async {
        pass_on(from_client, to_server, None, &AtomicUsize::new(0)).await;
        Ok(())
    };
    let down = async {
        let limit = cut.map(|(Cut::Reset(limit) | Cut::Stall(limit))| limit);
        match (pass_on(from_server, to_client, limit, passed).await, cut) {
            (true, Some(Cut::Reset(_))) => Err(Reset),
            _ => Ok(()),
        }
    };
    if tokio::try_join!(up, down).is_err() {
        for stream in [&client, &server] {
            let _ = stream.set_zero_linger();
        }
    }
}

/// Passes bytes on to the end, or up to a limit; whether that was reached. The end is passed on, too.
async fn pass_on(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    limit: Option<usize>,
    passed: &AtomicUsize,
) -> bool {
    let (mut buffer, mut left) = ([0; 16 * 1024], limit.unwrap_or(usize::MAX));
    while left > 0 {
        let room = left.min(buffer.len());
        let Ok(count @ 1..) = from.read(&mut buffer[..room]).await else { break };
        // Where nobody takes them, they are read all the same: the other side is not to notice.
        if to.write_all(&buffer[..count]).await.is_ok() {
            passed.fetch_add(count, Ordering::SeqCst);
        }
        left -= count;
    }
    if left > 0 {
        let _ = to.shutdown().await;
    }
    left == 0
}
