//! Websockets: the handshake, the counting of bytes, and how a connection is cut.
use std::{
    future::{Future, pending},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    SinkExt as _, StreamExt as _,
    future::select,
    stream::{SplitSink, SplitStream},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{CloseFrame, Message, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::super::{
    body::{self, Body},
    faults::{After, Cut, End},
    requests::Record,
    server::Call,
};

/// The largest message that is taken, as in `golang.org/x/net/websocket`.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

/// How much of a stream goes into one message, as the API server copies it.
pub(super) const PIECE: usize = 32 * 1024;

/// How long a client has to take in the end.
const LINGER: Duration = Duration::from_secs(1);

/// Whether a header lists a word, in any case.
pub(super) fn lists(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(word)))
}

/// The subprotocols that a client offers, in its order.
pub(super) fn offered(headers: &HeaderMap) -> Vec<String> {
    let values =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|protocol| protocol.trim().to_owned()).collect()
}

/// Runs two futures until one of them ends, and drops both.
pub(super) async fn race<A: Future, B: Future>(one: A, other: B) {
    select(pin!(one), pin!(other)).await;
}

/// Answers a handshake, and runs `session` on the websocket that follows.
pub(super) fn upgrade<F>(
    call: &Call,
    request: Request<Incoming>,
    protocol: &'static str,
    session: impl FnOnce(Sender, Receiver) -> F + Send + 'static,
) -> Response<Body>
where
    F: Future<Output = (Sender, Receiver)> + Send,
{
    let Some(key) = call.headers.get(header::SEC_WEBSOCKET_KEY) else {
        return body::text(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let mut response = Response::new(body::full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }

    let valve = Arc::new(Valve::new(call.cut));
    let gate = Gate::new(call.cut);
    let (record, connection) = (call.record.clone(), call.connection.clone());
    call.shared.pods.tasks.spawn(async move {
        let run = async {
            let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
            let wire = Wire { io: TokioIo::new(upgraded), record, valve: valve.clone() };
            let config = WebSocketConfig::default()
                .max_message_size(Some(MAX_MESSAGE))
                .max_frame_size(Some(MAX_MESSAGE));
            let (sink, stream) =
                WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await.split();
            let sender = Sender { sink, valve: valve.clone(), gate };
            let whole = async {
                let (sender, receiver) = session(sender, Receiver(stream)).await;
                if valve.left() > 0 {
                    finish(sender, receiver).await;
                }
            };
            race(whole, valve.dropped.cancelled()).await;
        };
        connection.run_until_cancelled(run).await;
    });
    response
}

/// Ends a websocket as the API server does: with a close frame, and the end of the connection. What the client has sent
/// until then is read, since a connection that is closed with something unread is reset.
async fn finish(mut sender: Sender, receiver: Receiver) {
    let end = async {
        sender.close().await;
        let Ok(mut socket) = sender.sink.reunite(receiver.0) else { return };
        // A client that is gone makes no difference.
        let _ = socket.get_mut().shutdown().await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = tokio::time::timeout(LINGER, end).await;
}

/// Sends messages to a client, as far as they are let.
pub(super) struct Sender {
    sink: SplitSink<WebSocketStream<Wire>, Message>,
    valve: Arc<Valve>,
    gate: Option<Gate>,
}

/// The client is gone, or nothing more may be sent to it.
#[derive(Debug)]
pub(super) struct Gone;

impl Sender {
    /// Sends a message of bytes.
    pub(super) async fn send(&mut self, message: Bytes) -> Result<(), Gone> {
        let size = frame_size(message.len());
        if self.gate.as_ref().is_some_and(|gate| !gate.admits(size)) {
            return self.cut().await;
        }
        self.sink.send(Message::Binary(message)).await.map_err(|_| Gone)?;
        if let Some(gate) = &mut self.gate {
            gate.count(size);
            if gate.is_shut() {
                return self.cut().await;
            }
        }
        Ok(())
    }

    /// What the rule of a cut says when its time has come.
    async fn cut(&mut self) -> Result<(), Gone> {
        match self.gate.as_ref().map(|gate| gate.end) {
            Some(End::Stall) => {
                self.valve.shut();
                pending::<()>().await;
            }
            Some(End::Drop) => {
                self.valve.shut();
                self.valve.dropped.cancel();
            }
            Some(End::Close) | None => self.close().await,
        }
        Err(Gone)
    }

    async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // A client that is gone needs no goodbye.
        let _ = self.sink.send(Message::Close(Some(frame))).await;
        let _ = self.sink.close().await;
    }
}

/// The messages of a client.
pub(super) struct Receiver(SplitStream<WebSocketStream<Wire>>);

impl Receiver {
    /// The next message with bytes; nothing when the client is gone or has said goodbye. Pings are answered here.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Binary(bytes) => return Some(bytes),
                Message::Text(text) => return Some(text.into()),
                // The one that reads on sends what tungstenite has to say to these.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => (),
            }
        }
    }
}

