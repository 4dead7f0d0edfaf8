//! What becomes of a string on kubectl's way to YAML.
//!
//! kubectl first writes an object as JSON on one line, and then reads that line *as YAML 1.1* (`JSONToYAML` of
//! `sigs.k8s.io/yaml`). A few characters that JSON leaves alone mean something there: control characters are refused,
//! and NEL (U+0085) is a line break, which a quoted scalar folds.

use std::borrow::Cow;

/// Why kubectl refuses to print a string as YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unprintable {
    /// A character that YAML does not allow in a text.
    Control(char),
    /// A key with a line break, or longer than YAML allows.
    Key,
    /// A line that YAML takes for the end of the document.
    DocumentMarker,
}

const NEL: char = '\u{85}';

/// The most characters that a key of a JSON-like mapping may have, with its quotes and escapes.
const MAX_KEY: usize = 1024;

/// The string that kubectl prints for the value `text`.
pub(super) fn value(text: &str) -> Result<Cow<'_, str>, Unprintable> {
    // Nearly every string is free of the first bytes of all characters that matter here.
    if !text.bytes().any(|b| matches!(b, 0x7f | 0xc2 | 0xef)) {
        return Ok(Cow::Borrowed(text));
    }
    allowed(text)?;
    if text.contains(NEL) { fold(text).map(Cow::Owned) } else { Ok(Cow::Borrowed(text)) }
}

/// Checks that kubectl can print the key `text`.
pub(super) fn key(text: &str) -> Result<(), Unprintable> {
    // An escape has at most six characters.
    if text.len() > MAX_KEY / 6 && text.chars().map(json_width).sum::<usize>() + 2 > MAX_KEY {
        return Err(Unprintable::Key);
    }
    if text.bytes().any(|b| matches!(b, 0x7f | 0xc2 | 0xef)) {
        allowed(text)?;
        if text.contains(NEL) {
            return Err(Unprintable::Key);
        }
    }
    Ok(())
}

fn allowed(text: &str) -> Result<(), Unprintable> {
    let refused = |c: &char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    text.chars().find(refused).map_or(Ok(()), |c| Err(Unprintable::Control(c)))
}

/// How many characters Go's JSON writes for one.
fn json_width(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        _ => 1,
    }
}

/// Folds NEL as a double-quoted scalar does: one break becomes a space, more become one break less, and the spaces
/// around them vanish.
fn fold(text: &str) -> Result<String, Unprintable> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(NEL) {
        let (line, from_break) = rest.split_at(at);
        out.push_str(line.trim_end_matches(' '));
        let after = from_break.trim_start_matches([' ', NEL]);
        let blanks = from_break.strip_suffix(after).unwrap_or_default();
        match blanks.matches(NEL).count() {
            1 => out.push(' '),
            breaks => out.extend(std::iter::repeat_n('\n', breaks - 1)),
        }
        let at_line_start = blanks.ends_with(NEL);
        let marker = after.strip_prefix("---").or_else(|| after.strip_prefix("..."));
        if at_line_start && marker.is_some_and(|next| next.starts_with([' ', NEL])) {
            return Err(Unprintable::DocumentMarker);
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nel_is_folded() {
        assert_eq!(value("a\u{85}b").as_deref(), Ok("a b"));
        assert_eq!(value("a  \u{85} \u{85}\u{85}  b ").as_deref(), Ok("a\n\nb "));
        assert_eq!(value("\u{85}---\u{85}").as_deref(), Err(&Unprintable::DocumentMarker));
        assert_eq!(value("\u{85}---").as_deref(), Ok(" ---"));
    }

    #[test]
    fn control_characters_are_refused() {
        assert_eq!(value("a\u{7f}"), Err(Unprintable::Control('\u{7f}')));
        assert_eq!(key("\u{ffff}"), Err(Unprintable::Control('\u{ffff}')));
        assert_eq!(value("\u{feff}\u{a0}\u{1}").as_deref(), Ok("\u{feff}\u{a0}\u{1}"));
    }

    #[test]
    fn keys_have_one_line_of_limited_length() {
        assert_eq!(key("a\u{85}b"), Err(Unprintable::Key));
        assert_eq!(key(&"k".repeat(1022)), Ok(()));
        assert_eq!(key(&"k".repeat(1023)), Err(Unprintable::Key));
        assert_eq!(key(&"<".repeat(171)), Err(Unprintable::Key));
    }
}
