//! One log, from its first request to its end: where it is, when it is over, and whether it is all there.

use std::{sync::Arc, time::Duration};

use kube::client::Body;
use tokio::{sync::watch, time::sleep};

use super::{
    error::Cause,
    event::{Event, GapReason},
    follower::{Chosen, Parked, Shared, View, is_same, permit},
    position::Resume,
    reader::{End, OnGap, Outcome, Reader},
    request::{Range, Target},
    select::{self, Instance, Sight},
    tail::Since,
};

/// How often it is tried in vain before a log that has an end is given up.
const TRIES: u32 = 8;
/// How long the status of a pod may be behind what its node does.
const STATUS: Duration = Duration::from_secs(1);

/// How a log is read.
pub(super) struct Course {
    shared: Arc<Shared>,
    target: Target,
    uid: String,
    view: watch::Receiver<View>,
    instance: Instance,
    /// What was asked for in the beginning.
    asked: Range,
    life: Life,
    /// Its last line has been asked for.
    has_mark: bool,
    on_gap: OnGap,
    /// How often it has ended in good order without anything new.
    quiet_reads: u32,
    /// And how often without anything new, whether or not it had what was known.
    vain_reads: u32,
}

/// What is known of its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Runs,
    HasEnded,
    /// It has been started again.
    HasRestarted,
}

/// Where a log is now.
#[derive(Debug)]
enum Place {
    Current {
        is_over: bool,
    },
    Previous,
    /// Its pod is gone, or its container has been started more than once since.
    Gone,
}

impl Course {
    pub(super) fn new(
        shared: &Arc<Shared>,
        target: &Target,
        uid: &str,
        view: &watch::Receiver<View>,
        chosen: &Chosen,
        asked: Range,
    ) -> Self {
        Self {
            shared: shared.clone(),
            target: target.clone(),
            uid: uid.to_owned(),
            view: view.clone(),
            instance: chosen.instance.clone(),
            asked,
            life: match chosen {
                Chosen { previous: true, .. } => Life::HasRestarted,
                Chosen { instance, .. } if instance.is_over => Life::HasEnded,
                Chosen { .. } => Life::Runs,
            },
            has_mark: false,
            on_gap: OnGap::Stop,
            quiet_reads: 0,
            vain_reads: 0,
        }
    }

    /// Reads the log to its end.
    pub(super) async fn run(mut self, reader: &mut Reader) -> Outcome {
        reader.from_start = self.asked == Range::default();
        let shared = self.shared.clone();
        loop {
            let permit = permit(&shared).await;
            // What has an end, and is asked for to there.
            let is_snapshot = self.life != Life::Runs || !shared.tail.follow;
            let (range, resume) = reader.resume(self.range(is_snapshot));
            let body = match self.open(reader, range).await {
                Ok(body) => body,
                Err(cause) => {
                    drop(permit);
                    let is_early = shared.tail.follow && is_early(&cause);
                    if !self.failed(reader, cause).await {
                        return Outcome::Stop;
                    }
                    if is_early && !reader.has_started {
                        return Outcome::Early;
                    }
                    if !self.is_there().await {
                        return reader.lose().await;
                    }
                    continue;
                }
            };
            // The node may have answered for a later start than the one that is meant.
            let life = self.life;
            if !self.is_there().await {
                return reader.lose().await;
            }
            if self.life != life && self.life == Life::HasRestarted {
                continue;
            }
            if !reader.begin_source().await {
                return Outcome::Stop;
            }
            let end = self.read(reader, body, resume, is_snapshot).await;
            drop(permit);
            let is_whole = match end {
                Ok(is_whole) => is_whole,
                Err(outcome) => return outcome,
            };
            if is_whole {
                let delay = reader.delay();
                self.wait(delay).await;
            }
            if !self.is_there().await {
                // The node ends a log that is followed when its container has ended, so that this was all.
                return if is_whole { reader.finish().await } else { reader.lose().await };
            }
        }
    }

    /// What to ask for if nothing has come yet.
    fn range(&self, is_snapshot: bool) -> Range {
        let since = self.asked.since.map(|since| match since {
            // The same moment, which time has moved away from.
            Since::Ago(ago) => Since::Ago(ago.saturating_add(self.shared.began.elapsed())),
            Since::Time(_) => since,
        });
        Range { since, follow: !is_snapshot, previous: self.life == Life::HasRestarted, ..self.asked }
    }

