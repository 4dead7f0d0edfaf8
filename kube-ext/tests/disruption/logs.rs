//! Logs of pods whose API server is restarted: every line once, and a gap where one is missing.
//!
//! A node rotates a log of more than 10 MiB, which it looks for every 10 seconds, and serves only the file that is being written.
//! So lines that were written while nobody could ask for them can be out of reach: that is a gap. containerd cuts where it is,
//! not between two lines: what a file begins with can be the end of a line.
//!
//! A node that is asked to follow misses the change of files until it has once come to the end of one (`ReadLogs` in
//! `k8s.io/cri-client/pkg/logs` watches the folder from then on), and then goes on with the file that is written at the next
//! change: so whoever is slower than the container misses whole files, and no client can know. It takes two changes, between which
//! there are seconds, so whoever is close behind misses nothing.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::client::ClientBuilder;
use kube::{Api, Client};
use kube_ext::logs::{Event, LogExt as _, LogStream, Tail};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::restart::{Restart, play_alone};
use crate::setup::{Scene, container, pod_with};

const RESTARTS: usize = 5;
/// From the return of one server to the end of the next.
const BETWEEN: Duration = Duration::from_secs(8);
/// Whoever is less far behind the container is close behind it.
const CLOSE: TimeDelta = TimeDelta::seconds(2);

/// A client that counts how often it asks for a log that it follows.
async fn counting(scene: &Scene) -> (Api<Pod>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let layer = tower::util::MapRequestLayer::new(move |request: http::Request<kube::client::Body>| {
        let is_log = request.uri().path().ends_with("/log");
        if is_log && request.uri().query().is_some_and(|query| query.contains("follow=true")) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        request
    });
    let builder = ClientBuilder::try_from(scene.cluster.config().await).unwrap();
    let client: Client = builder.with_layer(&layer).build();
    (Api::namespaced(client, &scene.namespace.name), count)
}

/// What came of a log of numbered lines.
#[derive(Debug, Default)]
struct Tally {
    lines: u64,
    /// The number that comes next if none is missing.
    next: u64,
    /// A gap stands after the line that came last.
    is_gap: bool,
    gaps: u64,
    gaps_of_nothing: u64,
    missing_in_gaps: u64,
    interruptions: u64,
    /// An interruption of the log stands after the line that came last.
    is_interrupted: bool,
    /// How far behind its container the line came that came last.
    behind: TimeDelta,
    /// Holes that the node left in a connection: it did not send these lines.
    holes: u64,
    missing_in_holes: u64,
    /// Those in front of whoever was close behind.
    close_holes: u64,
    /// Ends of lines, the last one of which stands after the line that came last.
    torn: u64,
    is_torn: bool,
}

impl Tally {
    /// Takes the number of a line, or the end of one, that was written then.
    fn take(&mut self, number: Option<u64>, at: DateTime<Utc>) {
        // Of the same clock.
        let last_behind = std::mem::replace(&mut self.behind, Utc::now() - at);
        let Some(number) = number else {
            (self.torn, self.is_torn) = (self.torn + 1, true);
            return;
        };
        assert!(
            number >= self.next,
            "line {number} after line {}: doubled, or out of order\n{self:#?}",
            self.next - 1
        );
        let missing = number - self.next;
        assert!(
            missing > 0 || !self.is_torn,
            "an end of a line before line {number}, and none is missing\n{self:#?}"
        );
        match (missing, self.is_gap) {
            (0, false) => {}
            (0, true) => self.gaps_of_nothing += 1,
            (_, true) => self.missing_in_gaps += missing,
            (_, false) => {
                let (from, to) = (self.next, number - 1);
                assert!(
                    !self.is_interrupted,
                    "lines {from} to {to} are missing without a gap, between connections\n{self:#?}"
                );
                println!(
                    "the node left out lines {from} to {to} in the middle of a connection, {last_behind} behind"
                );
                self.holes += 1;
                self.close_holes += u64::from(last_behind < CLOSE);
                self.missing_in_holes += missing;
            }
        }
        (self.is_gap, self.is_torn, self.is_interrupted, self.next) = (false, false, false, number + 1);
        self.lines += 1;
    }

