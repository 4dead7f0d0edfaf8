//! What can be read from a cluster inside the process, and how. Expected values are those of an API server of
//! Kubernetes 1.36.2.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod ask;
mod discovery;
mod forms;
mod lists;
mod runtime;
mod watches;
