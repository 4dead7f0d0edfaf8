//! Requests for a log, and for the pod that it is of.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http_body_util::BodyExt as _;
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{
    Api, Client, Resource as _,
    api::{LogParams, Request},
    client::Body,
    core::Status,
};

use super::{
    error::Cause,
    split::{self, Piece, Splitter},
    tail::Since,
};

/// How long an answer may take to begin, at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How much of a line a runtime writes at once (containerd's `max_container_log_line_size`).
const WRITTEN: usize = 16 * 1024;
/// How much of an error is read.
const ERROR: usize = 64 * 1024;

/// The container of a pod whose log is asked for.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    /// How long an answer may take to begin.
    pub(super) patience: Duration,
}

/// Which part of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) since: Option<Since>,
    pub(super) lines: Option<u64>,
    pub(super) follow: bool,
    pub(super) previous: bool,
}

impl Target {
    /// Asks for a log, and gives its body once the server has said yes.
    pub(super) async fn open(&self, range: Range) -> Result<Body, Cause> {
        let mut params = LogParams {
            container: Some(self.container.clone()),
            follow: range.follow,
            previous: range.previous,
            timestamps: true,
            tail_lines: range.lines.map(|lines| i64::try_from(lines).unwrap_or(i64::MAX)),
            ..LogParams::default()
        };
        match range.since {
            Some(Since::Ago(ago)) => params.since_seconds = Some(seconds(ago)),
            Some(Since::Time(time)) => params.since_time = floor(time),
            None => {}
        }
        let request = Request::new(Pod::url_path(&(), Some(&self.namespace)));
        let request = request
            .logs(&self.pod, &params)
            .map_err(|error| Cause::Invalid { problem: error.to_string() })?;
        let answer = tokio::time::timeout(self.patience, self.client.send(request.map(Body::from))).await;
        let response = answer.map_err(|_| silence(self.patience))?.map_err(Cause::of)?;
        let code = response.status();
        if code.is_success() {
            return Ok(response.into_body());
        }
        let body = http_body_util::Limited::new(response.into_body(), ERROR).collect();
        let text = match tokio::time::timeout(self.patience, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => bytes::Bytes::new(),
        };
        // As kube reads it: a proxy answers with something else.
        let mut status = serde_json::from_slice::<Status>(&text).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(&text);
            let words = if text.trim().is_empty() { code.to_string() } else { text.trim().to_owned() };
            Status::failure(&words, "Failed to parse error data").with_code(code.as_u16())
        });
        if status.code == 0 {
            status.code = code.as_u16();
        }
        Err(Cause::of(kube::Error::Api(status.boxed())))
    }

    /// The last line of a log, if it has one.
    pub(super) async fn last_line(&self, range: Range, bound: usize) -> Result<Option<Mark>, Cause> {
        let range = Range { since: None, lines: Some(1), follow: false, ..range };
        let mut body = self.open(range).await?;
        let mut splitter = Splitter::new(bound.max(2 * WRITTEN));
        let mut last = None;
        while let Some(frame) = next(&mut body, self.patience).await.map_err(Stop::into_cause)? {
            splitter.feed(frame);
            while let Some(piece) = splitter.next() {
                last = Mark::new(piece).or(last);
            }
        }
        Ok(splitter.rest().and_then(Mark::new).or(last))
    }

    /// The pod as it is now.
    pub(super) async fn pod(&self) -> Result<Pod, Cause> {
        let api = Api::<Pod>::namespaced(self.client.clone(), &self.namespace);
        let pod = tokio::time::timeout(self.patience, api.get(&self.pod)).await;
        pod.map_err(|_| silence(self.patience))?.map_err(Cause::of)
    }
}

/// Why a body stopped before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing came for so long.
    Silence(Duration),
    Broken(Cause),
}

impl Stop {
    fn into_cause(self) -> Cause {
        match self {
            Self::Silence(span) => silence(span),
            Self::Broken(cause) => cause,
        }
    }
}

/// The next bytes of a body; none at its end.
pub(super) async fn next(body: &mut Body, silence: Duration) -> Result<Option<bytes::Bytes>, Stop> {
    loop {
        let frame = tokio::time::timeout(silence, body.frame()).await;
        match frame.map_err(|_| Stop::Silence(silence))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(Stop::Broken(Cause::of(error))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The last line of a log as it is when only that is asked for. The kubelet counts what the runtime wrote at once: of a line
/// that is longer than 16 KiB, it is the end.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) time: DateTime<Utc>,
    pub(super) piece: Piece,
    stamp: u8,
}

impl Mark {
    fn new(piece: Piece) -> Option<Self> {
        let (time, stamp) = split::time(&piece.bytes).filter(|_| piece.begins)?;
        Some(Self { time, piece, stamp })
    }

    /// Whether the last piece of a line is this one, or the end of it.
    pub(super) fn is(&self, time: DateTime<Utc>, piece: &Piece) -> bool {
        let (bytes, whole) = (&*piece.bytes, &*self.piece.bytes);
        let end = whole.get(usize::from(self.stamp)..).unwrap_or_default();
        let may_be_end = !end.is_empty() && time <= self.time;
        if piece.begins {
            bytes == whole || (may_be_end && bytes.len() > WRITTEN && bytes.ends_with(end))
        } else {
            may_be_end && (bytes.ends_with(end) || end.ends_with(bytes))
        }
    }
}

fn silence(span: Duration) -> Cause {
    Cause::Lost { reason: format!("nothing from the server for {span:?}") }
}

/// As `kubectl logs --since`: to the nearest second; the server takes nothing below one.
fn seconds(ago: Duration) -> i64 {
    let rounded = ago.saturating_add(Duration::from_millis(500)).as_secs();
    i64::try_from(rounded).unwrap_or(i64::MAX).max(1)
}

/// kube rounds to the nearest second, which may be a later one.
fn floor(time: DateTime<Utc>) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_is_asked_for() {
        for (milliseconds, expected) in [(0, 1), (400, 1), (1499, 1), (1500, 2), (90_000, 90)] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), expected, "{milliseconds}");
        }
        assert_eq!(seconds(Duration::MAX), i64::MAX);
        let time = "2026-01-01T00:00:00.999Z".parse().unwrap();
        assert_eq!(floor(time).unwrap().to_string(), "2026-01-01T00:00:00Z");
    }
}
