//! The server inside the process beside the real one: the same requests to both.

use crate::{compare, fake, parity, real};

#[tokio::test(flavor = "multi_thread")]
async fn fake_answers_as_the_real_server() {
    let (mut live, fake, recorded) =
        (real::transcript().await, fake::transcript().await, compare::recorded());
    for scenario in parity::scenarios() {
        let name = &scenario.scenario;
        for (place, step) in scenario.steps.iter().enumerate() {
            // A young server remembers what is to be forgotten.
            if step.expires && live[name][place]["code"] != 410 {
                println!("not forgotten yet, and taken as recorded: {name} {}", step.request);
                let steps = live.get_mut(name).unwrap();
                steps[place] = recorded[name][place].clone();
            }
        }
    }
    let mut problems = compare::problems(&live, &fake);
    problems.extend(
        compare::differences(("recorded", &recorded), ("now", &live)).iter().map(ToString::to_string),
    );
    assert!(problems.is_empty(), "{} answers differ:\n{}", problems.len(), problems.join("\n"));
}
