//! Who puts objects into a store.

use std::{fmt, io, marker::PhantomData, sync::Arc};

use kube::{Resource, runtime::watcher::Event};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{
    codec::{self, Encoder},
    dictionaries::{self, FEWEST, Fit, NUMBERS, SAMPLE},
    error::Error,
    json,
    raw::Raw,
    row::{Kept, NoRow, Whole},
    shared::{Shared, pack, unpack},
};
use crate::store::{key, seen::Seen, table::Entry};

/// So many objects are packed anew when a dictionary is trained.
const AT_ONCE: usize = 256;

/// And so many with each later write, until none needs the old one.
const WITH_A_WRITE: usize = 2;

/// Why something could not be done.
pub(super) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Fills a [`CompactStore`](super::CompactStore) from the events of a watch.
///
/// There is one for each store. Once it is dropped, the store keeps what it has, and who waits for its first list gets an error.
///
/// A list that comes again replaces objects one by one, as [`relist`](crate::store::WatchEventsExt::relist) has it: there is no second
/// copy, what is not listed is removed when the list is whole, and a list that breaks off removes nothing.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use futures::StreamExt;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, runtime::{WatchStreamExt, watcher}};
/// use kube_ext::store::{self, Raw};
///
/// let (pods, mut writer) = store::compact::<Pod>();
/// let mut events = watcher(Api::<Raw<Pod>>::all(client), watcher::Config::default()).default_backoff().boxed();
/// tokio::spawn(async move {
///     while let Some(event) = events.next().await {
///         // An event may be an error of the watch, which goes on; and an object may be one that cannot be kept.
///         let Ok(event) = event else { continue };
///         if let Err(error) = writer.apply_watcher_event(event) {
///             eprintln!("{error}");
///         }
///     }
/// });
///
/// pods.wait_until_ready().await?;
/// assert_eq!(pods.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CompactWriter<K: Resource, R = NoRow, O = Whole> {
    shared: Arc<Shared<K, R>>,
    kept: PhantomData<fn() -> O>,
    ready: watch::Sender<bool>,
    has_managed_fields: bool,
    /// What a list has had so far, while one is under way.
    seen: Option<Seen>,
    encoder: Encoder,
    /// The number of the dictionary that objects are packed with.
    number: u8,
    fit: Fit,
    /// How many objects are packed with the dictionary of each number.
    counts: [usize; NUMBERS],
    /// Where those of an old one are looked for next.
    cursor: u32,
}

impl<K: Resource, R, O> fmt::Debug for CompactWriter<K, R, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactWriter").field("is_listing", &self.seen.is_some()).finish_non_exhaustive()
    }
}

impl<K: Resource, R: DeserializeOwned, O: Kept> CompactWriter<K, R, O> {
    pub(super) fn new(
        shared: Arc<Shared<K, R>>,
        ready: watch::Sender<bool>,
        has_managed_fields: bool,
    ) -> Self {
        Self {
            shared,
            kept: PhantomData,
            ready,
            has_managed_fields,
            seen: None,
            encoder: Encoder::default(),
            number: 0,
            fit: Fit::default(),
            counts: [0; NUMBERS],
            cursor: 0,
        }
    }

    /// Does to the store what an event says.
    ///
    /// An object that is in the store as it is, byte for byte, is left alone.
    ///
    /// It takes some 65 µs for a pod of 12 KB on a busy machine. A dictionary is trained on the way, and packs up to 256 objects anew: that takes some 100
    /// ms, once after the first 512 KiB of JSON, and again when there are 32 times as many objects, or when what is written has
    /// changed so much that the old one no longer fits.
    ///
    /// # Errors
    /// [`Error::NoName`] and [`Error::Put`] for an object that cannot be kept: it has no name, its row cannot be read, or its name is longer
    /// than 65,535 bytes. The store keeps what it had of it, while and after a list too, and events that follow are taken as ever.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::runtime::watcher::Event;
    /// use kube_ext::store::{self, Raw};
    ///
    /// let (maps, mut writer) = store::compact::<ConfigMap>();
    /// let map = Raw::from_json(r#"{"metadata": {"name": "one"}}"#)?;
    /// writer.apply_watcher_event(Event::Apply(map.clone()))?;
    /// assert_eq!(maps.len(), 1);
    /// writer.apply_watcher_event(Event::Delete(map))?;
    /// assert!(maps.is_empty());
    /// # Ok::<(), store::CompactError>(())
    /// ```
    pub fn apply_watcher_event(&mut self, event: Event<Raw<K>>) -> Result<(), Error> {
        let names = |object: &Raw<K>| {
            let metadata = <Raw<K> as Resource>::meta(object);
            (metadata.namespace.clone(), metadata.name.clone())
        };
        self.take(event, names, |writer, key, object| writer.keep(key, object.json()))
    }

