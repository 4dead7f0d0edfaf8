//! What the tests send, and what they get.
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::config::Kubeconfig;
use kube_ext::fake::FakeCluster;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Long enough to see that nothing comes.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

pub(crate) async fn cluster() -> FakeCluster {
    FakeCluster::builder().start().await.unwrap()
}

/// Where a cluster listens, from its kubeconfig.
pub(crate) fn address(cluster: &FakeCluster) -> String {
    let config = Kubeconfig::from_yaml(&cluster.kubeconfig("default")).unwrap();
    let url = config.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    url.strip_prefix("http://").unwrap().to_owned()
}

/// A connection on which a request was sent that is the last one.
pub(crate) async fn send(cluster: &FakeCluster, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(cluster)).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the connection ends, as its head and its body.
pub(crate) async fn answer(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut raw = Vec::new();
    timeout(LONG, stream.read_to_end(&mut raw)).await.unwrap().unwrap();
    match raw.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(end) => (String::from_utf8(raw[..end + 4].to_vec()).unwrap(), raw[end + 4..].to_vec()),
        None => (String::new(), raw),
    }
}

pub(crate) async fn get(cluster: &FakeCluster, path: &str) -> (String, Vec<u8>) {
    answer(send(cluster, &format!("GET {path}")).await).await
}

pub(crate) fn code(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub(crate) fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
        "data": {"text": "zwölf Boxkämpfer"},
    }))
    .unwrap()
}
