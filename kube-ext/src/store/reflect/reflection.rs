//! The handle of the task.

use std::{any::Any, fmt::Debug, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Settings,
    error::Error,
    keep::Keep,
    objects::Objects,
    run::Run,
    state::{Changes, Counts, State, Status},
};

/// A list and a watch that fill a store in the background, for as long as this lives: what [`Reflect::start`](super::Reflect::start) returns.
///
/// # What happens
/// All is listed, and then watched. A watch that ends, or fails, begins again from where it was; only when the server does not know that any
/// more (410) is all listed again, and what is not listed is gone from the store. So it is when the server refuses it otherwise (400), or has
/// answered three times in a row with an error that is not about rights, the kind or too many requests (401, 403, 404, 429): it may be about
/// where the watch was. Whatever fails is tried again, for ever.
///
/// # Dropping it
/// ends the task and its connection, between two events. The store stays as it is, and can be read; [`stop`](Self::stop) waits for that.
///
/// # Bounds
/// One task and one connection. It holds one event, or with lists in pages one [page](super::Reflect::page_size); while a streamed list comes, those
/// that were deleted meanwhile; and what the store needs for a list that comes again.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::runtime::reflector::Store;
/// use kube_ext::store::reflect::Reflection;
///
/// struct Cache {
///     pods: Store<Pod>,
///     reflection: Reflection,
/// }
///
/// impl Cache {
///     fn is_healthy(&self) -> bool {
///         self.reflection.state().is_live()
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Reflection {
    status: Arc<Status>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// Whatever becomes of the task, its end is told.
struct End {
    status: Arc<Status>,
    objects: Arc<Objects>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.status.end(Some(self.objects.cancelled()));
    }
}

