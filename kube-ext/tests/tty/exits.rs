//! The terminal is restored when a session does not come to its end.
use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    program::LOG,
    screen::{Screen, until},
};

#[test]
fn a_future_that_is_dropped() {
    let mut screen = Screen::start("dropped");
    screen.wait_for("[80x24]");
    assert!(screen.is_raw());
    screen.type_keys("!");
    screen.wait_for("outcome: \"dropped\"");
    assert!(screen.is_restored());
    assert!(screen.wait().success());
}

#[test]
fn a_connection_that_is_lost() {
    let mut screen = Screen::start("lost");
    screen.wait_for("[80x24]");
    screen.type_keys("!");
    screen.wait_for("outcome: Err(");
    screen.wait_for("Lost");
    assert!(screen.is_restored());
    assert!(screen.wait().success());
}

#[test]
fn a_panic_elsewhere() {
    for scenario in ["panic elsewhere", "panic on one thread"] {
        let mut screen = Screen::start(scenario);
        screen.wait_for("[80x24]");
        screen.type_keys("!");
        screen.wait_for("panic \"elsewhere\", raw: false");
        screen.goes_on();
        screen.quit();
        assert!(screen.is_restored());
    }
}

#[test]
fn a_panic_in_the_session() {
    let mut screen = Screen::start("panic in the session");
    screen.wait_for("[80x24]");
    screen.type_keys("!");
    screen.wait_for("panic \"in the session\", raw: false");
    screen.wait_for("outcome: true");
    assert!(screen.is_restored());
}

#[test]
fn a_panic_that_ends_the_program() {
    let mut screen = Screen::start("panic in main");
    screen.wait_for("[80x24]");
    screen.type_keys("!");
    screen.wait_for("panic \"in main\", raw: false");
    assert_eq!(screen.wait().code(), Some(101));
    assert!(screen.is_restored());
}

#[test]
fn a_reader_of_the_output_that_is_gone() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let log = log("reader");
    let mut screen = Screen::with("plain", "", |command| command.stdout(writer).env(LOG, &log));
    let mut shown = String::new();
    while !shown.contains("[80x24]") {
        let mut buffer = [0; 256];
        let a_moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let is_readable =
            until(|| poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&a_moment)).unwrap() > 0);
        assert!(is_readable, "{shown}");
        let count = reader.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "{shown}");
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    drop(reader);
    // A process that another test starts has it as well, for a moment.
    let failed = until(|| {
        screen.type_keys("a");
        logged(&log).contains("write to standard output")
    });
    assert!(failed, "{}", logged(&log));
    assert!(logged(&log).contains("BrokenPipe"), "{}", logged(&log));
    screen.wait();
    assert!(screen.is_restored());
    fs::remove_file(log).unwrap();
}

#[test]
fn a_terminal_that_is_gone() {
    let log = log("gone");
    let mut screen = Screen::with("plain", "trap '' HUP;", |command| command.env(LOG, &log));
    screen.wait_for("[80x24]");
    screen.hang_up();
    assert!(until(|| logged(&log).contains("outcome: Err(")), "{}", logged(&log));
    assert!(logged(&log).contains("read the keys"), "{}", logged(&log));
    screen.wait();
    fs::remove_file(log).unwrap();
}

/// A file of a test's own.
fn log(test: &str) -> PathBuf {
    let name = format!("kube-ext-tty-{test}-{}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn logged(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}
