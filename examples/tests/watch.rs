//! The example `watch`: the demo's pods once, and those of a cluster that changes and fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::DeleteParams};
use kube_ext::fake::{Calls, Fault};
use kube_ext_examples::demo::Demo;
use regex::Regex;

/// How long anything may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

/// An example, which `cargo test` built beside this test.
fn program(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut program = Command::new(test.ancestors().nth(2).unwrap().join("examples").join(name));
    program.env_clear().env("HOME", PathBuf::from(TMP));
    program
}

/// Standard output, standard error and exit code in the demo, without what tells of it.
fn run(name: &str, args: &[&str]) -> (String, String, i32) {
    let output = program(name).arg("--fake").args(args).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let demo = "as asked: this is the demo cluster inside the example\n";
    (stdout, stderr.strip_prefix(demo).unwrap_or(&stderr).to_owned(), output.status.code().unwrap())
}

/// The corner and the table.
fn once(args: &[&str]) -> (String, String) {
    let (stdout, stderr, code) = run("watch", &[args, &["--once"]].concat());
    assert_eq!((stderr.as_str(), code), ("", 0), "{args:?}");
    let (corner, table) = stdout.split_once('\n').unwrap();
    (corner.to_owned(), table.to_owned())
}

/// The first words of each line: what does not change while the demo goes on.
fn names(table: &str, words: usize) -> Vec<String> {
    let name = |line: &str| line.split_whitespace().take(words).collect::<Vec<_>>().join(" ");
    table.lines().map(name).collect()
}

#[test]
fn as_kubectl_has_them() {
    for store in ["slim", "compact", "kube"] {
        as_kubectl_has_them_in(store);
    }
}

/// Whether nothing has happened yet in the demo, to which a pod comes after two seconds, and whose init containers end after six.
fn is_early(table: &str) -> bool {
    !table.contains("tick-") && table.contains("Init:0/3")
}

fn as_kubectl_has_them_in(store: &str) {
    let end = Instant::now() + PATIENCE;
    // On a busy machine some see it late.
    let (corner, table, expected) = loop {
        let (corner, table) = once(&["--store", store]);
        let (expected, ..) = run("get", &["pods", "-A"]);
        if is_early(&table) && is_early(&expected) || Instant::now() >= end {
            break (corner, table, expected);
        }
    };
    let as_it_is = Regex::new(r"^12 pods \| \d+\.\d MiB, \d+ bytes a pod \| live$").unwrap();
    assert!(as_it_is.is_match(&corner), "{corner}");
    assert_eq!(names(&table, 2), names(&expected, 2));
    // Ages go on between the two, and with them the width of a column.
    assert_eq!(names(&table, 9)[0], names(&expected, 9)[0]);
    let row = table.lines().find(|row| row.contains("db-1")).unwrap();
    assert_eq!(row.split_whitespace().take(5).collect::<Vec<_>>(), ["data", "db-1", "0/2", "Init:0/3", "0"]);
}

#[test]
fn some_of_them() {
    let (corner, table) = once(&["-n", "shop", "-l", "app=web"]);
    assert!(corner.starts_with("3 pods | ") && corner.ends_with(" | live"), "{corner}");
    assert_eq!(
        names(&table, 1),
        ["NAME", "web-5d4f8c7b9-2x7kq", "web-5d4f8c7b9-9gh4m", "web-5d4f8c7b9-fk8wd"]
    );
    let (_, table) = once(&["--field-selector", "metadata.name=db-0", "--store", "kube"]);
    assert_eq!(names(&table, 2), ["NAMESPACE NAME", "data db-0"]);
    let (corner, table) = once(&["-n", "nowhere"]);
    assert!(corner.starts_with("0 pods | ") && corner.ends_with(" | live"), "{corner}");
    assert_eq!(table, "No resources found\n");
}

#[test]
fn what_is_refused_is_an_error() {
    let (stdout, stderr, code) = run("watch", &["--once", "-l", "app in ("]);
    assert_eq!((stdout.as_str(), code), ("", 1));
    assert!(stderr.starts_with("error: list pods: unable to parse requirement: "), "{stderr}");
    let (_, stderr, code) = run("watch", &["--store", "memory"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("invalid value 'memory'"), "{stderr}");
}

/// The example while it runs, which is killed in the end, whatever the end is.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Reads on to a line like this.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for line in self.lines.by_ref() {
            lines.push(line.unwrap());
            if is_it(lines.last().unwrap()) {
                return lines;
            }
        }
        unreachable!("it ended: {lines:?}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Refused at first, then live, then stale, and live again.
#[test]
fn what_happens_is_seen() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let demo = runtime.block_on(Demo::start()).unwrap();
    let watches = || Calls::verb("watch").resource("pods").namespace("data");
    let refused = demo.cluster().faults().add(watches(), Fault::forbidden());
    let path = Path::new(TMP).join("watch.kubeconfig");
    fs::write(&path, demo.cluster().kubeconfig("shop")).unwrap();
    let mut child = program("watch")
        .args(["--kubeconfig", path.to_str().unwrap(), "-n", "data"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut running = Running { child, lines };

    let lines = running.until(|line| line.contains("not listed"));
    let corner = lines.last().unwrap();
    assert!(corner.starts_with("0 pods | "), "{corner}");
    assert!(corner.contains(" | not listed: list pods in namespace data: pods is forbidden: "), "{corner}");
    refused.remove();
    running.until(|line| line.starts_with("2 pods | ") && line.ends_with(" | live"));
    running.until(|line| line.starts_with("db-1 "));

    let pods = Api::<Pod>::namespaced(runtime.block_on(async { demo.cluster().client().unwrap() }), "data");
    runtime.block_on(pods.delete("db-1", &DeleteParams::default().grace_period(0))).unwrap();
    running.until(|line| line.starts_with("1 pod | ") && line.ends_with(" | live"));

    let refused = demo.cluster().faults().add(watches(), Fault::forbidden());
    demo.cluster().faults().restart();
    running.until(|line| {
        line.starts_with("1 pod | ") && line.contains(" | stale for ") && line.contains("is forbidden")
    });
    // They stay.
    running.until(|line| line.starts_with("db-0 "));
    refused.remove();
    running.until(|line| line.starts_with("1 pod | ") && line.ends_with(" | live"));
}
