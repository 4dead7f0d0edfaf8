//! Objects of one owner, such as the pods of a ReplicaSet: most of them is kept once, and of each what it differs by.
//!
//! The first of an owner is packed with the dictionary, as objects without an owner are. When the second is much like it, the first, as it is then,
//! becomes their base, and both are packed by what they differ from it. When objects have changed so much that they do not fit any more, another
//! takes its place; a base is freed with the last object that is packed with it.

use std::{collections::HashMap, io};

use ahash::RandomState;
use kube::Resource;

use super::{
    block::{self, Packing},
    codec::{Encoder, With},
    json,
    shared::{Base, Shared},
};
use crate::store::key;

/// Larger objects are not compared: it would take too much memory.
const LARGEST: usize = 64 << 10;

/// An object fits a base if it takes at most one of so many parts of what that takes.
const FITS: usize = 2;

/// When so many more have not fitted a base than have, the next that does not is a candidate. And when so many candidates in a row had nobody like
/// them, the last one stays, and none is tried until it changes or goes.
const MISSES: u8 = 4;

/// What is known of the objects of an owner.
#[derive(Clone, Copy)]
struct Group {
    at: At,
    misses: u8,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    /// The object in this slot may become their base.
    Candidate(u32),
    Base(u32),
}

/// How an object is to be packed.
pub(super) enum Outcome {
    /// With this base, and this is the frame.
    Packed(u32, Vec<u8>),
    /// With a dictionary. What its owner is known by, and what it is for others of that.
    Alone(Option<u32>, Role),
}

/// What an object is for others of its owner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    Nothing,
    /// The candidate, after so many in a row that nobody was like.
    Candidate(u8),
}

/// All owners of whom there is a base or a candidate.
#[derive(Default)]
pub(super) struct Siblings {
    hashes: RandomState,
    groups: HashMap<u32, Group>,
    comparison: Comparison,
}

/// What objects are compared with at the moment: those of one owner often come in a row.
#[derive(Default)]
struct Comparison {
    base: Option<u32>,
    text: String,
    is_loaded: bool,
    encoder: Encoder,
}

impl Comparison {
    fn begin(&mut self, base: Option<u32>, text: String) {
        (self.base, self.text, self.is_loaded) = (base, text, false);
    }

    /// What JSON differs by; what the text itself differs by if there is none.
    fn encode(&mut self, json: Option<&str>) -> io::Result<&[u8]> {
        if !self.is_loaded {
            self.encoder.compare_with(&self.text)?;
            self.is_loaded = true;
        }
        self.encoder.encode(json.unwrap_or(&self.text))
    }
}

impl Siblings {
    /// Packs an object by what it differs from others of its owner, if that is little.
    pub(super) fn pack<K: Resource, R>(&mut self, shared: &Shared<K, R>, key: &[u8], json: &str) -> Outcome {
        let owner = if json.len() > LARGEST { None } else { json::controller(json) };
        let Some(owner) = owner else { return Outcome::Alone(None, Role::Nothing) };
        // Owners of one hash are taken for one; their objects fit, or they do not.
        let [a, b, c, d, ..] = self.hashes.hash_one(owner).to_le_bytes();
        let owner = u32::from_le_bytes([a, b, c, d]);
        let alone = |role| Outcome::Alone(Some(owner), role);
        let Some(Group { at, misses }) = self.groups.get(&owner).copied() else {
            return alone(Role::Candidate(0));
        };
        match at {
            // It is alone, and nothing is in memory twice that is in its own past.
            At::Candidate(slot) if shared.read().table.find(key) == Some(slot) => alone(Role::Candidate(0)),
            At::Base(base) if shared.is_alone(base, key) => alone(Role::Candidate(0)),
            At::Candidate(_) if misses >= MISSES => alone(Role::Nothing),
            At::Candidate(slot) => match self.promote(shared, slot, owner, json) {
                Some((base, frame)) => Outcome::Packed(base, frame),
                None => alone(Role::Candidate(misses + 1)),
            },
            At::Base(base) => {
                if let Ok(Some(frame)) = self.compare(shared, base, json) {
                    self.groups.insert(owner, Group { at, misses: misses.saturating_sub(1) });
                    return Outcome::Packed(base, frame);
                }
                self.groups.insert(owner, Group { at, misses: misses.saturating_add(1) });
                alone(if misses >= MISSES { Role::Candidate(0) } else { Role::Nothing })
            }
        }
    }

