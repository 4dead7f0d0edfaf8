//! Cuts a stream into documents at the lines that start with `---`, as `k8s.io/apimachinery/pkg/util/yaml` does.

use std::io::{self, BufRead, BufReader, Read};

/// The text between two separators.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) text: Vec<u8>,
    /// The line of the stream that the text starts on, from 1.
    pub(super) line: usize,
    /// What follows the `---` before this chunk, which must be nothing or a comment, and was neither.
    pub(super) bad_separator: Option<String>,
}

/// Why there is no further chunk.
#[derive(Debug)]
pub(super) enum SplitError {
    Io { line: usize, cause: io::Error },
    TooLarge { line: usize },
}

/// The chunks of a stream, one at a time.
pub(super) struct Chunks<R> {
    reader: BufReader<R>,
    limit: usize,
    /// The line that is read next.
    line: usize,
    /// The chunk that the last separator has begun; none at the end of the stream.
    begun: Option<Chunk>,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        let begun = Some(Chunk { line: 1, ..Chunk::default() });
        Self { reader: BufReader::new(reader), limit, line: 1, begun }
    }

    /// Reads the next chunk, which may be empty. Nothing follows an error.
    pub(super) fn next(&mut self) -> Option<Result<Chunk, SplitError>> {
        let mut chunk = self.begun.take()?;
        loop {
            let start = chunk.text.len();
            let room = u64::try_from(self.limit - start).unwrap_or(u64::MAX).saturating_add(1);
            match self.reader.by_ref().take(room).read_until(b'\n', &mut chunk.text) {
                Ok(0) => return Some(Ok(chunk)),
                Ok(_) if chunk.text.len() > self.limit => {
                    return Some(Err(SplitError::TooLarge { line: chunk.line }));
                }
                Ok(_) => {}
                Err(cause) => return Some(Err(SplitError::Io { line: self.line, cause })),
            }
            if self.line == 1 && chunk.text.starts_with(b"\xef\xbb\xbf") {
                chunk.text.drain(..3);
            }
            self.line += 1;
            end_line(&mut chunk.text, start);
            let line = chunk.text.get(start..).unwrap_or_default();
            if let Some(rest) = line.strip_prefix(b"---") {
                let rest = String::from_utf8_lossy(rest).trim().to_owned();
                let bad_separator = (!rest.is_empty() && !rest.starts_with('#')).then_some(rest);
                let line = if bad_separator.is_some() { self.line - 1 } else { self.line };
                chunk.text.truncate(start);
                self.begun = Some(Chunk { line, bad_separator, ..Chunk::default() });
                return Some(Ok(chunk));
            }
        }
    }
}

/// Ends the line from `start` on with a line feed alone, even when it is the last and has none.
fn end_line(text: &mut Vec<u8>, start: usize) {
    if text.len() > start && text.ends_with(b"\n") {
        text.pop();
        if text.len() > start && text.ends_with(b"\r") {
            text.pop();
        }
    }
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &[u8]) -> Vec<(usize, String, Option<String>)> {
        let mut chunks = Chunks::new(text, 100);
        std::iter::from_fn(|| chunks.next())
            .map(Result::unwrap)
            .map(|chunk| (chunk.line, String::from_utf8(chunk.text).unwrap(), chunk.bad_separator))
            .collect()
    }

    #[test]
    fn separators() {
        let text = b"\xef\xbb\xbfa: 1\r\n--- # two\nb: |\n  ---\n--- c: 3\nd";
        let expected = [(1, "a: 1\n", None), (3, "b: |\n  ---\n", None), (5, "d\n", Some("c: 3"))];
        let expected = expected.map(|(line, text, bad)| (line, text.to_owned(), bad.map(str::to_owned)));
        assert_eq!(chunks(text), expected);
        assert_eq!(chunks(b"").len(), 1);
    }

    #[test]
    fn a_document_is_bounded() {
        let text = [b"a\n---\n".as_slice(), &[b'x'; 200]].concat();
        let mut chunks = Chunks::new(text.as_slice(), 100);
        assert_eq!(chunks.next().unwrap().unwrap().text, b"a\n");
        assert!(matches!(chunks.next(), Some(Err(SplitError::TooLarge { line: 3 }))));
        assert!(chunks.next().is_none());
    }
}
