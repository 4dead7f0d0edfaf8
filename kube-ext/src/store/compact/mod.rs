//! A store that keeps whole objects, packed.

mod block;
mod builder;
mod codec;
mod dictionaries;
mod error;
mod json;
mod objects;
mod packer;
mod raw;
mod row;
mod shared;
mod siblings;
#[cfg(feature = "derive")]
mod views;
mod writer;

use std::{fmt, marker::PhantomData, sync::Arc};

use kube::{Resource, runtime::reflector::ObjectRef};
use serde::de::DeserializeOwned;

use self::shared::{Found, Shared};
use super::key;

#[cfg(feature = "derive")]
pub use self::views::ViewWriter;
pub use self::{
    builder::CompactBuilder,
    error::Error as CompactError,
    objects::Objects,
    raw::Raw,
    row::{Kept, NoRow, RowsOnly, Whole},
    writer::CompactWriter,
};

/// A [`CompactStore`] and its writer, with all fields, no row and no index.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::store;
///
/// let (pods, _writer) = store::compact::<Pod>();
/// assert!(pods.is_empty());
/// ```
#[must_use = "a store is empty without its writer"]
pub fn compact<K>() -> (CompactStore<K>, CompactWriter<K>)
where
    K: Resource,
    K::DynamicType: Default,
{
    CompactStore::<K>::builder().build()
}

/// A reflector's store that keeps whole objects in less than a hundredth of the memory: as JSON, compressed with a dictionary that was
/// trained on some of them, and beside what objects of one controller have in common.
///
/// A pod of 13 KB of JSON takes some 0.9 KB, all in all, and one of ten siblings 0.4 KB; in kube's [`Store`](kube::runtime::reflector::Store) it takes
/// 117 KB of resident memory. It is read when it is asked for, which takes some 100 µs, and what was read last is kept. What [`get`](CompactStore::get) gives is what the
/// server sent, field by field.
///
/// Beside each object can be a row `R`, which is read from the same JSON and kept as it is, to look for objects without reading them; and
/// [indexes](CompactBuilder::index) over rows. By default there is none.
///
/// Clones read the same store, from as many threads as there are. It is filled by its [`CompactWriter`]. Whatever looks at many objects
/// gives names of them; [`get`](CompactStore::get) gives objects.
///
/// # Bounds
/// An object takes its frame, 5 bytes, its key (namespace, name and 3 bytes), what the allocator puts around a block, and 21 bytes and the
/// size of `R` in tables, with what those have to spare. Beside those there are
/// - for each controller of objects, 17 bytes, and if they are like each other one of them as it was once, or more if they have changed: the frame
///   and 48 bytes, as long as an object needs it;
/// - one dictionary of at most 16 KiB, and another while it takes the place of an old one, with tables of some 700 KiB for the writer and 42
///   KiB for readers;
/// - the last of the objects that others were compared with, of at most 64 KiB of JSON, with tables of some 200 to 400 KiB;
/// - 93 KiB for each of at most 4 readers at a time, for the next ones;
/// - at most as many objects that have been read as [`cached`](CompactBuilder::cached) says;
/// - a bit for each object while a list comes again;
/// - at most 1 MiB of JSON, and an object, twice, while a dictionary is trained.
///
/// Tables do not shrink: slots of objects that are gone are used again.
///
/// # Locks
/// Readers and the writer hold a lock while they look something up, copy a packed object, or put one in its place; none while they pack,
/// unpack or read one. What [`find`](CompactStore::find), [`find_all`](CompactStore::find_all) and
/// [`for_each_row`](CompactStore::for_each_row) are given is called under the lock, and so may be what an index is made by: it must not call
/// the store, which could wait for itself.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::runtime::{reflector::ObjectRef, watcher::Event};
/// use kube_ext::store::{CompactStore, Raw};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Row { spec: Spec }
/// #[derive(Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Spec { node_name: Option<String> }
///
/// let (pods, mut writer) = CompactStore::<Pod, Row>::builder()
///     .index("node", |row, key| row.spec.node_name.as_deref().into_iter().for_each(key))
///     .build();
/// let json = r#"{"metadata": {"namespace": "default", "name": "web-0"}, "spec": {"nodeName": "node-1", "containers": []}}"#;
/// writer.apply_watcher_event(Event::Apply(Raw::from_json(json)?))?;
///
/// let name = ObjectRef::new("web-0").within("default");
/// assert_eq!(pods.indexed("node", "node-1")?, [name.clone()]);
/// let pod = pods.get(&name)?.ok_or("no web-0")?;
/// assert_eq!(pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()), Some("node-1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CompactStore<K: Resource, R = NoRow, O = Whole> {
    shared: Arc<Shared<K, R>>,
    kept: PhantomData<fn() -> O>,
}

