use futures::{SinkExt as _, StreamExt as _};
use kube::api::AttachParams;
use kube_ext::fake::{FakeCluster, Process};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::setup::{V5, cluster, connect, pods, rest, until, web, websocket, within};

const SUCCESS: &[u8] = b"\x03{\"metadata\":{},\"status\":\"Success\"}";

#[tokio::test]
async fn a_closure_answers() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_attach(async |mut process: Process| {
        assert!(process.argv().is_empty() && !process.tty());
        let mut name = [0; 3];
        process.stdin.read_exact(&mut name).await.unwrap();
        process.stdout.write_all(b"hello ").await.unwrap();
        process.stdout.write_all(&name).await.unwrap();
    });
    let params = AttachParams::default().stdin(true).stderr(false);
    let mut process = pods(&cluster).attach("web", &params).await.unwrap();
    let status = process.take_status().unwrap();
    process.stdin().unwrap().write_all(b"you").await.unwrap();
    let mut output = String::new();
    within(process.stdout().unwrap().read_to_string(&mut output)).await.unwrap();
    assert_eq!(output, "hello you");
    assert_eq!(within(status).await.unwrap().status.as_deref(), Some("Success"));
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn without_a_closure_it_shows_the_log() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    app.log("before");
    let mut socket = connect(&cluster, "web/attach?stdout=1", V5).await;
    assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(vec![1]));
    app.log("after");
    assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(&b"\x01after\n"[..]));
    app.finish();
    assert_eq!(rest(&mut socket).await, (vec![SUCCESS.to_vec()], Some(1000)));
}

/// Nothing has to be written for that to be noticed.
#[tokio::test]
async fn without_a_closure_it_ends_with_its_client() {
    let cluster = cluster().await;
    for streams in ["stdout=1", "stdin=1&stdout=1"] {
        let mut socket = connect(&cluster, &format!("web/attach?{streams}"), V5).await;
        assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(vec![1]));
        assert!(cluster.open_streams() > 0);
        drop(socket);
        until(|| cluster.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn the_end_of_the_input_ends_it() {
    let cluster = cluster().await;
    let mut socket = connect(&cluster, "web/attach?stdin=1&stdout=1", V5).await;
    for message in [&b"\0read by nobody"[..], b"\xff\0"] {
        socket.send(Message::binary(message)).await.unwrap();
    }
    assert_eq!(rest(&mut socket).await, (vec![vec![1], SUCCESS.to_vec()], Some(1000)));
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn the_terminal_is_the_container_s() {
    let mut pod = web();
    pod["spec"]["containers"][0]["tty"] = json!(true);
    let cluster = FakeCluster::builder().objects([pod]).start().await.unwrap();
    cluster.container("default", "web", "app").on_attach(async |mut process: Process| {
        let tty = process.tty();
        process.stdout.write_all(if tty { b"tty" } else { b"no " }).await.unwrap();
    });
    // What the client says of a terminal makes no difference, but two outputs are one too many.
    let mut socket = connect(&cluster, "web/attach?stdout=1", V5).await;
    assert_eq!(rest(&mut socket).await.0[1], b"\x01tty");
    match websocket(&cluster, "web/attach?stdout=1&stderr=1", V5).await {
        Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 500),
        other => panic!("{:?}", other.map(|_| ())),
    }
}
