//! Faults, users and the record of requests of the server inside the process, seen from a client.
#![cfg(feature = "fake")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod client;
mod requests;
mod streams;
mod users;
