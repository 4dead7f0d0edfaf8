//! Listing and watching into a store in the background.
//!
//! [`reflect`](fn@super::reflect) takes an `Api` and the writing side of a store, and gives a [`Reflection`]: a task that lists and watches until it is
//! dropped, and tells how it is. What goes wrong is tried again for ever, and never silent: it is in the [`State`], in
//! [`ready`](Reflection::ready), and in [`on_error`](Reflect::on_error).
//!
//! What keeps the objects is any [`Keep`]: kube's own `Writer`, one of this crate's, or yours.

mod choice;
mod error;
mod keep;
mod objects;
mod reflection;
mod run;
mod state;

use std::{
    fmt::{self, Debug},
    time::Duration,
};

use kube::{Api, Resource};
use serde::de::DeserializeOwned;

pub use self::{
    error::{Cause, Error},
    keep::{IntoKeep, Keep, KeepStore, NoName},
    reflection::Reflection,
    state::{Changes, Counts, State},
};

/// How many objects there are in a page: see [`Reflect::page_size`].
const PAGE_SIZE: u32 = 100;
/// How long a watch lasts, in seconds: kube's own.
const TIMEOUT: u32 = 290;
/// How much longer than that nothing may be heard: kube's own, too.
const MARGIN: Duration = Duration::from_secs(5);
/// How long nothing may be heard in the middle of a streamed list.
const LIST_SILENCE: Duration = Duration::from_secs(30);
/// The first wait after an error, and the longest: kube's own.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(30));

/// How objects are listed.
///
/// ```
/// use kube_ext::store::reflect::Lists;
///
/// assert_eq!(Lists::default(), Lists::Auto);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lists {
    /// As [`Streamed`](Self::Streamed), and as [`Paged`](Self::Paged) from when the server turned out to have no streaming lists: it says so (422
    /// or 400 about `sendInitialEvents` or `resourceVersionMatch`), which is no error.
    ///
    /// A server may know nothing of them without saying so. If it says nothing for 30 seconds in the middle of one, or ends it after 290 seconds
    /// without having told its end, or tells its end without a `resourceVersion`, or if two in a row break off, that is an error, and the next list is
    /// in pages. Lists are streamed again after one that was whole, unless it was twice in a row that one fell silent, went on to the 290 seconds, or had
    /// no version.
    #[default]
    Auto,
    /// Page by page, and then a watch.
    Paged,
    /// As the first events of a watch (`sendInitialEvents`, Kubernetes 1.34 and later unless it is turned off): one object at a time is
    /// decoded, and no page of them is held.
    Streamed,
}

type OnError = Box<dyn FnMut(&Error) + Send>;

/// What is asked for, and how.
struct Settings {
    labels: Option<String>,
    fields: Option<String>,
    page_size: Option<u32>,
    lists: Lists,
    /// In seconds.
    timeout: u32,
    backoff: (Duration, Duration),
    on_error: Option<OnError>,
}

impl Settings {
    /// How long a watch lasts.
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }

    /// How long nothing may be heard.
    fn silence(&self) -> Duration {
        self.timeout() + MARGIN
    }
}

/// Lists and watches what an `Api` has into a store, in the background.
///
/// The `Api` says of which kind and in which namespace, or all. `writer` is kube's [`Writer`](kube::runtime::reflector::store::Writer), whose lists
/// that come again then take no second copy, or any other [`Keep`]. What is returned has settings, and does nothing before
/// [`start`](Reflect::start).
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0, labels: {app: web}}, spec: {containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::reflector};
/// use kube_ext::store::reflect;
///
/// let (pods, writer) = reflector::store::<Pod>();
/// let reflection = reflect(Api::all(client), writer).labels("app=web").start();
/// reflection.ready().await?;
/// assert_eq!(pods.len(), 1);
/// assert!(reflection.state().is_live());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn reflect<W>(api: Api<W::Object>, writer: W) -> Reflect<W::Keep>
where
    W: IntoKeep,
    W::Object: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let settings = Settings {
        labels: None,
        fields: None,
        page_size: Some(PAGE_SIZE),
        lists: Lists::Auto,
        timeout: TIMEOUT,
        backoff: BACKOFF,
        on_error: None,
    };
    Reflect { api, keep: writer.into_keep(), settings }
}

/// What is to be listed and watched, and how: what [`reflect`](fn@super::reflect) returns.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::reflector::store::Writer};
/// use kube_ext::store::{reflect, reflect::{Lists, Reflection}};
///
/// fn running(pods: Api<Pod>, writer: Writer<Pod>) -> Reflection {
///     reflect(pods, writer).fields("status.phase=Running").lists(Lists::Paged).page_size(500).start()
/// }
/// ```
#[must_use = "nothing is listed before it is started"]
pub struct Reflect<W: Keep> {
    api: Api<W::Object>,
    keep: W,
    settings: Settings,
}

