//! What goes from who reads a log to who is told of it: as much at once as there is.

use std::{sync::Arc, vec};

use chrono::{DateTime, Utc};

use super::{
    event::Event,
    line::{LogLine, Part, Source, Text},
};

/// How many bytes of lines go together.
const FULL: usize = 32 * 1024;

/// What comes at once: lines, or something else.
#[derive(Debug)]
pub(super) enum Batch {
    /// None once it has been given out.
    Event(Option<Event>),
    /// The lines are made where they are given out: they share counters, which two threads would fight for.
    Lines { text: Arc<Text>, entries: vec::IntoIter<Entry>, start: usize },
}

/// A line, or a part of one.
#[derive(Debug)]
pub(super) struct Entry {
    time: DateTime<Utc>,
    /// Where it ends in the text; there the next one begins.
    end: usize,
    stamp: u8,
    part: Part,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Event(event) => event.is_none(),
            Self::Lines { entries, .. } => entries.as_slice().is_empty(),
        }
    }
}

impl From<Event> for Batch {
    fn from(event: Event) -> Self {
        Self::Event(Some(event))
    }
}

impl Iterator for Batch {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        match self {
            Self::Event(event) => event.take(),
            Self::Lines { text, entries, start } => {
                let Entry { time, end, stamp, part } = entries.next()?;
                let place = std::mem::replace(start, end)..end;
                Some(Event::Line(LogLine::new(text.clone(), place, time, stamp, part)))
            }
        }
    }
}

/// What is to go out, in its order.
#[derive(Debug, Default)]
pub(super) struct Batches {
    done: Vec<Batch>,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Batches {
    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.entries.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Adds a line with the time that stands before it.
    pub(super) fn line(&mut self, raw: &[u8], time: DateTime<Utc>, stamp: u8, part: Part) {
        self.bytes.extend_from_slice(raw);
        self.entries.push(Entry { time, end: self.bytes.len(), stamp, part });
    }

    pub(super) fn event(&mut self, source: &Arc<Source>, event: Event) {
        self.end_lines(source);
        self.done.push(event.into());
    }

    fn end_lines(&mut self, source: &Arc<Source>) {
        if !self.entries.is_empty() {
            let text = Arc::new(Text { source: source.clone(), bytes: std::mem::take(&mut self.bytes) });
            let entries = std::mem::take(&mut self.entries).into_iter();
            self.done.push(Batch::Lines { text, entries, start: 0 });
        }
    }

    /// Takes all of it.
    pub(super) fn take(&mut self, source: &Arc<Source>) -> Vec<Batch> {
        self.end_lines(source);
        std::mem::take(&mut self.done)
    }
}
