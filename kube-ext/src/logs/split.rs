//! From the bytes of a response to lines: each with its time, none longer than a bound.

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Timelike as _, Utc};
use memchr::memchr;

/// How much room is kept for the beginnings of lines whose ends are still to come.
const KEPT: usize = 32 * 1024;

/// A line, or a part of one that is longer than the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Without the newline. The first piece of a line begins with the time and a space.
    pub(super) bytes: &'a [u8],
    /// The first piece of its line.
    pub(super) begins: bool,
    /// The last piece of its line.
    pub(super) ends: bool,
}

/// Cuts a response into pieces. A line is cut where it reaches the bound, wherever the response was, so that it has the
/// same pieces when it comes again.
#[derive(Debug)]
pub(super) struct Splitter {
    /// How long a piece may be, in bytes.
    bound: usize,
    frame: Bytes,
    /// How much of it has been given out.
    at: usize,
    /// The beginning of a piece from frames before, or one that has been given out.
    held: Vec<u8>,
    is_given: bool,
    /// The next byte continues a line of which a piece has been given out.
    inside: bool,
}

impl Splitter {
    pub(super) fn new(bound: usize) -> Self {
        let (frame, held) = (Bytes::new(), Vec::new());
        Self { bound: bound.max(1), frame, at: 0, held, is_given: false, inside: false }
    }

    /// Takes the next part of the response; what came before must have been [given out](Self::next).
    pub(super) fn feed(&mut self, frame: Bytes) {
        (self.frame, self.at) = (frame, 0);
    }

    /// The next piece that is whole.
    pub(super) fn next(&mut self) -> Option<Piece<'_>> {
        self.forget_given();
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let room = self.bound.saturating_sub(self.held.len());
        let window = rest.get(..room.saturating_add(1)).unwrap_or(rest);
        let (length, ends) = match memchr(b'\n', window) {
            Some(at) => (at, true),
            // With one byte more than there is room for, the line goes on.
            None if window.len() > room => (room, false),
            None => {
                self.held.extend_from_slice(rest);
                self.feed(Bytes::new());
                return None;
            }
        };
        let start = self.at;
        self.at += length + usize::from(ends);
        let begins = !std::mem::replace(&mut self.inside, !ends);
        let mut bytes = self.frame.get(start..start + length)?;
        if !self.held.is_empty() {
            self.held.extend_from_slice(bytes);
            self.is_given = true;
            bytes = &self.held;
        }
        Some(Piece { bytes, begins, ends })
    }

    /// What is left at the end of the response: a line without a newline.
    pub(super) fn rest(&mut self) -> Option<Piece<'_>> {
        self.forget_given();
        if self.held.is_empty() && !self.inside {
            return None;
        }
        self.is_given = true;
        let begins = !std::mem::take(&mut self.inside);
        Some(Piece { bytes: &self.held, begins, ends: true })
    }

    fn forget_given(&mut self) {
        if std::mem::take(&mut self.is_given) {
            self.held.clear();
            self.held.shrink_to(KEPT);
        }
    }
}

/// Reads the times that lines begin with; many have the second of the one before.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The text up to the second, and the time.
    second: Vec<u8>,
    time: NaiveDateTime,
}

/// How long the text of a time is up to the second: `2006-01-02T15:04:05`.
const SECOND: usize = 19;

impl Clock {
    /// The time that a line begins with, and how long its text is with the space behind it.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<(DateTime<Utc>, u8)> {
        // As the kubelet writes it, in UTC: nine digits, `Z` and a space.
        if !self.second.is_empty()
            && line.starts_with(&self.second)
            && let Some([b'.', digits @ .., b'Z', b' ']) =
                line.get(SECOND..).and_then(<[u8]>::first_chunk::<12>)
            && let Some(nanoseconds) = number(digits)
        {
            return Some((self.time.with_nanosecond(nanoseconds)?.and_utc(), 31));
        }
        let (time, length) = time(line)?;
        // In another zone, the text of a second is not all of it; nor is that of a leap second.
        let is_plain = time.nanosecond() < 1_000_000_000;
        if is_plain && line.get(usize::from(length).checked_sub(2)?) == Some(&b'Z') {
            self.second = line.get(..SECOND)?.to_vec();
            self.time = time.naive_utc();
        }
        Some((time, length))
    }
}

fn number(digits: &[u8; 9]) -> Option<u32> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |number, digit| 10 * number + u32::from(digit - b'0')))
}

