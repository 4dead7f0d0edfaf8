//! All objects of a store, one by one.

use std::fmt;

use kube::Resource;
use serde::de::DeserializeOwned;

use super::{CompactError, CompactStore, NoRow};

/// All objects of a store: what [`objects`](CompactStore::objects) returns.
///
/// An item is an error if that object is not what its type asks for; the others come all the same.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::store::{CompactError, CompactStore, Objects};
///
/// fn first(mut pods: Objects<'_, Pod>) -> Option<Result<Pod, CompactError>> {
///     pods.next()
/// }
/// ```
#[must_use = "nothing is read unless it is asked for"]
pub struct Objects<'a, K: Resource, R = NoRow> {
    store: &'a CompactStore<K, R>,
    next: u32,
}

impl<'a, K: Resource, R> Objects<'a, K, R> {
    pub(super) fn new(store: &'a CompactStore<K, R>) -> Self {
        Self { store, next: 0 }
    }
}

impl<K: Resource, R> fmt::Debug for Objects<'_, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<K: Resource + DeserializeOwned, R> Iterator for Objects<'_, K, R> {
    type Item = Result<K, CompactError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = {
            let state = self.store.shared.read();
            let (slot, entry) = state.table.from(self.next)?;
            state.found(slot, entry)
        };
        self.next = found.slot.saturating_add(1);
        Some(self.store.object(&found))
    }
}
