//! The example `logs` where there is no kubeconfig: it shows what the demo's pods write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// How long one may take. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

const WEB: [&str; 3] = ["web-5d4f8c7b9-2x7kq", "web-5d4f8c7b9-9gh4m", "web-5d4f8c7b9-fk8wd"];

/// The example while it runs, which is killed in the end, whatever the end is.
struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    until: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream, until it ends or nobody wants them any more.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).all(|line| to.send(line).is_ok())
    });
    lines
}

impl Running {
    /// The example, which `cargo test` built beside this test, in the demo.
    fn start(args: &[&str]) -> Self {
        let test = std::env::current_exe().unwrap();
        let mut child = Command::new(test.ancestors().nth(2).unwrap().join("examples/logs"))
            .env_clear()
            .env("HOME", PathBuf::from(env!("CARGO_TARGET_TMPDIR")))
            .arg("--fake")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self { child, stdout, stderr, until: Instant::now() + PATIENCE }
    }

    /// The next line; none at the end.
    fn next(&self, from: &Receiver<String>) -> Option<String> {
        match from.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line, and no end, after {PATIENCE:?}"),
        }
    }

    /// The next line of standard output.
    fn line(&self) -> String {
        self.next(&self.stdout).expect("more lines")
    }

    /// The exit code, once it has ended.
    fn code(&mut self) -> i32 {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("an exit code");
            }
            assert!(Instant::now() < self.until, "not over after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it says on standard error after telling of the demo.
    fn said(&self) -> Vec<String> {
        let mut said: Vec<_> = std::iter::from_fn(|| self.next(&self.stderr)).collect();
        if said.first().is_some_and(|line| line == "as asked: this is the demo cluster inside the example") {
            said.remove(0);
        }
        said
    }
}

/// Standard output, standard error and exit code of one that ends by itself.
fn run(args: &[&str]) -> (Vec<String>, Vec<String>, i32) {
    let mut running = Running::start(args);
    let stdout = std::iter::from_fn(|| running.next(&running.stdout)).collect();
    (stdout, running.said(), running.code())
}

/// The lines of one that reads all there is.
fn all(args: &[&str]) -> Vec<String> {
    let (stdout, stderr, code) = run(&[&["--no-follow", "--only-log-lines"], args].concat());
    assert_eq!((stderr.as_slice(), code), ([].as_slice(), 0), "{args:?}");
    stdout
}

#[test]
fn lines_in_all_formats() {
    let (stdout, stderr, code) = run(&["--no-follow", "legacy"]);
    assert_eq!(stdout, ["legacy-0 app started"]);
    assert_eq!((stderr, code), (vec!["+ legacy-0 › app".to_owned(), "- legacy-0 › app".to_owned()], 0));
    assert_eq!(all(&["legacy", "-A"]), ["shop legacy-0 app started"]);
    assert_eq!(all(&["legacy", "-o", "raw"]), ["started"]);
    assert_eq!(all(&["legacy", "--prefix"]), ["[pod/legacy-0/app] started"]);
    assert_eq!(
        all(&["legacy", "--color", "always"]),
        ["\u{1b}[92mlegacy-0\u{1b}[0m \u{1b}[32mapp\u{1b}[0m started"]
    );
    let timed = all(&["legacy", "-o", "raw", "-t"]);
    let (time, text) = timed[0].split_once(' ').unwrap();
    assert_eq!((time.parse::<DateTime<Utc>>().is_ok(), text), (true, "started"), "{timed:?}");
}

#[test]
fn json_is_an_object_for_each_line() {
    let lines = all(&["deploy/web", "-c", "^app$", "--tail", "3", "-o", "json", "-t"]);
    let mut pods = BTreeMap::new();
    for line in lines {
        let object: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| object[key].as_str().unwrap_or_else(|| panic!("{key} of {line}")).to_owned();
        assert_eq!((text("namespace").as_str(), text("containerName").as_str()), ("shop", "app"));
        assert_eq!(object["labels"], serde_json::json!({"app": "web", "pod-template-hash": "5d4f8c7b9"}));
        assert!(text("nodeName").starts_with("demo-") && text("message").contains(" GET /"), "{line}");
        text("timestamp").parse::<DateTime<Utc>>().unwrap();
        *pods.entry(text("podName")).or_insert(0) += 1;
    }
    assert_eq!(pods.keys().collect::<Vec<_>>(), WEB.iter().collect::<Vec<_>>());
    // The demo goes on writing.
    assert!(pods.values().all(|count| *count >= 3), "{pods:?}");
}

#[test]
fn every_line_once() {
    let rows = |args: &[&str]| {
        let row = |line: &String| -> usize { line.split(' ').nth(1).unwrap().parse().unwrap() };
        all(&[&["-n", "batch", "import", "-o", "raw"], args].concat()).iter().map(row).collect::<Vec<_>>()
    };
    let every = rows(&[]);
    assert!(every.len() >= 300, "{} lines", every.len());
    assert_eq!(every, (0..every.len()).map(|number| number * 100).collect::<Vec<_>>());
    let late = rows(&["--since", "1m30s"]);
    // One every two seconds, and fewer where the example is late.
    assert!((20..200).contains(&late.len()), "{late:?}");
    assert!(late.windows(2).all(|pair| pair[1] == pair[0] + 100), "{late:?}");
}

