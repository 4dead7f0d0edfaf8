//! One log, from its first request to its end: where it is, when it is over, and whether it is all there.

use std::{sync::Arc, time::Duration};

use kube::client::Body;
use tokio::{sync::watch, time::sleep};

use super::{
    error::Cause,
    event::{Event, GapReason},
    follower::{Chosen, View, is_same},
    parking::Parking,
    reader::{End, OnGap, Outcome, Reader, Response},
    request::{Range, Target},
    select::{self, Instance, Sight},
    tail::Since,
};

/// How often it is tried in vain before a log that has an end is given up.
const TRIES: u32 = 8;
/// How often it is tried before another log may have its turn.
const TURN: u32 = 3;
/// How often the last line is asked for before one that does not come is taken for missing.
const MARKS: u32 = 3;
/// How long the status of a pod may be behind what its node does.
const STATUS: Duration = Duration::from_secs(1);

/// How a log is read.
pub(super) struct Course {
    parking: Arc<Parking>,
    target: Target,
    uid: String,
    view: watch::Receiver<View>,
    instance: Instance,
    /// What was asked for in the beginning.
    asked: Range,
    life: Life,
    /// Its last line has been asked for.
    has_mark: bool,
    /// How often.
    marks: u32,
    /// The last response ended in good order.
    is_whole: bool,
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
    /// Nowhere: its container has been started more than once since.
    Gone,
    /// Nowhere, like its pod.
    NoPod,
}

/// What to do after a response, or without one.
#[derive(Debug)]
enum Then {
    /// Ask again.
    Again,
    /// Ask again after a delay.
    Later,
    /// Say what went wrong, if it is worth saying, and ask again after a delay.
    Failed(Cause),
    Done(Outcome),
}

impl Course {
    pub(super) fn new(
        parking: &Arc<Parking>,
        target: &Target,
        uid: &str,
        view: &watch::Receiver<View>,
        chosen: &Chosen,
        asked: Range,
    ) -> Self {
        Self {
            parking: parking.clone(),
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
            marks: 0,
            is_whole: false,
            on_gap: OnGap::Stop,
            quiet_reads: 0,
            vain_reads: 0,
        }
    }

    /// Reads the log to its end.
    pub(super) async fn run(mut self, reader: &mut Reader) -> Outcome {
        if reader.is_full() || (!self.parking.shared.tail.follow && self.asked.lines == Some(0)) {
            return reader.finish().await;
        }
        reader.from_start = self.asked == Range::default();
        let parking = self.parking.clone();
        let mut turn = None;
        loop {
            if turn.is_none() {
                turn = parking.permit().await;
            }
            let then = match self.ask(reader).await {
                Ok(then) => then,
                Err(cause) => Then::Failed(cause),
            };
            match then {
                Then::Again => continue,
                Then::Done(outcome) => return outcome,
                Then::Later => {
                    let delay = reader.delay();
                    self.wait(delay).await;
                }
                Then::Failed(cause) => {
                    let is_early = self.is_early(reader, &cause);
                    if is_early || reader.delays() >= TURN {
                        turn = None;
                    }
                    if let Some(outcome) = self.failed(reader, cause, is_early).await {
                        return outcome;
                    }
                    if is_early {
                        return Outcome::Early;
                    }
                }
            }
            if let Some(outcome) = self.locate(reader).await {
                return outcome;
            }
        }
    }

