//! What a container has written, kept as the container runtime keeps it (`k8s.io/cri-client/pkg/logs`): pieces of at most
//! 16 KiB, each with its time; a line that is longer takes several.
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The longest piece, as in containerd (`max_container_log_line_size`).
const PIECE: usize = 16 * 1024;

/// How many bytes of pieces are kept in one allocation.
const CHUNK: usize = 64 * 1024;

/// What is remembered of a container's log, unless told otherwise.
const LIMIT: usize = 64 * 1024 * 1024;

/// A container from its start to its end, and its log.
#[derive(Debug)]
pub(super) struct Run {
    log: Mutex<Log>,
    written: watch::Sender<()>,
    /// The container has ended.
    pub(super) over: CancellationToken,
}

impl Run {
    pub(super) fn new(limit: usize) -> Self {
        let log = Log { chunks: VecDeque::new(), first: 0, next: 0, bytes: 0, limit };
        Self { log: Mutex::new(log), written: watch::Sender::new(()), over: CancellationToken::new() }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing in there panics halfway.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes up when something was written.
    pub(super) fn written(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }

    /// Writes bytes; each newline in them ends a line, and `newline` adds one.
    pub(super) fn write(&self, time: DateTime<Utc>, bytes: &[u8], newline: bool) {
        self.log().write(time, bytes, newline);
        self.wake();
    }

    /// Writes many lines.
    pub(super) fn write_lines<B: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = (DateTime<Utc>, B)>) {
        for (count, (time, line)) in lines.into_iter().enumerate() {
            // Not locked in between: what makes the lines may look at the log.
            self.log().write(time, line.as_ref(), true);
            if count % 1024 == 0 {
                self.wake();
            }
        }
        self.wake();
    }

    fn wake(&self) {
        self.written.send_replace(());
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

/// The pieces that are kept, numbered from the start of the container.
#[derive(Debug)]
pub(super) struct Log {
    chunks: VecDeque<Chunk>,
    first: u64,
    next: u64,
    /// With what it takes to keep them.
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Chunk {
    /// The number of its first piece.
    first: u64,
    data: Vec<u8>,
    pieces: Vec<Piece>,
}

/// A part of a line, with the newline if it is the last one.
#[derive(Debug)]
struct Piece {
    time: DateTime<Utc>,
    /// Where it ends in its chunk.
    end: u32,
}

impl Log {
    /// The number that the next piece will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next == 0
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    /// The last pieces, so many of them.
    pub(super) fn tail(&self, pieces: u64) -> u64 {
        self.next.saturating_sub(pieces).max(self.first)
    }

    /// The pieces from a number on that are still there.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = (u64, DateTime<Utc>, &[u8])> {
        let number = number.max(self.first);
        let skip = self.chunks.partition_point(|chunk| chunk.next() <= number);
        self.chunks.range(skip..).flat_map(move |chunk| chunk.from(number))
    }

    fn write(&mut self, time: DateTime<Utc>, bytes: &[u8], newline: bool) {
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let ends = newline || lines.peek().is_some();
            if ends && line.is_empty() {
                self.push(time, b"", true);
            }
            let mut pieces = line.chunks(PIECE).peekable();
            while let Some(piece) = pieces.next() {
                self.push(time, piece, ends && pieces.peek().is_none());
            }
        }
        self.trim();
    }

    fn push(&mut self, time: DateTime<Utc>, piece: &[u8], newline: bool) {
        let size = piece.len() + usize::from(newline);
        let full = self.chunks.back().is_none_or(|chunk| chunk.data.len() + size > CHUNK);
        if full {
            self.chunks.push_back(Chunk { first: self.next, data: Vec::new(), pieces: Vec::new() });
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        chunk.data.extend_from_slice(piece);
        if newline {
            chunk.data.push(b'\n');
        }
        let end = u32::try_from(chunk.data.len()).unwrap_or(u32::MAX);
        chunk.pieces.push(Piece { time, end });
        self.next += 1;
        self.bytes += size + size_of::<Piece>();
    }

    /// Forgets the oldest pieces. The last one stays, whatever its size.
    fn trim(&mut self) {
        while self.bytes > self.limit && self.next - self.first > 1 {
            let Some(chunk) = self.chunks.front() else { return };
            let size = chunk.from(self.first).next().map_or(0, |(_, _, piece)| piece.len());
            self.bytes = self.bytes.saturating_sub(size + size_of::<Piece>());
            self.first += 1;
            if chunk.next() <= self.first {
                self.chunks.pop_front();
            }
        }
    }
}

impl Chunk {
    fn next(&self) -> u64 {
        self.first + self.pieces.len() as u64
    }

    fn from(&self, number: u64) -> impl Iterator<Item = (u64, DateTime<Utc>, &[u8])> {
        let skip = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let start =
            skip.checked_sub(1).and_then(|before| self.pieces.get(before)).map_or(0, |piece| piece.end);
        let numbers = self.first.max(number)..;
        self.pieces.iter().skip(skip).zip(numbers).scan(start, |start, (piece, number)| {
            let bytes = self.data.get(*start as usize..piece.end as usize)?;
            *start = piece.end;
            Some((number, piece.time, bytes))
        })
    }
}
