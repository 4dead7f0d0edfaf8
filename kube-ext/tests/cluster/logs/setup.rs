//! What is asked for, of kubectl and of a stream.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use kube_ext::logs::{Event, Format, LogExt as _, LogLine, LogStream, Tail};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;
use crate::exec::setup::{Scene, container};

/// How long a line may take that is sure to come. Generous: the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(300);

/// A script as a container.
pub(crate) fn script(name: &str, script: &str) -> Value {
    container(name, &["sh", "-c", script])
}

/// What to print of a log, in words of kubectl.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) prefix: bool,
    pub(crate) timestamps: bool,
    pub(crate) previous: bool,
    pub(crate) tail: Option<u64>,
    pub(crate) since: Option<Duration>,
    /// In whole seconds.
    pub(crate) since_time: Option<DateTime<Utc>>,
    pub(crate) limit_bytes: Option<u64>,
}

impl Ask {
    pub(crate) fn format(self) -> Format {
        let mut format = Format::kubectl();
        if self.prefix {
            format = format.prefix();
        }
        if self.timestamps {
            format = format.timestamps();
        }
        format
    }

    pub(crate) fn tail(self) -> Tail {
        let mut tail = Tail::new();
        if self.previous {
            tail = tail.previous();
        }
        if let Some(lines) = self.tail {
            tail = tail.tail_lines(lines);
        }
        if let Some(ago) = self.since {
            tail = tail.since(ago);
        }
        if let Some(time) = self.since_time {
            tail = tail.since_time(time);
        }
        if let Some(bytes) = self.limit_bytes {
            tail = tail.limit_bytes(bytes);
        }
        tail
    }
}

/// All lines of a stream; nothing else may come but what is said of the beginning and the end of a log, and that a busy node has
/// not answered.
pub(crate) async fn lines(logs: LogStream) -> Vec<LogLine> {
    let lines = logs.try_filter_map(async |event| match event {
        Event::Line(line) => Ok(Some(line)),
        Event::Started(_) | Event::Ended(_) => Ok(None),
        Event::Interrupted { .. } if Cluster::HAS_NODE => Ok(None),
        other => panic!("{other:?}"),
    });
    lines.try_collect().await.expect("a stream without an error")
}

/// Lines as they are printed.
pub(crate) fn print<'a>(format: Format, lines: impl IntoIterator<Item = &'a LogLine>) -> Vec<u8> {
    let mut printed = Vec::new();
    lines.into_iter().for_each(|line| format.append(line, &mut printed));
    printed
}

/// What a stream makes of a container's log.
pub(crate) async fn ours(scene: &Scene, pod: &str, container: &str, ask: Ask) -> Vec<u8> {
    let logs = scene.pods().tail(ask.tail().pod(pod).container(container));
    print(ask.format(), &lines(logs).await)
}

/// All lines of a pod, once there are so many. A node reads each output for itself, and can write the last lines after the end of a
/// container: no line tells that another one is there.
pub(crate) async fn all_lines(scene: &Scene, pod: &str, count: usize) -> Vec<LogLine> {
    let reading = async {
        loop {
            let all = lines(scene.pods().tail(Tail::new().pod(pod))).await;
            if all.len() >= count {
                return all;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, reading).await.unwrap_or_else(|_| panic!("no {count} lines after {SOON:?}"))
}

/// Not `assert_eq`, which would print them.
pub(crate) fn check(what: &str, found: &[u8], expected: &[u8]) {
    let equal = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let near = |text: &[u8]| {
        let near = &text[equal.saturating_sub(100)..text.len().min(equal + 100)];
        near.escape_ascii().to_string()
    };
    assert!(
        found == expected,
        "{what}: {} bytes, expected {}; the first {equal} are right\nfound    {}\nexpected {}",
        found.len(),
        expected.len(),
        near(found),
        near(expected),
    );
}
