//! The example `get` against kubectl, over the cluster of the current kubeconfig context: both must print the same on
//! standard output and standard error, and end with the same code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Pods that differ in what the table shows; no node runs them.
const PODS: [(&str, &str); 4] = [
    ("web-0", r#"{"app": "web", "example.com/tier": "front"}"#),
    ("web-1", r#"{"app": "web"}"#),
    ("a-pod-with-a-name-that-is-longer-than-the-others", r#"{"app": "job", "a-b": "1", "a": "2"}"#),
    ("bare", "{}"),
];

/// What a program printed, and its exit code.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Outcome {
    /// That of a program, once it has ended.
    fn of(program: Child) -> Self {
        let output = program.wait_with_output().unwrap();
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}

/// The example, built with the profile of this test, as `cargo test --test get` alone does not.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let profile = if folder.ends_with("release") { "release" } else { "dev" };
    let build = ["build", "--quiet", "-p", env!("CARGO_PKG_NAME"), "--example", "get", "--profile", profile];
    assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
    folder.join("examples/get")
}

fn kubectl(args: &[&str], input: &str) -> String {
    let mut child = Command::new("kubectl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl on the PATH");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {args:?} needs a cluster: see .ci/cluster/README.md");
    String::from_utf8(output.stdout).unwrap()
}

fn start(program: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A namespace that is deleted in the end, whatever the end is.
struct Namespace(String);

impl Namespace {
    /// A name of its own: tests of one process and of many do not meet.
    fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("get-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        kubectl(&["create", "namespace", &name], "");
        let namespace = Self(name);
        // A controller manager makes the account, too; without one nobody does.
        let account = r#"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}"#;
        kubectl(&["apply", "--server-side", "-n", &namespace.0, "-f", "-"], account);
        namespace
    }

    fn create_pod(&self, name: &str, labels: &str) {
        // With a scheduling gate a pod stays as it is, even where there are nodes.
        let pod = format!(
            r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}", "labels": {labels}}},
                "spec": {{"schedulingGates": [{{"name": "example.com/never"}}],
                         "containers": [{{"name": "app", "image": "example.com/app"}}]}}}}"#
        );
        kubectl(&["create", "-n", &self.0, "-f", "-"], &pod);
    }

    /// Runs kubectl on the namespace.
    fn change(&self, args: &[&str]) {
        kubectl(&[&["-n", &self.0], args].concat(), "");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("kubectl").args(["delete", "namespace", "--wait=false", &self.0]).output();
    }
}

/// Every line of arguments that is compared, without the namespace.
fn arguments() -> BTreeSet<String> {
    let what = [
        "pods",
        "po",
        "POD",
        "pods web-0",
        "pods web-1 web-0 web-1",
        "pods/bare po/web-0",
        "pods nope",
        "pods nope web-0 nada",
        "pod/nope",
        "frigates",
        "frigates x",
        "pods/x frigates/y",
        "pods/a/b",
        "pods/",
        "pods x pods/y",
        "",
    ];
    let output = [
        "",
        "-o wide",
        "-o name",
        "-o yaml",
        "-o json",
        "-o yaml --show-managed-fields",
        "-o json --show-managed-fields",
    ];
    let selection = [
        "-l app=web",
        "-l app",
        "-l !app",
        "-l app!=web",
        "-l a=(",
        "--field-selector metadata.name=web-1",
        "--field-selector metadata.name!=web-1 -l app",
        "--field-selector ship=Victory",
        "-l app=none",
    ];
    let decoration = [
        "--no-headers",
        "--show-labels",
        "-L app",
        "-L app,example.com/tier -L none",
        "--show-kind",
        "--show-kind --show-labels --no-headers -L a-b",
    ];
    let mut all = BTreeSet::new();
    for output in output {
        all.extend(what.map(|what| format!("{what} {output}")));
        all.extend(selection.map(|selection| format!("pods {selection} {output}")));
        all.extend(selection.map(|selection| format!("pods web-0 {selection} {output}")));
        all.extend(decoration.map(|decoration| format!("pods {decoration} {output}")));
        all.extend(decoration.map(|decoration| format!("pods web-0 nope {decoration} {output}")));
    }
    all.extend(
        [
            "-w",
            "--watch-only",
            "pods web-0 web-1 -w",
            "pods web-0 nope -w",
            "pods nope --watch-only",
            "pods -w --field-selector ship=Victory",
            "pods --context nope",
            "pods --kubeconfig /nope",
        ]
        .map(str::to_owned),
    );
    all
}

