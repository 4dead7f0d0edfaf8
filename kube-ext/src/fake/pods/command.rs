//! `pods/exec` and `pods/attach` (`k8s.io/cri-streaming/pkg/streaming/remotecommand`,
//! `k8s.io/apiserver/pkg/util/proxy/streamtranslator.go`).
use std::{future::Future, pin::pin, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{
    Stream, StreamExt as _,
    future::{Either, select},
    stream,
};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
};

use super::{
    super::{
        body::{self, Body},
        server::Call,
        status::Failure,
    },
    check_upgrade,
    log::Run,
    logs::Reader,
    no_protocol,
    place::{Life, Place},
    process::{Ends, Exit, Process, Wanted},
    socket::{self, PIECE, Receiver, Sender, race},
};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
/// Closes the channel whose number follows; since `v5.channel.k8s.io`.
const CLOSE: u8 = 255;

/// What a command ends with that is killed (by signal 9), and what a program ends with that panics.
const EXEC: (u8, u8) = (128 + 9, 101);

/// An attach that ends is told of no exit code.
const ATTACH: (u8, u8) = (0, 0);

pub(super) fn answer(
    call: &Call,
    place: &Place,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let query = &call.info.query;
    let is_exec = call.info.subresource == "exec";
    let container = place.container(query.get("container").unwrap_or_default())?;
    check_upgrade(call, place)?;

    let tty = query.flag("tty");
    let mut wanted = Wanted {
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        // All that a terminal shows is its output.
        stderr: query.flag("stderr") && !tty,
        tty,
    };
    // From here on it is the kubelet that answers: with plain text.
    if !(wanted.stdin || wanted.stdout || wanted.stderr) {
        let message = "you must specify at least 1 of stdin, stdout, stderr";
        return Ok(body::text(StatusCode::BAD_REQUEST, message));
    }
    let Some(run) = place.running(&container) else {
        let message = if is_exec {
            format!("container not found ({container:?})")
        } else {
            format!("container {container} not found in pod {}_{}", place.name(), place.namespace())
        };
        return Ok(body::text(StatusCode::INTERNAL_SERVER_ERROR, message));
    };
    if !is_exec {
        wanted.tty = place.has_tty(&container);
        if wanted.tty && wanted.stderr {
            let message = "rpc error: code = InvalidArgument desc = tty and stderr cannot both be true";
            return Ok(body::text(StatusCode::INTERNAL_SERVER_ERROR, message));
        }
    }
    let Some(protocol) = Protocol::choose(call) else {
        return Ok(no_protocol(call));
    };
    if call.method != Method::GET {
        return Ok(body::text(StatusCode::METHOD_NOT_ALLOWED, "bad method"));
    }

    let argv: Vec<_> = query.all("command").map(ToOwned::to_owned).collect();
    let (process, ends) = Process::new(argv.clone(), wanted);
    let life = place.life(Some((&container, &run)));
    let slot = place.slot(&container);
    let (exec, attach) = {
        let slot = slot.lock();
        (slot.exec.clone(), slot.attach.clone())
    };
    let running = match (is_exec, exec, attach) {
        (true, Some(exec), _) => Running::new(call, life, EXEC, async move { exec(process).await }),
        (true, None, _) => {
            let exit = Exit::not_found(argv.first().map_or("", String::as_str));
            Running::new(call, life, EXEC, async move { exit })
        }
        (false, _, Some(attach)) => Running::new(call, life, ATTACH, async move {
            attach(process).await;
            Exit::SUCCESS
        }),
        (false, ..) => Running::new(call, life, ATTACH, show_log(process, run)),
    };
    let session = move |sender, receiver| serve(protocol, wanted, argv, ends, running, sender, receiver);
    Ok(socket::upgrade(call, request, protocol.name(), session))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    V4,
    V5,
}

impl Protocol {
    /// The API server hands what offers v5 to a part that knows only that; the rest goes to containerd.
    fn choose(call: &Call) -> Option<Self> {
        let offered = socket::offered(&call.headers);
        let has = |protocol: Self| offered.iter().any(|offer| offer == protocol.name());
        [Self::V5, Self::V4].into_iter().find(|protocol| has(*protocol))
    }

    fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }

    /// The `Status` at the end.
    fn status(self, exit: &Exit, argv: &[String]) -> Value {
        match &exit.0 {
            Ok(0) => json!({"metadata": {}, "status": "Success"}),
            Ok(code) => {
                let what = match self {
                    Self::V4 => format!("error executing command [{}], exit code {code}", argv.join(" ")),
                    Self::V5 => format!("command terminated with exit code {code}"),
                };
                json!({
                    "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                    "message": format!("command terminated with non-zero exit code: {what}"),
                    "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
                })
            }
            Err(message) => {
                let inner = format!("error executing command in container: {message}");
                // What translates v5 wraps the error that it gets once more.
                let cause = match self {
                    Self::V4 => inner,
                    Self::V5 => format!("Internal error occurred: {inner}"),
                };
                json!({
                    "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                    "message": format!("Internal error occurred: {cause}"),
                    "details": {"causes": [{"message": cause}]},
                })
            }
        }
    }
}

