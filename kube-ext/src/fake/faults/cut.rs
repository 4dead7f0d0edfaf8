//! Bodies that end too early, or go out slowly.
use std::{future, io, num::NonZeroU64, time::Duration};

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::{
    super::body::{self, Body},
    flush::Flushed,
};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How an answer ends too early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) after: After,
    pub(crate) end: End,
}

/// How much goes out before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    /// Bytes of a body; of a websocket, what follows the handshake.
    Bytes(u64),
    /// Lines of a body (a watch has one for each event); messages of a websocket.
    Events(u64),
}

/// What comes then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is dropped: no end of the body, no close frame.
    Drop,
    /// The body ends as if it were whole; a websocket has its close frame.
    Close,
    /// Nothing more, on a connection that stays.
    Stall,
}

impl Cut {
    /// The answer, cut.
    pub(crate) fn apply(self, mut response: Response<Body>, flushed: Flushed) -> Response<Body> {
        // A body that is to end well must not say how long it would be: it goes out in chunks.
        if self.end != End::Close {
            announce_length(&mut response);
        }
        response.map(|body| {
            body::stream(stream::unfold((self, body, flushed), async |(mut cut, mut body, mut flushed)| {
                let piece = cut.next(&mut body, &mut flushed).await?;
                Some((piece, (cut, body, flushed)))
            }))
        })
    }

    async fn next(&mut self, body: &mut Body, flushed: &mut Flushed) -> Option<io::Result<Bytes>> {
        if self.after.is_over() {
            return match self.end {
                End::Close => None,
                End::Stall => future::pending().await,
                End::Drop => {
                    flushed.all().await;
                    Some(Err(io::Error::other("cut on demand")))
                }
            };
        }
        let mut piece = match data(body).await? {
            Ok(piece) => piece,
            error => return Some(error),
        };
        piece.truncate(self.after.take(&piece));
        Some(Ok(piece))
    }
}

impl After {
    fn is_over(self) -> bool {
        matches!(self, Self::Bytes(0) | Self::Events(0))
    }

    /// How much of a piece still goes out; what may follow is less by that.
    fn take(&mut self, piece: &[u8]) -> usize {
        match self {
            Self::Bytes(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len());
                *left -= taken as u64;
                taken
            }
            Self::Events(left) => {
                let mut taken = 0;
                for line in piece.split_inclusive(|byte| *byte == b'\n') {
                    if *left == 0 {
                        break;
                    }
                    taken += line.len();
                    *left -= u64::from(line.ends_with(b"\n"));
                }
                taken
            }
        }
    }
}

/// Lets an answer out at so many bytes a second.
pub(crate) fn slow(mut response: Response<Body>, bytes_per_second: NonZeroU64) -> Response<Body> {
    announce_length(&mut response);
    // Often enough to look like a slow link, and at least a byte at a time.
    let portion = usize::try_from(bytes_per_second.get() / 20).unwrap_or(usize::MAX).max(1);
    response.map(|body| {
        body::stream(stream::unfold((body, Bytes::new()), move |(mut body, mut rest)| async move {
            if rest.is_empty() {
                rest = match data(&mut body).await? {
                    Ok(piece) => piece,
                    error => return Some((error, (body, rest))),
                };
            }
            let piece = rest.split_to(portion.min(rest.len()));
            let nanos = NANOS_PER_SECOND.saturating_mul(piece.len() as u64) / bytes_per_second;
            tokio::time::sleep(Duration::from_nanos(nanos)).await;
            Some((Ok(piece), (body, rest)))
        }))
    })
}

