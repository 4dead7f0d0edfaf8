//! Where a log was left, and how to go on there: no line twice, none left out.
//!
//! A log can be asked for from a second on, not from a line on. What comes then begins with lines that were delivered
//! already, and all of them have to be told from new ones: lines can share their time, or their text, or both; times are not
//! quite in order, since stdout and stderr are two writers; and the node may have put the beginning away (rotation). So the
//! lines of the last second are remembered by hashes of their time and text.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use chrono::{DateTime, TimeDelta, Utc};

/// By how much a line may be younger than one that comes after it.
pub(super) const DISORDER: TimeDelta = TimeDelta::milliseconds(100);
/// How many lines are remembered, at 8 bytes each.
const REMEMBERED: usize = 128 * 1024;

/// A line's time and a hash of its first piece, which begins with the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) time: DateTime<Utc>,
    hash: u64,
}

/// What of a log has been delivered, as far as it matters for going on.
#[derive(Debug)]
pub(super) struct Position {
    hasher: RandomState,
    /// The hashes of the last lines, in the order of the log, and whose seconds they are.
    hashes: VecDeque<u64>,
    runs: VecDeque<Run>,
    capacity: usize,
    last: Option<Print>,
    /// The line of which only the first pieces have been delivered, and how many.
    begun: Option<(Print, u64)>,
    /// What came in this second or later is known, all of it. `None` before there is anything.
    known_from: Option<i64>,
    /// No request will ask for the oldest run again once a line comes that is as young as this.
    oldest_until: DateTime<Utc>,
}

/// Lines of the same second, one after the other.
#[derive(Debug)]
struct Run {
    /// Since 1970.
    second: i64,
    youngest: DateTime<Utc>,
    lines: usize,
}

impl Position {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            hashes: VecDeque::new(),
            runs: VecDeque::new(),
            capacity: REMEMBERED,
            last: None,
            begun: None,
            known_from: None,
            oldest_until: DateTime::<Utc>::MAX_UTC,
        }
    }

    /// Of the first piece of a line.
    pub(super) fn print(&self, time: DateTime<Utc>, first: &[u8]) -> Print {
        Print { time, hash: self.hasher.hash_one(first) }
    }

    /// The last line that has been delivered whole.
    pub(super) fn last(&self) -> Option<Print> {
        self.last
    }

    /// Whether nothing has been delivered yet.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none() && self.begun.is_none()
    }

    /// Takes down the first piece of a line. `is_first` says that there is nothing before it in the log.
    pub(super) fn begin(&mut self, line: Print, is_first: bool) {
        if self.known_from.is_none() {
            // Lines before it may be as young as it is, and a little younger.
            let from = later(line.time, DISORDER);
            let from = from.timestamp() + i64::from(from.timestamp_subsec_nanos() > 0);
            self.known_from = Some(if is_first { i64::MIN } else { from });
        }
        self.begun = Some((line, 1));
    }

    /// Takes down another piece of the line that has begun.
    pub(super) fn go_on(&mut self) {
        if let Some((_, pieces)) = &mut self.begun {
            *pieces += 1;
        }
    }

    /// Takes down the end of the line that has begun.
    pub(super) fn end(&mut self) {
        let Some((line, _)) = self.begun.take() else { return };
        self.last = Some(line);
        if self.hashes.len() == self.hashes.capacity() {
            // Not twice as much: there may be many logs.
            self.hashes.reserve_exact(128 + self.hashes.len() / 2);
        }
        self.hashes.push_back(line.hash);
        let second = line.time.timestamp();
        match self.runs.back_mut() {
            Some(run) if run.second == second => {
                run.lines += 1;
                run.youngest = run.youngest.max(line.time);
            }
            _ => {
                self.runs.push_back(Run { second, youngest: line.time, lines: 1 });
                self.find_oldest();
            }
        }
        if self.hashes.len() > self.capacity {
            self.forget(1);
        }
        if line.time >= self.oldest_until {
            self.forget_before(since(line.time));
        }
    }

    /// Forgets what no request will ask for again.
    fn forget_before(&mut self, second: i64) {
        while let Some(oldest) = self.runs.front().filter(|run| run.second < second) {
            self.forget(oldest.lines);
        }
        self.find_oldest();
        if self.hashes.capacity() > 1024 + 4 * self.hashes.len() {
            self.hashes.shrink_to(2 * self.hashes.len());
        }
    }

    /// Forgets so many lines of the oldest run.
    fn forget(&mut self, lines: usize) {
        let Some(oldest) = self.runs.front_mut() else { return };
        self.hashes.drain(..lines.min(self.hashes.len()));
        self.known_from = self.known_from.max(Some(oldest.second + 1));
        oldest.lines = oldest.lines.saturating_sub(lines);
        if oldest.lines == 0 {
            self.runs.pop_front();
        }
    }

    fn find_oldest(&mut self) {
        let until = self.runs.front().and_then(|run| DateTime::from_timestamp(run.second + 1, 0));
        self.oldest_until = until.map_or(DateTime::<Utc>::MAX_UTC, |until| later(until, DISORDER));
    }

    /// From which second on the log is to be asked for. `None`: from where it was asked for before, since nothing has come.
    pub(super) fn from(&self) -> Option<DateTime<Utc>> {
        let lines = [self.last, self.begun.map(|(line, _)| line)];
        let oldest = lines.into_iter().flatten().map(|line| line.time).min()?;
        DateTime::from_timestamp(since(oldest), 0)
    }

    /// What to do with what comes, if it is asked for [from there](Self::from).
    pub(super) fn resume(&self) -> Option<Resume> {
        let from = self.from()?.timestamp();
        let begun = self.begun;
        let mut hashes = self.hashes.iter();
        let mut expected = Vec::with_capacity(self.hashes.len());
        for run in &self.runs {
            let of_run = hashes.by_ref().take(run.lines);
            if run.second < from {
                of_run.for_each(drop);
            } else {
                expected.extend(of_run);
            }
        }
        let begun_time = begun.map(|(line, _)| line.time);
        let youngest = self.runs.iter().map(|run| run.youngest).chain(begun_time).max();
        let (search, reached) = if self.known_from.is_some_and(|known| known <= from) {
            (Search::among(&expected), expected.is_empty())
        } else {
            expected.extend(begun.map(|(line, _)| line.hash));
            (Search::for_run(expected), false)
        };
        Some(Resume { search, last: self.last, begun, youngest, reached })
    }
}

