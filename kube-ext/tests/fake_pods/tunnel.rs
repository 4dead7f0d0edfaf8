//! The SPDY of `kubectl port-forward`, from a client that is as small as it can be.
use std::collections::HashMap;

use flate2::{Compress, Compression, FlushCompress};
use futures::{SinkExt as _, StreamExt as _};
use kube_ext::fake::{Connection, FakeCluster};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::setup::{Socket, cluster, noise, until, websocket, within};

const PROTOCOL: &str = "SPDY/3.1+portforward.k8s.io";

const SYN_STREAM: u8 = 1;
const SYN_REPLY: u8 = 2;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;

struct Client {
    socket: Socket,
    /// Without the dictionary, which a server must be able to do without.
    deflate: Compress,
    received: Vec<u8>,
    /// What came for each stream, and whether that is all.
    streams: HashMap<u32, (Vec<u8>, bool)>,
    /// Other frames: their kind and payload.
    control: Vec<(u8, Vec<u8>)>,
    /// How many bytes go into one message.
    split: usize,
}

impl Client {
    async fn connect(cluster: &FakeCluster) -> Self {
        let (socket, chosen) = websocket(cluster, "web/portforward", PROTOCOL).await.unwrap();
        assert_eq!(chosen, PROTOCOL);
        let deflate = Compress::new(Compression::default(), true);
        let (streams, control) = (HashMap::new(), Vec::new());
        Self { socket, deflate, received: Vec::new(), streams, control, split: usize::MAX }
    }

    async fn send(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.split) {
            self.socket.send(Message::binary(piece.to_vec())).await.unwrap();
        }
    }

    async fn control(&mut self, kind: u8, flags: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap() | u32::from(flags) << 24;
        let frame = [&[0x80, 3, 0, kind][..], &length.to_be_bytes(), payload].concat();
        self.send(&frame).await;
    }

    async fn open(&mut self, stream: u32, headers: &[(&str, &str)], fin: bool) {
        let mut block = u32::try_from(headers.len()).unwrap().to_be_bytes().to_vec();
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            block.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            block.extend(text.as_bytes());
        }
        let mut payload = [&stream.to_be_bytes()[..], &[0; 6]].concat();
        payload.reserve(1000);
        self.deflate.compress_vec(&block, &mut payload, FlushCompress::Sync).unwrap();
        self.control(SYN_STREAM, u8::from(fin), &payload).await;
    }

    /// Opens both streams of a connection, as kubectl does: the error stream is closed at once.
    async fn pair(&mut self, error: u32, port: &str, id: &str) {
        let of = |kind| [("streamtype", kind), ("port", port), ("requestid", id)];
        self.open(error, &of("error"), true).await;
        self.open(error + 2, &of("data"), false).await;
    }

    async fn data(&mut self, stream: u32, data: &[u8], fin: bool) {
        let length = u32::try_from(data.len()).unwrap() | u32::from(fin) << 24;
        let frame = [&stream.to_be_bytes()[..], &length.to_be_bytes(), data].concat();
        self.send(&frame).await;
    }

    /// Takes frames in until something holds.
    async fn until(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        while !holds(self) {
            match within(self.socket.next()).await.unwrap().unwrap() {
                Message::Binary(bytes) => self.received.extend_from_slice(&bytes),
                other => panic!("{other:?}"),
            }
            while let Some(head) = self.received.first_chunk::<8>().copied() {
                let length = u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize;
                if self.received.len() < 8 + length {
                    break;
                }
                let payload = self.received.drain(..8 + length).skip(8).collect::<Vec<_>>();
                if head[0] & 0x80 == 0 {
                    let stream = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
                    let received = self.streams.entry(stream).or_default();
                    assert!(!received.1, "data after the end of stream {stream}");
                    received.0.extend(payload);
                    received.1 |= head[4] & 1 == 1;
                } else {
                    assert_eq!(head[..3], [0x80, 3, 0]);
                    self.control.push((head[3], payload));
                }
            }
        }
    }

    fn is_whole(&self, stream: u32) -> bool {
        self.streams.get(&stream).is_some_and(|received| received.1)
    }

    fn has(&self, kind: u8, payload: &[u8]) -> bool {
        self.control.iter().any(|(other, bytes)| *other == kind && bytes.starts_with(payload))
    }
}

