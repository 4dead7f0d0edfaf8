//! What lies between a websocket and the handles that a program holds: two outputs, an input, a size, an end.
//!
//! Both outputs come through one connection, so that one which nobody reads stands in the way of the other. An output takes
//! [`SOFT`] bytes and then makes the server wait, as a pipe does. It takes more, up to a limit, only where waiting could
//! last for ever: while somebody waits for the other output, the exit status or room for input, and the reader of this
//! one has shown no sign of life for a while, since it may be the same task that waits.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kube::api::TerminalSize;
use tokio::{
    io::ReadBuf,
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    error::{Cause, Error, Operation, Stream},
    status::ExitStatus,
};

/// How much an output holds before the server has to wait.
const SOFT: usize = 256 * 1024;
/// How much input is taken before the writer has to wait. A message to the server is no larger.
const INPUT: usize = 64 * 1024;
/// Outputs are kept in pieces of this size, so that many small messages take no more than their bytes.
const PIECE: usize = 32 * 1024;
/// After how long without a read an output may be taken for one that nobody reads.
const IDLE: Duration = Duration::from_secs(1);
/// After how long that is sure, if it is full.
const UNREAD: Duration = Duration::from_secs(60);

/// How it ended.
pub(super) type Ending = Result<ExitStatus, Error>;

#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) operation: Arc<Operation>,
    /// Bytes that an output may hold while the rest waits.
    limit: usize,
    state: Mutex<State>,
    /// An output has room, or somebody has begun to wait.
    room: Notify,
    /// There is input, or a size, to be sent.
    outgoing: Notify,
    ending: watch::Sender<Option<Ending>>,
    /// The connection is to be closed.
    pub(super) killed: CancellationToken,
}

#[derive(Debug)]
struct State {
    outputs: [Output; 2],
    input: Input,
    /// The next size and, if another has come since, the latest.
    sizes: VecDeque<TerminalSize>,
    /// How many wait for the end.
    waiting: usize,
}

#[derive(Debug, Default)]
struct Output {
    pieces: VecDeque<BytesMut>,
    length: usize,
    /// Whether there is somebody who may read it.
    wanted: bool,
    /// Who waits for it.
    reader: Option<Waker>,
    /// When it was read last, if ever.
    read_at: Option<Instant>,
}

#[derive(Debug)]
struct Input {
    /// The message to be sent next, which begins with its channel.
    message: BytesMut,
    /// A message is on its way.
    sending: bool,
    /// Whoever waits: for room, or for all to be sent.
    writer: Option<Waker>,
    wanted: bool,
    end: End,
}

/// The end of stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Told,
}

/// What the server is sent.
pub(super) enum Outgoing {
    Input(Bytes),
    EndOfInput,
    Size(TerminalSize),
}

