//! Requests for a log, and for the pod that it is of.

use std::{
    fmt,
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use hyper::body::Body as _;
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{
    Api, Client, Resource as _,
    api::{LogParams, Request},
    client::Body,
};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    error::Cause,
    position::{DISORDER, later},
    split::{self, Piece, Splitter},
    tail::Since,
};
use crate::server;

/// How long an answer may take to begin, at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What is not over before anybody's patience is, and can be added to any time.
pub(super) const FOR_EVER: Duration = Duration::from_secs(86_400 * 365 * 30);
/// How much of a line a runtime writes at once (containerd's `max_container_log_line_size`).
const WRITTEN: usize = 16 * 1024;

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
        let response = tokio::time::timeout(self.patience, server::accepted(response)).await;
        let response = response.map_err(|_| silence(self.patience))?.map_err(Cause::of)?;
        Ok(response.into_body())
    }

    /// The last line of a log, if it has one.
    pub(super) async fn last_line(&self, range: Range, bound: usize) -> Result<Option<Mark>, Cause> {
        let range = Range { since: None, lines: Some(1), follow: false, ..range };
        let mut frames = Frames::new(self.open(range).await?, self.patience);
        let mut splitter = Splitter::new(bound.max(2 * WRITTEN));
        let mut last = None;
        while let Some(frame) = frames.next().await.map_err(Stop::into_cause)? {
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

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}/{} container {}", self.namespace, self.pod, self.container)
    }
}

/// A body that comes in frames.
pub(super) struct Frames {
    body: Body,
    silence: Duration,
    /// One for all frames: to set a timer for each costs more than the frame.
    timer: Pin<Box<Sleep>>,
    /// Since when the next frame is waited for.
    waiting: Option<Instant>,
}

impl Frames {
    pub(super) fn new(body: Body, silence: Duration) -> Self {
        let silence = silence.min(FOR_EVER);
        Self { body, silence, timer: Box::pin(sleep(silence)), waiting: None }
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        self.waiting = None;
        poll_fn(|cx| {
            if let Poll::Ready(frame) = self.poll_body(cx) {
                return Poll::Ready(frame);
            }
            let silence = self.silence;
            let since = *self.waiting.get_or_insert_with(Instant::now);
            loop {
                ready!(self.timer.as_mut().poll(cx));
                let until = since + silence;
                if until <= Instant::now() {
                    return Poll::Ready(Err(Stop::Silence(silence)));
                }
                self.timer.as_mut().reset(until);
            }
        })
        .await
    }

    /// The same, if it comes before this moment.
    pub(super) async fn next_until(&mut self, moment: Instant) -> Option<Result<Option<Bytes>, Stop>> {
        poll_fn(|cx| {
            if let Poll::Ready(frame) = self.poll_body(cx) {
                return Poll::Ready(Some(frame));
            }
            if self.timer.deadline() != moment {
                self.timer.as_mut().reset(moment);
            }
            self.timer.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Stop>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(Stop::Broken(Cause::of(error)))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Ok(Some(data)));
                    }
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
    /// What is younger than this was written behind it.
    pub(super) until: DateTime<Utc>,
    pub(super) bytes: Vec<u8>,
    stamp: u8,
}

impl Mark {
    fn new(piece: Piece<'_>) -> Option<Self> {
        let (time, stamp) = split::time(piece.bytes).filter(|_| piece.begins)?;
        Some(Self { time, until: later(time, DISORDER), bytes: piece.bytes.to_vec(), stamp })
    }

    /// Whether the last piece of a line is this one, or the end of it.
    pub(super) fn is(&self, time: DateTime<Utc>, piece: Piece<'_>) -> bool {
        let (bytes, whole) = (piece.bytes, &*self.bytes);
        let end = whole.get(usize::from(self.stamp)..).unwrap_or_default();
        let may_be_end = !end.is_empty() && time <= self.time;
        if piece.begins {
            bytes == whole || (may_be_end && bytes.len() > WRITTEN && bytes.ends_with(end))
        } else {
            may_be_end && (bytes.ends_with(end) || end.ends_with(bytes))
        }
    }
}

pub(super) fn silence(span: Duration) -> Cause {
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
