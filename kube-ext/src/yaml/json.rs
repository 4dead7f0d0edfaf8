//! Writes a tree of values as `kubectl -o json` does: Go's `json.MarshalIndent` with four spaces.

use super::number;
use serde_json::Value;

/// `value` as a JSON text with a line break at its end.
pub(super) fn to_string(value: &Value) -> String {
    let mut out = String::with_capacity(4096);
    write(value, 0, &mut out);
    out.push('\n');
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => number::write_json(number, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            collection(('[', ']'), items.iter(), depth, out, |item, out| write(item, depth + 1, out));
        }
        Value::Object(entries) => {
            // Sorted by bytes. serde_json's map may have another order, if any crate asks it to preserve that.
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            collection(('{', '}'), entries.into_iter(), depth, out, |(key, value), out| {
                string(key, out);
                out.push_str(": ");
                write(value, depth + 1, out);
            });
        }
    }
}

fn collection<T>(
    (open, close): (char, char),
    items: impl ExactSizeIterator<Item = T>,
    depth: usize,
    out: &mut String,
    write_item: impl Fn(T, &mut String),
) {
    out.push(open);
    let empty = items.len() == 0;
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(depth + 1, out);
        write_item(item, out);
    }
    if !empty {
        line(depth, out);
    }
    out.push(close);
}

fn line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("    ", depth));
}

/// A string with the escapes of Go's `encoding/json`, which are also safe inside HTML and JavaScript.
fn string(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

/// What stands between the quotes of a string.
pub(crate) fn escape(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    let plain = |b: u8| !matches!(b, 0..=0x1f | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
    if text.bytes().all(plain) {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        let (plain, from_escaped) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = from_escaped.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c) => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

fn is_escaped(c: char) -> bool {
    matches!(c, '"' | '\\' | '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn layout_and_escapes() {
        let value = json!({"b": [1.0, {}], "a": "<\u{2028}\u{1}\u{7f}é\n\"", "c": []});
        let expected = "{\n    \"a\": \"\\u003c\\u2028\\u0001\u{7f}é\\n\\\"\",\n    \"b\": [\n        1,\n        {}\n    ],\n    \"c\": []\n}\n";
        assert_eq!(to_string(&value), expected);
    }
}
