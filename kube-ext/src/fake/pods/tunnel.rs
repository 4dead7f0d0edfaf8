//! SPDY over a websocket, which `kubectl port-forward` speaks: any number of connections, each with a stream for its data
//! and one for an error (`k8s.io/cri-streaming/pkg/streaming/portforward/httpstream.go`).
use std::{collections::HashMap, io, pin::pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::stream;
use tokio::{io::AsyncRead, sync::mpsc, task::JoinSet};
use tokio_util::io::StreamReader;

use super::{
    forward::{Backend, WAITING},
    socket::{Receiver, Sender, race},
    spdy::{self, Frame},
};

/// How many connections may wait for their second stream.
const MAX_HALVES: usize = 64;

/// How many streams a client may have open.
const MAX_STREAMS: usize = 4096;

pub(super) async fn serve(
    backend: Arc<Backend>,
    mut sender: Sender,
    mut receiver: Receiver,
) -> (Sender, Receiver) {
    let (frames, mut outgoing) = mpsc::channel::<Bytes>(WAITING);
    let input = async {
        let messages = stream::unfold(&mut receiver, |receiver| async {
            receiver.next().await.map(|message| (Ok::<_, io::Error>(message), receiver))
        });
        // How it ends is the client's to tell.
        let _ = Session::new(backend.clone(), frames).run(StreamReader::new(pin!(messages))).await;
    };
    let output = async {
        while let Some(frame) = outgoing.recv().await {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    };
    // What is still to be sent when the client has ended the session has no one to read it.
    race(race(input, output), backend.life.over()).await;
    (sender, receiver)
}

/// The streams of one client.
struct Session {
    backend: Arc<Backend>,
    frames: mpsc::Sender<Bytes>,
    /// Where the data of open streams goes.
    inputs: HashMap<u32, mpsc::Sender<Bytes>>,
    /// Connections of which one stream is there, by their ids.
    halves: HashMap<String, Half>,
    /// Ends with the session.
    connections: JoinSet<()>,
}

/// A stream that waits for the other one of its connection.
enum Half {
    Error(u32),
    Data(u32, mpsc::Receiver<Bytes>),
}

impl Session {
    fn new(backend: Arc<Backend>, frames: mpsc::Sender<Bytes>) -> Self {
        let (inputs, halves) = (HashMap::new(), HashMap::new());
        Self { backend, frames, inputs, halves, connections: JoinSet::new() }
    }

    async fn run(mut self, input: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut reader = spdy::Reader::new(input);
        let mut writer = spdy::Writer::new()?;
        loop {
            match reader.next().await? {
                Frame::Open { stream, headers, fin } => {
                    match Head::parse(&headers).filter(|_| self.has_room()) {
                        Some(head) => {
                            self.send(writer.reply(stream)?).await?;
                            self.open(stream, &head, fin).await?;
                        }
                        None => self.send(spdy::reset(stream)).await?,
                    }
                }
                Frame::Data { stream, data, fin } => {
                    // Of a stream that is gone there may still be something on its way.
                    if let Some(input) = self.inputs.get(&stream)
                        && !data.is_empty()
                    {
                        let _ = input.send(data).await;
                    }
                    if fin {
                        self.inputs.remove(&stream);
                    }
                }
                Frame::Reset { stream } => drop(self.inputs.remove(&stream)),
                // Even ids would answer a ping of the server's, which sends none.
                Frame::Ping { id } if id % 2 == 1 => self.send(spdy::pong(id)).await?,
                Frame::Ping { .. } => (),
                Frame::GoAway => return Ok(()),
            }
        }
    }

    async fn send(&self, frame: Bytes) -> io::Result<()> {
        self.frames.send(frame).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn has_room(&self) -> bool {
        self.halves.len() < MAX_HALVES && self.inputs.len() < MAX_STREAMS
    }

    /// Takes a stream in, and starts its connection if it is the second one of it.
    async fn open(&mut self, stream: u32, head: &Head<'_>, fin: bool) -> io::Result<()> {
        self.inputs.retain(|_, input| !input.is_closed());
        while self.connections.try_join_next().is_some() {}

        let half = if head.is_data {
            let (input, receiver) = mpsc::channel(WAITING);
            if !fin {
                self.inputs.insert(stream, input);
            }
            Half::Data(stream, receiver)
        } else {
            Half::Error(stream)
        };
        let id = head.id(stream);
        match (half, self.halves.remove(&id)) {
            (half, None) => drop(self.halves.insert(id, half)),
            (Half::Data(data, input), Some(Half::Error(error)))
            | (Half::Error(error), Some(Half::Data(data, input))) => {
                let backend = self.backend.clone();
                let frames = self.frames.clone();
                self.connections.spawn(forward(backend, frames, head.port, data, error, input));
            }
            (_, Some(first)) => {
                let (what, error) = match &first {
                    Half::Error(stream) => ("error", Some(*stream)),
                    Half::Data(..) => ("data", None),
                };
                self.halves.insert(id.clone(), first);
                if let Some(error) = error {
                    let message =
                        format!("error processing stream for request {id}: {what} stream already assigned");
                    self.send(spdy::data(error, message.as_bytes(), false)).await?;
                }
            }
        }
        Ok(())
    }
}

/// Forwards one connection, and ends both of its streams.
async fn forward(
    backend: Arc<Backend>,
    frames: mpsc::Sender<Bytes>,
    port: u16,
    data: u32,
    error: u32,
    input: mpsc::Receiver<Bytes>,
) {
    let output = async |mut message: BytesMut| {
        let length = message.len().saturating_sub(spdy::DATA_HEAD);
        if let Some(head) = message.first_chunk_mut() {
            *head = spdy::data_head(data, length, false);
        }
        frames.send(message.freeze()).await.is_ok()
    };
    let last = match backend.forward(port, spdy::DATA_HEAD, input, output).await {
        Ok(()) => vec![spdy::data(data, b"", true), spdy::data(error, b"", true)],
        Err(message) => {
            vec![spdy::data(error, message.as_bytes(), false), spdy::reset(data), spdy::reset(error)]
        }
    };
    for frame in last {
        // A client that is gone need not know.
        let _ = frames.send(frame).await;
    }
}

/// What the headers of a stream say.
#[derive(Debug, PartialEq, Eq)]
struct Head<'a> {
    port: u16,
    is_data: bool,
    request_id: Option<&'a str>,
}

impl<'a> Head<'a> {
    fn parse(headers: &'a [(String, String)]) -> Option<Self> {
        let get = |name: &str| {
            let mut headers = headers.iter();
            headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let port = get("port")?.parse().ok().filter(|port| *port > 0)?;
        let is_data = match get("streamtype")? {
            "data" => true,
            "error" => false,
            _ => return None,
        };
        Some(Self { port, is_data, request_id: get("requestid").filter(|id| !id.is_empty()) })
    }

    /// The connection that a stream belongs to. Clients that do not say open the error stream, then the data stream.
    fn id(&self, stream: u32) -> String {
        let first = if self.is_data { stream.saturating_sub(2) } else { stream };
        self.request_id.map_or_else(|| first.to_string(), ToOwned::to_owned)
    }
}
