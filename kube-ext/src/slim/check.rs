//! Types that make code compile only if paths are right. Nothing of it is ever run.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    marker::PhantomData,
    sync::Arc,
};

use k8s_openapi::DeepMerge;

use super::{
    fold::{Addend, Joined, Number},
    view::View,
};
use crate::columns::printer::Printed;

/// A place in an object of which the type is known.
#[derive(Debug)]
pub struct At<'a, T>(Option<&'a T>);

impl<T> Clone for At<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for At<'_, T> {}

impl<'a, T> At<'a, T> {
    /// A field.
    #[must_use]
    pub fn get<U>(self, field: impl FnOnce(&'a T) -> &'a U) -> At<'a, U> {
        At(self.0.map(field))
    }
}

/// An element of a list.
#[must_use]
pub fn each<T: List>(_: At<'_, T>) -> At<'static, T::Element> {
    At(None)
}

/// The keys of a map that a map takes.
#[must_use]
pub fn keys<T: Map>(_: At<'_, T>) -> At<'static, T::Key> {
    At(None)
}

/// The values of a map that a map takes.
#[must_use]
pub fn values<T: Map>(_: At<'_, T>) -> At<'static, T::Entry> {
    At(None)
}

/// An entry of a map.
#[must_use]
pub fn entry<T: Map<Key = String>>(_: At<'_, T>) -> At<'static, T::Entry> {
    At(None)
}

// What a type itself has comes before what a trait has for all: an `Option` is opened, anything else is open.
impl<'a, T> At<'a, Option<T>> {
    /// What may be there.
    #[must_use]
    pub fn open(self) -> At<'a, T> {
        At(self.0.and_then(Option::as_ref))
    }
}

impl<'a, T> At<'a, Box<T>> {
    /// What is in it.
    #[must_use]
    pub fn open(self) -> At<'a, T> {
        self.unbox()
    }

    /// What is in it.
    #[must_use]
    pub fn unbox(self) -> At<'a, T> {
        At(self.0.map(|of| &**of))
    }
}

impl<'a, T> At<'a, Arc<T>> {
    /// What is in it.
    #[must_use]
    pub fn unbox(self) -> At<'a, T> {
        At(self.0.map(|of| &**of))
    }
}

/// What is there.
pub trait Open: Sized {
    /// Itself.
    #[must_use]
    fn open(self) -> Self;

    /// Itself, which may be absent for all that.
    #[must_use]
    fn unbox(self) -> Self {
        self
    }
}

impl<T> Open for At<'_, T> {
    fn open(self) -> Self {
        self
    }
}

/// A list.
#[diagnostic::on_unimplemented(
    message = "no list is at this path: here is `{Self}`",
    label = "`[]`, and a `Vec`, are for lists"
)]
pub trait List {
    /// What it has.
    type Element: 'static;
}

macro_rules! lists {
    ($($list:ty)*) => { $(impl<T: 'static> List for $list { type Element = T; })* };
}

lists! { Vec<T> VecDeque<T> Box<[T]> BTreeSet<T> }

impl<T: 'static, S> List for HashSet<T, S> {
    type Element = T;
}

/// A map.
#[diagnostic::on_unimplemented(
    message = "no map is at this path: here is `{Self}`",
    label = "`[\"key\"]`, and a `BTreeMap`, are for maps"
)]
pub trait Map {
    /// By what it has it.
    type Key: 'static;
    /// What it has.
    type Entry: 'static;
}

impl<K: 'static, T: 'static> Map for BTreeMap<K, T> {
    type Key = K;
    type Entry = T;
}

impl<K: 'static, T: 'static, S> Map for HashMap<K, T, S> {
    type Key = K;
    type Entry = T;
}

/// A field's type, and that of what is at its path.
#[derive(Debug)]
pub struct Pair<T, U>(PhantomData<(T, U)>);

/// A field's type that is that of what is at its path.
#[derive(Debug)]
pub struct Same;

