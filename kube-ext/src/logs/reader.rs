//! One log, read to its end, however often the connection is cut.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::{SinkExt as _, channel::mpsc};
use kube::client::Body;
use tokio::time::Instant;

use super::{
    batch::{Batch, Batches},
    error::{Cause, Error},
    event::{Event, Gap, GapReason},
    line::{Part, Source},
    position::{Position, Resume, Verdict},
    request::{Frames, Mark, Range, Stop},
    split::{self, Clock, Piece, Splitter},
    tail::{Since, Tail},
};
use crate::delays::Delays;

/// How soon a batch may follow another that is not full. To wake who reads it costs more than to read it: a line that comes alone comes at once, of many
/// those of two milliseconds come together.
const PAUSE: Duration = Duration::from_millis(2);

/// What of a log has been read, and where it goes.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) source: Arc<Source>,
    pub(super) position: Position,
    /// What has been read of the next start.
    pub(super) of_next: Option<Position>,
    out: mpsc::Sender<Batch>,
    max_line: usize,
    silence: Duration,
    /// How many bytes may still come.
    left: Option<u64>,
    /// The last line that the log had when it was asked for.
    pub(super) mark: Option<Mark>,
    /// It has come by.
    pub(super) mark_seen: bool,
    /// Nothing stands before the first line that comes.
    pub(super) from_start: bool,
    /// It has been told that it is read.
    pub(super) has_started: bool,
    clock: Clock,
    delays: Delays,
}

/// How a response ended.
#[derive(Debug)]
pub(super) enum End {
    /// In good order. Whether what was known came by, and whether nothing new did.
    Whole { has_reached: bool, is_quiet: bool },
    /// Nothing came for a long time.
    Silent,
    /// Before its time.
    Cut(Cause),
    /// There is no need for more.
    Enough,
    /// It does not begin where the log was left: it may be another one.
    Strange,
    /// Nobody listens any more.
    Dropped,
}

/// What came of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has been read, or what there was of it.
    Over,
    /// It is too early for it.
    Early,
    /// There is nothing more to be done, or nobody listens any more.
    Stop,
}

/// The line that is coming.
#[derive(Clone, Copy, Debug)]
enum Current {
    /// It is none of the container's.
    Skipped,
    /// It was delivered before.
    Known { time: DateTime<Utc> },
    /// So many of its pieces were delivered before.
    Line { time: DateTime<Utc>, stamp: u8, skip: u64 },
}

impl Reader {
    pub(super) fn new(source: Arc<Source>, tail: &Tail, out: mpsc::Sender<Batch>) -> Self {
        Self {
            source,
            position: Position::new(),
            of_next: None,
            out,
            max_line: tail.max_line,
            silence: tail.silence,
            left: tail.limit_bytes,
            mark: None,
            mark_seen: false,
            from_start: false,
            has_started: false,
            clock: Clock::default(),
            delays: Delays::new(tail.backoff),
        }
    }

    /// Tells the program something. False when nobody listens any more.
    pub(super) async fn tell(&mut self, event: Event) -> bool {
        self.out.feed(event.into()).await.is_ok()
    }

    /// Tells that the log is read, once. False when nobody listens any more.
    pub(super) async fn begin_source(&mut self) -> bool {
        let is_known = std::mem::replace(&mut self.has_started, true);
        is_known || self.tell(Event::Started(self.source.clone())).await
    }

    /// Tells that the log has been read to its end.
    pub(super) async fn finish(&mut self) -> Outcome {
        if self.begin_source().await && self.tell(Event::Ended(self.source.clone())).await {
            Outcome::Over
        } else {
            Outcome::Stop
        }
    }

    /// Tells that what was left of the log cannot be read any more.
    pub(super) async fn lose(&mut self) -> Outcome {
        let reason = if self.has_started { GapReason::Gone } else { GapReason::Restarted };
        let gap = self.gap(reason, None);
        if self.tell(gap).await { self.finish().await } else { Outcome::Stop }
    }

    pub(super) fn error(&self, cause: Cause) -> Error {
        Error::new(&self.source, cause)
    }

