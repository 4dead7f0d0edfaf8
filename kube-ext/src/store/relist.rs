//! Lists that come again, as changes.

use std::{
    fmt,
    hash::Hash,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::Stream;
use kube::runtime::{
    reflector::{Lookup, Store},
    watcher::{self, Event},
};

use super::seen::Seen;

/// Watch events in which a list that comes again is a row of changes: what [`relist`](super::WatchEventsExt::relist) returns.
///
/// The first list passes as it is, so that the store gets ready. In each later one, `InitApply` becomes `Apply`, and `InitDone` a `Delete`
/// of each object that the store has and the list has not, as the store has it; `Init` and `InitDone` themselves are not passed on. All
/// else passes as it is, errors too.
///
/// When no list is under way, the store has what it would have without this. While one is, it has new objects beside old ones; kube
/// puts all new ones in place at once. What was there before and is listed is there all the time.
///
/// A list that ends with an error and begins anew deletes nothing; only one that is whole does. An object that was deleted and created
/// again with the same name takes the place of the old one, without a `Delete`, as it does in kube's own store.
///
/// The `store` is to be that of the writer that these events are for, and between the two may be nothing that holds events back or
/// changes names: what is gone is known by what the store has when the list ends. One that is written from elsewhere, too, loses what
/// is not listed here.
///
/// At the end of such a list it asks all objects of the store for their names. A [view](https://docs.rs/kube-ext/latest/kube_ext/slim/) makes an `ObjectMeta` for
/// that, which it keeps: for views, a [`RowStore`](super::RowStore) is the smaller one.
///
/// Those who read on, a controller or a second store, see objects that vanished while nobody watched as `Delete`, which kube's
/// own list does not tell them. Lists that come again they do not see.
///
/// # Bounds
/// While a list comes again, 16 bytes are kept for each object, and an eighth more once there are more objects than before; kube keeps them
/// all twice. At its end there are pointers to those that are gone, and they are cloned one at a time.
///
/// An object is remembered by a hash of namespace and name, of 128 bits, with random keys. If one that is gone had the hash of one
/// that is listed, it would stay in the store until the next list. For a million that are gone and a million that are listed the odds of
/// one such are below 1 in 10²⁶, and no choice of names makes them better.
///
/// # Cancel safety
/// Between two items nothing is lost. Dropped while a list comes again, it leaves the store with what was listed so far in place, and
/// all else as it was.
///
/// # Panics
/// It does not, but kube's writer does for an object without a name.
///
/// ```
/// use futures::stream::BoxStream;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::runtime::watcher::{self, Event};
/// use kube_ext::store::Relist;
///
/// struct Cache {
///     pods: Relist<BoxStream<'static, watcher::Result<Event<Pod>>>, Pod>,
/// }
/// ```
#[must_use = "nothing is read unless it is polled"]
pub struct Relist<S, K>
where
    K: Lookup + 'static,
    K::DynamicType: Eq + Hash,
{
    events: Pin<Box<S>>,
    turn: Turn<K>,
}

impl<S, K> Relist<S, K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    pub(super) fn new(events: S, store: Store<K>) -> Self {
        Self { events: Box::pin(events), turn: Turn::new(store) }
    }
}

/// What events are for a store that has been filled.
pub(super) struct Turn<K>
where
    K: Lookup + 'static,
    K::DynamicType: Eq + Hash,
{
    store: Store<K>,
    /// Whether a list has passed as it is.
    is_listed: bool,
    /// What a later list has had so far, while one is under way.
    seen: Option<Seen>,
    /// What it has not.
    gone: Vec<Arc<K>>,
}

impl<K> Turn<K>
where
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    pub(super) fn new(store: Store<K>) -> Self {
        Self { store, is_listed: false, seen: None, gone: Vec::new() }
    }

    /// What this event is for the store, if anything. What it makes vanish is to be asked for next.
    pub(super) fn turn(&mut self, event: Event<K>) -> Option<Event<K>> {
        match (event, &mut self.seen) {
            (Event::Init, seen) if self.is_listed => {
                // Whatever list was under way has not come to its end.
                *seen = Some(Seen::new(self.store.len()));
                None
            }
            (Event::InitApply(object) | Event::Apply(object), Some(seen)) => {
                seen.insert(&object);
                Some(Event::Apply(object))
            }
            (Event::InitDone, seen) => {
                self.is_listed = true;
                let Some(seen) = seen.take() else { return Some(Event::InitDone) };
                let listed = seen.whole();
                self.gone = self.store.state_filter(|object| !listed.has(object));
                None
            }
            (event, _) => Some(event),
        }
    }

    /// The `Delete` of one more object that a list had not.
    pub(super) fn next_gone(&mut self) -> Option<Event<K>> {
        let object = self.gone.pop()?;
        if self.gone.is_empty() {
            self.gone = Vec::new();
        }
        Some(Event::Delete(Arc::unwrap_or_clone(object)))
    }
}

impl<S, K> Stream for Relist<S, K>
where
    S: Stream<Item = watcher::Result<Event<K>>>,
    K: Lookup + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    type Item = watcher::Result<Event<K>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(gone) = this.turn.next_gone() {
                return Poll::Ready(Some(Ok(gone)));
            }
            match ready!(this.events.as_mut().poll_next(context)) {
                Some(Ok(event)) => {
                    if let Some(event) = this.turn.turn(event) {
                        return Poll::Ready(Some(Ok(event)));
                    }
                }
                end => return Poll::Ready(end),
            }
        }
    }
}

impl<S, K> fmt::Debug for Relist<S, K>
where
    K: Lookup + 'static,
    K::DynamicType: Eq + Hash,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relist")
            .field("is_listed", &self.turn.is_listed)
            .field("is_listing", &self.turn.seen.is_some())
            .finish_non_exhaustive()
    }
}
