//! A graph that is kept as things are on the server.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use kube::core::WatchEvent;
use serde::Deserialize as _;
use serde_json::Value;
use tokio::{sync::Notify, time::sleep};

use super::{
    builder::Builder,
    change::Change,
    error::{Cause, Error},
    gap::Gap,
    graph::OwnerGraph,
    join::Joiner,
    kinds::{Catalog, Kind},
    list::{Item, List},
    reading::{Reading, Turn},
    source::{News, Place, Source, Step},
};

/// So often the server is asked for its kinds, as the garbage collector asks (`GarbageCollector.Sync`).
const LOOK: Duration = Duration::from_secs(30);
/// So soon after a `CustomResourceDefinition` has changed, and so often: it takes a moment until it is served.
const SOON: Duration = Duration::from_secs(1);
const LOOKS: u32 = 5;
/// What is missing if the server cannot be asked for its kinds.
const DISCOVERY: &str = "discovery";

/// A graph that is kept as things are on the server, and a stream of its changes: [`OwnerGraph::follow`].
///
/// [`graph`](Self::graph) has each change when it is told, and those that came with it, as in a page of a list, as well. Nothing happens to it but
/// when the stream is asked for the next one. It does not end: what goes wrong is in [`OwnerGraph::gaps`], and is tried again.
///
/// # Cancel safety
/// If the future of a next change is dropped, nothing is lost. If this is, nothing is left.
#[must_use = "nothing is followed unless it is polled"]
pub struct Follow {
    joiner: Joiner,
    builder: Option<Builder>,
    catalog: Arc<Catalog>,
    /// Those that are still wanted, by number.
    kinds: HashMap<usize, Arc<Kind>>,
    next: usize,
    running: FuturesUnordered<BoxFuture<'static, Work>>,
    /// How many of them read a list, and those who wait until one is read.
    lists: usize,
    waiting: VecDeque<(Source, Reading)>,
    /// Kinds may have come or gone.
    hurry: Arc<Notify>,
    looks: u32,
}

/// What has been done.
enum Work {
    Source(Box<(Source, News)>),
    Kinds(Result<Arc<Catalog>, Error>),
}

/// What a graph was loaded from, to go on from there.
#[derive(Default)]
pub(super) struct Origin {
    /// Without the graph.
    pub(super) joiner: Joiner,
    pub(super) builder: Option<Builder>,
    pub(super) catalog: Arc<Catalog>,
    /// What is meant to be listed, and where it was read, if it was.
    pub(super) lists: Vec<(List, Option<Place>)>,
}

impl Origin {
    /// How more can be asked for.
    pub(super) fn sources(&self) -> Option<(Builder, Arc<Catalog>)> {
        Some((self.builder.clone()?, self.catalog.clone()))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("graph", &self.joiner.graph).finish_non_exhaustive()
    }
}

impl OwnerGraph {
    /// Keeps it as things are on the server: by watches of metadata, from the moment of each list on, so that nothing is missed in
    /// between; of whole objects where the builder's relations, or [`status`](crate::owners::Builder::status), need them. What
    /// [`load_status`](Self::load_status) has read is forgotten, since it would not be kept.
    ///
    /// A watch that is cut goes on where it was. Where that is too long ago, all is listed again: what is not there any more leaves the graph,
    /// and the list is never held beside it. Kinds that come, as by a `CustomResourceDefinition`, join; those that go, leave. What could not be
    /// listed is tried again. What the user may not list any more leaves the graph and is a gap; with a server that does
    /// not answer, what is known stays, and is a gap as well. What cannot be watched is listed every 30 seconds.
    ///
    /// Each kind is a request that stays open; that is dozens for a whole cluster, which
    /// [`kinds`](crate::owners::Builder::kinds) makes fewer. A graph that no builder has loaded has no changes.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # use kube_ext::fake::FakeCluster;
    /// # let cluster = FakeCluster::builder().start().await?;
    /// # let client = cluster.client()?;
    /// use futures::StreamExt;
    /// use kube_ext::owners::{Change, OwnerGraph};
    ///
    /// let graph = OwnerGraph::builder(client).kinds(["configmaps"]).load().await?;
    /// let mut follow = graph.follow();
    /// # let map = r#"{"metadata": {"name": "web", "namespace": "default"}}"#;
    /// # cluster.apply(&serde_json::from_str::<k8s_openapi::api::core::v1::ConfigMap>(map)?)?;
    /// if let Some(Change::Added(index)) = follow.next().await {
    ///     println!("{} has come", follow.graph()[index]);
    /// #   assert_eq!(follow.graph()[index].name(), "web");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn follow(mut self) -> Follow {
        let Origin { mut joiner, builder, catalog, lists } =
            self.origin.take().map(|origin| *origin).unwrap_or_default();
        if !joiner.has_status {
            self.forget_statuses();
        }
        joiner.graph = self;
        let mut follow = Follow {
            joiner,
            builder,
            catalog,
            kinds: HashMap::new(),
            next: 0,
            running: FuturesUnordered::new(),
            lists: 0,
            waiting: VecDeque::new(),
            hurry: Arc::new(Notify::new()),
            looks: 0,
        };
        for (list, place) in lists {
            let mut source = follow.source(list);
            let step = match place {
                Some(place) => Source::watch(place),
                None => source.later(true),
            };
            follow.start(source, step);
        }
        follow.look();
        follow
    }
}

