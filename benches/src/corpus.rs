//! Pods as lines of JSON: made, or somebody's own.

use std::{
    borrow::Cow,
    collections::HashSet,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::pods;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Names, where they are in the text.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow)]
    uid: Option<&'a RawValue>,
    #[serde(borrow)]
    namespace: Option<Cow<'a, str>>,
}

/// What an update changes, where it is in the text.
#[derive(Deserialize)]
struct Changing<'a> {
    #[serde(borrow)]
    metadata: Versioned<'a>,
    #[serde(borrow, default)]
    status: Phased<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versioned<'a> {
    #[serde(borrow)]
    resource_version: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Phased<'a> {
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
}

/// The metadata of an object in the order in which a server writes it, which is that of the fields in Go.
const ORDER: [&str; 10] = [
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
    "managedFields",
];

/// This many pods as [`pods::pod`] makes them, a line of JSON each, as a server has them: with a version, and names first.
#[must_use]
pub fn made(objects: usize) -> Vec<String> {
    (0..objects).map(|number| as_from_a_server(pods::pod(number), number)).collect()
}

fn as_from_a_server(mut pod: Value, number: usize) -> String {
    if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), (1_000_000 + number * 7).to_string().into());
    }
    let fields = |of: &Value, names: &[&str]| {
        let fields = names.iter().map(|name| format!("\"{name}\":{}", of.get(name).unwrap_or(&Value::Null)));
        fields.collect::<Vec<_>>().join(",")
    };
    let metadata = pod.get("metadata").map(|metadata| fields(metadata, &ORDER)).unwrap_or_default();
    let (before, behind) = (fields(&pod, &["kind", "apiVersion"]), fields(&pod, &["spec", "status"]));
    format!("{{{before},\"metadata\":{{{metadata}}},{behind}}}")
}

/// The first objects of a file that has one a line; all of it, if there are not as many.
///
/// # Errors
/// If it cannot be read, or is empty.
pub fn read(file: &Path, objects: usize) -> Result<Vec<String>> {
    let opened = File::open(file).map_err(|error| format!("read {}: {error}", file.display()))?;
    let lines = BufReader::new(opened).lines().filter(|line| {
        let is_empty = line.as_ref().is_ok_and(|line| line.trim().is_empty());
        !is_empty
    });
    let lines = lines.take(objects).collect::<std::io::Result<Vec<_>>>()?;
    if lines.is_empty() { Err(format!("{} has no objects", file.display()).into()) } else { Ok(lines) }
}

/// This many objects: these, and these again and again until there are enough. One whose name has been there has a number behind it and
/// another uid; all else is as it is in the text.
///
/// # Errors
/// If a line is no object with a name.
pub fn repeated(lines: &[String], objects: usize) -> Result<Vec<String>> {
    let mut names = HashSet::new();
    let mut all = Vec::with_capacity(objects);
    for (at, line) in lines.iter().cycle().take(objects).enumerate() {
        let mut copy = at / lines.len();
        let mut object = if copy == 0 { line.clone() } else { renamed(line, copy, at)? };
        while !names.insert(name(&object)?) {
            copy += 1;
            object = renamed(line, copy, at)?;
        }
        all.push(object);
    }
    Ok(all)
}

/// What a server answers to who asks for metadata alone.
///
/// # Errors
/// If it is no object.
pub fn metadata(line: &str) -> Result<String> {
    let metadata = serde_json::from_str::<Object<'_>>(line)?.metadata;
    Ok(format!(
        r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{}}}"#,
        metadata.get()
    ))
}

/// Namespace and name.
fn name(line: &str) -> Result<(Option<String>, String)> {
    let metadata = serde_json::from_str::<Object<'_>>(line)?.metadata;
    let metadata: Metadata<'_> = serde_json::from_str(metadata.get())?;
    Ok((metadata.namespace.map(Cow::into_owned), metadata.name.get().to_owned()))
}

/// The same object with `-copy` behind its name and another uid.
fn renamed(line: &str, copy: usize, seed: usize) -> Result<String> {
    let metadata = serde_json::from_str::<Object<'_>>(line)?.metadata;
    let Metadata { name, uid, .. } = serde_json::from_str(metadata.get())?;
    let longer = name.get().strip_suffix('"').ok_or("a name that is no string")?;
    let mut changes = vec![(name, format!("{longer}-{copy}\""))];
    if let Some(uid) = uid {
        let other = pods::uid(&mut (u64::MAX - seed as u64 * 1000));
        changes.push((uid, format!("\"{other}\"")));
    }
    Ok(replaced(line, &changes))
}

