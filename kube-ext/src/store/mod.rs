//! What a watch keeps: lists and watches in the background, whole objects in little memory, lists that come again without a second copy, and
//! events of another type for kube's `Store`.
//!
//! [`reflect`](fn@reflect) fills a store in the background, and tells how it is. [`CompactStore`] keeps whole objects packed. What follows is for those
//! who have a stream of events of their own.
//!
//! kube's [`reflector`](kube::runtime::reflector()) keeps the old objects and the new ones at once while a list comes again, after a 410
//! or a connection that was cut: twice the memory. With [`relist`](WatchEventsExt::relist) in front of it each new object takes the
//! place of the old one, and only 16 bytes an object are kept beside them. [`map_events`](WatchEventsExt::map_events) makes rows of what
//! is watched, so that a store keeps those and nothing else.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use kube_ext::fake::FakeCluster;
//! # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}}";
//! # let cluster = FakeCluster::builder().yaml(pod).start().await?;
//! # let client = cluster.client()?;
//! use futures::StreamExt;
//! use k8s_openapi::api::core::v1::Pod;
//! use kube::{Api, runtime::{WatchStreamExt, reflector, watcher}};
//! use kube_ext::store::WatchEventsExt;
//!
//! let (pods, writer) = reflector::store::<Pod>();
//! let events = watcher(Api::all(client), watcher::Config::default()).default_backoff();
//! let kept = reflector(writer, events.relist(pods.clone()));
//! tokio::spawn(kept.for_each(async |_| ()));
//!
//! pods.wait_until_ready().await?;
//! assert_eq!(pods.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`CompactStore`] takes the place of kube's store. It keeps objects as the JSON that the server sent, compressed, in less than a hundredth of
//! the memory, and reads one when it is asked for. [`compact`] makes one.
//!
//! The rules are those of kube's own `Writer` (`kube_runtime::reflector::store`), which knows objects by namespace and name, and of
//! [`Event`]: what was applied before and is not listed is gone.

mod compact;
mod index;
mod key;
mod map;
pub mod reflect;
mod relist;
mod seen;
mod table;

use std::hash::Hash;

use futures::Stream;
use kube::runtime::{
    reflector::{Lookup, Store},
    watcher::{self, Event},
};

#[cfg(feature = "derive")]
pub use self::compact::ViewWriter;
pub use self::{
    compact::{
        CompactBuilder, CompactError, CompactStore, CompactWriter, Kept, NoRow, Objects, Raw, RowStore,
        RowsOnly, Whole, compact,
    },
    map::{MapEvents, map_event},
    reflect::reflect,
    relist::Relist,
};

mod private {
    use futures::Stream;
    use kube::runtime::watcher::{self, Event};

    pub trait Sealed<K> {}
    impl<S, K> Sealed<K> for S where S: Stream<Item = watcher::Result<Event<K>>> {}
}

