//! What a store is to be like.

use std::{fmt, marker::PhantomData, sync::Arc};

use kube::Resource;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{CompactStore, CompactWriter, Kept, NoRow, RowsOnly, Whole, shared::Shared};
use crate::store::index::Functions;

/// So many objects that have been read are kept.
const CACHED: usize = 32;

/// What a [`CompactStore`] is to be like: what [`CompactStore::builder`] returns.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::store::CompactStore;
///
/// let (pods, _writer) = CompactStore::<Pod>::builder().managed_fields(false).cached(0).build();
/// assert!(pods.is_empty());
/// ```
#[must_use = "there is no store until it is built"]
pub struct CompactBuilder<K: Resource, R = NoRow, O = Whole> {
    has_managed_fields: bool,
    cached: usize,
    functions: Functions<R>,
    kind: PhantomData<fn() -> (K, O)>,
}

impl<K: Resource, R> Default for CompactBuilder<K, R> {
    fn default() -> Self {
        Self { has_managed_fields: true, cached: CACHED, functions: Functions::default(), kind: PhantomData }
    }
}

impl<K: Resource, R, O> fmt::Debug for CompactBuilder<K, R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactBuilder")
            .field("managed_fields", &self.has_managed_fields)
            .field("cached", &self.cached)
            .field("indexes", &self.functions)
            .finish()
    }
}

impl<K: Resource, R> CompactBuilder<K, R> {
    /// Whether `metadata.managedFields` are kept, which they are unless told otherwise. They are cut out of the JSON without reading the rest of
    /// it, and are a third of a pod's JSON, but a smaller part of what is packed.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::{reflector::ObjectRef, watcher::Event};
    /// use kube_ext::store::{CompactStore, Raw};
    ///
    /// let (maps, mut writer) = CompactStore::<ConfigMap>::builder().managed_fields(false).build();
    /// let json = r#"{"metadata":{"name":"one","managedFields":[{"manager":"kubectl"}]},"data":{}}"#;
    /// writer.apply_watcher_event(Event::Apply(Raw::from_json(json)?))?;
    /// let kept = maps.get_json(&ObjectRef::new("one"))?;
    /// assert_eq!(kept.as_deref(), Some(r#"{"metadata":{"name":"one"},"data":{}}"#));
    /// # Ok::<(), kube_ext::store::CompactError>(())
    /// ```
    pub fn managed_fields(mut self, are_kept: bool) -> Self {
        self.has_managed_fields = are_kept;
        self
    }

    /// How many objects are kept as they were read, for those who ask for the same ones again: 32 unless told otherwise. A pod takes some 80 KB so.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::store::CompactStore;
    ///
    /// let (_pods, _writer) = CompactStore::<Pod>::builder().cached(1000).build();
    /// ```
    pub fn cached(mut self, objects: usize) -> Self {
        self.cached = objects;
        self
    }

    /// Keeps rows and nothing else: a [`RowStore`](super::RowStore).
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::store::{CompactStore, NoRow};
    ///
    /// // Names alone.
    /// let (names, _writer) = CompactStore::<Pod, NoRow>::builder().rows_only().build();
    /// assert!(names.keys().is_empty());
    /// ```
    pub fn rows_only(self) -> CompactBuilder<K, R, RowsOnly> {
        let Self { functions, .. } = self;
        CompactBuilder { has_managed_fields: true, cached: 0, functions, kind: PhantomData }
    }
}

impl<K: Resource, R, O: Kept> CompactBuilder<K, R, O> {
    /// An index over rows, for [`indexed`](CompactStore::indexed): `keys` calls what it is given with each key of a row, of which there may be any
    /// number. An index of the same name takes the place of an earlier one.
    ///
    /// It takes four bytes for each key of an object, and each key's text once. What it calls must depend on nothing but the row, and must not
    /// call the store.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::store::{CompactStore, Raw};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Row { metadata: Metadata }
    /// #[derive(serde::Deserialize)]
    /// struct Metadata { #[serde(default)] labels: BTreeMap<String, String> }
    ///
    /// let (maps, mut writer) = CompactStore::<ConfigMap, Row>::builder()
    ///     .index("label", |row, key| row.metadata.labels.keys().for_each(|label| key(label)))
    ///     .build();
    /// let json = r#"{"metadata": {"name": "one", "labels": {"app": "web", "tier": "front"}}}"#;
    /// writer.apply_watcher_event(Event::Apply(Raw::from_json(json)?))?;
    /// assert_eq!(maps.indexed("label", "tier")?.len(), 1);
    /// assert_eq!(maps.indexed("label", "front")?.len(), 0);
    /// # Ok::<(), kube_ext::store::CompactError>(())
    /// ```
    pub fn index<F>(mut self, name: &str, keys: F) -> Self
    where
        F: Fn(&R, &mut dyn FnMut(&str)) + Send + Sync + 'static,
    {
        self.functions.add(name, Box::new(keys));
        self
    }

    /// The store, which is empty, and who fills it.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::store::CompactStore;
    ///
    /// let (pods, _writer) = CompactStore::<Pod>::builder().build();
    /// assert!(pods.is_empty());
    /// ```
    pub fn build(self) -> (CompactStore<K, R, O>, CompactWriter<K, R, O>)
    where
        R: DeserializeOwned,
        K::DynamicType: Default,
    {
        self.build_with(K::DynamicType::default())
    }

    /// The same for a kind that is known when the program runs.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{api::DynamicObject, core::ApiResource};
    /// use kube_ext::store::CompactStore;
    ///
    /// let (pods, _writer) = CompactStore::<DynamicObject>::builder().build_with(ApiResource::erase::<Pod>(&()));
    /// assert!(pods.is_empty());
    /// ```
    pub fn build_with(self, kind: K::DynamicType) -> (CompactStore<K, R, O>, CompactWriter<K, R, O>)
    where
        R: DeserializeOwned,
    {
        let (ready, is_ready) = watch::channel(false);
        let shared = Arc::new(Shared::new(kind, self.functions, is_ready, self.cached));
        let writer = CompactWriter::new(shared.clone(), ready, self.has_managed_fields);
        (CompactStore { shared, kept: PhantomData }, writer)
    }
}
