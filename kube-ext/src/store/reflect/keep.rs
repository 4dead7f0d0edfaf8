//! What a watch is kept in.

use std::{error::Error, fmt, hash::Hash};

use kube::{
    Resource,
    runtime::{
        reflector::{Lookup, store::Writer},
        watcher::Event,
    },
};
use serde::de::DeserializeOwned;

use crate::store::{CompactError, CompactWriter, Kept, Raw, relist::Turn};

/// What keeps the objects of a watch: the writing side of a store.
///
/// It is open: whatever takes events can be reflected into. kube's `Writer` need not implement it, see [`IntoKeep`].
///
/// # What comes
/// The events are kube's, in this order:
///
/// - `Init`, then an `InitApply` for each object, then `InitDone`: a list. What `InitDone` does not have is gone, and is to be let go of then.
/// - A list that breaks off has no `InitDone`: another `Init` comes, and what the broken one had is not listed any more. Nothing may have been
///   let go of for it. Between two `InitDone`s there may be any number of such.
/// - `Apply` and `Delete` come when no list is under way, the first of them after the first `InitDone`.
/// - Any list may have an object twice; the later one counts. A `Delete` may be for an object that is not there.
///
/// Objects are known by namespace and name. One that was deleted and created again while nobody watched comes as one `InitApply` or `Apply`
/// with another uid.
///
/// # What an error is
/// An object that could not be kept is an error of that object alone: it is told, counted, and the next event comes. The store is to have the older
/// object, or none, and **to count one that it refused in `InitApply` as listed**, so that `InitDone` leaves the older one in place. An error in
/// `Init` or `InitDone` is an error of the whole list, which is then begun anew.
///
/// It is called in an async task, and is not to block for longer than it takes to store an object. A panic ends the reflection.
///
/// # Views of `slim`
/// Before an object comes here it was asked for its name and `resourceVersion` as every [`Resource`] is, by its `ObjectMeta`. A view of
/// [`slim`](crate::slim) makes that when it is asked, and has it from then on; a clone does not have it. What keeps such views in memory had
/// better keep a clone, as kube's `Writer` does.
///
/// ```
/// use std::{convert::Infallible, sync::{Arc, atomic::{AtomicUsize, Ordering}}};
/// use k8s_openapi::api::core::v1::Event as Told;
/// use kube::runtime::watcher::Event;
/// use kube_ext::store::reflect::Keep;
///
/// /// Counts warnings, and keeps nothing else.
/// struct Warnings(Arc<AtomicUsize>);
///
/// impl Keep for Warnings {
///     type Object = Told;
///     type Error = Infallible;
///
///     fn keep(&mut self, event: Event<Told>) -> Result<(), Infallible> {
///         if let Event::Apply(told) = event && told.type_.as_deref() == Some("Warning") {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Keep: Send + 'static {
    /// The type of the objects, as they are asked for.
    type Object;
    /// Why one is not kept; [`Infallible`](std::convert::Infallible) if that cannot be.
    type Error: Error + Send + Sync + 'static;

    /// Takes what happened.
    ///
    /// # Errors
    /// When the object of the event, or with `Init` and `InitDone` the list, is not kept.
    ///
    /// ```
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::store::reflect::Keep;
    ///
    /// fn list<W: Keep>(store: &mut W, objects: Vec<W::Object>) -> Result<(), W::Error> {
    ///     store.keep(Event::Init)?;
    ///     for object in objects {
    ///         store.keep(Event::InitApply(object))?;
    ///     }
    ///     store.keep(Event::InitDone)
    /// }
    /// ```
    fn keep(&mut self, event: Event<Self::Object>) -> Result<(), Self::Error>;
}