/// The second of a time, with room for disorder: what requests ask for.
fn since(time: DateTime<Utc>) -> i64 {
    time.checked_sub_signed(DISORDER).unwrap_or(time).timestamp()
}

pub(super) fn later(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by).unwrap_or(time)
}

/// Tells lines that were delivered from those that were not, in a log that comes again.
#[derive(Debug)]
pub(super) struct Resume {
    search: Search,
    last: Option<Print>,
    begun: Option<(Print, u64)>,
    youngest: Option<DateTime<Utc>>,
    /// The last line that was delivered has come by.
    reached: bool,
}

/// How lines are recognised.
#[derive(Debug)]
enum Search {
    /// All that can come before new lines is known: by number, since lines can be equal.
    Among { lines: HashMap<u64, u32, RandomState>, left: usize },
    /// The known lines may come behind others that are as old: as a run, which the line that has begun is the end of, and
    /// the first one that there is. By the algorithm of Knuth, Morris and Pratt.
    ForRun { run: Vec<u64>, failures: Vec<usize>, matched: usize },
}

/// What to do with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was delivered before.
    Known,
    /// It is new; so many of its pieces were delivered before.
    New(u64),
    /// It is new, and what should have come before it has not: the rest of a line, or the last line that was delivered, so that
    /// nobody knows what stood between.
    AfterGap,
}

impl Resume {
    /// Whether all that comes after this line is new.
    pub(super) fn is_over(&self, line: Print) -> bool {
        let all_seen = match &self.search {
            Search::Among { left, .. } => *left == 0,
            Search::ForRun { .. } => true,
        };
        let is_younger = self.youngest.is_none_or(|youngest| line.time > later(youngest, DISORDER));
        self.reached && self.begun.is_none() && (all_seen || is_younger)
    }

    /// Whether the last line that was delivered has come by.
    pub(super) fn has_reached(&self) -> bool {
        self.reached
    }

