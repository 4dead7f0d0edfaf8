//! The forms in which objects are asked for: whole, as a `Table`, or their metadata.
use bytes::Bytes;
use http::HeaderMap;

use super::{kinds::Kind, status::Failure, store::Stored};

/// The form that an `Accept` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Metadata,
    Table,
}

impl Form {
    pub(crate) fn of(_headers: &HeaderMap) -> Result<Self, Failure> {
        Ok(Self::Whole)
    }

    /// One object in this form, as the answer to a get, a write or as the object of a watch event.
    pub(crate) fn object(self, _kind: &Kind, _object: &Stored) -> Bytes {
        Bytes::new()
    }
}
