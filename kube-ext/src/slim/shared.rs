//! Values that many objects have in common.

use std::{fmt, hash::Hash, ops::Deref};

use internment::ArcIntern;
use serde::{Deserialize, Deserializer};

use super::View;

/// A value that is in memory once, however many hold the same, and is freed with the last of them: what [`Interned`](super::Interned)
/// is for strings.
///
/// The containers of a pod's spec are those of all its siblings. One takes 8 bytes, as does an `Option` of it.
///
/// ```
/// use kube_ext::slim::Shared;
///
/// let (one, two) = (Shared::new(vec![1, 2]), Shared::new(vec![1, 2]));
/// assert!(std::ptr::eq(&*one, &*two));
/// assert_eq!(one.len(), 2);
/// ```
pub struct Shared<T: Eq + Hash + Send + Sync + 'static>(ArcIntern<T>);

impl<T: Eq + Hash + Send + Sync + 'static> Shared<T> {
    /// The value, with all that are equal to it.
    ///
    /// ```
    /// assert_eq!(*kube_ext::slim::Shared::new(7), 7);
    /// ```
    pub fn new(value: T) -> Self {
        Self(ArcIntern::new(value))
    }
}

impl<T: Eq + Hash + Send + Sync> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Eq + Hash + Send + Sync + Default> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Eq + Hash + Send + Sync> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Whether both are the same value.
impl<T: Eq + Hash + Send + Sync> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq + Hash + Send + Sync> Eq for Shared<T> {}

impl<T: Eq + Hash + Send + Sync> Hash for Shared<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Eq + Hash + Send + Sync + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<'de, T: Eq + Hash + Send + Sync + Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        T::deserialize(value).map(Self::new)
    }
}

impl<T: View<U> + Eq + Hash + Send + Sync, U> View<U> for Shared<T> {}
