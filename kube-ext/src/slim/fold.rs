//! One value of a field from those at its path.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use super::Interned;

/// Takes the values at a path, `null` left out, and makes one of them.
pub trait Fold: Default {
    /// What it makes.
    type Value;

    /// Takes a value.
    ///
    /// # Errors
    /// It is of the wrong type.
    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error>;

    /// Takes a value that is looked at elsewhere.
    fn count(&mut self) {}

    /// The value.
    fn value(self) -> Self::Value;
}

/// What is there.
#[derive(Default)]
pub struct One<T>(T);

impl<T: Default + for<'de> Deserialize<'de>> Fold for One<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        if let Some(value) = Option::deserialize(value)? {
            self.0 = value;
        }
        Ok(())
    }

    fn value(self) -> T {
        self.0
    }
}

/// All that there are.
pub struct All<C: IntoIterator>(Vec<C::Item>);

impl<C: IntoIterator> Default for All<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C> Fold for All<C>
where
    C: IntoIterator + FromIterator<C::Item>,
    C::Item: for<'de> Deserialize<'de>,
{
    type Value = C;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        self.0.extend(Option::<C::Item>::deserialize(value)?);
        Ok(())
    }

    fn value(self) -> C {
        // Not what has grown, with the rest of its room cut off: many such rests are of no use for the next one, which grows as much.
        let mut exact = Vec::with_capacity(self.0.len());
        exact.extend(self.0);
        exact.into_iter().collect()
    }
}

/// The first that there is.
pub struct First<T>(Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Default + for<'de> Deserialize<'de>> Fold for First<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        if self.0.is_some() {
            return super::decode::skip(value);
        }
        self.0 = Option::deserialize(value)?;
        Ok(())
    }

    fn value(self) -> T {
        self.0.unwrap_or_default()
    }
}

/// A number that stays at its end instead of going beyond.
#[diagnostic::on_unimplemented(message = "`{Self}` is no number", label = "it takes a number")]
pub trait Number: Default {
    /// Their sum.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// One.
    fn one() -> Self;
}

macro_rules! integers {
    ($($integer:ty)*) => { $(impl Number for $integer {
        fn plus(self, other: Self) -> Self { self.saturating_add(other) }
        fn one() -> Self { 1 }
    })* };
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

impl Number for f64 {
    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn one() -> Self {
        1.0
    }
}

/// Their sum.
#[derive(Default)]
pub struct Sum<T>(T);

impl<T: Number + for<'de> Deserialize<'de>> Fold for Sum<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        if let Some(value) = Option::deserialize(value)? {
            self.0 = std::mem::take(&mut self.0).plus(value);
        }
        Ok(())
    }

    fn value(self) -> T {
        self.0
    }
}

/// How many there are.
#[derive(Default)]
pub struct Count<T>(T);

impl<T: Number> Fold for Count<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        if Option::<serde::de::IgnoredAny>::deserialize(value)?.is_some() {
            self.count();
        }
        Ok(())
    }

    fn count(&mut self) {
        self.0 = std::mem::take(&mut self.0).plus(T::one());
    }

    fn value(self) -> T {
        self.0
    }
}

/// Whether one of them is true.
#[derive(Default)]
pub struct Any<T>(T);

impl Fold for Any<bool> {
    type Value = bool;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        self.0 |= Option::<bool>::deserialize(value)?.unwrap_or(false);
        Ok(())
    }

    fn value(self) -> bool {
        self.0
    }
}

/// A string that texts are joined to.
#[diagnostic::on_unimplemented(message = "`{Self}` is no string", label = "texts are joined to a string")]
pub trait Joined {
    /// The string; none when there was no text.
    fn joined(text: Option<String>) -> Self;
}

macro_rules! strings {
    ($($string:ty)*) => { $(
        impl Joined for $string {
            fn joined(text: Option<String>) -> Self { text.unwrap_or_default().into() }
        }
        impl Joined for Option<$string> {
            fn joined(text: Option<String>) -> Self { text.map(Into::into) }
        }
    )* };
}

strings! { String Box<str> std::sync::Arc<str> Interned }

/// Their texts.
pub struct Join<T>(Option<String>, std::marker::PhantomData<T>);

impl<T> Default for Join<T> {
    fn default() -> Self {
        Self(None, std::marker::PhantomData)
    }
}

impl<T: Joined> Join<T> {
    /// Takes a value, which stands behind the separator unless it is the first.
    ///
    /// # Errors
    /// It is of the wrong type.
    pub fn join<'de, D: Deserializer<'de>>(&mut self, value: D, separator: &str) -> Result<(), D::Error> {
        let Some(Text(next)) = Option::deserialize(value)? else { return Ok(()) };
        match &mut self.0 {
            Some(text) => text.extend([separator, &next]),
            None => self.0 = Some(next),
        }
        Ok(())
    }
}

impl<T: Joined> Fold for Join<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        self.join(value, "")
    }

    fn value(self) -> T {
        T::joined(self.0)
    }
}

/// A string, a number or a truth value as JSON has it.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Scalar;

        impl Visitor<'_> for Scalar {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a truth value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, truth: bool) -> Result<Text, E> {
                Ok(Text(truth.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
                Ok(Text(serde_json::Value::from(number).to_string()))
            }
        }

        value.deserialize_any(Scalar)
    }
}