    /// Asks for the log, and before, if it has an end, for its last line.
    async fn open(&mut self, reader: &mut Reader, range: Range) -> Result<Body, Cause> {
        if !range.follow && !self.has_mark {
            reader.mark = self.target.last_line(range, self.shared.tail.max_line).await?;
            reader.mark_seen = false;
            (self.has_mark, self.quiet_reads) = (true, u32::from(reader.mark.is_none()));
        }
        self.target.open(range).await
    }

    /// Reads a response: whether it ended in good order. Else what became of the log, if nothing more is to be read.
    async fn read(
        &mut self,
        reader: &mut Reader,
        body: Body,
        resume: Option<Resume>,
        is_snapshot: bool,
    ) -> Result<bool, Outcome> {
        let last = reader.position.last();
        let is_quiet = match reader.read(body, resume, self.on_gap).await {
            End::Whole { is_quiet } => is_quiet,
            End::Dropped => return Err(Outcome::Stop),
            End::Enough => {
                reader.finish().await;
                return Err(Outcome::Stop);
            }
            End::Strange => {
                // The container may have been started again, and its pod's status may not say so yet.
                self.wait(STATUS).await;
                self.on_gap = OnGap::Tell;
                return Ok(false);
            }
            End::Cut(cause) => {
                return if self.failed(reader, cause).await { Ok(false) } else { Err(Outcome::Stop) };
            }
        };
        if is_snapshot {
            self.quiet_reads = if is_quiet { self.quiet_reads + 1 } else { 0 };
            self.vain_reads = if last == reader.position.last() { self.vain_reads + 1 } else { 0 };
            // A node's connection that is cut ends like a log: so the last line must have come by, or nothing come twice.
            // That may be just what was asked for.
            let may_be_empty = self.asked.since.is_some() || self.asked.lines == Some(0);
            let is_empty = may_be_empty && is_quiet && reader.position.last().is_none();
            if reader.mark_seen || is_empty || self.quiet_reads > 1 {
                return Err(reader.finish().await);
            }
            if self.vain_reads > TRIES {
                let gap = reader.gap(GapReason::Unread, None);
                return Err(if reader.tell(gap).await { reader.finish().await } else { Outcome::Stop });
            }
        }
        Ok(true)
    }

    /// Tells of a request that failed, and waits until it may be tried again. False if it is not to be.
    async fn failed(&mut self, reader: &mut Reader, cause: Cause) -> bool {
        let shared = self.shared.clone();
        let follow = shared.tail.follow;
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
            if !reader.tell(Event::Interrupted { error, retry_in: Some(retry_in) }).await {
                return false;
            }
        }
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

    /// Looks where the log is now, and takes it down. False if it is nowhere.
    async fn is_there(&mut self) -> bool {
        match self.find().await {
            Place::Current { is_over: true } if self.life == Life::Runs => self.life = Life::HasEnded,
            Place::Previous if self.life != Life::HasRestarted => {
                (self.life, self.has_mark) = (Life::HasRestarted, false);
            }
            Place::Current { .. } | Place::Previous => {}
            Place::Gone => return false,
        }
        true
    }

    /// Where the log is: by the server's word, or else by what was seen last.
    async fn find(&mut self) -> Place {
        let pod = match self.target.pod().await {
            Ok(pod) => Some(Arc::new(pod)),
            Err(Cause::NotFound { .. }) => None,
            Err(_) => self.view.borrow_and_update().clone(),
        };
        let Some(pod) = pod.filter(|pod| select::uid(pod) == self.uid) else { return Place::Gone };
        match Sight::of(&pod, &self.target.container) {
            Some(Sight { current: Some(now), .. }) if is_same(&now, &self.instance) => {
                Place::Current { is_over: now.is_over }
            }
            Some(Sight { previous: Some(now), .. }) if is_same(&now, &self.instance) => Place::Previous,
            // It is not known which start it is.
            Some(Sight { current: None, .. }) if self.instance.id.is_empty() => {
                Place::Current { is_over: false }
            }
            _ => Place::Gone,
        }
    }
}

/// Whether it is too early for a log.
fn is_early(cause: &Cause) -> bool {
    matches!(cause, Cause::Request { source: kube::Error::Api(status) } if status.code == 400)
}