/// What [`watcher`](kube::runtime::watcher()) lacks on the way to a [`Store`]; on every stream of its events.
///
/// kube's own are in `WatchStreamExt`, and none of them has a name of these.
///
/// ```
/// use futures::Stream;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::{reflector::Store, watcher::{self, watcher}}};
/// use kube_ext::store::WatchEventsExt;
///
/// fn pods(api: Api<Pod>, store: &Store<Pod>) -> impl Stream<Item = watcher::Result<watcher::Event<Pod>>> {
///     watcher(api, watcher::Config::default()).relist(store.clone())
/// }
/// ```
pub trait WatchEventsExt<K>: private::Sealed<K> + Stream<Item = watcher::Result<Event<K>>> + Sized {
    /// Has lists that come again replace objects one by one, for the `store` that these events are written to: see [`Relist`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::fake::{Calls, FakeCluster, Fault};
    /// # let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}";
    /// # let cluster = FakeCluster::builder().yaml(map).start().await?;
    /// # let maps = kube::Api::default_namespaced(cluster.client()?);
    /// use futures::StreamExt;
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::{WatchStreamExt, reflector, watcher};
    /// use kube_ext::store::WatchEventsExt;
    ///
    /// let (store, writer) = reflector::store::<ConfigMap>();
    /// let events = watcher(maps, watcher::Config::default()).relist(store.clone());
    /// let mut kept = reflector(writer, events).default_backoff().boxed();
    /// # let two = serde_json::from_str::<ConfigMap>(r#"{"metadata": {"name": "two", "namespace": "default"}}"#)?;
    ///
    /// let mut texts = Vec::new();
    /// while texts.len() < 5 {
    ///     match kept.next().await {
    ///         Some(Ok(event)) => texts.push(event.to_string()),
    ///         // The watch was refused with a 410, and there was a second map by then.
    ///         Some(Err(_)) => continue,
    ///         None => break,
    ///     }
    /// #   if texts.len() == 3 {
    /// #       cluster.apply(&two)?;
    /// #       cluster.faults().add(Calls::verb("watch").first(1), Fault::expired());
    /// #   }
    /// }
    /// assert_eq!(texts, ["Init", "InitApply(one)", "InitDone", "Apply(one)", "Apply(two)"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn relist(self, store: Store<K>) -> Relist<Self, K>
    where
        K: Lookup + Clone + 'static,
        K::DynamicType: Eq + Hash + Clone,
    {
        Relist::new(self, store)
    }

    /// Maps the objects of all events, as kube's `modify` does, but to another type.
    ///
    /// A store can keep any type that is [`Lookup`]: a row with the few fields that your program shows is a small part of the object.
    /// Name and namespace must be the object's, since a store knows a row by those.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::fake::FakeCluster;
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node-1, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # let client = cluster.client()?;
    /// use std::borrow::Cow;
    ///
    /// use futures::StreamExt;
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube::{Api, runtime::{WatchStreamExt, reflector::{self, Lookup, reflector}, watcher}};
    /// use kube_ext::store::WatchEventsExt;
    ///
    /// #[derive(Clone)]
    /// struct Row {
    ///     namespace: Option<String>,
    ///     name: Option<String>,
    ///     node: Option<String>,
    /// }
    ///
    /// impl Lookup for Row {
    ///     type DynamicType = ();
    ///     fn kind((): &()) -> Cow<'_, str> { "Pod".into() }
    ///     fn group((): &()) -> Cow<'_, str> { "".into() }
    ///     fn version((): &()) -> Cow<'_, str> { "v1".into() }
    ///     fn plural((): &()) -> Cow<'_, str> { "pods".into() }
    ///     fn name(&self) -> Option<Cow<'_, str>> { self.name.as_deref().map(Cow::from) }
    ///     fn namespace(&self) -> Option<Cow<'_, str>> { self.namespace.as_deref().map(Cow::from) }
    ///     fn resource_version(&self) -> Option<Cow<'_, str>> { None }
    ///     fn uid(&self) -> Option<Cow<'_, str>> { None }
    /// }
    ///
    /// let (rows, writer) = reflector::store::<Row>();
    /// let events = watcher(Api::<Pod>::all(client), watcher::Config::default()).default_backoff().map_events(|pod| Row {
    ///     namespace: pod.metadata.namespace,
    ///     name: pod.metadata.name,
    ///     node: pod.spec.and_then(|spec| spec.node_name),
    /// });
    /// let kept = reflector(writer, events.relist(rows.clone()));
    /// tokio::spawn(kept.for_each(async |_| ()));
    ///
    /// rows.wait_until_ready().await?;
    /// assert!(rows.find(|row| row.node.as_deref() == Some("node-1")).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn map_events<T, F: FnMut(K) -> T>(self, f: F) -> MapEvents<Self, F> {
        MapEvents::new(self, f)
    }
}

impl<S, K> WatchEventsExt<K> for S where S: Stream<Item = watcher::Result<Event<K>>> {}
