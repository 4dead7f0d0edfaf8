//! What the readers of a store and its writer share.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kube::Resource;
use quick_cache::unsync::Cache;
use slab::Slab;
use tokio::sync::watch;

use super::{
    block::{self, Packing},
    codec::{self, Decoders, With},
    dictionaries::{Decoding, NUMBERS},
};
use crate::store::{
    index::Functions,
    table::{Entry, Table},
};

/// What is behind the lock.
pub(super) struct State<R> {
    pub(super) table: Table<R>,
    /// By number; there is none of number 0.
    pub(super) dictionaries: [Option<Decoding>; NUMBERS],
    /// What siblings have in common, by number.
    pub(super) bases: Slab<Base>,
}

/// What siblings have in common: one of them as it was once.
pub(super) struct Base {
    /// It, packed with a dictionary.
    pub(super) frame: Arc<[u8]>,
    pub(super) dictionary: u8,
    /// What their owner is known by.
    pub(super) owner: u32,
    /// How many objects are packed with it.
    pub(super) users: u32,
}

/// Objects that have been read, by slot.
pub(super) type Cached<K> = Option<Cache<u32, Arc<K>>>;

/// Whoever takes both locks takes the cache's first. Nothing is read and nobody's function called while it is held, except where the
/// methods say so.
pub(super) struct Shared<K: Resource, R> {
    pub(super) kind: K::DynamicType,
    pub(super) functions: Functions<R>,
    pub(super) is_ready: watch::Receiver<bool>,
    pub(super) decoders: Decoders,
    state: RwLock<State<R>>,
    cached: Mutex<Cached<K>>,
}

/// An object as it was when it was looked up.
pub(super) struct Found {
    pub(super) block: Box<[u8]>,
    pub(super) slot: u32,
    needs: Needs,
}

/// What it takes to unpack it.
#[derive(Clone)]
struct Needs {
    base: Option<Arc<[u8]>>,
    /// Of the base, if there is one.
    dictionary: Option<Decoding>,
}

impl Needs {
    fn are(&self, others: &Self) -> bool {
        // Numbers are used again.
        let bases = self.base.as_ref().map(Arc::as_ptr) == others.base.as_ref().map(Arc::as_ptr);
        bases && self.dictionary.as_ref().map(Arc::as_ptr) == others.dictionary.as_ref().map(Arc::as_ptr)
    }
}

impl<R> State<R> {
    pub(super) fn found(&self, slot: u32, entry: &Entry<R>) -> Found {
        Found { block: entry.block.clone(), slot, needs: self.needs(&entry.block) }
    }

    /// Whether an object is as it was when it was looked up.
    pub(super) fn is_still(&self, found: &Found) -> bool {
        let entry = self.table.at(found.slot);
        entry.is_some_and(|it| it.block == found.block && self.needs(&it.block).are(&found.needs))
    }

    fn needs(&self, block: &[u8]) -> Needs {
        let (base, number) = match block::read(block).0 {
            Packing::Dictionary { number, .. } => (None, number),
            Packing::Base(base) => match self.bases.get(base as usize) {
                Some(base) => (Some(base.frame.clone()), base.dictionary),
                None => (None, 0),
            },
        };
        Needs { base, dictionary: self.dictionary(number) }
    }

    fn dictionary(&self, number: u8) -> Option<Decoding> {
        self.dictionaries.get(usize::from(number)).cloned().flatten()
    }
}

impl<K: Resource, R> Shared<K, R> {
    pub(super) fn new(
        kind: K::DynamicType,
        functions: Functions<R>,
        is_ready: watch::Receiver<bool>,
        cached: usize,
    ) -> Self {
        let state = State {
            table: Table::new(functions.files()),
            dictionaries: [const { None }; NUMBERS],
            bases: Slab::new(),
        };
        let cached = (cached > 0).then(|| Cache::new(cached));
        Self {
            kind,
            functions,
            is_ready,
            decoders: Decoders::default(),
            state: RwLock::new(state),
            cached: Mutex::new(cached),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State<R>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State<R>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cached(&self) -> MutexGuard<'_, Cached<K>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The JSON of an object, as it was put into the store.
    pub(super) fn json(&self, found: &Found) -> io::Result<String> {
        let Needs { base, dictionary } = &found.needs;
        let with = dictionary.as_deref().map_or(With::Nothing, With::Dictionary);
        let frame = block::read(&found.block).1;
        match base {
            None => self.decode(frame, with),
            Some(base) => self.decode(frame, With::Text(&self.decode(base, with)?)),
        }
    }

    /// What objects are packed with.
    pub(super) fn base(&self, base: u32) -> io::Result<String> {
        let found = {
            let state = self.read();
            state.bases.get(base as usize).map(|base| (base.frame.clone(), state.dictionary(base.dictionary)))
        };
        let (frame, dictionary) = found.ok_or(io::ErrorKind::NotFound)?;
        self.decode(&frame, dictionary.as_deref().map_or(With::Nothing, With::Dictionary))
    }

    /// Keeps a base, and what the object in this slot, of which it was made, differs from it by. Its number.
    pub(super) fn add_base(&self, base: Base, slot: u32, key: &[u8], frame: &[u8]) -> Option<u32> {
        let mut state = self.write();
        let number = u32::try_from(state.bases.vacant_key()).ok()?;
        state.bases.insert(base);
        state.table.replace_block(slot, block::write(key, Packing::Base(number), frame));
        Some(number)
    }

    /// One object more is packed with it.
    pub(super) fn use_base(&self, base: u32) {
        if let Some(base) = self.write().bases.get_mut(base as usize) {
            base.users += 1;
        }
    }

    /// One less is, and if that was the last, it is returned.
    pub(super) fn leave_base(&self, number: u32) -> Option<Base> {
        let mut state = self.write();
        let base = state.bases.get_mut(number as usize)?;
        base.users = base.users.saturating_sub(1);
        if base.users > 0 { None } else { state.bases.try_remove(number as usize) }
    }

    /// Whether nobody but the object of this key is packed with it.
    pub(super) fn is_alone(&self, number: u32, key: &[u8]) -> bool {
        let state = self.read();
        let entry = || state.table.at(state.table.find(key)?);
        state.bases.get(number as usize).is_some_and(|base| base.users == 1)
            && entry().is_some_and(|entry| block::read(&entry.block).0 == Packing::Base(number))
    }

    /// What a frame is of that is kept.
    pub(super) fn decode(&self, frame: &[u8], with: With<'_>) -> io::Result<String> {
        self.decoders.decode(&codec::whole(frame), with)
    }

    /// Its kind in small letters, as in `pod`.
    pub(super) fn kind_word(&self) -> String {
        <K as Resource>::kind(&self.kind).to_lowercase()
    }

    /// An object of this namespace and name in words.
    pub(super) fn words(&self, names: (Option<&str>, &str)) -> String {
        let kind = self.kind_word();
        match names {
            (Some(namespace), name) => format!("{kind} {namespace}/{name}"),
            (None, name) => format!("{kind} {name}"),
        }
    }
}
