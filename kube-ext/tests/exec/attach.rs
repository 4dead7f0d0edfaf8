//! Attachments: as commands, but for the exit code, and for terminals, whose stdin has no end.
use std::time::Duration;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube_ext::{
    exec::{Attached, Cause, ExecExt as _, Stdio},
    fake::{Calls, FakeCluster, Fault},
};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::setup::{
    SUCCESS, Socket, V4, V5, answer, command, drain, pod, pods, send, server, server_with_pod, until,
    until_gone, within,
};

const OUTPUT: &[u8] = b"listening\n";
/// A close frame with a code.
const GOODBYE: u64 = 4;
const SILENCE: Duration = Duration::from_secs(20);

async fn cluster() -> FakeCluster {
    let cluster = FakeCluster::builder().objects([pod("web")]).start().await.unwrap();
    cluster.container("default", "web", "app").on_attach(async |mut process| {
        let _ = process.stdout.write_all(OUTPUT).await;
    });
    cluster
}

/// What an attachment has shown, and how it ended.
async fn watch(pods: &Api<Pod>) -> (Vec<u8>, Result<(), kube_ext::exec::Error>) {
    let attach = pods.attach_to("web").container("app").keepalive(SILENCE);
    let mut attached = within(attach.spawn()).await.unwrap();
    let (stdout, end) = within(drain(attached.stdout.take().unwrap())).await;
    let result = within(attached.wait()).await;
    assert_eq!(end.is_ok(), result.is_ok());
    (stdout, result)
}

/// How many bytes a server sends until the end of the attachment is told.
async fn told() -> u64 {
    let cluster = cluster().await;
    let (stdout, result) = watch(&pods(&cluster)).await;
    result.unwrap();
    assert_eq!(stdout, OUTPUT);
    until(|| cluster.open_streams() == 0).await;
    cluster.requests().iter().map(|request| request.sent).next_back().unwrap() - GOODBYE
}

async fn cut_after_every_byte(cut: impl Fn(u64) -> Fault) {
    let told = told().await;
    // All are there before the first attachment begins: it is not to be kept waiting by what another one takes to start.
    let mut clusters = Vec::new();
    for bytes in 0..=told + GOODBYE {
        let cluster = cluster().await;
        cluster.faults().add(Calls::any().resource("pods/attach"), cut(bytes));
        clusters.push((bytes, pods(&cluster), cluster));
    }
    stream::iter(&clusters)
        .map(async |(bytes, pods, _)| {
            let (bytes, (stdout, result)) = (*bytes, watch(pods).await);
            assert!(OUTPUT.starts_with(&stdout), "{bytes}");
            match result {
                Ok(()) => assert!(bytes >= told && stdout == OUTPUT, "{bytes}: an end out of nowhere"),
                Err(error) => {
                    assert!(bytes < told, "{bytes}: the end has been told: {error}");
                    assert!(matches!(error.cause(), Cause::Lost { .. }), "{bytes}: {error}");
                    assert!(
                        error.to_string().starts_with("attach in pod default/web container app: "),
                        "{error}"
                    );
                }
            }
        })
        .buffer_unordered(clusters.len())
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn dropped_attachments() {
    cut_after_every_byte(Fault::cut_after_bytes).await;
}

#[tokio::test]
async fn attachments_ended_with_a_close_frame() {
    cut_after_every_byte(|bytes| Fault::cut_after_bytes(bytes).cleanly()).await;
}

#[tokio::test]
async fn attachments_that_fall_silent() {
    cut_after_every_byte(|bytes| Fault::cut_after_bytes(bytes).stalling()).await;
}

fn with_terminal() -> Value {
    let mut pod = pod("web");
    pod["spec"]["containers"][0]["tty"] = true.into();
    pod["spec"]["containers"][0]["stdin"] = true.into();
    pod
}

/// What a process says whose stdin has ended.
const STDIN_ENDED: &str = r#"{"status":"Failure","message":"stdin has ended"}"#;

/// Waits for the end of stdin.
async fn end_of_stdin(socket: &mut Socket) {
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Binary(bytes) if bytes.first() == Some(&255)) {
            return;
        }
    }
}

/// Tells the end, unless the end of stdin comes within a while.
async fn unless_stdin_ends(mut socket: Socket) {
    let ended = tokio::time::timeout(Duration::from_secs(1), end_of_stdin(&mut socket)).await.is_ok();
    send(&mut socket, 3, if ended { STDIN_ENDED } else { SUCCESS }).await;
    until_gone(socket).await;
}

async fn when_stdin_ends(mut socket: Socket) {
    end_of_stdin(&mut socket).await;
    send(&mut socket, 3, STDIN_ENDED).await;
    until_gone(socket).await;
}

async fn attach<F>(
    protocol: &'static str,
    pod: &Value,
    serve: impl Fn(Socket) -> F + Clone + Send + Sync + 'static,
) -> Attached
where
    F: Future<Output = ()> + Send + 'static,
{
    let pods = server_with_pod(protocol, answer("200 OK", pod), serve).await;
    within(pods.attach_to("web").stdin(Stdio::Piped).spawn()).await.unwrap()
}

#[tokio::test]
async fn a_wait_leaves_a_terminal_open() {
    for protocol in [V4, V5] {
        let mut attached = attach(protocol, &with_terminal(), unless_stdin_ends).await;
        assert!(attached.has_terminal());
        within(attached.wait()).await.unwrap();
        assert!(attached.stdin.is_some());
    }
    // Without a terminal stdin is closed, so that the process can end.
    let mut attached = attach(V5, &pod("web"), when_stdin_ends).await;
    let error = within(attached.wait()).await.unwrap_err();
    assert!(error.to_string().ends_with(": stdin has ended"), "{error}");
    assert!(attached.stdin.is_none());
}

/// Before `v5` nothing can be told of the end of stdin, and to a terminal there is nothing to tell.
#[tokio::test]
async fn the_end_of_a_terminals_stdin() {
    let mut attached = attach(V4, &with_terminal(), unless_stdin_ends).await;
    let mut stdin = attached.stdin.take().unwrap();
    within(stdin.shutdown()).await.unwrap();
    drop(stdin);
    within(attached.wait()).await.unwrap();
    // Nor with a command.
    let pods = server(V4, unless_stdin_ends).await;
    let command = command(&pods).terminal(kube::api::TerminalSize { width: 80, height: 24 });
    let status = within(command.input("exit\n").status()).await.unwrap();
    assert!(status.success());
    // Without a terminal the process would wait for it for ever.
    let mut attached = attach(V4, &pod("web"), when_stdin_ends).await;
    let error = within(attached.wait()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::NoEndOfStdin), "{error}");
}

/// The end of stdin that comes with a drop is none: nobody is told that all went well.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_dropped_did_not_end() {
    let cluster = FakeCluster::builder().objects([pod("web")]).start().await.unwrap();
    cluster.container("default", "web", "app").on_attach(async |mut process| {
        let _ = tokio::io::copy(&mut process.stdin, &mut tokio::io::sink()).await;
    });
    let attach = pods(&cluster).attach_to("web").container("app").stdin(Stdio::Piped);
    let ends = stream::iter(0..400).map(|_| async {
        let mut attached = within(attach.spawn()).await.unwrap();
        let stdout = attached.stdout.take().unwrap();
        drop(attached);
        within(drain(stdout)).await.1
    });
    let ends: Vec<_> = ends.buffer_unordered(40).collect().await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 0);
}
