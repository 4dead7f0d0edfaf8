//! The websocket of a process: `v5.channel.k8s.io`, or `v4`, which has no end of stdin (KEP-4006).

use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{Sink, SinkExt as _, Stream as Source, StreamExt as _};
use kube::{api::TerminalSize, client::Connection};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    child::Streams,
    error::{Cause, Error, Stream},
    pipes::{Outgoing, Pipes},
    status::{self, ExitStatus},
    target::Connected,
};

// `k8s.io/apimachinery/pkg/util/remotecommand/constants.go`.
pub(super) const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// How many pings fit into the time after which a silent server is taken for gone, as in kubectl.
const PINGS: u32 = 12;
/// How many times as long a server may be silent that has not taken all input: it may be the process that takes none.
const SPANS_WITH_INPUT: u32 = 5;
/// How long a server may take to close the connection once it has told the exit status.
const LINGER: Duration = Duration::from_secs(1);
/// How long a server that takes no more input may be silent until it tells the exit status.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What the server says at the end: how the process ended, or why it could not.
type Status = Result<ExitStatus, Cause>;

/// How long a session may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Without a word from the server.
    pub(super) silence: Duration,
    /// All of it: until when, and how long that was in the beginning.
    pub(super) deadline: Option<(Instant, Duration)>,
}

/// How the kubelet's refusal begins where the API server accepts a session before it asks the node: up to Kubernetes 1.35,
/// `k8s.io/apiserver/pkg/util/proxy/streamtranslator.go`.
const REFUSED: &str = "unable to upgrade connection";

/// Runs a session until it ends, in whichever way, and tells the pipes: also when this future is dropped.
pub(super) fn run(
    connected: Connected,
    pipes: Arc<Pipes>,
    streams: Streams,
) -> impl Future<Output = ()> + Send + 'static {
    let guard = EndOnDrop(pipes);
    async move {
        let pipes = &*guard.0;
        let Connected { connection, target, bounds, picked, .. } = connected;
        let mut status = session(connection, pipes, bounds, streams).await;
        if let Err(Cause::Failed { message }) = &status
            && message.contains(REFUSED)
        {
            let why = tokio::select! {
                why = target.not_running(&picked.container, bounds) => why,
                () = pipes.killed.cancelled() => None,
            };
            status = why.map_or(status, Err);
        }
        pipes.end(status.map_err(|cause| Error::new(&pipes.operation, cause)));
    }
}

struct EndOnDrop(Arc<Pipes>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(Err(Error::new(&self.0.operation, Cause::Killed)));
    }
}

/// For how long a server may be silent, and what that means.
#[derive(Debug)]
struct Patience {
    span: Duration,
    reason: String,
    /// It is that long, whatever is known of the input.
    whatever: bool,
}

/// What is known of the input that was sent.
///
/// A server reads a connection in order, and does not go on while the process does not take its input: then it answers no
/// pings, either, and looks like one that is gone. So it gets more time until a ping behind all input has been
/// answered, unless the input is no more than what pipes take.
#[derive(Debug)]
struct Progress {
    /// How many bytes of input are nothing to wait for.
    spare: usize,
    /// A sign of life is wanted.
    quiet: Notify,
    sent: AtomicUsize,
    /// The number of the last ping, of the first one behind all input, and of the last one that was answered.
    ping: AtomicU64,
    behind: AtomicU64,
    answered: AtomicU64,
}

impl Progress {
    fn new(spare: usize) -> Self {
        let [ping, behind, answered] = [0; 3].map(AtomicU64::new);
        Self { spare, quiet: Notify::new(), sent: AtomicUsize::new(0), ping, behind, answered }
    }

    /// Input is about to be sent.
    fn input(&self, bytes: usize) {
        self.sent.fetch_add(bytes, Relaxed);
        self.behind.store(self.ping.load(Relaxed) + 1, Relaxed);
    }

    /// The next ping.
    fn ping(&self) -> Message {
        let number = self.ping.fetch_add(1, Relaxed) + 1;
        Message::Ping(Bytes::copy_from_slice(&number.to_be_bytes()))
    }