    /// Whether there is a base for the objects of this owner.
    pub(super) fn have_base(&self, owner: u32) -> bool {
        self.groups.get(&owner).is_some_and(|group| matches!(group.at, At::Base(_)))
    }

    /// What an object differs from a base by, if it fits.
    fn compare<K: Resource, R>(
        &mut self,
        shared: &Shared<K, R>,
        base: u32,
        json: &str,
    ) -> io::Result<Option<Vec<u8>>> {
        self.text(shared, base)?;
        let frame = self.comparison.encode(Some(json))?;
        let size = shared.read().bases.get(base as usize).map_or(0, |base| base.frame.len());
        Ok(fits(frame, size).then(|| frame.to_vec()))
    }

    /// What a base is.
    fn text<K: Resource, R>(&mut self, shared: &Shared<K, R>, base: u32) -> io::Result<&str> {
        if self.comparison.base != Some(base) {
            self.comparison.begin(Some(base), shared.base(base)?);
        }
        Ok(&self.comparison.text)
    }

    /// Makes a base of the candidate in a slot, if this object fits it; and packs the object with that.
    fn promote<K: Resource, R>(
        &mut self,
        shared: &Shared<K, R>,
        slot: u32,
        owner: u32,
        json: &str,
    ) -> Option<(u32, Vec<u8>)> {
        let found = {
            let state = shared.read();
            state.found(slot, state.table.at(slot)?)
        };
        let (Packing::Dictionary { number, .. }, of_base) = block::read(&found.block) else { return None };
        self.comparison.begin(None, shared.json(&found).ok()?);
        let frame =
            self.comparison.encode(Some(json)).ok().filter(|frame| fits(frame, of_base.len()))?.to_vec();
        let base = Base { frame: of_base.into(), dictionary: number, owner, users: 1 };
        let of_candidate = self.comparison.encode(None).ok()?;
        let base = shared.add_base(base, slot, key::split(&found.block).0, of_candidate)?;
        self.comparison.base = Some(base);
        self.groups.insert(owner, Group { at: At::Base(base), misses: 0 });
        Some((base, frame))
    }

    /// The JSON of an object that is packed with a base.
    pub(super) fn json<K: Resource, R>(
        &mut self,
        shared: &Shared<K, R>,
        base: u32,
        frame: &[u8],
    ) -> io::Result<String> {
        shared.decode(frame, With::Text(self.text(shared, base)?))
    }

    /// An object of this owner is in this slot now, packed with a dictionary.
    pub(super) fn entered(&mut self, owner: u32, slot: u32, role: Role) {
        if let Role::Candidate(misses) = role {
            self.groups.insert(owner, Group { at: At::Candidate(slot), misses });
        }
    }

    /// And one that was is there no more.
    pub(super) fn left(&mut self, owner: u32, slot: u32) {
        self.forget(owner, At::Candidate(slot));
    }

    /// A base of this owner is no more, and the next one may have its number.
    pub(super) fn freed(&mut self, base: u32, owner: u32) {
        self.forget(owner, At::Base(base));
        if self.comparison.base == Some(base) {
            self.comparison.base = None;
        }
    }

    fn forget(&mut self, owner: u32, at: At) {
        if self.groups.get(&owner).is_some_and(|group| group.at == at) {
            self.groups.remove(&owner);
        }
    }
}

