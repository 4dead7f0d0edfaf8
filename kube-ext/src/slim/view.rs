//! Which types hold the value of which.

use std::{collections::BTreeMap, sync::Arc};

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
/// A field of a [`Slim`](super::Slim) struct has the type that its path leads to, or one that this is there for: any integer for an
/// integer, a [`Interned`] for a string, `Vec` and `BTreeMap` of such, a Slim struct for what it is a view of. What is optional is so for
/// `U` as for the type itself. For a type of your own, say that it reads such a value: it has no methods.
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
    note = "for a type of your own: impl View<{U}> for {Self} {{}}"
)]
pub trait View<U: ?Sized> {}

impl<T: View<U>, U> View<U> for Option<T> {}
impl<T: View<U>, U> View<U> for Box<T> {}
impl<T: View<U>, U> View<Vec<U>> for Vec<T> {}
impl<T: View<U>, U> View<Vec<U>> for Box<[T]> {}
impl<K: View<L>, V: View<W>, L, W> View<BTreeMap<L, W>> for BTreeMap<K, V> {}

macro_rules! views {
    ($($of:ty => $($view:ty)*;)*) => { $($(#[diagnostic::do_not_recommend] impl View<$of> for $view {})*)* };
}

// A time and a quantity are strings in JSON.
views! {
    bool => bool serde_json::Value;
    i32 => i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 serde_json::Value;
    i64 => i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize serde_json::Value;
    f64 => f32 f64 serde_json::Value;
    String => String Box<str> Arc<str> Interned serde_json::Value;
    Time => Time MicroTime Timestamp DateTime<Utc> String Box<str> Arc<str> Interned serde_json::Value;
    MicroTime => MicroTime Timestamp DateTime<Utc> String Box<str> Arc<str> Interned serde_json::Value;
    Quantity => Quantity String Box<str> Arc<str> Interned serde_json::Value;
}
