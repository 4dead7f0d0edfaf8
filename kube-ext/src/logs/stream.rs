//! Many logs as one stream.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{self, Context, Poll},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::{
    FutureExt as _, Stream, StreamExt as _, TryStreamExt as _,
    future::{BoxFuture, ready},
    stream::{BoxStream, FuturesUnordered, StreamFuture},
    task::AtomicWaker,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use super::{
    error::{Cause, Error},
    event::Event,
    follower::{Follower, Shared, View},
    merged::{ByTime, Head, Source},
    request::FOR_EVER,
    select::{self, Filter},
    tail::Tail,
    workload::{Pods, Workload},
};
use crate::pod::{ContainerExt as _, PodExt as _};

/// How long a line waits for older ones of other containers, unless told otherwise.
const WINDOW: Duration = Duration::from_millis(500);
/// How often pods may not be listed before it is given up, if nothing is followed.
pub(super) const TRIES: u32 = 8;

/// Lines of many containers, and what there is to know about them: what [`LogExt::tail`](crate::logs::LogExt::tail) returns.
///
/// Lines of a container come as it wrote them. An error is the last thing that comes: there is nothing to read, since the pods
/// cannot be listed, or what was asked for cannot be. What happens to one container is an [`Event`], and the others go on. Without
/// [`follow`](Tail::follow), it ends when all has been read.
///
/// Nothing happens before it is polled, and little unless it is: a reader that is slow slows the servers down, and loses nothing. It
/// must be polled in the context of a tokio runtime, where each container has a task that reads a few batches ahead.
///
/// # Cancel safety
/// Between two items nothing is lost. When it is dropped, its tasks are aborted, which closes all connections.
///
/// ```
/// use futures::TryStreamExt;
/// use kube_ext::logs::{Error, LogStream};
///
/// async fn count(mut logs: LogStream) -> Result<usize, Error> {
///     let mut lines = 0;
///     while let Some(event) = logs.try_next().await? {
///         lines += usize::from(event.into_line().is_some());
///     }
///     Ok(lines)
/// }
/// ```
#[must_use = "nothing is read unless it is polled"]
pub struct LogStream {
    api: Api<Pod>,
    shared: Arc<Shared>,
    state: State,
    filter: Option<Filter>,
    pods: HashMap<Key, Known>,
    /// The pods of a list that is coming in, and whether one has been whole.
    listed: HashSet<Key>,
    is_listed: bool,
    /// How often that has failed.
    failures: u32,
    /// Logs of which the next batch is awaited.
    sources: FuturesUnordered<StreamFuture<Source>>,
    /// How many there have been.
    started: u64,
    order: Order,
    /// What is to be said before all else.
    events: VecDeque<Event>,
}

