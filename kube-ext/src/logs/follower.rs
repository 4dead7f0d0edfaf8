//! A container of a pod, from one start to the next, and its logs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, channel::mpsc, stream::BoxStream};
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt as _};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::{Instant, sleep},
};

use super::{
    error::Cause,
    event::{Event, GapReason},
    line::Source,
    position::Position,
    reader::{Batch, End, Outcome, Reader},
    request::{Range, Target},
    select::{self, Instance, Sight},
    tail::{Since, Tail},
};
use crate::pod::{ContainerExt as _, ContainerKind, PodExt as _};

/// How often it is tried in vain before a log that has an end is given up.
const TRIES: u32 = 8;
/// By how many seconds a line may be younger than the end of its container, which the status has in whole seconds.
const GRACE: i64 = 1;

/// What all followers of a stream share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) tail: Tail,
    pub(super) permits: Semaphore,
    /// How many wait for something that does not depend on the node: their turn, or their container's next start.
    pub(super) parked: AtomicUsize,
    pub(super) began: Instant,
}

/// A pod as it was seen last; none when it is gone.
pub(super) type View = Option<Arc<Pod>>;

/// Follows a container.
pub(super) struct Follower {
    shared: Arc<Shared>,
    target: Target,
    uid: String,
    kind: ContainerKind,
    view: watch::Receiver<View>,
    /// The container was there when the stream began.
    was_there: bool,
    out: mpsc::Sender<Batch>,
}

/// A log that is to be read.
#[derive(Clone, Debug)]
struct Chosen {
    instance: Instance,
    /// It is the one before the container's last start.
    previous: bool,
    /// How many starts there were between the last log that was read and this one.
    missed: i32,
}

/// Where a log is now.
#[derive(Debug)]
enum Place {
    Current(Instance),
    Previous,
    /// Its pod is gone, or its container has been started more than once since.
    Gone,
}

