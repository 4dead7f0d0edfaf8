//! What comes out is what went in, whatever that is.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    core::DynamicObject,
    runtime::{reflector::ObjectRef, watcher::Event},
};
use kube_ext::store::{CompactStore, Raw};
use proptest::{collection, prelude::*};
use serde_json::{Map, Value, json};

/// Any JSON: all of Unicode, with what must be escaped, large numbers, and what is empty.
fn value() -> impl Strategy<Value = Value> {
    let odd =
        prop_oneof![Just("\0"), Just("\u{1f980}\u{200d}"), Just("\\u0000\"\n"), Just(""), Just("\u{fffd}")];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |it| it.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        odd.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// An object of any kind.
fn object() -> impl Strategy<Value = Value> {
    let fields = collection::btree_map("[a-zA-Z]{1,8}", value(), 0..5);
    (fields, value(), "[a-z]{1,6}", "\\PC{0,12}").prop_map(|(fields, managed, name, label)| {
        let mut object = json!({
            "metadata": {
                "name": name, "namespace": "default", "labels": {label.clone(): label},
                "managedFields": [{"fieldsV1": managed}],
            },
        });
        for (key, value) in fields {
            if !["metadata", "kind", "apiVersion"].contains(&key.as_str()) {
                object[key] = value;
            }
        }
        object
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// In one store, and without managed fields in another; with the spaces of one who writes JSON by hand, and without.
    #[test]
    fn objects_are_as_they_were(objects in collection::vec(object(), 1..6), is_pretty in any::<bool>()) {
        let kind = kube::core::ApiResource::erase::<ConfigMap>(&());
        let (whole, mut writer) = CompactStore::<DynamicObject>::builder().build_with(kind.clone());
        let without = CompactStore::<DynamicObject>::builder().managed_fields(false);
        let (without, mut without_writer) = without.build_with(kind.clone());
        let mut last = BTreeMap::new();
        for object in &objects {
            let json = if is_pretty { format!("{object:#}") } else { object.to_string() };
            for writer in [&mut writer, &mut without_writer] {
                writer.apply_watcher_event(Event::Apply(Raw::from_json(&json).unwrap())).unwrap();
            }
            last.insert(object["metadata"]["name"].as_str().unwrap(), (json, object));
        }
        prop_assert_eq!(whole.len(), last.len());
        for (name, (json, object)) in last {
            let name = ObjectRef::new_with(name, kind.clone()).within("default");
            prop_assert_eq!(&whole.get_json(&name).unwrap().unwrap(), &json);
            let read = whole.get(&name).unwrap().unwrap();
            prop_assert_eq!(&*read, &serde_json::from_str::<DynamicObject>(&json).unwrap());
            let left: Value = serde_json::from_str(&without.get_json(&name).unwrap().unwrap()).unwrap();
            let mut expected = object.clone();
            expected["metadata"].as_object_mut().unwrap().remove("managedFields");
            prop_assert_eq!(left, expected);
        }
    }
}

/// Numbers that no type of Rust can hold, keys that come twice and odd escapes are what they were, too.
#[test]
fn json_as_nobody_would_write_it() {
    let json = r#" { "metadata" : {"name":"a", "uid" : "\u00e4\ud83e\udd80" },
        "spec":{"a":1e400,"b":123456789012345678901234567890,"c":-0.0,"d":1.10,"a":null},"status" : { } } "#;
    let (pods, mut writer) = kube_ext::store::compact::<Pod>();
    writer.apply_watcher_event(Event::Apply(Raw::from_json(json).unwrap())).unwrap();
    assert_eq!(pods.get_json(&ObjectRef::new("a")).unwrap().as_deref(), Some(json.trim()));
}

/// A pod with managed fields, typed.
#[test]
fn managed_fields_left_out() {
    let json = json!({
        "metadata": {"name": "a", "labels": {"b": "c"}, "managedFields": [{"manager": "kubelet"}]},
        "spec": {"containers": [{"name": "app", "image": "web"}]},
    });
    let (pods, mut writer) = CompactStore::<Pod>::builder().managed_fields(false).build();
    writer.apply_watcher_event(super::apply(&json)).unwrap();
    let pod = pods.get(&ObjectRef::new("a")).unwrap().unwrap();
    let mut expected: Pod = serde_json::from_value(json).unwrap();
    expected.metadata.managed_fields = None;
    assert_eq!(*pod, expected);
}