/// How many bytes an unmasked frame takes (RFC 6455, 5.2).
fn frame_size(payload: usize) -> u64 {
    let header = match payload {
        0..126 => 2,
        126..65536 => 4,
        _ => 10,
    };
    payload as u64 + header
}

/// Cuts between messages.
#[derive(Debug)]
struct Gate {
    after: After,
    end: End,
}

impl Gate {
    /// The gate for a cut that falls between messages. A close frame can come nowhere else.
    fn new(cut: Option<Cut>) -> Option<Self> {
        cut.filter(|cut| matches!(cut.after, After::Events(_)) || cut.end == End::Close)
            .map(|cut| Self { after: cut.after, end: cut.end })
    }

    fn admits(&self, size: u64) -> bool {
        match self.after {
            After::Bytes(left) => size <= left,
            After::Events(left) => left > 0,
        }
    }

    fn count(&mut self, size: u64) {
        match &mut self.after {
            After::Bytes(left) => *left = left.saturating_sub(size),
            After::Events(left) => *left = left.saturating_sub(1),
        }
    }

    fn is_shut(&self) -> bool {
        matches!(self.after, After::Bytes(0) | After::Events(0))
    }
}

/// Cuts between bytes.
#[derive(Debug)]
struct Valve {
    /// How many more bytes may go out.
    left: AtomicU64,
    end: End,
    /// The connection is to be dropped.
    dropped: CancellationToken,
}

impl Valve {
    fn new(cut: Option<Cut>) -> Self {
        let (left, end) = match cut {
            Some(Cut { after: After::Bytes(left), end: end @ (End::Drop | End::Stall) }) => (left, end),
            Some(cut) => (u64::MAX, cut.end),
            None => (u64::MAX, End::Drop),
        };
        let valve = Self { left: AtomicU64::new(left), end, dropped: CancellationToken::new() };
        valve.used(0);
        valve
    }

    fn shut(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn used(&self, bytes: usize) {
        let left = self.left();
        if left == u64::MAX {
            return;
        }
        let left = left.saturating_sub(bytes as u64);
        self.left.store(left, Ordering::Relaxed);
        if left == 0 && self.end == End::Drop {
            self.dropped.cancel();
        }
    }
}

/// A connection whose bytes are counted.
struct Wire {
    io: TokioIo<Upgraded>,
    record: Arc<Record>,
    valve: Arc<Valve>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        self.record.received(buf.filled().len() - before);
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = usize::try_from(self.valve.left()).unwrap_or(usize::MAX);
        if left == 0 {
            // Nobody wakes this up: a stalled connection stays so until it is dropped.
            return Poll::Pending;
        }
        let bytes = bytes.get(..left).unwrap_or(bytes);
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = result {
            self.record.sent(written);
            self.valve.used(written);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
