//! What a process reads: all of it, its end, and what happens when it does not want it.
use std::{collections::hash_map::DefaultHasher, hash::Hasher as _, io::ErrorKind, time::Duration};

use futures::future::join;
use kube_ext::{
    exec::{Cause, Stdio},
    fake::{Exit, FakeCluster, Process},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::setup::{MIB, cluster_with, command, drain, noise, pods, until, within, within_minutes};

fn hash(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}

/// Tells the length and the hash of its input.
async fn hash_of_stdin(mut process: Process) -> Exit {
    let mut input = Vec::new();
    let _ = process.stdin.read_to_end(&mut input).await;
    let line = format!("{} {}", input.len(), hash(&input));
    let _ = process.stdout.write_all(line.as_bytes()).await;
    Exit::SUCCESS
}

async fn cat(mut process: Process) -> Exit {
    match tokio::io::copy(&mut process.stdin, &mut process.stdout).await {
        Ok(_) => Exit::SUCCESS,
        Err(_) => Exit::code(1),
    }
}

#[tokio::test]
async fn all_of_it_arrives() {
    let cluster = cluster_with(hash_of_stdin).await;
    for size in [0, 1, 65_534, 65_535, 65_536, MIB + 1, 64 * MIB] {
        let input = noise(size, 1);
        let told = format!("{size} {}", hash(&input));
        let output = within_minutes(command(&pods(&cluster)).input(input).output()).await.unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), told);
    }
}

#[tokio::test]
async fn in_pieces_of_any_size() {
    let cluster = cluster_with(hash_of_stdin).await;
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let input = noise(3 * MIB, seed);
        let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let write = async {
            let mut rest = input.as_slice();
            while !rest.is_empty() {
                let most = *random.choice(&[10, 1000, 100_000]).unwrap();
                let (piece, after) = rest.split_at(random.usize(1..=most).min(rest.len()));
                stdin.write_all(piece).await.unwrap();
                if random.u8(..) < 20 {
                    stdin.flush().await.unwrap();
                }
                rest = after;
            }
            // Half of them by shutdown, half by drop.
            if seed % 2 == 0 {
                stdin.shutdown().await.unwrap();
                // As with any closed pipe.
                assert_eq!(stdin.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
                stdin.shutdown().await.unwrap();
            }
            drop(stdin);
        };
        let ((), (stdout, end)) = within(join(write, drain(child.stdout.take().unwrap()))).await;
        end.unwrap();
        assert_eq!(String::from_utf8(stdout).unwrap(), format!("{} {}", input.len(), hash(&input)));
        assert!(within(child.wait()).await.unwrap().success());
    }
}

#[tokio::test]
async fn bytes_are_bytes() {
    let cluster = cluster_with(async |mut process: Process| {
        let mut input = Vec::new();
        process.stdin.read_to_end(&mut input).await.unwrap();
        process.stdout.write_all(&input).await.unwrap();
        input.reverse();
        process.stderr.write_all(&input).await.unwrap();
        Exit::SUCCESS
    })
    .await;
    let mut all: Vec<u8> = (0..=255).collect();
    let no_text = [&b"\xff\xfe\xc3\x28\r\n\0\x1a\x04\x03"[..], &noise(100_000, 7)].concat();
    for input in [all.clone(), no_text] {
        let output = within(command(&pods(&cluster)).input(input.clone()).output()).await.unwrap();
        assert!(output.stdout == input);
        all = input.into_iter().rev().collect();
        assert!(output.stderr == all);
    }
}

#[tokio::test]
async fn both_ways_at_once() {
    let cluster = cluster_with(cat).await;
    let input = noise(32 * MIB, 2);
    let output = within_minutes(command(&pods(&cluster)).input(input.clone()).output()).await.unwrap();
    assert!(output.status.success() && output.stdout == input);

    // Written first and read then, in one task: what comes back has a place to stay.
    let input = noise(8 * MIB, 3);
    let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    within(stdin.write_all(&input)).await.unwrap();
    drop(stdin);
    let (stdout, end) = within(drain(child.stdout.take().unwrap())).await;
    end.unwrap();
    assert!(stdout == input);
    assert!(within(child.wait()).await.unwrap().success());
}

/// A `true` with more input than fits into any pipe. It ends with its exit code, whatever becomes of the input.
#[tokio::test]
async fn nobody_wants_it() {
    let cluster = cluster_with(async |process: Process| Exit::code(process.argv()[1].parse().unwrap())).await;
    let pods = pods(&cluster);
    let input = noise(64 * MIB, 4);
    for code in 0..50 {
        let command = command(&pods).arg(code.to_string()).input(input.clone());
        let status = if code % 2 == 0 {
            within_minutes(command.output()).await.unwrap().status
        } else {
            within_minutes(command.status()).await.unwrap()
        };
        assert_eq!(status.code(), code);
    }
    until(|| cluster.open_streams() == 0).await;
}

/// `head -c 10`: some is read, and then no more.
#[tokio::test]
async fn some_of_it_is_wanted() {
    let cluster = cluster_with(async |mut process: Process| {
        let mut some = [0; 10];
        process.stdin.read_exact(&mut some).await.unwrap();
        drop(process.stdin);
        // What is written now is written into nothing.
        tokio::time::sleep(Duration::from_millis(50)).await;
        process.stdout.write_all(&some).await.unwrap();
        Exit::code(3)
    })
    .await;
    let input = noise(16 * MIB, 5);
    let output = within(command(&pods(&cluster)).input(input.clone()).output()).await.unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (3, &input[..10]));
}

