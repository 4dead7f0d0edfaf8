//! create, update, patch, delete and deletecollection, of objects and their `status`.
use http::Response;
use serde_json::Value;

use super::{
    body::Body,
    server::{Call, Shared},
    status::Failure,
};

/// Answers a write.
pub(crate) fn answer(_call: &Call) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}

/// Puts an object into the cluster as it is, status included; what is missing (uid, creation time) is filled in. An
/// object that is there already is replaced.
pub(crate) fn seed(_shared: &Shared, _object: Value) -> Result<Value, Failure> {
    Err(Failure::no_such_path())
}
