//! Which objects a list has, in 16 bytes each.

use std::hash::{BuildHasher as _, RandomState};

use kube::runtime::reflector::Lookup;

/// Objects that a list has had so far, by what kube's `Writer` knows them by: namespace and name.
///
/// Not by uid: an object that was created again under its name has taken the old one's place, and nothing is to be deleted.
pub(super) struct Seen {
    keys: RandomState,
    hashes: Vec<u128>,
}

/// All objects of a list that is whole.
pub(super) struct Listed(Seen);

impl Seen {
    /// Has room for as many objects as there were.
    pub(super) fn new(before: usize) -> Self {
        Self { keys: RandomState::new(), hashes: Vec::with_capacity(before) }
    }

    pub(super) fn insert(&mut self, object: &impl Lookup) {
        if self.hashes.len() == self.hashes.capacity() {
            // A list that is streamed may have an object again and again.
            self.tidy();
            self.hashes.reserve_exact(self.hashes.len() / 8 + 64);
        }
        let hash = self.hash(object);
        self.hashes.push(hash);
    }

    pub(super) fn whole(mut self) -> Listed {
        self.tidy();
        Listed(self)
    }

    fn tidy(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// Twice the standard library's hash, `SipHash`, with keys that nobody else knows: no names can be chosen so that two are taken for one.
    fn hash(&self, object: &impl Lookup) -> u128 {
        let (namespace, name) = (object.namespace(), object.name());
        let half = |half: u8| u128::from(self.keys.hash_one((half, &namespace, &name)));
        half(0) << 64 | half(1)
    }
}

impl Listed {
    pub(super) fn has(&self, object: &impl Lookup) -> bool {
        self.0.hashes.binary_search(&self.0.hash(object)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::ObjectMeta;

    use super::*;

    fn map(namespace: Option<&str>, name: &str, uid: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            namespace: namespace.map(str::to_owned),
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..Default::default()
        };
        ConfigMap { metadata, ..Default::default() }
    }

    #[test]
    fn what_was_seen_and_nothing_else() {
        let mut seen = Seen::new(3);
        for number in 0..10_000 {
            seen.insert(&map(Some("a"), &format!("map-{number}"), "1"));
        }
        let listed = seen.whole();
        for number in 0..10_000 {
            assert!(listed.has(&map(Some("a"), &format!("map-{number}"), "2")));
            assert!(!listed.has(&map(Some("b"), &format!("map-{number}"), "1")));
            assert!(!listed.has(&map(None, &format!("map-{number}"), "1")));
            assert!(!listed.has(&map(Some("a"), &format!("map{number}"), "1")));
        }
    }

    /// Where one part ends and the other begins is told apart.
    #[test]
    fn parts_are_not_one_text() {
        let mut seen = Seen::new(0);
        seen.insert(&map(Some("ab"), "c", ""));
        let listed = seen.whole();
        for other in [map(Some("a"), "bc", ""), map(None, "abc", ""), map(Some("abc"), "", "")] {
            assert!(!listed.has(&other));
        }
    }

    #[test]
    fn sixteen_bytes_each() {
        let mut seen = Seen::new(1000);
        for number in 0..1000 {
            seen.insert(&map(None, &number.to_string(), ""));
        }
        assert_eq!(seen.hashes.capacity(), 1000);
        // More of them take an eighth more, and the same again nothing.
        for number in 0..2000 {
            seen.insert(&map(None, &number.to_string(), ""));
            seen.insert(&map(None, "0", ""));
        }
        assert!(seen.hashes.capacity() <= 2000 + 2000 / 8 + 64, "{}", seen.hashes.capacity());
        assert_eq!(seen.whole().0.hashes.len(), 2000);
    }
}
