//! Every line once, whatever happens to connections.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault},
    logs::LogExt as _,
};

use super::setup::{api, at, cluster, lines, running, tail};

/// Lines with few different times, of which many are equal, and texts that repeat themselves.
fn noise(random: &mut fastrand::Rng, count: usize) -> Vec<(DateTime<Utc>, Vec<u8>)> {
    let mut time = 0;
    let mut used = BTreeMap::<(i64, Vec<u8>), usize>::new();
    (0..count)
        .map(|number| {
            time += [0, 0, 0, 1, 7, 1200][random.usize(..6)];
            // Stdout and stderr are not quite in order.
            let disorder = random.i64(-20..20);
            let text = match random.u8(..10) {
                0 => b"again".to_vec(),
                1 => vec![],
                2 => format!("ü 漢字 {number}").into_bytes(),
                3 => [b"\xff\xfe".as_slice(), &[random.u8(..); 3]].concat(),
                4 => vec![b'x'; random.usize(..40_000)],
                _ => format!("line {number}").into_bytes(),
            };
            let text: Vec<u8> =
                text.into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }).collect();
            *used.entry((time + disorder, text.clone())).or_default() += 1;
            (at(1_000_000 + time + disorder), text)
        })
        .collect()
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

async fn run(seed: u64, streams: usize, count: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let cluster: FakeCluster = cluster().await;
    let mut written = BTreeMap::new();
    for number in 0..streams {
        let name = format!("web-{number}");
        cluster.apply(&running(&name)).unwrap();
        let lines = noise(&mut random, count);
        written.insert(format!("{name}/app"), lines);
        for nth in 1..=random.u64(..8) {
            let calls = Calls::any().resource("pods/log").name(&name).nth(nth);
            cluster.faults().add(calls, fault(&mut random));
        }
    }
    // Half of it is there, half is written while it is read.
    for (name, lines) in &written {
        let container = cluster.container("default", name.trim_end_matches("/app"), "app");
        let (before, later) = lines.split_at(lines.len() / 2);
        container.log_lines(before.to_vec());
        let later = later.to_vec();
        tokio::spawn(async move {
            for lines in later.chunks(50) {
                container.log_lines(lines.to_vec());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    let follow = tail().follow().silence(Duration::from_millis(300));
    let mut logs = api(&cluster).tail(follow);
    let found = lines(&mut logs, streams * count).await;
    for (name, lines) in written {
        let found = &found[&name];
        let equal = found.iter().zip(&lines).take_while(|(found, (_, line))| *found == line).count();
        if equal != lines.len() {
            for i in equal.saturating_sub(3)..equal + 5 {
                eprintln!("{i} found {:?} written {:?} {:?}", String::from_utf8_lossy(&found[i][..found[i].len().min(20)]), lines[i].0, String::from_utf8_lossy(&lines[i].1[..lines[i].1.len().min(20)]));
            }
        }
        assert!(
            equal == lines.len() && found.len() == lines.len(),
            "seed {seed}: {name}: {} lines, of which {equal} are right",
            found.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_cuts() {
    for seed in std::env::var("SEED").map_or(0..40, |s| { let s = s.parse().unwrap(); s..s + 1 }) {
        run(seed, 4, 300).await;
    }
}
