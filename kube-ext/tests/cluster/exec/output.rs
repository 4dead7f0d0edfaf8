//! Much output, whoever reads it when.

use std::{sync::LazyLock, time::Duration};

use futures::future::join_all;
use kube_ext::exec::{Child, ChildStderr, ChildStdout, Stdio};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::sleep,
};

use super::setup::{LONG, Scene, play};

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

#[tokio::test(flavor = "multi_thread")]
async fn two_times_64_mib_at_once() {
    play("both", LONG, async |scene| {
        scene.start_web().await;
        let (mut child, stdout, stderr) = start(scene).await;
        let (out, err, status) = tokio::join!(all(stdout), all(stderr), child.wait());
        check("stdout", &out, &UP);
        check("stderr", &err, &DOWN);
        assert_eq!(status.unwrap().code(), 3);

        // That is exactly as much as is kept.
        let output = scene.sh(BOTH).output().await.unwrap();
        check("stdout", &output.stdout, &UP);
        check("stderr", &output.stderr, &DOWN);
        assert_eq!(output.status.code(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other() {
    play("stdout-first", LONG, async |scene| {
        scene.start_web().await;
        let (mut child, stdout, stderr) = start(scene).await;
        check("stdout", &all(stdout).await, &UP);
        check("stderr", &all(stderr).await, &DOWN);
        assert_eq!(child.wait().await.unwrap().code(), 3);

        let (mut child, stdout, stderr) = start(scene).await;
        check("stderr", &all(stderr).await, &DOWN);
        check("stdout", &all(stdout).await, &UP);
        assert_eq!(child.wait().await.unwrap().code(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end() {
    play("wait-first", LONG, async |scene| {
        scene.start_web().await;
        let (mut child, stdout, stderr) = start(scene).await;
        assert_eq!(child.wait().await.unwrap().code(), 3);
        drop(child);
        check("stderr", &all(stderr).await, &DOWN);
        check("stdout", &all(stdout).await, &UP);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone() {
    play("one-alone", LONG, async |scene| {
        scene.start_web().await;
        let (mut child, stdout, stderr) = start(scene).await;
        drop(stdout);
        check("stderr", &all(stderr).await, &DOWN);
        assert_eq!(child.wait().await.unwrap().code(), 3);

        let (mut child, stdout, stderr) = start(scene).await;
        drop(stderr);
        check("stdout", &all(stdout).await, &UP);
        assert_eq!(child.wait().await.unwrap().code(), 3);

        // Nothing of either is wanted.
        let (mut child, stdout, stderr) = start(scene).await;
        drop((stdout, stderr));
        assert_eq!(child.wait().await.unwrap().code(), 3);
        assert_eq!(scene.sh(BOTH).status().await.unwrap().code(), 3);

        // It is not even asked for.
        let output = scene.sh(BOTH).stderr(Stdio::Null).output().await.unwrap();
        check("stdout", &output.stdout, &UP);
        check("stderr", &output.stderr, b"");
        assert_eq!(output.status.code(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_loses_nothing() {
    play("slow", LONG, async |scene| {
        scene.start_web().await;
        let (mut child, mut stdout, stderr) = start(scene).await;
        drop(stderr);
        let (mut found, mut reads) = (Vec::with_capacity(64 << 20), 0);
        while stdout.read_buf(&mut found).await.unwrap() > 0 {
            reads += 1;
            if reads % 500 == 0 {
                sleep(Duration::from_millis(20)).await;
            }
        }
        check("stdout", &found, &UP);
        assert_eq!(child.wait().await.unwrap().code(), 3);
    })
    .await;
}

/// What waits on a node when a process ends may be lost there, and is told as a success: so nothing does.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_pauses_loses_nothing() {
    play("pauses", LONG, async |scene| {
        scene.start_web().await;
        let all = (4..=44).step_by(4).map(async |quarters: usize| {
            let size = quarters << 18;
            let script = format!("seq 1000000 9388607 | head -c {size}; exit 3");
            let mut child = scene.sh(script).spawn().await.unwrap();
            let mut stdout = child.stdout.take().unwrap();
            // As long as some pings take, of this and of the node.
            sleep(Duration::from_secs(21)).await;
            let mut found = Vec::with_capacity(size);
            stdout.read_to_end(&mut found).await.unwrap();
            check("stdout", &found, &UP[..size]);
            assert_eq!(child.wait().await.unwrap().code(), 3);
        });
        join_all(all).await;
    })
    .await;
}
