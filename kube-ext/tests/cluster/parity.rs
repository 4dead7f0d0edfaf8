//! The server inside the process beside the real one: the same requests to both.

use crate::{
    compare, fake,
    parity::{self, Transcript},
    real,
};

#[tokio::test(flavor = "multi_thread")]
async fn fake_answers_as_the_real_server() {
    let (fake, recorded) = (fake::transcript().await, compare::recorded());
    let mut live = answers(&recorded, |_| true).await;
    // A watch of a second that stalls for one is another answer. What the server does otherwise it does each time.
    for _ in 0..3 {
        let differing = live.iter().filter(|(scenario, steps)| recorded.get(*scenario) != Some(steps));
        let again: Vec<_> = differing.map(|(scenario, _)| scenario.clone()).collect();
        if again.is_empty() {
            break;
        }
        println!("asked again: {again:?}");
        live.extend(answers(&recorded, |scenario| again.iter().any(|it| it == scenario)).await);
    }
    let mut problems = compare::problems(&live, &fake);
    problems.extend(
        compare::differences(("recorded", &recorded), ("now", &live)).iter().map(ToString::to_string),
    );
    assert!(problems.is_empty(), "{} answers differ:\n{}", problems.len(), problems.join("\n"));
}

/// What the real server answers in some scenarios.
async fn answers(recorded: &Transcript, is_meant: impl Fn(&str) -> bool) -> Transcript {
    let mut live = real::transcript(is_meant).await;
    for (scenario, place) in parity::expiring() {
        let Some(live) = live.get_mut(&scenario).map(|steps| &mut steps[place]) else { continue };
        // A young server remembers what is to be forgotten.
        if live["code"] != 410 {
            println!("not forgotten yet, and taken as recorded: {scenario}: {}", live["request"]);
            *live = recorded[&scenario][place].clone();
        }
    }
    live
}
