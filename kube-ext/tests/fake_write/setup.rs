//! A cluster, and plain requests to it.
use http::Request;
use kube::Client;
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};

pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
pub(crate) const MERGE: &str = "application/merge-patch+json";

/// A cluster, and a client that asks it.
pub(crate) struct Server {
    pub(crate) cluster: FakeCluster,
    pub(crate) client: Client,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let cluster = FakeCluster::builder().start().await.unwrap();
        let client = cluster.client().unwrap();
        Self { cluster, client }
    }

    /// Sends a request with a body of a type, and returns the code and the body of the answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", content_type);
        let request = request.body(body.as_bytes().to_vec().into()).unwrap();
        let response = self.client.send(request).await.unwrap();
        let code = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        // Paths that lead nowhere have a text.
        let text = || String::from_utf8(body.to_vec()).unwrap().into();
        (code, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "application/json", "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("POST", path, "application/json", &body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("PUT", path, "application/json", &body.to_string()).await
    }

    pub(crate) async fn merge(&self, path: &str, body: Value) -> (u16, Value) {
        self.send("PATCH", path, MERGE, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str, options: Value) -> (u16, Value) {
        self.send("DELETE", path, "application/json", &options.to_string()).await
    }

    /// Creates a ConfigMap in the namespace `default`.
    pub(crate) async fn config_map(&self, metadata: Value) -> Value {
        let (code, body) = self.post(CONFIG_MAPS, json!({"metadata": metadata, "data": {"k": "v"}})).await;
        assert_eq!(code, 201, "{body}");
        body
    }

    /// The version of the last write.
    pub(crate) async fn version(&self) -> String {
        let (_, list) = self.get(CONFIG_MAPS).await;
        text(&list, "/metadata/resourceVersion").to_owned()
    }
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
