//! Servers that do what no good one would.
use std::{io::ErrorKind, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use kube_ext::exec::{Cause, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::setup::{
    MIB, SEVEN, SUCCESS, V4, V5, command, drain, noise, send, server, until_gone, within, within_seconds,
};

#[tokio::test]
async fn a_text_message_is_no_output() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "one").await;
        socket.send(Message::text("\u{1}two")).await.unwrap();
        send(&mut socket, 3, SUCCESS).await;
        until_gone(socket).await;
    })
    .await;
    let error = within(command(&pods).output()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "exec x in pod default/web container app: connection lost before the exit status: a text message came"
    );
    assert!(matches!(error.cause(), Cause::Lost { .. }));
    assert_eq!((error.stdout(), error.stderr()), (&b"one"[..], &b""[..]));
}

#[tokio::test]
async fn a_status_that_is_none_is_no_success() {
    for (status, words) in [
        ("{", r"exit status cannot be read (EOF while parsing an object at line 1 column 1): {"),
        ("\u{1}", r"exit status cannot be read (expected value at line 1 column 1): \x01"),
        ("{}", "the server gave no reason"),
        ("{}}", r"exit status cannot be read (trailing characters at line 1 column 3): {}}"),
        (r#"{"status":"Maybe","message":"who knows"}"#, "who knows"),
        (r#"{"status":"success"}"#, "the server gave no reason"),
        (
            r#"{"status":"Failure","reason":"NonZeroExitCode","message":"m"}"#,
            "exit status has no exit code: m",
        ),
        (
            r#"{"status":"Failure","reason":"NonZeroExitCode","message":"m","details":{"causes":[{"reason":"ExitCode","message":"0"}]}}"#,
            "exit status has no exit code: m",
        ),
        (
            r#"{"status":"Failure","reason":"NonZeroExitCode","message":"m","details":{"causes":[{"reason":"ExitCode","message":"4294967296"}]}}"#,
            "exit status has no exit code: m",
        ),
    ] {
        let pods = server(V5, move |mut socket| async move {
            send(&mut socket, 1, "so far").await;
            send(&mut socket, 3, status).await;
        })
        .await;
        let error = within(command(&pods).output()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Failed { .. }), "{status}: {error:?}");
        assert_eq!(
            error.to_string(),
            format!("exec x in pod default/web container app: {words}"),
            "{status}"
        );
        assert_eq!(error.stdout(), b"so far");
    }
}

#[tokio::test]
async fn frames_after_the_status_are_delivered() {
    let bytes = noise(3 * MIB, 1);
    let truth = bytes.clone();
    let pods = server(V5, move |mut socket| {
        let bytes = bytes.clone();
        async move {
            send(&mut socket, 1, &bytes[..1]).await;
            send(&mut socket, 3, SEVEN).await;
            // The first status counts.
            send(&mut socket, 3, SUCCESS).await;
            for piece in bytes[1..].chunks(32 * 1024) {
                send(&mut socket, 1, piece).await;
            }
            send(&mut socket, 2, "late").await;
            let _ = socket.close(None).await;
            until_gone(socket).await;
        }
    })
    .await;
    let output = within(command(&pods).output()).await.unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (7, &b"late"[..]));
    assert!(output.stdout == truth);

    // A reader who takes its time has them, too.
    let mut child = within(command(&pods).spawn()).await.unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = vec![0; 1000];
    within(stdout.read_exact(&mut first)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let (rest, end) = within(drain(stdout)).await;
    end.unwrap();
    assert!([first, rest].concat() == truth, "something is missing");
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

#[tokio::test]
async fn empty_frames_and_unknown_channels_are_nothing() {
    let pods = server(V5, async |mut socket| {
        for channel in [1, 2, 3, 0, 4, 5, 254, 255] {
            send(&mut socket, channel, "").await;
        }
        socket.send(Message::binary(Vec::new())).await.unwrap();
        for channel in [0, 4, 5, 99, 254] {
            send(&mut socket, channel, "not for us").await;
        }
        send(&mut socket, 255, [1]).await;
        send(&mut socket, 1, "out").await;
        send(&mut socket, 2, "err").await;
        send(&mut socket, 3, SUCCESS).await;
    })
    .await;
    let output = within(command(&pods).output()).await.unwrap();
    assert!(output.status.success());
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out"[..], &b"err"[..]));
}

#[tokio::test]
async fn fragments_of_a_message_are_one() {
    let pods = server(V5, async |mut socket| {
        let fragment = |code, bytes: &[u8], last| {
            Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(code), last))
        };
        socket.send(fragment(Data::Binary, b"\x01he", false)).await.unwrap();
        socket.send(Message::Ping("?".into())).await.unwrap();
        socket.send(fragment(Data::Continue, b"", false)).await.unwrap();
        socket.send(fragment(Data::Continue, b"\x02llo", true)).await.unwrap();
        let (head, tail) = SEVEN.as_bytes().split_at(20);
        socket.send(fragment(Data::Binary, &[b"\x03", head].concat(), false)).await.unwrap();
        socket.send(fragment(Data::Continue, tail, true)).await.unwrap();
    })
    .await;
    let output = within(command(&pods).output()).await.unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (7, &b"he\x02llo"[..]));
}

