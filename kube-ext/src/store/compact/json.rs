//! Parts of an object's JSON, without reading the rest of it.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// What a store and a watcher need to know of an object.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
}

impl Names {
    fn are_known(&self) -> bool {
        [&self.name, &self.namespace, &self.uid, &self.resource_version].iter().all(|it| it.is_some())
    }
}

/// Nothing behind them is looked at.
///
/// # Errors
/// If it is no object, or these are no texts.
pub(super) fn names(json: &str) -> serde_json::Result<Names> {
    let (mut names, mut is_read) = (Names::default(), false);
    let metadata = Metadata { seed: Some(Fill(&mut names)), read: |()| is_read = true };
    let end = metadata.deserialize(&mut serde_json::Deserializer::from_str(json));
    if is_read || names.are_known() { Ok(names) } else { end.map(|()| names) }
}

/// The same JSON without `metadata.managedFields`, byte for byte but for the keys and commas of `metadata`.
///
/// # Errors
/// If it is no object.
pub(super) fn without_managed_fields(json: &str) -> serde_json::Result<Cow<'_, str>> {
    let Some(metadata) = metadata::<&RawValue>(json)?.map(RawValue::get) else { return Ok(json.into()) };
    let without = serde_json::from_str::<Filtered>(metadata)?;
    if !without.is_changed {
        return Ok(json.into());
    }
    // It is a part of the text.
    let start = metadata.as_ptr() as usize - json.as_ptr() as usize;
    let rest = json.get(start + metadata.len()..).unwrap_or_default();
    Ok([json.get(..start).unwrap_or_default(), &without.text, rest].concat().into())
}

/// The uid of an object's controller, if it has one.
///
/// Nothing behind its owners is looked at; nor is it said what else is wrong with it.
pub(super) fn controller(json: &str) -> Option<String> {
    let mut owners = None;
    let metadata = Metadata { seed: Some(Owners(&mut owners)), read: |()| () };
    // It ends with an error as soon as they are known.
    let _ = metadata.deserialize(&mut serde_json::Deserializer::from_str(json));
    let controller = owners?.into_iter().find(|owner| owner.controller == Some(true))?;
    controller.uid
}

