use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use kube::api::DeleteParams;
use kube_ext::fake::Connection;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Semaphore,
};
use tokio_tungstenite::tungstenite::Message;

use super::setup::{V4, cluster, connect, noise, pods, rest, until, within};

/// Sends back what it gets, upside down.
async fn invert(connection: Connection) {
    let (mut from, mut to) = tokio::io::split(connection);
    let mut buffer = vec![0; 10_000];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let inverted: Vec<_> = buffer[..read].iter().map(|byte| !byte).collect();
        if to.write_all(&inverted).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ports_with_many_megabytes_at_once() {
    const SIZE: usize = 16 * 1024 * 1024;
    let cluster = cluster().await;
    let web = cluster.pod("default", "web");
    web.on_port(80, invert);
    web.on_port(65535, invert);
    let mut forward = pods(&cluster).portforward("web", &[80, 65535]).await.unwrap();
    let exchanges = [80, 65535].map(|port| {
        let (mut from, mut to) = tokio::io::split(forward.take_stream(port).unwrap());
        let bytes = noise(SIZE, port.into());
        let sent = bytes.clone();
        tokio::spawn(async move {
            let write = async move {
                to.write_all(&sent).await.unwrap();
                to
            };
            let mut received = vec![0; SIZE];
            let (_, to) = futures::future::join(from.read_exact(&mut received), write).await;
            assert!(received.iter().zip(&bytes).all(|(received, sent)| *received == !*sent));
            drop(to);
        })
    });
    for exchange in exchanges {
        within(exchange).await.unwrap();
    }
    within(forward.join()).await.unwrap();
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn a_port_that_nothing_serves() {
    let cluster = cluster().await;
    cluster
        .pod("default", "web")
        .on_port(80, async |mut connection| connection.write_all(b"here").await.unwrap());
    let mut forward = pods(&cluster).portforward("web", &[81, 80]).await.unwrap();
    let error = forward.take_error(81).unwrap();
    let message = within(error).await.unwrap();
    assert!(message.contains("dial tcp4 127.0.0.1:81: connect: connection refused"), "{message}");
    // The other port is served.
    let mut bytes = Vec::new();
    within(forward.take_stream(80).unwrap().read_to_end(&mut bytes)).await.unwrap();
    assert_eq!(bytes, b"here");
}

#[tokio::test]
async fn a_real_socket() {
    let cluster = cluster().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    cluster.pod("default", "web").port_to(80, address);
    let mut forward = pods(&cluster).portforward("web", &[80]).await.unwrap();
    let mut stream = forward.take_stream(80).unwrap();
    stream.write_all(b"question").await.unwrap();
    let (mut server, _) = within(listener.accept()).await.unwrap();
    let mut question = [0; 8];
    within(server.read_exact(&mut question)).await.unwrap();
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!((&question[..], answer.as_slice()), (&b"question"[..], &b"answer"[..]));
    // Nobody listens any more.
    drop(listener);
    let mut forward = pods(&cluster).portforward("web", &[80]).await.unwrap();
    let message = within(forward.take_error(80).unwrap()).await.unwrap();
    assert!(message.contains("connection refused"), "{message}");
}

#[tokio::test]
async fn the_last_one_to_be_given_serves() {
    let cluster = cluster().await;
    let web = cluster.pod("default", "web");
    let answer = async || {
        let mut forward = pods(&cluster).portforward("web", &[80]).await.unwrap();
        let mut bytes = String::new();
        within(forward.take_stream(80).unwrap().read_to_string(&mut bytes)).await.unwrap();
        bytes
    };
    for name in ["one", "two"] {
        web.on_port(80, async move |mut connection| connection.write_all(name.as_bytes()).await.unwrap());
        assert_eq!(answer().await, name);
    }
}

#[tokio::test]
async fn a_panic_closes_its_connection_only() {
    let cluster = cluster().await;
    let web = cluster.pod("default", "web");
    web.on_port(80, |_| -> std::future::Ready<()> { panic!("on purpose") });
    web.on_port(81, invert);
    let mut socket = connect(&cluster, "web/portforward?ports=80&ports=81", V4).await;
    for expected in [[0, 80, 0], [1, 80, 0], [2, 81, 0], [3, 81, 0]] {
        assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(expected.to_vec()));
    }
    socket.send(Message::binary(&b"\x02\x00\xff"[..])).await.unwrap();
    assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(&b"\x02\xff\x00"[..]));
}

#[tokio::test]
async fn what_serves_sees_a_client_leave() {
    let cluster = cluster().await;
    let left = Arc::new(Semaphore::new(0));
    let seen = left.clone();
    cluster.pod("default", "web").on_port(80, move |mut connection| {
        let seen = seen.clone();
        async move {
            let mut bytes = Vec::new();
            connection.read_to_end(&mut bytes).await.unwrap();
            assert_eq!(bytes, b"bye");
            seen.add_permits(1);
        }
    });
    for goodbye in [true, false] {
        let mut socket = connect(&cluster, "web/portforward?ports=80", V4).await;
        socket.send(Message::binary(&b"\0bye"[..])).await.unwrap();
        // It is there before the client leaves.
        socket.send(Message::Ping("?".into())).await.unwrap();
        while !matches!(within(socket.next()).await, Some(Ok(Message::Pong(_)))) {}
        tokio::time::sleep(Duration::from_millis(20)).await;
        if goodbye {
            socket.close(None).await.unwrap();
        } else {
            drop(socket);
        }
        within(left.acquire()).await.unwrap().forget();
        until(|| cluster.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn it_ends_with_the_pod_and_with_the_cluster() {
    let cluster = cluster().await;
    cluster.pod("default", "web").on_port(80, invert);
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = connect(&cluster, "web/portforward?ports=80", V4).await;
        assert!(within(socket.next()).await.unwrap().is_ok());
        sockets.push(socket);
    }
    cluster.faults().restart();
    let gone = sockets.remove(0);
    let mut gone = gone;
    assert_eq!(rest(&mut gone).await.1, None);
    drop(sockets);

    let mut socket = connect(&cluster, "web/portforward?ports=80", V4).await;
    pods(&cluster).delete("web", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert_eq!(rest(&mut socket).await, (vec![vec![0, 80, 0], vec![1, 80, 0]], Some(1000)));
    until(|| cluster.open_streams() == 0).await;
}
