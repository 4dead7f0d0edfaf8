//! How long to wait before it is tried again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Longer and longer, with jitter, until something goes well.
#[derive(Debug)]
pub(crate) struct Delays {
    builder: ExponentialBuilder,
    next: ExponentialBackoff,
    longest: Duration,
    count: u32,
}

impl Delays {
    /// The first delay, and the longest.
    pub(crate) fn new((first, longest): (Duration, Duration)) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .without_max_times()
            .with_jitter();
        Self { builder, next: builder.build(), longest, count: 0 }
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.count = self.count.saturating_add(1);
        // Jitter comes on top.
        self.next.next().unwrap_or_default().min(self.longest)
    }

    /// How many there have been since something went well.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn reset(&mut self) {
        if self.count > 0 {
            self.next = self.builder.build();
            self.count = 0;
        }
    }
}
