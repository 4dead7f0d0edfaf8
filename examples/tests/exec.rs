//! The examples `exec` and `run_all` where there is no kubeconfig: they run in the demo.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

const POD: &str = "web-5d4f8c7b9-2x7kq";

/// An example, which `cargo test` built beside this test; run as on a machine that knows no cluster.
fn example(name: &str, args: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.ancestors().nth(2).unwrap().join("examples").join(name));
    command.env_clear().env("HOME", PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    command.args(["--fake", "-n", "shop"]).args(args);
    command
}

/// How long one may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The output of a process, which is killed if it does not end.
fn output(mut child: Child) -> Output {
    let id = child.id().to_string();
    let (over, is_over) = mpsc::channel::<()>();
    drop(child.stdin.take());
    let watch = thread::spawn(move || {
        // The child has not been waited for until then, so that the number is its own.
        let is_late = is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        if is_late {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
        is_late
    });
    let output = child.wait_with_output().unwrap();
    drop(over);
    assert!(!watch.join().unwrap(), "not over after {PATIENCE:?}");
    output
}

/// Standard output, what it says on standard error after telling of the demo, and the exit code.
fn texts(output: Output) -> (String, String, i32) {
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let said = stderr.strip_prefix("as asked: this is the demo cluster inside the example\n").expect(&stderr);
    (stdout, said.to_owned(), output.status.code().unwrap())
}

fn run(name: &str, args: &[&str]) -> (String, String, i32) {
    let mut example = example(name, args);
    texts(output(example.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
}

#[test]
fn the_exit_code_is_passed_on() {
    for code in [0, 1, 7, 127, 137, 255] {
        let script = format!("exit {code}");
        let said = match code {
            0 => String::new(),
            code => format!("command terminated with exit code {code}\n"),
        };
        let result = run("exec", &["-c", "app", POD, "--", "sh", "-c", &script]);
        assert_eq!(result, (String::new(), said, code));
    }
}

#[test]
fn kubectl_s_choice_of_a_container_is_told() {
    let (stdout, stderr, code) = run("exec", &[POD, "--", "hostname"]);
    assert_eq!((stdout.as_str(), code), ("web-5d4f8c7b9-2x7kq\n", 0));
    assert_eq!(stderr, "Defaulted container \"app\" out of: app, proxy (init)\n");
    assert_eq!(run("exec", &["-q", POD, "--", "hostname"]).1, "");
}

#[test]
fn standard_input_is_passed_on_with_its_end() {
    let mut child = example("exec", &["-i", "-c", "app", POD, "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = "line\n".repeat(100_000);
    let mut stdin = child.stdin.take().unwrap();
    let written = text.clone();
    let writer = thread::spawn(move || stdin.write_all(written.as_bytes()));
    let result = texts(output(child));
    writer.join().unwrap().unwrap();
    assert!(result == (text, String::new(), 0), "{} bytes, {:?}, {}", result.0.len(), result.1, result.2);
}

#[test]
fn what_cannot_be_run_is_told() {
    let (stdout, stderr, code) = run("exec", &["-c", "app", POD, "--", "nope"]);
    assert_eq!((stdout.as_str(), code), ("", 1));
    assert!(stderr.contains("program not found in the container"), "{stderr}");
    let missing = run("exec", &["nobody", "--", "ls"]);
    assert_eq!(missing.1, "Error from server (NotFound): pods \"nobody\" not found\n");
    let container = run("exec", &["-c", "x", POD, "--", "ls"]);
    assert_eq!(
        container.1,
        format!("error: container x is not valid for pod {POD} out of: app, proxy (init)\n")
    );
}

#[test]
fn a_command_in_all_pods() {
    let (stdout, stderr, code) = run("run_all", &["-l", "app=web", "--", "hostname"]);
    let mut lines: Vec<_> = stdout.lines().collect();
    lines.sort_unstable();
    let expected =
        ["2x7kq", "9gh4m", "fk8wd"].map(|end| format!("[shop/web-5d4f8c7b9-{end}] web-5d4f8c7b9-{end}"));
    assert_eq!((lines, stderr.as_str(), code), (expected.iter().map(String::as_str).collect(), "", 0));
    assert_eq!(run("run_all", &["-l", "app=web", "--", "false"]).2, 1);
}
