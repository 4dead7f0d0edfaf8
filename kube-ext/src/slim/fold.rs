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
pub trait Number {
    /// What has room for all numbers that are added.
    type Sum: Default + for<'de> Deserialize<'de>;
    /// Adds a number.
    fn add(sum: &mut Self::Sum, number: Self::Sum);
    /// What there is of a sum.
    fn of(sum: Self::Sum) -> Self;
    /// How many there are.
    fn counted(count: u64) -> Self;
}

/// A number that a sum has room for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what this sum is made of",
    label = "an integer is a sum of integers, `f64` and `f32` are one of any numbers"
)]
pub trait Addend<Sum> {}

/// Any integer, exactly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole(i128);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(number: D) -> Result<Self, D::Error> {
        struct Integer;

        impl Visitor<'_> for Integer {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number.into()))
            }
        }

        number.deserialize_i64(Integer)
    }
}

macro_rules! integers {
    ($($integer:ty)*) => { $(
        impl Number for $integer {
            type Sum = Whole;

            fn add(sum: &mut Whole, number: Whole) {
                sum.0 = sum.0.saturating_add(number.0);
            }

            fn of(sum: Whole) -> Self {
                Self::try_from(sum.0).unwrap_or(if sum.0 < 0 { Self::MIN } else { Self::MAX })
            }

            fn counted(count: u64) -> Self {
                Self::try_from(count).unwrap_or(Self::MAX)
            }
        }

        impl Addend<f64> for $integer {}
    )* };
}

macro_rules! addends {
    ($($integer:ty)*) => { $(impl Addend<Whole> for $integer {})* };
}

integers! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize i128 u128 }
// JSON's numbers are read as ones of up to 64 bits.
addends! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize }

macro_rules! floats {
    ($($float:ty)*) => { $(
        impl Number for $float {
            type Sum = f64;

            fn add(sum: &mut f64, number: f64) {
                *sum += number;
            }

            #[allow(clippy::cast_possible_truncation, reason = "what an f32 is")]
            fn of(sum: f64) -> Self {
                sum as Self
            }

            #[expect(clippy::cast_precision_loss, reason = "so many there are not")]
            fn counted(count: u64) -> Self {
                count as Self
            }
        }

        impl Addend<f64> for $float {}
    )* };
}

floats! { f32 f64 }

/// Their sum, which is made with room for all of them: what the field has no room for is known at the end.
pub struct Sum<T: Number>(T::Sum);

impl<T: Number> Default for Sum<T> {
    fn default() -> Self {
        Self(T::Sum::default())
    }
}

impl<T: Number> Fold for Sum<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        if let Some(value) = Option::deserialize(value)? {
            T::add(&mut self.0, value);
        }
        Ok(())
    }

    fn value(self) -> T {
        T::of(self.0)
    }
}

/// How many there are.
pub struct Count<T>(u64, std::marker::PhantomData<T>);

impl<T> Default for Count<T> {
    fn default() -> Self {
        Self(0, std::marker::PhantomData)
    }
}

impl<T: Number> Fold for Count<T> {
    type Value = T;

    fn add<'de, D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        if Option::<serde::de::IgnoredAny>::deserialize(value)?.is_some() {
            self.count();
        }
        Ok(())
    }

    fn count(&mut self) {
        self.0 = self.0.saturating_add(1);
    }

    fn value(self) -> T {
        T::counted(self.0)
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
