//! Two outputs through one connection, read in every order: all of both arrives, and so does the exit code.
use std::time::Duration;

use futures::future::join;
use kube_ext::{
    exec::{Child, ChildStderr, ChildStdout},
    fake::{Exit, FakeCluster, Process},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    time::timeout,
};

use super::setup::{MIB, cluster_with, command, drain, noise, pods, within, within_minutes};

/// Enough for every pipe and window on the way to be full.
const SOME: usize = 4 * MIB;
const MUCH: usize = 64 * MIB;

/// What the process with this argument writes.
fn truth(size: usize) -> [Vec<u8>; 2] {
    [noise(size, 1), noise(size, 2)]
}

/// Writes in pieces of all sizes.
async fn write(mut output: impl AsyncWrite + Unpin, bytes: Vec<u8>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let most = *random.choice(&[10, 1000, 10_000, 200_000]).unwrap();
        let (piece, after) = rest.split_at(random.usize(1..=most).min(rest.len()));
        // A client that is gone reads nothing.
        if output.write_all(piece).await.is_err() {
            return;
        }
        rest = after;
    }
}

async fn cluster() -> FakeCluster {
    cluster_with(async |process: Process| {
        let [stdout, stderr] = truth(process.argv()[1].parse().unwrap());
        join(write(process.stdout, stdout, 3), write(process.stderr, stderr, 4)).await;
        Exit::code(7)
    })
    .await
}

async fn spawn(cluster: &FakeCluster, size: usize) -> Child {
    let command = command(&pods(cluster)).arg(size.to_string());
    within(command.spawn()).await.unwrap()
}

fn take(child: &mut Child) -> (ChildStdout, ChildStderr) {
    (child.stdout.take().unwrap(), child.stderr.take().unwrap())
}

async fn whole(stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let (bytes, end) = within_minutes(drain(stream)).await;
    end.unwrap();
    bytes
}

async fn code(child: &mut Child) -> i32 {
    within_minutes(child.wait()).await.unwrap().code()
}

/// As `assert_eq`, which would print all of it.
#[allow(clippy::needless_pass_by_value, reason = "as assert_eq")]
fn assert_same(read: [Vec<u8>; 2], size: usize) {
    let truth = truth(size);
    let lengths = [read[0].len(), read[1].len()];
    assert!(read == truth, "read {lengths:?} of {size}, or other bytes");
}

#[tokio::test]
async fn both_at_once() {
    let cluster = cluster().await;
    for size in [0, 1, SOME, MUCH] {
        let mut child = spawn(&cluster, size).await;
        let (stdout, stderr) = take(&mut child);
        let (stdout, stderr) = join(whole(stdout), whole(stderr)).await;
        assert_same([stdout, stderr], size);
        assert_eq!(code(&mut child).await, 7);
    }
}

#[tokio::test]
async fn collected() {
    let cluster = cluster().await;
    for size in [SOME, MUCH] {
        let command = command(&pods(&cluster)).arg(size.to_string());
        let output = within_minutes(command.output()).await.unwrap();
        assert_same([output.stdout, output.stderr], size);
        assert_eq!(output.status.code(), 7);
        assert_eq!(within_minutes(command.status()).await.unwrap().code(), 7);
    }
}

#[tokio::test]
async fn in_two_tasks() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    let (stdout, stderr) = take(&mut child);
    let (stdout, stderr) = (tokio::spawn(whole(stdout)), tokio::spawn(whole(stderr)));
    assert_eq!(code(&mut child).await, 7);
    assert_same([stdout.await.unwrap(), stderr.await.unwrap()], SOME);
}

#[tokio::test]
async fn stdout_and_then_stderr() {
    let cluster = cluster().await;
    for size in [SOME, MUCH] {
        let mut child = spawn(&cluster, size).await;
        let (stdout, stderr) = take(&mut child);
        let stdout = whole(stdout).await;
        assert_same([stdout, whole(stderr).await], size);
        assert_eq!(code(&mut child).await, 7);
    }
}

#[tokio::test]
async fn stderr_and_then_stdout() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    let (stdout, stderr) = take(&mut child);
    let stderr = whole(stderr).await;
    assert_same([whole(stdout).await, stderr], SOME);
    assert_eq!(code(&mut child).await, 7);
}

#[tokio::test]
async fn a_bit_of_one_and_then_the_other() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    let (mut stdout, stderr) = take(&mut child);
    let mut first = vec![0; 1000];
    within(stdout.read_exact(&mut first)).await.unwrap();
    let stderr = whole(stderr).await;
    assert_same([[first, whole(stdout).await].concat(), stderr], SOME);
    assert_eq!(code(&mut child).await, 7);
}

