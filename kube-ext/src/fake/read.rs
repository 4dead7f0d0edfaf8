//! get, list and watch.
use http::Response;

use super::{body::Body, server::Call, status::Failure};

pub(crate) fn get(_call: &Call) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}

pub(crate) fn list(_call: &Call) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}

pub(crate) fn watch(_call: &Call) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}
