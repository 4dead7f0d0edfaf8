//! How a writer packs objects: with which dictionary, beside which siblings, and when all are packed anew.

use std::io;

use kube::Resource;

use super::{
    block::{self, Packing},
    codec::{self, Encoder},
    dictionaries::{self, Decoding, FEWEST, Fit, NUMBERS, SAMPLE},
    shared::{Found, Shared},
    siblings::{Outcome, Role, Siblings},
};
use crate::store::key;

/// So many objects are packed anew when a dictionary is trained.
const AT_ONCE: usize = 256;

/// And so many with each later write, until none needs the old one.
const WITH_A_WRITE: usize = 2;

/// Packs the objects of a store.
#[derive(Default)]
pub(super) struct Packer {
    encoder: Encoder,
    /// The number of the dictionary that objects are packed with.
    number: u8,
    fit: Fit,
    /// How many objects, and bases of others, are packed with the dictionary of each number.
    counts: [usize; NUMBERS],
    /// Where those of an old one are looked for next.
    cursor: Cursor,
    siblings: Siblings,
}

/// How an object is packed that comes into the store, and what it is for others there.
#[derive(Clone, Copy)]
pub(super) struct Place {
    packing: Packing,
    role: Role,
}

#[derive(Clone, Copy, Debug)]
enum Cursor {
    Objects(u32),
    Bases(u32),
}

impl Default for Cursor {
    fn default() -> Self {
        Self::Objects(0)
    }
}

