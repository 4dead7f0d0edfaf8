//! SPDY/3.1 as far as port-forward needs it: what a server reads and writes, after `moby/spdystream`, which has no flow
//! control and takes no settings.
mod dictionary;

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use self::dictionary::DICTIONARY;

/// The most bytes that a control frame may have, and its headers when they are unpacked.
const MAX_CONTROL: usize = 64 * 1024;

/// The most bytes of a data frame that are handed on at once.
const PIECE: usize = 32 * 1024;

const CONTROL: u32 = 1 << 31;
const VERSION: u32 = 3;
const FIN: u8 = 1;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GO_AWAY: u16 = 7;
const HEADERS: u16 = 8;

/// Why a stream is reset: nobody needs it any more.
const CANCEL: u32 = 5;

/// What a client sends. What a server of port-forward has no use for is not here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A new stream.
    Open {
        stream: u32,
        headers: Vec<(String, String)>,
        fin: bool,
    },
    /// A part of a data frame; `fin` is said with its last one.
    Data {
        stream: u32,
        data: Bytes,
        fin: bool,
    },
    Reset {
        stream: u32,
    },
    Ping {
        id: u32,
    },
    GoAway,
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: R,
    inflate: Decompress,
    /// The data frame that is under way: its stream, flags, and how much of it is still to come.
    data: Option<(u32, u8, usize)>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, inflate: Decompress::new(true), data: None }
    }

    /// The next frame; an error if there will be none.
    pub(super) async fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some((stream, flags, left)) = self.data {
                let mut data = vec![0; left.min(PIECE)];
                self.input.read_exact(&mut data).await?;
                let left = left - data.len();
                self.data = (left > 0).then_some((stream, flags, left));
                return Ok(Frame::Data { stream, data: data.into(), fin: left == 0 && flags & FIN != 0 });
            }
            let first = self.input.read_u32().await?;
            let second = self.input.read_u32().await?;
            let [flags, length @ ..] = second.to_be_bytes();
            let length = length.into_iter().fold(0, |length, byte| length << 8 | usize::from(byte));
            if first & CONTROL == 0 {
                self.data = Some((first, flags, length));
            } else if let Some(frame) = self.control(first, flags, length).await? {
                return Ok(frame);
            }
        }
    }

    async fn control(&mut self, first: u32, flags: u8, length: usize) -> io::Result<Option<Frame>> {
        if length > MAX_CONTROL {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut payload = vec![0; length];
        self.input.read_exact(&mut payload).await?;
        let mut payload = payload.as_slice();
        let [.., high, low] = first.to_be_bytes();
        Ok(match u16::from_be_bytes([high, low]) {
            SYN_STREAM => {
                let stream = take_u32(&mut payload)? & !CONTROL;
                // The associated stream, the priority and the slot.
                take(&mut payload, 6)?;
                let headers = self.headers(payload)?;
                Some(Frame::Open { stream, headers, fin: flags & FIN != 0 })
            }
            // The compression has a memory, so headers are unpacked though nobody wants them.
            SYN_REPLY | HEADERS => {
                take(&mut payload, 4)?;
                self.headers(payload)?;
                None
            }
            RST_STREAM => Some(Frame::Reset { stream: take_u32(&mut payload)? & !CONTROL }),
            PING => Some(Frame::Ping { id: take_u32(&mut payload)? }),
            GO_AWAY => Some(Frame::GoAway),
            _ => None,
        })
    }

    fn headers(&mut self, packed: &[u8]) -> io::Result<Vec<(String, String)>> {
        let block = inflate(&mut self.inflate, packed)?;
        let mut block = block.as_slice();
        let count = take_u32(&mut block)?;
        let mut string = || {
            let length = take_u32(&mut block)? as usize;
            Ok::<_, io::Error>(String::from_utf8_lossy(take(&mut block, length)?).into_owned())
        };
        (0..count).map(|_| Ok((string()?, string()?))).collect()
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> io::Result<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(io::ErrorKind::UnexpectedEof)?;
    *bytes = rest;
    Ok(taken)
}

fn take_u32(bytes: &mut &[u8]) -> io::Result<u32> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    *bytes = rest;
    Ok(u32::from_be_bytes(*taken))
}

