//! Commands in pods whose API server is restarted.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kube_ext::exec::{Cause, Error, ExecExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;
use crate::restart::play_alone;
use crate::setup::Scene;

/// In what time a command has to know that its connection is lost, once the server is gone: it is told, so it is to be before the
/// 60 seconds of silence after which it would know by itself. The shell and the server take some of it to end.
const BOUND: Duration = Duration::from_secs(45);
/// After what time without a byte all has arrived that was written.
const QUIET: Duration = Duration::from_secs(2);

/// Leaves a file when it has written to both outputs, and goes on.
fn script(number: usize) -> String {
    format!("echo out {number}; echo error {number} >&2; echo > /tmp/written-{number}; sleep 1000; exit 3")
}

/// Waits until that file is there.
async fn has_written(scene: &Scene, number: usize) {
    while !scene.sh(format!("test -e /tmp/written-{number}")).status().await.unwrap().success() {
        sleep(Duration::from_millis(50)).await;
    }
}

fn check_lost(error: &Error) {
    assert!(matches!(error.cause(), Cause::Lost { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("connection lost before the exit status"), "{text}");
    assert!(!text.contains("nothing from the server for"), "{text}");
}

/// Waits until nothing comes any more.
async fn is_quiet(proxy: &Proxy) {
    let (mut passed, mut since) = (proxy.passed(), Instant::now());
    while since.elapsed() < QUIET {
        sleep(Duration::from_millis(50)).await;
        if proxy.passed() != passed {
            (passed, since) = (proxy.passed(), Instant::now());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_restarted_in_mid_command() {
    play_alone("restart", async |scene, restart| {
        scene.start_web().await;
        // These show nothing until they end: a proxy tells what has arrived.
        let proxy = Proxy::new(scene, None).await;
        let collected: Vec<_> =
            (0..10).map(|number| tokio::spawn(proxy.sh(script(number)).output())).collect();
        let mut child = scene.sh(script(10)).spawn().await.unwrap();
        let mut attached = scene.pods().attach_to("web").spawn().await.unwrap();
        for number in 0..=10 {
            has_written(scene, number).await;
        }
        let (mut stdout, mut line) = (child.stdout.take().unwrap(), [0; 7]);
        stdout.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"out 10\n");
        is_quiet(&proxy).await;

        let lost = async {
            let errors: Vec<_> =
                join_all(collected).await.into_iter().map(|ended| ended.unwrap().unwrap_err()).collect();
            for (number, error) in errors.iter().enumerate() {
                check_lost(error);
                // All that had arrived.
                assert_eq!(error.stdout(), format!("out {number}\n").as_bytes());
                assert_eq!(error.stderr(), format!("error {number}\n").as_bytes());
            }
            check_lost(&child.wait().await.unwrap_err());
            check_lost(&attached.wait().await.unwrap_err());
            let read = stdout.read(&mut line).await.unwrap_err();
            check_lost(read.get_ref().unwrap().downcast_ref().expect("an error of ours"));
            Instant::now()
        };
        // It is gone as soon as this begins, and back when it ends.
        let began = Instant::now();
        let (known, ()) = tokio::join!(timeout(BOUND, lost), restart.run());
        let known = known.expect("they know in time");
        println!("known after {:?}, back after {:?}", known - began, began.elapsed());

        for code in [3, 0, 255] {
            let output = scene.sh(format!("echo again; exit {code}")).output().await.unwrap();
            assert_eq!((output.status.code(), output.stdout), (code, b"again\n".to_vec()));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_made_up_in_a_restart() {
    play_alone("restart-codes", async |scene, restart| {
        scene.start_web().await;
        // Commands that begin and end all the time, before, in and after it.
        let commands = (0..8).map(|worker| async move {
            let (mut told, mut failed, began) = (0, 0, Instant::now());
            while told < 10 || failed == 0 || began.elapsed() < Duration::from_secs(5) {
                let code = (told + worker) % 255 + 1;
                match scene.sh(format!("exit {code}")).status().await {
                    Ok(status) => {
                        assert_eq!(status.code(), code);
                        told += 1;
                    }
                    Err(error) => {
                        // While nobody listens, there is no connection to be lost.
                        let cause = error.cause();
                        assert!(matches!(cause, Cause::Lost { .. } | Cause::Request { .. }), "{error:?}");
                        failed += 1;
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            }
            (told, failed)
        });
        let restarting = async {
            sleep(Duration::from_secs(1)).await;
            restart.run().await;
        };
        let (counts, ()) = tokio::join!(join_all(commands), restarting);
        println!("told and failed: {counts:?}");
    })
    .await;
}
