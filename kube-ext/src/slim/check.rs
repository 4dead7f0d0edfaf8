//! Types that make code compile only if paths are right. Nothing of it is ever run.

use std::{collections::BTreeMap, marker::PhantomData};

use k8s_openapi::DeepMerge;

use super::{
    fold::{Joined, Number},
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

/// An entry of a map.
#[must_use]
pub fn entry<T: Map>(_: At<'_, T>) -> At<'static, T::Entry> {
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
        At(self.0.map(|of| &**of))
    }
}

/// What is there.
pub trait Open {
    /// Itself.
    #[must_use]
    fn open(self) -> Self;
}

impl<T> Open for At<'_, T> {
    fn open(self) -> Self {
        self
    }
}

/// A list.
#[diagnostic::on_unimplemented(
    message = "`[]` is for lists, and here is `{Self}`",
    label = "no list is at `[]`"
)]
pub trait List {
    /// What it has.
    type Element: 'static;
}

impl<T: 'static> List for Vec<T> {
    type Element = T;
}

/// A map.
#[diagnostic::on_unimplemented(
    message = "`[\"key\"]` is for maps, and here is `{Self}`",
    label = "no map is at the brackets"
)]
pub trait Map {
    /// What it has.
    type Entry: 'static;
}

impl<T: 'static> Map for BTreeMap<String, T> {
    type Entry = T;
}

/// A field's type, and that of what is at its path.
#[derive(Debug)]
pub struct Pair<T, U>(PhantomData<(T, U)>);

impl<U> Pair<(), U> {
    /// That of a field, and that at its path.
    #[must_use]
    pub fn of<T>(_: At<'_, U>) -> Pair<T, U> {
        Pair(PhantomData)
    }
}

impl<Same> Pair<Same, Same> {
    /// They are the same.
    pub fn fits(self) {}
}

/// One reads the other.
pub trait Fits {
    /// It does.
    fn fits(self);
}

impl<T: View<U>, U> Fits for Pair<T, U> {
    fn fits(self) {}
}

/// The type of a column that shows what is there.
pub fn column_type<T: Printed>(_: At<'_, T>) -> &'static str {
    T::TYPE
}

impl<T> Default for At<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

/// One reads the other, and is not the same type.
pub fn reads<T: View<U>, U>(_: At<'_, U>) {}

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
    message = "a name of this path is not that of the JSON",
    label = "`podIP` and `nodeName`, not `pod_ip`, `podIp` or `node_name`"
)]
pub trait Spelled {}

impl<T> Spelled for Names<T, Others> {}

/// A field of a name that Kubernetes would not give it.
pub fn spelled<N: Spelled>(_: N) {}

/// The sum of what is there.
pub fn sums<T: Number + View<U>, U>(_: At<'_, U>) {}

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
    String bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize f64
    k8s_openapi::apimachinery::pkg::api::resource::Quantity
    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time
    k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime
    k8s_openapi::apimachinery::pkg::util::intstr::IntOrString
}
