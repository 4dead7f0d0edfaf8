//! Events of another type.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use kube::runtime::watcher::{self, Event};

/// Maps the object of an event, if it has one, to another type.
///
/// kube's own `Event::modify` keeps the type.
///
/// ```
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::runtime::watcher::Event;
/// use kube_ext::store::map_event;
///
/// let event = Event::Apply(ConfigMap::default());
/// assert!(matches!(map_event(event, |map| map.data), Event::Apply(None)));
/// ```
pub fn map_event<K, T>(event: Event<K>, f: impl FnOnce(K) -> T) -> Event<T> {
    match event {
        Event::Apply(object) => Event::Apply(f(object)),
        Event::Delete(object) => Event::Delete(f(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(f(object)),
        Event::InitDone => Event::InitDone,
    }
}

/// Events with their objects mapped to another type: what [`map_events`](super::WatchEventsExt::map_events) returns.
///
/// Errors are passed on as they are, and nothing is held back.
///
/// # Cancel safety
/// Nothing is lost between two items: it keeps nothing.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::store::{MapEvents, WatchEventsExt};
/// use kube::{Resource, core::ObjectMeta, runtime::watcher::{self, Event}};
///
/// fn metadata<S>(pods: S) -> MapEvents<S, fn(Pod) -> ObjectMeta>
/// where
///     S: futures::Stream<Item = watcher::Result<Event<Pod>>>,
/// {
///     pods.map_events(|pod| pod.metadata)
/// }
/// ```
#[must_use = "nothing is read unless it is polled"]
pub struct MapEvents<S, F> {
    events: Pin<Box<S>>,
    f: F,
}

impl<S, F> MapEvents<S, F> {
    pub(super) fn new(events: S, f: F) -> Self {
        Self { events: Box::pin(events), f }
    }
}

// The function is called by reference and never pinned.
impl<S, F> Unpin for MapEvents<S, F> {}

impl<S, F> fmt::Debug for MapEvents<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapEvents").finish_non_exhaustive()
    }
}

impl<S, K, F, T> Stream for MapEvents<S, F>
where
    S: Stream<Item = watcher::Result<Event<K>>>,
    F: FnMut(K) -> T,
{
    type Item = watcher::Result<Event<T>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = this.events.as_mut().poll_next(context);
        next.map(|next| next.map(|event| event.map(|event| map_event(event, &mut this.f))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.events.size_hint()
    }
}