impl Pipes {
    pub(super) fn new(operation: Arc<Operation>, limit: usize, [stdin, stdout, stderr]: [bool; 3]) -> Self {
        let output = |wanted| Output { wanted, ..Output::default() };
        let input =
            Input { message: BytesMut::new(), sending: false, writer: None, wanted: stdin, end: End::Open };
        Self {
            operation,
            limit,
            state: Mutex::new(State {
                outputs: [output(stdout), output(stderr)],
                input,
                sizes: VecDeque::new(),
                waiting: 0,
            }),
            room: Notify::new(),
            outgoing: Notify::new(),
            ending: watch::Sender::new(None),
            killed: CancellationToken::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The side of the websocket.

    /// Puts what came into an output, when there is room. An error is one of nobody reading.
    pub(super) async fn deliver(&self, stream: Stream, bytes: &[u8]) -> Result<(), Cause> {
        loop {
            let changed = self.room.notified();
            {
                let mut state = self.state();
                match state.admits(stream, self.limit) {
                    Ok(true) => {
                        state.output(stream).push(bytes);
                        return Ok(());
                    }
                    Ok(false) => (),
                    Err(idle) => return Err(Cause::Unread { stream, limit: self.limit, idle }),
                }
            }
            // What depends on the clock is looked at now and then.
            let _ = tokio::time::timeout(IDLE, changed).await;
        }
    }

    /// What is to be sent next. Nothing is lost when this is dropped.
    pub(super) async fn outgoing(&self) -> Outgoing {
        loop {
            let changed = self.outgoing.notified();
            {
                let mut state = self.state();
                if let Some(size) = state.sizes.pop_front() {
                    return Outgoing::Size(size);
                }
                let input = &mut state.input;
                if !input.message.is_empty() {
                    input.sending = true;
                    let message = input.message.split().freeze();
                    input.wake();
                    return Outgoing::Input(message);
                }
                if input.wanted && input.end == End::Closed {
                    input.sending = true;
                    input.end = End::Told;
                    return Outgoing::EndOfInput;
                }
            }
            changed.await;
        }
    }

    /// What [`outgoing`](Self::outgoing) gave has been sent.
    pub(super) fn sent(&self) {
        let input = &mut self.state().input;
        input.sending = false;
        input.wake();
    }

    /// It is over. The first end counts. What is in the outputs stays to be read.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|known| {
            let is_first = known.is_none();
            if is_first {
                *known = Some(ending);
            }
            is_first
        });
        let mut state = self.state();
        let State { outputs, input, .. } = &mut *state;
        for output in outputs {
            output.wake();
        }
        input.wake();
    }

    // The side of the program.

    /// Waits for the end. While it waits, outputs that are not read take what comes.
    pub(super) async fn ended(&self) -> Ending {
        let _waiting = Waiting::new(self);
        let mut endings = self.ending.subscribe();
        match endings.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ending)) => ending.clone(),
            // The sender is this, and lives.
            _ => Err(Error::new(&self.operation, Cause::Killed)),
        }
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending.borrow().clone()
    }

    pub(super) fn resize(&self, size: TerminalSize) {
        let sizes = &mut self.state().sizes;
        sizes.truncate(1);
        sizes.push_back(size);
        self.outgoing.notify_one();
    }

    pub(super) fn poll_read(
        &self,
        stream: Stream,
        cx: &Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let output = state.output(stream);
        output.read_at = Some(Instant::now());
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if output.length > 0 {
            output.reader = None;
            let was_full = output.length >= SOFT.min(self.limit);
            output.pop(buffer);
            if was_full {
                self.room.notify_one();
            }
            return Poll::Ready(Ok(()));
        }
        match &*self.ending.borrow() {
            Some(Ok(_)) => Poll::Ready(Ok(())),
            Some(Err(error)) => Poll::Ready(Err(error.to_io())),
            None => {
                output.reader = Some(cx.waker().clone());
                self.room.notify_one();
                Poll::Pending
            }
        }
    }

    /// Nobody will read this output any more: what comes for it is thrown away.
    pub(super) fn discard(&self, stream: Stream) {
        *self.state().output(stream) = Output::default();
        self.room.notify_one();
    }

    pub(super) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        let input = &mut state.input;
        if let Some(ending) = &*self.ending.borrow() {
            return Poll::Ready(Err(no_reader(ending)));
        }
        if input.end != End::Open {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "stdin has been closed")));
        }
        let room = INPUT.saturating_sub(input.message.len());
        if room == 0 {
            input.writer = Some(cx.waker().clone());
            self.room.notify_one();
            return Poll::Pending;
        }
        let taken = bytes.get(..room).unwrap_or(bytes);
        if taken.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if input.message.is_empty() {
            input.message.reserve(1 + taken.len());
            input.message.put_u8(super::session::STDIN);
        }
        input.message.extend_from_slice(taken);
        self.outgoing.notify_one();
        Poll::Ready(Ok(taken.len()))
    }

    /// Ready when all input is on its way.
    pub(super) fn poll_flush(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let input = &mut state.input;
        if input.message.is_empty() && !input.sending && input.end != End::Closed {
            return Poll::Ready(Ok(()));
        }
        if let Some(ending) = &*self.ending.borrow() {
            return Poll::Ready(Err(no_reader(ending)));
        }
        input.writer = Some(cx.waker().clone());
        self.room.notify_one();
        Poll::Pending
    }

    /// Nothing more will be written.
    pub(super) fn close_input(&self) {
        let input = &mut self.state().input;
        if input.end == End::Open {
            input.end = End::Closed;
            self.outgoing.notify_one();
        }
    }
}

fn no_reader(ending: &Ending) -> io::Error {
    match ending {
        Ok(status) => io::Error::new(io::ErrorKind::BrokenPipe, format!("the process has ended: {status}")),
        Err(error) => error.to_io(),
    }
}

