//! Connections that are cut, or fall silent, after any number of bytes from the server: an error in time, or the exit code if it
//! had come; never another one.

use std::iter;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use kube_ext::exec::{Cause, Error};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::proxy::{Cut, Proxy};
use super::setup::{LONG, Scene, play};

/// After which silence the server is given up, where it falls silent.
const SILENCE: Duration = Duration::from_secs(5);
/// And where it only is busy.
const BUSY: Duration = Duration::from_secs(60);
/// What all may take: to get through to a busy node, and to give it up.
const BOUND: Duration = Duration::from_secs(120);
/// How many commands run at once.
const AT_ONCE: usize = 12;

/// What came of a command.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The server never took it.
    Refused,
    Lost,
    Code(i32),
}

/// A connection that ended before the server took the command has no name of its own.
fn outcome_of(error: &Error, was_taken: bool) -> Outcome {
    match error.cause() {
        Cause::Lost { .. } => Outcome::Lost,
        Cause::Request { .. } if !was_taken => Outcome::Refused,
        _ => panic!("{error:?}"),
    }
}

/// A command whose exit code is 3, and what it writes.
struct Session {
    script: &'static str,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Session {
    fn short() -> Self {
        let (stdout, stderr) = (b"out\n".to_vec(), b"error\n".to_vec());
        Self { script: "echo out; echo error >&2; exit 3", stdout, stderr }
    }

    fn long() -> Self {
        let stdout: Vec<_> = (1..=60_000).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        Self { script: "seq 60000; exit 3", stdout, stderr: Vec::new() }
    }

    /// Runs it by `spawn` through a connection of its own, which may be cut.
    async fn spawned(&self, scene: &Scene, cut: Option<Cut>) -> (Outcome, Lengths) {
        let proxy = Proxy::new(scene, cut).await;
        let command = proxy.sh(self.script).keepalive(if cut.is_some() { SILENCE } else { BUSY });
        let mut child = match command.spawn().await {
            Ok(child) => child,
            Err(error) => return (outcome_of(&error, false), Lengths::default()),
        };
        let taken = proxy.passed();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err, status) =
            tokio::join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr), child.wait());
        let outcome = match &status {
            Ok(status) => Outcome::Code(status.code()),
            Err(error) => outcome_of(error, true),
        };
        // An output has an end only where the process has.
        assert_eq!((out.is_ok(), err.is_ok()), (status.is_ok(), status.is_ok()), "{cut:?}");
        self.check(&outcome, &stdout, &stderr, cut);
        (outcome, Lengths { taken, whole: proxy.passed() })
    }

    /// Runs it by `output`.
    async fn collected(&self, scene: &Scene, cut: Cut) -> Outcome {
        let proxy = Proxy::new(scene, Some(cut)).await;
        match proxy.sh(self.script).keepalive(SILENCE).output().await {
            Ok(output) => {
                let outcome = Outcome::Code(output.status.code());
                self.check(&outcome, &output.stdout, &output.stderr, Some(cut));
                outcome
            }
            Err(error) => {
                let nothing_came = error.stdout().is_empty() && error.stderr().is_empty();
                let outcome = outcome_of(&error, !nothing_came);
                self.check(&outcome, error.stdout(), error.stderr(), Some(cut));
                outcome
            }
        }
    }

    /// What is read is what was written, up to where it was cut; all of it where there is a code.
    fn check(&self, outcome: &Outcome, stdout: &[u8], stderr: &[u8], cut: Option<Cut>) {
        let (out, err) = (stdout.len(), stderr.len());
        assert!(self.stdout.starts_with(stdout), "{cut:?}: {outcome:?}, {out} bytes of stdout");
        assert!(self.stderr.starts_with(stderr), "{cut:?}: {outcome:?}, {err} bytes of stderr");
        if let Outcome::Code(code) = *outcome {
            assert_eq!(code, 3, "{cut:?}");
            assert_eq!((out, err), (self.stdout.len(), self.stderr.len()), "{cut:?}");
        }
    }

    /// Cuts it in one way after each of these, and ever later until it has ended: it takes more bytes while the node is busy than
    /// when they were measured. Counts what came of it: refused, lost, ended.
    async fn sweep(
        &self,
        scene: &Scene,
        cut: impl Fn(usize) -> Cut,
        all: impl Iterator<Item = usize>,
        measured: Lengths,
    ) -> [usize; 3] {
        let mut counts = [0; 3];
        self.cut(scene, all.map(&cut), &mut counts).await;
        let mut later = measured.whole;
        while counts[2] == 0 {
            later += later / 8;
            assert!(later < 10 * measured.whole, "never over: {counts:?}");
            self.cut(scene, iter::once(cut(later)), &mut counts).await;
        }
        println!("refused, lost, ended: {counts:?}");
        counts
    }

    /// Cuts it so, some at once, and counts what came of it.
    async fn cut(&self, scene: &Scene, cuts: impl Iterator<Item = Cut>, counts: &mut [usize; 3]) {
        let outcomes = stream::iter(cuts.enumerate()).map(|(number, cut)| async move {
            let began = Instant::now();
            let outcome = async {
                match number % 4 {
                    0 => self.collected(scene, cut).await,
                    _ => self.spawned(scene, Some(cut)).await.0,
                }
            };
            let outcome = timeout(BOUND, outcome).await.unwrap_or_else(|_| panic!("{cut:?}: not over"));
            // Nobody tells of a silence: it has to last, if for less than that since the last word.
            let took = began.elapsed();
            let is_silence = matches!(cut, Cut::Stall(_)) && outcome != Outcome::Code(3);
            assert!(!is_silence || took >= SILENCE / 2, "{cut:?}: {outcome:?} after {took:?}");
            outcome
        });
        let mut outcomes = outcomes.buffer_unordered(AT_ONCE);
        while let Some(outcome) = outcomes.next().await {
            let index = match outcome {
                Outcome::Refused => 0,
                Outcome::Lost => 1,
                Outcome::Code(_) => 2,
            };
            counts[index] += 1;
        }
    }
}

