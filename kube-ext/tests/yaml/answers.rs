//! Our text and our reading against the answers of Kubernetes' own Go code.

use kube::core::DynamicObject;
use kube_ext::yaml::{Yaml, manifests};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{fs, path::Path};

#[derive(Deserialize)]
struct Printed {
    input: String,
    yaml: Option<String>,
    json: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Read {
    text: String,
    documents: Option<Vec<Map<String, Value>>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    input: Value,
    yaml: String,
    yaml_error: String,
    json: String,
}

fn lines<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn recorded_answers_for_printing() {
    let cases: Vec<Printed> = lines(include_str!("../data/yaml/printed.jsonl"));
    assert_eq!(cases.len(), 1000);
    for case in cases {
        let object: DynamicObject = serde_json::from_str(&case.input).unwrap();
        match (object.to_yaml(), case.yaml) {
            (Ok(yaml), Some(expected)) => assert_eq!(yaml, expected, "{}", case.input),
            (Err(_), None) => assert!(case.error.is_some()),
            (yaml, expected) => panic!("{}\n{yaml:?}\n{expected:?} {:?}", case.input, case.error),
        }
        if let Some(expected) = case.json {
            assert_eq!(object.to_json().unwrap(), expected);
        }
    }
}

#[test]
fn recorded_answers_for_reading() {
    let cases: Vec<Read> = lines(include_str!("../data/yaml/read.jsonl"));
    assert_eq!(cases.len(), 500);
    for case in cases {
        let objects = manifests(case.text.as_bytes()).collect::<Result<Vec<_>, _>>();
        let Some(expected) = case.documents else {
            assert!(objects.is_err(), "{:?}: {:?}", case.text, case.error);
            continue;
        };
        let objects: Vec<Value> = objects
            .unwrap_or_else(|error| panic!("{:?}: {error}", case.text))
            .into_iter()
            .map(|o| o.data)
            .collect();
        let expected: Vec<Value> = expected
            .into_iter()
            .map(|mut document| {
                for field in ["apiVersion", "kind", "metadata"] {
                    document.remove(field);
                }
                Value::Object(document)
            })
            .collect();
        assert_eq!(objects, expected, "{:?}", case.text);
    }
}

#[test]
fn conformance_vectors() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/yaml_json_printer_sample.json");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: no conformance vectors beside the workspace");
        return;
    };
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let object: DynamicObject = serde_json::from_value(vector.input).unwrap();
        match object.to_yaml() {
            Ok(yaml) => assert_eq!((yaml, ""), (vector.yaml, vector.yaml_error.as_str()), "{}", vector.name),
            Err(error) => {
                assert!(!vector.yaml_error.is_empty(), "{}: {error}", vector.name);
                assert!(error.to_string().contains(&vector.yaml_error), "{}: {error}", vector.name);
            }
        }
        assert_eq!(object.to_json().unwrap(), vector.json, "{}", vector.name);
    }
}
