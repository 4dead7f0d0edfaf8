//! Printing and reading YAML as kubectl does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "yaml/answers.rs"]
mod answers;
#[path = "yaml/objects.rs"]
mod objects;
#[path = "yaml/reading.rs"]
mod reading;
#[path = "yaml/round_trip.rs"]
mod round_trip;