    pub(super) fn gap(&self, reason: GapReason, before: Option<DateTime<Utc>>) -> Event {
        let after = self.position.last().map(|line| line.time);
        Event::Gap(Gap { source: self.source.clone(), after, before, reason })
    }

    /// How long to wait before the next request.
    pub(super) fn delay(&mut self) -> Duration {
        self.delays.next()
    }

    /// Whether what was read is younger than all that there is.
    pub(super) fn is_ahead(&self) -> bool {
        let last = self.position.last().map(|line| line.time);
        last.zip(self.mark.as_ref()).is_some_and(|(last, mark)| last > mark.until)
    }

    /// Leaves what was read to the next start, and begins with this one.
    pub(super) fn begin_anew(&mut self, from_start: bool) {
        self.of_next = Some(std::mem::replace(&mut self.position, Position::new()));
        self.from_start = from_start;
    }

    /// Begins anew with short delays.
    pub(super) fn reset_delays(&mut self) {
        self.delays.reset();
    }

    /// Whether no more bytes may come.
    pub(super) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// How often it has been waited since a line came last.
    pub(super) fn delays(&self) -> u32 {
        self.delays.count()
    }

    /// What to ask for to go on; as `range` says if nothing has come yet.
    pub(super) fn range(&self, range: Range) -> Range {
        match self.position.from() {
            Some(from) => Range { since: Some(Since::Time(from)), lines: None, ..range },
            None => range,
        }
    }

