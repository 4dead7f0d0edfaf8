//! Views that are rows, beside kube's own store of whole pods.

use std::collections::BTreeMap;

use chrono::Utc;
use fastrand::Rng;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Resource as _,
    runtime::{reflector::store::Writer, watcher::Event},
};
use kube_ext::{
    columns::Columns as _,
    pod::PodSlim,
    store::{CompactError, CompactStore, map_event},
};
use serde_json::{Value, json};

use super::name_of;

/// A pod of few names, in some state.
fn pod(rng: &mut Rng) -> Value {
    let name = rng.choice(["a", "b", "c", "d", "e"]).unwrap();
    let phase = rng.choice(["Pending", "Running", "Failed"]).unwrap();
    json!({
        "metadata": {"name": name, "namespace": rng.choice(["one", "two"]), "uid": rng.u32(..).to_string()},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app"}]},
        "status": {"phase": phase, "containerStatuses": [
            {"name": "app", "image": "", "imageID": "", "ready": rng.bool(), "restartCount": rng.u8(..9)},
        ]},
    })
}

#[test]
fn as_kubes_own_store_has_them() {
    let now = Utc::now();
    for seed in 0..30 {
        let mut rng = Rng::with_seed(seed);
        let mut plain = Writer::<Pod>::default();
        let (store, writer) = CompactStore::<Pod, PodSlim>::builder()
            .index("phase", |pod: &PodSlim, key| pod.phase.as_deref().into_iter().for_each(key))
            .rows_only()
            .build();
        let mut writer = writer.views();
        let mut listing = false;
        for _ in 0..120 {
            let event = match rng.u8(..12) {
                // A list may break off, when another one begins.
                0 => Event::Init,
                1 | 2 if listing => Event::InitDone,
                _ if listing => Event::InitApply(pod(&mut rng)),
                3 => Event::Delete(pod(&mut rng)),
                _ => Event::Apply(pod(&mut rng)),
            };
            listing = match event {
                Event::Init => true,
                Event::InitDone => false,
                _ => listing,
            };
            plain.apply_watcher_event(&map_event(event.clone(), |pod| serde_json::from_value(pod).unwrap()));
            let view = map_event(event, |pod| {
                let view: PodSlim = serde_json::from_value(pod).unwrap();
                // As a watcher does.
                assert!(view.meta().name.is_some());
                view
            });
            writer.apply_watcher_event(view).unwrap();
            if listing {
                continue;
            }
            let whole = plain.as_reader().state();
            let cells: BTreeMap<_, _> = whole
                .iter()
                .map(|pod| ((pod.metadata.namespace.clone(), pod.metadata.name.clone()), pod.cells_at(now)))
                .collect();
            let mut rows = BTreeMap::new();
            store.for_each_row(|namespace, name, row| {
                rows.insert((namespace.map(Into::into), Some(name.to_owned())), row.cells_at(now));
            });
            assert_eq!(rows, cells, "seed {seed}");
            for pod in &whole {
                let row = store.row(&name_of(&serde_json::to_value(&**pod).unwrap())).unwrap();
                assert_eq!(row.meta.uid().as_deref(), pod.metadata.uid.as_deref());
            }
            let phases =
                ["Pending", "Running", "Failed"].map(|phase| store.indexed("phase", phase).unwrap().len());
            assert_eq!(phases.iter().sum::<usize>(), whole.len(), "seed {seed}");
        }
    }
}

#[test]
fn one_without_a_name_is_an_error() {
    let (store, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
    let mut writer = writer.views();
    let nameless: PodSlim = serde_json::from_str(r#"{"metadata": {"namespace": "default"}}"#).unwrap();
    let error = writer.apply_watcher_event(Event::Apply(nameless)).unwrap_err();
    assert!(matches!(error, CompactError::NoName { .. }));
    assert_eq!(error.to_string(), "put pod into the store: it has no name");
    assert!(store.is_empty());
}
