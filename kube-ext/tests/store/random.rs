//! Random events, for kube's store as it is and for one behind `relist`: both have the same whenever no list is under way.

use std::{collections::BTreeMap, hash::Hash};

use fastrand::Rng;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    api::DynamicObject,
    core::{ApiResource, PartialObjectMeta},
    runtime::{reflector::Lookup, watcher::Event},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{Contents, Fed, error, words};

const RUNS: u64 = 300;
const STEPS: usize = 60;

/// A server that is watched badly.
struct World {
    rng: Rng,
    version: usize,
    is_namespaced: bool,
    objects: BTreeMap<(Option<String>, String), (String, String)>,
}

impl World {
    fn object<K: DeserializeOwned>(&self, key: &(Option<String>, String)) -> K {
        let (uid, version) = &self.objects[key];
        serde_json::from_value(json!({
            "metadata": {"namespace": key.0, "name": key.1, "uid": uid, "resourceVersion": version},
        }))
        .unwrap()
    }

    /// Something happens to an object, of few names, so that they come again.
    fn change<K: DeserializeOwned>(&mut self) -> Event<K> {
        self.version += 1;
        let version = self.version.to_string();
        let namespace = self.is_namespaced.then(|| format!("space-{}", self.rng.u8(..2)));
        let key = (namespace, format!("name-{}", self.rng.u8(..8)));
        match self.objects.get_mut(&key) {
            Some(_) if self.rng.u8(..5) < 2 => {
                let gone = self.object(&key);
                self.objects.remove(&key);
                return Event::Delete(gone);
            }
            Some((_, of)) => *of = version,
            None => drop(self.objects.insert(key.clone(), (format!("uid-{version}"), version))),
        }
        Event::Apply(self.object(&key))
    }
}

/// A store that both events go to.
struct Both<K: Lookup + Clone + 'static>
where
    K::DynamicType: Hash + Eq + Clone,
{
    plain: Fed<K>,
    relisted: Fed<K>,
    history: Vec<String>,
    seed: u64,
}

impl<K: Lookup + Clone + Send + Sync + 'static> Both<K>
where
    K::DynamicType: Hash + Eq + Clone + Send + Sync,
{
    fn feed(&mut self, event: Option<Event<K>>) {
        let event = [event.ok_or_else(error)];
        self.history.extend(words(&event));
        let [event] = event;
        self.plain.feed(event.as_ref().map(Clone::clone).map_err(|_| error()));
        self.relisted.feed(event);
    }

    fn assert_equal(&self, a: &Contents, b: &Contents) {
        assert_eq!(a, b, "seed {}: {:#?}", self.seed, self.history);
    }
}

/// Lists until a list is whole.
fn list<K: Lookup + Clone + Send + Sync + DeserializeOwned + 'static>(world: &mut World, both: &mut Both<K>)
where
    K::DynamicType: Hash + Eq + Clone + Send + Sync,
{
    let before = both.relisted.contents();
    let mut throughout = before.clone();
    loop {
        both.feed(Some(Event::Init));
        if world.rng.u8(..20) == 0 {
            world.objects.clear();
        }
        let mut keys: Vec<_> = world.objects.keys().cloned().collect();
        world.rng.shuffle(&mut keys);
        throughout.retain(|key, _| world.objects.contains_key(key));
        let breaks_off = (world.rng.u8(..3) == 0).then(|| world.rng.usize(..=keys.len()));
        for key in keys.iter().take(breaks_off.unwrap_or(keys.len())) {
            both.feed(Some(Event::InitApply(world.object(key))));
            if world.rng.u8(..10) == 0 {
                both.feed(None);
            }
            // Who reads meanwhile misses nothing that is there all the time.
            let now = both.relisted.contents();
            assert!(
                throughout.keys().all(|key| now.contains_key(key)),
                "seed {}: {:#?}",
                both.seed,
                both.history
            );
        }
        if breaks_off.is_none() {
            both.feed(Some(Event::InitDone));
            return;
        }
        if world.rng.bool() {
            both.feed(None);
        }
        // What happens until the next try nobody sees.
        for _ in 0..world.rng.u8(..4) {
            world.change::<K>();
        }
    }
}

fn run<K>(kind: &K::DynamicType, is_namespaced: bool)
where
    K: Lookup + Clone + Send + Sync + DeserializeOwned + 'static,
    K::DynamicType: Hash + Eq + Clone + Send + Sync,
{
    let mut compared = 0;
    for seed in 0..RUNS {
        let rng = Rng::with_seed(seed);
        let mut world = World { rng, version: 0, is_namespaced, objects: BTreeMap::new() };
        for _ in 0..world.rng.u8(..20) {
            world.change::<K>();
        }
        let (plain, relisted) = (Fed::<K>::plain(kind.clone()), Fed::<K>::relisted(kind.clone()));
        let mut both = Both { plain, relisted, history: Vec::new(), seed };
        for step in 0..STEPS {
            match world.rng.u8(..12) {
                _ if step == 0 => list(&mut world, &mut both),
                0 => {
                    // The watch lost some changes: it is listed again.
                    for _ in 0..world.rng.u8(..12) {
                        world.change::<K>();
                    }
                    list(&mut world, &mut both);
                }
                1 => both.feed(None),
                _ => {
                    let event = world.change();
                    both.feed(Some(event));
                }
            }
            both.assert_equal(&both.relisted.contents(), &both.plain.contents());
            both.assert_equal(&both.relisted.contents(), &world.objects);
            compared += both.relisted.store.len();
        }
    }
    assert!(compared > 50_000, "{compared} objects are too few to say anything");
}

#[test]
fn typed() {
    run::<ConfigMap>(&(), true);
}

#[test]
fn without_namespaces() {
    run::<Namespace>(&(), false);
}

#[test]
fn metadata() {
    run::<PartialObjectMeta<ConfigMap>>(&(), true);
}

#[test]
fn dynamic() {
    run::<DynamicObject>(&ApiResource::erase::<ConfigMap>(&()), true);
}
