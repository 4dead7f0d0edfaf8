//! The way through an object's JSON: what is not named is skipped, and nothing is allocated for it.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize as _, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::meta::{Field, SlimMeta};

/// What is at a place of the JSON.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// An object, whose fields lead further.
    Object,
    /// A list, each of whose elements is at this place.
    List(usize),
    /// A value that is wanted.
    Value,
}

/// Takes the values of a struct. The derive writes it; places are numbers, the whole object is 0.
pub trait Builder: Default {
    /// The place of the metadata, and whether labels are wanted.
    const METADATA: Option<(usize, bool)>;

    /// Where a field of an object leads.
    fn child(place: usize, key: &str) -> Option<usize>;

    /// What is at a place.
    fn shape(place: usize) -> Shape;

    /// Takes the value of a place.
    ///
    /// # Errors
    /// It is of the wrong type.
    fn take<'de, D: Deserializer<'de>>(&mut self, place: usize, value: D) -> Result<(), D::Error>;

    /// Something is at a place that leads further.
    fn count(&mut self, place: usize);

    /// The metadata.
    fn metadata(&mut self) -> Option<&mut SlimMeta>;
}

/// Reads an object.
///
/// # Errors
/// What is wanted has the wrong type, or the text is no JSON.
pub fn build<'de, B: Builder, D: Deserializer<'de>>(object: D) -> Result<B, D::Error> {
    let mut builder = B::default();
    At { builder: &mut builder, place: 0 }.deserialize(object)?;
    Ok(builder)
}

/// Reads a value, and does nothing with it.
///
/// # Errors
/// The text is no JSON.
pub fn skip<'de, D: Deserializer<'de>>(value: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(value).map(drop)
}

struct At<'a, B> {
    builder: &'a mut B,
    place: usize,
}

impl<'de, B: Builder> DeserializeSeed<'de> for At<'_, B> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        match B::shape(self.place) {
            Shape::Value => self.builder.take(self.place, value),
            // Either may be null.
            Shape::Object | Shape::List(_) => value.deserialize_any(self),
        }
    }
}

impl<'de, B: Builder> Visitor<'de> for At<'_, B> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match B::shape(self.place) {
            Shape::List(_) => "a list",
            _ => "an object",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        // An object itself is there.
        if self.place == 0 { Err(E::invalid_type(serde::de::Unexpected::Unit, &self)) } else { Ok(()) }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Shape::List(_) = B::shape(self.place) {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        }
        let Self { builder, place } = self;
        builder.count(place);
        while let Some(key) = map.next_key_seed(Key::<B>(place, PhantomData))? {
            match key {
                Found::Place(place) => map.next_value_seed(At { builder, place })?,
                Found::Metadata(field) => match builder.metadata() {
                    Some(meta) => map.next_value_seed(field.of(meta))?,
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
                Found::Nothing => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Shape::List(place) = B::shape(self.place) else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        };
        self.builder.count(self.place);
        while list.next_element_seed(At { builder: &mut *self.builder, place })?.is_some() {}
        Ok(())
    }
}

/// Where a key leads.
enum Found {
    Place(usize),
    Metadata(Field),
    Nothing,
}

struct Key<B>(usize, PhantomData<B>);

impl<'de, B: Builder> DeserializeSeed<'de> for Key<B> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Found, D::Error> {
        key.deserialize_identifier(self)
    }
}

impl<B: Builder> Visitor<'_> for Key<B> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Found, E> {
        if let Some(place) = B::child(self.0, key) {
            return Ok(Found::Place(place));
        }
        Ok(match B::METADATA {
            Some((place, labels)) if place == self.0 => {
                Field::named(key, labels).map_or(Found::Nothing, Found::Metadata)
            }
            _ => Found::Nothing,
        })
    }
}
