//! What goes wrong.
use std::{num::NonZeroU64, time::Duration};

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{
    super::{
        access,
        body::{self, Body},
        request::RequestInfo,
        status::Failure,
    },
    Instead, Trouble,
    cut::{After, Cut, End},
};

/// What the API server says when its priority and fairness, or its limit of requests in flight, turns one away
/// (`k8s.io/apiserver/pkg/server/filters`).
const TOO_MANY_REQUESTS: &str = "Too many requests, please try again later.\n";

/// What goes wrong with a request to a [`FakeCluster`](crate::fake::FakeCluster).
///
/// ```
/// use std::time::Duration;
/// use kube_ext::fake::Fault;
///
/// let half_a_line = Fault::cut_after_bytes(1000);
/// let three_events = Fault::cut_after_events(3).cleanly();
/// let nothing_more = Fault::cut_after_events(1).stalling();
/// let busy = Fault::too_many_requests(Duration::from_secs(1));
/// let late = Fault::unavailable().delayed(Duration::from_millis(50));
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) what: What,
    delay: Duration,
    retry_after: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Nothing,
    Drop,
    Hang,
    Forbidden,
    Expired,
    Status(Failure),
    Text(StatusCode, String),
    Cut(Cut),
    Slow(NonZeroU64),
    /// So many calls in each span of time are let through.
    Rate(u64, Duration),
    /// So many calls at a time are let through.
    InFlight(usize),
}

impl Fault {
    fn new(what: What) -> Self {
        Self { what, delay: Duration::ZERO, retry_after: None }
    }

    fn of_status(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(What::Status(Failure::new(code, reason, message)))
    }

    /// The connection is dropped when the request has arrived, without an answer. For connections that are refused, see
    /// [`Faults::shut_down`](super::Faults::shut_down).
    pub fn drop_connection() -> Self {
        Self::new(What::Drop)
    }

    /// There is never an answer, on a connection that stays.
    pub fn hang() -> Self {
        Self::new(What::Hang)
    }

