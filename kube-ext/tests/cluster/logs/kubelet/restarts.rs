//! Containers that start again and again. Each start has a number, which is in a file of the pod.

use std::time::Duration;

use futures::TryStreamExt as _;
use kube_ext::exec::ExitStatus;
use kube_ext::logs::{Event, LogExt as _, Tail};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::until_logged;
use crate::exec::setup::{LIMIT, LONG, Scene, play, pod_with};
use crate::log_node::kubectl_logs;
use crate::logs::setup::{Ask, SOON, check, ours, script};

const LINES: usize = 500;

/// A pod whose container logs the number of its start and of each line, and then does what a script says.
fn starter(then: &str) -> Value {
    let text = format!(
        "start=$(cat /data/start 2> /dev/null || echo 0); echo $((start + 1)) > /data/start; \
         for line in $(seq 1 {LINES}); do echo start $start line $line; done; {then}"
    );
    let mut app = script("app", &text);
    app["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let spec = json!({
        "restartPolicy": "Always", "volumes": [{"name": "data", "emptyDir": {}}], "containers": [app],
    });
    pod_with("web", spec, "Running", &[json!({"running": {}})])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_before_the_last_start() {
    play("previous", LIMIT, async |scene| {
        scene.start(starter("[ $start = 1 ] && exec sleep 100000; exit 3")).await;
        until_logged(scene, "web", "app", &format!("^start 1 line {LINES}$")).await;
        for previous in [true, false] {
            for (prefix, timestamps) in [(false, false), (true, true)] {
                let ask = Ask { prefix, timestamps, previous, ..Ask::default() };
                let expected = kubectl_logs(scene, "web", "app", ask).await;
                assert_eq!(expected.split(|byte| *byte == b'\n').count(), LINES + 1, "{ask:?}");
                check(&format!("{ask:?}"), &ours(scene, "web", "app", ask).await, &expected);
            }
            let ask = Ask { previous, tail: Some(7), ..Ask::default() };
            let expected = kubectl_logs(scene, "web", "app", ask).await;
            check(&format!("{ask:?}"), &ours(scene, "web", "app", ask).await, &expected);
        }
    })
    .await;
}

/// Follows until the last line has come of so many starts, and does something when it has come of each of those before; what it
/// told, without what comes of interruptions.
async fn follow(scene: &Scene, starts: usize, and: impl AsyncFn(usize)) -> Vec<String> {
    let mut logs = scene.pods().tail(Tail::new().pod("web").follow());
    let mut told = Vec::new();
    loop {
        let event = logs.try_next().await.unwrap().expect("a stream that goes on");
        match event {
            Event::Line(line) => told.push(line.text().into_owned()),
            Event::Started(source) => told.push(format!("+ {}", source.restarts)),
            Event::Ended(source) => told.push(format!("- {}", source.restarts)),
            Event::Interrupted { .. } => continue,
            other => told.push(format!("{other:?}")),
        }
        let is_last = |start: &usize| told.last() == Some(&format!("start {start} line {LINES}"));
        match (0..starts).find(is_last) {
            Some(start) if start + 1 == starts => return told,
            Some(start) => and(start).await,
            None => {}
        }
    }
}

fn all_of(starts: usize) -> Vec<String> {
    let lines = |start| (1..=LINES).map(move |line| format!("start {start} line {line}"));
    let mut all = Vec::new();
    for start in 0..starts {
        all.push(format!("+ {start}"));
        all.extend(lines(start));
        all.push(format!("- {start}"));
    }
    all.pop();
    all
}

/// Not `assert_eq`, which would print them.
fn check_told(found: &[String], expected: &[String]) {
    let equal = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let near = |all: &[String]| all[equal.saturating_sub(3)..all.len().min(equal + 3)].to_vec();
    let (near_found, near_expected) = (near(found), near(expected));
    assert!(found == expected, "after {equal}:\nfound    {near_found:#?}\nexpected {near_expected:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_start_once_while_it_crashes() {
    play("crash-loop", LONG, async |scene| {
        // A log is out of reach once the start after the next has begun: each start goes on until its log has been told.
        let go_on = async |start: usize| {
            while !scene.sh(format!("touch /data/go-{start}")).status().await.is_ok_and(ExitStatus::success) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        // It is followed before it is there.
        let following = follow(scene, 4, go_on);
        let starting = async {
            sleep(Duration::from_millis(500)).await;
            scene.create(starter("until [ -e /data/go-$start ]; do sleep 0.1; done; exit 1")).await;
        };
        let (told, ()) = futures::future::join(following, starting).await;
        check_told(&told, &all_of(4));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_and_what_comes() {
    play("crashed", LONG, async |scene| {
        // Of the starts before, a node has one.
        scene.start(starter("[ $start = 2 ] && exec sleep 100000; sleep 2; exit 1")).await;
        until_logged(scene, "web", "app", &format!("^start 2 line {LINES}$")).await;
        let told = timeout(SOON, follow(scene, 3, async |_| ())).await.expect("in time");
        let expected: Vec<_> = all_of(3).into_iter().skip(2 * (LINES + 2)).collect();
        check_told(&told, &expected);
    })
    .await;
}