enum State {
    Starting(BoxFuture<'static, Result<(Filter, watcher::Config), Error>>),
    Watching(BoxStream<'static, watcher::Result<watcher::Event<Pod>>>),
    /// There is no more to be known of the pods.
    Listed,
    Failed,
}

/// Namespace and name.
type Key = (String, String);

/// A pod that is read.
struct Known {
    uid: String,
    view: watch::Sender<View>,
    containers: HashSet<String>,
}

enum Order {
    /// A batch at a time.
    AsItComes(Option<Head>),
    ByTime(ByTime),
}

impl LogStream {
    pub(super) fn new(api: Api<Pod>, mut tail: Tail) -> Self {
        // What is over cannot be followed.
        tail.follow &= !tail.previous;
        let shared = Arc::new(Shared {
            client: api.clone().into_client(),
            permits: Semaphore::new(tail.max_streams.min(Semaphore::MAX_PERMITS)),
            parkings: AtomicUsize::new(0),
            watcher: AtomicWaker::new(),
            began: Instant::now(),
            tail,
        });
        Self {
            state: State::Starting(select(api.clone(), shared.clone()).boxed()),
            api,
            shared,
            filter: None,
            pods: HashMap::new(),
            listed: HashSet::new(),
            is_listed: false,
            failures: 0,
            sources: FuturesUnordered::new(),
            started: 0,
            order: Order::AsItComes(None),
            events: VecDeque::new(),
        }
    }

    /// Lines in the order of their times, across containers.
    ///
    /// A line is held until every log that is read has a later one. While logs are followed, one that is silent is not waited
    /// for longer than the window, half a second unless told otherwise ([`merged_within`](Self::merged_within)); nor are those that wait
    /// for their turn or for a start. Lines of a container are never put in another order, even if their times are not.
    /// A batch of each log is held, some 50 KiB.
    ///
    /// ```
    /// use kube_ext::logs::{LogExt, LogStream, Tail};
    ///
    /// fn in_order(client: &kube::Client) -> LogStream {
    ///     client.tail(Tail::new().labels("app=web")).merged()
    /// }
    /// ```
    pub fn merged(self) -> Self {
        self.merged_within(WINDOW)
    }

    /// As [`merged`](Self::merged), with a window of your own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kube_ext::logs::{LogExt, LogStream, Tail};
    ///
    /// fn patient(client: &kube::Client) -> LogStream {
    ///     client.tail(Tail::new().follow()).merged_within(Duration::from_secs(5))
    /// }
    /// ```
    pub fn merged_within(mut self, window: Duration) -> Self {
        let window = window.min(FOR_EVER);
        match &mut self.order {
            Order::ByTime(order) => order.window = window,
            Order::AsItComes(head) => {
                let mut order = ByTime::new(window);
                if let Some(head) = head.take() {
                    self.events.extend(head.batch);
                    order.awaits(head.source.id);
                    self.sources.push(head.source.into_future());
                }
                self.order = Order::ByTime(order);
            }
        }
        self
    }

    /// Reads on until a line matches a regular expression, and returns that line. It is looked for in the bytes of a line, part by
    /// part of a very long one; events that are no lines are passed over.
    ///
    /// # Errors
    /// [`Cause::NoMatch`] if all has been read and none matches, or if none has come within `timeout`; [`Cause::Invalid`] for what is no
    /// regular expression; and the errors of the stream.
    ///
    /// # Cancel safety
    /// If the future is dropped, lines that it has looked at are gone; the stream goes on behind them.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::fake::FakeCluster;
    /// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node, containers: [{name: app}]}}";
    /// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
    /// # cluster.container("default", "web-0", "app").log("listening on port 80");
    /// # let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::default_namespaced(cluster.client()?);
    /// use std::time::Duration;
    /// use kube_ext::logs::{LogExt, Tail};
    ///
    /// let mut logs = pods.tail(Tail::new().pod("web-0").follow());
    /// let line = logs.wait_for("port [0-9]+", Duration::from_secs(60)).await?;
    /// assert_eq!(line.bytes(), b"listening on port 80");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn wait_for(&mut self, pattern: &str, timeout: Duration) -> Result<super::LogLine, Error> {
        let object = object(&self.api, &self.shared.tail);
        let regex = regex::bytes::Regex::new(pattern).map_err(|error| {
            Error::new(&object, Cause::Invalid { problem: select::bad_pattern(pattern, &error) })
        })?;
        let matching = async {
            while let Some(event) = self.next().await {
                if let Some(line) = event?.into_line().filter(|line| regex.is_match(line.bytes())) {
                    return Ok(Some(line));
                }
            }
            Ok(None)
        };
        let after = match tokio::time::timeout(timeout, matching).await {
            Ok(Ok(Some(line))) => return Ok(line),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => return Err(error),
            Err(_) => Some(timeout),
        };
        Err(Error::new(object, Cause::NoMatch { pattern: pattern.to_owned(), after }))
    }

    /// Takes what is known of the pods. An error is the end.
    fn poll_pods(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        loop {
            let event = match &mut self.state {
                State::Starting(start) => {
                    let Poll::Ready(selected) = start.poll_unpin(cx) else { return Ok(()) };
                    let (filter, config) = selected?;
                    self.filter = Some(filter);
                    self.state = State::Watching(pods(self.api.clone(), config));
                    continue;
                }
                State::Watching(pods) => match pods.poll_next_unpin(cx) {
                    Poll::Ready(Some(event)) => event,
                    Poll::Ready(None) => {
                        self.state = State::Listed;
                        return Ok(());
                    }
                    Poll::Pending => return Ok(()),
                },
                State::Listed | State::Failed => return Ok(()),
            };
            match event {
                Ok(watcher::Event::Init) => {}
                Ok(watcher::Event::InitApply(pod)) => {
                    self.listed.insert(key(&pod));
                    self.see(pod);
                }
                Ok(watcher::Event::InitDone) => self.all_listed()?,
                Ok(watcher::Event::Apply(pod)) => self.see(pod),
                Ok(watcher::Event::Delete(pod)) => {
                    if let Some(known) = self.pods.get(&key(&pod))
                        && known.uid == select::uid(&pod)
                    {
                        known.view.send_replace(None);
                    }
                    self.forget();
                }
                Err(error) => self.not_watched(error)?,
            }
        }
    }

    /// The list is whole.
    fn all_listed(&mut self) -> Result<(), Error> {
        let listed = std::mem::take(&mut self.listed);
        for (key, known) in &self.pods {
            if !listed.contains(key) {
                known.view.send_replace(None);
            }
        }
        self.forget();
        self.is_listed = true;
        if self.shared.tail.follow {
            return Ok(());
        }
        self.state = State::Listed;
        let is_listed = |name: &str| listed.iter().any(|(_, listed)| listed == name);
        match self.filter.as_ref().and_then(|filter| filter.names().find(|name| !is_listed(name))) {
            Some(name) => {
                let message = format!("pods {name:?} not found");
                let status = kube::core::Status::failure(&message, "NotFound").with_code(404);
                Err(self.error(Cause::NotFound { source: kube::Error::Api(status.boxed()) }))
            }
            None => Ok(()),
        }
    }

    /// Forgets pods that are gone, once their logs have been read. One that is only none of those that are meant any more is
    /// read on, and not anew if it comes back.
    fn forget(&mut self) {
        self.pods.retain(|_, known| known.view.receiver_count() > 0 || known.view.borrow().is_some());
    }

    /// The watch goes on by itself after a while, unless it is refused from the beginning, or fails again and again and nobody
    /// follows.
    fn not_watched(&mut self, error: watcher::Error) -> Result<(), Error> {
        self.listed.clear();
        let cause = match error {
            watcher::Error::InitialListFailed(source) if !self.is_listed => Cause::of(source),
            error => Cause::Watch { source: Box::new(error) },
        };
        self.failures += 1;
        if !cause.may_pass() || !self.shared.tail.follow && self.failures > TRIES {
            return Err(self.error(cause));
        }
        let error = self.error(cause);
        self.events.push_back(Event::Interrupted { error, retry_in: None });
        Ok(())
    }

    /// Looks at a pod: containers that are new are followed, and those that are known see it.
    fn see(&mut self, pod: Pod) {
        let Some(filter) = self.filter.as_ref().filter(|filter| filter.takes_pod(&pod)) else { return };
        let (key, uid) = (key(&pod), select::uid(&pod));
        if self.pods.get(&key).is_some_and(|known| known.uid != uid)
            && let Some(known) = self.pods.remove(&key)
        {
            known.view.send_replace(None);
        }
        let pod = Arc::new(select::slim(pod));
        let known = self.pods.entry(key).or_insert_with(|| Known {
            uid,
            view: watch::Sender::new(None),
            containers: HashSet::new(),
        });
        known.view.send_replace(Some(pod.clone()));
        let mut started = Vec::new();
        let first = !self.is_listed;
        for container in pod.containers(None) {
            let name = container.name();
            if known.containers.insert(name.to_owned()) && filter.takes(&container, first) {
                let (view, kind) = (known.view.subscribe(), container.kind());
                started.push(Follower::start(&self.shared, &pod, name, kind, view, first));
            }
        }
        for mut source in started {
            source.id = self.started;
            self.started += 1;
            self.order.awaits(source.id);
            self.sources.push(source.into_future());
        }
    }

    fn error(&self, cause: Cause) -> Error {
        Error::new(object(&self.api, &self.shared.tail), cause)
    }

    /// The next event of the logs; none if they have all ended.
    fn poll_logs(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match &mut self.order {
            Order::AsItComes(head) => loop {
                if let Some(current) = head {
                    if let Some(event) = current.batch.next() {
                        return Poll::Ready(Some(event));
                    }
                    if let Some(Head { source, .. }) = head.take() {
                        self.sources.push(source.into_future());
                    }
                }
                match task::ready!(self.sources.poll_next_unpin(cx)) {
                    Some((Some(batch), source)) => *head = Some(Head::new(batch, source)),
                    Some((None, _)) => {}
                    None => return Poll::Ready(None),
                }
            },
            Order::ByTime(order) => {
                self.shared.watcher.register(cx.waker());
                let parked = loop {
                    while let Poll::Ready(Some((batch, source))) = self.sources.poll_next_unpin(cx) {
                        order.came(source.id);
                        if let Some(batch) = batch
                            && let Some(source) =
                                order.put(Head::new(batch, source), DateTime::<Utc>::MIN_UTC)
                        {
                            order.awaits(source.id);
                            self.sources.push(source.into_future());
                        }
                    }
                    let parkings = self.shared.parkings.load(Ordering::SeqCst);
                    if let Some(parked) = order.parked(parkings) {
                        break parked;
                    }
                    // What they have sent before is looked for once more.
                    let parked = self.sources.iter().filter_map(StreamFuture::get_ref);
                    order.set_parked(parked.filter(|source| source.is_parked()).count(), parkings);
                };
                let awaited = self.sources.len().saturating_sub(parked);
                if awaited > 0 && !task::ready!(order.poll_window(self.shared.tail.follow, cx)) {
                    return Poll::Pending;
                }
                let Some((event, drained)) = order.take() else {
                    return if self.sources.is_empty() { Poll::Ready(None) } else { Poll::Pending };
                };
                if let Some(source) = drained {
                    order.awaits(source.id);
                    self.sources.push(source.into_future());
                }
                Poll::Ready(Some(event))
            }
        }
    }
}

impl Order {
    /// A batch of this log is awaited from now on.
    fn awaits(&mut self, id: u64) {
        if let Self::ByTime(order) = self {
            order.awaits(id);
        }
    }
}

impl Stream for LogStream {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if matches!(this.state, State::Failed) {
            return Poll::Ready(None);
        }
        // Between batches is often enough.
        if !matches!(&this.order, Order::AsItComes(Some(head)) if !head.batch.is_empty())
            && let Err(error) = this.poll_pods(cx)
        {
            this.state = State::Failed;
            this.sources.clear();
            this.order = Order::AsItComes(None);
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(event) = this.events.pop_front() {
            return Poll::Ready(Some(Ok(event)));
        }
        match this.poll_logs(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Some(Ok(event))),
            Poll::Ready(None) if matches!(this.state, State::Listed) => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream")
            .field("tail", &self.shared.tail)
            .field("pods", &self.pods.len())
            .finish_non_exhaustive()
    }
}

/// The pods as they come and go.
fn pods(api: Api<Pod>, config: watcher::Config) -> BoxStream<'static, watcher::Result<watcher::Event<Pod>>> {
    // A list that begins is no progress: it would reset the back-off.
    let events = watcher(api, config).try_filter(|event| ready(!matches!(event, watcher::Event::Init)));
    events.default_backoff().boxed()
}

