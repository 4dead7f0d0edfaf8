//! All paths of a struct in one tree: where each leads, and what becomes of the value there.

use std::collections::BTreeMap;

use super::{input::Field, path::Step};

/// A place in an object's JSON.
#[derive(Default)]
pub(super) struct Place<'a> {
    pub(super) number: usize,
    /// Where the fields of an object lead that are wanted.
    pub(super) children: BTreeMap<String, Place<'a>>,
    /// Where the elements of a list lead.
    pub(super) each: Option<Box<Place<'a>>>,
    /// The fields of the struct that take the value.
    pub(super) leaves: Vec<&'a Field>,
    /// Those that only count it.
    pub(super) counts: Vec<&'a Field>,
}

impl<'a> Place<'a> {
    fn is_passed(&self) -> bool {
        !self.children.is_empty() || self.each.is_some()
    }

    /// The fields that get the value from the place, if nothing in it leads further.
    pub(super) fn takers(&self) -> Option<Vec<&'a Field>> {
        let takers: Vec<_> = self.leaves.iter().chain(&self.counts).copied().collect();
        (!self.is_passed() && !takers.is_empty()).then_some(takers)
    }

    fn next(&self) -> impl Iterator<Item = &Self> {
        self.children.values().chain(self.each.as_deref())
    }

    /// It and all places in it.
    pub(super) fn all(&self) -> Vec<&Self> {
        std::iter::once(self).chain(self.next().flat_map(Self::all)).collect()
    }

    /// Of the fields, one that takes the value of a place whole of which others want parts, or one that takes for a list what is an object
    /// for others.
    pub(super) fn conflict(&self) -> Option<&'a Field> {
        self.all().into_iter().find_map(|place| {
            let is_both = place.each.is_some() && !place.children.is_empty();
            let some = || {
                place
                    .all()
                    .into_iter()
                    .find_map(|place| place.leaves.first().or(place.counts.first()).copied())
            };
            let conflicts = is_both || (!place.leaves.is_empty() && place.is_passed());
            conflicts.then(some).flatten()
        })
    }
}

/// The places of a struct; the first is the object itself.
#[derive(Default)]
pub(super) struct Tree<'a> {
    pub(super) object: Place<'a>,
    last: usize,
}

impl<'a> Tree<'a> {
    /// The place of a path.
    pub(super) fn place(&mut self, path: &[Step]) -> &mut Place<'a> {
        let Self { object, last } = self;
        path.iter().fold(object, |place, step| {
            let mut new = || {
                *last += 1;
                Place { number: *last, ..Place::default() }
            };
            match step.key() {
                Some(key) => place.children.entry(key.to_owned()).or_insert_with(new),
                None => place.each.get_or_insert_with(|| Box::new(new())),
            }
        })
    }
}
