//! No row beside an object.

use serde::{Deserialize, Deserializer};

/// The row of a [`CompactStore`](super::CompactStore) that keeps none: it takes no memory and no time.
///
/// ```
/// use kube_ext::store::NoRow;
///
/// assert_eq!(size_of::<NoRow>(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoRow;

/// Does not even look.
impl<'de> Deserialize<'de> for NoRow {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}