    /// Asks for the log once, and reads what comes.
    async fn ask(&mut self, reader: &mut Reader) -> Result<Then, Cause> {
        // What has an end, and is asked for to there.
        let is_snapshot = self.life != Life::Runs || !self.parking.shared.tail.follow;
        if !is_snapshot && self.asked.lines.is_some() && reader.position.is_empty() {
            self.find_start(reader).await?;
        }
        let range = reader.range(self.range(is_snapshot));
        let Some(body) = self.open(reader, range).await? else { return Ok(Then::Again) };
        // The node may have answered for a later start than the one that is meant.
        let life = self.life;
        if let Some(outcome) = self.locate(reader).await {
            return Ok(Then::Done(outcome));
        }
        if self.life != life && self.life == Life::HasRestarted {
            return Ok(Then::Again);
        }
        if !reader.begin_source().await {
            return Ok(Then::Done(Outcome::Stop));
        }
        let last = reader.position.last();
        let end = reader.read(body, Response::new(range, reader.position.resume(), self.on_gap)).await;
        // What comes behind an end in good order, and brings nothing, does not undo that.
        let is_new = last != reader.position.last();
        self.is_whole = matches!(end, End::Whole { .. }) || (self.is_whole && !is_new);
        if !matches!(end, End::Strange) {
            self.on_gap = OnGap::Stop;
        }
        Ok(match end {
            End::Whole { has_reached, is_quiet } if is_snapshot => {
                self.quiet_reads = if is_quiet { self.quiet_reads + 1 } else { 0 };
                self.vain_reads = if is_new { 0 } else { self.vain_reads + 1 };
                self.is_done(reader, has_reached).await.map_or(Then::Later, Then::Done)
            }
            End::Whole { .. } => Then::Later,
            End::Silent => {
                reader.reset_delays();
                if is_snapshot { Then::Later } else { Then::Again }
            }
            End::Cut(cause) => Then::Failed(cause),
            End::Strange if self.life != Life::HasRestarted && self.is_previous(reader).await? => {
                self.restarted();
                Then::Again
            }
            End::Strange => {
                // The container may have been started again more than once, and its pod's status may not say so yet.
                self.wait(STATUS).await;
                self.on_gap = OnGap::Tell;
                Then::Again
            }
            End::Enough => {
                reader.finish().await;
                Then::Done(Outcome::Stop)
            }
            End::Dropped => Then::Done(Outcome::Stop),
        })
    }

    /// It is the log before the last start now, whose last line is still to be asked for.
    fn restarted(&mut self) {
        (self.life, self.has_mark) = (Life::HasRestarted, false);
    }

