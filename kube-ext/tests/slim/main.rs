//! Typed views: `#[derive(Slim)]`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod agree;
mod folds;
#[path = "../cluster/generate.rs"]
mod generate;
#[path = "../cluster/generate_kinds.rs"]
mod generate_kinds;
mod kinds;
mod meta;
mod mutate;
mod mutated;
mod paths;
mod pods;
mod random;
mod resource;
mod types;
mod unique;
