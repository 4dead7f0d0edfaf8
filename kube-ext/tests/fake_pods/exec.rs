use std::{io::ErrorKind, sync::Arc, time::Duration};

use futures::{SinkExt as _, StreamExt as _, future::join_all};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{AttachParams, AttachedProcess, DeleteParams, TerminalSize as Size};
use kube_ext::fake::{Exit, FakeCluster, Process, Rule, TerminalSize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::setup::{V4, V5, cluster, connect, noise, pods, rest, until, websocket, within};

fn params() -> AttachParams {
    AttachParams::default().stdin(true).stdout(true).stderr(true)
}

/// What a process wrote, and its status.
async fn output(mut process: AttachedProcess) -> (Vec<u8>, Vec<u8>, Status) {
    let status = process.take_status().unwrap();
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let read = |stream: Option<_>| async {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
        }
        bytes
    };
    let (stdout, stderr, status) = within(futures::future::join3(read(stdout), read(stderr), status)).await;
    (stdout, stderr, status.unwrap())
}

#[tokio::test]
async fn commands_with_their_output() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_command(|argv| match argv {
        [echo, words @ ..] if echo == "echo" => (words.join(" "), "", 0),
        _ => (String::new(), "what?", 127),
    });
    let params = AttachParams::default();
    let echo = pods(&cluster).exec("web", ["echo", "a b", "ü&c=d"], &params).await.unwrap();
    let (stdout, stderr, status) = output(echo).await;
    assert_eq!((stdout.as_slice(), stderr.as_slice()), ("a b ü&c=d".as_bytes(), &b""[..]));
    assert_eq!(status.status.as_deref(), Some("Success"));
    let other = pods(&cluster).exec("web", ["other"], &params).await.unwrap();
    let (stdout, stderr, status) = output(other).await;
    assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b""[..], &b"what?"[..]));
    assert_eq!(status.details.unwrap().causes.unwrap()[0].message.as_deref(), Some("127"));
}

#[tokio::test]
async fn every_exit_code() {
    let cluster = cluster().await;
    cluster
        .container("default", "web", "app")
        .on_exec(async |process: Process| Exit::code(process.argv()[1].parse().unwrap()));
    let pods = pods(&cluster);
    let exits = (0..=255_u8).map(|code| {
        let pods = pods.clone();
        async move {
            let process =
                pods.exec("web", ["exit", &code.to_string()], &AttachParams::default()).await.unwrap();
            (code, output(process).await.2)
        }
    });
    for (code, status) in join_all(exits).await {
        let cause = status.details.and_then(|details| details.causes?.into_iter().next());
        let told = cause.map(|cause| (cause.reason.unwrap(), cause.message.unwrap()));
        let expected = (code != 0).then(|| ("ExitCode".to_owned(), code.to_string()));
        assert_eq!(told, expected);
        assert_eq!(status.reason.as_deref(), (code != 0).then_some("NonZeroExitCode"));
    }
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn what_could_not_start() {
    let cluster = cluster().await;
    let pods = pods(&cluster);
    let message = async || {
        let process = pods.exec("web", ["ls"], &AttachParams::default()).await.unwrap();
        let status = output(process).await.2;
        assert_eq!(status.reason.as_deref(), Some("InternalError"));
        status.message.unwrap()
    };
    // Without a closure there is no command.
    let not_found = message().await;
    assert!(not_found.ends_with("exec: \"ls\": executable file not found in $PATH"), "{not_found}");
    cluster.container("default", "web", "app").on_exec(async |_| Exit::not_started("no such luck"));
    let expected = "Internal error occurred: Internal error occurred: error executing command in container: no such luck";
    assert_eq!(message().await, expected);
}

#[tokio::test]
async fn a_panic_is_a_crash() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(async |mut process: Process| {
        process.stdout.write_all(b"so far").await.unwrap();
        assert!(process.argv().is_empty(), "on purpose");
        Exit::SUCCESS
    });
    let process = pods(&cluster).exec("web", ["x"], &AttachParams::default()).await.unwrap();
    let (stdout, _, status) = output(process).await;
    assert_eq!(stdout, b"so far");
    assert_eq!(status.details.unwrap().causes.unwrap()[0].message.as_deref(), Some("101"));
}