#[test]
fn lines_are_chosen() {
    let web = |args: &[&str]| all(&[&["deploy/web", "-c", "app", "-o", "raw"], args].concat());
    let errors = web(&["-i", "ERROR"]);
    // A second in 17, of 600, in three pods.
    assert!(errors.len() >= 108, "{}", errors.len());
    assert!(errors.iter().all(|line| line.contains("ERROR") && line.contains("connection refused")));
    let others = web(&["--exclude", "ERROR", "-e", "GET /(cart|login)"]);
    assert!(others.iter().all(|line| line.contains("INFO")) && others.len() > 900);
    for path in ["/cart", "/login"] {
        assert!(!others.iter().any(|line| line.contains(path)), "{path}");
    }
    assert!(others.iter().any(|line| line.contains("/search")));
    assert_eq!(web(&["-i", "nothing like that"]), [""; 0]);
}

#[test]
fn pods_and_containers_are_chosen() {
    let titles = |args: &[&str]| {
        let (_, stderr, code) = run(&[&["--no-follow", "--tail", "1"], args].concat());
        assert_eq!(code, 0, "{args:?}: {stderr:?}");
        let begun: BTreeSet<_> =
            stderr.iter().filter_map(|line| line.strip_prefix("+ ")).map(ToOwned::to_owned).collect();
        let ended: BTreeSet<_> =
            stderr.iter().filter_map(|line| line.strip_prefix("- ")).map(ToOwned::to_owned).collect();
        assert_eq!(begun, ended);
        assert_eq!(begun.len() + ended.len(), stderr.len(), "{stderr:?}");
        begun.into_iter().collect::<Vec<_>>()
    };
    let apps = WEB.map(|pod| format!("{pod} › app"));
    assert_eq!(titles(&["-l", "app=web", "-E", "proxy"]), apps);
    assert_eq!(titles(&["svc/web", "--init-containers=false"]), apps);
    assert_eq!(titles(&["web", "-c", "a.p", "--exclude-pod", "2x7kq|fk8wd"]), apps[1..2]);
    assert_eq!(titles(&["pod/legacy-0"]), ["legacy-0 › app"]);
    assert_eq!(titles(&[".", "--field-selector", "spec.nodeName=demo-3"]), ["legacy-0 › app"]);
    assert_eq!(
        titles(&["-n", "data", "db-0", "--container-state", "terminated"]),
        ["db-0 › fix-permissions", "db-0 › restore"]
    );
}

#[test]
fn merged_lines_are_in_the_order_of_their_times() {
    let lines = all(&["deploy/web", "--merged", "-t", "--since", "2m"]);
    let times: Vec<DateTime<Utc>> =
        lines.iter().map(|line| line.split(' ').nth(2).unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted());
    let changes = lines.windows(2).filter(|pair| pair[0].split(' ').next() != pair[1].split(' ').next());
    assert!(changes.count() > 100, "lines of several pods, in turns");
}

#[test]
fn new_lines_are_followed() {
    let running = Running::start(&["deploy/web", "-c", "app", "--tail", "1"]);
    let mut all = BTreeMap::<String, Vec<String>>::new();
    while all.len() < 3 || all.values().any(|lines| lines.len() < 4) {
        let line = running.line();
        let [pod, container, text] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(WEB.contains(&pod) && container == "app", "{line}");
        all.entry(pod.to_owned()).or_default().push(text.to_owned());
    }
    for (pod, lines) in all {
        // A path a second, in turns.
        let path = |line: &String| {
            let path = line.split(' ').nth(3).unwrap();
            ["/", "/cart", "/search?q=teapot", "/item/7", "/login"].iter().position(|known| *known == path)
        };
        let turns: Vec<_> = lines.iter().map(|line| path(line).unwrap()).collect();
        assert!(turns.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 5), "{pod}: {lines:?}");
    }
}

#[test]
fn a_container_that_is_started_again_is_followed() {
    let running = Running::start(&["cart", "-o", "raw"]);
    let (reads, panics) = (
        "cart 0.9: reading stock from db.data:5432",
        "panicked: no stock: relation \"stock\" does not exist",
    );
    assert_eq!([(); 3].map(|()| running.line()), [reads, panics, reads]);
    let titles: Vec<_> = std::iter::from_fn(|| running.next(&running.stderr))
        .filter(|line| line.starts_with(['+', '-']))
        .take(3)
        .collect();
    let title = "cart-7c9b6f4d5-tz5rn › app";
    assert_eq!(titles, [format!("+ {title}"), format!("- {title}"), format!("+ {title}")]);
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let mut running = Running::start(&["web"]);
    running.line();
    drop(std::mem::replace(&mut running.stdout, mpsc::channel().1));
    assert_eq!(running.code(), 0);
    let said = running.said();
    assert!(said.iter().all(|line| line.starts_with(['+', '-'])), "{said:?}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let failed = |args: &[&str], expected: &str| {
        let (stdout, stderr, code) = run(args);
        assert_eq!((stdout.as_slice(), code), ([].as_slice(), 1), "{args:?}");
        assert!(stderr.iter().any(|line| line.contains(expected)), "{expected} in {stderr:?}");
    };
    failed(&[], "error: one of POD-QUERY, --selector and --field-selector is required");
    failed(
        &["deploy/web", "-l", "app=web"],
        "error: --selector and TYPE/NAME cannot be set at the same time",
    );
    failed(&["deploy/web", "-A"], "error: TYPE/NAME is in one namespace, and --all-namespaces is set");
    failed(&["web", "--no-follow", "--tail", "0"], "error: --no-follow cannot be used with --tail=0");
    failed(&["deploy/nobody"], "deployments.apps \"nobody\" not found");
    failed(&["[", "--no-follow"], "is no regular expression");
    failed(&["mail", "--no-follow"], "is waiting to start: trying and failing to pull image");
}
