//! What runs in pods: logs, exec, attach, port-forward.
use http::{Request, Response};
use hyper::body::Incoming;

use super::{body::Body, server::Call, status::Failure};

/// All that tests attached to containers.
#[derive(Debug, Default)]
pub(crate) struct Pods {}

/// Answers `pods/log`, `pods/exec`, `pods/attach` and `pods/portforward`. `request` is there for its upgrade.
pub(crate) fn answer(_call: &Call, _request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    Err(Failure::no_such_path())
}
