//! Much output, whoever reads it when.

use std::{sync::LazyLock, time::Duration};

use futures::future::join_all;
use kube_ext::exec::{Child, ChildStderr, ChildStdout, ExitStatus, Stdio};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::sleep,
};

use super::setup::{LONG, Scene, play, until_told};

/// `seq 1000000 9388607`, 64 MiB, no two pieces of which are alike.
static UP: LazyLock<Vec<u8>> = LazyLock::new(|| lines(1_000_000..=9_388_607));
/// The same lines from the last to the first.
static DOWN: LazyLock<Vec<u8>> = LazyLock::new(|| lines((1_000_000..=9_388_607).rev()));

fn lines(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut lines = Vec::with_capacity(64 << 20);
    for number in numbers {
        let mut line = *b"0000000\n";
        let mut rest = number;
        for digit in line[..7].iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap();
            rest /= 10;
        }
        lines.extend_from_slice(&line);
    }
    assert_eq!(lines.len(), 64 << 20);
    lines
}

/// Writes both at once and ends with code 3.
const BOTH: &str = "seq 1000000 9388607 & seq 9388607 -1 1000000 >&2 & wait; wait; exit 3";

async fn start(scene: &Scene) -> (Child, ChildStdout, ChildStderr) {
    let mut child = scene.sh(BOTH).spawn().await.unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    (child, stdout, stderr)
}

async fn all(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 << 20);
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Not `assert_eq`, which would print them.
fn check(name: &str, found: &[u8], expected: &[u8]) {
    let equal = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    assert!(found == expected, "{name}: {} bytes, the first {equal} of which are right", found.len());
}

/// What both outputs had in all.
async fn whole(play: impl AsyncFn() -> (Vec<u8>, Vec<u8>, ExitStatus)) -> (Vec<u8>, Vec<u8>) {
    let is_part = |(out, err): &(Vec<u8>, Vec<u8>)| UP.starts_with(out) && DOWN.starts_with(err);
    until_told(is_part, async || {
        let (out, err, status) = play().await;
        ((out, err), status)
    })
    .await
}

async fn check_whole(play: impl AsyncFn() -> (Vec<u8>, Vec<u8>, ExitStatus)) {
    let (out, err) = whole(play).await;
    check("stdout", &out, &UP);
    check("stderr", &err, &DOWN);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_times_64_mib_at_once() {
    play("both", LONG, async |scene| {
        scene.start_web().await;
        check_whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            let (out, err, status) = tokio::join!(all(stdout), all(stderr), child.wait());
            (out, err, status.unwrap())
        })
        .await;
        // That is exactly as much as is kept.
        check_whole(async || {
            let output = scene.sh(BOTH).output().await.unwrap();
            (output.stdout, output.stderr, output.status)
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other() {
    play("stdout-first", LONG, async |scene| {
        scene.start_web().await;
        check_whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            let out = all(stdout).await;
            (out, all(stderr).await, child.wait().await.unwrap())
        })
        .await;
        check_whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            let err = all(stderr).await;
            (all(stdout).await, err, child.wait().await.unwrap())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end() {
    play("wait-first", LONG, async |scene| {
        scene.start_web().await;
        check_whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            let status = child.wait().await.unwrap();
            drop(child);
            let err = all(stderr).await;
            (all(stdout).await, err, status)
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone() {
    let none = Vec::new;
    play("one-alone", LONG, async |scene| {
        scene.start_web().await;
        let (out, err) = whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            drop(stdout);
            (none(), all(stderr).await, child.wait().await.unwrap())
        })
        .await;
        check("stdout", &out, b"");
        check("stderr", &err, &DOWN);

        let (out, _) = whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            drop(stderr);
            (all(stdout).await, none(), child.wait().await.unwrap())
        })
        .await;
        check("stdout", &out, &UP);

        // Nothing of either is wanted.
        whole(async || {
            let (mut child, stdout, stderr) = start(scene).await;
            drop((stdout, stderr));
            (none(), none(), child.wait().await.unwrap())
        })
        .await;
        whole(async || (none(), none(), scene.sh(BOTH).status().await.unwrap())).await;

        // It is not even asked for.
        let (out, err) = whole(async || {
            let output = scene.sh(BOTH).stderr(Stdio::Null).output().await.unwrap();
            (output.stdout, output.stderr, output.status)
        })
        .await;
        check("stdout", &out, &UP);
        check("stderr", &err, b"");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_loses_nothing() {
    play("slow", LONG, async |scene| {
        scene.start_web().await;
        let (out, _) = whole(async || {
            let (mut child, mut stdout, stderr) = start(scene).await;
            drop(stderr);
            let (mut found, mut reads) = (Vec::with_capacity(64 << 20), 0);
            while stdout.read_buf(&mut found).await.unwrap() > 0 {
                reads += 1;
                if reads % 500 == 0 {
                    sleep(Duration::from_millis(20)).await;
                }
            }
            (found, Vec::new(), child.wait().await.unwrap())
        })
        .await;
        check("stdout", &out, &UP);
    })
    .await;
}

/// What waits on a node when a process ends may be lost there: so nothing does, however late its reader is.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_pauses_loses_nothing() {
    play("pauses", LONG, async |scene| {
        scene.start_web().await;
        let pauses = (4..=44).step_by(4).map(async |quarters: usize| {
            let size = quarters << 18;
            let (out, _) = whole(async || {
                let script = format!("seq 1000000 9388607 | head -c {size}; exit 3");
                let mut child = scene.sh(script).spawn().await.unwrap();
                let stdout = child.stdout.take().unwrap();
                // As long as some pings take, of this and of the node.
                sleep(Duration::from_secs(21)).await;
                (all(stdout).await, Vec::new(), child.wait().await.unwrap())
            })
            .await;
            check("stdout", &out, &UP[..size]);
        });
        join_all(pauses).await;
    })
    .await;
}