/// What [`reflect`](super::reflect()) takes: all that is [`Keep`], and kube's `Writer`.
///
/// A `Writer` that others subscribe to, which kube makes with `Writer::new_shared` or `store_shared` (its feature `unstable-runtime-subscribe`),
/// fills its store here, but **its subscribers hear nothing**: see [`KeepStore`].
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::runtime::reflector::store::Writer;
/// use kube_ext::store::reflect::{IntoKeep, KeepStore};
///
/// let keep: KeepStore<Pod> = Writer::default().into_keep();
/// ```
pub trait IntoKeep {
    /// What it keeps.
    type Object;
    /// What it becomes.
    type Keep: Keep<Object = Self::Object>;

    /// Makes it what keeps objects.
    ///
    /// ```
    /// use kube_ext::store::reflect::IntoKeep;
    ///
    /// fn same<W: IntoKeep>(writer: W) -> W::Keep {
    ///     writer.into_keep()
    /// }
    /// ```
    fn into_keep(self) -> Self::Keep;
}

impl<W: Keep> IntoKeep for W {
    type Keep = W;
    type Object = W::Object;

    fn into_keep(self) -> W {
        self
    }
}

impl<K> IntoKeep for Writer<K>
where
    K: Lookup + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    type Keep = KeepStore<K>;
    type Object = K;

    fn into_keep(self) -> KeepStore<K> {
        KeepStore { turn: Turn::new(self.as_reader()), writer: self }
    }
}

/// kube's `Writer`, which fills a [`Store`](kube::runtime::reflector::Store), with lists that come again as
/// [`relist`](crate::store::WatchEventsExt::relist) has them: each object takes the place of the old one, and there is no second copy of all.
///
/// It keeps all that the API server can send. An object without a name, on which kube's writer panics, is an error.
///
/// # Subscribers
/// Those that have subscribed to a shared `Writer` (`Writer::new_shared`, `store_shared`) are told of nothing, and there is no error: only kube's own
/// `reflector` can tell them. For such a writer use that, with [`relist`](crate::store::WatchEventsExt::relist) before it:
/// `reflector(writer, events.relist(store))`, where `events` are those of kube's `watcher`.
///
/// ```
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::runtime::{reflector, watcher::Event};
/// use kube_ext::store::reflect::{IntoKeep, Keep};
///
/// let (store, writer) = reflector::store::<ConfigMap>();
/// let mut keep = writer.into_keep();
/// keep.keep(Event::Init)?;
/// assert!(keep.keep(Event::InitApply(ConfigMap::default())).is_err());
/// keep.keep(Event::InitDone)?;
/// assert!(store.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeepStore<K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    writer: Writer<K>,
    turn: Turn<K>,
}

/// An object has no name, by which a store would know it.
///
/// ```
/// assert_eq!(kube_ext::store::reflect::NoName.to_string(), "the object has no name");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object has no name")]
pub struct NoName;

impl<K> Keep for KeepStore<K>
where
    K: Lookup + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    type Error = NoName;
    type Object = K;

    fn keep(&mut self, event: Event<K>) -> Result<(), NoName> {
        if let Event::Apply(object) | Event::Delete(object) | Event::InitApply(object) = &event
            && object.name().is_none()
        {
            return Err(NoName);
        }
        if let Some(event) = self.turn.turn(event) {
            self.writer.apply_watcher_event(&event);
        }
        while let Some(gone) = self.turn.next_gone() {
            self.writer.apply_watcher_event(&gone);
        }
        Ok(())
    }
}

/// What it refuses is an error of the object alone: the store has the older one, or none.
impl<K, R, O> Keep for CompactWriter<K, R, O>
where
    O: Kept,
    K: Resource + Send + Sync + 'static,
    K::DynamicType: Send + Sync,
    R: DeserializeOwned + Send + Sync + 'static,
{
    type Error = CompactError;
    type Object = Raw<K>;

    fn keep(&mut self, event: Event<Raw<K>>) -> Result<(), CompactError> {
        self.apply_watcher_event(event)
    }
}

impl<K> fmt::Debug for KeepStore<K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepStore").finish_non_exhaustive()
    }
}