    fn pong(&self, bytes: &[u8]) {
        if let Ok(number) = bytes.try_into() {
            self.answered.fetch_max(u64::from_be_bytes(number), Relaxed);
        }
    }

    /// Whether the server may be waiting for the process to take input.
    fn may_wait(&self) -> bool {
        self.sent.load(Relaxed) > self.spare && self.answered.load(Relaxed) < self.behind.load(Relaxed)
    }
}

/// Nobody says goodbye: the server ends the connection, or it is dropped, which is what kubectl does, too.
async fn session(connection: Connection, pipes: &Pipes, bounds: Bounds, streams: Streams) -> Status {
    let ends_input = connection.supports_stream_close();
    let (sink, mut stream) = connection.into_stream().split();
    let silence = bounds.silence;
    let reason = format!("nothing from the server for {silence:?}");
    let (patience, patient) = watch::channel(Patience { span: silence, reason, whatever: false });
    let progress = &Progress::new(streams.spare);
    let deadline = async {
        match bounds.deadline {
            Some((at, after)) => {
                sleep_until(at).await;
                Cause::TimedOut { after }
            }
            None => pending().await,
        }
    };
    let mut stop = pin!(async {
        tokio::select! {
            () = pipes.killed.cancelled() => Cause::Killed,
            cause = deadline => cause,
        }
    });
    let end_of_input = match (ends_input, streams.tty) {
        (true, _) => EndOfInput::Told,
        // A terminal has no end, so that there is none to be told of.
        (false, true) => EndOfInput::Ignored,
        (false, false) => EndOfInput::Error,
    };
    let both_ways = async {
        tokio::select! {
            status = receive(&mut stream, pipes, silence / PINGS, patient, progress) => status,
            cause = send(sink, pipes, end_of_input, patience, progress) => Err(cause),
        }
    };
    let status = tokio::select! {
        // First what a flood of output would keep waiting.
        biased;
        cause = &mut stop => return Err(cause),
        status = both_ways => status?,
    };
    // What has been told stays, whatever follows.
    if let Err(cause) = rest(&mut stream, pipes, stop).await {
        pipes.cut(Error::new(&pipes.operation, cause));
    }
    status
}

/// What becomes of the end of stdin.
#[derive(Clone, Copy, Debug)]
enum EndOfInput {
    Told,
    Ignored,
    Error,
}

/// Sends input, sizes and pings. Once the connection takes no more, the end is for the server to tell, and soon.
async fn send<S>(
    mut sink: S,
    pipes: &Pipes,
    end_of_input: EndOfInput,
    patience: watch::Sender<Patience>,
    progress: &Progress,
) -> Cause
where
    S: Sink<Message, Error = tungstenite::Error> + Unpin,
{
    loop {
        let message = tokio::select! {
            outgoing = pipes.outgoing() => match (outgoing, end_of_input) {
                (Outgoing::Input(message), _) => {
                    progress.input(message.len());
                    Message::Binary(message)
                }
                (Outgoing::EndOfInput, EndOfInput::Told) => Message::Binary(Bytes::from_static(&[CLOSE, STDIN])),
                (Outgoing::EndOfInput, EndOfInput::Error) => return Cause::NoEndOfStdin,
                (Outgoing::EndOfInput, EndOfInput::Ignored) => {
                    pipes.sent();
                    continue;
                }
                (Outgoing::Size(size), _) => resize(&size),
            },
            () = progress.quiet.notified() => progress.ping(),
        };
        if let Err(error) = sink.send(message).await {
            // A process that ends with input unread ends the connection for it; its status may be on the way, behind
            // output that somebody is slow to read.
            patience.send_replace(Patience { span: LAST_WORDS, reason: error.to_string(), whatever: true });
            return pending().await;
        }
        pipes.sent();
    }
}

fn resize(size: &TerminalSize) -> Message {
    let size = serde_json::json!({"Width": size.width, "Height": size.height});
    Message::Binary(format!("{}{size}", char::from(RESIZE)).into())
}

