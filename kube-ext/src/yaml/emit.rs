//! Writes a tree of values as go-yaml writes it, byte for byte (`emitterc.go` of `go.yaml.in/yaml/v2`).
//!
//! The layout follows from three facts about what was written last: whether it was white space, whether the line holds
//! nothing but indentation and indicators, and in which column the next character goes.

use super::{
    number, order,
    scalar::{Style, is_break, is_printable, is_simple_key, style},
    source::{self, Unprintable},
};
use serde_json::Value;

const INDENT: usize = 2;

const SPACES: &str = "                                ";

/// A text goes on in the next line at the first single space after this column.
const WIDTH: usize = 80;

/// `value` as a YAML document.
pub(super) fn to_string(value: &Value) -> Result<String, Unprintable> {
    let mut emitter = Emitter {
        // About what a pod needs.
        out: String::with_capacity(4096),
        indent: None,
        column: 0,
        after_space: true,
        at_indention: true,
    };
    emitter.node(value, false)?;
    emitter.indent = None;
    emitter.write_indent();
    Ok(emitter.out)
}

struct Emitter {
    out: String,
    /// The indentation of the collection that is being written; none outside the root.
    indent: Option<usize>,
    /// The column of the next character.
    column: usize,
    /// Whether the last character needs no space after it.
    after_space: bool,
    /// Whether the line holds only indentation and indicators.
    at_indention: bool,
}

impl Emitter {
    fn node(&mut self, value: &Value, in_mapping: bool) -> Result<(), Unprintable> {
        match value {
            Value::Null => self.plain("null"),
            Value::Bool(true) => self.plain("true"),
            Value::Bool(false) => self.plain("false"),
            Value::Number(number) => {
                self.space();
                number::write_yaml(number, &mut self.out);
                self.after_scalar();
            }
            Value::String(text) => self.string(&source::value(text)?, true),
            Value::Array(items) if items.is_empty() => self.empty("[", "]"),
            Value::Object(entries) if entries.is_empty() => self.empty("{", "}"),
            Value::Array(items) => {
                let outer = self.indent;
                // A sequence that follows its key is not indented.
                if outer.is_none() || !in_mapping || self.at_indention {
                    self.increase_indent();
                }
                for item in items {
                    self.write_indent();
                    self.indicator("-", true, false, true);
                    self.node(item, false)?;
                }
                self.indent = outer;
            }
            Value::Object(entries) => {
                let mut entries: Vec<(&str, &Value)> =
                    entries.iter().map(|(key, value)| (key.as_str(), value)).collect();
                order::sort(&mut entries);
                let outer = self.indent;
                self.increase_indent();
                for (key, value) in entries {
                    self.write_indent();
                    self.key(key)?;
                    self.node(value, true)?;
                }
                self.indent = outer;
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), Unprintable> {
        source::key(key)?;
        if is_simple_key(key) {
            self.string(key, false);
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, true);
            self.string(key, true);
            self.write_indent();
            self.indicator(":", true, false, true);
        }
        Ok(())
    }

    fn increase_indent(&mut self) {
        self.indent = Some(self.indent.map_or(0, |indent| indent + INDENT));
    }

    /// Goes to the start of an indented line, unless already there.
    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.at_indention || self.column > indent || (self.column == indent && !self.after_space) {
            self.out.push('\n');
            self.column = 0;
        }
        while self.column < indent {
            let spaces = SPACES.get(..indent - self.column).unwrap_or(SPACES);
            self.out.push_str(spaces);
            self.column += spaces.len();
        }
        self.after_space = true;
        self.at_indention = true;
    }

    fn indicator(&mut self, text: &str, needs_space: bool, is_space: bool, is_indention: bool) {
        if needs_space {
            self.space();
        }
        self.out.push_str(text);
        self.column += text.len();
        self.after_space = is_space;
        self.at_indention &= is_indention;
    }

