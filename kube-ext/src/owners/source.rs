//! One kind of a graph that is followed: a list, what happens after it, and the list again when that is lost.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::BoxStream};
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    error::Cause,
    kinds::Kind,
    list::{List, PATIENCE, Page},
    reading::Reading,
};
use crate::{delays::Delays, server};

/// How long it takes until something is tried again, first and at most.
const DELAYS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Between two lists of what cannot be watched, and until it is asked again what has been refused.
pub(super) const POLL: Duration = Duration::from_secs(30);
/// A server ends a watch after 290 seconds, as it is told; a connection on which nothing comes for longer is dead.
const LONGEST: Duration = Duration::from_secs(300);
/// A watch that ends earlier has not gone well.
const SHORT: Duration = Duration::from_secs(1);
/// So often a watch is tried again from where it was; then all is listed anew.
const TRIES: u32 = 3;

type Events = BoxStream<'static, kube::Result<WatchEvent<Value>>>;

/// One kind of a graph that is followed.
pub(super) struct Source {
    pub(super) number: usize,
    /// What is meant to be listed; what can be may be less.
    meant: List,
    delays: Delays,
}

/// What is done next.
pub(super) enum Step {
    /// Nothing, for a time; then all is listed again.
    Wait(Duration),
    /// A page is read.
    Read(Reading),
    /// Changes after a version are asked for, after a time.
    Watch(Place, Duration),
    /// And taken.
    Take(Place, Watch),
}

/// What has been read: a list with its version, and what came after it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) list: List,
    pub(super) version: String,
}

/// Changes, until the server should have ended them.
pub(super) struct Watch {
    events: Events,
    since: Instant,
}

/// What has come of a step.
pub(super) enum News {
    /// It is time to list all of it again.
    Awake,
    Page(Reading, Result<Page, Cause>),
    /// Changes are on their way.
    Watching(Place, Watch),
    Event(Place, Watch, Box<WatchEvent<Value>>),
    /// There are no more for now; whether that was to be expected.
    End(Place, bool),
    /// There are none; whether there have been for a while.
    Failed(Place, Cause, bool),
}

impl Step {
    pub(super) async fn make(self) -> News {
        match self {
            Self::Wait(pause) => {
                sleep(pause).await;
                News::Awake
            }
            Self::Read(reading) => {
                let (reading, page) = reading.page().await;
                News::Page(reading, page)
            }
            Self::Watch(place, pause) => {
                sleep(pause).await;
                let ask = server::again(|| place.list.watch(&place.version));
                match timeout(PATIENCE, ask).await {
                    Ok(Ok(events)) => News::Watching(place, Watch { events, since: Instant::now() }),
                    Ok(Err(error)) => News::Failed(place, Cause::of(error), false),
                    Err(_) => News::Failed(place, Cause::late(), false),
                }
            }
            Self::Take(place, mut watch) => {
                match timeout_at(watch.since + LONGEST, watch.events.next()).await {
                    Ok(Some(Ok(event))) => News::Event(place, watch, Box::new(event)),
                    Ok(Some(Err(error))) => News::Failed(place, Cause::of(error), watch.is_long()),
                    Ok(None) | Err(_) => News::End(place, watch.is_long()),
                }
            }
        }
    }
}

impl Watch {
    fn is_long(&self) -> bool {
        self.since.elapsed() > SHORT
    }
}

impl Source {
    pub(super) fn new(number: usize, meant: List) -> Self {
        Self { number, meant, delays: Delays::new(DELAYS) }
    }

    pub(super) fn kind(&self) -> &Arc<Kind> {
        &self.meant.kind
    }

    /// All of it again.
    pub(super) fn list(&self) -> Step {
        Step::Read(Reading::again(self.meant.clone()))
    }

    /// What happens after a list; or the list again, where that is not to be had.
    pub(super) fn watch(place: Place) -> Step {
        if place.list.kind.is_watchable() && !place.version.is_empty() {
            Step::Watch(place, Duration::ZERO)
        } else {
            Step::Wait(POLL)
        }
    }

    /// The same again, a little later each time; at last from the beginning.
    pub(super) fn again(&mut self, place: Place) -> Step {
        let pause = self.delays.next();
        if self.delays.count() > TRIES { Step::Wait(pause) } else { Step::Watch(place, pause) }
    }

    /// What was read is too long ago: all of it again, at once unless that was the last thing that happened.
    pub(super) fn expired(&mut self) -> Step {
        let pause = self.delays.next();
        if self.delays.count() > 1 { Step::Wait(pause) } else { self.list() }
    }

    /// Whether less than what is meant is read.
    pub(super) fn is_narrow(&self, list: &List) -> bool {
        list.namespace != self.meant.namespace
    }

    /// A list could not be had.
    pub(super) fn later(&mut self, is_refused: bool) -> Step {
        let pause = self.delays.next();
        Step::Wait(if is_refused { POLL } else { pause })
    }

    /// Something has gone well.
    pub(super) fn is_well(&mut self) {
        self.delays.reset();
    }
}
