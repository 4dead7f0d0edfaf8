//! The store that keeps whole objects, packed.

mod any_bytes;
mod bytes;
mod errors;
mod random;
mod same;
mod shapes;
mod threads;
mod views;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{reflector::ObjectRef, watcher::Event};
use kube_ext::store::{CompactStore, CompactWriter, Raw};
use serde_json::{Value, json};

/// The event of an object as it came.
fn apply(json: &Value) -> Event<Raw<Pod>> {
    Event::Apply(Raw::from_json(&json.to_string()).unwrap())
}

fn name_of(json: &Value) -> ObjectRef<Pod> {
    let name = ObjectRef::new(json["metadata"]["name"].as_str().unwrap());
    match json["metadata"]["namespace"].as_str() {
        Some(namespace) => name.within(namespace),
        None => name,
    }
}

/// A pod of some 3 KB, whose fields have other names for each shape.
fn pod(name: &str, shape: &str, rng: &mut fastrand::Rng) -> Value {
    let mut hex = |digits: usize| (0..digits).map(|_| rng.digit(16)).collect::<String>();
    let variables: Vec<_> = (0..15)
        .map(|number| json!({"name": format!("{shape}_SETTING_{number}_{shape}"), "value": hex(6)}))
        .collect();
    let annotations: BTreeMap<_, _> =
        (0..20).map(|number| (format!("{shape}.example.com/note-of-{shape}-{number}"), hex(4))).collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "default", "uid": hex(32), "resourceVersion": "1", "annotations": annotations,
            "managedFields": [{"manager": "kubelet", "operation": "Update", "time": "2026-07-22T12:00:00Z"}],
        },
        "spec": {"nodeName": format!("node-{}", hex(1)), "containers": [{"name": "app", "image": shape, "env": variables}]},
        "status": {"phase": "Running"},
    })
}

/// Each object of the store is what was put there, byte for byte, and nothing else is.
fn assert_holds(store: &CompactStore<Pod>, objects: &BTreeMap<String, Value>) {
    assert_eq!(store.len(), objects.len());
    for object in objects.values() {
        assert_eq!(store.get_json(&name_of(object)).unwrap().as_deref(), Some(&*object.to_string()));
    }
}

fn put(writer: &mut CompactWriter<Pod>, objects: &mut BTreeMap<String, Value>, object: Value) {
    writer.apply_watcher_event(apply(&object)).unwrap();
    objects.insert(object["metadata"]["name"].to_string(), object);
}