/// The metadata of an object, if it has any.
fn metadata<'de, T: Deserialize<'de>>(json: &'de str) -> serde_json::Result<Option<T>> {
    let mut found = None;
    let metadata = Metadata { seed: Some(PhantomData::<T>), read: |metadata| found = Some(metadata) };
    let end = metadata.deserialize(&mut serde_json::Deserializer::from_str(json));
    match found {
        Some(found) => Ok(Some(found)),
        None => end.map(|()| None),
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Metadata,
    #[serde(other)]
    Other,
}

/// Reads metadata, and ends with an error then: what comes behind is not read.
struct Metadata<S, F> {
    seed: Option<S>,
    read: F,
}

impl<'de, S: DeserializeSeed<'de>, F: FnMut(S::Value)> DeserializeSeed<'de> for Metadata<S, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>, F: FnMut(S::Value)> Visitor<'de> for Metadata<S, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with metadata")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key()? {
            match (field, self.seed.take()) {
                (Field::Metadata, Some(seed)) => {
                    (self.read)(map.next_value_seed(seed)?);
                    return Err(enough());
                }
                (_, seed) => {
                    self.seed = seed;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

fn enough<E: serde::de::Error>() -> E {
    E::custom("the rest is of no interest")
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Part {
    Name,
    Namespace,
    Uid,
    ResourceVersion,
    #[serde(other)]
    Other,
}

/// Puts names here, and ends with an error when all are known: they come first, and behind them most of the metadata.
struct Fill<'a>(&'a mut Names);

impl<'de> DeserializeSeed<'de> for Fill<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            match name {
                Part::Name => self.0.name = map.next_value()?,
                Part::Namespace => self.0.namespace = map.next_value()?,
                Part::Uid => self.0.uid = map.next_value()?,
                Part::ResourceVersion => self.0.resource_version = map.next_value()?,
                Part::Other => drop(map.next_value::<IgnoredAny>()?),
            }
            if self.0.are_known() {
                return Err(enough());
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Owner {
    uid: Option<String>,
    controller: Option<bool>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Reference {
    OwnerReferences,
    #[serde(other)]
    Other,
}

/// Puts owners here, and ends with an error then.
struct Owners<'a>(&'a mut Option<Vec<Owner>>);

impl<'de> DeserializeSeed<'de> for Owners<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Owners<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key()? {
            match name {
                Reference::OwnerReferences => {
                    *self.0 = map.next_value()?;
                    return Err(enough());
                }
                Reference::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Metadata without `managedFields`.
struct Filtered {
    text: String,
    is_changed: bool,
}

impl<'de> Deserialize<'de> for Filtered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Filter)
    }
}

struct Filter;

impl<'de> Visitor<'de> for Filter {
    type Value = Filtered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_unit<E>(self) -> Result<Filtered, E> {
        Ok(Filtered { text: String::new(), is_changed: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Filtered, A::Error> {
        let mut filtered = Filtered { text: "{".to_owned(), is_changed: false };
        while let Some(key) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            if key == "managedFields" {
                filtered.is_changed = true;
                continue;
            }
            if filtered.text.len() > 1 {
                filtered.text.push(',');
            }
            filtered.text.push_str(&serde_json::to_string(&key).map_err(A::Error::custom)?);
            filtered.text.push(':');
            filtered.text.push_str(value.get());
        }
        filtered.text.push('}');
        Ok(filtered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(json: &str) -> String {
        without_managed_fields(json).unwrap().into_owned()
    }

    #[test]
    fn names_wherever_they_are() {
        let names_of = |json| {
            let names = names(json).unwrap();
            [names.name, names.namespace, names.uid, names.resource_version]
                .map(|it| it.unwrap_or_else(|| "-".to_owned()))
        };
        let json = r#"{"spec": {"metadata": {"name": "not this"}}, "metadata": {"labels": {"name": "nor this"},
            "n\u0061me": "\"a\"", "uid": "1", "resourceVersion": "2", "namespace": null, "finalizers": []}, "status": {}}"#;
        assert_eq!(names_of(json), ["\"a\"", "-", "1", "2"]);
        assert_eq!(names_of(r#"{"metadata": {"namespace": "a"}}"#), ["-", "a", "-", "-"]);
        assert_eq!(names_of(r#"{"metadata": null}"#), ["-"; 4]);
        assert_eq!(names_of(r#"{"kind": "Pod"}"#), ["-"; 4]);
    }

    #[test]
    fn the_controller_is_one_of_the_owners() {
        let of = |owners: &str| {
            controller(&format!(
                r#"{{"spec": {{"metadata": 1}}, "metadata": {{"a": {{}}, {owners}, "z": []}}}}"#
            ))
        };
        assert_eq!(
            of(r#""ownerReferences": [{"uid": "1"}, {"uid": "2", "controller": true}, {"uid": "3", "controller": false}]"#)
                .as_deref(),
            Some("2")
        );
        for none in [
            r#""ownerReferences": [{"uid": "1"}, {"uid": "3", "controller": false}]"#,
            r#""ownerReferences": []"#,
            r#""ownerReferences": null"#,
            r#""ownerReferences": {}"#,
            r#""ownerReferences": [{"controller": true}]"#,
            r#""ownerReferences": [{"uid": 1, "controller": true}]"#,
            r#""annotations": {"ownerReferences": [{"uid": "1", "controller": true}]}"#,
        ] {
            assert_eq!(of(none), None, "{none}");
        }
        for json in ["", "[]", "null", "{}", r#"{"metadata": null}"#, r#"{"metadata": 1}"#] {
            assert_eq!(controller(json), None, "{json}");
        }
    }

    #[test]
    fn what_is_no_object() {
        for json in
            ["", "[]", "null", "1", r#"{"metadata": 1}"#, r#"{"metadata": {"name": 1}}"#, r#"{"a": 1"#]
        {
            assert!(names(json).is_err(), "{json}");
        }
    }

    #[test]
    fn managed_fields_go_and_the_rest_stays() {
        assert_eq!(
            without(r#"{"metadata": {"managedFields": [{"a": 1}], "name": "a"}, "spec": { "a" : 1.0 }}"#),
            r#"{"metadata": {"name":"a"}, "spec": { "a" : 1.0 }}"#
        );
        assert_eq!(
            without(r#"{"a":1e2,"metadata":{"na\u006de":"\u00e4","m\u0061nagedFields":null}}"#),
            r#"{"a":1e2,"metadata":{"name":"\u00e4"}}"#
        );
        assert_eq!(without(r#"{"metadata":{"managedFields":[]}}"#), r#"{"metadata":{}}"#);
    }

    /// Only those of the object itself are meant.
    #[test]
    fn whatever_else_has_that_name_stays() {
        for json in [
            r#"{ "metadata": { "name": "a" }, "managedFields": [] }"#,
            r#"{"metadata": {"labels": {"managedFields": "a"}}}"#,
            r#"{"spec": {"metadata": {"managedFields": []}}}"#,
            r#"{"metadata": null}"#,
        ] {
            assert_eq!(without(json), json);
        }
    }
}