impl Packer {
    /// A block of an object. Once it is in the store, [`entered`](Packer::entered) is to be told so.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(super) fn pack<K: Resource, R>(
        &mut self,
        shared: &Shared<K, R>,
        key: &[u8],
        json: &str,
    ) -> io::Result<(Box<[u8]>, Place)> {
        let (owner, role) = match self.siblings.pack(shared, key, json) {
            Outcome::Packed(base, frame) => {
                let packing = Packing::Base(base);
                return Ok((block::write(key, packing, &frame), Place { packing, role: Role::Nothing }));
            }
            Outcome::Alone(owner, role) => (owner, role),
        };
        let frame = self.encoder.encode(json)?;
        self.fit.note(json.len(), frame.len());
        let packing = Packing::Dictionary { number: self.number, owner };
        Ok((block::write(key, packing, frame), Place { packing, role }))
    }

    /// Whether this is in the store, and would not be smaller if it were packed anew: with the dictionary of now, or with a base.
    pub(super) fn has<K: Resource, R>(&mut self, shared: &Shared<K, R>, key: &[u8], json: &str) -> bool {
        let found = {
            let state = shared.read();
            let slot = state.table.find(key);
            slot.and_then(|slot| Some(state.found(slot, state.table.at(slot)?)))
        };
        let Some(found) = found else { return false };
        let (packing, frame) = block::read(&found.block);
        if codec::length(&codec::whole(frame)) != Some(json.len()) {
            return false;
        }
        let kept = match packing {
            Packing::Dictionary { number, .. } if number != self.number => return false,
            // It came before its siblings had one, or while they had another.
            Packing::Dictionary { owner: Some(owner), .. } if self.siblings.have_base(owner) => return false,
            Packing::Dictionary { .. } => shared.json(&found),
            Packing::Base(base) => self.siblings.json(shared, base, frame),
        };
        kept.is_ok_and(|kept| kept == json)
    }

    /// An object is in this slot now, and what was there before is not.
    pub(super) fn entered<K: Resource, R>(
        &mut self,
        shared: &Shared<K, R>,
        slot: u32,
        place: Place,
        old: Option<&[u8]>,
    ) {
        match place.packing {
            Packing::Dictionary { number, .. } => self.count(number, 1),
            Packing::Base(base) => shared.use_base(base),
        }
        if let Some(old) = old {
            self.left(shared, slot, old);
        }
        if let Packing::Dictionary { owner: Some(owner), .. } = place.packing {
            self.siblings.entered(owner, slot, place.role);
        }
    }

    /// What was in this slot is there no more.
    pub(super) fn left<K: Resource, R>(&mut self, shared: &Shared<K, R>, slot: u32, old: &[u8]) {
        match block::read(old).0 {
            Packing::Dictionary { number, owner } => {
                self.count(number, -1);
                if let Some(owner) = owner {
                    self.siblings.left(owner, slot);
                }
            }
            Packing::Base(base) => {
                if let Some(freed) = shared.leave_base(base) {
                    self.count(freed.dictionary, -1);
                    self.siblings.freed(base, freed.owner);
                }
            }
        }
        self.free_dictionaries(shared);
    }

    /// A list is whole: nothing is left without a dictionary.
    pub(super) fn list_ended<K: Resource, R>(&mut self, shared: &Shared<K, R>) {
        if self.fit.lacks_one() {
            self.train(shared);
        }
        self.tidy(shared);
    }

    /// Sees to it that the dictionary fits, and that all objects are packed with it in the end.
    pub(super) fn tidy<K: Resource, R>(&mut self, shared: &Shared<K, R>) {
        if self.old() > 0 {
            self.repack(shared, WITH_A_WRITE);
        } else {
            let objects = shared.read().table.len();
            if self.fit.is_due(objects) {
                self.train(shared);
            }
        }
    }

    fn count(&mut self, number: u8, change: isize) {
        if let Some(count) = self.counts.get_mut(usize::from(number)) {
            *count = count.saturating_add_signed(change);
        }
    }

    /// How many are packed with another dictionary than the current one.
    fn old(&self) -> usize {
        let current = self.counts.get(usize::from(self.number)).copied().unwrap_or(0);
        self.counts.iter().sum::<usize>().saturating_sub(current)
    }

    fn train<K: Resource, R>(&mut self, shared: &Shared<K, R>) {
        let objects = shared.read().table.len();
        if objects < FEWEST {
            return;
        }
        // Without memory for another one there is the one that there was.
        let Ok(Some(trained)) = dictionaries::train(&samples(shared, objects), &mut self.encoder) else {
            return self.fit.tried(objects, None);
        };
        self.fit.tried(objects, Some(trained.sizes));
        self.number = if self.number == 1 { 2 } else { 1 };
        self.encoder = trained.encoder;
        if let Some(place) = shared.write().dictionaries.get_mut(usize::from(self.number)) {
            *place = Some(trained.decoding);
        }
        self.repack(shared, AT_ONCE);
    }

    /// Packs some of what is packed with other dictionaries with the current one.
    fn repack<K: Resource, R>(&mut self, shared: &Shared<K, R>, mut objects: usize) {
        // Most of those in between are packed with it already.
        let mut steps = objects * 16;
        while objects > 0 && steps > 0 && self.old() > 0 {
            steps -= 1;
            // One that cannot be read is no smaller for it, and whoever asks for it is told so.
            if self.repack_next(shared).unwrap_or(true) {
                objects -= 1;
            }
        }
        self.free_dictionaries(shared);
    }

    /// Frees a dictionary that nothing needs any more.
    fn free_dictionaries<K: Resource, R>(&mut self, shared: &Shared<K, R>) {
        let current = usize::from(self.number);
        let is_old = |(number, place): (usize, &Option<Decoding>)| number != current && place.is_some();
        if self.old() == 0 && shared.read().dictionaries.iter().enumerate().any(is_old) {
            for (number, place) in shared.write().dictionaries.iter_mut().enumerate() {
                if number != current {
                    *place = None;
                }
            }
        }
    }

    /// Looks at what the cursor is at. Whether that had to be packed.
    fn repack_next<K: Resource, R>(&mut self, shared: &Shared<K, R>) -> io::Result<bool> {
        match self.cursor {
            Cursor::Objects(from) => {
                let found = {
                    let state = shared.read();
                    state.table.from(from).map(|(slot, entry)| state.found(slot, entry))
                };
                let Some(found) = found else {
                    self.cursor = Cursor::Bases(0);
                    return Ok(false);
                };
                self.cursor = Cursor::Objects(found.slot.saturating_add(1));
                self.repack_object(shared, &found)
            }
            Cursor::Bases(base) => {
                let (is_end, dictionary) = {
                    let bases = &shared.read().bases;
                    let dictionary = bases.get(base as usize).map(|base| base.dictionary);
                    (base as usize >= bases.capacity(), dictionary)
                };
                self.cursor = if is_end { Cursor::Objects(0) } else { Cursor::Bases(base + 1) };
                match dictionary {
                    Some(dictionary) if dictionary != self.number => {
                        self.repack_base(shared, base, dictionary).map(|()| true)
                    }
                    _ => Ok(false),
                }
            }
        }
    }

    fn repack_object<K: Resource, R>(&mut self, shared: &Shared<K, R>, found: &Found) -> io::Result<bool> {
        let Packing::Dictionary { number, owner } = block::read(&found.block).0 else { return Ok(false) };
        if number == self.number {
            return Ok(false);
        }
        let json = shared.json(found)?;
        let packing = Packing::Dictionary { number: self.number, owner };
        let block = block::write(key::split(&found.block).0, packing, self.encoder.encode(&json)?);
        shared.write().table.replace_block(found.slot, block);
        self.count(number, -1);
        self.count(self.number, 1);
        Ok(true)
    }

    fn repack_base<K: Resource, R>(
        &mut self,
        shared: &Shared<K, R>,
        base: u32,
        dictionary: u8,
    ) -> io::Result<()> {
        let text = shared.base(base)?;
        let frame = self.encoder.encode(&text)?.into();
        if let Some(base) = shared.write().bases.get_mut(base as usize) {
            (base.frame, base.dictionary) = (frame, self.number);
        }
        self.count(dictionary, -1);
        self.count(self.number, 1);
        Ok(())
    }
}