    /// Does what an event says. `names` has namespace and name of an object, and `keep` puts it into the store.
    pub(super) fn take<T>(
        &mut self,
        event: Event<T>,
        names: impl Fn(&T) -> (Option<String>, Option<String>),
        keep: impl FnOnce(&mut Self, &[u8], T) -> Result<(), Source>,
    ) -> Result<(), Error> {
        match event {
            Event::Init => {
                // Whatever list was under way has not come to its end; and what is put into an empty store is listed.
                let before = self.shared.read().table.len();
                self.seen = (before > 0).then(|| Seen::new(before));
                Ok(())
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let (namespace, name) = names(&object);
                // It is listed even if it cannot be kept: what there was before stays.
                if let Some(seen) = &mut self.seen {
                    seen.insert_named(namespace.as_deref(), name.as_deref());
                }
                let key = self.key(namespace.as_deref(), name.as_deref())?;
                let kept = keep(self, &key, object);
                kept.map_err(|source| Error::Put { object: self.shared.words(key::parts(&key)), source })
            }
            Event::Delete(object) => {
                let (namespace, name) = names(&object);
                let key = self.key(namespace.as_deref(), name.as_deref())?;
                let slot = self.shared.read().table.find(&key);
                if let Some(slot) = slot {
                    self.remove(slot);
                }
                Ok(())
            }
            Event::InitDone => {
                self.end_list();
                Ok(())
            }
        }
    }

    fn key(&self, namespace: Option<&str>, name: Option<&str>) -> Result<Vec<u8>, Error> {
        let name = name.ok_or_else(|| Error::NoName { kind: self.shared.kind_word() })?;
        key::encode(namespace, name).ok_or_else(|| Error::Put {
            object: self.shared.words((namespace, name)),
            source: "namespace or name is too long".into(),
        })
    }

    fn keep(&mut self, key: &[u8], json: &str) -> Result<(), Source> {
        let json = if self.has_managed_fields { json.into() } else { json::without_managed_fields(json)? };
        if O::IS_WHOLE && self.is_kept(key, &json) {
            return Ok(());
        }
        let row = R::deserialize(&mut serde_json::Deserializer::from_str(&json))?;
        if !O::IS_WHOLE {
            return self.file(key, key.into(), row).map(drop);
        }
        let frame = self.encoder.encode(&json)?;
        let packed = frame.len();
        let block = pack(key, self.number, frame);
        let old = self.file(key, block, row)?;
        self.count(self.number, 1);
        if let Some(old) = old {
            self.count(unpack(&old.block).0, -1);
        }
        self.fit.note(json.len(), packed);
        self.tidy();
        Ok(())
    }

    /// Puts a block and a row in the place of an object; what was there.
    pub(super) fn file(&mut self, key: &[u8], block: Box<[u8]>, row: R) -> Result<Option<Entry<R>>, Source> {
        let change = {
            let state = self.shared.read();
            let old = state.table.find(key).and_then(|slot| state.table.at(slot));
            self.shared.functions.change(old.map(|entry| &entry.row), Some(&row))
        };
        let mut cached = self.shared.cached();
        let put = self.shared.write().table.put(Entry { block, row }, &change);
        let (slot, old) = put.map_err(|_| "there are too many objects")?;
        if let Some(cached) = &mut *cached {
            cached.remove(&slot);
        }
        Ok(old)
    }

    /// Whether this is in the store, packed with what objects are packed with now.
    fn is_kept(&self, key: &[u8], json: &str) -> bool {
        let found = {
            let state = self.shared.read();
            let Some(slot) = state.table.find(key) else { return false };
            let Some(entry) = state.table.at(slot) else { return false };
            state.found(slot, entry)
        };
        let (number, frame) = unpack(&found.block);
        number == self.number
            && codec::length(&codec::whole(frame)) == Some(json.len())
            && self.shared.json(&found).is_ok_and(|kept| kept == json)
    }

    fn remove(&mut self, slot: u32) {
        let change = {
            let state = self.shared.read();
            self.shared.functions.change(state.table.at(slot).map(|entry| &entry.row), None)
        };
        let old = {
            let mut cached = self.shared.cached();
            if let Some(cached) = &mut *cached {
                cached.remove(&slot);
            }
            self.shared.write().table.remove(slot, &change)
        };
        if let Some(old) = old.filter(|_| O::IS_WHOLE) {
            self.count(unpack(&old.block).0, -1);
        }
    }

    fn end_list(&mut self) {
        if let Some(seen) = self.seen.take() {
            let missing = self.shared.read().table.missing(&seen.whole());
            for slot in missing {
                self.remove(slot);
            }
        }
        self.ready.send_replace(true);
        if !O::IS_WHOLE {
            return;
        }
        if self.fit.lacks_one() {
            self.train();
        }
        self.tidy();
    }

    fn count(&mut self, number: u8, change: isize) {
        if let Some(count) = self.counts.get_mut(usize::from(number)) {
            *count = count.saturating_add_signed(change);
        }
    }

    /// How many objects are packed with another dictionary than the current one.
    fn old(&self) -> usize {
        let current = self.counts.get(usize::from(self.number)).copied().unwrap_or(0);
        self.counts.iter().sum::<usize>().saturating_sub(current)
    }

    /// Sees to it that the dictionary fits, and that all objects are packed with it in the end.
    fn tidy(&mut self) {
        if self.old() > 0 {
            self.repack(WITH_A_WRITE);
        } else {
            let objects = self.shared.read().table.len();
            if self.fit.is_due(objects) {
                self.train();
            }
        }
    }