/// A process that runs on its own, until it ends, its container does, or the cluster.
///
/// A client that goes away does not end it, as on a node: its input ends, and nobody reads its output.
struct Running {
    task: JoinHandle<Exit>,
    panicked: u8,
}

impl Running {
    /// `killed` is what it ends with if the container ends before, `panicked` if the closure panics.
    fn new(
        call: &Call,
        life: Life,
        (killed, panicked): (u8, u8),
        process: impl Future<Output = Exit> + Send + 'static,
    ) -> Self {
        let stop = call.shared.stop.clone();
        let run = async move {
            match select(pin!(process), pin!(life.over())).await {
                Either::Left((exit, _)) => exit,
                Either::Right(_) => Exit::code(killed),
            }
        };
        let run = async move { stop.run_until_cancelled(run).await.unwrap_or(Exit::code(killed)) };
        Self { task: call.shared.pods.tasks.spawn(run), panicked }
    }

    async fn exit(self) -> Exit {
        self.task.await.unwrap_or(Exit::code(self.panicked))
    }
}

/// What an attach shows of a container that no closure plays: what it writes to its log from now on. Its input is not
/// read; where it ends, or its client is gone, the attach does.
async fn show_log(process: Process, run: Arc<Run>) -> Exit {
    let Process { mut stdin, mut stdout, mut resizes, .. } = process;
    let mut reader = Reader::from_now(run);
    let show = async {
        loop {
            let lines = reader.read();
            if lines.is_empty() {
                reader.written().await;
            } else if stdout.write_all(&lines).await.is_err() {
                return;
            }
        }
    };
    let input = async {
        if stdin.is_wanted() {
            let _ = tokio::io::copy(&mut stdin, &mut tokio::io::sink()).await;
        } else {
            // They end with the client.
            while resizes.next().await.is_some() {}
        }
    };
    race(show, input).await;
    Exit::SUCCESS
}

async fn serve(
    protocol: Protocol,
    wanted: Wanted,
    argv: Vec<String>,
    ends: Ends,
    running: Running,
    mut sender: Sender,
    mut receiver: Receiver,
) -> (Sender, Receiver) {
    let Ends { stdin, stdout, stderr, resizes } = ends;
    let input = async {
        let mut stdin = stdin;
        while let Some(message) = receiver.next().await {
            match (message.split_first(), protocol) {
                (Some((&CLOSE, rest)), Protocol::V5) => match rest {
                    [STDIN] => stdin = None,
                    [STDOUT..=RESIZE] => (),
                    // Against the protocol, and the end of the connection.
                    _ => return,
                },
                (Some((&STDIN, bytes)), _) => {
                    // A process that is gone or has closed its input reads nothing; the client need not know.
                    if let Some(pipe) = &mut stdin
                        && pipe.write_all(bytes).await.is_err()
                    {
                        stdin = None;
                    }
                }
                (Some((&RESIZE, bytes)), _) if wanted.tty => {
                    if let Ok(size) = serde_json::from_slice(bytes) {
                        resizes.send_replace(Some(size));
                    }
                }
                _ => (),
            }
        }
    };
    let output = async {
        // Tells the client that all is set up: an empty message on the lowest channel that has output.
        let greeting = match wanted {
            Wanted { stdout: true, .. } => STDOUT,
            Wanted { stderr: true, .. } => STDERR,
            _ => STATUS,
        };
        sender.send(Bytes::from(vec![greeting])).await?;
        let mut outputs = pin!(stream::select(messages(STDOUT, stdout), messages(STDERR, stderr)));
        while let Some(message) = outputs.next().await {
            sender.send(message).await?;
        }
        let status = protocol.status(&running.exit().await, &argv).to_string();
        sender.send([&[STATUS], status.as_bytes()].concat().into()).await
    };
    race(input, output).await;
    (sender, receiver)
}

/// What a process writes, as messages on a channel.
fn messages(channel: u8, output: Option<DuplexStream>) -> impl Stream<Item = Bytes> {
    stream::unfold(output, move |output| async move {
        let mut output = output?;
        let mut message = BytesMut::with_capacity(PIECE + 1);
        message.put_u8(channel);
        let read = output.read_buf(&mut message).await.ok()?;
        (read > 0).then(|| (message.freeze(), Some(output)))
    })
}
