//! The stores, in one shape.

use std::{fmt::Debug, hash::Hash};

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time};
use kube::{
    Resource,
    runtime::{
        reflector::{Lookup, ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use kube_ext::{
    pod::PodSlim,
    slim::{Interned, Slim},
    store::{CompactStore, CompactWriter, Raw, RowStore, RowsOnly, ViewWriter, compact, reflect::IntoKeep},
};
use serde::de::DeserializeOwned;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The smallest row that a table of pods is made of; the store knows namespace and name.
#[derive(Slim, Clone, Debug)]
#[slim(of = Pod)]
pub struct PodRow {
    /// Since when it is there.
    #[slim(path = "metadata.creationTimestamp")]
    pub created: Option<Time>,
    /// Where it runs.
    #[slim(path = "spec.nodeName")]
    pub node: Option<Interned>,
    /// What its status says.
    #[slim(path = "status.phase")]
    pub phase: Option<Interned>,
    /// Of all its containers.
    #[slim(path = "status.containerStatuses[].restartCount", fold = sum)]
    pub restarts: u32,
}

/// What a store keeps of an object.
pub trait Object: Resource<DynamicType: Default> + Clone + DeserializeOwned + Debug + Send + 'static {}
impl<K: Resource<DynamicType: Default> + Clone + DeserializeOwned + Debug + Send + 'static> Object for K {}

/// A store that a watch fills.
pub trait Keeper: Sized {
    /// What the watch yields.
    type Object: Object;
    /// Its writing side.
    type Writer: IntoKeep<Object = Self::Object>;
    /// By what objects are asked for.
    type Name;

    /// An empty one.
    fn make() -> (Self, Self::Writer);
    /// Takes what happened.
    ///
    /// # Errors
    /// If it does not.
    fn apply(writer: &mut Self::Writer, event: Event<Self::Object>) -> Result<()>;
    /// How many objects there are.
    fn count(&self) -> usize;
    /// Their names.
    fn names(&self) -> Vec<Self::Name>;
    /// Whether there is an object; it is read for that.
    ///
    /// # Errors
    /// If it cannot be read.
    fn has(&self, name: &Self::Name) -> Result<bool>;
}

/// kube's own.
impl<K> Keeper for Store<K>
where
    K: Object + Lookup<DynamicType = <K as Resource>::DynamicType> + Sync,
    <K as Resource>::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    type Name = ObjectRef<K>;
    type Object = K;
    type Writer = Writer<K>;

    fn make() -> (Self, Writer<K>) {
        let writer = Writer::default();
        (writer.as_reader(), writer)
    }

    fn apply(writer: &mut Writer<K>, event: Event<K>) -> Result<()> {
        writer.apply_watcher_event(&event);
        Ok(())
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn names(&self) -> Vec<ObjectRef<K>> {
        self.state().iter().map(|object| object.to_object_ref(Default::default())).collect()
    }

    fn has(&self, name: &ObjectRef<K>) -> Result<bool> {
        Ok(self.get(name).is_some())
    }
}

/// The one that keeps rows: those of a view, which the watch yields.
impl Keeper for RowStore<Pod, PodSlim> {
    type Name = ObjectRef<Pod>;
    type Object = PodSlim;
    type Writer = ViewWriter<PodSlim>;

    fn make() -> (Self, Self::Writer) {
        let (store, writer) = CompactStore::<Pod, PodSlim>::builder().rows_only().build();
        (store, writer.views())
    }

    fn apply(writer: &mut Self::Writer, event: Event<PodSlim>) -> Result<()> {
        Ok(writer.apply_watcher_event(event)?)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn names(&self) -> Vec<ObjectRef<Pod>> {
        self.keys()
    }

    fn has(&self, name: &ObjectRef<Pod>) -> Result<bool> {
        Ok(self.row(name).is_some())
    }
}

/// And those of an object as it came.
impl Keeper for RowStore<Pod, PodRow> {
    type Name = ObjectRef<Pod>;
    type Object = Raw<Pod>;
    type Writer = CompactWriter<Pod, PodRow, RowsOnly>;

    fn make() -> (Self, Self::Writer) {
        CompactStore::<Pod, PodRow>::builder().rows_only().build()
    }

    fn apply(writer: &mut Self::Writer, event: Event<Raw<Pod>>) -> Result<()> {
        Ok(writer.apply_watcher_event(event)?)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn names(&self) -> Vec<ObjectRef<Pod>> {
        self.keys()
    }

    fn has(&self, name: &ObjectRef<Pod>) -> Result<bool> {
        Ok(self.row(name).is_some())
    }
}

/// The one that packs whole objects.
impl Keeper for CompactStore<Pod> {
    type Name = ObjectRef<Pod>;
    type Object = Raw<Pod>;
    type Writer = CompactWriter<Pod>;

    fn make() -> (Self, CompactWriter<Pod>) {
        compact()
    }

    fn apply(writer: &mut CompactWriter<Pod>, event: Event<Raw<Pod>>) -> Result<()> {
        Ok(writer.apply_watcher_event(event)?)
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn names(&self) -> Vec<ObjectRef<Pod>> {
        self.keys()
    }

    fn has(&self, name: &ObjectRef<Pod>) -> Result<bool> {
        Ok(self.get(name)?.is_some())
    }
}
