//! Who puts objects into a store.

use std::{fmt, marker::PhantomData, sync::Arc};

use fixedbitset::FixedBitSet;
use kube::{Resource, runtime::watcher::Event};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{
    error::Error,
    json,
    packer::Packer,
    raw::Raw,
    row::{Kept, NoRow, Whole},
    shared::Shared,
};
use crate::store::{key, table::Entry};

/// Why something could not be done.
pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Fills a [`CompactStore`](super::CompactStore) from the events of a watch.
///
/// There is one for each store. Once it is dropped, the store keeps what it has, and who waits for its first list gets an error.
///
/// A list that comes again replaces objects one by one, as [`relist`](crate::store::WatchEventsExt::relist) has it: there is no second
/// copy, what is not listed is removed when the list is whole, and a list that breaks off removes nothing.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use futures::StreamExt;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::{WatchStreamExt, watcher}};
/// use kube_ext::store::{self, Raw};
///
/// let (pods, mut writer) = store::compact::<Pod>();
/// let mut events = watcher(Api::<Raw<Pod>>::all(client), watcher::Config::default()).default_backoff().boxed();
/// tokio::spawn(async move {
///     while let Some(event) = events.next().await {
///         // An event may be an error of the watch, which goes on; and an object may be one that cannot be kept.
///         let Ok(event) = event else { continue };
///         if let Err(error) = writer.apply_watcher_event(event) {
///             eprintln!("{error}");
///         }
///     }
/// });
///
/// pods.wait_until_ready().await?;
/// assert_eq!(pods.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CompactWriter<K: Resource, R = NoRow, O = Whole> {
    pub(super) shared: Arc<Shared<K, R>>,
    kept: PhantomData<fn() -> O>,
    ready: watch::Sender<bool>,
    has_managed_fields: bool,
    /// In which slots the objects are that a list has had so far, while one is under way.
    listed: Option<FixedBitSet>,
    pub(super) packer: Packer,
}

impl<K: Resource, R, O> fmt::Debug for CompactWriter<K, R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactWriter").field("is_listing", &self.listed.is_some()).finish_non_exhaustive()
    }
}

impl<K: Resource, R: DeserializeOwned, O: Kept> CompactWriter<K, R, O> {
    pub(super) fn new(
        shared: Arc<Shared<K, R>>,
        ready: watch::Sender<bool>,
        has_managed_fields: bool,
    ) -> Self {
        Self { shared, kept: PhantomData, ready, has_managed_fields, listed: None, packer: Packer::default() }
    }

    /// Does to the store what an event says.
    ///
    /// An object that is in the store as it is, byte for byte, is left alone.
    ///
    /// It takes some 30 µs for a pod of 12 KB, and 20 more for one whose siblings are not those of the last one. A dictionary is trained on the way, and packs up to 256 objects anew: that takes some 100
    /// ms, once after the first 512 KiB of JSON that was not packed beside a sibling, and again when there are 32 times as many objects, or when what is written has
    /// changed so much that the old one no longer fits.
    ///
    /// # Errors
    /// [`Error::NoName`] and [`Error::Put`] for an object that cannot be kept: it has no name, its row cannot be read, or its name is longer
    /// than 65,535 bytes. The store keeps what it had of it, while and after a list too, and events that follow are taken as ever.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::store::{self, Raw};
    ///
    /// let (maps, mut writer) = store::compact::<ConfigMap>();
    /// let map = Raw::from_json(r#"{"metadata": {"name": "one"}}"#)?;
    /// writer.apply_watcher_event(Event::Apply(map.clone()))?;
    /// assert_eq!(maps.len(), 1);
    /// writer.apply_watcher_event(Event::Delete(map))?;
    /// assert!(maps.is_empty());
    /// # Ok::<(), store::CompactError>(())
    /// ```
    pub fn apply_watcher_event(&mut self, event: Event<Raw<K>>) -> Result<(), Error> {
        let names = |object: &Raw<K>| {
            let metadata = <Raw<K> as Resource>::meta(object);
            (metadata.namespace.clone(), metadata.name.clone())
        };
        self.take(event, names, |writer, key, object| writer.keep(key, object.json()))
    }