    pub(super) fn admit(&mut self, line: Print) -> Verdict {
        match &mut self.search {
            Search::Among { lines, left } => {
                if let Some(count @ 1..) = lines.get_mut(&line.hash) {
                    *count -= 1;
                    *left = left.saturating_sub(1);
                    self.reached |= self.last == Some(line);
                    return Verdict::Known;
                }
            }
            Search::ForRun { run, failures, matched } => {
                let may_be_older =
                    self.youngest.is_none_or(|youngest| line.time <= later(youngest, DISORDER));
                if !self.reached && may_be_older {
                    *matched = step(run, failures, *matched, line.hash);
                    self.reached = *matched == run.len();
                    // The line that has begun is the end of the run.
                    let begun = self.begun.take_if(|_| self.reached);
                    return begun.map_or(Verdict::Known, |(_, pieces)| Verdict::New(pieces));
                }
            }
        }
        let begun = self.begun.take();
        let was_reached = std::mem::replace(&mut self.reached, true);
        match begun {
            Some((begun, pieces)) if begun == line => Verdict::New(pieces),
            None if was_reached => Verdict::New(0),
            _ => Verdict::AfterGap,
        }
    }
}

impl Search {
    fn among(lines: &[u64]) -> Self {
        let mut counts = HashMap::with_capacity_and_hasher(lines.len(), RandomState::new());
        for line in lines {
            *counts.entry(*line).or_insert(0) += 1;
        }
        Self::Among { lines: counts, left: lines.len() }
    }

    fn for_run(run: Vec<u64>) -> Self {
        let mut failures = Vec::with_capacity(run.len());
        let mut matched = 0;
        for (at, line) in run.iter().enumerate() {
            if at > 0 {
                matched = step(&run, &failures, matched, *line);
            }
            failures.push(matched);
        }
        Self::ForRun { run, failures, matched: 0 }
    }
}