/// The same object of another version, and, if it says a phase, in another one.
///
/// # Errors
/// If it is no object, or has no version.
pub fn updated(line: &str, version: usize) -> Result<String> {
    let Changing { metadata, status } = serde_json::from_str(line)?;
    let old = metadata.resource_version.ok_or("an object without a resourceVersion")?;
    let mut changes = vec![(old, format!("\"{version}\""))];
    if let Some(phase) = status.phase {
        let other = if phase.get() == "\"Failed\"" { "\"Running\"" } else { "\"Failed\"" };
        changes.push((phase, other.to_owned()));
    }
    Ok(replaced(line, &changes))
}

/// A line with other values in it; the old ones are slices of it.
fn replaced(line: &str, changes: &[(&RawValue, String)]) -> String {
    let at = |value: &RawValue| value.get().as_ptr().addr() - line.as_ptr().addr();
    let mut changes: Vec<_> = changes.iter().map(|(old, new)| (at(old), old.get().len(), new)).collect();
    changes.sort_unstable();
    let mut object = line.to_owned();
    for (start, len, text) in changes.into_iter().rev() {
        object.replace_range(start..start + len, text);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is left out.
    #[test]
    fn pods_are_written_whole() {
        for (number, line) in made(20).iter().enumerate() {
            let mut read: Value = serde_json::from_str(line).unwrap();
            assert!(read["metadata"].as_object_mut().unwrap().remove("resourceVersion").is_some());
            assert_eq!(read, pods::pod(number));
        }
    }

    #[test]
    fn a_copy_has_another_name_and_uid_and_nothing_else() {
        let line = r#"{"spec": {"name": "x"}, "metadata": {"uid": "1", "labels": {"name": "x"}, "namespace": "a", "name": "x"}}"#;
        let all = repeated(&[line.to_owned()], 3).unwrap();
        assert_eq!(all[0], line);
        for (copy, text) in all.iter().enumerate().skip(1) {
            let mut value: Value = serde_json::from_str(text).unwrap();
            let uid = value["metadata"]["uid"].as_str().unwrap().to_owned();
            assert_eq!(uid.len(), 36);
            assert_eq!(
                text,
                &line
                    .replace(r#""name": "x"}}"#, &format!(r#""name": "x-{copy}"}}}}"#))
                    .replace("\"1\"", &format!("\"{uid}\""))
            );
            assert_eq!(value["metadata"]["name"].take(), format!("x-{copy}"));
        }
        assert_ne!(all[1], all[2]);
    }

    #[test]
    fn an_update_has_another_version_and_phase_and_nothing_else() {
        let line = r#"{"status": {"a": {"phase": "x"}, "phase": "Running"}, "metadata": {"name": "x", "resourceVersion": "12"}}"#;
        let changed = updated(line, 1234).unwrap();
        assert_eq!(changed, line.replace("\"Running\"", "\"Failed\"").replace("\"12\"", "\"1234\""));
        assert_eq!(updated(&changed, 12).unwrap(), line);
        let metadata = r#"{"metadata": {"resourceVersion": "1"}}"#;
        assert_eq!(updated(metadata, 2).unwrap(), r#"{"metadata": {"resourceVersion": "2"}}"#);
        assert!(updated(r#"{"metadata": {"name": "x"}}"#, 2).is_err());
    }

    #[test]
    fn names_that_are_there_twice_are_told_apart() {
        let lines = [r#"{"metadata": {"name": "x"}}"#, r#"{"metadata": {"name": "x-1"}}"#].map(str::to_owned);
        let all = repeated(&[&lines[..], &lines[..1]].concat(), 6).unwrap();
        let names: HashSet<_> = all.iter().map(|line| name(line).unwrap()).collect();
        assert_eq!(names.len(), 6, "{all:?}");
    }

    #[test]
    fn metadata_is_taken_as_it_is() {
        let text = metadata(r#"{"spec": {}, "metadata": { "name":"x" }}"#).unwrap();
        assert_eq!(
            text,
            r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{ "name":"x" }}"#
        );
    }
}
