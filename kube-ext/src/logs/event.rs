//! What a stream of logs tells.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    error::Error,
    line::{LogLine, Source},
};

/// What comes from a [`LogStream`](crate::logs::LogStream): lines, and what there is to know about them.
///
/// ```
/// use kube_ext::logs::Event;
///
/// fn show(event: &Event) {
///     match event {
///         Event::Line(line) => println!("{}", line.text()),
///         Event::Gap(gap) => eprintln!("{}: {gap}", gap.source),
///         Event::Failed(error) => eprintln!("{error}"),
///         _ => {}
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A line, or a part of a long one.
    Line(LogLine),
    /// The log of a container is being read from here on.
    Started(Arc<Source>),
    /// It has come to its end: the container has ended, or its pod is gone, or all that there was has been read.
    Ended(Arc<Source>),
    /// Lines may be missing here, and nobody can know which.
    Gap(Gap),
    /// Reading was interrupted, and goes on where it was: nothing is lost.
    #[non_exhaustive]
    Interrupted {
        /// Why.
        error: Error,
        /// After how long it is tried again, if that is known.
        retry_in: Option<Duration>,
    },
    /// This container's log, or what was left of it, cannot be read. The others go on.
    Failed(Error),
}

impl Event {
    /// The line, if it is one.
    ///
    /// ```
    /// use futures::{Stream, StreamExt};
    /// use kube_ext::logs::{Error, Event, LogLine};
    ///
    /// fn lines(events: impl Stream<Item = Result<Event, Error>>) -> impl Stream<Item = LogLine> {
    ///     events.filter_map(async |event| event.ok()?.into_line())
    /// }
    /// ```
    pub fn into_line(self) -> Option<LogLine> {
        match self {
            Self::Line(line) => Some(line),
            _ => None,
        }
    }
}

/// A place in a container's log where lines may be missing.
///
/// ```
/// fn show(gap: &kube_ext::logs::Gap) {
///     eprintln!("{}: {gap}", gap.source);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The container.
    pub source: Arc<Source>,
    /// The time of the last line before it, if there is one.
    pub after: Option<DateTime<Utc>>,
    /// The time of the first line after it, if there is one.
    pub before: Option<DateTime<Utc>>,
    /// Why it is there.
    pub reason: GapReason,
}

/// Why lines may be missing.
///
/// ```
/// use kube_ext::logs::{Gap, GapReason};
///
/// fn was_slow(gap: &Gap) -> bool {
///     gap.reason == GapReason::Rotated
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The connection was cut, and what was to come next is no more in the file that the node reads: it was rotated.
    Rotated,
    /// The connection was cut, and when it could be made again, the container's log was gone: it had been started again more than
    /// once, or its pod was gone.
    Gone,
    /// The container was started and ended, perhaps more than once, without its log having been read.
    Restarted,
    /// The node ended the log again and again before the end.
    Unread,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("lines may be missing")?;
        if let Some(after) = self.after {
            write!(f, " after {}", after.to_rfc3339())?;
        }
        if let Some(before) = self.before {
            write!(f, " before {}", before.to_rfc3339())?;
        }
        f.write_str(match self.reason {
            GapReason::Rotated => ": the log was rotated while the connection was cut",
            GapReason::Gone => ": the log was gone when the connection was made again",
            GapReason::Restarted => ": the container was started again before its log could be read",
            GapReason::Unread => ": the node ended the log before its end",
        })
    }
}
