//! What the readers of a store and its writer share.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kube::Resource;
use quick_cache::unsync::Cache;
use tokio::sync::watch;

use super::{
    codec::{self, Decoders},
    dictionaries::{Decoding, NUMBERS},
};
use crate::store::{
    index::Functions,
    key,
    table::{Entry, Table},
};

/// What is behind the lock.
pub(super) struct State<R> {
    pub(super) table: Table<R>,
    /// By number; there is none of number 0.
    pub(super) dictionaries: [Option<Decoding>; NUMBERS],
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

/// A block that begins with the key: a dictionary's number, and a frame.
pub(super) fn pack(key: &[u8], dictionary: u8, frame: &[u8]) -> Box<[u8]> {
    [key, &[dictionary], frame].concat().into()
}

/// The number of a block's dictionary, and its frame as it is kept.
pub(super) fn unpack(block: &[u8]) -> (u8, &[u8]) {
    key::split(block).1.split_first().map_or((0, &[]), |(number, frame)| (*number, frame))
}

/// An object as it was when it was looked up.
pub(super) struct Found {
    pub(super) block: Box<[u8]>,
    pub(super) slot: u32,
    dictionary: Option<Decoding>,
}

impl<R> State<R> {
    pub(super) fn found(&self, slot: u32, entry: &Entry<R>) -> Found {
        let number = usize::from(unpack(&entry.block).0);
        let dictionary = self.dictionaries.get(number).cloned().flatten();
        Found { block: entry.block.clone(), slot, dictionary }
    }
}

impl<K: Resource, R> Shared<K, R> {
    pub(super) fn new(
        kind: K::DynamicType,
        functions: Functions<R>,
        is_ready: watch::Receiver<bool>,
        cached: usize,
    ) -> Self {
        let state = State { table: Table::new(functions.files()), dictionaries: [const { None }; NUMBERS] };
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
        self.decoders.decode(&codec::whole(unpack(&found.block).1), found.dictionary.as_deref())
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
