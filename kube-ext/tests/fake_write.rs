//! Writes to the server inside the process, as kube's client and plain requests see them. What is expected is what an API
//! server 1.36.2 with its controllers answers.
#![cfg(feature = "fake")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "fake_write/apply.rs"]
mod apply;
#[path = "fake_write/crds.rs"]
mod crds;
#[path = "fake_write/create.rs"]
mod create;
#[path = "fake_write/deletions.rs"]
mod deletions;
#[path = "fake_write/namespaces.rs"]
mod namespaces;
#[path = "fake_write/patch.rs"]
mod patch;
#[path = "fake_write/pods.rs"]
mod pods;
#[path = "fake_write/setup.rs"]
mod setup;
#[path = "fake_write/update.rs"]
mod update;