    /// Reads a log to its end.
    async fn read(&mut self, mut logs: LogStream, number: impl Fn(&[u8]) -> Option<u64>) {
        loop {
            match logs.try_next().await.unwrap().expect("a stream that goes on") {
                Event::Line(line) => self.take(number(line.bytes()), line.timestamp()),
                Event::Gap(gap) => {
                    println!("after {} lines: {gap}", self.lines);
                    (self.gaps, self.is_gap) = (self.gaps + 1, true);
                }
                Event::Interrupted { error, retry_in, .. } => {
                    println!("after {} lines, again in {retry_in:?}: {error}", self.lines);
                    self.interruptions += 1;
                    // Of the watch of the pod, nobody knows when it is tried again.
                    self.is_interrupted |= retry_in.is_some();
                }
                Event::Started(_) => {}
                Event::Ended(_) => return,
                other => panic!("{other:?}\n{self:#?}"),
            }
        }
    }

    /// What is missing at the end, of so many lines in all.
    fn end(&mut self, total: u64, connections: usize) {
        if self.next < total {
            assert!(self.is_gap, "lines from {} on are missing without a gap\n{self:#?}", self.next);
            self.missing_in_gaps += total - self.next;
        }
        println!(
            "{} of {total} lines; {} gaps with {} lines, {} of them with none; {} holes with {} lines in the middle of a connection; \
             {connections} connections, {} interruptions, {} lines without their beginning",
            self.lines,
            self.gaps,
            self.missing_in_gaps,
            self.gaps_of_nothing,
            self.holes,
            self.missing_in_holes,
            self.interruptions,
            self.torn,
        );
        assert_eq!(self.lines + self.missing_in_gaps + self.missing_in_holes, total);
        assert!(connections > RESTARTS && self.interruptions >= RESTARTS as u64, "{self:#?}");
    }
}

/// Follows what a container writes while the server is restarted, and then until it ends, or for so long. Gives what came of it,
/// and of how many connections.
async fn follow(
    scene: &Scene,
    restart: &Restart,
    script: &str,
    rest: Duration,
    number: impl Fn(&[u8]) -> Option<u64>,
) -> (Tally, usize) {
    let spec = json!({"restartPolicy": "Never", "containers": [container("app", &["sh", "-c", script])]});
    let pod = pod_with("web", spec, "Running", &[json!({"running": {}})]);
    let (pods, connections) = counting(scene).await;
    // It is followed from its beginning.
    let logs = pods.tail(Tail::new().pod("web").follow());
    let (mut tally, began, stopped) = (Tally::default(), Instant::now(), Notify::new());
    let restarting = async {
        // A scheduler or a node that has just lost its server can take longer to start a pod than all restarts do.
        while connections.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(100)).await;
        }
        println!("there is a log after {:.1?}", began.elapsed());
        for _ in 0..RESTARTS {
            sleep(BETWEEN).await;
            let began = Instant::now();
            restart.run().await;
            println!("the server is back after {:.1?}", began.elapsed());
        }
        sleep(BETWEEN).await;
        // What was kept of connections may be dead.
        while scene.sh("touch /tmp/stop").status().await.is_err() {
            sleep(Duration::from_millis(200)).await;
        }
        println!("told to stop after {:.1?}", began.elapsed());
        stopped.notify_one();
    };
    let reading = async {
        scene.create(pod).await;
        let enough = async {
            stopped.notified().await;
            sleep(rest).await;
        };
        tokio::select! {
            () = tally.read(logs, number) => println!("read to the end after {:.1?}", began.elapsed()),
            () = enough => println!("not read to the end after {:.1?}", began.elapsed()),
        }
    };
    tokio::join!(reading, restarting);
    (tally, connections.load(Ordering::SeqCst))
}

fn text(line: &[u8]) -> &str {
    std::str::from_utf8(line).expect("text")
}

