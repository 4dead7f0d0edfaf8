//! Which types hold the value of which.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use k8s_openapi::{
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{MicroTime, Time},
    },
    jiff::Timestamp,
};

use super::Interned;

/// A type that reads what the JSON has for a value of type `U`.
///
/// A field of a [`Slim`](super::Slim) struct has the type that its path leads to, or one that this is there for:
///
/// | there is | it is held by |
/// | --- | --- |
/// | an integer | an integer with room for all that it can be: `i64` or `i128` for an `i32`, but neither `u32` nor `i16`; `f64`, and `f32` for up to 16 bits, which are as exact |
/// | `f32` | `f64` |
/// | `String`, `Box<str>`, `Arc<str>` | each of these, [`Interned`] |
/// | `Time`, `MicroTime` | `MicroTime`, `Timestamp`, `DateTime<Utc>`, and what holds a string |
/// | `Quantity` | what holds a string |
/// | a list | `Vec<T>`, `Box<[T]>` of what holds its elements |
/// | a map | `BTreeMap<K, V>`, `HashMap<K, V>` of what holds its keys and values |
/// | anything | its own type; `serde_json::Value`; `Box`, `Arc` and [`Shared`](super::Shared) of what holds it |
/// | what a Slim struct is a view of | that struct |
///
/// What is optional is so for `U` as for the type itself.
///
/// A number that does not fit has no place in a field, and an object with one would be no object of the view: the list that has it would not be
/// read, by one value of one object. So that does not compile, rather than to fail one day or to show another number.
///
/// For a type of your own, say that it reads such a value: it has no methods. It is then up to that type to read all values that can be there, as
/// the `other` of this one does:
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::slim::{Slim, SlimMeta, View};
/// use serde::Deserialize;
///
/// #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
/// enum Phase {
///     Running,
///     #[default]
///     #[serde(other)]
///     Else,
/// }
/// impl View<String> for Phase {}
///
/// #[derive(Slim, Clone, Debug)]
/// #[slim(of = Pod)]
/// struct Row {
///     #[slim(metadata)]
///     meta: SlimMeta,
///     #[slim(path = "status.phase")]
///     phase: Phase,
/// }
///
/// let row: Row = serde_json::from_str(r#"{"metadata": {"name": "web-0"}, "status": {"phase": "Pending"}}"#)?;
/// assert_eq!(row.phase, Phase::Else);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold what is there: `{U}`",
    label = "at this path there is `{U}`",
    note = "it is held by a type with room for all that it can be, as i64 for i32, or Interned for String",
    note = "a type of your own can tell that it reads all of it: impl View<{U}> for ThatType {{}}"
)]
pub trait View<U: ?Sized> {}

impl<T: View<U>, U> View<U> for Option<T> {}
impl<T: View<U>, U> View<U> for Box<T> {}
impl<T: View<U>, U> View<Vec<U>> for Vec<T> {}
impl<T: View<U>, U> View<Vec<U>> for Box<[T]> {}
impl<T: View<U>, U> View<U> for Arc<T> {}
impl<K: View<L>, V: View<W>, L, W> View<BTreeMap<L, W>> for BTreeMap<K, V> {}
impl<K: View<L>, V: View<W>, L, W, S> View<BTreeMap<L, W>> for HashMap<K, V, S> {}
impl<K: View<L>, V: View<W>, L, W, S> View<HashMap<L, W, S>> for BTreeMap<K, V> {}
impl<K: View<L>, V: View<W>, L, W, R, S> View<HashMap<L, W, R>> for HashMap<K, V, S> {}
#[diagnostic::do_not_recommend]
impl<U: ?Sized> View<U> for serde_json::Value {}

macro_rules! views {
    ($($of:ty => $($view:ty)*;)*) => { $($(#[diagnostic::do_not_recommend] impl View<$of> for $view {})*)* };
}

// An `isize` has 32 bits or more where programs of this kind run. A time and a quantity are strings in JSON.
views! {
    bool => bool;
    i8 => i8 i16 i32 i64 i128 isize f32 f64;
    i16 => i16 i32 i64 i128 isize f32 f64;
    i32 => i32 i64 i128 isize f64;
    i64 => i64 i128;
    i128 => i128;
    isize => isize i64 i128;
    u8 => u8 u16 u32 u64 u128 usize i16 i32 i64 i128 isize f32 f64;
    u16 => u16 u32 u64 u128 usize i32 i64 i128 isize f32 f64;
    u32 => u32 u64 u128 usize i64 i128 f64;
    u64 => u64 u128 i128;
    u128 => u128;
    usize => usize u64 u128 i128;
    f32 => f32 f64;
    f64 => f64;
    String => String Box<str> Arc<str> Interned;
    Box<str> => String Box<str> Arc<str> Interned;
    Arc<str> => String Box<str> Arc<str> Interned;
    Time => Time MicroTime Timestamp DateTime<Utc> String Box<str> Arc<str> Interned;
    MicroTime => MicroTime Timestamp DateTime<Utc> String Box<str> Arc<str> Interned;
    Quantity => Quantity String Box<str> Arc<str> Interned;
}
