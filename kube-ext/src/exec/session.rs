//! The websocket of a process: `v5.channel.k8s.io`, or `v4`, which has no end of stdin (KEP-4006).

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{Sink, SinkExt as _, Stream as Source, StreamExt as _};
use kube::{api::TerminalSize, client::Connection};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    error::{Cause, Error, Stream},
    pipes::{Ending, Outgoing, Pipes},
    status::{self, ExitStatus},
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
/// How long a server may take to close the connection once it has told the exit status, and to tell it once it takes
/// no more input.
const LINGER: Duration = Duration::from_secs(1);

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

/// Runs a session until it ends, in whichever way, and tells the pipes: also when this future is dropped.
pub(super) fn run(
    connection: Connection,
    pipes: Arc<Pipes>,
    bounds: Bounds,
) -> impl Future<Output = ()> + Send + 'static {
    let guard = EndOnDrop(pipes);
    async move {
        let pipes = &*guard.0;
        pipes.end(session(connection, pipes, bounds).await);
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
}

/// Nobody says goodbye: the server ends the connection, or it is dropped, which is what kubectl does, too.
async fn session(connection: Connection, pipes: &Pipes, bounds: Bounds) -> Ending {
    let ends_input = connection.supports_stream_close();
    let (sink, mut stream) = connection.into_stream().split();
    let silence = bounds.silence;
    let reason = format!("nothing from the server for {silence:?}");
    let (patience, patient) = watch::channel(Patience { span: silence, reason });
    let deadline = async {
        match bounds.deadline {
            Some((at, after)) => {
                sleep_until(at).await;
                Cause::TimedOut { after }
            }
            None => pending().await,
        }
    };
    let both_ways = async {
        tokio::select! {
            status = receive(&mut stream, pipes, patient) => status,
            cause = send(sink, pipes, silence, ends_input, patience) => Err(cause),
        }
    };
    let status = tokio::select! {
        // First what a flood of output would keep waiting.
        biased;
        () = pipes.killed.cancelled() => Err(Cause::Killed),
        cause = deadline => Err(cause),
        status = both_ways => status,
    };
    let ending = match status {
        Ok(status) => tokio::select! {
            rest = rest(&mut stream, pipes) => rest.and(status),
            () = pipes.killed.cancelled() => status,
        },
        Err(cause) => Err(cause),
    };
    ending.map_err(|cause| Error::new(&pipes.operation, cause))
}

/// Sends input, sizes and pings. Once the connection takes no more, the end is for the server to tell, and soon.
async fn send<S>(
    mut sink: S,
    pipes: &Pipes,
    silence: Duration,
    ends_input: bool,
    patience: watch::Sender<Patience>,
) -> Cause
where
    S: Sink<Message, Error = tungstenite::Error> + Unpin,
{
    let period = silence / PINGS;
    let mut pings = interval_at(Instant::now() + period, period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            outgoing = pipes.outgoing() => match outgoing {
                Outgoing::Input(message) => Message::Binary(message),
                Outgoing::EndOfInput if !ends_input => return Cause::NoEndOfStdin,
                Outgoing::EndOfInput => Message::Binary(Bytes::from_static(&[CLOSE, STDIN])),
                Outgoing::Size(size) => resize(&size),
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        if let Err(error) = sink.send(message).await {
            // A process that ends with input unread ends the connection for it; its status may be on the way, behind
            // output that somebody is slow to read.
            patience.send_replace(Patience { span: LINGER, reason: error.to_string() });
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
    mut patience: watch::Receiver<Patience>,
) -> Result<Status, Cause>
where
    S: Source<Item = tungstenite::Result<Message>> + Unpin,
{
    loop {
        let message = next(stream, &mut patience).await?;
        if let Some(status) = take(message, pipes).await? {
            return Ok(status);
        }
    }
}

/// The next message, if there is one before patience ends, which may become less meanwhile.
async fn next<S>(stream: &mut S, patience: &mut watch::Receiver<Patience>) -> Result<Message, Cause>
where
    S: Source<Item = tungstenite::Result<Message>> + Unpin,
{
    loop {
        let span = patience.borrow_and_update().span;
        tokio::select! {
            biased;
            message = stream.next() => return match message {
                Some(Ok(Message::Text(_))) => Err(Cause::Lost { reason: "a text message came".to_owned() }),
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(Cause::Lost { reason: error.to_string() }),
                None => Err(Cause::Lost { reason: "the connection was closed".to_owned() }),
            },
            Ok(()) = patience.changed() => (),
            () = sleep(span) => return Err(Cause::Lost { reason: patience.borrow().reason.clone() }),
        }
    }
}

/// Takes what follows the exit status, which comes last, but nothing in the protocol says so. How the connection ends makes
/// no difference now.
async fn rest<S>(stream: &mut S, pipes: &Pipes) -> Result<(), Cause>
where
    S: Source<Item = tungstenite::Result<Message>> + Unpin,
{
    let mut left = LINGER;
    loop {
        let began = Instant::now();
        let Ok(Some(Ok(message))) = timeout(left, stream.next()).await else { return Ok(()) };
        // What counts is how long the server takes, not a reader.
        left = left.saturating_sub(began.elapsed());
        take(message, pipes).await?;
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
