//! How a string is written: plain, quoted or as a block (`emitterc.go` and `encode.go` of `go.yaml.in/yaml/v2`).

use super::resolve::{Meaning, is_base60, resolve};

/// The style of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What the characters of a string allow.
struct Analysis {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

/// The style of a string that is a value, or a key after `?`.
pub(super) fn style(value: &str) -> Style {
    if is_name(value) {
        return Style::Plain;
    }
    let analysis = analyze(value);
    if value.contains('\n') {
        return if analysis.block { Style::Literal } else { Style::DoubleQuoted };
    }
    if resolve(value) != Meaning::Str || is_base60(value) {
        return Style::DoubleQuoted;
    }
    match analysis {
        Analysis { plain: true, .. } => Style::Plain,
        Analysis { single_quoted: true, .. } => Style::SingleQuoted,
        _ => Style::DoubleQuoted,
    }
}

/// Whether a string is made of letters, digits and the inner characters of names only, starts with a letter, and is no
/// word of YAML 1.1. Most strings are; the full rules would find them plain too.
fn is_name(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
        && (value.len() > LONGEST_WORD || resolve(value) == Meaning::Str)
}

/// The length of `false`.
const LONGEST_WORD: usize = 5;

/// Whether a key can be written without `?`: on one line, in at most 128 bytes.
pub(super) fn is_simple_key(key: &str) -> bool {
    key.len() <= 128 && (is_name(key) || !key.contains(is_break))
}

/// A line break of YAML 1.1. NEL is one as well, but no string that is written contains it.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}')
}

/// Whether go-yaml writes a character as it is. Characters outside the basic plane are not, for go-yaml.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c,
        '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn analyze(value: &str) -> Analysis {
    if value.is_empty() {
        return Analysis { plain: true, single_quoted: true, block: false };
    }
    let mut indicators = value.starts_with("---") || value.starts_with("...");
    let mut special = false;
    let mut multiline = false;
    let (mut break_space, mut space_break) = (false, false);
    let mut previous = None;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let before_blank = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        indicators |= match (c, previous) {
            (c, None) if "#,[]{}&*!|>'\"%@`".contains(c) => true,
            ('?' | '-', None) | (':', _) => before_blank,
            ('#', Some(previous)) => matches!(previous, ' ' | '\t' | '\0') || is_break(previous),
            _ => false,
        };
        special |= !is_printable(c);
        if c == ' ' {
            break_space |= previous.is_some_and(is_break);
        } else if is_break(c) {
            multiline = true;
            space_break |= previous == Some(' ');
        }
        previous = Some(c);
    }
    let edge = |c: char| c == ' ' || is_break(c);
    Analysis {
        plain: !(indicators || special || multiline || value.starts_with(edge) || value.ends_with(edge)),
        single_quoted: !(special || break_space || space_break),
        block: !(special || space_break || value.ends_with(' ')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        for (value, expected) in [
            ("a b", Style::Plain),
            ("a: b", Style::SingleQuoted),
            ("a #b", Style::SingleQuoted),
            ("a#b", Style::Plain),
            ("http://x", Style::Plain),
            ("-a", Style::Plain),
            ("- a", Style::SingleQuoted),
            ("---x", Style::SingleQuoted),
            ("yes", Style::DoubleQuoted),
            ("12:30:45", Style::DoubleQuoted),
            ("", Style::DoubleQuoted),
            ("a\tb", Style::DoubleQuoted),
            ("\u{1f600}", Style::DoubleQuoted),
            ("a\nb", Style::Literal),
            ("a \nb", Style::DoubleQuoted),
            ("a\n b", Style::Literal),
            ("a\nb ", Style::DoubleQuoted),
            ("a\u{2028}b", Style::SingleQuoted),
        ] {
            assert_eq!(style(value), expected, "{value:?}");
        }
    }

    #[test]
    fn keys() {
        assert!(is_simple_key(&"k".repeat(128)));
        assert!(!is_simple_key(&"k".repeat(129)));
        assert!(!is_simple_key("a\nb"));
    }
}
