//! The server inside the process answers as the real one did: `data/parity` holds the real server's answers to the
//! requests of `parity/scenarios`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "parity/compare.rs"]
mod compare;
#[path = "parity/fake.rs"]
mod fake;
#[path = "parity/mod.rs"]
mod parity;

#[tokio::test(flavor = "multi_thread")]
async fn fake_answers_as_recorded() {
    let fake = fake::transcript().await;
    let problems = compare::problems(&compare::recorded(), &fake);
    assert!(problems.is_empty(), "{} answers differ:\n{}", problems.len(), problems.join("\n"));
}
