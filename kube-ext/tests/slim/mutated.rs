//! JSON as no server would send it: a view never panics, and is what the whole object would have, or no object at all.
use chrono::Utc;
use fastrand::Rng;
use k8s_openapi::api::core::v1::Pod;
use kube_ext::{
    columns::Columns as _,
    pod::{PodExt as _, PodSlim},
};
use serde_json::{Value, json};

use crate::pods::pod;

/// Makes something else of a random part of a value.
pub(crate) fn mutate(value: &mut Value, rng: &mut Rng) {
    let goes_on = rng.u8(..8) != 0;
    match value {
        Value::Object(fields) if goes_on && !fields.is_empty() => {
            let key = rng.choice(fields.keys().cloned().collect::<Vec<_>>()).unwrap();
            match rng.u8(..20) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert("unknown".into(), json!({"a": [1, null, {"b": "\u{0}"}]}))),
                _ => mutate(&mut fields[&key], rng),
            }
        }
        Value::Array(items) if goes_on && !items.is_empty() => {
            let at = rng.usize(..items.len());
            match rng.u8(..10) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => mutate(&mut items[at], rng),
            }
        }
        _ => {
            let others = [
                json!(null),
                json!(true),
                json!(-1),
                json!(1.5),
                json!(u64::MAX),
                json!(""),
                json!("Ready"),
                json!("a\u{1f600}\"\\\n"),
                json!([]),
                json!([null, 1]),
                json!({}),
                json!({"name": "a", "type": "Ready", "status": "True", "terminated": {"exitCode": 0}}),
            ];
            *value = rng.choice(others).unwrap();
        }
    }
}

#[test]
fn a_view_is_a_part_of_the_whole() {
    let mut rng = Rng::with_seed(7);
    let now = Utc::now();
    let (mut both, mut neither, mut only) = (0, 0, 0);
    for seed in 0..6_000 {
        let mut value = pod(seed % 500);
        for _ in 0..rng.u8(1..4) {
            mutate(&mut value, &mut rng);
        }
        let text = value.to_string();
        match (serde_json::from_str::<Pod>(&text), serde_json::from_str::<PodSlim>(&text)) {
            (Ok(whole), Ok(slim)) => {
                both += 1;
                assert_eq!(slim.cells_at(now), whole.cells_at(now), "{text}");
                assert_eq!(slim.ready_condition(), whole.ready_condition(), "{text}");
                assert_eq!(slim.containers(None).len(), whole.containers(None).len(), "{text}");
                assert_eq!(slim.meta.object_meta().uid, whole.metadata.uid, "{text}");
                assert_eq!(slim.meta.object_meta().namespace, whole.metadata.namespace, "{text}");
            }
            (Err(_), Err(_)) => neither += 1,
            // What it does not read may be wrong.
            (Err(_), Ok(_)) => only += 1,
            (Ok(_), Err(error)) => panic!("{error}: {text}"),
        }
    }
    assert!(both > 200 && neither > 200 && only > 200, "{both} {neither} {only}");
}

#[test]
fn bytes_that_are_no_json() {
    let mut rng = Rng::with_seed(11);
    let mut refused = 0;
    for seed in 0..4_000 {
        let mut bytes = pod(seed % 100).to_string().into_bytes();
        for _ in 0..rng.u8(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..3) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        let (whole, slim) =
            (serde_json::from_slice::<Pod>(&bytes), serde_json::from_slice::<PodSlim>(&bytes));
        refused += usize::from(slim.is_err());
        assert!(whole.is_err() || slim.is_ok(), "{:?}: {}", slim.err(), String::from_utf8_lossy(&bytes));
    }
    assert!(refused > 1_000, "{refused}");
}