    /// Does what an event says. `names` has namespace and name of an object, and `keep` puts it into the store.
    pub(super) fn take<T>(
        &mut self,
        event: Event<T>,
        names: impl Fn(&T) -> (Option<String>, Option<String>),
        keep: impl FnOnce(&mut Self, &[u8], T) -> Result<(), Source>,
    ) -> Result<(), Error> {
        match event {
            Event::Init => {
                // Whatever list was under way has not come to its end; and what is put into an empty store is listed.
                let is_empty = self.shared.read().table.len() == 0;
                self.listed = (!is_empty).then(FixedBitSet::new);
                Ok(())
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let (namespace, name) = names(&object);
                let key = self.key(namespace.as_deref(), name.as_deref())?;
                let kept = keep(self, &key, object);
                // It is listed even if it cannot be kept: what there was before stays.
                if let Some(listed) = &mut self.listed
                    && let Some(slot) = self.shared.read().table.find(&key)
                {
                    listed.grow_and_insert(slot as usize);
                }
                kept.map_err(|source| Error::Put { object: self.shared.words(key::parts(&key)), source })
            }
            Event::Delete(object) => {
                let (namespace, name) = names(&object);
                let key = self.key(namespace.as_deref(), name.as_deref())?;
                let slot = self.shared.read().table.find(&key);
                if let Some(slot) = slot {
                    self.remove(slot);
                }
                Ok(())
            }
            Event::InitDone => {
                self.end_list();
                Ok(())
            }
        }
    }

    fn key(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<u8>, Error> {
        let name = name.ok_or_else(|| Error::NoName { kind: self.shared.kind_word() })?;
        key::encode(namespace, name).ok_or_else(|| Error::Put {
            object: self.shared.words((namespace, name)),
            source: "namespace or name is too long".into(),
        })
    }

    fn keep(&mut self, key: &[u8], json: &str) -> Result<(), Source> {
        let json = if self.has_managed_fields { json.into() } else { json::without_managed_fields(json)? };
        if O::IS_WHOLE && self.packer.has(&self.shared, key, &json) {
            return Ok(());
        }
        let row = R::deserialize(&mut serde_json::Deserializer::from_str(&json))?;
        if !O::IS_WHOLE {
            return self.file(key, key.into(), row).map(drop);
        }
        let (block, place) = self.packer.pack(&self.shared, key, &json)?;
        let (slot, old) = self.file(key, block, row)?;
        self.packer.entered(&self.shared, slot, place, old.as_ref().map(|old| &*old.block));
        self.packer.tidy(&self.shared);
        Ok(())
    }

    /// Puts a block and a row in the place of an object; its slot, and what was there.
    pub(super) fn file(
        &mut self,
        key: &[u8],
        block: Box<[u8]>,
        row: R,
    ) -> Result<(u32, Option<Entry<R>>), Source> {
        let change = {
            let state = self.shared.read();
            let old = state.table.find(key).and_then(|slot| state.table.at(slot));
            self.shared.functions.change(old.map(|entry| &entry.row), Some(&row))
        };
        let mut cached = self.shared.cached();
        let put = self.shared.write().table.put(Entry { block, row }, &change);
        let (slot, old) = put.map_err(|_| "there are too many objects")?;
        if let Some(cached) = &mut *cached {
            cached.remove(&slot);
        }
        Ok((slot, old))
    }

    fn remove(&mut self, slot: u32) {
        let change = {
            let state = self.shared.read();
            self.shared.functions.change(state.table.at(slot).map(|entry| &entry.row), None)
        };
        let old = {
            let mut cached = self.shared.cached();
            if let Some(cached) = &mut *cached {
                cached.remove(&slot);
            }
            self.shared.write().table.remove(slot, &change)
        };
        if let Some(old) = old.filter(|_| O::IS_WHOLE) {
            self.packer.left(&self.shared, slot, &old.block);
        }
    }

    fn end_list(&mut self) {
        if let Some(listed) = self.listed.take() {
            let missing = self.shared.read().table.missing(&listed);
            for slot in missing {
                self.remove(slot);
            }
        }
        self.ready.send_replace(true);
        if O::IS_WHOLE {
            self.packer.list_ended(&self.shared);
        }
    }
}
