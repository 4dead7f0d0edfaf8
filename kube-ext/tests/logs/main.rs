//! Logs of a cluster inside the process, with faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod basics;
mod cuts;
mod faults;
mod order;
mod selection;
mod setup;
