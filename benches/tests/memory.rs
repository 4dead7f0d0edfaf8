//! docs/memory.md shows the figures that are in its JSON.

use std::fs;

use kube_ext_benches::memory::{Figures, STORES, charts, docs, report};

#[test]
fn charts_are_those_of_the_figures() {
    let guide = fs::read_to_string(docs().join("memory.md")).unwrap();
    for (name, svg) in charts::all(&Figures::read().unwrap()).unwrap() {
        assert!(
            svg == fs::read_to_string(docs().join(name)).unwrap(),
            "docs/{name} is not drawn from docs/memory.json"
        );
        assert!(guide.contains(&format!("({name})")), "docs/memory.md does not show {name}");
    }
}

#[test]
fn tables_are_those_of_the_figures() {
    let guide = fs::read_to_string(docs().join("memory.md")).unwrap();
    let tables = report::tables(&Figures::read().unwrap());
    assert_eq!(report::replaced(&guide, &tables), Some(guide));
}

#[test]
fn all_stores_are_there_with_10_000_and_50_000_pods() {
    let figures = Figures::read().unwrap();
    let measured: Vec<_> = figures.entries.iter().map(|entry| (&*entry.store, entry.objects)).collect();
    let expected: Vec<_> =
        [10_000, 50_000].iter().flat_map(|objects| STORES.map(|store| (store, *objects))).collect();
    assert_eq!(measured, expected);
}
