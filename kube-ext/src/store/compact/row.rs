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

mod private {
    pub trait Sealed {}
    impl Sealed for super::Whole {}
    impl Sealed for super::RowsOnly {}
}

/// What a store keeps of an object beside its row: [`Whole`] or [`RowsOnly`].
///
/// ```
/// use kube_ext::store::{Kept, RowsOnly, Whole};
///
/// assert!(Whole::IS_WHOLE && !RowsOnly::IS_WHOLE);
/// ```
pub trait Kept: private::Sealed + Send + Sync + 'static {
    /// Whether it keeps all of it.
    const IS_WHOLE: bool;
}

/// All of it, packed.
///
/// ```
/// fn take(_: kube_ext::store::CompactStore<k8s_openapi::api::core::v1::Pod, kube_ext::store::NoRow, kube_ext::store::Whole>) {}
/// # let _ = take;
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Whole {}

/// Nothing else.
///
/// ```
/// use kube_ext::store::{CompactStore, NoRow, RowStore, RowsOnly};
///
/// fn same(store: RowStore<k8s_openapi::api::core::v1::Pod, NoRow>) -> CompactStore<k8s_openapi::api::core::v1::Pod, NoRow, RowsOnly> {
///     store
/// }
/// # let _ = same;
/// ```
#[derive(Clone, Copy, Debug)]
pub enum RowsOnly {}

impl Kept for Whole {
    const IS_WHOLE: bool = true;
}

impl Kept for RowsOnly {
    const IS_WHOLE: bool = false;
}
