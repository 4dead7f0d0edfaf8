//! Plain requests, and what they are about.
use std::time::Duration;

use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use http::Request;
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use serde_json::{Value, json};

/// Nothing here takes longer, unless it never ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const JSON: &str = "application/json";
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// An answer: its code, its content type, and its body.
pub(crate) async fn ask(client: &Client, path: &str, accept: &str) -> (u16, String, String) {
    let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
    let response = client.send(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let content_type = head.headers["content-type"].to_str().unwrap().to_owned();
    (head.status.as_u16(), content_type, String::from_utf8(body.to_vec()).unwrap())
}

/// The body of an answer that is JSON.
pub(crate) async fn get(client: &Client, path: &str) -> Value {
    get_as(client, path, JSON).await
}

pub(crate) async fn get_as(client: &Client, path: &str, accept: &str) -> Value {
    let (_, _, body) = ask(client, path, accept).await;
    serde_json::from_str(&body).unwrap()
}

/// The events of a watch, until it ends.
pub(crate) async fn watch(client: &Client, path: &str) -> BoxStream<'static, Value> {
    watch_as(client, path, JSON).await
}

pub(crate) async fn watch_as(client: &Client, path: &str, accept: &str) -> BoxStream<'static, Value> {
    let request = Request::get(path).header("accept", accept).body(Vec::new()).unwrap();
    let lines = client.request_stream(request).await.unwrap().lines();
    lines.map_ok(|line| serde_json::from_str(&line).unwrap()).map(Result::unwrap).boxed()
}

pub(crate) async fn next(events: &mut BoxStream<'static, Value>) -> Value {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("an event").expect("not the end")
}

/// The rest of a watch that ends by itself.
pub(crate) async fn rest(events: BoxStream<'static, Value>) -> Vec<Value> {
    tokio::time::timeout(PATIENCE, events.collect()).await.expect("an end")
}

/// Type, name and version of an event.
pub(crate) fn brief(event: &Value) -> (&str, &str, &str) {
    let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (text("/type"), text("/object/metadata/name"), text("/object/metadata/resourceVersion"))
}

pub(crate) fn names(list: &Value) -> Vec<String> {
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(name).collect()
}

pub(crate) fn config_map(namespace: &str, name: &str, labels: impl Into<Value>) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels.into()}, "data": {"key": "value"},
    })
}

/// A CRD of one kind with two versions, of which the better one has columns and subresources.
pub(crate) fn widgets() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1beta1", "served": true, "storage": false, "schema": schema},
                {
                    "name": "v1", "served": true, "storage": true, "schema": schema,
                    "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": ".spec.color"}],
                    "additionalPrinterColumns": [
                        {"name": "Color", "type": "string", "jsonPath": ".spec.color", "description": "The color"},
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "priority": 1},
                    ],
                },
                {"name": "v2", "served": false, "storage": false, "schema": schema},
            ],
        },
    })
}

pub(crate) fn widget(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": name, "namespace": "default"}, "spec": spec,
    })
}
