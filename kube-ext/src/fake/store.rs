//! The objects of a cluster, and what happened to them.
//!
//! Objects are kept as the JSON that goes out, without `apiVersion` and `kind`, which depend on the version that is asked
//! for. Every write has a version of its own; the writes since the last compaction are kept, so that a watch can start
//! from any of them and a list can be continued as it was.
use std::{
    cmp::Ordering,
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{kinds::Kind, selector};

/// Which object: its storage (`pods`, `deployments.apps`), namespace (empty for none) and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) resource: Arc<str>,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// The order of keys in etcd, `/registry/RESOURCE/NAMESPACE/NAME`: `team-a` comes before `team`, because `-` comes before
/// `/`.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let resources = self.resource.cmp(&other.resource);
        resources
            .then_with(|| self.namespace.bytes().chain([b'/']).cmp(other.namespace.bytes().chain([b'/'])))
            .then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An object as it was after one write.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: Key,
    /// The version of the write.
    pub(crate) version: u64,
    /// The object without `apiVersion` and `kind`.
    pub(crate) json: Bytes,
    pub(crate) labels: BTreeMap<String, String>,
    /// What field selectors can ask for, beside name and namespace.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) uid: String,
    /// The uids of its owners.
    pub(crate) owners: Vec<String>,
}

impl Stored {
    /// An object at a version; 0 is that of an object that is not kept.
    pub(crate) fn new(kind: &Kind, key: Key, version: u64, mut object: Value) -> Self {
        if let Some(object) = object.as_object_mut() {
            object.remove("apiVersion");
            object.remove("kind");
            if let Some(metadata) = object.entry("metadata").or_insert_with(|| json!({})).as_object_mut() {
                match version {
                    0 => metadata.remove("resourceVersion"),
                    version => metadata.insert("resourceVersion".to_owned(), version.to_string().into()),
                };
            }
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        Self {
            key,
            version,
            labels: labels
                .into_iter()
                .flatten()
                .map(|(label, value)| (label.clone(), text(Some(value))))
                .collect(),
            fields: selector::fields(kind, &object),
            uid: text(object.pointer("/metadata/uid")),
            owners: owners.into_iter().flatten().map(|owner| text(owner.get("uid"))).collect(),
            json: object.to_string().into(),
        }
    }

    /// The object without `apiVersion` and `kind`, as a tree.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}

/// A write: what was there before, what is there now.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) version: u64,
    /// Nothing if the object was created.
    pub(crate) before: Option<Arc<Stored>>,
    /// The object; if it was deleted, as it was last, with the version of the deletion.
    pub(crate) object: Arc<Stored>,
    pub(crate) deleted: bool,
}

/// A version that the store no longer remembers; `oldest` is the first that it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compacted {
    pub(crate) oldest: u64,
}

/// All objects of a cluster.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    written: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Arc<Stored>>,
    /// In order of their versions, all greater than `compacted`.
    history: VecDeque<Event>,
    history_bytes: usize,
    history_limit: usize,
    compacted: u64,
    random: fastrand::Rng,
}

impl Store {
    /// An empty store that remembers writes of `history_limit` bytes.
    pub(crate) fn new(history_limit: usize, seed: u64) -> Self {
        let state = State {
            version: 1,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            history_bytes: 0,
            history_limit,
            compacted: 0,
            random: fastrand::Rng::with_seed(seed),
        };
        Self { state: Mutex::new(state), written: watch::Sender::new(1) }
    }