impl Follower {
    /// A stream of what the container logs, which ends with it.
    pub(super) fn start(
        shared: &Arc<Shared>,
        pod: &Pod,
        container: &str,
        kind: ContainerKind,
        view: watch::Receiver<View>,
        was_there: bool,
    ) -> BoxStream<'static, Batch> {
        let (out, batches) = mpsc::channel(0);
        let target = Target {
            client: shared.client.clone(),
            namespace: pod.namespace().unwrap_or_default(),
            pod: pod.name_any(),
            container: container.to_owned(),
        };
        let uid = select::uid(pod);
        let follower = Self { shared: shared.clone(), target, uid, kind, view, was_there, out };
        // The follower runs whenever somebody waits for its batches, and no task of its own is needed.
        let run = futures::stream::once(follower.run()).filter_map(async |()| None);
        futures::stream::select(batches, run).boxed()
    }

    async fn run(mut self) {
        let mut done: Option<Instance> = None;
        let mut reader: Option<Reader> = None;
        while let Some(chosen) = self.choose(done.as_ref()).await {
            let source = Arc::new(self.source(&chosen.instance));
            let mut next = match reader.take() {
                // Nothing came of it.
                Some(mut again) if !again.has_started => {
                    again.source = source;
                    again
                }
                before => {
                    let mut next = Reader::new(source, &self.shared.tail, self.out.clone());
                    let position = before.map(|before| before.position);
                    if let Some(position) =
                        position.filter(|position| self.was_of_next(position, done.as_ref()))
                    {
                        next.position = position;
                    }
                    next
                }
            };
            if chosen.missed > 0 {
                let gap = next.gap(GapReason::Restarted, None);
                if !next.tell(gap).await {
                    return;
                }
            }
            match self.read(&mut next, &chosen, done.is_none()).await {
                Outcome::Over if self.shared.tail.follow => done = Some(chosen.instance),
                Outcome::Early => {}
                Outcome::Over | Outcome::Stop => return,
            }
            reader = Some(next);
        }
    }

    /// Whether what was read as the log of one start was that of the next, which came just then: its lines are younger than
    /// the end of the one.
    fn was_of_next(&self, position: &Position, done: Option<&Instance>) -> bool {
        let last = position.last().map(|line| line.time.timestamp());
        last.zip(self.ended(done)).is_some_and(|(last, ended)| last > ended + GRACE)
    }

    /// Waits for the next log; none if there will be none.
    async fn choose(&mut self, done: Option<&Instance>) -> Option<Chosen> {
        loop {
            let pod = self.view.borrow_and_update().clone()?;
            let sight = Sight::of(&pod, &self.target.container);
            if let Some(chosen) = sight.and_then(|sight| next(sight, done, self.shared.tail.previous)) {
                return Some(chosen);
            }
            if !self.shared.tail.follow {
                // The server says why there is none.
                let instance = Instance { id: String::new(), restarts: 0, is_over: true, finished_at: None };
                return done.is_none().then_some(Chosen {
                    instance,
                    previous: self.shared.tail.previous,
                    missed: 0,
                });
            }
            if select::is_over(&pod) {
                return None;
            }
            let _parked = Parked::new(&self.shared);
            self.view.changed().await.ok()?;
        }
    }

    /// Reads a log to its end.
    async fn read(&mut self, reader: &mut Reader, chosen: &Chosen, is_first: bool) -> Outcome {
        let shared = self.shared.clone();
        let tail = &shared.tail;
        let mut previous = chosen.previous;
        let mut is_over = chosen.instance.is_over || previous;
        let mut asked = Range::default();
        if is_first && self.was_there {
            (asked.since, asked.tail_lines) = (tail.since, tail.tail_lines);
        }
        reader.from_start = asked == Range::default();
        let mut has_mark = false;
        let mut whole_reads = 0;
        loop {
            let permit = permit(&shared).await;
            let snapshot = is_over || !tail.follow;
            let since = asked.since.map(|since| self.still(since));
            let (range, resume) = reader.resume(Range { since, follow: !snapshot, previous, ..asked });
            let opened = async {
                if snapshot && !has_mark {
                    reader.mark = self.target.last_line(range, tail.max_line, &reader.position).await?;
                    has_mark = true;
                    if reader.mark.is_none() || reader.mark == reader.position.last() {
                        return Ok(None);
                    }
                }
                self.target.open(range).await.map(Some)
            };
            let body = match opened.await {
                Ok(Some(body)) => body,
                Ok(None) => return reader.finish().await,
                Err(cause) => {
                    drop(permit);
                    let is_early = tail.follow && is_early(&cause);
                    if !self.failed(reader, cause).await {
                        return Outcome::Stop;
                    }
                    match self.find(&chosen.instance).await {
                        _ if is_early && !reader.has_started => return Outcome::Early,
                        Place::Current(now) => is_over |= now.is_over,
                        Place::Previous => (previous, is_over) = (true, true),
                        Place::Gone => return reader.lose().await,
                    }
                    continue;
                }
            };
            // The node may have answered for a later start than the one that is meant.
            match self.find(&chosen.instance).await {
                Place::Current(now) => is_over |= now.is_over,
                Place::Previous if previous => {}
                Place::Previous => {
                    (previous, is_over) = (true, true);
                    continue;
                }
                Place::Gone => return reader.lose().await,
            }
            if !reader.begin_source().await {
                return Outcome::Stop;
            }
            let last = reader.position.last();
            let end = reader.read(body, resume).await;
            drop(permit);
            let is_whole = match end {
                End::Dropped => return Outcome::Stop,
                End::Enough => {
                    reader.finish().await;
                    return Outcome::Stop;
                }
                End::Whole => true,
                End::Cut(cause) => {
                    if !self.failed(reader, cause).await {
                        return Outcome::Stop;
                    }
                    false
                }
            };
            if snapshot && is_whole {
                whole_reads += 1;
                let is_new = last != reader.position.last();
                // Nothing may be what was asked for.
                let is_empty =
                    reader.position.last().is_none() && (since.is_some() || asked.tail_lines == Some(0));
                // A node's connection that is cut ends like a log: so the last line must have come by, or nothing new.
                if reader.mark_seen || is_empty || whole_reads > 1 && !(is_new && is_over) {
                    return reader.finish().await;
                }
                if reader.delays() > TRIES {
                    let gap = reader.gap(GapReason::Unread, None);
                    return if reader.tell(gap).await { reader.finish().await } else { Outcome::Stop };
                }
            }
            if is_whole {
                let delay = reader.delay();
                self.wait(delay).await;
            }
            match self.find(&chosen.instance).await {
                Place::Current(now) => is_over |= now.is_over,
                Place::Previous => (previous, is_over) = (true, true),
                // The node ends a log that is followed when its container has ended, so that this was all.
                Place::Gone if is_whole => return reader.finish().await,
                Place::Gone => return reader.lose().await,
            }
        }
    }

    /// Tells of a request that failed, and waits until it may be tried again. False if it is not to be.
    async fn failed(&mut self, reader: &mut Reader, cause: Cause) -> bool {
        let follow = self.shared.tail.follow;
        // That a container has not started is no trouble, and that its pod is gone will be seen.
        let is_early = follow && is_early(&cause);
        let is_quiet = is_early || follow && matches!(cause, Cause::NotFound { .. });
        if !is_quiet && (!cause.may_pass() || !follow && reader.delays() >= TRIES) {
            let error = reader.error(cause);
            let _ = reader.tell(Event::Failed(error)).await;
            return false;
        }
        let retry_in = reader.delay();
        if !is_quiet {
            let error = reader.error(cause);
            if !reader.tell(Event::Interrupted { error, retry_in }).await {
                return false;
            }
        }
        let shared = self.shared.clone();
        let _parked = is_early.then(|| Parked::new(&shared));
        self.wait(retry_in).await;
        true
    }

    /// Waits, but no longer than until the pod changes.
    async fn wait(&mut self, delay: Duration) {
        tokio::select! {
            () = sleep(delay) => {}
            Ok(()) = self.view.changed() => {
                // Whatever changed, the server gets a moment.
                sleep(delay.min(Duration::from_millis(50))).await;
            }
        }
    }

    /// Where a log is now: by the server's word, or else by what was seen last.
    async fn find(&mut self, instance: &Instance) -> Place {
        let pod = match self.target.pod().await {
            Ok(pod) => Some(Arc::new(pod)),
            Err(Cause::NotFound { .. }) => None,
            Err(_) => self.view.borrow_and_update().clone(),
        };
        let Some(pod) = pod.filter(|pod| select::uid(pod) == self.uid) else { return Place::Gone };
        match Sight::of(&pod, &self.target.container) {
            Some(Sight { current: Some(now), .. }) if is_same(&now, instance) => Place::Current(now),
            Some(Sight { previous: Some(now), .. }) if is_same(&now, instance) => Place::Previous,
            // It is not known which start it is.
            Some(Sight { current: None, .. }) if instance.id.is_empty() => Place::Current(instance.clone()),
            _ => Place::Gone,
        }
    }

    /// When a log's container ended, if that is known.
    fn ended(&self, instance: Option<&Instance>) -> Option<i64> {
        let pod = self.view.borrow().clone()?;
        let sight = Sight::of(&pod, &self.target.container)?;
        sight.previous.filter(|previous| instance.is_some_and(|it| is_same(previous, it)))?.finished_at
    }

    fn source(&self, instance: &Instance) -> Source {
        let pod = self.view.borrow().clone();
        let pod = pod.as_deref();
        Source {
            namespace: self.target.namespace.clone(),
            pod: self.target.pod.clone(),
            uid: self.uid.clone(),
            labels: pod.map(|pod| pod.labels().clone()).unwrap_or_default(),
            annotations: pod.map(|pod| pod.annotations().clone()).unwrap_or_default(),
            node: pod.and_then(|pod| pod.spec.as_ref()?.node_name.clone()).unwrap_or_default(),
            container: self.target.container.clone(),
            kind: pod
                .and_then(|pod| pod.container(&self.target.container))
                .map_or(self.kind, |container| container.kind()),
            container_id: instance.id.clone(),
            restarts: instance.restarts,
        }
    }

    /// The same moment, which time has moved away from.
    fn still(&self, since: Since) -> Since {
        match since {
            Since::Ago(ago) => Since::Ago(ago.saturating_add(self.shared.began.elapsed())),
            Since::Time(_) => since,
        }
    }
}

