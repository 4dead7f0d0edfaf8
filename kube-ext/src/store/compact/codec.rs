//! JSON in zstd frames, with a dictionary or without one.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use zstd::{
    bulk::Compressor,
    zstd_safe::{CParameter, DCtx, DDict, compress_bound, get_error_name, get_frame_content_size},
};

/// What each frame begins with (RFC 8878, 3.1.1), and none is kept with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Of pods of 12 KB, with a dictionary: 690 bytes in some 17 µs. Level 1 has 750 in about the same time, level 5 needs 60 µs.
const LEVEL: i32 = 3;

/// Of siblings of 12 KB: 243 bytes in some 12 µs, and 15 more when it is another text than the last one; level 3 has no less of them.
const LEVEL_OF_SIBLINGS: i32 = 1;

/// So many bits has a number in the table of places in a text; with less, matches in one of 50 KB are lost, and with more it takes longer.
const HASH_LOG_OF_SIBLINGS: u32 = 13;

/// Matches of five bytes and less are not worth their place: 10 bytes less an object.
const MIN_MATCH: u32 = 6;

/// The room that a larger object took is given back with the next smaller one.
const KEPT_ROOM: usize = 64 << 10;

/// So many of those who unpack are kept, of 93 KiB each.
const CONTEXTS: usize = 4;

/// Packs objects with one dictionary, or without one.
#[derive(Default)]
pub(super) struct Encoder {
    compressor: Compressor<'static>,
    frame: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(dictionary: &[u8]) -> io::Result<Self> {
        let mut encoder = Self::default();
        encoder.load(LEVEL, dictionary)?;
        Ok(encoder)
    }

    /// Packs from now on what differs from a text.
    pub(super) fn compare_with(&mut self, text: &str) -> io::Result<()> {
        self.compressor.set_parameter(CParameter::HashLog(HASH_LOG_OF_SIBLINGS))?;
        self.load(LEVEL_OF_SIBLINGS, text.as_bytes())
    }

    /// What it packs with, from the next frame on.
    fn load(&mut self, level: i32, dictionary: &[u8]) -> io::Result<()> {
        self.compressor.set_dictionary(level, dictionary)?;
        self.compressor.set_parameter(CParameter::MinMatch(MIN_MATCH))?;
        // It is kept beside the frame.
        self.compressor.set_parameter(CParameter::DictIdFlag(false))
    }

    /// A frame without what all of them begin with.
    pub(super) fn encode(&mut self, json: &str) -> io::Result<&[u8]> {
        let room = compress_bound(json.len());
        if self.frame.capacity() > KEPT_ROOM && room <= KEPT_ROOM {
            self.frame = Vec::new();
        }
        self.frame.clear();
        self.frame.reserve(room);
        self.compressor.compress_to_buffer(json.as_bytes(), &mut self.frame)?;
        let frame = self.frame.strip_prefix(&MAGIC);
        frame.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "zstd made no frame"))
    }
}

/// A frame as zstd knows it, of one that is kept.
pub(super) fn whole(kept: &[u8]) -> Vec<u8> {
    [&MAGIC[..], kept].concat()
}

/// How long the JSON of a whole frame is.
pub(super) fn length(frame: &[u8]) -> Option<usize> {
    usize::try_from(get_frame_content_size(frame).ok()??).ok()
}

/// What a frame was packed with.
#[derive(Clone, Copy)]
pub(super) enum With<'a> {
    Nothing,
    Dictionary(&'a DDict<'static>),
    /// A text that it was compared with.
    Text(&'a str),
}

/// Those who unpack: some are kept, since making one takes longer than unpacking.
#[derive(Default)]
pub(super) struct Decoders(Mutex<Vec<DCtx<'static>>>);

impl Decoders {
    /// The JSON of a whole frame.
    pub(super) fn decode(&self, frame: &[u8], with: With<'_>) -> io::Result<String> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bad = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let reused = kept().pop();
        let mut context = reused.or_else(DCtx::try_create).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut json = Vec::with_capacity(length(frame).ok_or_else(|| bad("a frame of unknown length"))?);
        let result = match with {
            With::Nothing => context.decompress(&mut json, frame),
            With::Dictionary(dictionary) => context.decompress_using_ddict(&mut json, frame, dictionary),
            With::Text(text) => context.decompress_using_dict(&mut json, frame, text.as_bytes()),
        };
        result.map_err(|code| bad(get_error_name(code)))?;
        let mut kept = kept();
        if kept.len() < CONTEXTS {
            kept.push(context);
        }
        drop(kept);
        String::from_utf8(json).map_err(|_| bad("a frame of something else"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<String> {
        (0..200)
            .map(|number| {
                let lines = (0..30).map(|line| format!(r#""key-{line}":"{:x}""#, number * 7919 * (line + 1)));
                format!(
                    r#"{{"metadata":{{"name":"name-{number}"}},{}}}"#,
                    lines.collect::<Vec<_>>().join(",")
                )
            })
            .collect()
    }

    #[test]
    fn there_and_back() {
        let samples = samples();
        let dictionary = zstd::dict::from_samples(&samples, 4096).unwrap();
        let unpacking = DDict::try_create(&dictionary).unwrap();
        let decoders = Decoders::default();
        let mut sizes = [0; 3];
        let mut of_siblings = Encoder::new(&dictionary).unwrap();
        of_siblings.compare_with(&samples[1]).unwrap();
        let encoders = [
            (Encoder::default(), With::Nothing),
            (Encoder::new(&dictionary).unwrap(), With::Dictionary(&unpacking)),
            (of_siblings, With::Text(&samples[1])),
        ];
        for (of, (mut encoder, with)) in encoders.into_iter().enumerate() {
            for sample in samples.iter().chain([&String::new(), &"ä".repeat(1_000_000)]) {
                let frame = encoder.encode(sample).unwrap();
                sizes[of] += frame.len();
                let frame = whole(frame);
                assert_eq!(length(&frame), Some(sample.len()));
                assert_eq!(decoders.decode(&frame, with).unwrap(), *sample);
            }
        }
        assert!(sizes[1] * 5 < sizes[0] * 4, "{sizes:?}");
        assert_eq!(decoders.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn broken_frames_are_errors() {
        let samples = samples();
        let mut encoder = Encoder::default();
        let frame = whole(encoder.encode(&samples[0]).unwrap());
        let decoders = Decoders::default();
        for end in 0..frame.len() {
            assert!(decoders.decode(&frame[..end], With::Nothing).is_err(), "{end}");
        }
        // And those who met one still work.
        assert_eq!(decoders.decode(&frame, With::Nothing).unwrap(), samples[0]);
    }
}
