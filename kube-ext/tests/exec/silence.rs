//! Servers that say nothing: what is lost, and what only waits for a process to take its input.
use std::{future::pending, io::ErrorKind, time::Duration};

use futures::{
    SinkExt as _, StreamExt as _,
    future::{join_all, join3},
};
use kube_ext::exec::{Cause, ExecExt as _, Stdio};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::setup::{
    MIB, SEVEN, SUCCESS, Socket, V5, answer, command, noise, pod, send, server, server_with_pod, until_gone,
    within, within_minutes,
};

/// It includes the handshake.
const SILENCE: Duration = Duration::from_secs(5);
const TO_STDIN: u8 = 0;
const CLOSE: u8 = 255;

/// Reads input to its end, or until so many bytes of it have come, and answers pings meanwhile.
async fn read(socket: &mut Socket, most: usize) -> usize {
    let mut count = 0;
    while count < most {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) if bytes[0] == TO_STDIN => count += bytes.len() - 1,
            Some(Ok(Message::Binary(bytes))) if bytes[0] == CLOSE => break,
            Some(Ok(_)) => (),
            end => panic!("{end:?} after {count} bytes"),
        }
    }
    count
}

#[tokio::test]
async fn pings_are_answered_and_asked() {
    let pods = server(V5, async |mut socket| {
        let (mut asked, mut answered) = (0, 0);
        socket.send(Message::Ping("hi".into())).await.unwrap();
        while asked < 20 || answered < 1 {
            match socket.next().await.unwrap().unwrap() {
                Message::Ping(_) => asked += 1,
                Message::Pong(bytes) => {
                    assert_eq!(bytes.as_ref(), b"hi");
                    answered += 1;
                }
                _ => (),
            }
        }
        send(&mut socket, 3, SEVEN).await;
    })
    .await;
    // More than the span of silence passes: it is the answers that keep it alive.
    let output = within(command(&pods).keepalive(Duration::from_secs(10)).output()).await.unwrap();
    assert_eq!(output.status.code(), 7);
}

#[tokio::test]
async fn a_server_that_falls_silent() {
    // It does not even read, so that no ping is answered.
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "so far").await;
        pending::<()>().await;
    })
    .await;
    // A little input, which any pipe takes, excuses nothing.
    for input in [None, Some(vec![b'x'; 4000])] {
        let mut command = command(&pods).keepalive(SILENCE);
        if let Some(input) = input {
            command = command.input(input);
        }
        let error = within(command.output()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "exec x in pod default/web container app: connection lost before the exit status: nothing from the server for 5s"
        );
        assert_eq!(error.stdout(), b"so far");
    }
}

/// With input that is not taken, it may be the process: there is more patience, but it ends.
#[tokio::test]
async fn a_server_that_falls_silent_with_input() {
    let pods = server_with_pod(V5, answer("200 OK", &pod("web")), async |mut socket| {
        send(&mut socket, 1, "so far").await;
        read(&mut socket, 1).await;
        pending::<()>().await;
    })
    .await;
    let reason = "connection lost before the exit status: nothing from the server for 25s, with input that it has not taken";
    let collected = async {
        let error = command(&pods).keepalive(SILENCE).input(noise(32 * MIB, 3)).output().await.unwrap_err();
        assert_eq!(error.to_string(), format!("exec x in pod default/web container app: {reason}"));
        assert_eq!(error.stdout(), b"so far");
    };
    // What all of the connection takes, and what it does not.
    let written = join_all([128 * 1024, 32 * MIB].map(async |size| {
        let mut child = command(&pods).keepalive(SILENCE).stdin(Stdio::Piped).spawn().await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let written = stdin.write_all(&noise(size, 4)).await;
        assert_eq!(
            written.map_err(|error| error.kind()),
            if size > MIB { Err(ErrorKind::ConnectionAborted) } else { Ok(()) }
        );
        let error = child.wait().await.unwrap_err();
        assert!(
            matches!(error.cause(), Cause::Lost { .. }) && error.to_string().ends_with(reason),
            "{error}"
        );
    }));
    let attached = async {
        let mut attached =
            pods.attach_to("web").stdin(Stdio::Piped).keepalive(SILENCE).spawn().await.unwrap();
        attached.stdin.as_mut().unwrap().write_all(b"x").await.unwrap();
        let error = attached.wait().await.unwrap_err();
        assert!(error.to_string().ends_with(reason), "{error}");
    };
    within(join3(collected, written, attached)).await;
}

/// As a server is while a process does not read, and its pipe is full.
#[tokio::test]
async fn a_server_that_waits_for_the_process() {
    let pods = server(V5, async |mut socket| {
        read(&mut socket, 1).await;
        tokio::time::sleep(3 * SILENCE).await;
        let count = 64 * 1024 + read(&mut socket, usize::MAX).await;
        send(&mut socket, 1, count.to_string()).await;
        send(&mut socket, 3, SEVEN).await;
        until_gone(socket).await;
    })
    .await;
    // What the connection takes meanwhile, and what it does not.
    for size in [128 * 1024, 32 * MIB] {
        let command = command(&pods).keepalive(SILENCE).input(noise(size, 1));
        let output = within_minutes(command.output()).await.unwrap();
        assert_eq!(output.status.code(), 7);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), size.to_string());
    }
}

/// A process that others write to may have no room for a single byte.
#[tokio::test]
async fn an_attachment_that_waits_for_the_process() {
    let pods = server_with_pod(V5, answer("200 OK", &pod("web")), async |mut socket| {
        read(&mut socket, 1).await;
        tokio::time::sleep(2 * SILENCE).await;
        send(&mut socket, 3, SUCCESS).await;
        until_gone(socket).await;
    })
    .await;
    let attach = pods.attach_to("web").stdin(Stdio::Piped).keepalive(SILENCE);
    let mut attached = within(attach.spawn()).await.unwrap();
    within(attached.stdin.as_mut().unwrap().write_all(b"x")).await.unwrap();
    within(attached.wait()).await.unwrap();
}

/// Once a ping behind it is answered, no input explains the silence.
#[tokio::test]
async fn a_server_that_falls_silent_behind_the_input() {
    const SIZE: usize = 100_000;
    let pods = server(V5, async |mut socket| {
        read(&mut socket, SIZE).await;
        while !matches!(socket.next().await, Some(Ok(Message::Ping(_)))) {}
        socket.flush().await.unwrap();
        pending::<()>().await;
    })
    .await;
    let mut child = within(command(&pods).keepalive(SILENCE).stdin(Stdio::Piped).spawn()).await.unwrap();
    within(child.stdin.as_mut().unwrap().write_all(&noise(SIZE, 2))).await.unwrap();
    let error = within(child.wait()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Lost { .. }), "{error}");
    assert!(error.to_string().ends_with(": nothing from the server for 5s"), "{error}");
}