/// Says how long a body is that is known whole, before it becomes a stream that does not know.
fn announce_length(response: &mut Response<Body>) {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// The next data of a body.
async fn data(body: &mut Body) -> Option<io::Result<Bytes>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                // Trailers would be the end of a whole body.
                if let Ok(piece) = frame.into_data() {
                    return Some(Ok(piece));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::StreamExt as _;
    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    use super::{super::flush::Flushing, *};

    #[test]
    fn takes_bytes_across_pieces() {
        let mut after = After::Bytes(5);
        assert_eq!(after.take(b"abc"), 3);
        assert!(!after.is_over());
        assert_eq!(after.take(b"defg"), 2);
        assert!(after.is_over());
    }

    #[test]
    fn takes_lines_across_pieces() {
        let mut after = After::Events(2);
        assert_eq!(after.take(b"a"), 1);
        assert_eq!(after.take(b"b\nc"), 3);
        assert!(!after.is_over());
        assert_eq!(after.take(b"\nd\n"), 1);
        assert!(after.is_over());
        let mut after = After::Events(1);
        assert_eq!(after.take(b"\n\n"), 1);
    }

    /// What a client gets on the wire: the data of the body, and whether it has come to its end.
    #[derive(Debug, PartialEq, Eq)]
    struct Received {
        head: String,
        data: Vec<u8>,
        whole: bool,
    }

    /// Serves one response to one request, and reads all of it until the connection ends.
    async fn exchange(answer: impl Fn(Flushed) -> Response<Body> + Send + Sync + 'static) -> Received {
        let (received, silent) = exchange_until(answer, None).await;
        assert!(!silent, "{received:?}, and no end");
        received
    }

    /// The same, or until nothing follows these bytes for a while. Whether it is so that it ended.
    async fn exchange_until(
        answer: impl Fn(Flushed) -> Response<Body> + Send + Sync + 'static,
        last: Option<&[u8]>,
    ) -> (Received, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let server = tokio::spawn(async move {
            let (stream, flushed) = Flushing::new(stream);
            let service = service_fn(|_| {
                let response = answer(flushed.clone());
                async { Ok::<_, Infallible>(response) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut raw = Vec::new();
        let silent = loop {
            let patience = if last.is_some_and(|last| raw.ends_with(last)) { A_WHILE } else { LONG };
            match timeout(patience, client.read_buf(&mut raw)).await {
                Ok(Ok(1..)) => {}
                Ok(_) => break false,
                Err(_) => break true,
            }
        };
        server.abort();
        (parse(&raw), silent)
    }

    fn parse(raw: &[u8]) -> Received {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let mut rest = &raw[end..];
        if let Some(length) = head.split("content-length: ").nth(1) {
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            return Received { head, data: rest.to_vec(), whole: rest.len() == length };
        }
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let mut data = Vec::new();
        let mut whole = false;
        while !rest.is_empty() {
            assert!(!whole, "something follows the end");
            let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            data.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 2 + size + 2..];
            whole = size == 0;
        }
        Received { head, data, whole }
    }

    const TEXT: &str = "first\nzwölf Boxkämpfer\n\nno end";

    fn fixed() -> Response<Body> {
        Response::new(body::full(TEXT))
    }

    /// In pieces that end anywhere.
    fn chunked(size: usize) -> Response<Body> {
        let pieces: Vec<_> =
            TEXT.as_bytes().chunks(size).map(|chunk| Ok(Bytes::from_static(chunk))).collect();
        Response::new(body::stream(stream::iter(pieces)))
    }

    /// In pieces between which there is time for others.
    fn chunked_slowly() -> Response<Body> {
        let pieces = stream::iter(TEXT.as_bytes().chunks(4)).then(|piece| async move {
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(piece))
        });
        Response::new(body::stream(pieces))
    }

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(60);
    const A_WHILE: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn exactly_so_many_bytes_arrive() {
        let bodies: [fn() -> Response<Body>; 5] =
            [fixed, || chunked(1), || chunked(7), || chunked(1000), chunked_slowly];
        for (index, body) in bodies.into_iter().enumerate() {
            for bytes in 0..TEXT.len() + 3 {
                for end in [End::Drop, End::Close] {
                    let cut = Cut { after: After::Bytes(bytes as u64), end };
                    let received = exchange(move |flushed| cut.apply(body(), flushed)).await;
                    let expected = &TEXT.as_bytes()[..bytes.min(TEXT.len())];
                    assert_eq!(received.data, expected, "body {index}, {cut:?}");
                    // One of known length is at its end when all is there.
                    let last = TEXT.len() + usize::from(index != 0);
                    assert_eq!(received.whole, end == End::Close || bytes >= last, "body {index}, {cut:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn exactly_so_many_lines_arrive() {
        for size in [1, 3, 1000] {
            for events in 0..5 {
                let cut = Cut { after: After::Events(events), end: End::Drop };
                let received = exchange(move |flushed| cut.apply(chunked(size), flushed)).await;
                let lines = TEXT.split_inclusive('\n').take(usize::try_from(events).unwrap());
                assert_eq!(received.data, lines.collect::<String>().as_bytes(), "{cut:?}");
                assert_eq!(received.whole, events == 4, "{cut:?}");
            }
        }
    }

    /// More than the kernel takes at once: hyper has to wait for the client before it can drop the connection.
    #[tokio::test]
    async fn all_bytes_arrive_however_many() {
        const BYTES: usize = 20_000_001;
        let bodies: [fn() -> Response<Body>; 2] = [
            || Response::new(body::full(vec![b'x'; BYTES + 5])),
            || {
                let pieces = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 10_000])));
                Response::new(body::stream(pieces))
            },
        ];
        for body in bodies {
            let cut = Cut { after: After::Bytes(BYTES as u64), end: End::Drop };
            let received = exchange(move |flushed| cut.apply(body(), flushed)).await;
            assert_eq!((received.data.len(), received.whole), (BYTES, false));
        }
    }

    #[tokio::test]
    async fn a_stalled_body_leaves_the_connection() {
        let ends: [&[u8]; 2] = [b"zw", b"zw\r\n"];
        for (body, last) in ([fixed, || chunked(3)] as [fn() -> Response<Body>; 2]).into_iter().zip(ends) {
            let cut = Cut { after: After::Bytes(8), end: End::Stall };
            let (received, silent) =
                exchange_until(move |flushed| cut.apply(body(), flushed), Some(last)).await;
            assert!(silent, "the connection has ended");
            assert_eq!((received.data.as_slice(), received.whole), (&TEXT.as_bytes()[..8], false));
        }
    }

    #[tokio::test]
    async fn a_slow_body_is_whole() {
        let rate = NonZeroU64::new(400).unwrap();
        for body in [fixed, || chunked(3)] as [fn() -> Response<Body>; 2] {
            let began = std::time::Instant::now();
            let received = exchange(move |_| slow(body(), rate)).await;
            assert!(began.elapsed() >= Duration::from_millis(75), "{:?}", began.elapsed());
            assert_eq!((received.data.as_slice(), received.whole), (TEXT.as_bytes(), true));
        }
    }
}