#[tokio::test]
async fn a_frame_of_16_mib() {
    let bytes = noise(16 * MIB - 1, 2);
    let truth = bytes.clone();
    let pods = server(V5, move |mut socket| {
        let bytes = bytes.clone();
        async move {
            send(&mut socket, 1, bytes).await;
            send(&mut socket, 3, SUCCESS).await;
            until_gone(socket).await;
        }
    })
    .await;
    let output = within(command(&pods).output()).await.unwrap();
    assert!(output.status.success() && output.stdout == truth);
    // What is larger than anything sane ends the session, and is no success.
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, vec![0; 16 * MIB]).await;
        send(&mut socket, 3, SUCCESS).await;
        until_gone(socket).await;
    })
    .await;
    let error = within(command(&pods).output()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Lost { .. }), "{error}");
}

#[tokio::test]
async fn without_an_end_of_stdin() {
    // Ends when it has read five bytes; goes on for ever if they do not come.
    let pods = server(V4, async |mut socket| {
        let mut input = Vec::new();
        while input.len() < 5 {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) => input.extend_from_slice(&bytes[1..]),
                Some(Ok(_)) => (),
                _ => return,
            }
        }
        send(&mut socket, 1, input).await;
        send(&mut socket, 3, SEVEN).await;
        until_gone(socket).await;
    })
    .await;
    // The process would wait for ever for the end of this.
    let error = within(command(&pods).input("four").output()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::NoEndOfStdin), "{error}");
    assert_eq!(
        error.to_string(),
        "exec x in pod default/web container app: the server cannot be told of the end of stdin (it offers v4.channel.k8s.io only)"
    );
    let mut child = within(command(&pods).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    within(stdin.write_all(b"four")).await.unwrap();
    let error = within(stdin.shutdown()).await.unwrap_err();
    let inner = error.get_ref().unwrap().downcast_ref::<kube_ext::exec::Error>().unwrap();
    assert!(matches!(inner.cause(), Cause::NoEndOfStdin), "{error}");
    assert!(matches!(within(child.wait()).await.unwrap_err().cause(), Cause::NoEndOfStdin));
    // One whose stdin stays open comes to its end.
    let mut child = within(command(&pods).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    within(stdin.write_all(b"hello")).await.unwrap();
    within(stdin.flush()).await.unwrap();
    let (stdout, end) = within(drain(child.stdout.take().unwrap())).await;
    end.unwrap();
    assert_eq!(stdout, b"hello");
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
    // So does one without stdin.
    let pods = server(V4, async |mut socket| send(&mut socket, 3, SEVEN).await).await;
    assert_eq!(within(command(&pods).output()).await.unwrap().status.code(), 7);
}

/// The status is there, and so is the process's end: that its stdin has none makes no difference any more.
#[tokio::test]
async fn an_end_of_stdin_after_the_status() {
    let pods = server(V4, async |mut socket| {
        send(&mut socket, 1, "out").await;
        send(&mut socket, 3, SEVEN).await;
        until_gone(socket).await;
    })
    .await;
    let mut child = within(command(&pods).stdin(Stdio::Piped).spawn()).await.unwrap();
    let mut text = [0; 3];
    within(child.stdout.as_mut().unwrap().read_exact(&mut text)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

#[tokio::test]
async fn stdin_that_is_never_read() {
    let pods = server(V5, async |mut socket| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        send(&mut socket, 1, "out").await;
        send(&mut socket, 3, SEVEN).await;
        until_gone(socket).await;
    })
    .await;
    let output = within(command(&pods).input(noise(16 * MIB, 3)).output()).await.unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (7, &b"out"[..]));
}

/// The status is told, and then the connection is reset, since input is left unread: who is refused input has to look for it.
#[tokio::test]
async fn a_status_and_a_reset() {
    const SIZE: usize = 160 * 1024;
    let pods = server(V5, async |mut socket| {
        for _ in 0..SIZE / (16 * 1024) {
            send(&mut socket, 1, vec![b'o'; 16 * 1024]).await;
        }
        send(&mut socket, 3, SEVEN).await;
        // So that all of it is on the other side by then.
        tokio::time::sleep(Duration::from_millis(500)).await;
    })
    .await;
    let output = within(command(&pods).input(noise(16 * MIB, 4)).output()).await.unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (7, SIZE));
    // Whoever reads slowly finds it behind all that was written before.
    let slow = command(&pods).stdin(Stdio::Piped).max_output(64 * 1024);
    let mut child = within(slow.spawn()).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = tokio::spawn(async move { stdin.write_all(&noise(16 * MIB, 5)).await });
    let mut stdout = child.stdout.take().unwrap();
    let mut first = vec![0; 1000];
    within(stdout.read_exact(&mut first)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (rest, end) = within(drain(stdout)).await;
    assert_eq!(first.len() + rest.len(), SIZE, "{end:?}");
    end.unwrap();
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
    within(feed).await.unwrap().unwrap_err();
}

#[tokio::test]
async fn an_end_without_goodbye_after_the_status() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 2, "err").await;
        send(&mut socket, 3, SUCCESS).await;
    })
    .await;
    let output = within(command(&pods).output()).await.unwrap();
    assert!(output.status.success());
    assert_eq!(output.stderr, b"err");
}