    /// Whether the log of the start before is the one that has been read, whatever its pod's status says: it may be late.
    async fn is_previous(&self, reader: &Reader) -> Result<bool, Cause> {
        let Some(known) = reader.position.last() else { return Ok(false) };
        let previous = Range { previous: true, ..self.asked };
        match self.target.last_line(previous, self.parking.shared.tail.max_line).await {
            Ok(last) => Ok(last.is_some_and(|last| last.time >= known.time)),
            // There is none.
            Err(cause) if is_refused(&cause) => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    /// What to ask for if nothing has come yet.
    fn range(&self, is_snapshot: bool) -> Range {
        let since = self.asked.since.map(|since| match since {
            // The same moment, which time has moved away from.
            Since::Ago(ago) => Since::Ago(ago.saturating_add(self.parking.shared.began.elapsed())),
            Since::Time(_) => since,
        });
        Range { since, follow: !is_snapshot, previous: self.life == Life::HasRestarted, ..self.asked }
    }

    /// Makes sure that nothing of what is written from now on is left out, however late an answer comes, where the last lines
    /// are asked for.
    async fn find_start(&mut self, reader: &mut Reader) -> Result<(), Cause> {
        let Some(last) = self.target.last_line(self.range(false), self.parking.shared.tail.max_line).await?
        else {
            // There are none: all that comes is new.
            self.asked.lines = None;
            reader.from_start = self.asked == Range::default();
            return Ok(());
        };
        if self.asked.lines == Some(0) {
            let print = reader.position.print(last.time, &last.bytes);
            reader.position.begin(print, false);
            reader.position.end();
        }
        Ok(())
    }

    /// Asks for the log, and before, if it has an end, for its last line. None if all is to be asked for anew.
    async fn open(&mut self, reader: &mut Reader, range: Range) -> Result<Option<Body>, Cause> {
        if !range.follow && !self.has_mark {
            reader.mark = self.target.last_line(range, self.parking.shared.tail.max_line).await?;
            reader.mark_seen = false;
            (self.has_mark, self.quiet_reads) = (true, u32::from(reader.mark.is_none()));
            self.marks += 1;
            if self.life == Life::HasRestarted && reader.is_ahead() {
                // The node had answered for the next start before its pod's status said so.
                reader.begin_anew(self.asked == Range::default());
                return Ok(None);
            }
        }
        self.target.open(range).await.map(Some)
    }

    /// Whether a log that has an end has been read to there, after a response that ended in good order. A node's connection
    /// that is cut ends like a log: so the last line must have come by, or nothing new twice.
    async fn is_done(&mut self, reader: &mut Reader, has_reached: bool) -> Option<Outcome> {
        let is_complete = reader.mark_seen && has_reached;
        if !is_complete && self.quiet_reads < 2 && self.vain_reads < TRIES {
            return None;
        }
        // It may be too old to be asked for.
        let is_old = self.asked.since.is_some() && reader.position.last().is_none();
        let is_missing = reader.mark.is_some() && !is_complete && !is_old;
        if is_missing && self.marks < MARKS {
            // What was told as the last line may have been cut, too.
            self.has_mark = false;
            return None;
        }
        if is_missing || self.vain_reads >= TRIES {
            let gap = reader.gap(GapReason::Unread, None);
            if !reader.tell(gap).await {
                return Some(Outcome::Stop);
            }
        }
        Some(reader.finish().await)
    }

    /// Whether it is too early for a log.
    fn is_early(&self, reader: &Reader, cause: &Cause) -> bool {
        is_refused(cause) && self.parking.shared.tail.follow && self.life == Life::Runs && !reader.has_started
    }

    /// Tells of a request that failed, and waits until it may be tried again. Not if it is not to be.
    async fn failed(&mut self, reader: &mut Reader, cause: Cause, is_early: bool) -> Option<Outcome> {
        let follow = self.parking.shared.tail.follow;
        // That a container has not started is no trouble, and that its pod is gone will be seen; unless it stays so.
        let is_quiet = is_early || (follow && matches!(cause, Cause::NotFound { .. }));
        // A server that has just started may not know its users yet.
        let may_pass = cause.may_pass() || (follow && reader.has_started && cause.is_refusal());
        let has_end = !follow || self.life != Life::Runs;
        if !is_quiet && !may_pass || has_end && reader.delays() >= TRIES {
            let error = reader.error(cause);
            let is_heard = reader.tell(Event::Failed(error)).await;
            return Some(if is_heard { Outcome::Over } else { Outcome::Stop });
        }
        let retry_in = reader.delay();
        if !is_quiet || reader.delays() == TRIES {
            let error = reader.error(cause);
            if !reader.tell(Event::Interrupted { error, retry_in: Some(retry_in) }).await {
                return Some(Outcome::Stop);
            }
        }
        let parking = self.parking.clone();
        let _parked = is_early.then(|| parking.park());
        self.wait(retry_in).await;
        None
    }

    /// Waits, but less long if the pod changes.
    async fn wait(&mut self, delay: Duration) {
        let changed = async {
            if self.view.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            // Whatever changed, the server gets a moment.
            sleep((delay / 4).max(Duration::from_millis(50))).await;
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = changed => {}
        }
    }

    /// Looks where the log is now, and takes it down. If it is nowhere, that is the end.
    async fn locate(&mut self, reader: &mut Reader) -> Option<Outcome> {
        let place = self.find().await;
        match place {
            Place::Current { is_over: true } if self.life == Life::Runs => self.life = Life::HasEnded,
            Place::Previous if self.life != Life::HasRestarted => self.restarted(),
            Place::Current { .. } | Place::Previous => {}
            Place::Gone | Place::NoPod => {
                // The node ends a log that is followed when its container has ended, so that this was all.
                let outcome = if self.is_whole { reader.finish().await } else { reader.lose().await };
                let is_over = matches!(place, Place::NoPod);
                return Some(if is_over { Outcome::Stop } else { outcome });
            }
        }
        None
    }

    /// Where the log is: by the server's word, or else by what was seen last.
    async fn find(&mut self) -> Place {
        let pod = match self.target.pod().await {
            Ok(pod) => Some(Arc::new(pod)),
            Err(Cause::NotFound { .. }) => None,
            Err(_) => match self.view.borrow_and_update().clone() {
                Some(pod) => Some(pod),
                // Nobody knows.
                None => return Place::Current { is_over: false },
            },
        };
        let Some(pod) = pod.filter(|pod| select::uid(pod) == self.uid) else { return Place::NoPod };
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

/// Whether there is no such log.
fn is_refused(cause: &Cause) -> bool {
    matches!(cause, Cause::Request { source: kube::Error::Api(status) } if status.code == 400)
}