/// Unpacks a block of headers, one in a stream of such blocks.
fn inflate(inflate: &mut Decompress, mut packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(1024);
    loop {
        let before = inflate.total_in();
        let result = inflate.decompress_vec(packed, &mut block, FlushDecompress::Sync);
        let used = usize::try_from(inflate.total_in() - before).unwrap_or(usize::MAX);
        packed = packed.get(used..).unwrap_or_default();
        match result {
            Err(err) if err.needs_dictionary().is_some() => {
                inflate.set_dictionary(DICTIONARY).map_err(io::Error::other)?;
            }
            Ok(Status::StreamEnd) | Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            Ok(_) if block.len() == block.capacity() => {
                if block.len() >= MAX_CONTROL {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                block.reserve(block.len());
            }
            Ok(_) if packed.is_empty() => return Ok(block),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Makes frames.
#[derive(Debug)]
pub(super) struct Writer {
    deflate: Compress,
}

impl Writer {
    pub(super) fn new() -> io::Result<Self> {
        let mut deflate = Compress::new(Compression::fast(), true);
        deflate.set_dictionary(DICTIONARY).map_err(io::Error::other)?;
        Ok(Self { deflate })
    }

    /// Accepts a stream, without headers.
    pub(super) fn reply(&mut self, stream: u32) -> io::Result<Bytes> {
        let mut payload = Vec::with_capacity(64);
        payload.extend_from_slice(&stream.to_be_bytes());
        self.deflate
            .compress_vec(&0_u32.to_be_bytes(), &mut payload, FlushCompress::Sync)
            .map_err(io::Error::other)?;
        Ok(control(SYN_REPLY, &payload))
    }
}

/// Cancels a stream.
pub(super) fn reset(stream: u32) -> Bytes {
    control(RST_STREAM, &[stream.to_be_bytes(), CANCEL.to_be_bytes()].concat())
}

/// Answers a ping.
pub(super) fn pong(id: u32) -> Bytes {
    control(PING, &id.to_be_bytes())
}

/// How many bytes the head of a data frame has.
pub(super) const DATA_HEAD: usize = 8;

/// The head of a data frame, for data of at most `PIECE` bytes.
pub(super) fn data_head(stream: u32, length: usize, fin: bool) -> [u8; DATA_HEAD] {
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    let [.., l1, l2, l3] = u32::try_from(length).unwrap_or_default().to_be_bytes();
    [s0, s1, s2, s3, if fin { FIN } else { 0 }, l1, l2, l3]
}

/// A data frame.
pub(super) fn data(stream: u32, data: &[u8], fin: bool) -> Bytes {
    [&data_head(stream, data.len(), fin), data].concat().into()
}

fn control(kind: u16, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(8 + payload.len());
    frame.put_u32(CONTROL | VERSION << 16 | u32::from(kind));
    // Without flags; the length has 24 bits.
    frame.put_u32(u32::try_from(payload.len()).unwrap_or_default());
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_DATA: [(&str, &str); 3] = [("streamtype", "data"), ("port", "80"), ("requestid", "7")];

    /// A stream as kubectl opens it, with the dictionary.
    fn open(deflate: &mut Compress, stream: u32, flags: u8) -> Vec<u8> {
        let mut block = 3_u32.to_be_bytes().to_vec();
        for text in OF_DATA.iter().flat_map(|(name, value)| [name, value]) {
            block.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            block.extend(text.as_bytes());
        }
        let mut payload = [&stream.to_be_bytes()[..], &[0; 6]].concat();
        payload.reserve(1000);
        deflate.compress_vec(&block, &mut payload, FlushCompress::Sync).unwrap();
        let mut frame = control(SYN_STREAM, &payload).to_vec();
        frame[4] = flags;
        frame
    }

    async fn frames(bytes: &[u8]) -> (Vec<Frame>, io::ErrorKind) {
        let mut reader = Reader::new(bytes);
        let mut frames = Vec::new();
        loop {
            match reader.next().await {
                Ok(frame) => frames.push(frame),
                Err(error) => return (frames, error.kind()),
            }
        }
    }

    #[test]
    fn dictionary() {
        // What the specification's has (and every client says in its first block).
        let mut deflate = Compress::new(Compression::fast(), true);
        assert_eq!(deflate.set_dictionary(DICTIONARY).unwrap(), 0xe3c6_a7c2);
    }

    #[tokio::test]
    async fn reads_what_a_client_sends() {
        let mut deflate = Compress::new(Compression::fast(), true);
        deflate.set_dictionary(DICTIONARY).unwrap();
        let mut bytes = Vec::new();
        for (stream, flags) in [(1, FIN), (3, 0)] {
            bytes.extend(open(&mut deflate, stream, flags));
        }
        bytes.extend(data(3, b"abc", false));
        // What nobody needs: a HEADERS frame without headers, settings, a window.
        let mut headers = 3_u32.to_be_bytes().to_vec();
        headers.reserve(100);
        deflate.compress_vec(&[0; 4], &mut headers, FlushCompress::Sync).unwrap();
        bytes.extend(control(HEADERS, &headers));
        bytes.extend(control(4, &[0; 4]));
        bytes.extend(control(9, &[0; 8]));
        bytes.extend(open(&mut deflate, 5, 0));
        bytes.extend(data(3, b"", true));
        bytes.extend([pong(9), reset(5), control(GO_AWAY, &[0; 8])].concat());
        let headers: Vec<_> =
            OF_DATA.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let opened = |stream, fin| Frame::Open { stream, headers: headers.clone(), fin };
        let expected = [
            opened(1, true),
            opened(3, false),
            Frame::Data { stream: 3, data: Bytes::from_static(b"abc"), fin: false },
            opened(5, false),
            Frame::Data { stream: 3, data: Bytes::new(), fin: true },
            Frame::Ping { id: 9 },
            Frame::Reset { stream: 5 },
            Frame::GoAway,
        ];
        let (read, end) = frames(&bytes).await;
        assert_eq!(read, expected);
        assert_eq!(end, io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_large_frame_comes_in_pieces() {
        let bytes: Vec<_> = (0..PIECE * 2 + 10).map(|n| n.to_le_bytes()[0]).collect();
        let (read, _) = frames(&data(1, &bytes, true)).await;
        let sizes: Vec<_> = read
            .iter()
            .map(|frame| match frame {
                Frame::Data { stream: 1, data, fin } => (data.len(), *fin),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sizes, [(PIECE, false), (PIECE, false), (10, true)]);
    }

    #[tokio::test]
    async fn headers_that_unpack_to_too_much() {
        let mut payload = [&1_u32.to_be_bytes()[..], &[0; 6]].concat();
        payload.reserve(10_000);
        let mut deflate = Compress::new(Compression::best(), true);
        deflate.compress_vec(&vec![0; 10 * MAX_CONTROL], &mut payload, FlushCompress::Sync).unwrap();
        assert!(payload.len() < MAX_CONTROL);
        let (read, end) = frames(&control(SYN_STREAM, &payload)).await;
        assert_eq!((read.len(), end), (0, io::ErrorKind::InvalidData));
    }

    #[test]
    fn a_client_can_read_the_replies() {
        let mut writer = Writer::new().unwrap();
        let mut unpack = Decompress::new(true);
        for stream in [1_u32, 3] {
            let reply = writer.reply(stream).unwrap();
            assert_eq!(reply[..4], [0x80, 3, 0, 2]);
            assert_eq!(reply[7] as usize, reply.len() - 8);
            assert_eq!(reply[8..12], stream.to_be_bytes());
            assert_eq!(inflate(&mut unpack, &reply[12..]).unwrap(), [0; 4]);
        }
    }
}
