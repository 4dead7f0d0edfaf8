//! Signals from outside.
use std::{thread, time::Duration};

use rustix::process::Signal;

use crate::screen::{Screen, until};

#[test]
fn a_signal_that_ends_the_program() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut screen = Screen::start("plain");
        screen.wait_for("[80x24]");
        assert!(screen.is_raw());
        screen.signal(signal);
        assert_eq!(screen.ended_by(), Some(signal.as_raw()));
        assert!(screen.is_restored(), "{signal:?}");
    }
}

#[test]
fn signals_have_their_effect_between_sessions() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut screen = Screen::start("after a session");
        screen.wait_for("[80x24]");
        screen.quit();
        screen.signal(signal);
        assert_eq!(screen.ended_by(), Some(signal.as_raw()));
        assert!(screen.is_restored());
    }
}

#[test]
fn a_stop_and_its_end() {
    let mut screen = Screen::start("plain");
    screen.wait_for("[80x24]");
    for signal in [Signal::TSTP, Signal::STOP] {
        screen.signal(signal);
        assert!(until(|| screen.is_stopped()));
        assert_eq!(screen.is_restored(), signal == Signal::TSTP, "nothing can be done before SIGSTOP");
        screen.restore();
        screen.resize(if signal == Signal::TSTP { 99 } else { 98 }, 24);
        screen.signal(Signal::CONT);
        screen.wait_for(if signal == Signal::TSTP { "[99x24]" } else { "[98x24]" });
        screen.goes_on();
    }
    screen.quit();
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn the_end_of_a_stop_that_the_program_handles_itself() {
    let mut screen = Screen::start("without signals");
    screen.wait_for("[80x24]");
    screen.signal(Signal::STOP);
    assert!(until(|| screen.is_stopped()));
    screen.restore();
    screen.signal(Signal::CONT);
    screen.goes_on();
    screen.quit();
    assert!(screen.is_restored());
}

#[test]
fn a_stop_that_goes_on_in_the_background() {
    let shell = r#"exec bash -c 'set -m; "$@"; bg; read -r _; fg' bash "$@";"#;
    let mut screen = Screen::after(shell, "plain");
    screen.wait_for("[80x24]");
    assert!(screen.is_raw());
    screen.signal(Signal::TSTP);
    // The shell has the terminal, and waits for a line.
    screen.wait_for("&");
    assert!(until(|| !screen.is_stopped()));
    thread::sleep(Duration::from_millis(500));
    assert!(screen.is_restored());
    screen.type_keys("\n");
    screen.goes_on();
    screen.quit();
    assert!(screen.wait().success());
}

#[test]
fn a_stop_between_sessions() {
    let mut screen = Screen::start("after a session");
    screen.wait_for("[80x24]");
    screen.quit();
    screen.signal(Signal::TSTP);
    assert!(until(|| screen.is_stopped()));
    screen.signal(Signal::CONT);
    assert!(until(|| !screen.is_stopped()));
    assert!(screen.is_restored());
}

#[test]
fn a_signal_that_the_program_handles_is_the_programs() {
    for (scenario, key, shown) in [
        ("own handler", "a", "<61>"),
        ("own handler after a session", "q", "code: 7"),
        ("late handler", "!", "handler set"),
    ] {
        let mut screen = Screen::start(scenario);
        screen.wait_for("[80x24]");
        screen.type_keys(key);
        screen.wait_for(shown);
        screen.signal(Signal::TERM);
        screen.wait_for("outcome: \"told to end\"");
        assert!(screen.wait().success());
        assert!(screen.is_restored());
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let mut screen = Screen::after("trap '' HUP;", "after a session");
    screen.wait_for("[80x24]");
    screen.signal(Signal::HUP);
    screen.type_keys("a");
    screen.wait_for("<61>");
    assert!(screen.is_raw());
    screen.quit();
    screen.signal(Signal::HUP);
    screen.signal(Signal::TERM);
    assert_eq!(screen.ended_by(), Some(Signal::TERM.as_raw()));
}

#[test]
fn a_terminal_that_is_closed() {
    let mut screen = Screen::start("after a session");
    screen.wait_for("[80x24]");
    screen.hang_up();
    assert_eq!(screen.ended_by(), Some(Signal::HUP.as_raw()));
}
