//! Every line once, whatever happens to connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault},
    logs::{Event, LogExt as _},
};

use super::setup::{Now, api, at, cluster, lines, next, pod, running, tail, within};

/// Lines with few different times, of which many are equal, and texts that repeat themselves.
fn noise(random: &mut fastrand::Rng, count: usize) -> Vec<(DateTime<Utc>, Vec<u8>)> {
    let mut time = 1_000_000;
    let line = |number| {
        time += [0, 0, 0, 1, 7, 1200][random.usize(..6)];
        let text = match random.u8(..10) {
            0 => b"again".to_vec(),
            1 => Vec::new(),
            2 => format!("ü 漢字 {number}").into_bytes(),
            3 => b"\xff\xfe".repeat(random.usize(..5)),
            4 if random.u8(..10) == 0 => vec![b'x'; random.usize(..40_000)],
            _ => format!("line {number}").into_bytes(),
        };
        // Stdout and stderr are not quite in order.
        (at(time + random.i64(-20..20)), text)
    };
    (0..count).map(line).collect()
}

/// Whatever a connection may suffer.
fn fault(random: &mut fastrand::Rng) -> Fault {
    let bytes = random.u64(..60_000);
    match random.u8(..12) {
        0 => Fault::cut_after_bytes(0),
        1 | 2 => Fault::cut_after_bytes(bytes),
        3 => Fault::cut_after_bytes(bytes).cleanly(),
        4 => Fault::cut_after_events(random.u64(..50)),
        5 => Fault::cut_after_events(random.u64(..50)).cleanly(),
        6 => Fault::drop_connection(),
        7 => Fault::too_many_requests(Duration::ZERO),
        8 => Fault::internal_error("no luck"),
        9 => Fault::unavailable(),
        10 => Fault::cut_after_bytes(bytes).stalling(),
        _ => Fault::text(502, "bad gateway"),
    }
}

/// Streams that are written and read at once, and cut here and there; some of their containers start again.
async fn run(seed: u64, streams: usize, count: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let cluster: FakeCluster = cluster().await;
    let mut written = BTreeMap::new();
    for number in 0..streams {
        let name = format!("web-{number}");
        cluster.apply(&running(&name)).unwrap();
        let lines = noise(&mut random, count);
        written.insert(format!("{name}/app"), lines);
        for nth in 1..=random.u64(..6) {
            let calls = Calls::any().resource("pods/log").name(&name).nth(nth);
            cluster.faults().add(calls, fault(&mut random));
        }
    }
    // Some is there before it is read.
    for (name, lines) in &written {
        let there = lines.len() / 3;
        cluster.container("default", name.trim_end_matches("/app"), "app").log_lines(lines[..there].to_vec());
    }
    let follow = tail().follow().silence(Duration::from_secs(2));
    let mut logs = api(&cluster).tail(follow);
    // From here on the pods are known, so that none of their starts is missed.
    let first = within(logs.next()).await.unwrap();
    let begun = Arc::new(Mutex::new(BTreeSet::new()));
    let begins = begun.clone();
    let mut logs = stream::iter([first]).chain(logs).inspect(move |event| {
        if let Ok(Event::Line(line)) = event {
            begins.lock().unwrap().insert(line.pod().to_owned());
        }
    });

    let cluster = Arc::new(cluster);
    let mut writers = Vec::new();
    for (name, mut lines) in written.clone() {
        lines.drain(..lines.len() / 3);
        let (cluster, begun, seed) = (cluster.clone(), begun.clone(), random.u64(..));
        writers.push(tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let name = name.trim_end_matches("/app");
            let container = cluster.container("default", name, "app");
            let restart = random.bool().then(|| random.usize(1..lines.len()));
            for (at, lines) in lines.chunks(25).enumerate() {
                container.log_lines(lines.to_vec());
                if restart.is_some_and(|restart| restart / 25 == at) {
                    // A start of which nothing has been read when the next one comes may come behind that.
                    while !begun.lock().unwrap().contains(name) {
                        sleep(5).await;
                    }
                    container.restart();
                    // The status comes a little later.
                    sleep(random.u64(..20)).await;
                    cluster.apply(&pod(name, &[("app", Now::Running, 1)])).unwrap();
                }
                sleep(random.u64(..4)).await;
            }
        }));
    }
    let found = lines(&mut logs, streams * count).await;
    for writer in writers {
        writer.await.unwrap();
    }
    for (name, lines) in written {
        let found = &found[&name];
        let equal = found.iter().zip(&lines).take_while(|(found, (_, line))| *found == line).count();
        let is_right = equal == lines.len() && found.len() == lines.len();
        assert!(is_right, "seed {seed}: {name}: {} lines, of which the first {equal} are right", found.len());
    }
    // And nothing more.
    let more = tokio::time::timeout(Duration::from_millis(100), async {
        while let Some(event) = logs.next().await {
            if let Event::Line(line) = event.unwrap() {
                return line;
            }
        }
        panic!("the end")
    });
    if let Ok(line) = more.await {
        panic!("seed {seed}: once more: {line:?}");
    }
}

async fn sleep(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// A million lines in all: 200 runs over 20 streams.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_lines_in_two_hundred_runs() {
    let seeds = match std::env::var("KUBE_EXT_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..200).collect(),
    };
    stream::iter(seeds)
        .for_each_concurrent(8, async |seed| {
            assert!(tokio::spawn(run(seed, 20, 250)).await.is_ok(), "KUBE_EXT_TEST_SEED={seed}");
        })
        .await;
}

/// The node answers for a start that the pod's status does not tell of yet.
#[tokio::test]
async fn a_start_that_the_status_does_not_tell_of_yet() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    let first: Vec<_> = (0..5).map(|number| (at(1000 * number), format!("first {number}"))).collect();
    let second: Vec<_> = (10..15).map(|number| (at(1000 * number), format!("second {number}"))).collect();
    app.log_lines(first.clone());
    app.restart();
    app.log_lines(second.clone());
    cluster.faults().add(Calls::any().resource("pods/log").nth(1), Fault::cut_after_events(3));
    let mut logs = api(&cluster).tail(tail().follow());
    let found = lines(&mut logs, 3).await;
    cluster.apply(&pod("web-0", &[("app", Now::Running, 1)])).unwrap();
    let more = lines(&mut logs, 7).await;
    let mut all: Vec<_> = [&found["web-0/app"][..], &more["web-0/app"]].concat();
    all.sort();
    let expected: Vec<_> = first.into_iter().chain(second).map(|(_, line)| line.into_bytes()).collect();
    assert_eq!(all, expected);
    assert!(tokio::time::timeout(Duration::from_millis(500), logs.next()).await.is_err());
}

/// For however long it does not: lines of the next start are none of the one before, and nothing is missing.
#[tokio::test]
async fn a_status_that_is_late() {
    let cluster = cluster().await;
    cluster.apply(&running("web-0")).unwrap();
    let app = cluster.container("default", "web-0", "app");
    app.log("first life");
    let mut logs = api(&cluster).tail(tail().follow());
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 0", "web-0/app: first life"]);
    app.log("its end");
    app.restart();
    app.log("second life");
    assert_eq!(next(&mut logs, 2).await, ["web-0/app: its end", "- web-0/app 0"]);
    assert!(tokio::time::timeout(Duration::from_secs(3), logs.next()).await.is_err());
    cluster.apply(&pod("web-0", &[("app", Now::Running, 1)])).unwrap();
    assert_eq!(next(&mut logs, 2).await, ["+ web-0/app 1", "web-0/app: second life"]);
}