/// How much of the run is matched with one more line; `failures` says how much is where a match of some length ends.
fn step(run: &[u64], failures: &[usize], mut matched: usize, line: u64) -> usize {
    loop {
        if run.get(matched) == Some(&line) {
            return matched + 1;
        }
        let Some(shorter) = matched.checked_sub(1) else { return 0 };
        matched = failures.get(shorter).copied().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A log, and one who reads it.
    #[derive(Debug)]
    struct Reader {
        log: Vec<(i64, &'static str)>,
        position: Position,
        /// Numbers of lines, and gaps.
        found: Vec<Option<usize>>,
    }

    impl Reader {
        fn new(log: Vec<(i64, &'static str)>) -> Self {
            Self { log, position: Position::new(), found: Vec::new() }
        }

        fn line(&self, number: usize) -> Print {
            let (milliseconds, text) = self.log[number];
            let time = DateTime::from_timestamp_millis(milliseconds).unwrap();
            self.position.print(time, format!("{milliseconds} {text}").as_bytes())
        }

        /// Reads what is there from the line `first` on until the line `end`: at the first time from there, then from
        /// where it was. Then the connection is cut, in the middle of the next line if there are `pieces` of that.
        fn read(&mut self, first: usize, end: usize, pieces: u64) {
            let from = self.position.from();
            let mut resumed = self.position.resume();
            for number in first..self.log.len() {
                let line = self.line(number);
                let mut skip = 0;
                if from.is_some_and(|from| line.time < from) {
                    continue;
                }
                if let Some(resume) = &mut resumed {
                    let verdict = resume.admit(line);
                    let is_over = resume.is_over(line);
                    if is_over {
                        resumed = None;
                    }
                    match verdict {
                        Verdict::Known => continue,
                        Verdict::New(known) => skip = known,
                        Verdict::AfterGap => self.found.push(None),
                    }
                }
                let is_cut = number >= end;
                if is_cut && (pieces == 0 || number > end) {
                    return;
                }
                if skip == 0 {
                    self.position.begin(line, number == 0);
                }
                for _ in skip.max(1)..if is_cut { pieces } else { 3 } {
                    self.position.go_on();
                }
                if is_cut {
                    return;
                }
                self.position.end();
                self.found.push(Some(number));
            }
        }

        fn all(range: std::ops::Range<usize>) -> Vec<Option<usize>> {
            range.map(Some).collect()
        }
    }

    #[test]
    fn equal_times_and_equal_lines() {
        let log = [(5000, "a"), (5000, "b"), (5000, "a"), (5000, "a"), (5000, "c"), (5000, "a")];
        for cut in 0..=log.len() {
            let mut reader = Reader::new(log.to_vec());
            reader.read(0, cut, 0);
            reader.read(0, log.len(), 0);
            assert_eq!(reader.found, Reader::all(0..log.len()), "{cut}");
        }
    }

    #[test]
    fn a_tail_goes_on_where_it_was() {
        // The lines before it are as old as its own, and look like them, but not all of them.
        let log = [(5000, "a"), (5000, "y"), (5000, "x"), (5000, "a"), (5000, "a"), (5000, "x"), (5000, "a")];
        for cut in 3..=log.len() {
            let mut reader = Reader::new(log.to_vec());
            reader.read(2, cut, 0);
            reader.read(0, log.len(), 0);
            assert_eq!(reader.found, Reader::all(2..log.len()), "{cut}");
        }
        // Cut in the middle of its first line.
        let mut reader = Reader::new(log.to_vec());
        reader.read(1, 1, 2);
        assert_eq!(reader.found, []);
        reader.read(0, log.len(), 0);
        assert_eq!(reader.found, Reader::all(1..log.len()));
    }

    #[test]
    fn what_was_put_away() {
        let log: Vec<_> = (0..20).map(|number| (5000 + 10 * number, "x")).collect();
        // Up to the last line that was read, nothing is missing.
        for first in 0..=9 {
            let mut reader = Reader::new(log.clone());
            reader.read(0, 10, 0);
            reader.read(first, 20, 0);
            assert_eq!(reader.found, Reader::all(0..20), "{first}");
        }
        for first in 10..20 {
            let mut reader = Reader::new(log.clone());
            reader.read(0, 10, 0);
            reader.read(first, 20, 0);
            let expected = [Reader::all(0..10), vec![None], Reader::all(first..20)].concat();
            assert_eq!(reader.found, expected, "{first}");
        }
        // The rest of a line is missing, too.
        let mut reader = Reader::new(log);
        reader.read(0, 10, 1);
        reader.read(11, 20, 0);
        assert_eq!(reader.found, [Reader::all(0..10), vec![None], Reader::all(11..20)].concat());
    }

    #[test]
    fn more_lines_in_a_second_than_are_remembered() {
        let texts = ["a", "b", "c", "a", "a"];
        let log: Vec<_> = (0..1000).map(|number| (5000, texts[number % 5])).collect();
        let log = [log, (0..100).map(|number| (5000 + number, "rare")).collect()].concat();
        for cut in [0, 1, 99, 100, 101, 1003, 1050, 1099] {
            let mut reader = Reader::new(log.clone());
            reader.position.capacity = 100;
            reader.read(0, cut, 0);
            reader.read(0, log.len(), 0);
            if cut == 0 || cut > 1000 || cut <= 100 {
                assert_eq!(reader.found, Reader::all(0..log.len()), "{cut}");
            }
        }
    }

    fn log() -> impl Strategy<Value = Vec<(i64, &'static str)>> {
        let line = (
            prop_oneof![Just(0_i64), Just(1), Just(30), Just(900)],
            -40_i64..40,
            prop_oneof![Just("a"), Just("b")],
        );
        proptest::collection::vec(line, 1..60).prop_map(|steps| {
            let mut time = 1_000_000;
            let lines = steps.into_iter().map(|(step, disorder, text)| {
                time += step;
                (time + if step == 30 { disorder } else { 0 }, text)
            });
            lines.collect()
        })
    }

    proptest! {
        #[test]
        fn every_line_once(log in log(), start in 0_usize..60, cuts in proptest::collection::vec((0_usize..60, 0_u64..3), 0..8)) {
            let length = log.len();
            let start = start.min(length - 1);
            // What looks the same to the nanosecond, and stands before the beginning, cannot be told from it.
            let mut log = log;
            log[..start].iter_mut().for_each(|line| line.1 = "before");
            let mut reader = Reader::new(log);
            let mut cuts = cuts;
            cuts.sort_unstable();
            for (cut, pieces) in cuts {
                // Before anything has come, it is asked for as at first.
                let first = if reader.position.is_empty() { start } else { 0 };
                reader.read(first, start + cut, pieces);
            }
            let first = if reader.position.is_empty() { start } else { 0 };
            reader.read(first, length, 0);
            let expected: Vec<_> = (start..length).map(Some).collect();
            // Lines that look alike cannot be told apart, so they are compared by their looks.
            let looks = |numbers: &[Option<usize>]| -> Vec<_> {
                numbers.iter().map(|number| number.map(|number| reader.log[number])).collect()
            };
            prop_assert_eq!(looks(&reader.found), looks(&expected));
        }
    }
}
