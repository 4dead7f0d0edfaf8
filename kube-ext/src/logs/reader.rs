//! One log, read to its end, however often the connection is cut.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use chrono::{DateTime, Utc};
use futures::{FutureExt as _, SinkExt as _, channel::mpsc};
use kube::client::Body;

use super::{
    error::{Cause, Error},
    event::{Event, Gap, GapReason},
    line::{LogLine, Part, Source},
    position::{self, DISORDER, Position, Resume, Verdict},
    request::{self, Mark, Range, Stop},
    split::{self, Clock, Piece, Splitter},
    tail::Tail,
};

/// What comes at once.
pub(super) type Batch = Vec<Event>;

/// How many bytes of a response go into a batch, if so many are there.
const BATCH: usize = 64 * 1024;

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

/// How long to wait before the next request.
#[derive(Debug)]
struct Delays {
    builder: ExponentialBuilder,
    next: ExponentialBackoff,
    /// How many there have been since something came.
    count: u32,
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
        self.out.send(vec![event]).await.is_ok()
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
        self.delays.count = self.delays.count.saturating_add(1);
        self.delays.next.next().unwrap_or_default()
    }

    /// Whether what was read is younger than all that there is.
    pub(super) fn is_ahead(&self) -> bool {
        let last = self.position.last().map(|line| line.time);
        let end = self.mark.as_ref().map(|mark| position::later(mark.time, DISORDER));
        last.zip(end).is_some_and(|(last, end)| last > end)
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
        self.delays.count
    }

    /// What to ask for to go on, and how to tell what comes; as `range` says if nothing has come yet.
    pub(super) fn resume(&self, range: Range) -> (Range, Option<Resume>) {
        match self.position.resume() {
            Some((from, resume)) => {
                let since = Some(super::tail::Since::Time(from));
                (Range { since, lines: None, ..range }, Some(resume))
            }
            None => (range, None),
        }
    }

    /// Reads a response to its end, and passes on what is new.
    pub(super) async fn read(&mut self, mut body: Body, mut response: Response) -> End {
        let mut splitter = Splitter::new(self.max_line);
        loop {
            let mut batch = Batch::new();
            let mut read = 0;
            let mut frame = request::next(&mut body, self.silence).await;
            // What is there already goes along.
            let end = loop {
                match frame {
                    Ok(Some(bytes)) => {
                        read += bytes.len();
                        splitter.feed(bytes);
                        if !self.take(&mut splitter, &mut response, &mut batch) {
                            let is_strange = response.on_gap == OnGap::Stopped;
                            break Some(if is_strange { End::Strange } else { End::Enough });
                        }
                    }
                    Ok(None) => {
                        if let Some(piece) = splitter.rest() {
                            self.take_rest(piece, &mut response, &mut batch);
                        }
                        let has_reached = response.resume.as_ref().is_none_or(Resume::has_reached);
                        break Some(End::Whole { has_reached, is_quiet: has_reached && !response.is_new });
                    }
                    Err(Stop::Silence(_)) => break Some(End::Silent),
                    Err(Stop::Broken(cause)) => break Some(End::Cut(cause)),
                }
                if read >= BATCH {
                    break None;
                }
                match request::next(&mut body, self.silence).now_or_never() {
                    Some(next) => frame = next,
                    None => break None,
                }
            };
            if !batch.is_empty() && self.out.send(batch).await.is_err() {
                return End::Dropped;
            }
            match (end, response.words.take()) {
                (Some(End::Whole { .. }), Some(message)) => return End::Cut(Cause::Node { message }),
                (Some(end), _) => return end,
                (None, words) => response.words = words,
            }
        }
    }

    /// Takes what has come. False when there is no need for more.
    fn take(&mut self, splitter: &mut Splitter, response: &mut Response, batch: &mut Batch) -> bool {
        while let Some(piece) = splitter.next() {
            if !self.take_piece(piece, response, batch) {
                return false;
            }
        }
        true
    }

    fn take_piece(&mut self, piece: Piece, response: &mut Response, batch: &mut Batch) -> bool {
        if piece.begins {
            response.current = self.begin(&piece, response, batch);
            if response.on_gap == OnGap::Stopped {
                return false;
            }
        }
        let ends = piece.ends;
        if let (true, Some(mark), Current::Line { time, .. } | Current::Known { time }) =
            (ends, &self.mark, response.current)
        {
            // Behind the line, it may have been put away.
            self.mark_seen |= mark.is(time, &piece) || time > position::later(mark.time, DISORDER);
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
                if !self.deliver(piece, time, stamp, batch) {
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
    fn take_rest(&mut self, piece: Piece, response: &mut Response, batch: &mut Batch) {
        let time = match (piece.begins, response.current) {
            (true, _) => split::time(&piece.bytes).map(|(time, _)| time),
            (false, Current::Line { time, .. }) => Some(time),
            (false, _) => return,
        };
        match time {
            Some(time) if self.mark.as_ref().is_some_and(|mark| mark.is(time, &piece)) => {
                self.take_piece(piece, response, batch);
            }
            Some(_) => {}
            None => response.words = words(&piece),
        }
    }

    /// Looks at the beginning of a line.
    fn begin(&mut self, piece: &Piece, response: &mut Response, batch: &mut Batch) -> Current {
        let is_first = std::mem::replace(&mut response.is_first, false);
        let Some((time, stamp)) = self.clock.read(&piece.bytes) else {
            // At the beginning of a log that is asked for from a second on, it may be the end of a line that began a second
            // earlier. Else it is the node that speaks, which has something to say at the end.
            if !(is_first && response.is_from_second) {
                response.words = words(piece);
            }
            return Current::Skipped;
        };
        response.words = None;
        let print = self.position.print(time, piece);
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
                batch.push(self.gap(GapReason::Rotated, Some(time)));
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
    fn deliver(&mut self, piece: Piece, time: DateTime<Utc>, stamp: u8, batch: &mut Batch) -> bool {
        self.delays.reset();
        let Piece { mut bytes, begins, mut ends } = piece;
        if let Some(left) = &mut self.left {
            let room = usize::try_from(*left).unwrap_or(usize::MAX);
            let size = bytes.len().saturating_sub(usize::from(stamp)) + usize::from(ends);
            if size > room {
                bytes.truncate(room.saturating_add(usize::from(stamp)));
                ends = false;
            }
            *left = left.saturating_sub(size as u64);
        }
        batch.push(Event::Line(LogLine::new(
            self.source.clone(),
            time,
            bytes,
            stamp,
            Part::new(begins, ends),
        )));
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

fn words(piece: &Piece) -> Option<String> {
    let text = String::from_utf8_lossy(&piece.bytes);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl Delays {
    fn new((first, last): (Duration, Duration)) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(last)
            .without_max_times()
            .with_jitter();
        Self { builder, next: builder.build(), count: 0 }
    }

    fn reset(&mut self) {
        if self.count > 0 {
            self.next = self.builder.build();
            self.count = 0;
        }
    }
}
