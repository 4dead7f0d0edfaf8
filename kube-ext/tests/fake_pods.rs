//! Logs, exec, attach and port-forward of the server inside the process, seen from kube's client and from plain websockets.
#![cfg(feature = "fake")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "fake_pods/attach.rs"]
mod attach;
#[path = "fake_pods/cut.rs"]
mod cut;
#[path = "fake_pods/exec.rs"]
mod exec;
#[path = "fake_pods/forward.rs"]
mod forward;
#[path = "fake_pods/logs.rs"]
mod logs;
#[path = "fake_pods/recorded.rs"]
mod recorded;
#[path = "fake_pods/setup.rs"]
mod setup;
#[path = "fake_pods/tunnel.rs"]
mod tunnel;
