//! Views that are rows themselves.

use std::fmt;

use kube::{Resource, runtime::watcher::Event};

use super::{CompactError, CompactWriter, RowsOnly};
use crate::slim::Slim;

/// Fills a [`RowStore`](super::RowStore) with views of a watch that yields them, such as [`PodSlim`](crate::pod::PodSlim): the JSON of an object is read once,
/// by the view. [`CompactWriter::views`] makes one.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}, status: {phase: Pending}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::reflector::ObjectRef};
/// use kube_ext::{pod::{PodExt, PodSlim}, store::{CompactStore, reflect}};
///
/// let (pods, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
/// let reflection = reflect(Api::<PodSlim>::all(client), writer.views()).start();
/// reflection.ready().await?;
/// let pod = pods.row(&ObjectRef::new("web-0").within("default")).ok_or("no web-0")?;
/// assert_eq!(pod.status().to_string(), "Pending");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ViewWriter<V: Slim>(CompactWriter<V::Of, V, RowsOnly>);

impl<V: Slim> fmt::Debug for ViewWriter<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ViewWriter").field(&self.0).finish()
    }
}

impl<K: Resource, V: Slim<Of = K>> CompactWriter<K, V, RowsOnly> {
    /// Takes views instead of objects as they came.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::{pod::PodSlim, store::{CompactStore, ViewWriter}};
    ///
    /// let (_pods, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
    /// let _writer: ViewWriter<PodSlim> = writer.views();
    /// ```
    pub fn views(self) -> ViewWriter<V> {
        ViewWriter(self)
    }
}

impl<V: Slim> ViewWriter<V> {
    /// Does to the store what an event says, as [`CompactWriter::apply_watcher_event`] does.
    ///
    /// # Errors
    /// [`CompactError::NoName`] and [`CompactError::Put`] for an object that cannot be kept: it has no name, or a longer one than 65,535 bytes.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::{pod::PodSlim, store::CompactStore};
    ///
    /// let (pods, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
    /// let mut writer = writer.views();
    /// writer.apply_watcher_event(Event::Apply(serde_json::from_str(r#"{"metadata": {"name": "web-0"}}"#)?))?;
    /// assert_eq!(pods.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply_watcher_event(&mut self, event: Event<V>) -> Result<(), CompactError> {
        let names = |view: &V| {
            let meta = view.slim_meta();
            let name = Some(meta.name()).filter(|name| !name.is_empty());
            (meta.namespace().map(ToOwned::to_owned), name.map(ToOwned::to_owned))
        };
        self.0.take(event, names, |writer, key, mut view| {
            // A watcher has asked for its metadata, and a store does not.
            view.slim_meta_mut().shed();
            writer.file(key, key.into(), view).map(drop)
        })
    }
}

impl<V> crate::store::reflect::Keep for ViewWriter<V>
where
    V: Slim + Send + Sync + 'static,
    V::Of: Resource<DynamicType: Send + Sync> + Send + Sync + 'static,
{
    type Error = CompactError;
    type Object = V;

    fn keep(&mut self, event: Event<V>) -> Result<(), CompactError> {
        self.apply_watcher_event(event)
    }
}