impl Follow {
    /// The graph as it is with the changes that have come.
    ///
    /// ```
    /// fn count(follow: &kube_ext::owners::Follow) -> usize {
    ///     follow.graph().nodes().len()
    /// }
    /// ```
    pub fn graph(&self) -> &OwnerGraph {
        &self.joiner.graph
    }

    fn source(&mut self, list: List) -> Source {
        let source = Source::new(self.next, list);
        self.kinds.insert(self.next, source.kind().clone());
        self.next += 1;
        source
    }

    fn list(&mut self, list: List) {
        let source = self.source(list);
        let step = source.list();
        self.start(source, step);
    }

    fn start(&mut self, source: Source, step: Step) {
        match step {
            Step::Read(reading) => {
                self.waiting.push_back((source, reading));
                self.read();
            }
            step => self.run(source, step),
        }
    }

    /// Reads what is to be read, but not too much at once.
    fn read(&mut self) {
        let most = self.builder.as_ref().map_or(1, |builder| builder.concurrency);
        while self.lists < most
            && let Some((source, reading)) = self.waiting.pop_front()
        {
            self.lists += 1;
            self.run(source, Step::Read(reading));
        }
    }

    fn run(&mut self, source: Source, step: Step) {
        self.running.push(step.make().map(|news| Work::Source(Box::new((source, news)))).boxed());
    }