#[tokio::test]
async fn a_connection_that_stays_after_the_status() {
    for close_frame in [false, true] {
        let pods = server(V5, move |mut socket| async move {
            send(&mut socket, 1, "out").await;
            send(&mut socket, 3, SEVEN).await;
            if close_frame {
                let _ = socket.close(None).await;
            }
            until_gone(socket).await;
        })
        .await;
        let output = within_seconds(40, command(&pods).output()).await.unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (7, &b"out"[..]));
    }
}

/// What it has to say then keeps nobody.
#[tokio::test]
async fn pings_after_the_status() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "out").await;
        send(&mut socket, 3, SEVEN).await;
        while socket.send(Message::Ping("still here".into())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let output = within(command(&pods).output()).await.unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (7, &b"out"[..]));
}

#[tokio::test]
async fn kill_and_timeout_after_the_status() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "out").await;
        send(&mut socket, 3, SEVEN).await;
        until_gone(socket).await;
    })
    .await;
    let mut child = within(command(&pods).spawn()).await.unwrap();
    let mut text = [0; 3];
    within(child.stdout.as_mut().unwrap().read_exact(&mut text)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    within(child.kill()).await;
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
}

/// The status has come, and output behind it that nobody reads: the timeout ends that, and the status stays.
#[tokio::test]
async fn a_timeout_amid_output_after_the_status() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "full").await;
        send(&mut socket, 3, SEVEN).await;
        send(&mut socket, 1, "more").await;
        until_gone(socket).await;
    })
    .await;
    let limited = command(&pods).max_output(4).timeout(Duration::from_secs(4));
    let mut child = within(limited.spawn()).await.unwrap();
    assert_eq!(within(child.wait()).await.unwrap().code(), 7);
    // Who reads does not take the first half for all of it.
    let (stdout, end) = within(drain(child.stdout.take().unwrap())).await;
    assert_eq!(stdout, b"full");
    let error = end.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(child.try_wait().unwrap().unwrap().code(), 7);
}

#[tokio::test]
async fn a_timeout_keeps_what_has_come() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "so far").await;
        send(&mut socket, 2, "so good").await;
        until_gone(socket).await;
    })
    .await;
    let error = within(command(&pods).timeout(Duration::from_secs(3)).output()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::TimedOut { .. }), "{error}");
    assert_eq!(error.to_string(), "exec x in pod default/web container app: timed out after 3s");
    assert_eq!((error.stdout(), error.stderr()), (&b"so far"[..], &b"so good"[..]));
}

#[tokio::test]
async fn what_is_killed_gives_what_has_come() {
    let pods = server(V5, async |mut socket| {
        send(&mut socket, 1, "so far").await;
        until_gone(socket).await;
    })
    .await;
    let mut child = within(command(&pods).spawn()).await.unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 3];
    within(stdout.read_exact(&mut first)).await.unwrap();
    within(child.kill()).await;
    let error = within(child.wait()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Killed), "{error}");
    assert_eq!(
        error.to_string(),
        "exec x in pod default/web container app: the connection was closed by this side"
    );
    let (rest, end) = within(drain(stdout)).await;
    assert_eq!(rest, b"far");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::BrokenPipe);
    // To drop it is to kill it.
    let mut child = within(command(&pods).spawn()).await.unwrap();
    let stdout = child.stdout.take().unwrap();
    drop(child);
    let error = within(drain(stdout)).await.1.unwrap_err();
    let inner = error.get_ref().unwrap().downcast_ref::<kube_ext::exec::Error>().unwrap();
    assert!(matches!(inner.cause(), Cause::Killed), "{error}");
}
