//! Servers and connections that fail before there is a websocket.
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, client::UpgradeConnectionError};
use kube_ext::{
    exec::{Cause, Error},
    fake::{Calls, Exit, Fault},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::setup::{V5, client, cluster_with, command, listen, pods, until, within, within_seconds};

/// Reads a request, and gives the key of its handshake.
async fn key(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    request.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap().to_owned()
}

/// The right answer to a handshake.
fn accept(key: &str) -> String {
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {V5}\r\n\r\n"
    )
}

/// A server that gives this for an answer, and then ends the connection.
async fn answering(answer: impl Fn(String) -> Vec<u8> + Send + Sync + Clone + 'static) -> Api<Pod> {
    listen(move |mut stream| {
        let answer = answer.clone();
        async move {
            let key = key(&mut stream).await;
            // A client that has seen enough is gone.
            let _ = stream.write_all(&answer(key)).await;
        }
    })
    .await
}

async fn error(pods: &Api<Pod>) -> Error {
    let error = within(command(pods).output()).await.unwrap_err();
    assert_eq!((error.stdout(), error.stderr()), (&b""[..], &b""[..]));
    assert!(error.to_string().starts_with("exec x in pod default/web container app: "), "{error}");
    error
}

#[tokio::test]
async fn answers_that_are_none() {
    for garbage in [
        &b""[..],
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\0\x01\0",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 99999\r\n\r\n",
    ] {
        let pods = answering(move |_| garbage.to_vec()).await;
        let error = error(&pods).await;
        assert!(matches!(error.cause(), Cause::Request { .. }), "{error}");
    }
}

#[tokio::test]
async fn upgrades_that_are_none() {
    use UpgradeConnectionError::{
        MissingConnectionUpgradeHeader, MissingUpgradeWebSocketHeader, ProtocolSwitch,
        SecWebSocketAcceptKeyMismatch, SecWebSocketProtocolMismatch,
    };
    type Case = (&'static str, &'static str, fn(&UpgradeConnectionError) -> bool);
    let cases: [Case; 7] = [
        ("v5.channel.k8s.io", "v3.channel.k8s.io", |error| matches!(error, SecWebSocketProtocolMismatch)),
        ("sec-websocket-protocol", "x-protocol", |error| matches!(error, SecWebSocketProtocolMismatch)),
        ("sec-websocket-accept: ", "sec-websocket-accept: x", |error| {
            matches!(error, SecWebSocketAcceptKeyMismatch)
        }),
        ("sec-websocket-accept", "x-accept", |error| matches!(error, SecWebSocketAcceptKeyMismatch)),
        ("upgrade: websocket", "upgrade: h2c", |error| matches!(error, MissingUpgradeWebSocketHeader)),
        ("connection: upgrade", "connection: close", |error| matches!(error, MissingConnectionUpgradeHeader)),
        ("101 Switching Protocols", "200 OK", |error| matches!(error, ProtocolSwitch(_))),
    ];
    for (right, wrong, is_right) in cases {
        let pods = answering(move |key| accept(&key).replacen(right, wrong, 1).into_bytes()).await;
        let error = error(&pods).await;
        let Cause::Request { source: kube::Error::UpgradeConnection(source), .. } = error.cause() else {
            panic!("{wrong}: {error:?}")
        };
        assert!(is_right(source), "{wrong}: {source}");
    }
}

#[tokio::test]
async fn cut_after_any_byte_of_the_answer() {
    let whole = accept("aGVsbG8gd29ybGQhISEhIQ==").len();
    for length in 0..=whole {
        let pods = answering(move |key| accept(&key).into_bytes()[..length].to_vec()).await;
        let error = error(&pods).await;
        let lost = length == whole;
        assert!(
            matches!((error.cause(), lost), (Cause::Lost { .. }, true) | (Cause::Request { .. }, false)),
            "{length}: {error}"
        );
    }
}

/// The server says a part of its answer, or none, and stays.
#[tokio::test]
async fn silent_in_the_middle_of_the_answer() {
    let whole = accept("aGVsbG8gd29ybGQhISEhIQ==").len();
    let silent = (0..=whole).step_by(7).map(|length| async move {
        let pods = listen(move |mut stream| async move {
            let key = key(&mut stream).await;
            stream.write_all(&accept(&key).as_bytes()[..length]).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let command = command(&pods).keepalive(Duration::from_millis(500));
        let error = within(command.output()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "exec x in pod default/web container app: connection lost before the exit status: nothing from the server for 500ms"
        );
        // Without a container's name it is a read of the pod that is not answered.
        let pods_of_silence = listen(async |mut stream| {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        if length == 0 {
            use kube_ext::exec::ExecExt as _;
            let command = pods_of_silence.command("web", "x").keepalive(Duration::from_millis(500));
            let error = within_seconds(40, command.output()).await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Lost { .. }), "{error}");
        }
    });
    futures::future::join_all(silent).await;
}

#[tokio::test]
async fn nobody_listens() {
    let pods: Api<Pod> = Api::default_namespaced(client("http://127.0.0.1:9"));
    assert!(matches!(error(&pods).await.cause(), Cause::Request { .. }));
}

#[tokio::test]
async fn faults_of_the_request() {
    let cluster = cluster_with(async |_| Exit::code(7)).await;
    let pods = pods(&cluster);
    let calls = || Calls::any().resource("pods/exec").first(1);
    cluster.faults().add(calls(), Fault::drop_connection());
    assert!(matches!(error(&pods).await.cause(), Cause::Request { .. }));
    for fault in [Fault::hang(), Fault::stall()] {
        cluster.faults().clear();
        cluster.faults().add(calls(), fault);
        let command = command(&pods).keepalive(Duration::from_millis(300));
        let error = within_seconds(40, command.output()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Lost { .. }), "{error}");
    }
    cluster.faults().clear();
    // A server that takes its time is no fault.
    cluster.faults().add(calls(), Fault::delay(Duration::from_millis(300)));
    assert_eq!(within(command(&pods).output()).await.unwrap().status.code(), 7);
    cluster.faults().clear();
    cluster.faults().add(calls(), Fault::slow(100));
    assert_eq!(within(command(&pods).output()).await.unwrap().status.code(), 7);
    until(|| cluster.open_streams() == 0).await;
}