#[tokio::test]
async fn after_the_end_of_the_process() {
    let cluster = cluster_with(async |_| Exit::code(7)).await;
    let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
    let error = within(stdin.write_all(b"hello?")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::BrokenPipe, "the process has ended: exit code 7")
    );
    // It had nothing to flush.
    within(stdin.flush()).await.unwrap();
}

/// Has a process that reads nothing, until it is told to, and then all.
async fn asleep() -> (FakeCluster, std::sync::Arc<tokio::sync::Notify>) {
    let wake = std::sync::Arc::new(tokio::sync::Notify::new());
    let woken = wake.clone();
    let cluster = cluster_with(move |process: Process| {
        let woken = woken.clone();
        async move {
            woken.notified().await;
            hash_of_stdin(process).await
        }
    })
    .await;
    (cluster, wake)
}

#[tokio::test]
async fn a_process_that_does_not_read_holds_up_the_writer() {
    let (cluster, wake) = asleep().await;
    let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = noise(48 * MIB, 6);
    let mut written = 0;
    // Until nothing more is taken.
    while let Ok(count) = tokio::time::timeout(Duration::from_secs(2), stdin.write(&input[written..])).await {
        written += count.unwrap();
        assert!(written < input.len() / 2, "{written} bytes have been taken by nobody");
    }
    tokio::time::timeout(Duration::from_secs(2), stdin.flush()).await.unwrap_err();
    wake.notify_one();
    within(stdin.flush()).await.unwrap();
    within(stdin.write_all(&input[written..])).await.unwrap();
    within(stdin.shutdown()).await.unwrap();
    let (stdout, end) = within(drain(child.stdout.take().unwrap())).await;
    end.unwrap();
    assert_eq!(String::from_utf8(stdout).unwrap(), format!("{} {}", input.len(), hash(&input)));
}

#[tokio::test]
async fn a_flush_sends_it_on_its_way() {
    let cluster = cluster_with(cat).await;
    let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for word in ["one", "two", "three"] {
        within(stdin.write_all(word.as_bytes())).await.unwrap();
        within(stdin.flush()).await.unwrap();
        let mut echo = vec![0; word.len()];
        within(stdout.read_exact(&mut echo)).await.unwrap();
        assert_eq!(echo, word.as_bytes());
    }
    // Without one, too: nothing waits for more.
    within(stdin.write_all(b"four")).await.unwrap();
    let mut echo = [0; 4];
    within(stdout.read_exact(&mut echo)).await.unwrap();
    // An open stdin is closed before a wait.
    child.stdin = Some(stdin);
    assert!(within(child.wait()).await.unwrap().success());
}

/// Output without end, until a byte comes in: no flood of output keeps input from being sent.
#[tokio::test]
async fn input_against_a_flood_of_output() {
    let cluster = cluster_with(async |process: Process| {
        let Process { mut stdin, mut stdout, .. } = process;
        let yes = vec![b'y'; 256 * 1024];
        let flood = async { while stdout.write_all(&yes).await.is_ok() {} };
        let mut byte = [0];
        tokio::select! {
            () = flood => Exit::code(141),
            _ = stdin.read_exact(&mut byte) => Exit::code(byte[0]),
        }
    })
    .await;
    let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
    drop(child.stdout.take());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut stdin = child.stdin.take().unwrap();
    within(stdin.write_all(&[42])).await.unwrap();
    within(stdin.flush()).await.unwrap();
    assert_eq!(within(child.wait()).await.unwrap().code(), 42);
}

#[tokio::test]
async fn no_stdin_is_an_empty_one() {
    let cluster = cluster_with(hash_of_stdin).await;
    let child = within(command(&pods(&cluster)).spawn()).await.unwrap();
    assert!(child.stdin.is_none());
    let output = within(command(&pods(&cluster)).output()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("0 {}", hash(b"")));
    assert!(cluster.requests().iter().all(|request| request.param("stdin").as_deref() != Some("true")));
}

/// The server goes away in the middle of a command that is being collected.
#[tokio::test]
async fn a_lost_connection_keeps_what_was_collected() {
    let cluster = cluster_with(async |mut process: Process| {
        process.stdout.write_all(b"so far").await.unwrap();
        std::future::pending().await
    })
    .await;
    let output = tokio::spawn(command(&pods(&cluster)).output());
    // The greeting has 3 bytes, a message 3 more than what is in it.
    until(|| cluster.requests().last().is_some_and(|request| request.sent >= 12)).await;
    cluster.faults().restart();
    let error = within(output).await.unwrap().unwrap_err();
    assert!(matches!(error.cause(), Cause::Lost { .. }), "{error}");
    assert_eq!((error.stdout(), error.stderr()), (&b"so far"[..], &b""[..]));
}

#[tokio::test]
async fn a_lost_connection_is_an_error_of_stdin() {
    let (cluster, _wake) = asleep().await;
    let mut child = within(command(&pods(&cluster)).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = tokio::spawn(async move { stdin.write_all(&noise(48 * MIB, 8)).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.faults().restart();
    let error = within(feed).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert!(matches!(within(child.wait()).await.unwrap_err().cause(), Cause::Lost { .. }));
}