    /// Asks for the kinds, in a while.
    fn look(&mut self) {
        let Some(kinds) = self.builder.as_ref().map(|builder| builder.kinds.clone()) else { return };
        let hurry = self.hurry.clone();
        let pause = if self.looks > 0 { SOON } else { LOOK };
        self.looks = self.looks.saturating_sub(1);
        self.running.push(
            async move {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = hurry.notified() => sleep(SOON).await,
                }
                Work::Kinds(kinds.fresh().await)
            }
            .boxed(),
        );
    }

    fn done(&mut self, work: Work) {
        match work {
            Work::Source(done) => {
                let (source, news) = *done;
                self.lists -= usize::from(matches!(news, News::Page(..)));
                if self.kinds.contains_key(&source.number) {
                    self.news(source, news);
                }
                self.list_copies();
                self.read();
            }
            Work::Kinds(Ok(catalog)) => {
                self.gaps(DISCOVERY, false, None);
                self.serve(catalog);
                self.look();
            }
            Work::Kinds(Err(error)) => {
                self.gaps(DISCOVERY, false, Some(Gap::of(DISCOVERY, error.into_cause())));
                self.look();
            }
        }
    }

    /// Lists kinds again that serve what another one served as well until now.
    fn list_copies(&mut self) {
        let copies = self.joiner.take_uncovered();
        let Some(builder) = self.builder.as_ref().filter(|_| !copies.is_empty()) else { return };
        let mut lists = builder.lists(&self.catalog);
        lists.retain(|list| copies.iter().any(|copy| copy.is_same(&list.kind)));
        for list in lists {
            self.kinds.retain(|_, kind| !kind.is_same(&list.kind));
            self.list(list);
        }
    }

    fn news(&mut self, mut source: Source, news: News) {
        let what = source.kind().to_string();
        let step = match news {
            News::Awake => source.list(),
            News::Page(mut reading, page) => match reading.take(page, &mut self.joiner) {
                Turn::More | Turn::Anew => Step::Read(reading),
                Turn::Done(version) => {
                    self.gaps(&what, false, reading.narrowed());
                    Source::watch(Place { list: reading.list, version })
                }
                Turn::Failed(cause) => self.failed(&mut source, reading.gap(cause)),
            },
            News::Watching(place, watch) => {
                self.gaps(&what, true, None);
                Step::Take(place, watch)
            }
            News::Event(place, watch, event) => match self.event(&place, *event) {
                Ok(version) => {
                    source.is_well();
                    // From an empty one the next watch would begin now.
                    let version = version.filter(|version| !version.is_empty()).unwrap_or(place.version);
                    Step::Take(Place { version, ..place }, watch)
                }
                Err(cause) => self.cut(&mut source, place, cause),
            },
            News::End(place, true) => {
                source.is_well();
                // More may be allowed by now.
                if source.is_narrow(&place.list) { source.list() } else { Source::watch(place) }
            }
            News::End(place, false) => source.again(place),
            News::Failed(place, cause, was_well) => {
                if was_well {
                    source.is_well();
                }
                self.cut(&mut source, place, cause)
            }
        };
        self.start(source, step);
    }

    /// Takes what has happened. The version that it leads to.
    fn event(&mut self, place: &Place, event: WatchEvent<Value>) -> Result<Option<String>, Cause> {
        let list = &place.list;
        let (mut object, is_there) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, true),
            WatchEvent::Deleted(object) => (object, false),
            WatchEvent::Bookmark(bookmark) => return Ok(Some(bookmark.metadata.resource_version)),
            WatchEvent::Error(status) => return Err(Cause::of(kube::Error::Api(status))),
        };
        if list.kind.resource.plural == "customresourcedefinitions" {
            self.looks = LOOKS;
            self.hurry.notify_one();
        }
        list.name_kind(&mut object);
        let item = Item::deserialize(&object)
            .map_err(|error| Cause::Lost { reason: format!("what has changed is no object: {error}") })?;
        if is_there {
            self.joiner.put(&list.kind, item.metadata, list.examined(&object));
        } else {
            self.joiner.delete(&list.kind, item.metadata);
        }
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        Ok(version.map(ToOwned::to_owned))
    }

    /// A list cannot be had.
    fn failed(&mut self, source: &mut Source, gap: Gap) -> Step {
        let is_refused = gap.cause.is_refusal();
        if is_refused {
            self.joiner.unlisted(source.kind());
            self.gaps(&gap.what, true, None);
        }
        self.gaps(&gap.what.clone(), false, Some(gap));
        source.later(is_refused)
    }

    /// A watch cannot be had, or has ended with an error.
    fn cut(&mut self, source: &mut Source, place: Place, cause: Cause) -> Step {
        if cause.is_expired() {
            return source.expired();
        }
        let is_refused = cause.is_refusal();
        let namespace = place.list.namespace.as_deref().map(ToOwned::to_owned);
        let gap = Gap { namespace, is_listed: true, ..Gap::of(&source.kind().to_string(), cause) };
        self.gaps(&gap.what.clone(), true, Some(gap));
        if is_refused { source.later(true) } else { source.again(place) }
    }

    /// The server serves these kinds.
    fn serve(&mut self, catalog: Arc<Catalog>) {
        if *catalog == *self.catalog {
            return;
        }
        let before = self.catalog.clone();
        for what in before.stale.iter().chain(&catalog.stale) {
            self.gaps(what, false, catalog.stale.contains(what).then(|| Gap::stale(what)));
        }
        let mut lists = self.builder.as_ref().map(|builder| builder.lists(&catalog)).unwrap_or_default();
        let known: Vec<_> = self.kinds.iter().map(|(number, kind)| (*number, kind.clone())).collect();
        for (number, kind) in known {
            if let Some(place) = lists.iter().position(|list| *list.kind == *kind) {
                lists.swap_remove(place);
                continue;
            }
            self.kinds.remove(&number);
            if !lists.iter().any(|list| list.kind.is_same(&kind)) {
                self.joiner.forget(&kind);
            }
            for is_listed in [true, false] {
                self.gaps(&kind.to_string(), is_listed, None);
            }
        }
        self.joiner.serve(catalog.clone());
        self.catalog = catalog;
        for list in lists {
            self.list(list);
        }
        self.list_copies();
    }

    /// What is missing of a kind, if anything is.
    fn gaps(&mut self, what: &str, is_listed: bool, gap: Option<Gap>) {
        let gaps = &mut self.joiner.graph.gaps;
        let known = gaps.iter().position(|gap| gap.what == what && gap.is_listed == is_listed);
        let known = known.map(|place| gaps.remove(place));
        let is_same = known.map(|gap| gap.to_string()) == gap.as_ref().map(ToString::to_string);
        if let Some(gap) = gap {
            let place = gaps.partition_point(|other| other.what <= gap.what);
            gaps.insert(place, gap);
        }
        if !is_same {
            self.joiner.changes.push_back(Change::Gaps);
        }
    }
}

impl Stream for Follow {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        loop {
            if let Some(change) = self.joiner.changes.pop_front() {
                return Poll::Ready(Some(change));
            }
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(work)) => self.done(work),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
