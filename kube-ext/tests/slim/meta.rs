//! Metadata, and strings that are shared.
use std::mem::size_of;

use k8s_openapi::api::core::v1::Pod;
use kube::{Resource as _, ResourceExt as _};
use kube_ext::slim::{Interned, Slim, SlimMeta};
use serde_json::{Value, json};

#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = Pod)]
struct Labelled {
    #[slim(metadata, labels)]
    meta: SlimMeta,
    #[slim(path = "metadata.deletionTimestamp")]
    deleted: Option<Interned>,
}

#[derive(Slim, Clone, Debug, PartialEq)]
#[slim(of = Pod)]
struct Plain {
    #[slim(path = r#"metadata.labels["app"]"#)]
    app: Option<Interned>,
    #[slim(metadata)]
    meta: SlimMeta,
}

fn pod() -> Value {
    let owner = |kind: &str, controller: Option<bool>| {
        json!({
            "apiVersion": "apps/v1", "kind": kind, "name": "web", "controller": controller,
            "uid": "7c1e6ef0-5d42-4c6c-a1f5-3f5c6a0f7a55", "blockOwnerDeletion": true,
        })
    };
    json!({"metadata": {
        "name": "web-0", "namespace": "default", "uid": "0d4f5ad9-2bc1-4c49-9d3d-3d2f0b7a8c11", "generation": 3,
        "resourceVersion": "12345", "creationTimestamp": "2026-07-22T12:00:00Z",
        "deletionTimestamp": "2026-07-22T12:00:30Z",
        "labels": {"z": "last", "app": "web", "empty": ""}, "annotations": {"big": "x".repeat(1000)},
        "ownerReferences": [owner("Job", None), owner("Job", Some(false)), owner("StatefulSet", Some(true))],
    }})
}

fn read<T: serde::de::DeserializeOwned>() -> T {
    serde_json::from_str(&pod().to_string()).expect("a view")
}

#[test]
fn what_is_kept() {
    let Labelled { meta, deleted } = read();
    assert_eq!((meta.name(), meta.namespace()), ("web-0", Some("default")));
    assert_eq!(meta.uid().as_deref(), Some("0d4f5ad9-2bc1-4c49-9d3d-3d2f0b7a8c11"));
    assert_eq!(meta.resource_version().as_deref(), Some("12345"));
    assert!(meta.creation_timestamp().is_some());
    assert_eq!(meta.labels().collect::<Vec<_>>(), [("app", "web"), ("empty", ""), ("z", "last")]);
    assert_eq!((meta.label("app"), meta.label("b")), (Some("web"), None));
    let owner = meta.controller().expect("a controller");
    assert_eq!((&*owner.kind, &*owner.uid()), ("StatefulSet", "7c1e6ef0-5d42-4c6c-a1f5-3f5c6a0f7a55"));
    assert_eq!(deleted.as_deref(), Some("2026-07-22T12:00:30Z"));
    let Plain { app, meta } = read();
    assert_eq!((app.as_deref(), meta.labels().len()), (Some("web"), 0));
}

#[test]
fn as_kube_wants_it() {
    let row: Labelled = read();
    let whole: Pod = read();
    let made = row.meta();
    assert_eq!(made.name, whole.metadata.name);
    assert_eq!(made.labels, whole.metadata.labels);
    assert_eq!(made.creation_timestamp, whole.metadata.creation_timestamp);
    assert_eq!(
        made.owner_references.as_deref(),
        whole.metadata.owner_references.map(|all| all[2..].to_vec()).as_deref()
    );
    assert_eq!((made.annotations.as_ref(), made.generation), (None, None));
    assert_eq!(
        (row.namespace(), row.uid(), row.resource_version()),
        (whole.metadata.namespace, whole.metadata.uid, whole.metadata.resource_version,)
    );
    // Whatever was made, two of the same are equal.
    assert_eq!(row, read());
}

#[test]
fn what_is_changed_stays_changed() {
    let mut row: Labelled = read();
    row.labels_mut().insert("new".into(), "label".into());
    let row = row.clone();
    assert_eq!(row.labels().len(), 4);
    assert_eq!(row.meta.labels().len(), 3);
}

#[test]
fn strings_are_shared_and_freed() {
    let text = "shared by two rows and by nobody else";
    let pod = json!({"metadata": {"name": "a", "labels": {"app": text}}}).to_string();
    let rows: Vec<Plain> = (0..2).map(|_| serde_json::from_str(&pod).unwrap()).collect();
    assert_eq!(rows[0].app.as_ref().unwrap().as_ptr(), rows[1].app.as_ref().unwrap().as_ptr());
    let one = Interned::from(text);
    assert_eq!(one.holders(), 3);
    drop(rows);
    assert_eq!(one.holders(), 1);
}

#[test]
fn sizes() {
    assert_eq!((size_of::<Interned>(), size_of::<Option<Interned>>()), (16, 16));
    assert_eq!(size_of::<SlimMeta>(), 144);
}