    /// The version of the last write.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Wakes up at every write.
    pub(crate) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.lock().objects.get(key).cloned()
    }

    /// The objects of a resource, of one namespace or of all, in order, now or as they were at a version; and that version.
    pub(crate) fn list(
        &self,
        resource: &Arc<str>,
        namespace: Option<&str>,
        at: Option<u64>,
    ) -> Result<(u64, Vec<Arc<Stored>>), Compacted> {
        let state = self.lock();
        let objects = state.range(resource, namespace).cloned();
        let Some(at) = at.filter(|at| *at < state.version) else {
            return Ok((state.version, objects.collect()));
        };
        if at < state.compacted {
            return Err(Compacted { oldest: state.compacted });
        }
        let mut found: BTreeMap<_, _> = objects.map(|stored| (stored.key.clone(), stored)).collect();
        // Take the later writes back, the last one first.
        for event in state.history.iter().rev().take_while(|event| event.version > at) {
            let key = &event.object.key;
            if key.resource != *resource || namespace.is_some_and(|namespace| namespace != key.namespace) {
                continue;
            }
            match &event.before {
                Some(before) => found.insert(key.clone(), before.clone()),
                None => found.remove(key),
            };
        }
        Ok((at, found.into_values().collect()))
    }

    /// The first writes to a resource after a version, at most `limit` of them, and the version up to which these are all.
    pub(crate) fn events_after(
        &self,
        resource: &Arc<str>,
        namespace: Option<&str>,
        version: u64,
        limit: usize,
    ) -> Result<(u64, Vec<Event>), Compacted> {
        let state = self.lock();
        if version < state.compacted {
            return Err(Compacted { oldest: state.compacted });
        }
        let from = state.history.partition_point(|event| event.version <= version);
        let events = state.history.range(from..).filter(|event| {
            let key = &event.object.key;
            key.resource == *resource && namespace.is_none_or(|namespace| namespace == key.namespace)
        });
        let events: Vec<_> = events.take(limit).cloned().collect();
        let all_up_to =
            events.last().filter(|_| events.len() == limit).map_or(state.version, |last| last.version);
        Ok((all_up_to, events))
    }

    /// Forgets all writes so far: only a watch from the present version can go on.
    pub(crate) fn compact(&self) {
        let mut state = self.lock();
        state.history.clear();
        state.history_bytes = 0;
        state.compacted = state.version;
        drop(state);
        self.written.send_modify(|_| {});
    }

    /// Runs reads and writes that nobody comes between. An error does not take back what was written before it.
    pub(crate) fn transaction<T>(&self, run: impl FnOnce(&mut Transaction<'_>) -> T) -> T {
        let mut transaction = Transaction { state: self.lock() };
        let result = run(&mut transaction);
        let version = transaction.state.version;
        drop(transaction);
        self.written.send_if_modified(|last| std::mem::replace(last, version) != version);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a test's closure leaves the objects whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn range(&self, resource: &str, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Stored>> {
        let first = Key {
            resource: resource.into(),
            namespace: namespace.unwrap_or_default().to_owned(),
            name: String::new(),
        };
        self.objects
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(key, _)| {
                *key.resource == *resource && namespace.is_none_or(|namespace| namespace == key.namespace)
            })
            .map(|(_, stored)| stored)
    }

    fn record(&mut self, event: Event) {
        self.history_bytes += event.object.json.len();
        self.history.push_back(event);
        while self.history_bytes > self.history_limit {
            let Some(event) = self.history.pop_front() else { break };
            self.history_bytes -= event.object.json.len();
            self.compacted = event.version;
        }
    }
}

/// Reads and writes of one [`Store::transaction`].
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    state: MutexGuard<'a, State>,
}

impl Transaction<'_> {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.state.objects.get(key).cloned()
    }

    /// The objects of a resource, of one namespace or of all, in order.
    pub(crate) fn list(&self, resource: &Arc<str>, namespace: Option<&str>) -> Vec<Arc<Stored>> {
        self.state.range(resource, namespace).cloned().collect()
    }

    /// All objects of a namespace, whatever their kind.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<Arc<Stored>> {
        self.find(|stored| stored.key.namespace == namespace)
    }

    /// All objects, whatever their kind, that are like this.
    pub(crate) fn find(&self, like: impl Fn(&Stored) -> bool) -> Vec<Arc<Stored>> {
        self.state.objects.values().filter(|stored| like(stored)).cloned().collect()
    }

    /// Creates or replaces an object, and gives it the version of this write.
    pub(crate) fn put(&mut self, kind: &Kind, key: Key, object: Value) -> Arc<Stored> {
        let stored = self.store(kind, key.clone(), object);
        let before = self.state.objects.insert(key, stored.clone());
        self.state.record(Event { version: stored.version, before, object: stored.clone(), deleted: false });
        stored
    }

    /// Takes an object away. `object` is what it was last; it gets the version of this write.
    pub(crate) fn remove(&mut self, kind: &Kind, key: &Key, object: Value) -> Arc<Stored> {
        let before = self.state.objects.remove(key);
        let stored = self.store(kind, key.clone(), object);
        self.state.record(Event { version: stored.version, before, object: stored.clone(), deleted: true });
        stored
    }

    /// A uid that no other object of this cluster has.
    pub(crate) fn uid(&mut self) -> String {
        let random = self.state.random.u128(..);
        // The bits that mark it as version 4, variant 1 (RFC 9562).
        let uid = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let hex = format!("{uid:032x}");
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        parts.map(|(from, to)| hex.get(from..to).unwrap_or_default()).join("-")
    }

    /// What the server puts after a `generateName`: five characters that spell no words.
    pub(crate) fn suffix(&mut self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5).filter_map(|_| self.state.random.choice(ALPHABET)).map(|letter| char::from(*letter)).collect()
    }

    fn store(&mut self, kind: &Kind, key: Key, object: Value) -> Arc<Stored> {
        self.state.version += 1;
        Arc::new(Stored::new(kind, key, self.state.version, object))
    }
}