fn fits(frame: &[u8], base: usize) -> bool {
    frame.len() * FITS <= base
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Write as _};

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::{reflector::ObjectRef, watcher::Event};

    use super::*;
    use crate::store::compact::{CompactStore, CompactWriter, Raw, compact};

    /// Lines of JSON that no other seed has.
    fn lines(count: usize, seed: u64) -> String {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..count).fold(String::new(), |mut text, line| {
            let value: String = (0..24).map(|_| rng.alphanumeric()).collect();
            let _ = write!(text, r#","line-{line}-{}":"{value}""#, seed % 10);
            text
        })
    }

    /// An object of an owner: most is told by the template, a little is its own.
    fn object(name: &str, owner: Option<u64>, template: u64, own: u64, size: usize) -> Raw<ConfigMap> {
        let owner = owner.map_or(String::new(), |owner| {
            format!(
                r#","ownerReferences":[{{"apiVersion":"v1","kind":"Set","name":"set","uid":"uid-{owner}","controller":true}}]"#
            )
        });
        Raw::from_json(&format!(
            r#"{{"metadata":{{"name":"{name}"{owner}}},"data":{{"own":"{}"{}}}}}"#,
            lines(2, own).replace('"', "'"),
            lines(size, template),
        ))
        .unwrap()
    }

    /// What is counted and remembered is what is there.
    fn check(writer: &CompactWriter<ConfigMap>) {
        let state = writer.shared.read();
        let mut users = BTreeMap::<u32, u32>::new();
        let mut counts = [0; 3];
        for entry in state.table.entries() {
            match block::read(&entry.block).0 {
                Packing::Dictionary { number, .. } => counts[usize::from(number)] += 1,
                Packing::Base(base) => *users.entry(base).or_default() += 1,
            }
        }
        for (_, base) in &state.bases {
            counts[usize::from(base.dictionary)] += 1;
        }
        let kept = state.bases.iter().map(|(number, base)| (u32::try_from(number).unwrap(), base.users));
        assert_eq!(users, kept.collect());
        assert_eq!(writer.packer.counts(), counts);
        let siblings = writer.packer.siblings();
        for (owner, group) in &siblings.groups {
            match group.at {
                At::Candidate(slot) => {
                    let packing = block::read(&state.table.at(slot).unwrap().block).0;
                    assert!(
                        matches!(packing, Packing::Dictionary { owner: Some(of), .. } if of == *owner),
                        "{packing:?}"
                    );
                }
                At::Base(base) => assert_eq!(state.bases[base as usize].owner, *owner),
            }
        }
        drop(state);
        if let Some(base) = siblings.comparison.base {
            assert_eq!(writer.shared.base(base).unwrap(), siblings.comparison.text);
        }
    }

    fn packed(store: &CompactStore<ConfigMap>) -> usize {
        let state = store.shared.read();
        let bases = state.bases.iter().map(|(_, base)| base.frame.len());
        state.table.entries().map(|entry| entry.block.len()).chain(bases).sum()
    }

    fn put(writer: &mut CompactWriter<ConfigMap>, object: &Raw<ConfigMap>) {
        writer.apply_watcher_event(Event::Apply(object.clone())).unwrap();
        check(writer);
    }

    fn bases(store: &CompactStore<ConfigMap>) -> usize {
        store.shared.read().bases.len()
    }

    /// Whatever comes and goes, of many owners or of none, alike or not: everything is what was put there.
    #[test]
    fn whatever_comes_and_goes() {
        for seed in 0..4 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (store, mut writer) = compact::<ConfigMap>();
            let mut expected = BTreeMap::new();
            for round in 0..3000_u64 {
                let name = format!("name-{}", rng.u8(..120));
                let owner = Some(rng.u64(..12)).filter(|owner| *owner > 0);
                // Templates change now and then; those of some owners are always others, or too large.
                let template = match owner.unwrap_or_default() {
                    1 => round,
                    2 => rng.u64(..2),
                    of => of * 100 + round / 700,
                };
                let size = if owner == Some(3) && round % 50 == 0 { 2000 } else { 20 };
                let object = object(&name, owner, template, round, size);
                if rng.u8(..4) == 0 {
                    writer.apply_watcher_event(Event::Delete(object)).unwrap();
                    expected.remove(&name);
                } else {
                    // Some come once more as they are.
                    let object = expected.get(&name).filter(|_| rng.u8(..4) == 0).unwrap_or(&object).clone();
                    writer.apply_watcher_event(Event::Apply(object.clone())).unwrap();
                    expected.insert(name, object);
                }
                check(&writer);
                if round % 100 == 0 {
                    assert_eq!(store.len(), expected.len());
                    for (name, object) in &expected {
                        let json = store.get_json(&ObjectRef::new(name)).unwrap();
                        assert_eq!(json.as_deref(), Some(object.json()), "{name}");
                    }
                }
            }
            assert!(bases(&store) > 3);
            for object in expected.into_values() {
                writer.apply_watcher_event(Event::Delete(object)).unwrap();
                check(&writer);
            }
            assert!(store.is_empty());
            assert_eq!((bases(&store), writer.packer.siblings().groups.len()), (0, 0));
        }
    }

    /// Siblings take what they differ by, and what they have in common once.
    #[test]
    fn siblings_take_what_they_differ_by() {
        let (store, mut writer) = compact::<ConfigMap>();
        for number in 0..100 {
            put(&mut writer, &object(&format!("name-{number}"), Some(number % 10), number % 10, number, 40));
        }
        let (others, mut of_others) = compact::<ConfigMap>();
        for number in 0..100 {
            put(&mut of_others, &object(&format!("name-{number}"), None, number % 10, number, 40));
        }
        assert_eq!((bases(&store), bases(&others)), (10, 0));
        assert!(packed(&store) * 4 < packed(&others), "{} of {}", packed(&store), packed(&others));
    }

    /// What was a base is not kept when it fits no more.
    #[test]
    fn a_base_goes_with_the_objects_that_were_like_it() {
        let (store, mut writer) = compact::<ConfigMap>();
        for template in 0..5 {
            for number in 0..10 {
                put(&mut writer, &object(&format!("name-{number}"), Some(1), template, number, 40));
            }
            // A few of them are packed alone before it is seen that the others will not fit.
            for number in 0..10 {
                put(&mut writer, &object(&format!("name-{number}"), Some(1), template, number + 100, 40));
            }
            assert_eq!(bases(&store), 1);
        }
        let small = packed(&store);
        // One that is left alone needs none.
        for number in 1..10 {
            let gone = object(&format!("name-{number}"), Some(1), 0, 0, 1);
            writer.apply_watcher_event(Event::Delete(gone)).unwrap();
            check(&writer);
        }
        assert_eq!(bases(&store), 1);
        put(&mut writer, &object("name-0", Some(1), 4, 200, 40));
        assert_eq!(bases(&store), 0);
        assert!(packed(&store) < small);
    }

    /// Those that were packed alone, while it was not yet seen that others are like them, are not when a list has them again.
    #[test]
    fn a_list_finds_those_that_were_packed_alone() {
        let (store, mut writer) = compact::<ConfigMap>();
        let of = |template: u64, number: u64| {
            object(&format!("name-{number}"), Some(1), template, template * 100 + number, 40)
        };
        for template in 0..2 {
            (0..10).for_each(|number| put(&mut writer, &of(template, number)));
        }
        let (before, mut after) = (packed(&store), usize::MAX);
        for _ in 0..2 {
            writer.apply_watcher_event(Event::Init).unwrap();
            for number in 0..10 {
                writer.apply_watcher_event(Event::InitApply(of(1, number))).unwrap();
                check(&writer);
            }
            writer.apply_watcher_event(Event::InitDone).unwrap();
            // It is found once.
            assert!(packed(&store) == after || after == usize::MAX);
            after = packed(&store);
        }
        assert!(after * 2 < before, "{after} of {before}");
    }

    /// Those who are not alike take as much as strangers.
    #[test]
    fn siblings_that_are_not_alike() {
        let (store, mut writer) = compact::<ConfigMap>();
        for number in 0..100 {
            put(&mut writer, &object(&format!("name-{number}"), Some(1), number, number, 40));
        }
        assert_eq!(bases(&store), 0);
    }

    /// Bases are packed anew as objects are, and the old dictionary goes.
    #[test]
    fn bases_change_dictionaries() {
        let (store, mut writer) = compact::<ConfigMap>();
        for number in 0..400 {
            put(&mut writer, &object(&format!("name-{number}"), Some(number / 4), number / 4, number, 40));
        }
        writer.apply_watcher_event(Event::InitDone).unwrap();
        for number in 0..400 {
            put(
                &mut writer,
                &object(&format!("name-{number}"), Some(number / 4), number / 4, number + 1000, 40),
            );
        }
        let state = store.shared.read();
        // Of an owner that the dictionary has learned by heart, an object needs none.
        assert!(state.bases.len() > 90, "{} bases", state.bases.len());
        assert!(state.bases.iter().all(|(_, base)| base.dictionary > 0));
        assert_eq!(state.dictionaries.iter().flatten().count(), 1);
    }
}
