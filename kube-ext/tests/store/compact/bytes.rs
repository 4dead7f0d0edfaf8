//! Bytes of any kind: what a store takes, it gives back.
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Resource as _,
    runtime::{reflector::ObjectRef, watcher::Event},
};
use kube_ext::{
    pod::PodSlim,
    store::{CompactStore, CompactWriter, Raw, RowsOnly},
};
use serde_json::Value;

use crate::unique::has_unique_keys;

/// Stores that have a dictionary, so that objects are packed with that.
pub(crate) struct Stores {
    whole: (CompactStore<Pod>, CompactWriter<Pod>),
    without: (CompactStore<Pod>, CompactWriter<Pod>),
    rows: (CompactStore<Pod, PodSlim, RowsOnly>, CompactWriter<Pod, PodSlim, RowsOnly>),
}

impl Stores {
    /// Stores that have had these, under names that nobody else gives.
    pub(crate) fn with(objects: impl Iterator<Item = Value>) -> Self {
        let mut stores = Self {
            whole: kube_ext::store::compact(),
            without: CompactStore::builder().managed_fields(false).build(),
            rows: CompactStore::builder().rows_only().build(),
        };
        for (number, mut object) in objects.enumerate() {
            object["metadata"]["name"] = format!("/{number}").into();
            let raw = Raw::from_json(&object.to_string()).unwrap();
            stores.whole.1.apply_watcher_event(Event::Apply(raw.clone())).unwrap();
            stores.without.1.apply_watcher_event(Event::Apply(raw)).unwrap();
        }
        stores
    }

    /// Puts an object of these bytes into the stores, compares what they have then, and deletes it. Whether it was one.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        let raw = serde_json::from_slice::<Raw<Pod>>(bytes);
        let Ok(text) = str::from_utf8(bytes) else {
            assert!(raw.is_err(), "{bytes:?}");
            return false;
        };
        assert_eq!(raw.is_ok(), Raw::<Pod>::from_json(text).is_ok(), "{text}");
        let Ok(raw) = raw else { return false };
        let json = text.trim_matches([' ', '\t', '\n', '\r']);
        assert_eq!(raw.json(), json);
        let value = serde_json::from_str::<Value>(json).ok().filter(|_| has_unique_keys(bytes));
        if let Some(value) = &value {
            let name = |key: &str| value["metadata"][key].as_str().map(str::to_owned);
            let meta = raw.meta();
            assert_eq!(meta.name, name("name"), "{text}");
            assert_eq!(meta.namespace, name("namespace"), "{text}");
            assert_eq!(meta.uid, name("uid"), "{text}");
            assert_eq!(meta.resource_version, name("resourceVersion"), "{text}");
        }
        let Some(name) = raw.meta().name.as_deref().map(ObjectRef::<Pod>::new) else {
            self.whole.1.apply_watcher_event(Event::Apply(raw)).unwrap_err();
            return true;
        };
        let name = match raw.meta().namespace.as_deref() {
            Some(namespace) => name.within(namespace),
            None => name,
        };

        self.whole.1.apply_watcher_event(Event::Apply(raw.clone())).unwrap();
        assert_eq!(self.whole.0.get_json(&name).unwrap().as_deref(), Some(json));
        let kept = self.whole.0.get(&name).ok().flatten();
        assert_eq!(kept.as_deref(), serde_json::from_str::<Pod>(json).ok().as_ref(), "{text}");

        self.without.1.apply_watcher_event(Event::Apply(raw.clone())).unwrap();
        let left = self.without.0.get_json(&name).unwrap().unwrap();
        if let Some(mut value) = value {
            if let Some(metadata) = value["metadata"].as_object_mut() {
                metadata.remove("managedFields");
            }
            assert_eq!(serde_json::from_str::<Value>(&left).unwrap(), value, "{text}");
        }

        let is_put = self.rows.1.apply_watcher_event(Event::Apply(raw.clone())).is_ok();
        let row = serde_json::from_str::<PodSlim>(json).ok();
        assert_eq!(is_put, row.is_some(), "{text}");
        assert_eq!(self.rows.0.row(&name), row, "{text}");

        self.whole.1.apply_watcher_event(Event::Delete(raw.clone())).unwrap();
        self.without.1.apply_watcher_event(Event::Delete(raw.clone())).unwrap();
        self.rows.1.apply_watcher_event(Event::Delete(raw)).unwrap();
        assert!(
            !self.whole.0.contains(&name) && !self.without.0.contains(&name) && !self.rows.0.contains(&name)
        );
        true
    }
}
