use futures::{SinkExt as _, StreamExt as _};
use kube_ext::fake::{Calls, FakeCluster, Fault, Process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Message, handshake::client::generate_key};

use super::setup::{V5, address, cluster, connect, noise, rest, until, within};

const EXEC: &str = "web/exec?command=x&stdin=1&stdout=1";

/// A cluster whose container echoes, with a fault in its execs.
async fn faulty(fault: Fault) -> FakeCluster {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(async |mut process: Process| {
        // A client that is gone ends the echo.
        let _ = tokio::io::copy(&mut process.stdin, &mut process.stdout).await;
        kube_ext::fake::Exit::SUCCESS
    });
    cluster.faults().add(Calls::verb("get").resource("pods/exec"), fault);
    cluster
}

/// All bytes that the server sends after its handshake, as they are.
async fn raw(cluster: &FakeCluster) -> Vec<u8> {
    let address = address(cluster);
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "GET /api/v1/namespaces/default/pods/{EXEC} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\
         sec-websocket-protocol: {V5}\r\n\r\n",
        generate_key()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // A masked message on the channel of stdin, then its end.
    stream.write_all(b"\x82\x86\0\0\0\0\0hello\x82\x82\0\0\0\0\xff\0").await.unwrap();
    let mut bytes = Vec::new();
    // A connection that is dropped may be reset, which takes nothing from what came before.
    let _ = within(stream.read_to_end(&mut bytes)).await;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(bytes.starts_with(b"HTTP/1.1 101 "));
    bytes.split_off(end)
}

#[tokio::test]
async fn after_any_byte() {
    let whole = raw(&cluster_without_fault().await).await;
    assert!(whole.starts_with(b"\x82\x01\x01\x82\x06\x01hello\x82"), "{whole:?}");
    assert!(whole.ends_with(b"\x88\x02\x03\xe8"), "{whole:?}");
    for bytes in 0..=whole.len() {
        let cluster = faulty(Fault::cut_after_bytes(bytes as u64)).await;
        let cut = raw(&cluster).await;
        assert_eq!(cut, whole[..bytes], "{bytes}");
        assert_eq!(cluster.requests()[0].sent, bytes as u64);
        until(|| cluster.open_streams() == 0).await;
    }
}

async fn cluster_without_fault() -> FakeCluster {
    faulty(Fault::cut_after_bytes(u64::MAX)).await
}

#[tokio::test]
async fn in_the_middle_of_a_large_frame() {
    let cluster = faulty(Fault::cut_after_bytes(1000)).await;
    let mut socket = connect(&cluster, EXEC, V5).await;
    let message = [&[0], noise(30_000, 6).as_slice()].concat();
    socket.send(Message::binary(message)).await.unwrap();
    // The greeting is whole, what follows is not.
    assert_eq!(rest(&mut socket).await, (vec![vec![1]], None));
}

#[tokio::test]
async fn with_a_close_frame() {
    // The greeting takes three bytes, the echo eight.
    for (bytes, whole) in [(0, 0), (2, 0), (3, 1), (10, 1), (11, 2), (12, 2)] {
        let cluster = faulty(Fault::cut_after_bytes(bytes).cleanly()).await;
        let mut socket = connect(&cluster, EXEC, V5).await;
        // A connection that ends at once takes nothing more.
        let _ = socket.send(Message::binary(&b"\0hello"[..])).await;
        let _ = socket.send(Message::binary(&b"\xff\0"[..])).await;
        let (messages, close) = rest(&mut socket).await;
        let expected = [&b"\x01"[..], b"\x01hello"];
        assert_eq!(
            (messages.as_slice(), close),
            (&expected[..whole].iter().map(|m| m.to_vec()).collect::<Vec<_>>()[..], Some(1000)),
            "{bytes}"
        );
        until(|| cluster.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn after_messages() {
    for (fault, code) in
        [(Fault::cut_after_events(2), None), (Fault::cut_after_events(2).cleanly(), Some(1000))]
    {
        let cluster = faulty(fault).await;
        let mut socket = connect(&cluster, EXEC, V5).await;
        socket.send(Message::binary(&b"\0one"[..])).await.unwrap();
        // It ends with the second message, not with the attempt to send a third one.
        assert_eq!(rest(&mut socket).await, (vec![vec![1], b"\x01one".to_vec()], code));
        until(|| cluster.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn nothing_more_on_a_connection_that_stays() {
    for fault in [Fault::cut_after_events(1).stalling(), Fault::cut_after_bytes(5).stalling()] {
        let cluster = faulty(fault).await;
        let mut socket = connect(&cluster, EXEC, V5).await;
        assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(vec![1]));
        for message in
            [Message::binary(&b"\0one"[..]), Message::Ping("?".into()), Message::binary(&b"\xff\0"[..])]
        {
            socket.send(message).await.unwrap();
        }
        let more = tokio::time::timeout(std::time::Duration::from_millis(100), socket.next()).await;
        assert!(more.is_err(), "{more:?}");
        assert!(cluster.open_streams() > 0);
        drop(socket);
        until(|| cluster.open_streams() == 0).await;
    }
}