impl Reflection {
    pub(super) fn start<W: Keep>(api: Api<W::Object>, keep: W, settings: Settings) -> Self
    where
        W::Object: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let (status, objects) = (Arc::new(Status::new()), Arc::new(Objects::of(&api)));
        let stop = CancellationToken::new();
        let end = End { status: status.clone(), objects: objects.clone() };
        let run = Run::new(api, keep, objects, settings, status.clone()).run();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move {
                let error = tokio::select! {
                    () = stop.cancelled() => None,
                    // What it leaves is not used again, but for the store, whose readers see what it has.
                    ended = AssertUnwindSafe(run).catch_unwind() => match ended {
                        Ok(never) => match never {},
                        Err(panic) => Some(end.objects.panicked(message(panic))),
                    },
                };
                end.status.end(error);
            }
        });
        Self { status, stop, task: AbortOnDropHandle::new(task) }
    }

    /// Waits until the first list is whole and in the store, or the server refuses it.
    ///
    /// From then on it is `Ok`, however the watch goes; see [`state`](Self::state) for that.
    ///
    /// # Errors
    /// - The last try was [refused](Error::is_refusal): no rights, no such kind, no selector. **It goes on trying**: who wants to wait for rights, or for
    ///   a kind to be installed, waits for a state that is live in [`changes`](Self::changes). Asked again, it says the same until a later try
    ///   goes otherwise.
    /// - The reflection has ended before.
    ///
    /// A server that is busy, broken or cannot be reached is no error but is waited for, without end: put a timeout around this, and ask for
    /// [`last_error`](Self::last_error) then.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use std::time::Duration;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, runtime::reflector};
    /// # use kube_ext::{fake::{Calls, FakeCluster, Fault}, store::reflect};
    /// # let cluster = FakeCluster::builder().start().await?;
    /// # cluster.faults().add(Calls::any(), Fault::internal_error("no"));
    /// # let pods: Api<Pod> = Api::all(cluster.client()?);
    /// let reflection = reflect(pods, reflector::store().1).start();
    /// let failed = async { while reflection.last_error().is_none() { tokio::task::yield_now().await } };
    /// tokio::select! {
    ///     ready = reflection.ready() => ready?,
    ///     () = failed => eprintln!("no list so far: {}", reflection.last_error().ok_or("no error")?),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn ready(&self) -> Result<(), Arc<Error>> {
        let mut course = self.status.subscribe();
        let is_told = |state: &State| match state {
            State::Starting { error } => error.as_ref().is_some_and(|error| error.is_refusal()),
            _ => true,
        };
        // The sender is in `self`.
        let Ok(course) = course.wait_for(|course| course.is_filled || is_told(&course.state)).await else {
            return Ok(());
        };
        match course.state.error() {
            Some(error) if !course.is_filled => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// How it is.
    ///
    /// ```
    /// # fn show(reflection: &kube_ext::store::reflect::Reflection) {
    /// if let Some(error) = reflection.state().error() {
    ///     eprintln!("{error}");
    /// }
    /// # }
    /// ```
    pub fn state(&self) -> State {
        self.status.state()
    }

    /// How it is, now and whenever that changes: see [`Changes`].
    ///
    /// ```
    /// use futures::StreamExt;
    ///
    /// async fn tell(reflection: &kube_ext::store::reflect::Reflection) {
    ///     let mut changes = reflection.changes();
    ///     while let Some(state) = changes.next().await {
    ///         eprintln!("{state:?}");
    ///     }
    /// }
    /// ```
    pub fn changes(&self) -> Changes {
        Changes::new(self.status.subscribe())
    }

    /// The last error there was, of a list, a watch or an object, even if all has been well since.
    ///
    /// ```
    /// # fn show(reflection: &kube_ext::store::reflect::Reflection) {
    /// if let Some(error) = reflection.last_error() {
    ///     eprintln!("most recently: {error}");
    /// }
    /// # }
    /// ```
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.status.last_error()
    }

    /// How long ago the server last told something: an event, a bookmark, a page of a list, or that a watch has begun. Nothing if it never did.
    ///
    /// On a connection that works it is at most what a watch lasts, 290 seconds unless [told otherwise](super::Reflect::timeout), since the next one
    /// begins then; with an API server that sends bookmarks, which it does about once a minute where anything of the kind has changed in the
    /// cluster, mostly less. A connection that has died without a word is given up 5 seconds after that, and the state is
    /// [`Stale`](State::Stale) from then on. So this says how old the store may be although the state is live.
    ///
    /// ```
    /// # use std::time::Duration;
    /// fn is_fresh(reflection: &kube_ext::store::reflect::Reflection) -> bool {
    ///     reflection.staleness().is_some_and(|age| age < Duration::from_secs(300))
    /// }
    /// ```
    pub fn staleness(&self) -> Option<Duration> {
        self.status.staleness()
    }

    /// What has happened so far.
    ///
    /// ```
    /// fn was_listed_again(reflection: &kube_ext::store::reflect::Reflection) -> bool {
    ///     reflection.counts().lists > 1
    /// }
    /// ```
    pub fn counts(&self) -> Counts {
        self.status.counts()
    }

    /// Ends it between two events, and waits until the task and what it held are gone. The store stays as it is.
    ///
    /// # Cancel safety
    /// It ends in any case.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Namespace;
    /// # use kube::{Api, runtime::reflector};
    /// # use kube_ext::{fake::FakeCluster, store::reflect};
    /// # let cluster = FakeCluster::builder().start().await?;
    /// # let namespaces: Api<Namespace> = Api::all(cluster.client()?);
    /// let (store, writer) = reflector::store();
    /// let reflection = reflect(namespaces, writer).start();
    /// reflection.ready().await?;
    /// reflection.stop().await;
    /// assert!(!store.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn stop(mut self) {
        self.stop.cancel();
        // It has told by itself how it ended.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Reflection {
    /// The task may be at work, and goes on until it waits next.
    fn drop(&mut self) {
        self.status.end(None);
    }
}

/// What a panic says.
fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast::<String>().map(|text| *text);
    text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|_| "without a message".to_owned())
}
