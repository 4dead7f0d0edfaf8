//! Tables against the text that Kubernetes' own table printer gives for them.
use std::path::Path;

use kube_ext::columns::Table;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "kubectl's flags, one each")]
struct Options {
    column_labels: Option<Vec<String>>,
    kind: String,
    no_headers: bool,
    show_labels: bool,
    wide: bool,
    with_kind: bool,
    with_namespace: bool,
}

impl Options {
    fn table(&self) -> Table {
        Table::default()
            .kind(&*self.kind)
            .show_kind(self.with_kind)
            .wide(self.wide)
            .no_headers(self.no_headers)
            .namespaces(self.with_namespace)
            .label_columns(self.column_labels.iter().flatten())
            .show_labels(self.show_labels)
    }
}

/// Tables printed one after the other by one printer, flushed after each.
#[derive(Deserialize)]
struct Series {
    options: Options,
    tables: Vec<Table>,
    expected: Vec<String>,
}

#[test]
fn tables_print_as_kubernetes_prints_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tables.json");
    let all: Vec<Series> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(all.len() >= 400);
    for (i, series) in all.into_iter().enumerate() {
        let mut table = series.options.table();
        for (part, expected) in series.tables.into_iter().zip(series.expected) {
            table.append(part);
            assert_eq!(table.to_string(), expected, "series {i}");
            assert_eq!(table.take(), expected, "series {i}");
        }
    }
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    options: Options,
    table: Table,
    expected: String,
}

#[test]
fn tables_print_as_in_the_conformance_vectors() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/table_printer_sample.json");
    let Ok(json) = std::fs::read(&path) else {
        println!("skipped: no conformance vectors beside the project");
        return;
    };
    let all: Vec<Vector> = serde_json::from_slice(&json).unwrap();
    for Vector { name, options, table, expected } in all {
        let mut shown = options.table();
        shown.append(table);
        assert_eq!(shown.to_string(), expected, "{name}");
    }
}
