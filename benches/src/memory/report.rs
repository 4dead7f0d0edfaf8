//! Tables of what was measured, and what was to be reached.

use std::fmt::Write as _;

use super::{Entry, Figures, STORES};
use crate::process::float;

/// Where the tables of the guide begin and end.
const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- end of figures -->\n"];

/// All tables.
#[must_use]
pub fn tables(figures: &Figures) -> String {
    let mut text = String::new();
    text += &in_memory(figures);
    let updates = updates(figures);
    if !updates.is_empty() {
        text += "\nProcessor time for an object that has changed, when all are there:\n\n";
        text += &updates;
    }
    text += "\nFilled from a server; bytes for each object, and processor and other time until the store is ready:\n\n";
    text += &from_server(figures);
    let goals = goals(figures);
    if !goals.is_empty() {
        let _ = write!(text, "\nGoals, with {} objects:\n\n{goals}", grouped(figures.most_objects() as u64));
    }
    text
}

/// The guide with other tables.
#[must_use]
pub fn replaced(guide: &str, tables: &str) -> Option<String> {
    let (before, rest) = guide.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some(format!("{before}{}\n{tables}\n{}{after}", MARKS[0], MARKS[1]))
}

/// A number with commas between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with as many digits as say something.
#[must_use]
pub fn short(number: f64) -> String {
    if number < 9.995 {
        format!("{number:.2}")
    } else if number < 99.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

fn in_memory(figures: &Figures) -> String {
    let mut text = "| store | objects | JSON, bytes each | live, bytes each | resident, bytes each | less than kube's | peak, MiB | in, µs each | get, µs |\n\
        | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for entry in &figures.entries {
        let kube = figures.entry(STORES[0], entry.objects);
        let ratio =
            kube.map(|kube| float(kube.resident_bytes_per_object) / float(entry.resident_bytes_per_object));
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            entry.store,
            grouped(entry.objects as u64),
            grouped(entry.json_bytes_per_object),
            grouped(entry.live_bytes_per_object),
            grouped(entry.resident_bytes_per_object),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{} times", short(ratio))),
            short(float(entry.peak_resident_bytes) / f64::from(1 << 20)),
            short(entry.ingest_us),
            short(entry.get_us),
        );
    }
    text
}

/// Nothing, if it was not measured.
fn updates(figures: &Figures) -> String {
    let mut text = String::new();
    for entry in &figures.entries {
        let Some(update) = entry.update_us else { continue };
        if text.is_empty() {
            text += "| store | objects | changed, µs each |\n| --- | --- | --- |\n";
        }
        let _ =
            writeln!(text, "| `{}` | {} | {} |", entry.store, grouped(entry.objects as u64), short(update));
    }
    text
}

fn from_server(figures: &Figures) -> String {
    let mut text =
        "| store | objects | at rest | most in the first list | most in the next | of rest | processor s | s |\n\
        | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for watched in &figures.watched {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
            watched.store,
            grouped(watched.objects as u64),
            grouped(watched.rest_bytes_per_object),
            grouped(watched.first_list_bytes_per_object),
            watched.relist_bytes_per_object.map_or_else(|| "no memory for it".to_owned(), grouped),
            watched.relist_ratio().map_or_else(|| "-".to_owned(), short),
            short(watched.processor_seconds),
            short(watched.seconds),
        );
    }
    text
}

/// What was to be reached for the most objects, and what was. Nothing for figures that are not there.
fn goals(figures: &Figures) -> String {
    let objects = figures.most_objects();
    let mut rows = String::new();
    let mut row = |what: &str, unit: &str, goal: f64, value: Option<f64>| {
        let Some(value) = value else { return };
        // As it is shown.
        let is_met = if unit.is_empty() { (value * 100.0).round() <= goal * 100.0 } else { value <= goal };
        let number = |number: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number of bytes"
            )]
            let whole = number as u64;
            if number.fract() == 0.0 { grouped(whole) } else { short(number) }
        };
        let met = if is_met { "yes" } else { "**no**" };
        let _ = writeln!(rows, "| {what} | {}{unit} | {}{unit} | {met} |", number(goal), number(value));
    };
    let resident = |store| figures.entry(store, objects).map(|entry| float(entry.resident_bytes_per_object));
    let ingest = |store| figures.entry(store, objects).map(|entry: &Entry| entry.ingest_us);
    row("`compact-store`, resident", " B", 1000.0, resident("compact-store"));
    row("`slim`, resident", " B", 1200.0, resident("slim"));
    row("`row`, resident", " B", 300.0, resident("row"));
    row("`slim`, in", " µs", 20.0, ingest("slim"));
    row("`compact-store`, in", " µs", 40.0, ingest("compact-store"));
    row(
        "`compact-store`, get",
        " µs",
        150.0,
        figures.entry("compact-store", objects).map(|entry| entry.get_us),
    );
    for store in ["slim", "row", "compact-store"] {
        let ratio = figures.watched(store, objects).and_then(super::Watched::relist_ratio);
        row(&format!("`{store}`, most in the next list, of rest"), "", 1.1, ratio);
    }
    if rows.is_empty() {
        rows
    } else {
        format!("| what | goal | measured | met |\n| --- | --- | --- | --- |\n{rows}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_shown_where_they_were_measured() {
        let entry = |store: &str, update_us| Entry {
            store: store.to_owned(),
            objects: 10_000,
            json_bytes_per_object: 1,
            live_bytes_per_object: 1,
            resident_bytes_per_object: 1,
            peak_resident_bytes: 1,
            ingest_us: 1.0,
            get_us: 1.0,
            update_us,
        };
        let figures = |entries| Figures { entries, watched: Vec::new() };
        assert_eq!(updates(&figures(vec![entry("slim", None)])), "");
        assert!(!tables(&figures(vec![entry("slim", None)])).contains("changed"));
        let both = figures(vec![entry("slim", Some(20.04)), entry("row", None)]);
        let table =
            "| store | objects | changed, µs each |\n| --- | --- | --- |\n| `slim` | 10,000 | 20.0 |\n";
        assert_eq!(updates(&both), table);
        assert!(tables(&both).contains(table));
    }

    /// Keys that others read, with and without the one that is new.
    #[test]
    fn figures_without_updates_stay_as_they_are() {
        let text = r#"{"store":"slim","objects":1,"json_bytes_per_object":1,"live_bytes_per_object":1,"resident_bytes_per_object":1,"peak_resident_bytes":1,"ingest_us":1.0,"get_us":1.0}"#;
        let entry: Entry = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), text);
    }
}