#[tokio::test]
async fn bytes_both_ways_and_the_end_of_stdin() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(async |mut process: Process| {
        let mut all = Vec::new();
        process.stdin.read_to_end(&mut all).await.unwrap();
        all.reverse();
        process.stdout.write_all(&all).await.unwrap();
        Exit::SUCCESS
    });
    let mut process = pods(&cluster).exec("web", ["rev"], &params().stderr(false)).await.unwrap();
    let bytes = noise(300_000, 2);
    let mut stdin = process.stdin().unwrap();
    within(stdin.write_all(&bytes)).await.unwrap();
    stdin.shutdown().await.unwrap();
    let (stdout, _, status) = output(process).await;
    assert!(stdout.iter().rev().eq(&bytes));
    assert_eq!(status.status.as_deref(), Some("Success"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_streams_of_many_megabytes_at_once() {
    const SIZE: usize = 24 * 1024 * 1024;
    let cluster = cluster().await;
    let (out, err) = (Arc::new(noise(SIZE, 3)), Arc::new(noise(SIZE, 4)));
    let written = (out.clone(), err.clone());
    cluster.container("default", "web", "app").on_exec(move |process: Process| {
        let (out, err) = written.clone();
        async move {
            let Process { mut stdout, mut stderr, mut stdin, .. } = process;
            let mut sink = tokio::io::sink();
            let (read, ..) = futures::future::join3(
                tokio::io::copy(&mut stdin, &mut sink),
                async {
                    stdout.write_all(&out).await.unwrap();
                    drop(stdout);
                },
                async {
                    stderr.write_all(&err).await.unwrap();
                    drop(stderr);
                },
            )
            .await;
            Exit::code(if read.unwrap() == SIZE as u64 { 7 } else { 1 })
        }
    });
    let sizes = params().max_stdin_buf_size(65536).max_stdout_buf_size(65536).max_stderr_buf_size(65536);
    let mut process = pods(&cluster).exec("web", ["x"], &sizes).await.unwrap();
    let mut stdin = process.stdin().unwrap();
    let input = tokio::spawn(async move {
        stdin.write_all(&noise(SIZE, 5)).await.unwrap();
        stdin.shutdown().await.unwrap();
    });
    let (stdout, stderr, status) = output(process).await;
    assert!(stdout == *out && stderr == *err);
    assert_eq!(status.details.unwrap().causes.unwrap()[0].message.as_deref(), Some("7"));
    input.await.unwrap();
    // The bytes of the connection are counted.
    let record = &cluster.requests()[0];
    let payload = SIZE as u64;
    assert!((2 * payload..2 * payload + payload / 10).contains(&record.sent), "{record:?}");
    assert!((payload..payload + payload / 10).contains(&record.received), "{record:?}");
}

#[tokio::test]
async fn output_waits_for_who_reads_it() {
    let cluster = cluster().await;
    let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = written.clone();
    cluster.container("default", "web", "app").on_exec(move |mut process: Process| {
        let counter = counter.clone();
        async move {
            let block = vec![0; 65536];
            while process.stdout.write_all(&block).await.is_ok() {
                counter.fetch_add(65536, std::sync::atomic::Ordering::Relaxed);
            }
            Exit::SUCCESS
        }
    });
    let process = pods(&cluster).exec("web", ["yes"], &AttachParams::default()).await.unwrap();
    // Nobody reads: what is under way fills up the buffers of pipes and sockets, and stands still.
    let mut last = usize::MAX;
    let read = || written.load(std::sync::atomic::Ordering::Relaxed);
    while read() != last {
        last = read();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(last < 16 * 1024 * 1024, "{last} bytes wait");
    drop(process);
    until(|| cluster.open_streams() == 0).await;
}

#[tokio::test]
async fn a_terminal_has_sizes() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(async |mut process: Process| {
        assert!(process.tty() && process.stdout.is_wanted() && !process.stderr.is_wanted());
        let mut sizes = Vec::new();
        while let Some(size) = process.resizes.next().await {
            sizes.push(size);
            process.stdout.write_all(format!("{}x{}\n", size.width, size.height).as_bytes()).await.unwrap();
            if size == (TerminalSize { width: 3, height: 4 }) {
                break;
            }
        }
        Exit::code(u8::try_from(sizes.len()).unwrap())
    });
    let mut process = pods(&cluster).exec("web", ["sh"], &AttachParams::interactive_tty()).await.unwrap();
    let status = process.take_status().unwrap();
    let mut stdout = process.stdout().unwrap();
    let mut resize = process.terminal_size().unwrap();
    for (width, height) in [(80, 24), (65535, 0), (3, 4)] {
        resize.send(Size { width, height }).await.unwrap();
        let expected = format!("{width}x{height}\n");
        let mut line = vec![0; expected.len()];
        within(stdout.read_exact(&mut line)).await.unwrap();
        assert_eq!(line, expected.as_bytes());
    }
    let status = within(status).await.unwrap();
    assert_eq!(status.details.unwrap().causes.unwrap()[0].message.as_deref(), Some("3"));
}

#[tokio::test]
async fn streams_that_nobody_asked_for() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(async |mut process: Process| {
        let mut input = Vec::new();
        process.stdin.read_to_end(&mut input).await.unwrap();
        // More than any buffer holds.
        process.stdout.write_all(&vec![0; 1 << 20]).await.unwrap();
        process.stderr.write_all(b"!").await.unwrap();
        let wanted = [process.stdin.is_wanted(), process.stdout.is_wanted(), process.stderr.is_wanted()];
        Exit::code(u8::from(wanted != [false, false, true]))
    });
    let only_stderr = AttachParams::default().stdout(false);
    let process = pods(&cluster).exec("web", ["x"], &only_stderr).await.unwrap();
    let (_, stderr, status) = output(process).await;
    assert_eq!((stderr.as_slice(), status.status.as_deref()), (&b"!"[..], Some("Success")));
}

/// A command that reads all of its input, then tells how its output fares, and waits.
fn observer(cluster: &FakeCluster) -> (tokio::sync::mpsc::UnboundedReceiver<&'static str>, Arc<Notify>) {
    let (events, told) = tokio::sync::mpsc::unbounded_channel();
    let done = Arc::new(Notify::new());
    let end = done.clone();
    cluster.container("default", "web", "app").on_exec(move |mut process: Process| {
        let (events, end) = (events.clone(), end.clone());
        async move {
            process.stdout.write_all(b"started").await.unwrap();
            let mut input = Vec::new();
            process.stdin.read_to_end(&mut input).await.unwrap();
            events.send("stdin ended").unwrap();
            let error = loop {
                tokio::task::yield_now().await;
                if let Err(error) = process.stdout.write_all(b"x").await {
                    break error;
                }
            };
            events.send(if error.kind() == ErrorKind::BrokenPipe { "broken pipe" } else { "other" }).unwrap();
            assert_eq!(process.resizes.next().await, None);
            end.notified().await;
            events.send("ended").unwrap();
            Exit::SUCCESS
        }
    });
    (told, done)
}

#[tokio::test]
async fn a_process_outlives_its_client() {
    for goodbye in [true, false] {
        let cluster = cluster().await;
        let (mut told, done) = observer(&cluster);
        let mut socket = connect(&cluster, "web/exec?command=x&stdin=1&stdout=1&stderr=1", V5).await;
        while !matches!(within(socket.next()).await, Some(Ok(Message::Binary(bytes))) if bytes.ends_with(b"started"))
        {
        }
        if goodbye {
            socket.close(None).await.unwrap();
        } else {
            drop(socket);
        }
        assert_eq!(within(told.recv()).await, Some("stdin ended"));
        assert_eq!(within(told.recv()).await, Some("broken pipe"));
        until(|| cluster.open_streams() == 1).await;
        done.notify_one();
        assert_eq!(within(told.recv()).await, Some("ended"));
        until(|| cluster.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn a_process_ends_with_its_container_and_its_cluster() {
    // Its end is the end of the pod, of the container, of the server's connections, and of the cluster.
    for end in ["delete", "finish", "restart", "connections", "cluster"] {
        let cluster = cluster().await;
        let app = cluster.container("default", "web", "app");
        let dropped = Arc::new(());
        let held = dropped.clone();
        app.on_exec(move |mut process: Process| {
            let held = held.clone();
            async move {
                process.stdout.write_all(b"started").await.unwrap();
                // Not by the client: a connection that goes away does not end it.
                std::future::pending::<()>().await;
                drop(held);
                Exit::SUCCESS
            }
        });
        let mut socket = connect(&cluster, "web/exec?command=x&stdin=1&stdout=1", V5).await;
        while !matches!(within(socket.next()).await, Some(Ok(Message::Binary(bytes))) if bytes.ends_with(b"started"))
        {
        }
        let mut cluster = Some(cluster);
        let running = cluster.as_ref().unwrap();
        match end {
            "delete" => {
                let now = DeleteParams::default().grace_period(0);
                pods(running).delete("web", &now).await.unwrap();
            }
            "finish" => app.finish(),
            "restart" => app.restart(),
            "connections" => running.faults().restart(),
            _ => drop(cluster.take()),
        }
        let (messages, close) = rest(&mut socket).await;
        if matches!(end, "delete" | "finish" | "restart") {
            let status: Status = serde_json::from_slice(&messages.last().unwrap()[1..]).unwrap();
            let causes = status.details.unwrap().causes.unwrap();
            assert_eq!((causes[0].message.as_deref(), close), (Some("137"), Some(1000)), "{end}");
        } else {
            assert_eq!((messages, close), (vec![], None), "{end}");
        }
        if end == "connections" {
            until(|| running_streams(cluster.as_ref()) == 1).await;
            app.finish();
        }
        // The closure holds one.
        until(|| Arc::strong_count(&dropped) <= 2).await;
        if let Some(cluster) = &cluster {
            until(|| cluster.open_streams() == 0).await;
        }
    }
}

fn running_streams(cluster: Option<&FakeCluster>) -> usize {
    cluster.map_or(0, FakeCluster::open_streams)
}

#[tokio::test]
async fn an_ended_container_runs_nothing() {
    let cluster = cluster().await;
    let app = cluster.container("default", "web", "app");
    app.on_command(|_| ("", "", 0));
    app.finish();
    let refused = async || match websocket(&cluster, "web/exec?command=x&stdout=1", V5).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert_eq!(refused().await, 500);
    app.restart();
    let mut socket = connect(&cluster, "web/exec?command=x&stdout=1", V5).await;
    assert_eq!(rest(&mut socket).await.0[1], b"\x03{\"metadata\":{},\"status\":\"Success\"}");
}

#[tokio::test]
async fn pings_are_answered_while_a_process_runs() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_exec(async |_| std::future::pending().await);
    let mut socket = connect(&cluster, "web/exec?command=x&stdout=1", V4).await;
    for n in 0..3_u8 {
        socket.send(Message::Ping(vec![n].into())).await.unwrap();
        loop {
            match within(socket.next()).await.unwrap().unwrap() {
                Message::Pong(answer) => break assert_eq!(answer[..], [n]),
                other => assert_eq!(other, Message::binary(vec![1])),
            }
        }
    }
}

#[tokio::test]
async fn a_get_needs_the_right_to_create() {
    let cluster = cluster().await;
    cluster.container("default", "web", "app").on_command(|_| ("", "", 0));
    cluster.allow("reader", [Rule::verbs(["get"]).resources(["pods/exec"])]);
    cluster.allow("writer", [Rule::verbs(["get", "create"]).resources(["pods/exec"])]);
    let pods = |user: &str| {
        kube::Api::<k8s_openapi::api::core::v1::Pod>::default_namespaced(cluster.client_as(user).unwrap())
    };
    let refused = pods("reader").exec("web", ["x"], &AttachParams::default()).await;
    assert!(refused.err().unwrap().to_string().contains("403"));
    assert!(pods("writer").exec("web", ["x"], &AttachParams::default()).await.is_ok());
}