    /// 429 with `Retry-After`, as priority and fairness answers when it is full: plain text. Rounded up to whole seconds.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self::text(429, TOO_MANY_REQUESTS).retry_after(retry_after)
    }

    /// 500 `InternalError`: `Internal error occurred: ` and the message.
    pub fn internal_error(message: &str) -> Self {
        Self::new(What::Status(Failure::internal(message)))
    }

    /// 500 as it comes from an etcd that has no leader or is too slow: `etcdserver: request timed out`, without a reason.
    pub fn etcd_timeout() -> Self {
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR, "", "etcdserver: request timed out")
    }

    /// 503 `ServiceUnavailable`, as a server answers that is going down. It has a `Retry-After` with
    /// [`retry_after`](Self::retry_after) only.
    pub fn unavailable() -> Self {
        Self::of_status(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "apiserver is shutting down")
    }

    /// 504 `Timeout`, as the server answers after a minute.
    pub fn timeout() -> Self {
        let message = "Timeout: request did not complete within the allotted timeout";
        Self::new(What::Status(Failure::general(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)))
    }

    /// 410 `Expired`: the version or the list that was asked for is compacted. A watch is answered as the API server does,
    /// with 200 and the `Status` as an `ERROR` event. See also [`Faults::compact`](super::Faults::compact).
    pub fn expired() -> Self {
        Self::new(What::Expired)
    }

    /// 403 `Forbidden` in the words of RBAC, whatever the user's rules are.
    pub fn forbidden() -> Self {
        Self::new(What::Forbidden)
    }

    /// Any error with a `Status`. A code outside of 400 to 599 is answered as 500.
    pub fn status(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self::of_status(error_code(code), reason, message)
    }

    /// Any error with a text, as proxies answer. A code outside of 400 to 599 is answered as 500.
    pub fn text(code: u16, text: impl Into<String>) -> Self {
        Self::new(What::Text(error_code(code), text.into()))
    }

    /// The connection is dropped after so many bytes of the body (of a websocket: of what the server sends after the
    /// handshake), which all arrive. A body that is no longer than that and says its length is whole.
    pub fn cut_after_bytes(bytes: u64) -> Self {
        Self::new(What::Cut(Cut { after: After::Bytes(bytes), end: End::Drop }))
    }

    /// The connection is dropped after so many lines of the body, which are the events of a watch and the lines of a log
    /// (of a websocket: after so many messages of the server).
    pub fn cut_after_events(events: u64) -> Self {
        Self::new(What::Cut(Cut { after: After::Events(events), end: End::Drop }))
    }

    /// The headers of the answer, and then nothing more.
    pub fn stall() -> Self {
        Self::cut_after_bytes(0).stalling()
    }

    /// Of a cut: what comes then is the end of the body as if it were whole; a websocket ends with a close frame. Other
    /// faults stay as they are.
    #[must_use]
    pub fn cleanly(self) -> Self {
        self.ending(End::Close)
    }

    /// Of a cut: nothing more comes then, but the connection stays. Other faults stay as they are.
    #[must_use]
    pub fn stalling(self) -> Self {
        self.ending(End::Stall)
    }

    fn ending(mut self, end: End) -> Self {
        if let What::Cut(cut) = &mut self.what {
            cut.end = end;
        }
        self
    }

    /// Nothing goes wrong, but the answer begins so much later.
    pub fn delay(delay: Duration) -> Self {
        Self::new(What::Nothing).delayed(delay)
    }

    /// The body goes out at so many bytes a second; at none, it stalls. Websockets are not slowed down.
    pub fn slow(bytes_per_second: u64) -> Self {
        NonZeroU64::new(bytes_per_second).map_or_else(Self::stall, |bytes| Self::new(What::Slow(bytes)))
    }

    /// Lets so many calls through in each span of time, which begins with the first call after the one before, and answers
    /// the others as [`too_many_requests`](Self::too_many_requests) until it is over. Calls that are let through are left to
    /// the faults that were added later.
    pub fn rate_limit(calls: u64, per: Duration) -> Self {
        Self::new(What::Rate(calls, per))
    }

    /// Lets so many calls through at a time, as long as their answers last, and answers the others as
    /// [`too_many_requests`](Self::too_many_requests) of a second. Calls that are let through are left to the faults that
    /// were added later.
    pub fn in_flight_limit(calls: usize) -> Self {
        Self::new(What::InFlight(calls))
    }

    /// The same, so much after the request has arrived.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Of an error: with `Retry-After`, which is in whole seconds: rounded up. Other faults stay as they are.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub(super) fn trouble(&self, user: &str, info: &RequestInfo) -> Trouble {
        let mut trouble = Trouble { delay: self.delay, ..Trouble::default() };
        match &self.what {
            What::Nothing => {}
            What::Drop => trouble.instead = Instead::Drop,
            What::Hang => trouble.instead = Instead::Hang,
            What::Cut(cut) => trouble.cut = Some(*cut),
            What::Slow(bytes_per_second) => trouble.bytes_per_second = Some(*bytes_per_second),
            What::Status(failure) => trouble.instead = Instead::Answer(self.refusal(failure.clone())),
            What::Forbidden => {
                trouble.instead = Instead::Answer(self.refusal(access::forbidden(user, info)));
            }
            What::Expired => trouble.instead = Instead::Answer(self.expiry(info)),
            What::Text(code, text) => trouble.instead = Instead::Answer(self.plain(*code, text)),
            What::Rate(..) | What::InFlight(_) => {
                trouble.instead =
                    Instead::Answer(self.plain(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_REQUESTS));
            }
        }
        trouble
    }

    fn refusal(&self, failure: Failure) -> Response<Body> {
        match self.retry_after {
            Some(after) => failure.retry_after(seconds(after)).into_response(),
            None => failure.into_response(),
        }
    }

    fn plain(&self, code: StatusCode, text: &str) -> Response<Body> {
        let mut response = body::text(code, text.to_owned());
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
        }
        response
    }

    fn expiry(&self, info: &RequestInfo) -> Response<Body> {
        if info.verb == "watch" {
            let failure = Failure::expired("The resourceVersion for the provided watch is too old.");
            let event = json!({"type": "ERROR", "object": failure.status()});
            return body::raw_json(StatusCode::OK, event.to_string());
        }
        let what = if info.query.non_empty("continue").is_some() {
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter."
        } else {
            "The resourceVersion for the provided list is too old."
        };
        self.refusal(Failure::expired(what))
    }
}

/// Whole seconds, as `Retry-After` has them.
pub(super) fn seconds(after: Duration) -> u32 {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

fn error_code(code: u16) -> StatusCode {
    let code = StatusCode::from_u16(code).ok();
    code.filter(|code| code.is_client_error() || code.is_server_error())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