/// The time that a line begins with, and how long its text is with the space behind it.
pub(super) fn time(line: &[u8]) -> Option<(DateTime<Utc>, u8)> {
    // "2006-01-02T15:04:05.000000000Z07:00", as the kubelet writes it; other runtimes leave the zeros out.
    let space = memchr(b' ', line.get(..40).unwrap_or(line))?;
    let text = std::str::from_utf8(line.get(..space)?).ok()?;
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some((time.to_utc(), u8::try_from(space + 1).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (Vec<u8>, bool, bool);

    fn split(bound: usize, frames: &[&[u8]]) -> (Vec<Owned>, Option<Owned>) {
        let owned = |piece: Piece<'_>| (piece.bytes.to_vec(), piece.begins, piece.ends);
        let mut splitter = Splitter::new(bound);
        let mut pieces = Vec::new();
        for frame in frames {
            splitter.feed(Bytes::copy_from_slice(frame));
            while let Some(piece) = splitter.next() {
                pieces.push(owned(piece));
            }
        }
        (pieces, splitter.rest().map(owned))
    }

    fn piece(bytes: &[u8], begins: bool, ends: bool) -> Owned {
        (bytes.to_vec(), begins, ends)
    }

    #[test]
    fn lines_across_frames() {
        let (pieces, rest) = split(100, &[b"one\ntw", b"o\n\nth", b"", b"ree\nfo"]);
        let expected = [&b"one"[..], b"two", b"", b"three"].map(|line| piece(line, true, true));
        assert_eq!(pieces, expected);
        assert_eq!(rest, Some(piece(b"fo", true, true)));
        assert_eq!(split(100, &[b"one\n"]).1, None);
    }

    #[test]
    fn long_lines_are_cut_at_the_bound() {
        let (pieces, rest) = split(3, &[b"abc\nabcd\nabcdefg\n"]);
        let expected = [
            piece(b"abc", true, true),
            piece(b"abc", true, false),
            piece(b"d", false, true),
            piece(b"abc", true, false),
            piece(b"def", false, false),
            piece(b"g", false, true),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(rest, None);
        assert_eq!(split(3, &[b"abcd"]).1, Some(piece(b"d", false, true)));
    }

    #[test]
    fn times() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let found = time(b"2026-07-22T12:00:00.123456789Z hello").unwrap();
        assert_eq!(found, (at("2026-07-22T12:00:00.123456789Z"), 31));
        assert_eq!(time(b"2026-07-22T14:00:00.5+02:00 ").unwrap(), (at("2026-07-22T12:00:00.5Z"), 28));
        for none in [
            &b""[..],
            b"hello",
            b" hello",
            b"2026-07-22T12:00:00.123456789Z",
            b"unable to retrieve container logs",
            b"\xff\xfe x",
        ] {
            assert_eq!(time(none), None, "{}", none.escape_ascii());
        }
    }

    #[test]
    fn a_clock_reads_what_chrono_reads() {
        let mut clock = Clock::default();
        for line in [
            "2026-07-22T12:00:00.123456789Z a",
            "2026-07-22T12:00:00.000000000Z ",
            "2026-07-22T12:00:00.999999999Z b",
            "2026-07-22T12:00:00.5Z c",
            "2026-07-22T12:00:00Z d",
            "2026-07-22T12:00:01.000000001Z e",
            "2026-07-22T14:00:01.000000001+02:00 f",
            "2026-07-22T14:00:01.000000002+02:00 g",
            "2026-07-22T14:00:01.000000003Z h",
            "2026-07-22T14:00:01.00000000xZ i",
            "2026-07-22T14:00:01.000000003 Z",
            "no time",
            "",
            "2016-12-31T23:59:60.000000001Z leap",
            "2016-12-31T23:59:60.000000002Z leap",
        ] {
            assert_eq!(clock.read(line.as_bytes()), time(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_depend_on_frames(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0_usize..200, 0..10),
            bound in 1_usize..40,
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let frames: Vec<_> = cuts.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
            let whole = split(bound, &[&text]);
            prop_assert_eq!(&split(bound, &frames), &whole);
            // And nothing is lost.
            let mut again = Vec::new();
            for (bytes, _, ends) in &whole.0 {
                prop_assert!(bytes.len() <= bound);
                again.extend_from_slice(bytes);
                if *ends {
                    again.push(b'\n');
                }
            }
            again.extend(whole.1.iter().flat_map(|(bytes, ..)| bytes));
            prop_assert_eq!(again, text);
        }
    }
}
