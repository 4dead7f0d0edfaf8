//! What a path leads to.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use kube_ext::slim::{Interned, Slim};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn read<T: for<'de> Deserialize<'de>>(object: &Value) -> T {
    let from_text = serde_json::from_str(&object.to_string()).expect("a view");
    // Buffered, as what kube's watch events and lists may come through.
    let _: T = serde_json::from_value(object.clone()).expect("a view");
    from_text
}

#[derive(Slim, Debug, PartialEq)]
#[slim(of = Container)]
struct App {
    #[slim(path = "name")]
    name: Interned,
    #[slim(path = "image")]
    image: Option<Box<str>>,
    #[slim(path = "ports[].containerPort")]
    ports: Vec<i64>,
}

#[derive(Slim, Debug, PartialEq)]
#[slim(of = Pod)]
struct Fields {
    #[slim(path = "spec.nodeName")]
    node: Option<String>,
    #[slim(path = "spec.hostNetwork")]
    host_network: bool,
    #[slim(path = "spec.terminationGracePeriodSeconds")]
    grace: Option<i64>,
    #[slim(path = "spec.containers[]")]
    apps: Box<[App]>,
    #[slim(path = "status.startTime")]
    started: Option<Time>,
    #[slim(path = "status.podIP")]
    ip: Option<Box<str>>,
    #[slim(path = "status.podIPs[].ip")]
    ips: Vec<Interned>,
    #[slim(path = "status.conditions")]
    conditions: Option<Vec<PodCondition>>,
    #[slim(path = r#"metadata.labels["app.kubernetes.io/name"]"#)]
    app: Option<Interned>,
    #[slim(path = "metadata.annotations")]
    annotations: BTreeMap<Interned, String>,
    #[slim(path = "spec.volumes[].name")]
    volumes: Vec<String>,
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web-0", "labels": {"app": "no", "app.kubernetes.io/name": "web"},
            "annotations": {"b": "\u{1f600}\n", "a": ""},
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {"f:nodeName": {}}}}],
        },
        "spec": {
            "nodeName": "node-1", "hostNetwork": true, "terminationGracePeriodSeconds": 30,
            "containers": [
                {"name": "app", "image": "app:1", "ports": [{"containerPort": 80}, {"containerPort": 443}]},
                {"name": "proxy"},
            ],
        },
        "status": {
            "startTime": "2026-07-22T12:00:00Z", "podIP": "10.0.0.1",
            "podIPs": [{"ip": "10.0.0.1"}, {}, {"ip": "fd00::1"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

#[test]
fn fields_entries_lists_and_parts() {
    let fields: Fields = read(&pod());
    let whole: Pod = read(&pod());
    let status = whole.status.expect("status");
    assert_eq!(fields.node.as_deref(), Some("node-1"));
    assert!(fields.host_network);
    assert_eq!(fields.grace, Some(30));
    assert_eq!(fields.apps[0], App { name: "app".into(), image: Some("app:1".into()), ports: vec![80, 443] });
    assert_eq!(fields.apps[1], App { name: "proxy".into(), image: None, ports: vec![] });
    assert_eq!(fields.started, status.start_time);
    assert_eq!(fields.ip.as_deref(), Some("10.0.0.1"));
    assert_eq!(fields.ips, ["10.0.0.1", "fd00::1"]);
    assert_eq!(fields.conditions, status.conditions);
    assert_eq!(fields.app.as_deref(), Some("web"));
    let annotations = [("a".into(), String::new()), ("b".into(), "\u{1f600}\n".to_owned())];
    assert_eq!(fields.annotations, BTreeMap::from(annotations));
    assert!(fields.volumes.is_empty());
}

#[test]
fn what_is_not_there_is_the_default() {
    let empty = || read::<Fields>(&json!({}));
    for object in [
        json!({"metadata": null, "spec": null, "status": null}),
        json!({"metadata": {}, "spec": {"containers": null}, "status": {"podIPs": null, "podIP": null}}),
        json!({"spec": {"containers": [], "hostNetwork": null}, "metadata": {"labels": null, "annotations": null}}),
        json!({"status": {"podIPs": [null, {}, {"ip": null}]}, "spec": {"volumes": [null]}}),
    ] {
        assert_eq!(read::<Fields>(&object), empty(), "{object}");
    }
}

#[test]
fn what_is_of_another_type_is_an_error() {
    let error = |object: &Value| serde_json::from_str::<Fields>(&object.to_string()).unwrap_err().to_string();
    for (object, what) in [
        (json!({"spec": {"nodeName": 1}}), "invalid type: integer `1`, expected a string"),
        (json!({"spec": {"hostNetwork": "yes"}}), "expected a boolean"),
        (json!({"spec": []}), "invalid type: sequence, expected an object"),
        (json!({"spec": "x"}), "invalid type: string \"x\", expected an object"),
        (json!({"spec": {"containers": {}}}), "invalid type: map, expected a list"),
        (json!({"spec": {"containers": [7]}}), "invalid type: integer `7`, expected an object"),
        (json!({"spec": {"terminationGracePeriodSeconds": "1"}}), "invalid type: string \"1\", expected i64"),
        (json!(null), "invalid type: null, expected an object"),
        (json!([]), "invalid type: sequence, expected an object"),
    ] {
        let error = error(&object);
        assert!(error.contains(what), "{object}: {error}");
    }
    assert!(serde_json::from_str::<Fields>(r#"{"spec": {"nodeName": "a""#).unwrap_err().is_eof());
}

#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Shirt", namespaced)]
#[serde(rename_all = "camelCase")]
struct ShirtSpec {
    main_color: String,
    #[serde(rename = "podIp")]
    address: Option<String>,
    #[serde(rename = "snake_case")]
    snake_case: Option<i64>,
    sizes: Vec<i32>,
}

#[derive(Slim, Debug, PartialEq)]
#[slim(of = Shirt)]
struct ShirtRow {
    #[slim(path = "spec.mainColor")]
    color: Interned,
    #[slim(path = "spec.podIp", rust = "spec.address")]
    address: Option<String>,
    #[slim(path = "spec.snake_case")]
    snake: Option<i64>,
    #[slim(path = "spec.sizes[]")]
    sizes: Vec<i64>,
}

#[test]
fn custom_resources() {
    let shirt = json!({"spec": {"mainColor": "blue", "podIp": "here", "snake_case": 3, "sizes": [1, 2]}});
    let row =
        ShirtRow { color: "blue".into(), address: Some("here".into()), snake: Some(3), sizes: vec![1, 2] };
    assert_eq!(read::<ShirtRow>(&shirt), row);
}
