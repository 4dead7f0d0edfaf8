//! How many objects there are at once while a list comes again.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kube::runtime::{reflector::Lookup, watcher::Event};

use crate::Fed;

const OBJECTS: usize = 1000;

/// How many there are, and how many there have been at most.
#[derive(Default)]
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// An object that is counted, of a type that is not kube's.
struct Counted {
    name: String,
    count: Arc<Count>,
}

impl Counted {
    fn new(number: usize, count: &Arc<Count>) -> Self {
        let now = count.now.fetch_add(1, Ordering::Relaxed) + 1;
        count.most.fetch_max(now, Ordering::Relaxed);
        Self { name: number.to_string(), count: count.clone() }
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.name.parse().unwrap(), &self.count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lookup for Counted {
    type DynamicType = ();

    fn kind((): &()) -> Cow<'_, str> {
        "Counted".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "counted".into()
    }

    fn name(&self) -> Option<Cow<'_, str>> {
        Some(self.name.as_str().into())
    }

    fn namespace(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn resource_version(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn uid(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// Lists these, one at a time, and lets go of what comes out. Returns the most there were.
fn list(fed: &mut Fed<Counted>, numbers: std::ops::Range<usize>, count: &Arc<Count>) -> usize {
    count.most.store(count.now.load(Ordering::Relaxed), Ordering::Relaxed);
    let all = std::iter::once(None).chain(numbers.map(Some));
    for number in all {
        let event = number.map_or(Event::Init, |number| Event::InitApply(Counted::new(number, count)));
        fed.send(Ok(event));
        while fed.next().is_some() {}
    }
    fed.send(Ok(Event::InitDone));
    while fed.next().is_some() {}
    count.most.load(Ordering::Relaxed)
}

#[test]
fn no_second_copy() {
    let count = Arc::default();
    let mut plain = Fed::plain(());
    list(&mut plain, 0..OBJECTS, &count);
    assert!(list(&mut plain, 0..OBJECTS, &count) >= 2 * OBJECTS, "kube keeps both no more: is this of use?");
    drop(plain);
    assert_eq!(count.now.load(Ordering::Relaxed), 0);

    let mut relisted = Fed::relisted(());
    // One comes in, its clone takes the place of the old one.
    let ahead = 2;
    assert!(list(&mut relisted, 0..OBJECTS, &count) <= OBJECTS + ahead);
    assert!(list(&mut relisted, 0..OBJECTS, &count) <= OBJECTS + ahead);
    // Half of them are gone, and as many new.
    let (half, both) = (OBJECTS / 2, OBJECTS + OBJECTS / 2);
    assert!(list(&mut relisted, half..both, &count) <= both + ahead);
    assert_eq!(count.now.load(Ordering::Relaxed), OBJECTS);
    assert!(list(&mut relisted, 0..0, &count) <= OBJECTS + ahead);
    assert_eq!(count.now.load(Ordering::Relaxed), 0);
}
