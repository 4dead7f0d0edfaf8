//! `pods/log`, as the kubelet reads logs (`k8s.io/cri-client/pkg/logs/logs.go`).
use std::{num::IntErrorKind, sync::Arc};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::{Stream, stream};
use http::{Response, StatusCode};
use tokio::sync::watch;

use super::{
    super::{
        body::{self, Body},
        request::Query,
        server::Call,
        status::{Cause, Failure},
        table::Form,
    },
    log::Run,
    place::{Life, Place},
    since,
    socket::{PIECE, race},
};

/// The parameters of a request for a log (`PodLogOptions`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    follow: bool,
    previous: bool,
    timestamps: bool,
    since_seconds: Option<i64>,
    since_time: Option<DateTime<Utc>>,
    tail_lines: Option<i64>,
    limit_bytes: Option<i64>,
}

pub(super) fn answer(call: &Call) -> Result<Response<Body>, Failure> {
    // A log is text, and yet asked for like an object.
    Form::of(&call.headers)?;
    let query = &call.info.query;
    let options = Options::parse(query)?;
    options.check(&call.info.name, query)?;
    let place = Place::find(call)?;
    let container = place.container(query.get("container").unwrap_or_default())?;
    if !place.is_bound() {
        let mut response = Response::new(body::full(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let run = place.logged(&container, options.previous)?;
    let life = place.life(Some((&container, &run)));
    let reader = Reader::new(run, &options, Utc::now());
    let follow = options.follow.then_some(life);
    Ok(body::response(StatusCode::OK, "text/plain", body::stream(pieces(reader, follow))))
}

/// What a reader has to give, and what comes as long as the container lives.
fn pieces(reader: Reader, follow: Option<Life>) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::unfold((reader, follow), |(mut reader, follow)| async move {
        loop {
            // What is written before the end is read, so this is asked first.
            let over = follow.as_ref().is_none_or(Life::is_over);
            let piece = reader.read();
            if !piece.is_empty() {
                return Some((Ok(piece), (reader, follow)));
            }
            match &follow {
                Some(life) if !over && !reader.is_done() => {
                    race(reader.written(), life.over()).await;
                }
                _ => return None,
            }
        }
    })
}

impl Options {
    /// Reads the parameters in the order in which the API server does: the first bad one is told.
    fn parse(query: &Query) -> Result<Self, Failure> {
        let integer = |name| query.get(name).map(parse_integer).transpose();
        Ok(Self {
            follow: query.flag("follow"),
            previous: query.flag("previous"),
            since_seconds: integer("sinceSeconds")?,
            since_time: query.get("sinceTime").map(since::parse).transpose().map_err(Failure::bad_request)?,
            timestamps: query.flag("timestamps"),
            tail_lines: integer("tailLines")?,
            limit_bytes: integer("limitBytes")?,
        })
    }

    /// `ValidatePodLogOptions`, without `PodLogsQuerySplitStreams`, which is off in Kubernetes 1.36.
    fn check(&self, pod: &str, query: &Query) -> Result<(), Failure> {
        let mut causes = Vec::new();
        let mut invalid = |field: &str, value: i64, why: &str| {
            let message = format!("Invalid value: {value}: {why}");
            causes.push(Cause { reason: "FieldValueInvalid", message, field: field.to_owned() });
        };
        if let Some(lines @ ..0) = self.tail_lines {
            invalid("tailLines", lines, "must be greater than or equal to 0");
        }
        if let Some(bytes @ ..1) = self.limit_bytes {
            invalid("limitBytes", bytes, "must be greater than 0");
        }
        let forbidden = |field: &str, why: &str| {
            let message = format!("Forbidden: {why}");
            Cause { reason: "FieldValueForbidden", message, field: field.to_owned() }
        };
        match (self.since_seconds, self.since_time) {
            (Some(_), Some(_)) => {
                let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
                causes.push(forbidden("[]", why));
            }
            (Some(seconds @ ..1), None) => invalid("sinceSeconds", seconds, "must be greater than 0"),
            _ => (),
        }
        if query.get("stream").is_some() {
            causes.push(forbidden("stream", "may not be specified"));
        }
        if causes.is_empty() { Ok(()) } else { Err(Failure::invalid("", "PodLogOptions", pod, causes)) }
    }
}

fn parse_integer(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|err: std::num::ParseIntError| {
        let why = match err.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
    })
}

/// Reads a log from where the options say.
#[derive(Debug)]
pub(super) struct Reader {
    run: Arc<Run>,
    written: watch::Receiver<()>,
    next: u64,
    /// The first piece that is not to be read, for who does not follow.
    end: Option<u64>,
    since: DateTime<Utc>,
    timestamps: bool,
    /// How many bytes may still be read.
    left: u64,
    at_line_start: bool,
}

impl Reader {
    fn new(run: Arc<Run>, options: &Options, now: DateTime<Utc>) -> Self {
        let seconds = options.since_seconds.and_then(TimeDelta::try_seconds);
        let ago = seconds.and_then(|seconds| now.checked_sub_signed(seconds));
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        let written = run.written();
        let log = run.log();
        let next = options.tail_lines.map_or(0, |lines| log.tail(unsigned(lines)));
        let end = (!options.follow).then(|| log.next());
        drop(log);
        Self {
            run,
            written,
            next,
            end,
            since: options.since_time.or(ago).unwrap_or(DateTime::<Utc>::MIN_UTC),
            timestamps: options.timestamps,
            left: options.limit_bytes.map_or(u64::MAX, unsigned),
            at_line_start: true,
        }
    }

    /// What is written from now on.
    pub(super) fn from_now(run: Arc<Run>) -> Self {
        let options = Options { follow: true, tail_lines: Some(0), ..Options::default() };
        Self::new(run, &options, Utc::now())
    }

    /// The next lines, about as much as goes into one write; nothing if there are none yet.
    pub(super) fn read(&mut self) -> Bytes {
        let mut read = BytesMut::new();
        let log = self.run.log();
        for (number, time, piece) in log.from(self.next) {
            if self.left == 0 || read.len() >= PIECE || self.end.is_some_and(|end| number >= end) {
                break;
            }
            self.next = number + 1;
            let starts_line = std::mem::replace(&mut self.at_line_start, piece.ends_with(b"\n"));
            if time < self.since {
                continue;
            }
            let before = read.len();
            if self.timestamps && starts_line {
                read.extend_from_slice(time.to_rfc3339_opts(SecondsFormat::Nanos, true).as_bytes());
                read.extend_from_slice(b" ");
            }
            read.extend_from_slice(piece);
            let size = (read.len() - before) as u64;
            if size > self.left {
                read.truncate(before + usize::try_from(self.left).unwrap_or(usize::MAX));
            }
            self.left = self.left.saturating_sub(size);
        }
        read.freeze()
    }

    /// Whether there is nothing more to come.
    fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Waits until there may be more.
    pub(super) async fn written(&mut self) {
        // The sender is in the run, which is kept.
        let _ = self.written.changed().await;
    }
}