/// The difference of two programs' outcomes. Ages go on between two runs, so that an equal pair among some counts.
fn difference(example: &Path, args: &[&str]) -> Option<String> {
    let mut difference = String::new();
    let (mut tries, began) = (0, Instant::now());
    while tries < 20 || began.elapsed() < Duration::from_secs(180) {
        tries += 1;
        // At the same time: of the same second more often.
        let theirs = start(Path::new("kubectl"), &[&["get"], args].concat());
        let ours = start(example, args);
        let (theirs, ours) = (Outcome::of(theirs), Outcome::of(ours));
        if ours == theirs {
            return None;
        }
        difference = format!("{args:?}\n kubectl: {theirs:?}\n example: {ours:?}\n");
    }
    Some(difference)
}

#[test]
fn every_output_is_that_of_kubectl() {
    let (example, namespace) = (example(), Namespace::create());
    for (name, labels) in PODS {
        namespace.create_pod(name, labels);
    }
    let empty = Namespace::create();
    // The user without rights, whom .ci/cluster makes.
    kubectl(&["config", "get-contexts", "powerless"], "");
    let mut lines = Vec::new();
    let scopes = [&namespace.0, &empty.0, "no-such-namespace"];
    for line in arguments() {
        // What is missing is told before any output is chosen.
        let scopes = if line.contains("-o") { &scopes[..1] } else { &scopes[..] };
        lines.extend(scopes.iter().map(|scope| format!("{line} -n {scope}")));
    }
    lines.extend(
        [
            "pods -A",
            "pods -A -o wide",
            "pods -A -o yaml",
            "pods -A web-0",
            "-A pods/web-0",
            "pods -A -l app=none",
            "pods -A --context powerless",
            "pods -n default --context powerless",
            "pods -n default --context powerless -o yaml",
            "pods web-0 -n default --context powerless",
            "pods -n default -w --context powerless",
        ]
        .map(str::to_owned),
    );
    // Each that differs takes its time, and a few say enough.
    let different =
        lines.iter().filter_map(|line| difference(&example, &line.split_whitespace().collect::<Vec<_>>()));
    let differences: String = different.take(3).collect();
    println!("compared {} command lines", lines.len());
    assert!(differences.is_empty(), "{differences}");
}

/// A program that watches, and the file that it prints to.
struct Watch {
    process: Child,
    output: PathBuf,
}

impl Watch {
    fn start(program: &Path, args: &[&str], output: PathBuf) -> Self {
        let process =
            Command::new(program).args(args).stdout(File::create(&output).unwrap()).spawn().unwrap();
        Self { process, output }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    fn wait_for(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(Instant::now() < end, "no {text:?} after {PATIENCE:?} in:\n{}", self.text());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.output);
    }
}