#[tokio::test]
async fn line_by_line_in_turns() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    let (stdout, stderr) = take(&mut child);
    let (mut stdout, mut stderr) = (BufReader::new(stdout), BufReader::new(stderr));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let both = async {
        loop {
            let one = stdout.read_until(b'\n', &mut out).await.unwrap();
            let other = stderr.read_until(b'\n', &mut err).await.unwrap();
            if one + other == 0 {
                break;
            }
        }
    };
    within(both).await;
    assert_same([out, err], SOME);
    assert_eq!(code(&mut child).await, 7);
}

#[tokio::test]
async fn wait_and_then_read() {
    let cluster = cluster().await;
    for size in [0, SOME, MUCH] {
        let mut child = spawn(&cluster, size).await;
        assert_eq!(code(&mut child).await, 7);
        let (stdout, stderr) = take(&mut child);
        let stderr = whole(stderr).await;
        assert_same([whole(stdout).await, stderr], size);
    }
}

/// Who asks for the end now and then waits for it.
#[tokio::test]
async fn try_wait_again_and_again() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    let status = async {
        loop {
            match child.try_wait().unwrap() {
                Some(status) => return status,
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    assert_eq!(within(status).await.code(), 7);
    let (stdout, stderr) = take(&mut child);
    assert_same([whole(stdout).await, whole(stderr).await], SOME);
}

#[tokio::test]
async fn take_and_wait_and_read() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    let (stdout, stderr) = take(&mut child);
    assert_eq!(code(&mut child).await, 7);
    assert_eq!(child.try_wait().unwrap().unwrap().code(), 7);
    drop(child);
    // What has arrived stays.
    let stdout = whole(stdout).await;
    assert_same([stdout, whole(stderr).await], SOME);
}

#[tokio::test]
async fn one_dropped() {
    let cluster = cluster().await;
    let [out, err] = truth(SOME);
    let mut child = spawn(&cluster, SOME).await;
    drop(child.stdout.take());
    assert!(whole(child.stderr.take().unwrap()).await == err);
    assert_eq!(code(&mut child).await, 7);

    // After some of it.
    let mut child = spawn(&cluster, SOME).await;
    let (stdout, mut stderr) = take(&mut child);
    within(stderr.read_exact(&mut [0; 1000])).await.unwrap();
    drop(stderr);
    assert!(whole(stdout).await == out);
    assert_eq!(code(&mut child).await, 7);

    // While it is full.
    let mut child = spawn(&cluster, SOME).await;
    let (stdout, stderr) = take(&mut child);
    let full = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(stderr);
    };
    assert!(join(whole(stdout), full).await.0 == out);
    assert_eq!(code(&mut child).await, 7);
}

#[tokio::test]
async fn both_dropped() {
    let cluster = cluster().await;
    let mut child = spawn(&cluster, SOME).await;
    drop(take(&mut child));
    assert_eq!(code(&mut child).await, 7);
}

#[tokio::test]
async fn one_never_taken() {
    let cluster = cluster().await;
    let [out, err] = truth(SOME);
    let mut child = spawn(&cluster, SOME).await;
    assert!(whole(child.stdout.take().unwrap()).await == out);
    assert_eq!(code(&mut child).await, 7);
    let mut child = spawn(&cluster, SOME).await;
    assert!(whole(child.stderr.as_mut().unwrap()).await == err);
    assert_eq!(code(&mut child).await, 7);
    assert!(whole(child.stdout.take().unwrap()).await == out);
}

/// Reads as chance will have it: now from one, now from the other, with pauses, giving up reads and waits in the middle.
async fn read_at_random(child: &mut Child, seed: u64) -> [Vec<u8>; 2] {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut stdout, mut stderr) = take(child);
    let mut read = [Vec::new(), Vec::new()];
    let mut open = [true, true];
    let mut buffer = vec![0; 300_000];
    while open.contains(&true) {
        let which = random.usize(0..2);
        let room = random.usize(1..=300_000);
        let patience = Duration::from_millis(random.u64(1..=20));
        let stream: &mut (dyn AsyncRead + Unpin) = if which == 0 { &mut stdout } else { &mut stderr };
        if let Ok(count) = timeout(patience, stream.read(&mut buffer[..room])).await {
            let count = count.unwrap();
            open[which] = count > 0;
            read[which].extend_from_slice(&buffer[..count]);
        }
        match random.u8(0..100) {
            0 => tokio::time::sleep(patience).await,
            1 => {
                let _ = timeout(patience, child.wait()).await;
            }
            _ => (),
        }
    }
    read
}

#[tokio::test]
async fn at_random() {
    let cluster = cluster().await;
    for seed in 0..8 {
        let mut child = spawn(&cluster, SOME).await;
        let read = within(read_at_random(&mut child, seed)).await;
        assert_same(read, SOME);
        assert_eq!(code(&mut child).await, 7, "seed {seed}");
    }
}