impl<U> Pair<(), U> {
    /// That of a field, and that at its path.
    #[must_use]
    pub fn of<T>(_: At<'_, U>) -> Pair<T, U> {
        Pair(PhantomData)
    }
}

impl<Both> Pair<Both, Both> {
    /// They are the same.
    #[must_use]
    pub fn compared(self) -> Same {
        Same
    }
}

impl<Both> Pair<Option<Both>, Both> {
    /// They are the same for what is there.
    #[must_use]
    pub fn compared(self) -> Same {
        Same
    }
}

/// Any two types.
pub trait Compared {
    /// They differ.
    #[must_use]
    fn compared(self) -> Self;
}

impl<T, U> Compared for Pair<T, U> {
    fn compared(self) -> Self {
        self
    }
}

/// One reads the other.
pub trait Fits {}

impl Fits for Same {}

impl<T: View<U>, U> Fits for Pair<T, U> {}

/// One reads the other.
pub fn fits<P: Fits>(_: P) {}

/// The type of a column that shows what is there.
pub fn column_type<T: Printed>(_: At<'_, T>) -> &'static str {
    T::TYPE
}

/// The type of a column that shows anything as text.
pub fn any_text<T>(_: At<'_, T>) -> &'static str {
    "string"
}

impl<T> Default for At<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A type that is another.
#[derive(Debug)]
pub struct Is<T, U>(PhantomData<(T, U)>);

impl<Same> Is<Same, Same> {
    /// It is.
    #[must_use]
    pub fn same() -> Self {
        Self(PhantomData)
    }
}

/// Whose names a type's fields have.
#[derive(Debug)]
pub struct Names<T, Whose>(PhantomData<(T, Whose)>);

/// Those of Kubernetes.
#[derive(Debug)]
pub struct Kubernetes;

/// Those of a type that is not of `k8s-openapi`, which are up to whoever wrote it.
#[derive(Debug)]
pub struct Others;

impl<T: DeepMerge> At<'_, T> {
    /// Those of Kubernetes.
    #[must_use]
    pub fn names(self) -> Names<T, Kubernetes> {
        Names(PhantomData)
    }
}

/// Those of any type.
pub trait HasNames<T> {
    /// Up to whoever wrote it.
    #[must_use]
    fn names(self) -> Names<T, Others>;
}

impl<T> HasNames<T> for At<'_, T> {
    fn names(self) -> Names<T, Others> {
        Names(PhantomData)
    }
}

/// That a field may have a name which Kubernetes would not give it.
#[diagnostic::on_unimplemented(
    message = "a name of this path is not that of the JSON, or not that of the Rust field",
    label = "`podIP` and `nodeName`, not `pod_ip`, `podIp` or `node_name`"
)]
pub trait Spelled {}

impl<T> Spelled for Names<T, Others> {}

/// A field of a name that Kubernetes would not give it.
pub fn spelled<N: Spelled>(_: N) {}

/// The sum of what is there.
pub fn sums<T: Number, U: Addend<T::Sum>>(_: At<'_, U>) {}

/// How many are there.
pub fn counts<T: Number>() {}

/// Whether one is true.
pub fn is_any<T: View<bool>, U: Truth>(_: At<'_, U>) {}

/// What is true or false.
#[diagnostic::on_unimplemented(message = "`{Self}` is no truth value", label = "`any` is for truth values")]
pub trait Truth {}

impl Truth for bool {}

/// The texts of what is there.
pub fn joins<T: Joined, U: Text>(_: At<'_, U>) {}

/// What has a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no text to join",
    label = "strings, numbers and truth values can be joined"
)]
pub trait Text {}

macro_rules! texts {
    ($($text:ty)*) => { $(impl Text for $text {})* };
}

texts! {
    String Box<str> Arc<str> bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64
    k8s_openapi::apimachinery::pkg::api::resource::Quantity
    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time
    k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime
    k8s_openapi::apimachinery::pkg::util::intstr::IntOrString
}