impl<W: Keep> Reflect<W>
where
    W::Object: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// Only objects with these labels: `app=web,tier!=db`, as the server takes them. One that loses them is deleted from the store.
    ///
    /// The server says what is no selector: [`ready`](Reflection::ready) is an error then.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// fn web(pods: Reflect<KeepStore<Pod>>) -> Reflect<KeepStore<Pod>> {
    ///     pods.labels("app=web,tier notin (cache,db)")
    /// }
    /// ```
    pub fn labels(mut self, selector: &str) -> Self {
        self.settings.labels = Some(selector.to_owned());
        self
    }

    /// Only objects with these fields: `spec.nodeName=node-1`, of those that the server can select by. All else as [`labels`](Self::labels).
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// fn of_node(pods: Reflect<KeepStore<Pod>>) -> Reflect<KeepStore<Pod>> {
    ///     pods.fields("spec.nodeName=node-1")
    /// }
    /// ```
    pub fn fields(mut self, selector: &str) -> Self {
        self.settings.fields = Some(selector.to_owned());
        self
    }

    /// How objects are listed; [`Lists::Auto`] unless told otherwise.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// fn in_pages(pods: Reflect<KeepStore<Pod>>) -> Reflect<KeepStore<Pod>> {
    ///     pods.lists(Lists::Paged)
    /// }
    /// ```
    pub fn lists(mut self, lists: Lists) -> Self {
        self.settings.lists = lists;
        self
    }

    /// How many objects there are in a page of a list in pages; 100 unless told otherwise, and all in one with 0.
    ///
    /// A page is in memory at once: as it came, twice for a moment, and decoded, which for whole pods is seven times as much. A hundred of 12.5 KB
    /// are some 10 MB, where kube's 500 are 50. More in a page are fewer round trips, one after the other. Streamed lists have no pages.
    ///
    /// A server forgets a list after some minutes (etcd's compaction), and answers 410 when a further page is asked for. The list begins anew then, with
    /// ten times as many objects in a page, and if that is too slow, too, with all in one; after a list that was whole it is this number again.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// fn of_far_away(pods: Reflect<KeepStore<Pod>>) -> Reflect<KeepStore<Pod>> {
    ///     pods.lists(Lists::Paged).page_size(1000)
    /// }
    /// ```
    pub fn page_size(mut self, objects: u32) -> Self {
        self.settings.page_size = (objects > 0).then_some(objects);
        self
    }

    /// How long a watch lasts until the server ends it and another begins from there: from a second up to 290, as it is unless told otherwise. In
    /// whole seconds, rounded up.
    ///
    /// It is how long a connection is believed that says nothing, too: 5 seconds longer than this, a request is given up, whatever it waits for. In
    /// a streamed list that is 30 seconds at most. kube's client answers a 429, 503 or 504 by asking again, for up to three minutes: with less
    /// than that here, a server that is busy for long is told as one that says nothing.
    ///
    /// A streamed list is asked for with 290 seconds, however short this is: it has to be whole by then. The watch that it goes on as is left after
    /// this time, and another begins from there.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// # use std::time::Duration;
    /// fn given_up_after_35_seconds(pods: Reflect<KeepStore<Pod>>) -> Reflect<KeepStore<Pod>> {
    ///     pods.timeout(Duration::from_secs(30))
    /// }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0));
        self.settings.timeout = u32::try_from(seconds).unwrap_or(TIMEOUT).clamp(1, TIMEOUT);
        self
    }

    /// How long to wait after an error until it is tried again: first, and at most. It doubles from one to the other, with jitter, and begins anew
    /// when a watch has told something, or has lasted longer than a second and ended in good order. A list that was whole is not enough: where each
    /// watch after one is refused, all is listed again, at longer and longer intervals. 0.8 and 30 seconds unless told otherwise, as in kube.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// # use std::time::Duration;
    /// fn patient(pods: Reflect<KeepStore<Pod>>) -> Reflect<KeepStore<Pod>> {
    ///     pods.backoff(Duration::from_secs(5), Duration::from_secs(300))
    /// }
    /// ```
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff = (first, longest);
        self
    }

    /// Tells each error as it comes: lists and watches that fail, and objects that are refused. The state has only the last one.
    ///
    /// It is called in the task, and is not to block. A panic ends the reflection.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube::{Api, runtime::reflector};
    /// # use kube_ext::{fake::{Calls, FakeCluster, Fault}, store::reflect};
    /// # let cluster = FakeCluster::builder().start().await?;
    /// # cluster.faults().add(Calls::verb("watch").first(1), Fault::internal_error("no"));
    /// # let pods: Api<Pod> = Api::all(cluster.client()?);
    /// let (sender, errors) = std::sync::mpsc::channel();
    /// let reflection = reflect(pods, reflector::store().1)
    ///     .on_error(move |error| drop(sender.send(error.to_string())))
    ///     .start();
    /// reflection.ready().await?;
    /// assert_eq!(errors.recv()?, "list pods: Internal error occurred: no");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_error(mut self, tell: impl FnMut(&Error) + Send + 'static) -> Self {
        self.settings.on_error = Some(Box::new(tell));
        self
    }

    /// Starts it, on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # use kube_ext::store::reflect::{KeepStore, Lists, Reflect, Reflection};
    /// async fn started(pods: Reflect<KeepStore<Pod>>) -> Reflection {
    ///     pods.start()
    /// }
    /// ```
    pub fn start(self) -> Reflection {
        Reflection::start(self.api, self.keep, self.settings)
    }
}

impl<W: Keep> Debug for Reflect<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflect")
            .field("labels", &self.settings.labels)
            .field("fields", &self.settings.fields)
            .field("lists", &self.settings.lists)
            .finish_non_exhaustive()
    }
}
