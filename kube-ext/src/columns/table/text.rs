//! The text of cells and column names.
use std::collections::BTreeMap;

/// Writes the first line of a cell, with dots for what follows it.
pub(crate) fn write_cut(cell: &str, text: &mut String) {
    match cell.split_once(['\n', '\r', '\x0c']) {
        Some((line, _)) => {
            write_escaped(line, text);
            text.push_str("...");
        }
        None => write_escaped(cell, text),
    }
}

/// Leaves no cell a way to command the terminal (`k8s.io/cli-runtime/pkg/printers/terminal.go`).
pub(super) fn write_escaped(cell: &str, text: &mut String) {
    for c in cell.chars() {
        match c {
            '\x1b' => text.push_str("^["),
            '\r' => text.push_str("\\r"),
            c => text.push(c),
        }
    }
}

/// Writes a line of cells, a tab between them.
pub(super) fn join<T>(cells: impl Iterator<Item = T>, text: &mut String, write: impl Fn(T, &mut String)) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            text.push('\t');
        }
        write(cell, text);
    }
    text.push('\n');
}

/// Labels in one cell; the order is that of the joined pairs (`labels.FormatLabels` of apimachinery).
pub(super) fn format_labels(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return "<none>".to_owned();
    }
    let mut pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.sort_unstable();
    pairs.join(",")
}

/// The upper case of a character when that is one character, as in Go: `ß` stays.
pub(super) fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        // Greek letters with iota subscript have an upper case of two letters and one of a single letter.
        _ => match c {
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => offset(c, 8),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => offset(c, 9),
            _ => c,
        },
    }
}

fn offset(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// The lower case of a character when that is one character.
pub(crate) fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::{format_labels, lower, upper};

    #[test]
    fn letters_keep_their_number() {
        let shown: String = "straße ŉ ᾳ ᾐ ǆ".chars().map(upper).collect();
        assert_eq!(shown, "STRAßE ŉ ᾼ ᾘ Ǆ");
        assert_eq!("İΣ".chars().map(lower).collect::<String>(), "iσ");
    }

    #[test]
    fn labels_sort_as_pairs() {
        let labels = [("a", "1"), ("a-b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(format_labels(&labels.into()), "a-b=2,a=1");
    }
}
