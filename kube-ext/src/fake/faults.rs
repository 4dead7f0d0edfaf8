//! Faults on demand.
use http::Response;

use super::{body::Body, request::RequestInfo, status::Failure};

/// What goes wrong, and when.
#[derive(Debug, Default)]
pub(crate) struct Plan {}

/// What goes wrong with one request.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// Drop the connection without an answer.
    pub(crate) refuse: bool,
    /// Answer this instead.
    pub(crate) failure: Option<Failure>,
    /// Let the answer out only so far.
    pub(crate) cut: Option<Cut>,
}

/// How an answer ends too early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) after: After,
    pub(crate) end: End,
}

/// How much goes out before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    /// Bytes of a body; of a websocket, what follows the handshake.
    Bytes(u64),
    /// Lines of a body (a watch has one for each event); messages of a websocket.
    Events(u64),
}

/// What comes then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is dropped: no end of the body, no close frame.
    Drop,
    /// The body ends as if it were whole; a websocket has its close frame.
    Close,
    /// Nothing more, on a connection that stays.
    Stall,
}

impl Plan {
    /// What goes wrong with this request. Counts it.
    pub(crate) fn next(&self, _user: &str, _info: &RequestInfo) -> Trouble {
        Trouble::default()
    }
}

impl Cut {
    /// The answer, cut.
    pub(crate) fn apply(&self, response: Response<Body>) -> Response<Body> {
        response
    }
}
