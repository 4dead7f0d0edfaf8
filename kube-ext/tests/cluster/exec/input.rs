//! What goes into a process.

use std::io::ErrorKind;
use std::time::Duration;

use futures::future::join_all;
use kube_ext::exec::{Cause, Child, Command, Error, ExitStatus, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::setup::{LIMIT, LONG, Scene, play, until_told};
use crate::cluster::Cluster;

const MIB: usize = 1 << 20;

/// `sha256sum` of [`noise`] of 64 MiB.
const HASH: &str = "3a392819ebe9fcd19040cd61a69902c19291ddc1bc2ff4ebce9456f45a14068f";

/// Bytes that are no text, always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 4006_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn spawn(scene: &Scene, script: &str) -> Child {
    scene.sh(script).stdin(Stdio::Piped).spawn().await.unwrap()
}

async fn rest(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), 0);
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn much_of_it() {
    play("input", LONG, async |scene| {
        scene.start_web().await;
        let input = noise(64 * MIB);
        let output = scene.command("sha256sum").input(input.clone()).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{HASH}  -\n"));
        assert!(output.status.success());

        let mut child = spawn(scene, "exec sha256sum").await;
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&input).await.unwrap();
        stdin.shutdown().await.unwrap();
        assert_eq!(rest(&mut child).await, format!("{HASH}  -\n"));
        let closed = stdin.write_all(b"more").await.unwrap_err();
        assert_eq!(closed.kind(), ErrorKind::BrokenPipe);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_as_much_back() {
    play("echo", LONG, async |scene| {
        scene.start_web().await;
        let every: Vec<u8> = (0..=u8::MAX).collect();
        let output = scene.command("cat").input(every.clone()).output().await.unwrap();
        assert_eq!(output.stdout, every);
        let input = noise(64 * MIB);
        let echo = async || {
            let output = scene.sh("cat; exit 3").input(input.clone()).output().await.unwrap();
            (output.stdout, output.status)
        };
        let output = until_told(|output: &Vec<u8>| input.starts_with(output), echo).await;
        assert!(output == input, "{} bytes", output.len());
        // One at a time, each answered before the next.
        let mut child = spawn(scene, "while IFS= read -r line; do echo \"<$line>\"; done").await;
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        for number in 0..200 {
            stdin.write_all(format!("{number}\n").as_bytes()).await.unwrap();
            let expected = format!("<{number}>\n");
            let mut answer = vec![0; expected.len()];
            stdout.read_exact(&mut answer).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&answer), expected);
        }
        drop(stdin);
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_end() {
    play("eof", LIMIT, async |scene| {
        scene.start_web().await;
        let count = "cat | wc -c";
        for bytes in [0, 1, 65536, 65537, MIB] {
            let (input, expected) = (noise(bytes), format!("{bytes}\n"));
            // By shutdown, with the handle alive.
            let mut child = spawn(scene, count).await;
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&input).await.unwrap();
            stdin.shutdown().await.unwrap();
            assert_eq!(rest(&mut child).await.trim_start(), expected);
            drop(stdin);
            // By dropping it.
            let mut child = spawn(scene, count).await;
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&input).await.unwrap();
            drop(stdin);
            assert_eq!(rest(&mut child).await.trim_start(), expected);
            // By waiting for the process.
            let mut child = spawn(scene, count).await;
            child.stdin.as_mut().unwrap().write_all(&input).await.unwrap();
            assert!(child.wait().await.unwrap().success());
            assert_eq!(rest(&mut child).await.trim_start(), expected);
        }
        // Without stdin it is at its end.
        assert_eq!(scene.printed(count).await.trim_start(), "0");
    })
    .await;
}

/// Whether a process is known to have ended with code 7. A node may lose the status of one that leaves much of its stdin
/// unread, with kubectl, too: it resets the connection, reads no more and says nothing, or, where it has taken all input,
/// answers pings and nothing else, which only a timeout ends. It never tells another code.
fn ended(status: Result<ExitStatus, Error>, script: &str) -> bool {
    match status {
        Ok(status) => {
            assert_eq!(status.code(), 7, "{script}");
            true
        }
        Err(error) => {
            let lost = matches!(error.cause(), Cause::Lost { .. } | Cause::TimedOut { .. });
            assert!(Cluster::HAS_NODE && lost, "{script}: {error}");
            false
        }
    }
}

/// Starts a command, however long the way to a busy node takes: a short keepalive bounds that, too.
async fn connected(command: &Command) -> Child {
    loop {
        match command.spawn().await {
            Ok(child) => return child,
            Err(error) => {
                let lost = matches!(error.cause(), Cause::Lost { .. });
                assert!(Cluster::HAS_NODE && lost, "{error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_does_not_want_it() {
    play("unread", LONG, async |scene| {
        scene.start_web().await;
        let input = noise(64 * MIB);
        // A node that falls silent does so for good: 15 seconds are enough to see it.
        let (times, silence) = if Cluster::HAS_NODE { (2, 3) } else { (5, 60) };
        let sh = |script: &str| scene.sh(script).keepalive(Duration::from_secs(silence));
        let scripts =
            ["exit 7", "sleep 0.3; exit 7", "head -c 1 > /dev/null; exit 7", "exec <&-; sleep 0.3; exit 7"];
        let mut told = 0;
        for script in scripts.repeat(times) {
            let output = sh(script).input(input.clone()).output().await;
            told += usize::from(ended(output.map(|output| output.status), script));
        }
        for script in scripts {
            let mut child = connected(&sh(script).stdin(Stdio::Piped)).await;
            let mut stdin = child.stdin.take().unwrap();
            let error = loop {
                if let Err(error) = stdin.write_all(&input).await {
                    break error;
                }
            };
            if ended(child.wait().await, script) {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{script}: {error}");
                assert!(error.to_string().contains("exit code 7"), "{script}: {error}");
                told += 1;
            } else {
                assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{script}: {error}");
            }
        }
        // Many at once, whose ends and inputs cross. They alone have a timeout: a server takes that much for a node that
        // takes nothing any more.
        let patience = Duration::from_secs(if Cluster::HAS_NODE { 20 } else { 300 });
        let crossing = (0..20).map(|_| sh("exit 7").input(noise(4 * MIB)).timeout(patience).status());
        for status in join_all(crossing).await {
            told += usize::from(ended(status, "exit 7"));
        }
        println!("{told} of {} codes were told", scripts.len() * (times + 1) + 20);
        // A node that is busy enough may have lost them all.
        let script = "sleep 0.3; exit 7";
        while told == 0 {
            let output = sh(script).input(input.clone()).output().await;
            told += usize::from(ended(output.map(|output| output.status), script));
        }
    })
    .await;
}
