//! Which slots of a table have a key of a row.

use std::fmt;

use ahash::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

/// The keys of a row for one index: it calls what it is given with each of them.
type Function<R> = Box<dyn Fn(&R, &mut dyn FnMut(&str)) + Send + Sync>;

/// How rows are filed.
pub(super) struct Functions<R>(Vec<(Box<str>, Function<R>)>);

impl<R> Default for Functions<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> fmt::Debug for Functions<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Keys by the number of their index.
type Keys = Vec<(usize, Box<str>)>;

/// How a slot is filed anew.
#[derive(Default)]
pub(super) struct Change {
    from: Keys,
    to: Keys,
}

impl<R> Functions<R> {
    /// One more index; one of the same name takes its place.
    pub(super) fn add(&mut self, name: &str, function: Function<R>) {
        self.0.retain(|(of, _)| **of != *name);
        self.0.push((name.into(), function));
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(of, _)| **of == *name)
    }

    pub(super) fn change(&self, old: Option<&R>, new: Option<&R>) -> Change {
        let (from, to) = (self.keys(old), self.keys(new));
        if from == to { Change::default() } else { Change { from, to } }
    }

    fn keys(&self, row: Option<&R>) -> Keys {
        let mut keys = Vec::new();
        for (number, (_, function)) in self.0.iter().enumerate() {
            if let Some(row) = row {
                function(row, &mut |key| keys.push((number, key.into())));
            }
        }
        keys
    }

    /// As many indexes, all empty.
    pub(super) fn files(&self) -> Files {
        Files { hashes: RandomState::new(), files: self.0.iter().map(|_| HashTable::new()).collect() }
    }
}

/// Slots by keys, in four bytes for each of a slot's keys, and a key's text once.
pub(super) struct Files {
    hashes: RandomState,
    files: Vec<HashTable<File>>,
}

struct File {
    key: Box<str>,
    /// In order.
    slots: Vec<u32>,
}

impl Files {
    pub(super) fn refile(&mut self, slot: u32, change: &Change) {
        for (number, key) in &change.from {
            self.remove(*number, key, slot);
        }
        for (number, key) in &change.to {
            self.insert(*number, key, slot);
        }
    }

    /// Slots with a key, in order.
    pub(super) fn slots(&self, number: usize, key: &str) -> &[u32] {
        let found = self.files.get(number).and_then(|files| files.find(self.hash(key), |it| *it.key == *key));
        found.map(|file| &file.slots[..]).unwrap_or_default()
    }

    fn insert(&mut self, number: usize, key: &str, slot: u32) {
        let hash = self.hash(key);
        let Some(files) = self.files.get_mut(number) else { return };
        match files.entry(hash, |it| *it.key == *key, |it| self.hashes.hash_one(&*it.key)) {
            Entry::Occupied(mut found) => {
                let slots = &mut found.get_mut().slots;
                if let Err(place) = slots.binary_search(&slot) {
                    slots.insert(place, slot);
                }
            }
            Entry::Vacant(place) => drop(place.insert(File { key: key.into(), slots: vec![slot] })),
        }
    }

    fn remove(&mut self, number: usize, key: &str, slot: u32) {
        let hash = self.hash(key);
        let Some(files) = self.files.get_mut(number) else { return };
        let Ok(mut found) = files.find_entry(hash, |it| *it.key == *key) else { return };
        let slots = &mut found.get_mut().slots;
        if let Ok(place) = slots.binary_search(&slot) {
            slots.remove(place);
        }
        if slots.is_empty() {
            found.remove();
        }
    }

    fn hash(&self, key: &str) -> u64 {
        self.hashes.hash_one(key)
    }
}
