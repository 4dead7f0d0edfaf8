//! Two ways to do the same work, timed in turn in one run, so that the ratio holds on a machine whose speed drifts.

pub mod corpus;
pub mod keeper;
pub mod memory;
pub mod namespace;
pub mod pods;
pub mod process;

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds that count; one more warms up.
const ROUNDS: usize = 21;
/// How long one side of a round runs, about.
const ROUND: Duration = Duration::from_millis(40);

/// Prints a row of the table whose head is [`HEAD`]: the median time per call of each side, and the median of the
/// rounds' ratios.
#[expect(clippy::cast_precision_loss, reason = "a call takes far less than 2^52 ns")]
pub fn compare<A, B>(work: &str, ours: impl Fn() -> A, other: &str, theirs: impl Fn() -> B) {
    let (our_calls, their_calls) = (calls(&ours), calls(&theirs));
    let mut rounds: Vec<_> =
        (0..=ROUNDS).map(|_| (time(our_calls, &ours), time(their_calls, &theirs))).skip(1).collect();
    let mut median = |of: fn(&(u128, u128)) -> f64| {
        rounds.sort_by(|a, b| of(a).total_cmp(&of(b)));
        rounds.get(ROUNDS / 2).map_or(f64::NAN, of)
    };
    let [ours, theirs] =
        [median(|round| round.0 as f64), median(|round| round.1 as f64)].map(|nanos| nanos / 1e3);
    let ratio = median(|round| round.0 as f64 / round.1 as f64);
    println!("| {work} | {ours:.2} | {other} | {theirs:.2} | {ratio:.2} |");
}

/// The head of the table that [`compare`] prints rows of.
pub const HEAD: &str = "| work | µs | instead | µs | ratio |\n| --- | --- | --- | --- | --- |";

/// How many calls take about [`ROUND`].
fn calls<T>(work: impl Fn() -> T) -> u32 {
    let mut calls = 1;
    while time(calls, &work).saturating_mul(calls.into()) < ROUND.as_nanos() && calls < 1 << 24 {
        calls *= 2;
    }
    calls
}

/// Nanoseconds per call.
fn time<T>(calls: u32, work: impl Fn() -> T) -> u128 {
    let started = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    started.elapsed().as_nanos() / u128::from(calls)
}
