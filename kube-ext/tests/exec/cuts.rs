//! Connections that are cut after any byte, in every way: an error with what had arrived, in time, and an exit code only where
//! the server had told it.
use std::{io::ErrorKind, time::Duration};

use futures::{
    StreamExt as _,
    future::{join, join_all, join3},
    stream,
};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube_ext::{
    exec::{Cause, Command, Error, ExecExt as _, Stdio},
    fake::{Calls, Exit, FakeCluster, Fault, Process},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::setup::{drain, noise, pod, pods, until, within};

const STDERR: &[u8] = b"some words";
const INPUT: &[u8] = b"meow";
/// A close frame with a code.
const GOODBYE: u64 = 4;
/// More than it takes a busy machine to answer.
const SILENCE: Duration = Duration::from_secs(20);
/// What a message takes at most, and the heads of all of a session.
const FRAME: u64 = 33 * 1024;

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Drop,
    Close,
    Stall,
}

impl End {
    fn fault(self, bytes: u64) -> Fault {
        let fault = Fault::cut_after_bytes(bytes);
        match self {
            Self::Drop => fault,
            Self::Close => fault.cleanly(),
            Self::Stall => fault.stalling(),
        }
    }
}

/// A session and what is to come of it. Its input comes back after as many bytes of noise as its last argument says.
struct Session {
    code: u8,
    noise: usize,
    stdout: Vec<u8>,
    /// How many bytes the server sends until the status is whole.
    told: u64,
}

/// A cluster in which the sessions in pod `cut-N` are cut after N bytes, and those in pod `whole` are not.
struct Cuts {
    session: Session,
    end: End,
    cluster: FakeCluster,
    pods: Api<Pod>,
}

async fn run(mut process: Process) -> Exit {
    let [_, code, size] = process.argv() else { panic!("{:?}", process.argv()) };
    let (code, size) = (code.parse().unwrap(), size.parse().unwrap());
    process.stderr.write_all(STDERR).await.unwrap();
    let mut output = noise(size, 1);
    process.stdin.read_to_end(&mut output).await.unwrap();
    // A client that is gone reads nothing.
    let _ = process.stdout.write_all(&output).await;
    Exit::code(code)
}

async fn cluster(cuts: &[u64]) -> FakeCluster {
    let names: Vec<_> = cuts.iter().map(|bytes| format!("cut-{bytes}")).chain(["whole".to_owned()]).collect();
    let cluster = FakeCluster::builder().objects(names.iter().map(|name| pod(name))).start().await.unwrap();
    for name in names {
        cluster.container("default", &name, "app").on_exec(run);
    }
    cluster
}

impl Session {
    async fn new(code: u8, noise_size: usize) -> Self {
        let stdout = [&noise(noise_size, 1), INPUT].concat();
        let mut session = Self { code, noise: noise_size, stdout, told: 0 };
        let cluster = cluster(&[]).await;
        let output = within(session.command(&pods(&cluster), "whole").input(INPUT).output()).await.unwrap();
        session.assert_whole(output.status.code(), &output.stdout, &output.stderr);
        until(|| cluster.open_streams() == 0).await;
        session.told = cluster.requests()[0].sent - GOODBYE;
        session
    }

    fn command(&self, pods: &Api<Pod>, pod: &str) -> Command {
        let args = [self.code.to_string(), self.noise.to_string()];
        pods.command(pod, "x").container("app").args(args)
    }

    fn assert_whole(&self, code: i32, stdout: &[u8], stderr: &[u8]) {
        assert_eq!(code, i32::from(self.code));
        assert!(stdout == self.stdout);
        assert_eq!(stderr, STDERR);
    }

    /// What has arrived of both outputs, after so many bytes: whole messages, which came in one order or the other.
    fn assert_arrived(&self, bytes: u64, stdout: &[u8], stderr: &[u8]) {
        assert!(self.stdout.starts_with(stdout) && STDERR.starts_with(stderr));
        if self.noise > 0 {
            // But for a message of which a part is missing.
            let all = (self.stdout.len() + STDERR.len()) as u64;
            let arrived = (stdout.len() + stderr.len()) as u64;
            assert!(arrived + FRAME >= bytes.min(all), "{arrived} after {bytes}");
            return;
        }
        // The greeting takes 3 bytes, the head of a message 3.
        let size = |bytes: &[u8]| bytes.len() as u64 + 3;
        let arrived =
            |first: &[u8], second: &[u8]| [bytes >= 3 + size(first), bytes >= 3 + size(first) + size(second)];
        let [out, both] = arrived(&self.stdout, STDERR);
        let stdout_first = [out, both];
        let [err, both] = arrived(STDERR, &self.stdout);
        let is = [stdout == self.stdout, stderr == STDERR];
        assert!(is == stdout_first || is == [both, err], "{bytes}: {stdout:?} {stderr:?}");
        assert!(is.iter().zip([stdout, stderr]).all(|(whole, bytes)| *whole || bytes.is_empty()));
    }
}

impl Cuts {
    async fn new(session: Session, end: End, cuts: &[u64]) -> Self {
        let cluster = cluster(cuts).await;
        for bytes in cuts {
            let calls = Calls::any().resource("pods/exec").name(format!("cut-{bytes}"));
            cluster.faults().add(calls, end.fault(*bytes));
        }
        let pods = pods(&cluster);
        Self { session, end, cluster, pods }
    }

