//! Every kind of object and list, and the options.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    CustomResource,
    core::{
        ApiResource, DynamicObject, ListMeta, NotUsed, Object, ObjectList, ObjectMeta, PartialObjectMeta,
        TypeMeta,
    },
};
use kube_ext::yaml::{Error, Options, Yaml};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Shirt", namespaced)]
struct ShirtSpec {
    size: f64,
}

fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn pod(name: &str) -> Pod {
    Pod { metadata: metadata(name), ..Pod::default() }
}

fn list<K: Clone>(kind: &str, items: Vec<K>) -> ObjectList<K> {
    let types = TypeMeta { api_version: "v1".to_owned(), kind: kind.to_owned() };
    ObjectList { types, metadata: ListMeta::default(), items }
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n";
const PODS: &str = "apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: a
- apiVersion: v1
  kind: Pod
  metadata:
    name: b
kind: List
metadata:
  resourceVersion: \"\"
";

#[test]
fn typed_objects() {
    assert_eq!(pod("a").to_yaml().unwrap(), POD);
    assert_eq!(Arc::new(pod("a")).to_yaml().unwrap(), POD);
    let shirt = Shirt { metadata: metadata("a"), spec: ShirtSpec { size: 4.0 } };
    let expected = "apiVersion: example.com/v1\nkind: Shirt\nmetadata:\n  name: a\nspec:\n  size: 4\n";
    assert_eq!(shirt.to_yaml().unwrap(), expected);
}

#[test]
fn metadata_only() {
    let mut partial = PartialObjectMeta::<Pod> { metadata: metadata("a"), ..PartialObjectMeta::default() };
    assert_eq!(partial.to_yaml().unwrap(), POD);
    let types =
        TypeMeta { api_version: "meta.k8s.io/v1".to_owned(), kind: "PartialObjectMetadata".to_owned() };
    partial.types = Some(types);
    assert!(partial.to_yaml().unwrap().contains("kind: PartialObjectMetadata\n"));
}

#[test]
fn dynamic_objects() {
    let pods = ApiResource::erase::<Pod>(&());
    let mut object = DynamicObject::new("a", &pods);
    assert_eq!(object.to_yaml().unwrap(), POD);
    object.types = None;
    assert_eq!(object.to_yaml_with(&Options::default().api_resource(&pods)).unwrap(), POD);
    assert!(matches!(object.to_yaml(), Err(Error::MissingType { object, .. }) if object == "object a"));
    assert!(matches!(object.to_json(), Err(Error::MissingType { .. })));
    // An empty type is none, too.
    object.types = Some(TypeMeta::default());
    assert!(matches!(object.to_yaml(), Err(Error::MissingType { .. })));
    assert_eq!(object.to_yaml_with(&Options::default().api_resource(&pods)).unwrap(), POD);

    let generic: Object<NotUsed, NotUsed> = Object::new("a", &pods, NotUsed {});
    assert!(generic.to_yaml().unwrap().starts_with("apiVersion: v1\nkind: Pod\n"));
}

#[test]
fn lists() {
    let items = vec![pod("a"), pod("b")];
    assert_eq!(items.to_yaml().unwrap(), PODS);
    assert_eq!(items[..].to_yaml().unwrap(), PODS);
    assert_eq!(list("PodList", items).to_yaml().unwrap(), PODS);
    let none: Vec<Pod> = Vec::new();
    assert_eq!(
        none.to_yaml().unwrap(),
        "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n"
    );
    assert_eq!(
        none.to_json().unwrap(),
        "{\n    \"apiVersion\": \"v1\",\n    \"items\": [],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \
         \"resourceVersion\": \"\"\n    }\n}\n"
    );
}

#[test]
fn dynamic_lists_take_types_from_the_list() {
    let pods = ApiResource::erase::<Pod>(&());
    let items: Vec<_> =
        ["a", "b"].map(|name| DynamicObject { types: None, ..DynamicObject::new(name, &pods) }).into();
    assert_eq!(list("PodList", items.clone()).to_yaml().unwrap(), PODS);
    assert!(matches!(list("List", items.clone()).to_yaml(), Err(Error::MissingType { .. })));
    assert!(matches!(items.to_yaml(), Err(Error::MissingType { .. })));
    let options = Options::default().api_resource(&pods);
    assert_eq!(items.to_yaml_with(&options).unwrap(), PODS);
    assert_eq!(list("List", items).to_yaml_with(&options).unwrap(), PODS);
}

#[test]
fn options_choose_what_is_printed() {
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "a",
            "uid": "u",
            "resourceVersion": "1",
            "generation": 2,
            "creationTimestamp": "2026-07-22T12:00:00Z",
            "deletionTimestamp": "2026-07-22T12:00:00Z",
            "deletionGracePeriodSeconds": 30,
            "selfLink": "/x",
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "o"}],
        },
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Running"},
    }))
    .unwrap();
    let neat = "apiVersion: v1
kind: Pod
metadata:
  name: a
  ownerReferences:
  - apiVersion: v1
    kind: Node
    name: node-1
    uid: o
spec:
  nodeName: node-1
";
    assert_eq!(object.to_yaml_with(&Options::neat()).unwrap(), neat);
    let default = object.to_yaml().unwrap();
    assert!(default.contains("phase: Running") && default.contains("last-applied"), "{default}");
    assert!(!default.contains("managedFields"), "{default}");
    let all = object.to_yaml_with(&Options::default().managed_fields(true).status(false)).unwrap();
    assert!(all.contains("- manager: kubectl") && !all.contains("status"), "{all}");
    let in_list = [object].to_yaml_with(&Options::neat()).unwrap();
    assert!(!in_list.contains("status") && !in_list.contains("uid: u"), "{in_list}");
}

#[test]
fn an_annotation_that_someone_wrote_is_kept() {
    let mut config = ConfigMap { metadata: metadata("a"), ..ConfigMap::default() };
    let annotations = [("kubectl.kubernetes.io/last-applied-configuration", "{}"), ("team", "red")];
    config.metadata.annotations =
        Some(annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(
        config.to_yaml_with(&Options::neat()).unwrap(),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  annotations:\n    team: red\n  name: a\n"
    );
}

#[test]
fn what_kubectl_refuses_is_an_error_with_a_name() {
    let mut config = ConfigMap { metadata: metadata("a"), ..ConfigMap::default() };
    config.metadata.namespace = Some("default".to_owned());
    config.data = Some([("k".to_owned(), "\u{7f}".to_owned())].into());
    let error = [ConfigMap::default(), config.clone()].to_yaml().unwrap_err();
    assert_eq!(
        error.to_string(),
        "print ConfigMap default/a: yaml: control characters are not allowed (U+007F)"
    );
    assert!(config.to_json().is_ok());
    config.data = Some([("k".repeat(2000), String::new())].into());
    assert!(matches!(config.to_yaml(), Err(Error::Unprintable { .. })));
}
