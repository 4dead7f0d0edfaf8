//! What is left of what was dropped: nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use kube_ext::exec::{Command, ExecExt as _, Stdio, run_all};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::setup::{LIMIT, LONG, Scene, play};

/// A client, and how many connections it has.
struct Counted {
    client: Client,
    open: Arc<AtomicUsize>,
}

impl Counted {
    /// Leads a client's connections through a port of its own.
    async fn new(scene: &Scene) -> Self {
        let mut config = scene.cluster.config().await;
        let host = config.cluster_url.host().unwrap().to_owned();
        let server = format!("{host}:{}", config.cluster_url.port_u16().unwrap_or(443));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut parts = config.cluster_url.into_parts();
        parts.authority = Some(listener.local_addr().unwrap().to_string().parse().unwrap());
        config.cluster_url = http::Uri::from_parts(parts).unwrap();
        config.tls_server_name.get_or_insert(host);
        let open = Arc::new(AtomicUsize::new(0));
        let counter = open.clone();
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let (server, open) = (server.clone(), counter.clone());
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut onward = TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut connection, &mut onward).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { client: Client::try_from(config).expect("client"), open }
    }

    fn command(&self, scene: &Scene, script: &str) -> Command {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &scene.namespace.name);
        pods.command("web", "sh").args(["-c", script]).container("app").stdin(Stdio::Piped)
    }
}

/// Waits until there is no connection and no task but those that there were.
async fn nothing_is_left(scene: &Scene, counted: &Counted, tasks: usize) {
    let now = || {
        let open = counted.open.load(Ordering::SeqCst);
        (open, Handle::current().metrics().num_alive_tasks(), scene.cluster.open_streams().unwrap_or(0))
    };
    let settled = async {
        while now() != (0, tasks, 0) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), settled).await.unwrap_or_else(|_| {
        panic!("(connections, tasks, streams of the server) are {:?}, not {:?}", now(), (0, tasks, 0))
    });
}

/// Ends when its stdin does.
const READS: &str = "echo here; exec cat";

async fn play_counted(purpose: &str, test: impl AsyncFnOnce(&Scene, &Counted)) {
    play(purpose, LONG, async |scene| {
        scene.start_web().await;
        let counted = Counted::new(scene).await;
        assert_eq!(counted.command(scene, "exit 2").status().await.unwrap().code(), 2);
        let connections = async {
            while counted.open.load(Ordering::SeqCst) > 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, connections).await.expect("a command that is over leaves no connection");
        sleep(Duration::from_millis(200)).await;
        let tasks = Handle::current().metrics().num_alive_tasks();
        test(scene, &counted).await;
        nothing_is_left(scene, &counted, tasks).await;
        // And it can still be used.
        assert_eq!(counted.command(scene, "exit 4").status().await.unwrap().code(), 4);
        nothing_is_left(scene, &counted, tasks).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_commands_that_ended() {
    play_counted("left-ended", async |scene, counted| {
        let results = run_all(0..100, |number| counted.command(scene, &format!("exit {number}")));
        let codes: Vec<_> =
            results.map(|(number, result)| (number, result.unwrap().status.code())).collect().await;
        assert_eq!(codes.len(), 100);
        assert!(codes.iter().all(|(number, code)| number == code), "{codes:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_futures() {
    play_counted("left-futures", async |scene, counted| {
        // Wherever they are when they are dropped.
        for milliseconds in (0..60).chain((60..300).step_by(20)) {
            let limit = Duration::from_millis(milliseconds);
            let _ = timeout(limit, counted.command(scene, READS).spawn()).await;
            let _ = timeout(limit, counted.command(scene, READS).input(vec![1; 1 << 20]).output()).await;
            let _ = timeout(limit, counted.command(scene, READS).status()).await;
        }
        let mut all = run_all(0..50, |_| counted.command(scene, READS).input("x"));
        let _ = timeout(Duration::from_millis(100), all.next()).await;
        drop(all);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_children() {
    play_counted("left-children", async |scene, counted| {
        for number in 0..30 {
            let mut child = counted.command(scene, READS).spawn().await.unwrap();
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
            let limited = counted.command(scene, READS).timeout(Duration::from_millis(number * 7));
            let _ = limited.spawn().await;
        }
    })
    .await;
}
