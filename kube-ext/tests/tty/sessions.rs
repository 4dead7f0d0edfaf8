//! What goes through, and how a session ends.
use std::{fmt::Write as _, process::Stdio, thread, time::Duration};

use crate::{
    program::{LINES, SCENARIO, TEST},
    screen::{Screen, starting, until},
};

#[test]
fn keys_sizes_and_the_exit_code_go_through() {
    let mut screen = Screen::start("plain");
    screen.wait_for("ready echo\r\n");
    screen.wait_for("[80x24]");
    assert!(screen.is_raw());

    let keys: Vec<u8> = (0..=255).filter(|key| !b"q!".contains(key)).collect();
    for keys in keys.chunks(16) {
        screen.type_keys(keys);
        let mut shown = String::new();
        for key in keys {
            write!(shown, "<{key:02x}>").unwrap();
        }
        screen.wait_for(&shown);
    }
    for width in 100..110 {
        screen.resize(width, 40);
    }
    screen.wait_for("[109x40]");

    screen.type_keys("q");
    screen.wait_for("bye\r\n");
    screen.wait_for("outcome: Ok(Exited(ExitStatus { code: 7 }))");
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn keys_that_are_typed_ahead_are_not_lost() {
    let mut screen = Screen::start("slow");
    screen.wait_for("running 1 test");
    // Before there is a session, the terminal keeps them.
    screen.type_keys("abc");
    screen.wait_for("ready slow\r\n");
    screen.wait_for("<61>");
    screen.wait_for("<62>");
    screen.wait_for("<63>");
    screen.quit();
    assert!(screen.wait().success());
}

#[test]
fn the_keys_that_leave() {
    let mut screen = Screen::start("detach");
    screen.wait_for("[80x24]");
    screen.type_keys("\x10");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(screen.unseen(), "");
    screen.type_keys("a");
    screen.wait_for("<10><61>");
    screen.type_keys("xyz\x10\x11");
    screen.wait_for("which typed <10><61><78><79><7a>");
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn what_is_typed_after_a_session_is_left_for_the_next_reader() {
    // Behind the keys that leave, even in one go.
    let mut screen = Screen::start("then a line");
    screen.wait_for("[80x24]");
    screen.type_keys("a~for the program\n");
    screen.wait_for("outcome: Ok(Detached)");
    screen.wait_for(r#"outcome: "for the program\n""#);
    assert!(screen.wait().success());

    let mut screen = Screen::start("then a line");
    screen.wait_for("[80x24]");
    screen.type_keys("q");
    screen.wait_for("outcome: Ok(Exited(");
    screen.type_keys("for the program\n");
    screen.wait_for(r#"outcome: "for the program\n""#);
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn all_output_is_written_before_it_is_over() {
    let mut screen = Screen::start("many lines");
    screen.wait_for("line 0\r\n");
    let lines = screen.wait_for("outcome: Ok(Exited(ExitStatus { code: 3 }))");
    let mut expected = String::new();
    (1..LINES).for_each(|line| write!(expected, "line {line}\r\n").unwrap());
    assert!(lines == expected, "{} bytes of {}", lines.len(), expected.len());
    assert!(screen.is_restored());
}

#[test]
fn a_session_after_another() {
    let mut screen = Screen::start("twice");
    for _ in 0..2 {
        screen.wait_for("[80x24]");
        assert!(screen.is_raw());
        screen.type_keys("q");
        screen.wait_for("outcome: Ok(Exited(ExitStatus { code: 7 }))");
    }
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn the_keys_are_the_input() {
    let mut screen = Screen::start("input");
    screen.wait_for("outcome: Err(\"exec echo in pod default/web-0 container app: input is for output()");
    screen.wait_for("asked 0");
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn there_is_one_session_at_a_time() {
    let mut screen = Screen::start("two at once");
    screen.wait_for("[80x24]");
    screen.type_keys("!");
    screen.wait_for("TerminalInUse");
    assert!(screen.is_raw());
    screen.quit();
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn of_two_that_begin_together_one_is_refused() {
    let mut screen = Screen::start("two together");
    screen.wait_for("[80x24]");
    screen.type_keys("q");
    let shown = screen.wait_for("outcome: (\"asked\", 1)");
    assert!(shown.contains("(Ok(Exited(") && shown.contains("TerminalInUse"), "{shown}");
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn an_attachment_has_keys_to_leave_it() {
    let mut screen = Screen::start("attach");
    screen.wait_for("ready");
    screen.wait_for("[80x24]");
    screen.type_keys("a");
    screen.wait_for("<61>");
    screen.type_keys("\x10\x11");
    screen.wait_for("outcome: Ok(Detached)");
    assert!(screen.is_restored());

    let mut screen = Screen::start("attach");
    screen.wait_for("[80x24]");
    screen.type_keys("q");
    screen.wait_for("outcome: Ok(Closed)");
    assert!(screen.is_restored());

    let mut screen = Screen::start("attach without a terminal");
    let shown = screen.wait_for("NoTerminal");
    assert!(!shown.contains("ready"));
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn a_shell_is_sh_where_there_is_no_bash() {
    let mut screen = Screen::start("shell");
    assert!(until(|| screen.is_raw()));
    screen.type_keys("ab");
    screen.wait_for("ready sh\r\n");
    screen.type_keys("c");
    let shown = screen.wait_for("<63>");
    assert!(shown.replace("[80x24]", "").ends_with("<61><62>"), "{shown}");
    screen.type_keys("q");
    screen.wait_for("outcome: Ok(Exited(ExitStatus { code: 7 }))");
    assert!(screen.is_restored());

    let mut screen = Screen::start("no shell");
    let shown = screen.wait_for("tried: [\"bash\", \"sh\"]");
    assert!(shown.contains("NoShell") && shown.contains("exec sh"), "{shown}");
    assert!(screen.wait().success());
    assert!(screen.is_restored());
}

#[test]
fn a_paste_while_a_shell_is_looked_for_is_not_lost() {
    let mut screen = Screen::start("shell");
    assert!(until(|| screen.is_raw()));
    let keys = (b'a'..=b'z').chain([b'\r', b'\x1b']).filter(|key| *key != b'q');
    let paste: Vec<u8> = keys.cycle().take(100 * 1024).collect();
    screen.type_keys(&paste);
    screen.type_keys("~");
    screen.wait_for("ready sh\r\n");
    let shown = screen.wait_for("<7e>").replace("[80x24]", "");
    let mut expected = String::new();
    for key in &paste {
        write!(expected, "<{key:02x}>").unwrap();
    }
    assert!(shown == expected, "{} bytes of {}", shown.len(), expected.len());
    screen.quit();
    assert!(screen.is_restored());
}

#[test]
fn without_a_terminal_nothing_is_asked_for() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", TEST, "--ignored", "--nocapture"])
        .env(SCENARIO, "counted")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let starting = starting();
    let mut child = command.spawn().unwrap();
    drop(starting);
    let ended = until(|| child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(ended && shown.contains("outcome: Err(") && shown.contains("NotATerminal"), "{shown}");
    assert!(shown.contains("outcome: (\"asked\", 0)"), "{shown}");
}