/// A store that keeps a row of each object, and nothing else: what [`CompactStore`] has beside its objects.
///
/// With a row of a few fields it takes a hundred bytes an object or two, whatever the size of the object. `R` is read from the object's JSON: a
/// part that `#[derive(Slim)]` makes reads nothing more than it names, and need not have the metadata, since the store knows namespace and name.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node-1, containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::reflector::ObjectRef};
/// use kube_ext::store::{CompactStore, RowStore, reflect};
///
/// #[derive(serde::Deserialize, Clone)]
/// struct Row { spec: Spec }
/// #[derive(serde::Deserialize, Clone)]
/// #[serde(rename_all = "camelCase")]
/// struct Spec { node_name: Option<String> }
///
/// let (rows, writer) = CompactStore::<Pod, Row>::builder().rows_only().build();
/// let _reflection = reflect(Api::all(client), writer).start();
/// rows.wait_until_ready().await?;
///
/// let row = rows.row(&ObjectRef::new("web-0").within("default")).ok_or("no web-0")?;
/// assert_eq!(row.spec.node_name.as_deref(), Some("node-1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type RowStore<K, R> = CompactStore<K, R, RowsOnly>;

impl<K: Resource, R, O> Clone for CompactStore<K, R, O> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), kept: PhantomData }
    }
}

impl<K: Resource, R, O> fmt::Debug for CompactStore<K, R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<K: Resource, R> CompactStore<K, R> {
    /// What the store is to be like.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::store::CompactStore;
    ///
    /// let (pods, _writer) = CompactStore::<Pod>::builder().managed_fields(false).build();
    /// assert!(pods.is_empty());
    /// ```
    pub fn builder() -> CompactBuilder<K, R> {
        CompactBuilder::default()
    }
}

impl<K: Resource, R, O> CompactStore<K, R, O> {
    /// How many objects there are.
    ///
    /// ```
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// assert_eq!(pods.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.read().table.len()
    }

    /// Whether there is none.
    ///
    /// ```
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// assert!(pods.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until a list is whole, as kube's own `Store` does. Somebody must give the events to the writer meanwhile.
    ///
    /// # Errors
    /// [`CompactError::WriterDropped`] if the writer was dropped before that.
    ///
    /// # Cancel safety
    /// Nothing is lost: it only looks on.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::store::{self, CompactError};
    ///
    /// let (pods, mut writer) = store::compact::<Pod>();
    /// writer.apply_watcher_event(Event::InitDone)?;
    /// pods.wait_until_ready().await?;
    ///
    /// let (pods, writer) = store::compact::<Pod>();
    /// drop(writer);
    /// assert!(matches!(pods.wait_until_ready().await, Err(CompactError::WriterDropped)));
    /// # Ok::<(), CompactError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn wait_until_ready(&self) -> Result<(), CompactError> {
        let mut is_ready = self.shared.is_ready.clone();
        is_ready.wait_for(|is_ready| *is_ready).await.map_err(|_| CompactError::WriterDropped)?;
        Ok(())
    }
}

/// Names that are looked for: the namespace of a cluster's object is of no meaning, as in kube's store.
fn keys<K: Resource>(name: &ObjectRef<K>) -> impl Iterator<Item = Vec<u8>> {
    let with = name.namespace.as_deref().and_then(|namespace| key::encode(Some(namespace), &name.name));
    with.into_iter().chain(key::encode(None, &name.name))
}

