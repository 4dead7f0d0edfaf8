//! JSON as no server would send it: a view never panics, and is what the whole object would have, or no object at all.
use fastrand::Rng;

use crate::{
    agree::{self, Read},
    mutate::{Choices, mutate},
    random::pod,
    unique::has_unique_keys,
};

impl Choices for Rng {
    fn below(&mut self, end: usize) -> usize {
        self.usize(..end)
    }
}

#[test]
fn a_view_is_a_part_of_the_whole() {
    let mut rng = Rng::with_seed(7);
    let mut reads = Vec::new();
    for seed in 0..6_000 {
        let mut value = pod(seed % 500);
        for _ in 0..rng.u8(1..4) {
            mutate(&mut value, &mut rng);
        }
        reads.push(agree::read(value.to_string().as_bytes()));
    }
    for read in [Read::Both, Read::View, Read::Neither] {
        assert!(reads.iter().filter(|it| **it == read).count() > 200, "{read:?}");
    }
}

#[test]
fn bytes_that_are_no_json() {
    let mut rng = Rng::with_seed(11);
    let mut refused = 0;
    for seed in 0..4_000 {
        let mut bytes = pod(seed % 100).to_string().into_bytes();
        for _ in 0..rng.u8(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..3) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        refused += usize::from(agree::read(&bytes) == Read::Neither);
    }
    assert!(refused > 1_000, "{refused}");
}

/// What the fuzzer starts with is pods, and one that a view alone can read.
#[test]
fn seeds_of_the_fuzzer() {
    let seed =
        |name: &str| std::fs::read(format!("{}/fuzz/seeds/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let reads = ["pod", "odd", "null"].map(|name| agree::read(&seed(name)));
    assert_eq!(reads, [Read::Both, Read::View, Read::Both]);
}

#[test]
fn keys_that_come_twice() {
    assert!(has_unique_keys(br#"{"a": {"b": [1, -1, 1.5, null, true, "c"]}, "b": {"a": {}}}"#));
    for text in [r#"{"a": 1, "\u0061": 2}"#, r#"[{"b": {"a": [], "c": 1, "a": []}}]"#, "{"] {
        assert!(!has_unique_keys(text.as_bytes()), "{text}");
    }
}
