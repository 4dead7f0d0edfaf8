//! Many objects by namespace and name: a block for each that begins with its key, a row beside it, and indexes over the rows.
//!
//! An object has a slot, which it keeps until it is removed.

use ahash::RandomState;
use fixedbitset::FixedBitSet;
use hashbrown::HashTable;

use super::{
    index::{Change, Files},
    key,
};

/// No slot.
const NONE: u32 = u32::MAX;

/// An object.
pub(super) struct Entry<R> {
    /// Its key, and whatever comes behind that.
    pub(super) block: Box<[u8]>,
    pub(super) row: R,
}

enum Slot<R> {
    Full(Entry<R>),
    /// And which one is free, too.
    Free(u32),
}

/// Objects in slots.
///
/// It takes 5 bytes of a hash table for each, with what that has to spare, and 16 and the row's size for the slot, beside the block.
/// Slots that are free are used again; they are as many as there were objects at most.
pub(super) struct Table<R> {
    hashes: RandomState,
    by_key: HashTable<u32>,
    slots: Vec<Slot<R>>,
    free: u32,
    files: Files,
}

/// There are no more than 2³² - 1 slots.
#[derive(Debug)]
pub(super) struct Full;

impl<R> Table<R> {
    pub(super) fn new(files: Files) -> Self {
        Self { hashes: RandomState::new(), by_key: HashTable::new(), slots: Vec::new(), free: NONE, files }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        let is_it = |slot: &u32| self.at(*slot).is_some_and(|entry| key::split(&entry.block).0 == key);
        self.by_key.find(self.hashes.hash_one(key), is_it).copied()
    }

    pub(super) fn at(&self, slot: u32) -> Option<&Entry<R>> {
        entry_at(&self.slots, slot)
    }

    /// The first object from a slot on, and its slot.
    pub(super) fn from(&self, slot: u32) -> Option<(u32, &Entry<R>)> {
        (slot..).zip(self.slots.get(slot as usize..)?).find_map(|(number, slot)| match slot {
            Slot::Full(entry) => Some((number, entry)),
            Slot::Free(_) => None,
        })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<R>> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Full(entry) => Some(entry),
            Slot::Free(_) => None,
        })
    }

    /// Slots with a key of an index.
    pub(super) fn filed(&self, index: usize, key: &str) -> &[u32] {
        self.files.slots(index, key)
    }

    /// Slots of objects that are not among these.
    pub(super) fn missing(&self, listed: &FixedBitSet) -> Vec<u32> {
        let full = (0..).zip(&self.slots).filter(|(_, slot)| matches!(slot, Slot::Full(_)));
        full.map(|(number, _)| number).filter(|number: &u32| !listed.contains(*number as usize)).collect()
    }

    /// Puts an object in the slot of its key, filed as `change` has it; its slot, and what was there.
    pub(super) fn put(&mut self, entry: Entry<R>, change: &Change) -> Result<(u32, Option<Entry<R>>), Full> {
        let key = key::split(&entry.block).0;
        let (number, is_new) = match self.find(key) {
            Some(number) => (number, false),
            None if self.free != NONE => (self.free, true),
            None => {
                let number = u32::try_from(self.slots.len()).ok().filter(|it| *it != NONE).ok_or(Full)?;
                self.slots.push(Slot::Free(NONE));
                (number, true)
            }
        };
        let hash = self.hashes.hash_one(key);
        let Some(slot) = self.slots.get_mut(number as usize) else { return Err(Full) };
        let old = match std::mem::replace(slot, Slot::Full(entry)) {
            Slot::Full(old) => Some(old),
            Slot::Free(next) => {
                self.free = next;
                None
            }
        };
        if is_new {
            let (slots, hashes) = (&self.slots, &self.hashes);
            let rehash = |slot: &u32| {
                let key = entry_at(slots, *slot).map(|entry| key::split(&entry.block).0);
                hashes.hash_one(key.unwrap_or_default())
            };
            self.by_key.insert_unique(hash, number, rehash);
        }
        self.files.refile(number, change);
        Ok((number, old))
    }

    /// Another block for an object, which begins with the same key.
    pub(super) fn replace_block(&mut self, slot: u32, block: Box<[u8]>) {
        if let Some(Slot::Full(entry)) = self.slots.get_mut(slot as usize) {
            entry.block = block;
        }
    }

    pub(super) fn remove(&mut self, slot: u32, change: &Change) -> Option<Entry<R>> {
        let hash = self.hashes.hash_one(key::split(&self.at(slot)?.block).0);
        if let Ok(found) = self.by_key.find_entry(hash, |it| *it == slot) {
            found.remove();
        }
        self.files.refile(slot, change);
        match std::mem::replace(self.slots.get_mut(slot as usize)?, Slot::Free(self.free)) {
            Slot::Full(entry) => {
                self.free = slot;
                Some(entry)
            }
            Slot::Free(_) => None,
        }
    }
}

fn entry_at<R>(slots: &[Slot<R>], slot: u32) -> Option<&Entry<R>> {
    match slots.get(slot as usize)? {
        Slot::Full(entry) => Some(entry),
        Slot::Free(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::index::Functions;

    fn block(name: &str) -> Box<[u8]> {
        key::encode(None, name).unwrap().into()
    }

    #[test]
    fn sixteen_bytes_a_slot() {
        assert_eq!(size_of::<Slot<()>>(), 16);
        assert_eq!(size_of::<Slot<[u64; 2]>>(), 32);
    }

    /// Rows with two numbers each, of which each is a key, against a plain map.
    #[test]
    fn as_a_map_and_its_rows() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut functions = Functions::<[u8; 2]>::default();
        functions.add("number", Box::new(|row, key| row.iter().for_each(|it| key(&it.to_string()))));
        let mut table = Table::new(functions.files());
        let mut map = BTreeMap::new();
        for _ in 0..20_000 {
            let name = format!("name-{}", rng.u8(..60));
            let slot = table.find(&block(&name));
            let old = slot.and_then(|slot| table.at(slot)).map(|entry| entry.row);
            assert_eq!(old, map.get(&name).copied());
            if rng.u8(..3) == 0 {
                let removed = slot.and_then(|slot| table.remove(slot, &functions.change(old.as_ref(), None)));
                assert_eq!(removed.map(|it| it.row), map.remove(&name));
            } else {
                let row = [rng.u8(..9), rng.u8(..9)];
                let change = functions.change(old.as_ref(), Some(&row));
                let (at, before) = table.put(Entry { block: block(&name), row }, &change).unwrap();
                assert!(slot.is_none_or(|slot| slot == at));
                assert_eq!(before.map(|it| it.row), map.insert(name, row));
            }
            let name_of = |entry: &Entry<_>| key::parts(key::split(&entry.block).0).1.to_owned();
            assert_eq!(table.len(), map.len());
            assert_eq!(
                table.entries().map(|it| (name_of(it), it.row)).collect::<BTreeMap<_, _>>(),
                map,
                "entries"
            );
            let number = rng.u8(..9);
            let filed = table.filed(0, &number.to_string()).iter();
            let mut filed: Vec<_> = filed.map(|slot| name_of(table.at(*slot).unwrap())).collect();
            filed.sort();
            let naive: Vec<_> =
                map.iter().filter(|(_, row)| row.contains(&number)).map(|it| it.0.clone()).collect();
            assert_eq!(filed, naive);
        }
        assert!(table.slots.len() <= 60, "{} slots", table.slots.len());
    }
}
