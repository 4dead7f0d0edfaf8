//! Sessions on a terminal: a program that has one, on a pty of its own, with the server inside the process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "tty/exits.rs"]
mod exits;
#[path = "tty/program.rs"]
mod program;
#[path = "tty/screen.rs"]
mod screen;
#[path = "tty/sessions.rs"]
mod sessions;
#[path = "tty/signals.rs"]
mod signals;
