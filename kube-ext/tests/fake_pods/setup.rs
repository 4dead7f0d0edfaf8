//! A cluster with a pod, and ways to talk to it.
use std::{future::Future, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, config::Kubeconfig};
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};

pub(crate) const V4: &str = "v4.channel.k8s.io";
pub(crate) const V5: &str = "v5.channel.k8s.io";

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// A cluster with the pod `web`, whose container `app` runs.
pub(crate) async fn cluster() -> FakeCluster {
    FakeCluster::builder().objects([web()]).start().await.unwrap()
}

pub(crate) fn web() -> Value {
    let running = json!({"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"nodeName": "node", "containers": [{"name": "app", "image": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [running]},
    })
}

pub(crate) fn pods(cluster: &FakeCluster) -> Api<Pod> {
    Api::default_namespaced(cluster.client().unwrap())
}

/// The body of an answer and its code.
pub(crate) async fn get(client: &Client, path: &str) -> (u16, String, Vec<u8>) {
    request(client, "GET", path, &[]).await
}

/// The code of an answer, its content type and its body.
pub(crate) async fn request(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, Vec<u8>) {
    use http_body_util::BodyExt as _;
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(kube::client::Body::empty()).unwrap();
    let response = client.send(request).await.unwrap();
    let code = response.status().as_u16();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, kind.unwrap_or_default(), body.to_vec())
}

/// Where a cluster listens.
pub(crate) fn address(cluster: &FakeCluster) -> String {
    let config = Kubeconfig::from_yaml(&cluster.kubeconfig("default")).unwrap();
    let url = config.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    url.strip_prefix("http://").unwrap().to_owned()
}

/// A websocket to a subresource, such as `web/exec?command=ls&stdout=1`, and the subprotocol that was chosen.
pub(crate) async fn websocket(
    cluster: &FakeCluster,
    path: &str,
    offers: &str,
) -> tungstenite::Result<(Socket, String)> {
    let address = address(cluster);
    let url = format!("ws://{address}/api/v1/namespaces/default/pods/{path}");
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", offers.parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let (socket, response) = client_async(request, stream).await?;
    let chosen = response.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned();
    Ok((socket, chosen))
}

pub(crate) async fn connect(cluster: &FakeCluster, path: &str, offers: &str) -> Socket {
    websocket(cluster, path, offers).await.unwrap().0
}

/// All messages of bytes until the connection ends, and how it does: with a close frame (its code) or without.
pub(crate) async fn rest(socket: &mut Socket) -> (Vec<Vec<u8>>, Option<u16>) {
    let (mut messages, mut close) = (Vec::new(), None);
    while let Some(Ok(message)) = within(socket.next()).await {
        match message {
            Message::Binary(bytes) => messages.push(bytes.to_vec()),
            Message::Close(frame) => close = frame.map(|frame| frame.code.into()),
            _ => (),
        }
    }
    (messages, close)
}

/// What a future gives, unless it takes longer than anything here does.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(300), future).await.expect("it takes too long")
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
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}