impl<K, R, O> CompactStore<K, R, O>
where
    K: Resource,
    K::DynamicType: Clone,
{
    /// Whether there is an object of this name.
    ///
    /// ```
    /// use kube::runtime::reflector::ObjectRef;
    ///
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// assert!(!pods.contains(&ObjectRef::new("web-0").within("default")));
    /// ```
    pub fn contains(&self, name: &ObjectRef<K>) -> bool {
        let state = self.shared.read();
        keys(name).any(|key| state.table.find(&key).is_some())
    }

    /// The row of an object, if there is one of this name.
    ///
    /// ```
    /// use kube::runtime::reflector::ObjectRef;
    ///
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// assert!(pods.row(&ObjectRef::new("web-0").within("default")).is_none());
    /// ```
    pub fn row(&self, name: &ObjectRef<K>) -> Option<R>
    where
        R: Clone,
    {
        let state = self.shared.read();
        let slot = keys(name).find_map(|key| state.table.find(&key))?;
        state.table.at(slot).map(|entry| entry.row.clone())
    }

    /// The names of all objects, in no order.
    ///
    /// ```
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// assert!(pods.keys().is_empty());
    /// ```
    pub fn keys(&self) -> Vec<ObjectRef<K>> {
        self.shared.read().table.entries().map(|entry| self.name(&entry.block)).collect()
    }

    /// The name of an object whose row is such, if there is one.
    ///
    /// It is called under the store's lock, and must not call the store.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::store::{CompactStore, Raw};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Row { immutable: Option<bool> }
    ///
    /// let (maps, mut writer) = CompactStore::<ConfigMap, Row>::builder().build();
    /// let json = r#"{"metadata": {"name": "one"}, "immutable": true}"#;
    /// writer.apply_watcher_event(Event::Apply(Raw::from_json(json)?))?;
    /// assert_eq!(maps.find(|row| row.immutable == Some(true)).ok_or("none")?.name, "one");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, mut is_it: impl FnMut(&R) -> bool) -> Option<ObjectRef<K>> {
        let state = self.shared.read();
        let found = state.table.entries().find(|entry| is_it(&entry.row));
        found.map(|entry| self.name(&entry.block))
    }

    /// The names of all objects whose rows are such, in no order.
    ///
    /// It is called under the store's lock, and must not call the store.
    ///
    /// ```
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// assert!(pods.find_all(|_| true).is_empty());
    /// ```
    pub fn find_all(&self, mut is_it: impl FnMut(&R) -> bool) -> Vec<ObjectRef<K>> {
        let state = self.shared.read();
        let found = state.table.entries().filter(|entry| is_it(&entry.row));
        found.map(|entry| self.name(&entry.block)).collect()
    }

    /// Calls this with namespace, name and row of each object, in no order.
    ///
    /// It is called under the store's lock, and must not call the store.
    ///
    /// ```
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// let mut names = Vec::new();
    /// pods.for_each_row(|namespace, name, _| names.push(format!("{}/{name}", namespace.unwrap_or_default())));
    /// assert!(names.is_empty());
    /// ```
    pub fn for_each_row(&self, mut f: impl FnMut(Option<&str>, &str, &R)) {
        for entry in self.shared.read().table.entries() {
            let (namespace, name) = key::parts(key::split(&entry.block).0);
            f(namespace, name, &entry.row);
        }
    }

    /// The names of objects that have this key in an [index](CompactBuilder::index), in no order.
    ///
    /// # Errors
    /// [`CompactError::NoIndex`] if there is no such index.
    ///
    /// ```
    /// let (pods, _writer) = kube_ext::store::compact::<k8s_openapi::api::core::v1::Pod>();
    /// let error = pods.indexed("node", "node-1").unwrap_err();
    /// assert_eq!(error.to_string(), r#"look up objects in the store: it has no index "node""#);
    /// ```
    pub fn indexed(&self, index: &str, key: &str) -> Result<Vec<ObjectRef<K>>, CompactError> {
        let number = self.shared.functions.number(index);
        let number = number.ok_or_else(|| CompactError::NoIndex { index: index.to_owned() })?;
        let state = self.shared.read();
        let entries = state.table.filed(number, key).iter().filter_map(|slot| state.table.at(*slot));
        Ok(entries.map(|entry| self.name(&entry.block)).collect())
    }

    fn name(&self, block: &[u8]) -> ObjectRef<K> {
        let (namespace, name) = key::parts(key::split(block).0);
        let reference = ObjectRef::new_with(name, self.shared.kind.clone());
        match namespace {
            Some(namespace) => reference.within(namespace),
            None => reference,
        }
    }
}