    fn space(&mut self) {
        if !self.after_space {
            self.out.push(' ');
            self.column += 1;
        }
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn after_scalar(&mut self) {
        self.after_space = false;
        self.at_indention = false;
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_all(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    fn plain(&mut self, text: &str) {
        self.space();
        self.put_all(text);
        self.after_scalar();
    }

    /// Writes a string; one that `may_fold` may go over many lines.
    fn string(&mut self, text: &str, may_fold: bool) {
        let outer = self.indent;
        // The lines of a scalar are indented deeper than the collection that it is in.
        self.increase_indent_of_scalar();
        // An escape is at most four times as long as the bytes that it stands for.
        let may_fold = may_fold && self.column + 4 * text.len() > WIDTH && text.contains(' ');
        match style(text) {
            Style::Plain if may_fold => self.folded_plain(text),
            Style::Plain => self.plain(text),
            Style::SingleQuoted => self.single_quoted(text, may_fold),
            Style::DoubleQuoted => self.double_quoted(text, may_fold),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    fn increase_indent_of_scalar(&mut self) {
        self.indent = Some(self.indent.unwrap_or(0) + INDENT);
    }

    fn folded_plain(&mut self, text: &str) {
        self.space();
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' && !after_space && self.column > WIDTH && chars.peek() != Some(&' ') {
                self.write_indent();
            } else {
                self.put(c);
                self.at_indention = false;
            }
            after_space = c == ' ';
        }
        self.after_scalar();
    }

    fn single_quoted(&mut self, text: &str, may_fold: bool) {
        self.indicator("'", true, false, false);
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if is_break(c) {
                self.line_break(c);
            } else if c == ' ' {
                // Neither at the start, nor at the end, nor beside another space.
                let inside = previous.is_some_and(|c| c != ' ') && chars.peek().is_some_and(|c| *c != ' ');
                if may_fold && inside && self.column > WIDTH {
                    self.write_indent();
                } else {
                    self.put(c);
                }
            } else {
                // White space after a line break is indentation.
                if previous.is_some_and(is_break) {
                    self.write_indent();
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.at_indention = false;
            }
            previous = Some(c);
        }
        self.indicator("'", false, false, false);
        self.after_scalar();
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.put('2');
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().is_some_and(is_break), from_end.next()) {
            (false, _) => self.put('-'),
            (true, None) => self.put('+'),
            (true, Some(c)) if is_break(c) => self.put('+'),
            (true, Some(_)) => {}
        }
        self.line_break('\n');
        self.after_space = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.line_break(c);
            } else {
                if after_break {
                    self.write_indent();
                }
                self.put(c);
                self.at_indention = false;
            }
            after_break = is_break(c);
        }
    }

    fn line_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
        self.at_indention = true;
    }

    fn double_quoted(&mut self, text: &str, may_fold: bool) {
        // go-yaml looks for a byte-order mark at the start of the text instead of at each character.
        let escape_all = text.starts_with('\u{feff}');
        self.indicator("\"", true, false, false);
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
            } else if c == ' '
                && may_fold
                && previous.is_some_and(|c| c != ' ')
                && self.column > WIDTH
                && chars.peek().is_some()
            {
                self.write_indent();
                // A space that starts a line would be taken for indentation.
                if chars.peek() == Some(&' ') {
                    self.put('\\');
                }
            } else {
                self.put(c);
            }
            previous = Some(c);
        }
        self.indicator("\"", false, false, false);
        self.after_scalar();
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = match u32::from(c) {
                    code @ 0..=0xff => format!("\\x{code:02X}"),
                    code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                    code => format!("\\U{code:08X}"),
                };
                self.put_all(&code);
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn layout() {
        let value = json!({"a": [[1, [2]], {"b": [], "c": {}}], "long\nkey": ["x"], "t": "l\n\n", "u": null});
        let expected =
            "a:\n- - 1\n  - - 2\n- b: []\n  c: {}\n? |-\n  long\n  key\n: - x\nt: |+\n  l\n\nu: null\n";
        assert_eq!(to_string(&value), Ok(expected.to_owned()));
    }

    #[test]
    fn long_lines_are_folded_at_single_spaces() {
        let long = "0123456789".repeat(8);
        let value = json!({"k": format!("{long}  a b c"), "q": format!("{long}'  a: b"), "d": format!("{long}\t  a")});
        let expected = format!("d: \"{long}\\t\n  \\ a\"\nk: {long}  a\n  b c\nq: '{long}''  a:\n  b'\n");
        assert_eq!(to_string(&value), Ok(expected));
    }

    #[test]
    fn scalars_at_the_root() {
        assert_eq!(to_string(&json!("a b")), Ok("a b\n".to_owned()));
        assert_eq!(to_string(&json!({})), Ok("{}\n".to_owned()));
        assert_eq!(to_string(&json!("\u{feff}a")), Ok("\"\\uFEFF\\x61\"\n".to_owned()));
    }
}
