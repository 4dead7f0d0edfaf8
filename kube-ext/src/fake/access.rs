//! Users, and what they may do.
use http::Response;

use super::{body::Body, request::RequestInfo, server::Call, status::Failure};

/// Who may do what.
#[derive(Debug, Default)]
pub(crate) struct Access {}

impl Access {
    /// An error in the words of RBAC if the user may not.
    pub(crate) fn check(&self, _user: &str, _info: &RequestInfo) -> Result<(), Failure> {
        Ok(())
    }
}

/// Answers a `SelfSubjectAccessReview`.
pub(crate) fn review(_call: &Call) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}