/// Some of so many objects, from all over the table.
fn samples<K: Resource, R>(shared: &Shared<K, R>, objects: usize) -> Vec<String> {
    let (mut samples, mut bytes) = (Vec::new(), 0);
    let mut step = 1;
    let mut next = 0;
    loop {
        let found = {
            let state = shared.read();
            state.table.from(next).map(|(slot, entry)| state.found(slot, entry))
        };
        let Some(found) = found else { return samples };
        if let Ok(json) = shared.json(&found) {
            if samples.is_empty() {
                // If the others are of about this size.
                let fit = (SAMPLE / json.len().max(1)).max(1);
                step = u32::try_from(objects / fit).unwrap_or(u32::MAX).max(1);
            }
            bytes += json.len();
            samples.push(json);
        }
        if bytes >= SAMPLE {
            return samples;
        }
        next = found.slot.saturating_add(step);
    }
}

#[cfg(test)]
impl Packer {
    pub(super) fn counts(&self) -> [usize; NUMBERS] {
        self.counts
    }

    pub(super) fn siblings(&self) -> &Siblings {
        &self.siblings
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::{reflector::ObjectRef, watcher::Event};

    use super::*;
    use crate::store::compact::{CompactStore, CompactWriter, Raw, compact};

    const NAMES: u32 = 400;

    fn object(number: u32, shape: &str) -> Raw<ConfigMap> {
        let mut data = String::new();
        for line in 0..30 {
            let value = number.wrapping_mul(2_654_435_761).wrapping_add(line * 40_503);
            let _ = write!(data, r#""{shape}.setting-{line}-of-{shape}":"{value:x}","#);
        }
        let name = number % NAMES;
        Raw::from_json(&format!(
            r#"{{"metadata":{{"name":"map-{name}","namespace":"default"}},"data":{{{data}"a":"b"}}}}"#
        ))
        .unwrap()
    }

    fn write(writer: &mut CompactWriter<ConfigMap>, numbers: std::ops::Range<u32>, shape: &str) {
        for number in numbers {
            writer.apply_watcher_event(Event::Apply(object(number, shape))).unwrap();
            assert_eq!(writer.packer.counts.iter().sum::<usize>(), writer.shared.read().table.len());
        }
    }

    fn dictionaries(writer: &CompactWriter<ConfigMap>) -> usize {
        writer.shared.read().dictionaries.iter().flatten().count()
    }

    fn packed(store: &CompactStore<ConfigMap>) -> usize {
        store.shared.read().table.entries().map(|entry| entry.block.len()).sum()
    }

    /// One is trained on the first objects, another when they have changed, and the old one is freed.
    #[test]
    fn dictionaries_follow_the_objects() {
        let (store, mut writer) = compact::<ConfigMap>();
        write(&mut writer, 0..100, "a");
        assert_eq!((writer.packer.number, dictionaries(&writer)), (0, 0));
        let plain = packed(&store) / 100;
        write(&mut writer, 100..2000, "a");
        let first = writer.packer.number;
        assert_eq!((writer.packer.old(), dictionaries(&writer)), (0, 1));
        let with_it = packed(&store) / NAMES as usize;
        assert!(with_it * 4 < plain * 3, "{with_it} bytes instead of {plain}");

        let mut number = 2000;
        while writer.packer.number == first {
            write(&mut writer, number..number + 1, "something.quite.different");
            number += 1;
            assert!(number < 10_000, "no other dictionary");
        }
        assert!(writer.packer.counts.iter().sum::<usize>() == NAMES as usize);
        write(&mut writer, number..number + NAMES, "something.quite.different");
        assert_eq!((writer.packer.old(), dictionaries(&writer)), (0, 1));
        let with_another = packed(&store) / NAMES as usize;
        assert!(with_another < with_it * 2, "{with_another} bytes, {with_it} before");
        for number in number..number + NAMES {
            let expected = object(number, "something.quite.different");
            let name = ObjectRef::new(&format!("map-{}", number % NAMES));
            assert_eq!(store.get_json(&name.within("default")).unwrap().as_deref(), Some(expected.json()));
        }
    }

    /// The last object that needs an old dictionary may as well be deleted.
    #[test]
    fn a_dictionary_goes_with_its_last_object() {
        let (_, mut writer) = compact::<ConfigMap>();
        write(&mut writer, 0..NAMES, "a");
        writer.apply_watcher_event(Event::InitDone).unwrap();
        let (first, mut number) = (writer.packer.number, NAMES);
        while writer.packer.number == first {
            write(&mut writer, number..number + 1, "something.quite.different");
            number += 1;
            assert!(number < 10_000, "no other dictionary");
        }
        assert_eq!(dictionaries(&writer), 2);
        // A delete packs nothing anew.
        for number in 0..NAMES {
            assert!(dictionaries(&writer) == 2 || writer.packer.old() == 0);
            writer.apply_watcher_event(Event::Delete(object(number, "a"))).unwrap();
        }
        assert_eq!(dictionaries(&writer), 1);
    }

    /// A short list has its dictionary when it is whole, and nothing is left without it.
    #[test]
    fn a_short_list_has_one() {
        let (store, mut writer) = compact::<ConfigMap>();
        writer.apply_watcher_event(Event::Init).unwrap();
        for number in 0..50 {
            writer.apply_watcher_event(Event::InitApply(object(number, "a"))).unwrap();
        }
        let plain = packed(&store);
        writer.apply_watcher_event(Event::InitDone).unwrap();
        assert_eq!((writer.packer.number, writer.packer.counts), (1, [0, 50, 0]));
        assert!(packed(&store) * 4 < plain * 3, "{} of {plain}", packed(&store));
    }

    /// What is there as it is is not packed again, whatever else is.
    #[test]
    fn the_same_again_is_left_alone() {
        let (store, mut writer) = compact::<ConfigMap>();
        write(&mut writer, 0..2000, "a");
        let block = || {
            let state = store.shared.read();
            state.table.at(0).map(|entry| entry.block.as_ptr())
        };
        let (before, fit) = (block(), format!("{:?}", writer.packer.fit));
        let first = store.get_json(&store.keys()[0]).unwrap().unwrap();
        writer.apply_watcher_event(Event::Apply(Raw::from_json(&first).unwrap())).unwrap();
        assert_eq!((block(), format!("{:?}", writer.packer.fit)), (before, fit));
        // One space makes it another.
        writer
            .apply_watcher_event(Event::Apply(Raw::from_json(&first.replace("{\"m", "{ \"m")).unwrap()))
            .unwrap();
        assert_eq!(store.get_json(&store.keys()[0]).unwrap().unwrap(), first.replace("{\"m", "{ \"m"));
    }

    /// Samples are from all over the table, and of a bounded size.
    #[test]
    fn samples_are_bounded() {
        let (_, mut writer) = compact::<ConfigMap>();
        write(&mut writer, 0..NAMES, "a");
        assert_eq!(samples(&writer.shared, NAMES as usize).len(), NAMES as usize);
        let large = "x".repeat(SAMPLE / 8);
        for number in 0..100 {
            let json = format!(r#"{{"metadata":{{"name":"large-{number}"}},"data":{{"a":"{large}"}}}}"#);
            writer.apply_watcher_event(Event::Apply(Raw::from_json(&json).unwrap())).unwrap();
        }
        let bytes: usize = samples(&writer.shared, NAMES as usize + 100).iter().map(String::len).sum();
        assert!(bytes < SAMPLE + SAMPLE / 4, "{bytes}");
    }
}