    fn command(&self, bytes: u64) -> Command {
        let command = self.session.command(&self.pods, &format!("cut-{bytes}"));
        if self.end == End::Stall { command.keepalive(SILENCE) } else { command }
    }

    fn assert_lost(&self, bytes: u64, error: &Error) {
        assert!(bytes < self.session.told, "{bytes}: the status has been told: {error}");
        assert_lost(error);
        if self.end == End::Stall {
            assert!(error.to_string().ends_with("nothing from the server for 20s"), "{bytes}: {error}");
        }
    }

    /// A session that is collected.
    async fn collect(&self, bytes: u64) {
        match within(self.command(bytes).input(INPUT).output()).await {
            Ok(output) => {
                assert!(bytes >= self.session.told, "exit code {} out of nowhere", output.status.code());
                self.session.assert_whole(output.status.code(), &output.stdout, &output.stderr);
            }
            Err(error) => {
                self.assert_lost(bytes, &error);
                self.session.assert_arrived(bytes, error.stdout(), error.stderr());
            }
        }
    }

    /// One that is read.
    async fn read(&self, bytes: u64) {
        let mut child = within(self.command(bytes).stdin(Stdio::Piped).spawn()).await.unwrap();
        let (mut stdin, stdout, stderr) =
            (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let feed = async {
            // It may be over before.
            let _ = stdin.write_all(INPUT).await;
            let _ = stdin.shutdown().await;
        };
        let ((), (stdout, out), (stderr, err)) = within(join3(feed, drain(stdout), drain(stderr))).await;
        let [first, second] = [within(child.wait()).await, within(child.wait()).await];
        match first {
            Ok(status) => {
                assert!(bytes >= self.session.told, "exit code {} out of nowhere", status.code());
                out.unwrap();
                err.unwrap();
                self.session.assert_whole(status.code(), &stdout, &stderr);
                assert_eq!(second.unwrap(), status);
            }
            Err(error) => {
                self.assert_lost(bytes, &error);
                for end in [out, err] {
                    let end = end.unwrap_err();
                    assert_eq!(end.kind(), ErrorKind::ConnectionAborted);
                    let inner = end.get_ref().unwrap().downcast_ref::<Error>().unwrap();
                    assert_eq!(inner.to_string(), error.to_string());
                }
                self.session.assert_arrived(bytes, &stdout, &stderr);
                assert_eq!(second.unwrap_err().to_string(), error.to_string());
                assert_eq!(child.try_wait().unwrap_err().to_string(), error.to_string());
            }
        }
    }
}

/// Cuts a session after each of so many bytes.
async fn cut(session: Session, end: End, cuts: &[u64]) {
    let all = Cuts::new(session, end, cuts).await;
    let sessions = stream::iter(cuts).map(|bytes| join(all.collect(*bytes), all.read(*bytes)));
    // Those that fall silent do nothing but wait.
    let at_once = if end == End::Stall { 75 } else { 30 };
    sessions.buffer_unordered(at_once).map(drop).collect::<()>().await;
    until(|| all.cluster.open_streams() == 0).await;
}

fn assert_lost(error: &Error) {
    assert!(matches!(error.cause(), Cause::Lost { .. }), "{error}");
    let words = error.to_string();
    assert!(words.starts_with("exec x in pod default/"), "{error}");
    assert!(words.contains(" container app: connection lost before the exit status: "), "{error}");
}

async fn after_every_byte(end: End) {
    for code in [0, 7] {
        let session = Session::new(code, 0).await;
        let every: Vec<_> = (0..=session.told + GOODBYE).collect();
        cut(session, end, &every).await;
    }
}

#[tokio::test]
async fn dropped() {
    after_every_byte(End::Drop).await;
}

#[tokio::test]
async fn ended_with_a_close_frame() {
    after_every_byte(End::Close).await;
}

#[tokio::test]
async fn silent_from_then_on() {
    after_every_byte(End::Stall).await;
}

/// Several frames, with heads of all sizes.
#[tokio::test]
async fn in_large_sessions() {
    let mut random = fastrand::Rng::with_seed(1);
    for end in [End::Drop, End::Close, End::Stall] {
        let session = Session::new(0, 150_000).await;
        let edges = (1..5).flat_map(|frame| (0..12).map(move |byte| frame * 32 * 1024 + byte));
        let mut cuts: Vec<u64> = edges.chain((0..40).map(|_| random.u64(0..session.told))).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cut(session, end, &cuts).await;
    }
}

/// Between messages, whatever their bytes are: a greeting, two outputs, a status.
#[tokio::test]
async fn between_messages() {
    let session = &Session::new(0, 0).await;
    let cuts = (0..=4).map(|messages| async move {
        for fault in [
            Fault::cut_after_events(messages),
            Fault::cut_after_events(messages).cleanly(),
            Fault::cut_after_events(messages).stalling(),
        ] {
            let cluster = cluster(&[]).await;
            cluster.faults().add(Calls::any().resource("pods/exec"), fault);
            let command = session.command(&pods(&cluster), "whole").input(INPUT).keepalive(SILENCE);
            let result = within(command.output()).await;
            assert_eq!(result.is_ok(), messages == 4, "{messages}: {result:?}");
            if let Err(error) = result {
                assert_lost(&error);
            }
        }
    });
    join_all(cuts).await;
}