    fn train(&mut self) {
        let objects = self.shared.read().table.len();
        if objects < FEWEST {
            return;
        }
        // Without memory for another one there is the one that there was.
        let Ok(Some(trained)) = dictionaries::train(&self.samples(objects), &mut self.encoder) else {
            return self.fit.tried(objects, None);
        };
        self.fit.tried(objects, Some(trained.sizes));
        self.number = if self.number == 1 { 2 } else { 1 };
        self.encoder = trained.encoder;
        if let Some(place) = self.shared.write().dictionaries.get_mut(usize::from(self.number)) {
            *place = Some(trained.decoding);
        }
        self.repack(AT_ONCE);
    }

    /// Some of so many objects, from all over the table.
    fn samples(&self, objects: usize) -> Vec<String> {
        let (mut samples, mut bytes) = (Vec::new(), 0);
        let mut step = 1;
        let mut next = 0;
        loop {
            let found = {
                let state = self.shared.read();
                state.table.from(next).map(|(slot, entry)| state.found(slot, entry))
            };
            let Some(found) = found else { return samples };
            if let Ok(json) = self.shared.json(&found) {
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

    /// Packs some objects of other dictionaries with the current one.
    fn repack(&mut self, mut objects: usize) {
        // Most of those in between are packed with it already.
        let mut steps = objects * 16;
        while objects > 0 && steps > 0 && self.old() > 0 {
            steps -= 1;
            let found = {
                let state = self.shared.read();
                state.table.from(self.cursor).map(|(slot, entry)| state.found(slot, entry))
            };
            let Some(found) = found else {
                self.cursor = 0;
                continue;
            };
            self.cursor = found.slot.saturating_add(1);
            if unpack(&found.block).0 != self.number {
                objects -= 1;
                // One that cannot be read is no smaller for it, and whoever asks for it is told so.
                let _ = self.repack_one(&found);
            }
        }
        if self.old() == 0 {
            let current = usize::from(self.number);
            for (number, place) in self.shared.write().dictionaries.iter_mut().enumerate() {
                if number != current {
                    *place = None;
                }
            }
        }
    }

    fn repack_one(&mut self, found: &super::shared::Found) -> io::Result<()> {
        let json = self.shared.json(found)?;
        let block = pack(key::split(&found.block).0, self.number, self.encoder.encode(&json)?);
        self.shared.write().table.replace_block(found.slot, block);
        self.count(unpack(&found.block).0, -1);
        self.count(self.number, 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;
    use crate::store::compact::{CompactStore, compact};

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
            assert_eq!(writer.counts.iter().sum::<usize>(), writer.shared.read().table.len());
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
        assert_eq!((writer.number, dictionaries(&writer)), (0, 0));
        let plain = packed(&store) / 100;
        write(&mut writer, 100..2000, "a");
        let first = writer.number;
        assert_eq!((writer.old(), dictionaries(&writer)), (0, 1));
        let with_it = packed(&store) / NAMES as usize;
        assert!(with_it * 4 < plain * 3, "{with_it} bytes instead of {plain}");

        let mut number = 2000;
        while writer.number == first {
            write(&mut writer, number..number + 1, "something.quite.different");
            number += 1;
            assert!(number < 10_000, "no other dictionary");
        }
        assert!(writer.counts.iter().sum::<usize>() == NAMES as usize);
        write(&mut writer, number..number + NAMES, "something.quite.different");
        assert_eq!((writer.old(), dictionaries(&writer)), (0, 1));
        let with_another = packed(&store) / NAMES as usize;
        assert!(with_another < with_it * 2, "{with_another} bytes, {with_it} before");
        for number in number..number + NAMES {
            let expected = object(number, "something.quite.different");
            let name = kube::runtime::reflector::ObjectRef::new(&format!("map-{}", number % NAMES));
            assert_eq!(store.get_json(&name.within("default")).unwrap().as_deref(), Some(expected.json()));
        }
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
        assert_eq!((writer.number, writer.counts), (1, [0, 50, 0]));
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
        let (before, fit) = (block(), format!("{:?}", writer.fit));
        let first = store.get_json(&store.keys()[0]).unwrap().unwrap();
        writer.apply_watcher_event(Event::Apply(Raw::from_json(&first).unwrap())).unwrap();
        assert_eq!((block(), format!("{:?}", writer.fit)), (before, fit));
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
        assert_eq!(writer.samples(NAMES as usize).len(), NAMES as usize);
        let large = "x".repeat(SAMPLE / 8);
        for number in 0..100 {
            let json = format!(r#"{{"metadata":{{"name":"large-{number}"}},"data":{{"a":"{large}"}}}}"#);
            writer.apply_watcher_event(Event::Apply(Raw::from_json(&json).unwrap())).unwrap();
        }
        let bytes: usize = writer.samples(NAMES as usize + 100).iter().map(String::len).sum();
        assert!(bytes < SAMPLE + SAMPLE / 4, "{bytes}");
    }
}
