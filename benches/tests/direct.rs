//! Each store is filled from a file, asked, and changed.

use std::{fs, path::Path};

use kube_ext_benches::{
    corpus,
    memory::{STORES, measure},
};

#[test]
fn every_store_is_measured() {
    let pods = corpus::made(30);
    for store in STORES {
        let lines: Vec<_> = match store {
            "kube-metadata" => pods.iter().map(|pod| corpus::metadata(pod).unwrap()).collect(),
            _ => pods.clone(),
        };
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{store}.jsonl"));
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let measured = measure::direct(store, &file, || 0).unwrap();
        assert!(
            measured.ingest_us > 0.0 && measured.get_us > 0.0 && measured.update_us > 0.0,
            "{store}: {measured:?}"
        );
    }
}