impl State {
    fn output(&mut self, stream: Stream) -> &mut Output {
        let [stdout, stderr] = &mut self.outputs;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    /// Whether an output takes more; an error when it is full, has not been read for this long, and all else waits.
    fn admits(&mut self, stream: Stream, limit: usize) -> Result<bool, Duration> {
        let other_waits = match stream {
            Stream::Stdout => self.output(Stream::Stderr).reader.is_some(),
            Stream::Stderr => self.output(Stream::Stdout).reader.is_some(),
        };
        let somebody_waits = other_waits || self.waiting > 0 || self.input.writer.is_some();
        let output = self.output(stream);
        // Whatever the limit, a reader of an empty output waits for something to come.
        if !output.wanted || output.length == 0 || output.length < SOFT.min(limit) {
            return Ok(true);
        }
        if !somebody_waits {
            return Ok(false);
        }
        let idle = output.read_at.map_or(Duration::MAX, |at| at.elapsed());
        if output.length < limit {
            return Ok(idle >= IDLE);
        }
        // One that was never read is given the same time, from when it is found to be full.
        let since = *output.read_at.get_or_insert_with(Instant::now);
        if since.elapsed() >= UNREAD { Err(since.elapsed()) } else { Ok(false) }
    }
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
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
        if self.reader.is_some() {
            // Who waited until now has not left it unread since it last looked.
            self.read_at = Some(Instant::now());
        }
        self.wake();
    }

    fn pop(&mut self, buffer: &mut ReadBuf<'_>) {
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

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Input {
    fn wake(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

/// Somebody who waits for the end.
struct Waiting<'a>(&'a Pipes);

impl<'a> Waiting<'a> {
    fn new(pipes: &'a Pipes) -> Self {
        pipes.state().waiting += 1;
        pipes.room.notify_one();
        Self(pipes)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn pipes(limit: usize) -> Pipes {
        let operation =
            Operation { verb: "x".into(), namespace: "n".into(), pod: "p".into(), container: None };
        Pipes::new(Arc::new(operation), limit, [true; 3])
    }

    /// As if stdout had been read last so long ago.
    fn age(pipes: &Pipes, by: Duration) {
        pipes.state().output(Stream::Stdout).read_at = Some(Instant::now().checked_sub(by).unwrap());
    }

    fn takes(pipes: &Pipes, bytes: &[u8]) -> bool {
        pipes.deliver(Stream::Stdout, bytes).now_or_never().transpose().unwrap().is_some()
    }

    fn reads(pipes: &Pipes) -> usize {
        let mut bytes = [0; 16];
        let mut buffer = ReadBuf::new(&mut bytes);
        let _ = pipes.poll_read(Stream::Stdout, &Context::from_waker(Waker::noop()), &mut buffer);
        buffer.filled().len()
    }

    #[tokio::test]
    async fn a_full_output_that_nobody_reads() {
        let pipes = pipes(4);
        assert!(takes(&pipes, b"full"));
        age(&pipes, 2 * UNREAD);
        assert!(!takes(&pipes, b"more"), "nobody waits: there is no hurry");
        let _waiting = Waiting::new(&pipes);
        age(&pipes, UNREAD / 2);
        assert!(!takes(&pipes, b"more"), "its reader may be slow");
        age(&pipes, UNREAD);
        let cause = pipes.deliver(Stream::Stdout, b"more").await.unwrap_err();
        let Cause::Unread { stream: Stream::Stdout, limit: 4, idle } = cause else { panic!("{cause}") };
        let words =
            format!("stdout holds 4 bytes that nobody has read for {idle:?}, and all else waits for that");
        assert!(idle >= UNREAD && cause.to_string() == words, "{cause}");
    }

    #[tokio::test]
    async fn who_has_waited_for_long_is_no_slow_reader() {
        let pipes = pipes(4);
        assert_eq!(reads(&pipes), 0);
        age(&pipes, 2 * UNREAD);
        let _waiting = Waiting::new(&pipes);
        assert!(takes(&pipes, b"full"));
        assert!(!takes(&pipes, b"more"), "the reader has been woken, and comes soon");
        assert_eq!(reads(&pipes), 4);
        assert!(takes(&pipes, b"more"));
    }

    #[tokio::test]
    async fn an_empty_output_takes_what_comes() {
        let pipes = pipes(0);
        assert!(takes(&pipes, b"some"));
        assert!(!takes(&pipes, b"more"));
    }
}