/// How many bytes of the server passed, until the command was taken, and in all.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    taken: usize,
    whole: usize,
}

/// Runs it uncut a few times: no two are of the same length.
async fn lengths(session: &Session, scene: &Scene) -> Lengths {
    let mut lengths = Lengths { taken: usize::MAX, whole: 0 };
    for _ in 0..5 {
        let (outcome, Lengths { taken, whole }) = session.spawned(scene, None).await;
        assert_eq!(outcome, Outcome::Code(3));
        lengths = Lengths { taken: lengths.taken.min(taken), whole: lengths.whole.max(whole) };
    }
    println!("{lengths:?}");
    lengths
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_byte_of_a_short_command() {
    play("cuts", LONG, async |scene| {
        scene.start_web().await;
        let session = Session::short();
        let measured @ Lengths { taken, whole } = lengths(&session, scene).await;
        // Of the handshakes some bytes are enough.
        let handshakes = |some| (0..taken).step_by(taken / some + 1);
        let rest = taken.saturating_sub(40)..whole + 40;
        let all = handshakes(25).chain(rest.clone());
        let [refused, lost, _] = session.sweep(scene, Cut::Reset, all, measured).await;
        assert!(refused > 0 && lost > 0);

        let all = handshakes(6).chain(rest.step_by(7));
        let [_, lost, _] = session.sweep(scene, Cut::Stall, all, measured).await;
        assert!(lost > 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_much_output() {
    play("cuts-much", LONG, async |scene| {
        scene.start_web().await;
        let session = Session::long();
        let measured @ Lengths { taken, whole } = lengths(&session, scene).await;
        let mut random = fastrand::Rng::with_seed(4006);
        let mut some = |count| -> Vec<_> { (0..count).map(|_| random.usize(taken..whole)).collect() };
        // How many frames it comes in is different each time.
        let end = whole.saturating_sub(2500)..whole + 2500;
        let all = some(60).into_iter().chain(end.clone().step_by(50));
        let [_, lost, _] = session.sweep(scene, Cut::Reset, all, measured).await;
        assert!(lost > 0);
        let all = some(30).into_iter().chain(end.step_by(250));
        let [_, lost, _] = session.sweep(scene, Cut::Stall, all, measured).await;
        assert!(lost > 0);
    })
    .await;
}