    /// Reads a response to its end, and passes on what is new.
    pub(super) async fn read(&mut self, body: Body, mut response: Response) -> End {
        let mut splitter = Splitter::new(self.max_line);
        let mut frames = Frames::new(body, self.silence);
        let mut batches = Batches::default();
        let mut next_batch = Instant::now();
        let end = 'response: loop {
            let frame = if batches.is_empty() {
                frames.next().await
            } else if let Some(frame) = frames.next_until(next_batch).await {
                frame
            } else {
                if !self.pass_on(&mut batches).await {
                    return End::Dropped;
                }
                next_batch = Instant::now() + PAUSE;
                continue;
            };
            match frame {
                Ok(Some(bytes)) => splitter.feed(bytes),
                Ok(None) => {
                    if let Some(piece) = splitter.rest() {
                        self.take_rest(piece, &mut response, &mut batches);
                    }
                    let has_reached = response.resume.as_ref().is_none_or(Resume::has_reached);
                    break End::Whole { has_reached, is_quiet: has_reached && !response.is_new };
                }
                Err(Stop::Silence(_)) => break End::Silent,
                Err(Stop::Broken(cause)) => break End::Cut(cause),
            }
            while let Some(piece) = splitter.next() {
                if !self.take_piece(piece, &mut response, &mut batches) {
                    let is_strange = response.on_gap == OnGap::Stopped;
                    break 'response if is_strange { End::Strange } else { End::Enough };
                }
                if batches.is_full() {
                    if !self.pass_on(&mut batches).await {
                        return End::Dropped;
                    }
                    next_batch = Instant::now() + PAUSE;
                }
            }
        };
        if !self.pass_on(&mut batches).await {
            return End::Dropped;
        }
        match (end, response.words) {
            (End::Whole { .. }, Some(message)) => End::Cut(Cause::Node { message }),
            (end, _) => end,
        }
    }

    /// False when nobody listens any more.
    async fn pass_on(&mut self, batches: &mut Batches) -> bool {
        for batch in batches.take(&self.source) {
            if self.out.feed(batch).await.is_err() {
                return false;
            }
        }
        true
    }

    fn take_piece(&mut self, piece: Piece<'_>, response: &mut Response, batches: &mut Batches) -> bool {
        if piece.begins {
            response.current = self.begin(piece, response, batches);
            if response.on_gap == OnGap::Stopped {
                return false;
            }
        }
        let ends = piece.ends;
        if let (true, Some(mark), Current::Line { time, .. } | Current::Known { time }) =
            (ends, &self.mark, response.current)
        {
            // Behind the line, it may have been put away.
            self.mark_seen |= mark.is(time, piece) || time > mark.until;
        }
        if let Current::Line { time, stamp, skip } = &mut response.current {
            if let Some(less) = skip.checked_sub(1) {
                *skip = less;
            } else {
                let (time, stamp) = (*time, if piece.begins { *stamp } else { 0 });
                if !piece.begins {
                    self.position.go_on();
                }
                response.is_new = true;
                if !self.deliver(piece, time, stamp, batches) {
                    return false;
                }
            }
            if ends {
                self.position.end();
            }
        }
        true
    }

    /// Takes a line that has no newline: it is whole if it is the last one that was in the log; else it will come again.
    fn take_rest(&mut self, piece: Piece<'_>, response: &mut Response, batches: &mut Batches) {
        let time = match (piece.begins, response.current) {
            (true, _) => split::time(piece.bytes).map(|(time, _)| time),
            (false, Current::Line { time, .. }) => Some(time),
            (false, _) => return,
        };
        match time {
            Some(time) if self.mark.as_ref().is_some_and(|mark| mark.is(time, piece)) => {
                self.take_piece(piece, response, batches);
            }
            Some(_) => {}
            None => response.words = words(piece),
        }
    }

    /// Looks at the beginning of a line.
    fn begin(&mut self, piece: Piece<'_>, response: &mut Response, batches: &mut Batches) -> Current {
        let is_first = std::mem::replace(&mut response.is_first, false);
        let Some((time, stamp)) = self.clock.read(piece.bytes) else {
            // At the beginning of a log that is asked for from a second on, it may be the end of a line that began a second
            // earlier. Else it is the node that speaks, which has something to say at the end.
            if !(is_first && response.is_from_second) {
                response.words = words(piece);
            }
            return Current::Skipped;
        };
        response.words = None;
        let print = self.position.print(time, piece.bytes);
        let verdict = match &mut response.resume {
            Some(resume) => {
                let verdict = resume.admit(print);
                if resume.is_over(print) {
                    response.resume = None;
                }
                verdict
            }
            None => Verdict::New(0),
        };
        let skip = match verdict {
            Verdict::Known => return Current::Known { time },
            Verdict::New(skip) => skip,
            Verdict::AfterGap if response.on_gap == OnGap::Stop => {
                response.on_gap = OnGap::Stopped;
                return Current::Skipped;
            }
            Verdict::AfterGap => {
                batches.event(&self.source, self.gap(GapReason::Rotated, Some(time)));
                0
            }
        };
        if skip == 0 {
            self.position.begin(print, is_first && self.from_start);
        }
        self.from_start = false;
        Current::Line { time, stamp, skip }
    }

    /// Passes a piece on. False when no more may come.
    fn deliver(&mut self, piece: Piece<'_>, time: DateTime<Utc>, stamp: u8, batches: &mut Batches) -> bool {
        self.delays.reset();
        let Piece { mut bytes, begins, mut ends } = piece;
        if let Some(left) = &mut self.left {
            let room = usize::try_from(*left).unwrap_or(usize::MAX);
            let size = bytes.len().saturating_sub(usize::from(stamp)) + usize::from(ends);
            if size > room {
                bytes = bytes.get(..room.saturating_add(usize::from(stamp))).unwrap_or(bytes);
                ends = false;
            }
            *left = left.saturating_sub(size as u64);
        }
        batches.line(bytes, time, stamp, Part::new(begins, ends));
        !self.is_full()
    }
}

/// What to do if a log does not go on where it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnGap {
    /// Say so, and go on.
    Tell,
    /// Read no more of it.
    Stop,
    /// No more of it was read.
    Stopped,
}

/// A response that is being read.
#[derive(Debug)]
pub(super) struct Response {
    resume: Option<Resume>,
    /// It was asked for from a second on.
    is_from_second: bool,
    on_gap: OnGap,
    /// Something came that was not known.
    is_new: bool,
    current: Current,
    /// What the node said in the place of a line.
    words: Option<String>,
    is_first: bool,
}

impl Response {
    pub(super) fn new(range: Range, resume: Option<Resume>, on_gap: OnGap) -> Self {
        let is_from_second = range.since.is_some();
        let current = Current::Skipped;
        Self { resume, is_from_second, on_gap, is_new: false, current, words: None, is_first: true }
    }
}

fn words(piece: Piece<'_>) -> Option<String> {
    let text = String::from_utf8_lossy(piece.bytes);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