fn key(pod: &Pod) -> Key {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}

/// What is read, for errors.
fn object(api: &Api<Pod>, tail: &Tail) -> String {
    let namespace = api.namespace();
    match (&tail.workload, tail.names.first(), tail.names.len(), namespace) {
        (Some(workload), _, _, Some(namespace)) => format!("{workload} in namespace {namespace}"),
        (None, Some(name), 1, Some(namespace)) => format!("pod {namespace}/{name}"),
        (_, _, _, Some(namespace)) => format!("pods in namespace {namespace}"),
        (_, _, _, None) => "pods in all namespaces".to_owned(),
    }
}

/// Which pods are to be watched, and how.
async fn select(api: Api<Pod>, shared: Arc<Shared>) -> Result<(Filter, watcher::Config), Error> {
    let tail = &shared.tail;
    let failed = |cause| Error::new(object(&api, tail), cause);
    let mut tail = tail.clone();
    let mut labels = None;
    if let Some(workload) = tail.workload.take() {
        let workload = Workload::parse(&workload).map_err(failed)?;
        let Some(namespace) = api.namespace() else {
            let problem = "a workload is of one namespace, and all are asked for".to_owned();
            return Err(failed(Cause::Invalid { problem }));
        };
        match workload.pods(&shared.client, namespace, &shared.tail).await.map_err(failed)? {
            Pods::Name(name) => tail = tail.pod(name),
            Pods::Labels(selector) => labels = Some(selector),
        }
    }
    let filter = Filter::new(&tail).map_err(failed)?;
    Ok((filter, select::watch(&tail, labels)))
}