/// Which log comes after one that has been read.
fn next(sight: Sight, done: Option<&Instance>, previous: bool) -> Option<Chosen> {
    let Sight { current, previous: before } = sight;
    let chosen = |instance, previous, missed| Some(Chosen { instance, previous, missed });
    let Some(done) = done else {
        return if previous { chosen(before?, true, 0) } else { chosen(current?, false, 0) };
    };
    let current = current.filter(|current| !is_same(current, done))?;
    match before {
        // It came and went unseen.
        Some(before) if !is_same(&before, done) && !is_same(&before, &current) => {
            let missed = before.restarts.saturating_sub(done.restarts).saturating_sub(1);
            chosen(before, true, missed)
        }
        _ => chosen(current, false, 0),
    }
}

/// Whether it is the log of the same start.
fn is_same(one: &Instance, other: &Instance) -> bool {
    if one.id.is_empty() || other.id.is_empty() { one.restarts == other.restarts } else { one.id == other.id }
}

/// Whether it is too early for a log.
fn is_early(cause: &Cause) -> bool {
    matches!(cause, Cause::Request { source: kube::Error::Api(status) } if status.code == 400)
}

/// Somebody who waits for something that does not depend on a log.
struct Parked<'a>(&'a Shared);

impl<'a> Parked<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.parked.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.parked.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for its turn. None if there are no turns any more.
async fn permit(shared: &Shared) -> Option<SemaphorePermit<'_>> {
    if let Ok(permit) = shared.permits.try_acquire() {
        return Some(permit);
    }
    let _parked = Parked::new(shared);
    shared.permits.acquire().await.ok()
}
