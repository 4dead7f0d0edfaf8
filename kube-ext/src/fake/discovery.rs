//! Discovery documents: aggregated and legacy.
use http::Response;

use super::{body::Body, server::Call, status::Failure};

/// Answers `/api`, `/apis`, `/api/v1`, `/apis/GROUP`, `/apis/GROUP/VERSION` and `/version`.
pub(crate) fn answer(_call: &Call) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}
