//! What is left of what was dropped: nothing.

use std::time::Duration;

use futures::StreamExt as _;
use kube_ext::exec::{Command, ExecExt as _, Stdio, run_all};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::proxy::Proxy;
use super::setup::{LIMIT, LONG, Scene, play};
use crate::cluster::Cluster;

/// How long anything may be left. An attachment that is dropped between its request and the answer can leave a connection that
/// could be used again, and a real server closes it only after 90 seconds.
const PATIENCE: Duration = Duration::from_secs(if Cluster::HAS_NODE { 240 } else { 60 });

/// Ends when its stdin does.
const READS: &str = "echo here; exec cat";

/// A command to whose stdin can be written.
fn command(proxy: &Proxy, script: &str) -> Command {
    proxy.sh(script).stdin(Stdio::Piped)
}

/// Connections, tasks of this process, and streams of the server, where it tells.
fn now(scene: &Scene, proxy: &Proxy) -> [usize; 3] {
    [
        proxy.open(),
        Handle::current().metrics().num_alive_tasks(),
        scene.cluster.open_streams().unwrap_or_default(),
    ]
}

/// Waits until there is nothing but the tasks that there were.
async fn nothing_is_left(scene: &Scene, proxy: &Proxy, tasks: usize) {
    let settled = async {
        while !matches!(now(scene, proxy), [0, alive, 0] if alive <= tasks) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, settled).await.unwrap_or_else(|_| {
        panic!("connections, tasks, streams of the server: {:?}, not [0, {tasks}, 0]", now(scene, proxy))
    });
}

/// How many tasks there are when no command runs: no more, and no fewer, for half a second.
async fn tasks_at_rest(scene: &Scene, proxy: &Proxy) -> usize {
    let rest = async {
        let (mut same, mut last) = (0, now(scene, proxy));
        while same < 25 || last[0] > 0 || last[2] > 0 {
            sleep(Duration::from_millis(20)).await;
            let next = now(scene, proxy);
            same = if next == last { same + 1 } else { 0 };
            last = next;
        }
        last[1]
    };
    timeout(LIMIT, rest).await.expect("a command that is over leaves no connection")
}

async fn play_counted(purpose: &str, test: impl AsyncFnOnce(&Scene, &Proxy)) {
    play(purpose, LONG, async |scene| {
        scene.start_web().await;
        let proxy = Proxy::new(scene, None).await;
        assert_eq!(command(&proxy, "exit 2").status().await.unwrap().code(), 2);
        let tasks = tasks_at_rest(scene, &proxy).await;
        test(scene, &proxy).await;
        nothing_is_left(scene, &proxy, tasks).await;
        // And it can still be used.
        assert_eq!(command(&proxy, "exit 4").status().await.unwrap().code(), 4);
        nothing_is_left(scene, &proxy, tasks).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_commands_that_ended() {
    play_counted("left-ended", async |_, proxy| {
        let results = run_all(0..100, |number| command(proxy, &format!("exit {number}")));
        let codes: Vec<_> =
            results.map(|(number, result)| (number, result.unwrap().status.code())).collect().await;
        assert_eq!(codes.len(), 100);
        assert!(codes.iter().all(|(number, code)| number == code), "{codes:?}");
    })
    .await;
}

/// Milliseconds, from none to more than a command takes.
fn sweep() -> impl Iterator<Item = u64> {
    (0..60).chain((60..300).step_by(20)).chain((1..15).map(|doubled| 150 << doubled))
}

/// Drops a future at every time that it takes, until it has been whole some times.
async fn drop_sometime<T>(proxy: &Proxy, what: &str, run: impl AsyncFn(Command) -> T) {
    let (mut dropped, mut whole) = (0, 0);
    for milliseconds in sweep() {
        match timeout(Duration::from_millis(milliseconds), run(command(proxy, READS))).await {
            Ok(_) => whole += 1,
            Err(_) => dropped += 1,
        }
        if whole >= 3 && milliseconds >= 300 {
            break;
        }
    }
    assert!(dropped > 0 && whole > 0, "{what}: {dropped} dropped, {whole} whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_futures() {
    play_counted("left-futures", async |_, proxy| {
        // Wherever they are when they are dropped.
        tokio::join!(
            drop_sometime(proxy, "spawn", async |command| command.spawn().await.unwrap()),
            drop_sometime(proxy, "output", async |command| {
                command.input(vec![1; 1 << 20]).output().await.unwrap()
            }),
            drop_sometime(proxy, "status", async |command| command.status().await.unwrap()),
        );
        let mut all = run_all(0..50, |_| command(proxy, READS).input("x"));
        let _ = timeout(Duration::from_millis(100), all.next()).await;
        drop(all);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_children() {
    play_counted("left-children", async |_, proxy| {
        for number in 0..30 {
            let mut child = command(proxy, READS).spawn().await.unwrap();
            match number % 6 {
                0 => drop(child),
                1 => {
                    // The handles outlive it; they hold no connection.
                    let (stdin, mut stdout) = (child.stdin.take(), child.stdout.take().unwrap());
                    drop(child);
                    let mut all = Vec::new();
                    stdout.read_to_end(&mut all).await.unwrap_err();
                    drop(stdin);
                }
                2 => child.kill().await,
                3 => {
                    let mut line = [0; 5];
                    child.stdout.as_mut().unwrap().read_exact(&mut line).await.unwrap();
                    drop(child);
                }
                4 => {
                    let waited = timeout(Duration::from_millis(5), child.wait()).await;
                    drop((waited, child));
                }
                _ => {
                    drop((child.stdout.take(), child.stderr.take()));
                    assert_eq!(child.wait().await.unwrap().code(), 0);
                }
            }
            let limited = command(proxy, READS).timeout(Duration::from_millis(number * 7));
            let _ = limited.spawn().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_attachments() {
    play_counted("left-attached", async |scene, proxy| {
        let attach = proxy.pods().attach_to("web").stdin(Stdio::Piped);
        let mut together = Vec::new();
        for number in 0..20 {
            let mut attached = attach.spawn().await.unwrap();
            match number % 4 {
                0 => drop(attached),
                1 => {
                    let mut stdout = attached.stdout.take().unwrap();
                    drop(attached);
                    stdout.read(&mut [0]).await.unwrap_err();
                }
                2 => {
                    let waited = timeout(Duration::from_millis(5), attached.wait()).await;
                    drop((waited, attached));
                }
                _ => together.push(attached),
            }
            let _ = timeout(Duration::from_millis(number * 3), attach.spawn()).await;
        }
        assert!(proxy.open() >= together.len(), "{} of {}", proxy.open(), together.len());
        assert!(scene.cluster.open_streams().is_none_or(|open| open >= together.len()));
    })
    .await;
}
