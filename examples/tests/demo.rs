//! The example `get` where there is no kubeconfig: it shows the demo.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The example, which `cargo test` built beside this test; run as on a machine that knows no cluster.
fn example() -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.ancestors().nth(2).unwrap().join("examples/get"));
    command.env_clear().env("HOME", PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    command
}

#[test]
fn the_demo_shows_pods_in_many_states() {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        let output = example().args(["pods", "-A"]).output().unwrap();
        let (table, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{errors}");
        assert_eq!(errors, "no kubeconfig found: this is the demo cluster inside the example\n");
        assert!(table.starts_with("NAMESPACE   NAME "), "{table}");
        let statuses: Vec<_> =
            table.lines().skip(1).map(|row| row.split_whitespace().nth(3).unwrap_or_default()).collect();
        let mut missing =
            ["Completed", "ImagePullBackOff", "Init:0/3", "Pending", "Running", "Terminating"].into_iter();
        match missing.find(|status| !statuses.contains(status)) {
            None => return,
            // A pod is like that for six seconds only, and a busy machine can be late.
            Some("Init:0/3") if Instant::now() < end => {}
            Some(status) => panic!("no {status} in\n{table}"),
        }
    }
}

#[test]
fn the_demo_can_be_asked_for_and_lives() {
    let mut watch = example()
        .args(["pods", "-n", "shop", "-w", "--fake"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The pod that crashes: first as it is, then each step of its round.
    let seen: Vec<_> = lines
        .filter(|line| line.starts_with("cart-"))
        .map(|line| line.split_whitespace().nth(2).unwrap().to_owned())
        .take(4)
        .collect();
    watch.kill().unwrap();
    watch.wait().unwrap();
    let errors = BufReader::new(watch.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(errors.starts_with("as asked: "), "{errors}");
    assert!(
        ["Running", "Error", "CrashLoopBackOff"]
            .iter()
            .all(|status| seen.iter().any(|other| other == status)),
        "{seen:?}"
    );
}