/// Takes what the server sends, until the exit status.
async fn receive<S>(
    stream: &mut S,
    pipes: &Pipes,
    period: Duration,
    mut patience: watch::Receiver<Patience>,
    progress: &Progress,
) -> Result<Status, Cause>
where
    S: Source<Item = tungstenite::Result<Message>> + Unpin,
{
    loop {
        let message = next(stream, period, &mut patience, progress).await?;
        if let Message::Pong(bytes) = &message {
            progress.pong(bytes);
        }
        if let Some(status) = take(message, pipes).await? {
            return Ok(status);
        }
    }
}

/// The next message, if there is one before patience ends, which may become less meanwhile; with input that the server
/// has not taken, it is [`SPANS_WITH_INPUT`] times as long.
///
/// A ping is sent only after a period in which nothing came, and not while output waits for its reader. A server that has
/// closed the connection may not have got rid of all that it wrote: its system keeps that, until anything comes from here, and then throws
/// it away.
async fn next<S>(
    stream: &mut S,
    period: Duration,
    patience: &mut watch::Receiver<Patience>,
    progress: &Progress,
) -> Result<Message, Cause>
where
    S: Source<Item = tungstenite::Result<Message>> + Unpin,
{
    let mut silence = pin!(sleep(patience.borrow_and_update().span));
    let mut quiet = pin!(sleep(period));
    let mut spans = 0;
    loop {
        tokio::select! {
            // Whatever the clock says: what is there has come.
            biased;
            message = stream.next() => return match message {
                Some(Ok(Message::Text(_))) => Err(Cause::Lost { reason: "a text message came".to_owned() }),
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(Cause::Lost { reason: error.to_string() }),
                None => Err(Cause::Lost { reason: "the connection was closed".to_owned() }),
            },
            Ok(()) = patience.changed() => {
                silence.set(sleep(patience.borrow_and_update().span));
            }
            () = &mut silence => {
                let Patience { span, reason, whatever } = &*patience.borrow();
                if *whatever || !progress.may_wait() {
                    return Err(Cause::Lost { reason: reason.clone() });
                }
                spans += 1;
                if spans == SPANS_WITH_INPUT {
                    let silence = span.saturating_mul(spans);
                    let reason = format!("nothing from the server for {silence:?}, with input that it has not taken");
                    return Err(Cause::Lost { reason });
                }
                silence.set(sleep(*span));
            }
            () = &mut quiet => {
                progress.quiet.notify_one();
                quiet.set(sleep(period));
            }
        }
    }
}

/// Takes what follows the exit status, which comes last, but nothing in the protocol says so. How the connection ends makes
/// no difference now. An error is one of output that came and was lost.
async fn rest<S>(
    stream: &mut S,
    pipes: &Pipes,
    mut stop: Pin<&mut impl Future<Output = Cause>>,
) -> Result<(), Cause>
where
    S: Source<Item = tungstenite::Result<Message>> + Unpin,
{
    let mut left = LINGER;
    loop {
        let began = Instant::now();
        let message = tokio::select! {
            message = timeout(left, stream.next()) => message,
            _ = &mut stop => return Ok(()),
        };
        let Ok(Some(Ok(message))) = message else { return Ok(()) };
        // What counts is how long the server takes, not a reader.
        left = left.saturating_sub(began.elapsed());
        tokio::select! {
            biased;
            taken = take(message, pipes) => taken?,
            cause = &mut stop => return Err(cause),
        };
    }
}

/// Puts a message where it belongs. It may hold the exit status.
async fn take(message: Message, pipes: &Pipes) -> Result<Option<Status>, Cause> {
    let Message::Binary(bytes) = message else { return Ok(None) };
    // A channel without anything in it is how a server says hello.
    match bytes.split_first() {
        Some((_, [])) | None => Ok(None),
        Some((&STDOUT, output)) => pipes.deliver(Stream::Stdout, output).await.map(|()| None),
        Some((&STDERR, output)) => pipes.deliver(Stream::Stderr, output).await.map(|()| None),
        Some((&STATUS, status)) => Ok(Some(status::read(status))),
        Some(_) => Ok(None),
    }
}