/// How many watches of pods the server has, but for those of all namespaces, which are not ours.
fn watches() -> u32 {
    let metrics = kubectl(&["get", "--raw", "/metrics"], "");
    let ours = metrics.lines().filter(|line| {
        line.starts_with("apiserver_longrunning_requests{")
            && line.contains(r#",resource="pods","#)
            && line.contains(r#",verb="WATCH","#)
            && !line.contains(r#",scope="cluster","#)
    });
    ours.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum()
}

/// The smaller of two numbers of watches, a second apart: those of other tests are short.
fn lasting_watches() -> u32 {
    let first = watches();
    thread::sleep(Duration::from_secs(1));
    first.min(watches())
}

#[test]
fn every_watch_is_that_of_kubectl() {
    let (example, namespace) = (example(), Namespace::create());
    let folder = std::env::temp_dir();
    namespace.create_pod("web-0", r#"{"app": "web"}"#);
    // The marks of a watch that has listed.
    let lines = [
        ("-w", "web-0"),
        ("-w -o wide", "web-0"),
        ("-w --show-labels --show-kind", "web-0"),
        ("-w --no-headers -L step,app", "web-0"),
        ("-w -o name", "web-0"),
        ("-w -o yaml", "web-0"),
        ("-w -o json", "web-0"),
        ("web-0 -w", "web-0"),
        ("web-0 -w -o yaml", "web-0"),
        ("-w -l app=web", "web-0"),
        ("--watch-only", ""),
        ("web-0 --watch-only", ""),
    ];
    let before = lasting_watches();
    let watches: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(i, (line, _))| {
            let args: Vec<_> = ["pods", "-n", &namespace.0].into_iter().chain(line.split(' ')).collect();
            let file = |of: &str| folder.join(format!("{}-{i}-{of}", namespace.0));
            let theirs = Watch::start(Path::new("kubectl"), &[&["get"], &args[..]].concat(), file("kubectl"));
            (theirs, Watch::start(&example, &args, file("example")))
        })
        .collect();
    for ((theirs, ours), (_, begun)) in watches.iter().zip(lines) {
        theirs.wait_for(begun);
        ours.wait_for(begun);
    }
    // What lists first watches a moment after; and what only watches shows nothing of when it begins. The server knows.
    let (all, end) = (before + 2 * u32::try_from(watches.len()).unwrap(), Instant::now() + PATIENCE);
    loop {
        let now = lasting_watches();
        if now >= all {
            break;
        }
        assert!(Instant::now() < end, "the server has {now} watches after {PATIENCE:?}, not {all}");
    }
    namespace.create_pod("a-pod-with-a-name-that-is-longer-than-the-other", r#"{"app": "web"}"#);
    namespace.change(&["label", "pod", "web-0", "step=one"]);
    namespace.create_pod("b", r#"{"app": "job"}"#);
    namespace.change(&["label", "pod", "b", "app=web", "--overwrite"]);
    namespace.change(&["delete", "pod", "b", "--grace-period=0", "--force"]);
    namespace.change(&["label", "pod", "web-0", "step=last", "--overwrite"]);
    let last = kubectl(
        &["get", "pod", "web-0", "-n", &namespace.0, "-o", "jsonpath={.metadata.resourceVersion}"],
        "",
    );
    let differences = || {
        let mut differences = String::new();
        for ((theirs, ours), (line, _)) in watches.iter().zip(lines) {
            let (theirs, ours) = (theirs.text(), ours.text());
            if without_ages(&theirs) != without_ages(&ours) {
                let _ = write!(differences, "{line}\n kubectl:\n{theirs}\n example:\n{ours}\n");
            }
            if line.ends_with("yaml") && !ours.contains(&last) {
                let _ = write!(differences, "{line} ends before the last change:\n{ours}\n");
            }
        }
        differences
    };
    let end = Instant::now() + PATIENCE;
    while !differences().is_empty() && Instant::now() < end {
        thread::sleep(Duration::from_millis(200));
    }
    // And nothing more comes.
    thread::sleep(Duration::from_secs(3));
    let differences = differences();
    println!("compared {} watches", watches.len());
    assert!(differences.is_empty(), "{differences}");
}

/// Two programs print an event within a second or two, not at the same time. The spaces behind an age depend on it.
fn without_ages(text: &str) -> String {
    let is_age = |word: &str| {
        word == "AGE"
            || word.starts_with(|first: char| first.is_ascii_digit())
                && word.ends_with(|last: char| last.is_ascii_lowercase())
                && word.chars().all(|it| it.is_ascii_digit() || "dhms".contains(it))
    };
    let (mut without, mut is_behind) = (String::new(), false);
    for word in text.split_inclusive([' ', '\n']) {
        if is_age(word.trim_end()) {
            is_behind = word.ends_with(' ');
            without.push_str(if is_behind { "AGE " } else { "AGE\n" });
        } else if !(is_behind && word == " ") {
            without.push_str(word);
            is_behind = false;
        }
    }
    without
}