async fn echo(connection: Connection) {
    let (mut from, mut to) = tokio::io::split(connection);
    // A client that is gone ends it.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

#[tokio::test]
async fn several_connections() {
    let cluster = cluster().await;
    let web = cluster.pod("default", "web");
    web.on_port(7, echo);
    web.on_port(80, async |mut connection| connection.write_all(b"hello").await.unwrap());
    let mut client = Client::connect(&cluster).await;
    client.pair(1, "7", "0").await;
    client.pair(5, "80", "1").await;
    client.pair(9, "7", "2").await;
    client.until(|client| client.is_whole(7) && client.is_whole(5)).await;
    assert_eq!(client.streams[&7].0, b"hello");
    assert_eq!(client.streams[&5].0, b"");
    for stream in [1_u32, 3, 5, 7, 9, 11] {
        assert!(client.has(SYN_REPLY, &stream.to_be_bytes()), "{stream}");
    }
    let bytes = noise(500_000, 7);
    for (stream, part) in [3, 11].into_iter().cycle().zip(bytes.chunks(70_000)) {
        client.data(stream, part, false).await;
        client.until(|client| client.streams.get(&stream).is_some_and(|got| got.0.ends_with(part))).await;
    }
    client.data(3, b"", true).await;
    client.data(11, b"last", true).await;
    client.until(|client| [1, 3, 9, 11].iter().all(|stream| client.is_whole(*stream))).await;
    assert!(client.streams[&11].0.ends_with(b"last"));
    assert_eq!(client.streams[&3].0.len() + client.streams[&11].0.len(), bytes.len() + 4);
    client.control(GO_AWAY, 0, &[0; 8]).await;
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn frames_in_any_number_of_messages() {
    let cluster = cluster().await;
    cluster.pod("default", "web").on_port(7, echo);
    let mut client = Client::connect(&cluster).await;
    client.split = 1;
    client.pair(1, "7", "0").await;
    client.data(3, b"byte by byte", true).await;
    client.until(|client| client.is_whole(3) && client.is_whole(1)).await;
    assert_eq!(client.streams[&3].0, b"byte by byte");
}

#[tokio::test]
async fn a_refused_port() {
    let cluster = cluster().await;
    cluster.pod("default", "web").on_port(7, echo);
    let mut client = Client::connect(&cluster).await;
    client.pair(1, "81", "0").await;
    client
        .until(|client| client.has(RST_STREAM, &[0, 0, 0, 3]) && client.has(RST_STREAM, &[0, 0, 0, 1]))
        .await;
    let message = String::from_utf8(client.streams[&1].0.clone()).unwrap();
    assert!(message.starts_with("error forwarding port 81 to pod "), "{message}");
    assert!(message.contains("connection refused"), "{message}");
    // The session goes on.
    client.pair(5, "7", "1").await;
    client.data(7, b"still", true).await;
    client.until(|client| client.is_whole(7)).await;
    assert_eq!(client.streams[&7].0, b"still");
}

#[tokio::test]
async fn streams_that_make_no_sense() {
    let cluster = cluster().await;
    let mut client = Client::connect(&cluster).await;
    let heads: [&[(&str, &str)]; 6] = [
        &[],
        &[("streamtype", "data")],
        &[("port", "80")],
        &[("streamtype", "other"), ("port", "80")],
        &[("streamtype", "data"), ("port", "0")],
        &[("streamtype", "data"), ("port", "65536")],
    ];
    for (stream, head) in (1_u32..).step_by(2).zip(heads) {
        client.open(stream, head, false).await;
        client.until(|client| client.has(RST_STREAM, &stream.to_be_bytes())).await;
    }
    assert!(client.control.iter().all(|(kind, _)| *kind == RST_STREAM));
    // Data for streams that are not there is nobody's.
    client.data(99, b"?", false).await;
    client.control(PING, 0, &[0, 0, 0, 1]).await;
    client.until(|client| client.has(PING, &[0, 0, 0, 1])).await;
}

#[tokio::test]
async fn streams_without_an_id() {
    let cluster = cluster().await;
    cluster.pod("default", "web").on_port(7, echo);
    let mut client = Client::connect(&cluster).await;
    client.open(1, &[("streamtype", "error"), ("port", "7")], true).await;
    client.open(3, &[("streamtype", "data"), ("port", "7")], false).await;
    client.data(3, b"old", true).await;
    client.until(|client| client.is_whole(3)).await;
    assert_eq!(client.streams[&3].0, b"old");
}

#[tokio::test]
async fn a_reset_closes_the_connection() {
    let cluster = cluster().await;
    let (ended, mut end) = tokio::sync::mpsc::unbounded_channel();
    cluster.pod("default", "web").on_port(7, move |mut connection| {
        let ended = ended.clone();
        async move {
            let mut bytes = Vec::new();
            connection.read_to_end(&mut bytes).await.unwrap();
            ended.send(bytes).unwrap();
        }
    });
    let mut client = Client::connect(&cluster).await;
    client.pair(1, "7", "0").await;
    client.data(3, b"so far", false).await;
    client.control(RST_STREAM, 0, &[0, 0, 0, 3, 0, 0, 0, 5]).await;
    assert_eq!(within(end.recv()).await.unwrap(), b"so far");
    client.until(|client| client.is_whole(1)).await;
}

#[tokio::test]
async fn nonsense_ends_the_session() {
    let cluster = cluster().await;
    let header = [0x80, 3, 0, SYN_STREAM, 0, 0, 0, 20];
    let huge = [0x80, 3, 0, SYN_STREAM, 0, 0xff, 0xff, 0xff];
    for bytes in [[&header[..], &[0xff; 20]].concat(), huge.to_vec()] {
        let mut client = Client::connect(&cluster).await;
        client.send(&bytes).await;
        assert!(matches!(within(client.socket.next()).await, Some(Ok(Message::Close(Some(_))))));
    }
}
