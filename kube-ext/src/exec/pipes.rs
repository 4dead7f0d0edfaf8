//! What lies between a websocket and the handles that a program holds: two outputs, an input, a size, an end.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes};
use kube::api::TerminalSize;
use tokio::{
    io::ReadBuf,
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    buffers::{ASKED, End, Output, State},
    error::{Cause, Error, Operation, Stream},
    status::ExitStatus,
};

/// How much input is taken before the writer has to wait. A message to the server is no larger.
const INPUT: usize = 64 * 1024;

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

/// What the server is sent.
pub(super) enum Outgoing {
    Input(Bytes),
    EndOfInput,
    Size(TerminalSize),
}

impl Pipes {
    pub(super) fn new(operation: Arc<Operation>, limit: usize, [stdin, stdout, stderr]: [bool; 3]) -> Self {
        Self {
            operation,
            limit,
            state: Mutex::new(State::new([stdin, stdout, stderr])),
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
            let _ = tokio::time::timeout(ASKED / 2, changed).await;
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

    /// Output behind the exit status is lost, and why: whoever reads is told so instead of an end.
    pub(super) fn cut(&self, error: Error) {
        self.state().cut = Some(error);
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

    /// How it ended, if it has. To ask again and again is to wait for it.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.state().asked_at = Some(Instant::now());
        self.room.notify_one();
        self.ending.borrow().clone()
    }

    /// What became of output behind the exit status, if it is lost.
    pub(super) fn cut_by(&self) -> Option<Error> {
        self.state().cut.clone()
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
        output.is_read = true;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if output.length > 0 {
            output.reader = None;
            let was_full = output.length >= self.limit;
            output.pop(buffer);
            if was_full {
                self.room.notify_one();
            }
            return Poll::Ready(Ok(()));
        }
        match &*self.ending.borrow() {
            Some(Ok(_)) => Poll::Ready(state.cut.as_ref().map_or(Ok(()), |error| Err(error.to_io()))),
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

    /// Nothing more will be written, and who did waits no longer. Behind the end, nobody is to be told.
    pub(super) fn close_input(&self) {
        let input = &mut self.state().input;
        input.writer = None;
        if input.end == End::Open && self.ending.borrow().is_none() {
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
    use std::{task::Waker, time::Duration};

    use futures::FutureExt as _;

    use super::{super::buffers::UNREAD, *};

    fn pipes(limit: usize) -> Pipes {
        let operation =
            Operation { verb: "x".into(), namespace: "n".into(), pod: "p".into(), container: None };
        Pipes::new(Arc::new(operation), limit, [true; 3])
    }

    /// As if stdout had been found to be full so long ago.
    fn age(pipes: &Pipes, by: Duration) {
        let output = &mut pipes.state().outputs[0];
        let ago = Instant::now().checked_sub(by).unwrap();
        output.full_at = output.full_at.map(|_| ago);
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
        assert!(!takes(&pipes, b"more"));
        age(&pipes, 2 * UNREAD);
        assert!(!takes(&pipes, b"more"), "nobody waits: there is no hurry");
        let _waiting = Waiting::new(&pipes);
        assert!(!takes(&pipes, b"more"), "time counts from when something waits");
        age(&pipes, UNREAD / 2);
        assert!(!takes(&pipes, b"more"), "its reader may yet come");
        age(&pipes, UNREAD);
        let cause = pipes.deliver(Stream::Stdout, b"more").await.unwrap_err();
        let Cause::Unread { stream: Stream::Stdout, limit: 4, idle } = cause else { panic!("{cause}") };
        let words =
            format!("stdout holds 4 bytes that nobody has read for {idle:?}, and all else waits for that");
        assert!(idle >= UNREAD && cause.to_string() == words, "{cause}");
    }

    #[tokio::test]
    async fn a_slow_reader_is_a_reader() {
        let pipes = pipes(4);
        let _waiting = Waiting::new(&pipes);
        assert!(takes(&pipes, b"full"));
        assert!(!takes(&pipes, b"more"));
        assert_eq!(reads(&pipes), 4);
        assert!(takes(&pipes, b"more"));
        assert!(!takes(&pipes, b"even more"));
        age(&pipes, 100 * UNREAD);
        assert!(!takes(&pipes, b"even more"), "however long it takes, it is no error");
        assert_eq!(reads(&pipes), 4);
        assert!(takes(&pipes, b"even more"));
    }

    /// Whether a full stdout is in the way of somebody, who would wait for ever.
    fn is_in_the_way(pipes: &Pipes) -> bool {
        let deliver = || pipes.deliver(Stream::Stdout, b"more").now_or_never();
        deliver();
        age(pipes, UNREAD);
        deliver().is_some_and(|taken| taken.is_err())
    }

    #[tokio::test]
    async fn to_ask_for_the_end_is_to_wait_for_it() {
        let pipes = pipes(4);
        assert!(takes(&pipes, b"full"));
        assert!(!is_in_the_way(&pipes), "nobody waits");
        assert!(pipes.ending().is_none());
        assert!(is_in_the_way(&pipes));
        pipes.state().asked_at = Instant::now().checked_sub(ASKED);
        assert!(!is_in_the_way(&pipes), "that was long ago");
        assert!(pipes.ending().is_none());
        assert!(!takes(&pipes, b"more"), "it has not waited for a minute");
    }

    #[tokio::test]
    async fn who_is_gone_does_not_wait() {
        let pipes = pipes(4);
        assert!(takes(&pipes, b"full"));
        let context = Context::from_waker(Waker::noop());
        assert!(pipes.poll_write(&context, &vec![0; INPUT]).is_ready());
        assert!(pipes.poll_write(&context, b"x").is_pending());
        assert!(is_in_the_way(&pipes), "a writer waits for room");
        pipes.close_input();
        assert!(!is_in_the_way(&pipes), "it has been dropped");
        let mut byte = [0];
        assert!(pipes.poll_read(Stream::Stderr, &context, &mut ReadBuf::new(&mut byte)).is_pending());
        assert!(is_in_the_way(&pipes), "a reader waits for the other output");
        pipes.discard(Stream::Stderr);
        assert!(!is_in_the_way(&pipes), "it has been dropped");
    }

    #[tokio::test]
    async fn an_empty_output_takes_what_comes() {
        let pipes = pipes(0);
        assert!(takes(&pipes, b"some"));
        assert!(!takes(&pipes, b"more"));
    }

    #[tokio::test]
    async fn what_is_cut_has_no_end() {
        let pipes = pipes(4);
        assert!(takes(&pipes, b"full"));
        pipes.cut(Error::new(&pipes.operation, Cause::Killed));
        pipes.end(Ok(ExitStatus::from_code(7)));
        assert_eq!(pipes.ended().await.unwrap().code(), 7);
        assert_eq!(reads(&pipes), 4);
        let context = Context::from_waker(Waker::noop());
        let mut byte = [0];
        let end = pipes.poll_read(Stream::Stdout, &context, &mut ReadBuf::new(&mut byte));
        let Poll::Ready(Err(error)) = end else { panic!("{end:?}") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
