//! What pipes hold, and how much.
//!
//! Both outputs come through one connection, so that one which nobody reads stands in the way of the other, and what waits on the
//! server may be lost there. So an output takes what comes, up to a limit, and then makes the server wait. One that has never been
//! read by then, for long, while somebody waits for the other output, the exit status or room for input, is an error: it has
//! no reader.

use std::{collections::VecDeque, task::Waker, time::Duration};

use bytes::{Buf as _, BytesMut};
use kube::api::TerminalSize;
use tokio::{io::ReadBuf, time::Instant};

use super::error::{Error, Stream};

/// Outputs are kept in pieces of this size, so that many small messages take no more than their bytes.
const PIECE: usize = 32 * 1024;
/// After how long an output that is full and was never read is taken for one that nobody reads.
pub(super) const UNREAD: Duration = Duration::from_secs(60);

/// For how long somebody who has asked for the end counts as waiting for it, so that asking now and then is as good as waiting.
pub(super) const ASKED: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct State {
    pub(super) outputs: [Output; 2],
    pub(super) input: Input,
    /// The next size and, if another has come since, the latest.
    pub(super) sizes: VecDeque<TerminalSize>,
    /// How many wait for the end.
    pub(super) waiting: usize,
    /// When somebody asked for the end last, without waiting.
    pub(super) asked_at: Option<Instant>,
    /// What kept output behind the exit status from its reader.
    pub(super) cut: Option<Error>,
}

#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: VecDeque<BytesMut>,
    pub(super) length: usize,
    /// Whether there is somebody who may read it.
    pub(super) wanted: bool,
    /// Who waits for it.
    pub(super) reader: Option<Waker>,
    /// Whether it has ever been read.
    pub(super) is_read: bool,
    /// Since when it is full while something else waits.
    pub(super) full_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Input {
    /// The message to be sent next, which begins with its channel.
    pub(super) message: BytesMut,
    /// A message is on its way.
    pub(super) sending: bool,
    /// Whoever waits: for room, or for all to be sent.
    pub(super) writer: Option<Waker>,
    pub(super) wanted: bool,
    pub(super) end: End,
}

/// The end of stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Closed,
    Told,
}

impl State {
    pub(super) fn new([stdin, stdout, stderr]: [bool; 3]) -> Self {
        let output = |wanted| Output { wanted, ..Output::default() };
        Self {
            outputs: [output(stdout), output(stderr)],
            input: Input {
                message: BytesMut::new(),
                sending: false,
                writer: None,
                wanted: stdin,
                end: End::Open,
            },
            sizes: VecDeque::new(),
            waiting: 0,
            asked_at: None,
            cut: None,
        }
    }

    pub(super) fn output(&mut self, stream: Stream) -> &mut Output {
        let [stdout, stderr] = &mut self.outputs;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    /// Whether an output takes more; an error when it has been full for this long, was never read, and all else waits.
    pub(super) fn admits(&mut self, stream: Stream, limit: usize) -> Result<bool, Duration> {
        let other_waits = match stream {
            Stream::Stdout => self.output(Stream::Stderr).reader.is_some(),
            Stream::Stderr => self.output(Stream::Stdout).reader.is_some(),
        };
        let end_is_awaited = self.waiting > 0 || self.asked_at.is_some_and(|at| at.elapsed() < ASKED);
        let somebody_waits = other_waits || end_is_awaited || self.input.writer.is_some();
        let output = self.output(stream);
        // Whatever the limit, a reader of an empty output waits for something to come.
        if !output.wanted || output.length == 0 || output.length < limit {
            return Ok(true);
        }
        // One that has been read has a reader, who may be slow.
        if !somebody_waits || output.is_read {
            output.full_at = None;
            return Ok(false);
        }
        let full = output.full_at.get_or_insert_with(Instant::now).elapsed();
        if full >= UNREAD { Err(full) } else { Ok(false) }
    }
}

impl Output {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.wanted {
            return;
        }
        self.length += bytes.len();
        match self.pieces.back_mut() {
            Some(piece) if piece.capacity() - piece.len() >= bytes.len() => piece.extend_from_slice(bytes),
            _ => {
                let mut piece = BytesMut::with_capacity(bytes.len().max(PIECE));
                piece.extend_from_slice(bytes);
                self.pieces.push_back(piece);
            }
        }
        self.wake();
    }

    pub(super) fn pop(&mut self, buffer: &mut ReadBuf<'_>) {
        while buffer.remaining() > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            let count = piece.len().min(buffer.remaining());
            buffer.put_slice(piece.get(..count).unwrap_or_default());
            piece.advance(count);
            self.length -= count;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    pub(super) fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Input {
    pub(super) fn wake(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}