impl<K: Resource, R> CompactStore<K, R> {
    /// The JSON of an object, byte for byte as the server sent it; without `managedFields` if the store leaves them out. List items
    /// lack `apiVersion` and `kind`.
    ///
    /// # Errors
    /// [`CompactError::Get`] if it cannot be unpacked, which would be a defect.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::{reflector::ObjectRef, watcher::Event};
    /// use kube_ext::store::{self, Raw};
    ///
    /// let (maps, mut writer) = store::compact::<ConfigMap>();
    /// let json = r#"{"metadata": {"name": "one"}, "unknown": 1.0}"#;
    /// writer.apply_watcher_event(Event::Apply(Raw::from_json(json)?))?;
    /// assert_eq!(maps.get_json(&ObjectRef::new("one"))?.as_deref(), Some(json));
    /// # Ok::<(), store::CompactError>(())
    /// ```
    pub fn get_json(&self, name: &ObjectRef<K>) -> Result<Option<String>, CompactError> {
        let found = {
            let state = self.shared.read();
            let slot = keys(name).find_map(|key| state.table.find(&key));
            slot.and_then(|slot| Some(state.found(slot, state.table.at(slot)?)))
        };
        found.map(|found| self.json(&found)).transpose()
    }

    fn json(&self, found: &Found) -> Result<String, CompactError> {
        self.shared.json(found).map_err(|error| self.cannot_get(found, error))
    }

    fn object(&self, found: &Found) -> Result<K, CompactError>
    where
        K: DeserializeOwned,
    {
        serde_json::from_str(&self.json(found)?).map_err(|error| self.cannot_get(found, error))
    }

    fn cannot_get(
        &self,
        found: &Found,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> CompactError {
        CompactError::Get {
            object: self.shared.words(key::parts(key::split(&found.block).0)),
            source: error.into(),
        }
    }
}

impl<K: Resource + DeserializeOwned, R> CompactStore<K, R> {
    /// An object, or nothing if there is none of this name. As in kube's store, the namespace of a cluster's object is of no meaning.
    ///
    /// It is unpacked and read, unless it was among the last ones; for a pod of 12 KB that takes some 100 µs.
    ///
    /// # Errors
    /// [`CompactError::Get`] if it is not what `K` asks for.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::{reflector::ObjectRef, watcher::Event};
    /// use kube_ext::store::{self, Raw};
    ///
    /// let (maps, mut writer) = store::compact::<ConfigMap>();
    /// let map = Raw::from_json(r#"{"metadata": {"name": "one"}, "data": {"a": "b"}}"#)?;
    /// writer.apply_watcher_event(Event::Apply(map))?;
    /// let map = maps.get(&ObjectRef::new("one"))?.ok_or("none")?;
    /// assert_eq!(map.data.as_ref().map(|data| data["a"].as_str()), Some("b"));
    /// assert!(maps.get(&ObjectRef::new("two"))?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, name: &ObjectRef<K>) -> Result<Option<Arc<K>>, CompactError> {
        let found = {
            let cached = self.shared.cached();
            let state = self.shared.read();
            let Some(slot) = keys(name).find_map(|key| state.table.find(&key)) else { return Ok(None) };
            if let Some(object) = cached.as_ref().and_then(|cached| cached.get(&slot)) {
                return Ok(Some(object.clone()));
            }
            let Some(entry) = state.table.at(slot) else { return Ok(None) };
            state.found(slot, entry)
        };
        let object = Arc::new(self.object(&found)?);
        if let Some(cached) = &mut *self.shared.cached() {
            let state = self.shared.read();
            // It may have changed meanwhile.
            if state.is_still(&found) {
                cached.insert(found.slot, object.clone());
            }
        }
        Ok(Some(object))
    }

    /// All objects, in no order: each is read when its turn comes, and not kept.
    ///
    /// An object that is there all the time comes once, as it is by then. One that comes or goes meanwhile may come or not, and one
    /// that is deleted and created again may come twice.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::{ResourceExt, runtime::watcher::Event};
    /// use kube_ext::store::{self, Raw};
    ///
    /// let (maps, mut writer) = store::compact::<ConfigMap>();
    /// writer.apply_watcher_event(Event::Apply(Raw::from_json(r#"{"metadata": {"name": "one"}}"#)?))?;
    /// for map in maps.objects() {
    ///     assert_eq!(map?.name_any(), "one");
    /// }
    /// # Ok::<(), store::CompactError>(())
    /// ```
    pub fn objects(&self) -> Objects<'_, K, R> {
        Objects::new(self)
    }
}
