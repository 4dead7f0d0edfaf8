//! Commands in pods: whatever the server, the connection or the reader does, nothing is lost, nothing hangs, and no exit
//! status is made up.
#![cfg(all(feature = "fake", feature = "ws"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attach;
mod cuts;
mod handshake;
mod many;
mod orders;
mod pressure;
mod refusals;
mod servers;
mod setup;
mod silence;
mod stdin;
