//! Clusters, servers and clients.
use std::{
    future::Future,
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::SinkExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, Config, config::Kubeconfig};
use kube_ext::{
    exec::{Command, ExecExt as _},
    fake::{Exit, FakeCluster, Process},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{Message, handshake::server},
};

pub(crate) const V4: &str = "v4.channel.k8s.io";
pub(crate) const V5: &str = "v5.channel.k8s.io";
pub(crate) const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;
pub(crate) const SEVEN: &str = r#"{"metadata":{},"status":"Failure","message":"m","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#;

pub(crate) const MIB: usize = 1024 * 1024;

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// A pod whose container `app` runs.
pub(crate) fn pod(name: &str) -> Value {
    let running = json!({"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": "node", "containers": [{"name": "app", "image": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [running]},
    })
}

/// A cluster with the pod `web`, whose container `app` runs.
pub(crate) async fn cluster() -> FakeCluster {
    FakeCluster::builder().objects([pod("web")]).start().await.unwrap()
}

/// The same, whose commands do this.
pub(crate) async fn cluster_with<F>(run: impl Fn(Process) -> F + Send + Sync + 'static) -> FakeCluster
where
    F: Future<Output = Exit> + Send + 'static,
{
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(run);
    cluster
}

/// Where a cluster listens.
pub(crate) fn url(cluster: &FakeCluster) -> String {
    let config = Kubeconfig::from_yaml(&cluster.kubeconfig("default")).unwrap();
    config.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap()
}

/// A client that asks once, where kube's own would ask again for long.
pub(crate) fn client(url: &str) -> Client {
    let mut config = Config::new(url.parse().unwrap());
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

pub(crate) fn pods(cluster: &FakeCluster) -> Api<Pod> {
    Api::default_namespaced(client(&url(cluster)))
}

/// The command `x` in container `app` of pod `web`.
pub(crate) fn command(pods: &Api<Pod>) -> Command {
    pods.command("web", "x").container("app")
}

/// A server on loopback, for whatever comes in.
pub(crate) async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Api<Pod>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's runtime.
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Api::default_namespaced(client(&url))
}

/// A server whose websockets do what this says: also what no good server would do.
pub(crate) async fn server<F>(
    protocol: &'static str,
    serve: impl Fn(Socket) -> F + Clone + Send + Sync + 'static,
) -> Api<Pod>
where
    F: Future<Output = ()> + Send + 'static,
{
    listen(move |stream| {
        let serve = serve.clone();
        async move { serve(accept(stream, protocol).await).await }
    })
    .await
}

/// A server that has one pod, with this answer when it is read, and websockets that do what this says.
pub(crate) async fn server_with_pod<F>(
    protocol: &'static str,
    answer: String,
    serve: impl Fn(Socket) -> F + Clone + Send + Sync + 'static,
) -> Api<Pod>
where
    F: Future<Output = ()> + Send + 'static,
{
    listen(move |mut stream| {
        let (answer, serve) = (answer.clone(), serve.clone());
        async move {
            let mut head = [0; 256];
            // The first line of a request comes as a whole.
            let length = stream.peek(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            if head.contains("/exec?") || head.contains("/attach?") {
                serve(accept(stream, protocol).await).await;
            } else {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    })
    .await
}

/// An answer to a request.
pub(crate) fn answer(status: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn accept(stream: TcpStream, protocol: &'static str) -> Socket {
    #[allow(clippy::result_large_err, reason = "tungstenite's type")]
    let choose = |_: &server::Request, mut response: server::Response| {
        response.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        Ok(response)
    };
    accept_hdr_async(stream, choose).await.unwrap()
}

/// Sends a message on a channel.
pub(crate) async fn send(socket: &mut Socket, channel: u8, bytes: impl AsRef<[u8]>) {
    let message = [&[channel], bytes.as_ref()].concat();
    // A client that is gone is for the test to see.
    let _ = socket.send(Message::binary(message)).await;
}

/// Waits for as long as the client is there.
pub(crate) async fn until_gone(socket: Socket) {
    let mut stream = socket.into_inner();
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// What a future gives, unless it takes longer than anything here does.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    within_seconds(60, future).await
}

/// What a future gives that moves much, on a machine that has more to do.
pub(crate) async fn within_minutes<T>(future: impl Future<Output = T>) -> T {
    within_seconds(300, future).await
}

/// What a future gives in this bound.
pub(crate) async fn within_seconds<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future).await.expect("it takes too long")
}

/// Waits until something holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(wait).await;
}

/// Bytes that are no text.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// All that comes until the end, and how it ends.
pub(crate) async fn drain(mut stream: impl AsyncRead + Unpin) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(drop);
    (bytes, end)
}

/// Counts what is there, and how many there were at most.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    pub(crate) fn enter(&self) {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    pub(crate) fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}
