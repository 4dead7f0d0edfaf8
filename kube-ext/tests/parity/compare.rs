//! What differs between two transcripts.

use std::collections::BTreeSet;
use std::{fmt, fs};

use serde::Deserialize;
use serde_json::Value;

use crate::parity::{self, Transcript};

/// An answer in which the fake is not to be as the real server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    scenario: String,
    request: String,
    /// Where in the answer; what is below it counts, too.
    at: String,
    /// Why.
    #[serde(rename = "because")]
    _because: String,
}

/// Where two answers to the same request differ, and how.
pub(crate) struct Difference {
    scenario: String,
    request: String,
    step: usize,
    at: String,
    what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, request, step, at, what } = self;
        write!(f, "{scenario} {step}: {request}\n    {at}:{what}")
    }
}

/// What of the real server's answers the fake does not give, but what is known; and what is known, but given.
pub(crate) fn problems(real: &Transcript, fake: &Transcript) -> Vec<String> {
    let known: Vec<Known> = serde_saphyr::from_str(include_str!("known.yaml")).expect("known differences");
    let mut differences = differences(("real", real), ("fake", fake));
    let mut problems = Vec::new();
    for known in known {
        let before = differences.len();
        differences.retain(|found| {
            found.scenario != known.scenario
                || found.request != known.request
                || !found.at.starts_with(&known.at)
        });
        if differences.len() == before {
            problems.push(format!("no longer differs: {} {} {}", known.scenario, known.request, known.at));
        }
    }
    problems.extend(differences.iter().map(ToString::to_string));
    problems
}

/// What the real server answered when it was recorded.
pub(crate) fn recorded() -> Transcript {
    let files = fs::read_dir(parity::folder()).expect("the recorded answers");
    files
        .map(|file| {
            let path = file.unwrap().path();
            let steps = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&steps).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect()
}

/// All that differs between two transcripts, each with the name of what it is of.
pub(crate) fn differences(one: (&str, &Transcript), other: (&str, &Transcript)) -> Vec<Difference> {
    let names = [one.0, other.0];
    assert!(one.1.keys().eq(other.1.keys()), "other scenarios: record anew");
    let mut differences = Vec::new();
    for ((scenario, ones), others) in one.1.iter().zip(other.1.values()) {
        let requests = |steps: &[Value]| steps.iter().map(|step| step["request"].clone()).collect::<Vec<_>>();
        assert_eq!(requests(ones), requests(others), "{scenario} has other steps: record anew");
        for (place, (one, other)) in ones.iter().zip(others).enumerate() {
            let mut found = Vec::new();
            difference("", [Some(one), Some(other)], names, &mut found);
            differences.extend(found.into_iter().map(|(at, what)| Difference {
                scenario: scenario.clone(),
                request: one["request"].as_str().unwrap().to_owned(),
                step: place + 1,
                at,
                what,
            }));
        }
    }
    differences
}

/// Collects where two values differ, and how.
fn difference(at: &str, values: [Option<&Value>; 2], names: [&str; 2], found: &mut Vec<(String, String)>) {
    match values {
        [Some(Value::Object(one)), Some(Value::Object(other))] => {
            let fields: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for field in fields {
                difference(&format!("{at}/{field}"), [one.get(field), other.get(field)], names, found);
            }
        }
        [Some(Value::Array(one)), Some(Value::Array(other))] => {
            for place in 0..one.len().max(other.len()) {
                difference(&format!("{at}/{place}"), [one.get(place), other.get(place)], names, found);
            }
        }
        [one, other] if one == other => {}
        values => {
            let [one, other] =
                values.map(|value| value.map_or_else(|| "nothing".to_owned(), Value::to_string));
            found.push((at.to_owned(), format!("\n      {} {one}\n      {} {other}", names[0], names[1])));
        }
    }
}
