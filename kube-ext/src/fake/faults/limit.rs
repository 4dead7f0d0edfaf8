//! Limits of calls: in a span of time, and at a time.
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::super::requests::Record;

/// How long clients are told to wait when too many requests are in flight, as the API server tells them.
const IN_FLIGHT_RETRY: Duration = Duration::from_secs(1);

/// A limit and what is used of it.
#[derive(Debug)]
pub(super) enum Limit {
    Rate {
        calls: u64,
        per: Duration,
        /// When the span of time began, and how many calls were let through since.
        window: Option<(Instant, u64)>,
    },
    InFlight {
        calls: usize,
        /// Those that were let through; no more than `calls`.
        open: Vec<Weak<Record>>,
    },
}

impl Limit {
    /// Counts a call that is let through; for one that is not, how long to wait.
    pub(super) fn refuses(&mut self, record: &Arc<Record>) -> Option<Duration> {
        match self {
            Self::Rate { calls, per, window } => {
                let now = Instant::now();
                let (begin, used) = window.filter(|(begin, _)| now - *begin < *per).unwrap_or((now, 0));
                if used >= *calls {
                    return Some(per.saturating_sub(now - begin));
                }
                *window = Some((begin, used + 1));
                None
            }
            Self::InFlight { calls, open } => {
                open.retain(|record| record.strong_count() > 0);
                if open.len() >= *calls {
                    return Some(IN_FLIGHT_RETRY);
                }
                open.push(Arc::downgrade(record));
                None
            }
        }
    }
}
