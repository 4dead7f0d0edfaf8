//! Logs that have lines to give out, and the order of those.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    future::Future as _,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::{FutureExt as _, Stream, StreamExt as _, channel::mpsc};
use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    batch::Batch,
    error::{Cause, Error},
    event::Event,
    parking::Parking,
};

/// A log.
pub(super) struct Source {
    pub(super) id: u64,
    /// Whose it is, for errors.
    object: String,
    batches: mpsc::Receiver<Batch>,
    /// What fills them, until it is known how that has ended.
    follower: Option<AbortOnDropHandle<()>>,
    parking: Arc<Parking>,
}

impl Source {
    pub(super) fn new(
        object: String,
        batches: mpsc::Receiver<Batch>,
        follower: JoinHandle<()>,
        parking: Arc<Parking>,
    ) -> Self {
        Self { id: 0, object, batches, follower: Some(AbortOnDropHandle::new(follower)), parking }
    }

    pub(super) fn is_parked(&self) -> bool {
        self.parking.is_parked()
    }
}

impl Stream for Source {
    type Item = Batch;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        if let Some(batch) = ready!(self.batches.poll_next_unpin(cx)) {
            return Poll::Ready(Some(batch));
        }
        let Some(follower) = &mut self.follower else { return Poll::Ready(None) };
        let ended = ready!(follower.poll_unpin(cx));
        self.follower = None;
        match ended.map_err(JoinError::try_into_panic) {
            Ok(()) => Poll::Ready(None),
            // Neither is to be taken for the end of a log.
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_)) => {
                let reason = "the runtime in which it was read has been shut down".to_owned();
                let error = Error::new(&self.object, Cause::Lost { reason });
                Poll::Ready(Some(Event::Failed(error).into()))
            }
        }
    }
}

/// A log with lines that are to be given out.
pub(super) struct Head {
    pub(super) batch: Batch,
    pub(super) source: Source,
    /// When the batch came.
    came: Instant,
}

/// The heads of all logs that have one, by time.
pub(super) struct ByTime {
    pub(super) window: Duration,
    heads: HashMap<u64, (Head, Event)>,
    /// The time of the next event, which is not earlier than that of the one before.
    next: BinaryHeap<Reverse<(DateTime<Utc>, u64)>>,
    /// Since when the others are awaited, and when the last one has begun to be.
    awaited: HashMap<u64, Instant>,
    last_awaited: Option<Instant>,
    /// How many of the others are not waited for, as of so many parkings; none if others are awaited now.
    parked: Option<(usize, usize)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Head {
    pub(super) fn new(batch: Batch, source: Source) -> Self {
        Self { batch, source, came: Instant::now() }
    }
}

impl ByTime {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window,
            heads: HashMap::new(),
            next: BinaryHeap::new(),
            awaited: HashMap::new(),
            last_awaited: None,
            parked: None,
            timer: None,
        }
    }

    pub(super) fn awaits(&mut self, id: u64) {
        self.parked = None;
        self.awaited.insert(id, Instant::now());
        self.last_awaited = self.awaited.values().max().copied();
    }

    pub(super) fn came(&mut self, id: u64) {
        self.parked = None;
        self.awaited.remove(&id);
        self.last_awaited = self.awaited.values().max().copied();
    }

    /// How many of the logs that are awaited are not to be waited for, if that is known as of so many parkings.
    pub(super) fn parked(&self, parkings: usize) -> Option<usize> {
        self.parked.filter(|(_, then)| *then == parkings).map(|(parked, _)| parked)
    }

    pub(super) fn set_parked(&mut self, parked: usize, parkings: usize) {
        self.parked = Some((parked, parkings));
    }

    /// Puts the next event of a log in its place. The log is given back if it has none.
    pub(super) fn put(&mut self, mut head: Head, earliest: DateTime<Utc>) -> Option<Source> {
        let Some(event) = head.batch.next() else { return Some(head.source) };
        let time = match &event {
            Event::Line(line) => line.timestamp().max(earliest),
            // What is said of a log stands where it is said.
            _ => earliest,
        };
        let id = head.source.id;
        self.next.push(Reverse((time, id)));
        self.heads.insert(id, (head, event));
        None
    }

    /// The earliest event, and its log if that has no other one.
    pub(super) fn take(&mut self) -> Option<(Event, Option<Source>)> {
        let Reverse((time, id)) = self.next.pop()?;
        let (head, event) = self.heads.remove(&id)?;
        Some((event, self.put(head, time)))
    }

    /// Ready when the earliest event need not wait for others any more: true if there is one. That is when it has waited for
    /// the window, or when none of the others has been heard of for that long.
    pub(super) fn poll_window(&mut self, follow: bool, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(Reverse((time, id))) = self.next.peek() else { return Poll::Ready(false) };
        // It has no time to be compared.
        if *time == DateTime::<Utc>::MIN_UTC {
            return Poll::Ready(true);
        }
        let Some((head, _)) = self.heads.get(id).filter(|_| follow) else { return Poll::Ready(false) };
        let since = self.last_awaited.map_or(head.came, |last| last.min(head.came));
        let until = since + self.window;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx).map(|()| true)
    }
}
