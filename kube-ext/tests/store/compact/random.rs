//! Random events, for kube's own store and for the packed one: both have the same whenever no list is under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
};

use fastrand::Rng;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Resource,
    api::DynamicObject,
    core::ApiResource,
    runtime::{
        reflector::{ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use kube_ext::store::{CompactStore, CompactWriter, Raw, RowStore, RowsOnly, map_event};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

const RUNS: u64 = 40;
const STEPS: usize = 60;

/// What is kept beside an object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Row {
    metadata: Metadata,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Metadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Row {
    fn of(json: &Value) -> Self {
        serde_json::from_value(json.clone()).unwrap()
    }

    fn app(&self) -> Option<&str> {
        self.metadata.labels.get("app").map(String::as_str)
    }
}

type Key = (Option<String>, String);

/// A server that is watched badly.
struct World {
    rng: Rng,
    version: usize,
    is_namespaced: bool,
    objects: BTreeMap<Key, Value>,
}

impl World {
    /// Something happens to an object, of few names, so that they come again.
    fn change(&mut self) -> Event<Value> {
        self.version += 1;
        let namespace = self.is_namespaced.then(|| format!("space-{}", self.rng.u8(..2)));
        let number = self.rng.u8(..8);
        // The longest name that the server allows is among them.
        let name = if number == 0 { "n".repeat(253) } else { format!("name-{number}") };
        let key = (namespace, name);
        if self.objects.contains_key(&key) && self.rng.u8(..5) < 2 {
            let mut gone = self.objects.remove(&key).unwrap();
            // As a watch has it, the version is that of the deletion.
            gone["metadata"]["resourceVersion"] = json!(self.version.to_string());
            return Event::Delete(gone);
        }
        let uid = self.objects.get(&key).map(|it| it["metadata"]["uid"].clone());
        let uid = uid.unwrap_or_else(|| json!(format!("uid-{}", self.version)));
        let labels: BTreeMap<_, _> =
            ["app", "tier", "zone"].map(|label| (label, self.rng.u8(..3).to_string())).into();
        // Siblings are packed together, and those without an owner alone.
        let owners: Vec<_> = (1..self.rng.u8(..4))
            .map(|owner| json!({"apiVersion": "v1", "kind": "Set", "name": "set", "uid": format!("owner-{owner}"), "controller": owner == 2}))
            .collect();
        let object = json!({
            "metadata": {
                "namespace": key.0, "name": key.1, "uid": uid, "resourceVersion": self.version.to_string(), "labels": labels,
                "ownerReferences": owners,
            },
            "spec": {"containers": [{"name": "app", "image": "x".repeat(self.rng.usize(..200))}]},
        });
        self.objects.insert(key, object.clone());
        Event::Apply(object)
    }
}

/// Stores that both events go to.
struct Both<K: Resource + Clone + 'static>
where
    K::DynamicType: Hash + Eq + Clone,
{
    kind: K::DynamicType,
    plain: (Store<K>, Writer<K>),
    packed: (CompactStore<K, Row>, CompactWriter<K, Row>),
    rows: (RowStore<K, Row>, CompactWriter<K, Row, RowsOnly>),
    history: Vec<String>,
    seed: u64,
}

impl<K> Both<K>
where
    K: Resource + Clone + std::fmt::Debug + PartialEq + DeserializeOwned + 'static,
    K::DynamicType: Hash + Eq + Clone,
{
    fn new(kind: &K::DynamicType, seed: u64) -> Self {
        let writer = Writer::new(kind.clone());
        let store = || {
            CompactStore::<K, Row>::builder()
                .index("app", |row: &Row, key| row.app().into_iter().for_each(key))
                .index("value", |row: &Row, key| row.metadata.labels.values().for_each(|value| key(value)))
        };
        let packed = store().cached(usize::try_from(seed % 3).unwrap() * 4).build_with(kind.clone());
        let rows = store().rows_only().build_with(kind.clone());
        let plain = (writer.as_reader(), writer);
        Self { kind: kind.clone(), plain, packed, rows, history: Vec::new(), seed }
    }

    fn feed(&mut self, event: &Event<Value>) {
        self.history.push(match event {
            Event::Apply(it) => format!("apply {}", it["metadata"]),
            Event::Delete(it) => format!("delete {}", it["metadata"]),
            Event::InitApply(it) => format!("init apply {}", it["metadata"]),
            Event::Init => "init".to_owned(),
            Event::InitDone => "done".to_owned(),
        });
        let typed = map_event(event.clone(), |json| serde_json::from_value(json).unwrap());
        self.plain.1.apply_watcher_event(&typed);
        let raw = map_event(event.clone(), |json| Raw::from_json(&json.to_string()).unwrap());
        self.rows.1.apply_watcher_event(raw.clone()).unwrap();
        self.packed.1.apply_watcher_event(raw).unwrap();
    }

    fn context(&self) -> String {
        format!("seed {}: {:#?}", self.seed, self.history)
    }

    fn name(&self, key: &Key) -> ObjectRef<K> {
        let name = ObjectRef::new_with(&key.1, self.kind.clone());
        match &key.0 {
            Some(namespace) => name.within(namespace),
            None => name,
        }
    }

    fn names(names: impl IntoIterator<Item = ObjectRef<K>>) -> BTreeSet<Key> {
        names.into_iter().map(|it| (it.namespace, it.name)).collect()
    }

    /// The packed store has what kube's has, and what the server has; its rows and indexes are what comes out of that.
    fn assert_equal(&self, world: &mut World) {
        let (plain, packed) = (&self.plain.0, &self.packed.0);
        assert_eq!(packed.len(), plain.len(), "{}", self.context());
        assert_eq!(packed.len(), world.objects.len(), "{}", self.context());
        for (key, json) in &world.objects {
            let name = self.name(key);
            assert!(packed.contains(&name), "{}", self.context());
            assert_eq!(packed.get(&name).unwrap(), plain.get(&name), "{}", self.context());
            assert_eq!(packed.get_json(&name).unwrap(), Some(json.to_string()), "{}", self.context());
        }
        let value = world.rng.u8(..4).to_string();
        self.assert_rows(packed, world, &value);
        self.assert_rows(&self.rows.0, world, &value);
        let mut all: Vec<_> = packed.objects().map(Result::unwrap).map(|it| it.meta().uid.clone()).collect();
        all.sort();
        let mut uids: Vec<_> = plain.state().iter().map(|it| it.meta().uid.clone()).collect();
        uids.sort();
        assert_eq!(all, uids, "{}", self.context());
    }

    /// Rows and indexes are what comes out of what the server has, whatever else is kept.
    fn assert_rows<O>(&self, store: &CompactStore<K, Row, O>, world: &World, value: &str) {
        assert_eq!(store.len(), world.objects.len(), "{}", self.context());
        assert_eq!(Self::names(store.keys()), world.objects.keys().cloned().collect(), "{}", self.context());
        let mut rows = BTreeMap::new();
        store.for_each_row(|namespace, name, row| {
            rows.insert((namespace.map(str::to_owned), name.to_owned()), row.clone());
        });
        let naive: BTreeMap<Key, Row> =
            world.objects.iter().map(|(key, json)| (key.clone(), Row::of(json))).collect();
        assert_eq!(rows, naive, "{}", self.context());
        for (key, row) in &naive {
            assert_eq!(store.row(&self.name(key)).as_ref(), Some(row), "{}", self.context());
        }
        let of = |is_it: &dyn Fn(&Row) -> bool| -> BTreeSet<Key> {
            naive.iter().filter(|it| is_it(it.1)).map(|it| it.0.clone()).collect()
        };
        let has_app = |row: &Row| row.app() == Some(value);
        let has_value = |row: &Row| row.metadata.labels.values().any(|it| *it == value);
        assert_eq!(Self::names(store.indexed("app", value).unwrap()), of(&has_app), "{}", self.context());
        let by_value = store.indexed("value", value).unwrap();
        assert_eq!(by_value.len(), of(&has_value).len(), "once each: {}", self.context());
        assert_eq!(Self::names(by_value), of(&has_value), "{}", self.context());
        assert_eq!(Self::names(store.find_all(has_app)), of(&has_app), "{}", self.context());
        assert_eq!(store.find(has_app).is_some(), !of(&has_app).is_empty(), "{}", self.context());
    }
}

/// Lists until a list is whole.
fn list<K>(world: &mut World, both: &mut Both<K>)
where
    K: Resource + Clone + std::fmt::Debug + PartialEq + DeserializeOwned + 'static,
    K::DynamicType: Hash + Eq + Clone,
{
    let mut throughout: BTreeSet<_> = Both::names(both.packed.0.keys());
    loop {
        both.feed(&Event::Init);
        if world.rng.u8(..20) == 0 {
            world.objects.clear();
        }
        let mut keys: Vec<_> = world.objects.keys().cloned().collect();
        world.rng.shuffle(&mut keys);
        throughout.retain(|key| world.objects.contains_key(key));
        let breaks_off = (world.rng.u8(..3) == 0).then(|| world.rng.usize(..=keys.len()));
        for key in keys.iter().take(breaks_off.unwrap_or(keys.len())) {
            both.feed(&Event::InitApply(world.objects[key].clone()));
            // Who reads meanwhile misses nothing that is there all the time, and finds what was listed.
            let now = Both::names(both.packed.0.keys());
            assert!(throughout.is_subset(&now), "{}", both.context());
            let listed = both.packed.0.get_json(&both.name(key)).unwrap();
            assert_eq!(listed, Some(world.objects[key].to_string()), "{}", both.context());
        }
        if breaks_off.is_none() {
            return both.feed(&Event::InitDone);
        }
        // What happens until the next try nobody sees.
        for _ in 0..world.rng.u8(..4) {
            world.change();
        }
    }
}

fn run<K>(kind: &K::DynamicType, is_namespaced: bool)
where
    K: Resource + Clone + std::fmt::Debug + PartialEq + DeserializeOwned + 'static,
    K::DynamicType: Hash + Eq + Clone,
{
    let mut compared = 0;
    for seed in 0..RUNS {
        let rng = Rng::with_seed(seed);
        let mut world = World { rng, version: 0, is_namespaced, objects: BTreeMap::new() };
        for _ in 0..world.rng.u8(..20) {
            world.change();
        }
        let mut both = Both::<K>::new(kind, seed);
        for step in 0..STEPS {
            match world.rng.u8(..12) {
                _ if step == 0 => list(&mut world, &mut both),
                0 => {
                    // The watch lost some changes: it is listed again.
                    for _ in 0..world.rng.u8(..12) {
                        world.change();
                    }
                    list(&mut world, &mut both);
                }
                1 => {
                    // It was deleted and created again, and nobody saw the first of these.
                    if let Some((_, object)) = world.objects.iter_mut().next() {
                        object["metadata"]["uid"] = json!(format!("again-{step}"));
                        let again = object.clone();
                        both.feed(&Event::Apply(again));
                    }
                }
                _ => {
                    let event = world.change();
                    both.feed(&event);
                }
            }
            both.assert_equal(&mut world);
            compared += both.packed.0.len();
        }
    }
    assert!(compared > 5_000, "{compared} objects are too few to say anything");
}

#[test]
fn typed() {
    run::<Pod>(&(), true);
}

/// Objects of the cluster, whose namespace is of no meaning.
#[test]
fn without_namespaces() {
    run::<DynamicObject>(&ApiResource::erase::<Node>(&()), false);
}

#[test]
fn dynamic() {
    run::<DynamicObject>(&ApiResource::erase::<Pod>(&()), true);
}

#[test]
fn a_namespace_of_a_cluster_object_is_of_no_meaning() {
    let (nodes, mut writer) = kube_ext::store::compact::<Node>();
    let node = Raw::from_json(r#"{"metadata": {"name": "node-1"}}"#).unwrap();
    writer.apply_watcher_event(Event::Apply(node)).unwrap();
    let name = ObjectRef::new("node-1").within("default");
    assert!(nodes.contains(&name) && nodes.get(&name).unwrap().is_some());
    assert!(nodes.get_json(&name).unwrap().is_some());
}