/// At a rate that a node, a server and this program pass on, so that a line is missing only where there is a gap; or where a machine
/// is so busy that they cannot.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_at_a_steady_rate() {
    play_alone("steady-logs", async |scene, restart| {
        // 1 MB twice a second, which is more than 10 MiB whenever the node looks.
        let script = "batch=0; until [ -e /tmp/stop ]; do logwriter -lines 1000 -width 1000 -prefix \"at $batch\"; \
             batch=$((batch + 1)); sleep 0.4; done; echo end $batch";
        let total = Cell::new(None);
        let (mut tally, connections) = follow(scene, restart, script, Duration::MAX, |line| {
            let mut words = text(line).split(' ');
            match (words.next()?, words.next()?.parse::<u64>().ok()?) {
                ("end", batch) => {
                    total.set(Some(batch * 1000));
                    Some(batch * 1000)
                }
                ("at", batch) if line.len() == 1000 => Some(batch * 1000 + words.next()?.parse::<u64>().ok()?),
                _ => None,
            }
        })
        .await;
        assert!(total.get().is_some() || tally.is_gap, "the end is missing without a gap\n{tally:#?}");
        tally.end(total.get().map_or(tally.next, |end| end + 1), connections);
        assert_eq!(tally.close_holes, 0, "{tally:#?}");
    })
    .await;
}

/// As fast as a process can write, which is faster than a log is read: the node leaves out whole files, but nothing is missing
/// between connections, and nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_at_full_speed() {
    play_alone("fast-logs", async |scene, restart| {
        let script = "logwriter -lines 0 -width 400 & until [ -e /tmp/stop ]; do sleep 0.1; done; kill $!";
        let (mut tally, connections) = follow(scene, restart, script, Duration::from_secs(20), |line| {
            let line = Some(text(line)).filter(|line| line.len() == 400);
            line?.strip_prefix("line ")?.split(' ').next()?.parse().ok()
        })
        .await;
        // How many there were nobody knows, and what is left can be gigabytes.
        tally.end(tally.next, connections);
    })
    .await;
}

/// Several containers, none of whose files is ever rotated: no line is out of reach, and none is missing.
#[tokio::test(flavor = "multi_thread")]
async fn slow_lines_of_many_containers() {
    play_alone("slow-logs", async |scene, restart| {
        let containers: Vec<_> = (0..5)
            .map(|at| container(&format!("app-{at}"), &["logwriter", "-lines", "0", "-interval", "20ms"]))
            .collect();
        let running = containers.iter().map(|_| json!({"running": {}})).collect::<Vec<_>>();
        scene.start(pod_with("web", json!({"containers": containers}), "Running", &running)).await;
        let mut logs = scene.pods().tail(Tail::new().pod("web").follow());
        let mut next = [0; 5];
        let reading = async {
            loop {
                match logs.try_next().await.unwrap().expect("a stream that goes on") {
                    Event::Line(line) => {
                        let at: usize = line.container().strip_prefix("app-").unwrap().parse().unwrap();
                        assert_eq!(line.text(), format!("line {}", next[at]), "{}", line.container());
                        next[at] += 1;
                    }
                    Event::Started(_) | Event::Interrupted { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        let restarting = async {
            for _ in 0..2 {
                sleep(Duration::from_secs(2)).await;
                restart.run().await;
            }
            sleep(Duration::from_secs(5)).await;
        };
        tokio::select! { () = restarting => (), () = reading => () }
        // And they go on.
        let before = next;
        let reading = async {
            while next.iter().zip(before).any(|(now, before)| *now < before + 10) {
                if let Event::Line(line) = logs.try_next().await.unwrap().expect("a stream that goes on") {
                    let at: usize = line.container().strip_prefix("app-").unwrap().parse().unwrap();
                    assert_eq!(line.text(), format!("line {}", next[at]), "{}", line.container());
                    next[at] += 1;
                }
            }
        };
        timeout(Duration::from_secs(300), reading).await.expect("lines come");
        println!("lines of each: {next:?}");
    })
    .await;
}
