//! Manifests, good and bad.

use kube::core::DynamicObject;
use kube_ext::yaml::{Error, manifests};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::{self, Read},
};

const HEAD: &str = "apiVersion: v1\nkind: X\n";

fn read(text: &str) -> Vec<Result<DynamicObject, Error>> {
    manifests(text.as_bytes()).collect()
}

/// The value of `data` in a manifest.
fn data(text: &str) -> Value {
    let objects = manifests(format!("{HEAD}data: {text}\n").as_bytes()).collect::<Result<Vec<_>, _>>();
    objects.unwrap_or_else(|error| panic!("{text}: {error}"))[0].data["data"].clone()
}

/// What is wrong with the only document of a text.
fn error(text: &str) -> String {
    let mut results = read(text);
    assert_eq!(results.len(), 1, "{text}: {results:?}");
    results.remove(0).unwrap_err().to_string()
}

fn kinds_and_names(text: &str) -> Vec<String> {
    let objects = manifests(text.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    objects
        .iter()
        .map(|o| format!("{} {}", o.types.as_ref().unwrap().kind, o.metadata.name.as_deref().unwrap_or("-")))
        .collect()
}

#[test]
fn scalars_mean_what_they_mean_to_kubectl() {
    for (text, expected) in [
        ("0644", json!(420)),
        ("0o17", json!(15)),
        ("0b1", json!(1)),
        ("0x_1F", json!(31)),
        ("1_000", json!(1000)),
        ("y", json!(true)),
        ("Off", json!(false)),
        ("'yes'", json!("yes")),
        ("~", json!(null)),
        ("", json!(null)),
        ("12:30:45", json!("12:30:45")),
        ("2020-01-01", json!("2020-01-01")),
        ("1e3", json!(1000)),
        ("1.0", json!(1)),
        ("1.5", json!(1.5)),
        ("18446744073709551615", json!(u64::MAX)),
        ("!!str 12", json!("12")),
        ("!!int '12'", json!(12)),
        ("!!float 1", json!(1)),
        ("! 12", json!("12")),
        ("!!binary aGVsbG8=", json!("hello")),
        ("{1: a, yes: b, 1.5: c}", json!({"1": "a", "true": "b", "1.5": "c"})),
        ("<<", json!("<<")),
    ] {
        assert_eq!(data(text), expected, "{text}");
    }
}

#[test]
fn anchors_and_merges() {
    assert_eq!(data("[&a {b: 1}, *a]"), json!([{"b": 1}, {"b": 1}]));
    assert_eq!(data("[&a {b: 1, c: 1}, {<<: *a, c: 2}]")[1], json!({"b": 1, "c": 2}));
    assert_eq!(data("{<<: [{a: 1}, {a: 2, b: 2}]}"), json!({"a": 1, "b": 2}));
    // As in go-yaml, the last one wins.
    assert_eq!(data("{a: 1, <<: {a: 2}}"), json!({"a": 2}));
    assert!(error(&format!("{HEAD}data: {{<<: x}}")).contains("map merge requires map"));
    assert!(error(&format!("{HEAD}data: &a [*a]")).contains("contains itself"));
    assert!(error(&format!("{HEAD}data: *a")).contains("anchor"));
}

#[test]
fn copies_are_bounded() {
    let mut laughs = String::from(HEAD);
    laughs.push_str("a0: &a0 [lol]\n");
    for i in 1..12 {
        let alias = format!("*a{}, ", i - 1).repeat(10);
        writeln!(laughs, "a{i}: &a{i} [{alias}]").unwrap();
    }
    assert!(error(&laughs).contains("excessive aliasing"));
    let deep = format!("{HEAD}data: {}{}", "[".repeat(600), "]".repeat(600));
    assert!(read(&deep)[0].is_err());
}

#[test]
fn documents() {
    let text = "\u{feff}# first\r\n---\r\n{apiVersion: v1, kind: A}\r\n---\n\n--- # b\n{apiVersion: v1, kind: B}\n---\nnull\n---";
    assert_eq!(kinds_and_names(text), ["A -", "B -"]);
    assert_eq!(kinds_and_names(""), [""; 0]);
}

#[test]
fn json() {
    let text = r#"
{"apiVersion": "v1", "kind": "A", "metadata": {"name": "\ud83d\ude00"}}{"apiVersion": "v1", "kind": "B"}
---
{"apiVersion": "v1", "kind": "C",} # a flow mapping"#;
    assert_eq!(kinds_and_names(text), ["A 😀", "B -", "C -"]);
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n{\"kind\":\n \"B\", \"kind\": \"C\"}";
    let results = read(text);
    assert!(results[0].is_ok());
    let error = results[1].as_ref().unwrap_err().to_string();
    assert_eq!(error, "read manifest at document 2, line 3, column 18: duplicate key \"kind\"");
}

#[test]
fn lists_are_unfolded() {
    let text = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: A, metadata: {name: a}}
- apiVersion: apps/v1
  kind: DeploymentList
  items:
  - metadata: {name: d}
  - {apiVersion: v1, kind: B}
---
{apiVersion: v1, kind: List}
---
{apiVersion: example.com/v1, kind: AllowList, metadata: {name: no-items}}
";
    assert_eq!(kinds_and_names(text), ["A a", "Deployment d", "B -", "AllowList no-items"]);
    let results = read("{apiVersion: v1, kind: List, items: [{kind: List, apiVersion: v1, items: [7]}, {}]}");
    let errors: Vec<_> = results.into_iter().map(|result| result.unwrap_err().to_string()).collect();
    assert_eq!(
        errors,
        [
            "read manifest at document 1, line 1, column 1: items[0].items[0]: not an object",
            "read manifest at document 1, line 1, column 1: items[1]: kind is missing",
        ]
    );
}

#[test]
fn a_bad_document_does_not_hide_the_next() {
    let results = read("a: [\n---\n{apiVersion: v1, kind: A}\n---\nkind: B\n");
    assert!(matches!(results[..], [Err(Error::Syntax { .. }), Ok(_), Err(Error::NotAnObject { .. })]));
    assert_eq!(results[2].as_ref().unwrap_err().position().unwrap().document, 3);
}

#[test]
fn errors_have_a_place() {
    for (text, expected) in [
        ("\n# c\n---\na: 1\nb: 'x\n", "document 1, line 5, column 4: unclosed quote"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "document 1, line 4, column 3: duplicate key \"c\""),
        ("a: 1\n\"a\": 2\n", "document 1, line 2, column 1: duplicate key \"a\""),
        ("{a: 1, a: 2}", "document 1, line 1, column 8: duplicate key \"a\""),
        ("a: .inf", "document 1, line 1, column 4: JSON cannot hold .inf or .nan"),
        ("a: !!int x", "document 1, line 1, column 10: cannot decode `x` as a !!int"),
        ("~: 1", "document 1, line 1, column 1: a key must be a string, a number or a boolean"),
        ("a: 1\n...\nb: 1\n", "document 1, line 3, column 1: text after the end of the document"),
        ("a: b: c", "document 1, line 1, column 5: "),
        ("\n\n- a\n", "document 1, line 3, column 1: not an object"),
        ("a: 1", "document 1, line 1, column 1: kind is missing"),
        ("kind: 1", "document 1, line 1, column 1: kind is missing"),
        ("kind: A", "document 1, line 1, column 1: apiVersion is missing"),
        ("{apiVersion: v1, kind: A, metadata: {name: 1}}", "metadata: invalid type: integer `1`"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let results = read("--- a: 1\nb: 2\n");
    let message = results.last().unwrap().as_ref().unwrap_err().to_string();
    assert_eq!(
        message,
        "read manifest at document 1, line 1, column 1: text after the document separator: a: 1"
    );
}

#[test]
fn other_encodings_are_refused() {
    let results: Vec<_> = manifests(&b"kind: A\n---\nkind: \xc3\xa9\xff"[..]).collect();
    assert_eq!(
        results[1].as_ref().unwrap_err().to_string(),
        "read manifest at document 2, line 3, column 8: not UTF-8"
    );
    let utf_16: Vec<u8> = "kind: A".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let results: Vec<_> = manifests([&[0xfe, 0xff], utf_16.as_slice()].concat().as_slice()).collect();
    assert!(matches!(results[..], [Err(Error::NotUtf8 { .. })]));
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("cable cut"))
    }
}

#[test]
fn a_broken_reader_ends_the_manifest() {
    let text = format!("{HEAD}---\n{HEAD}");
    let mut objects = manifests(text.as_bytes().chain(Broken));
    assert!(objects.next().unwrap().is_ok());
    let error = objects.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "read manifests at document 2, line 6, column 1: cable cut");
    assert!(objects.next().is_none());
}
