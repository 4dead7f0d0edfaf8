//! How a reflection is.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{
    Stream,
    stream::{self, BoxStream},
};
use tokio::sync::watch;

use super::error::Error;

/// How a [`Reflection`](super::Reflection) is.
///
/// ```
/// use kube_ext::store::reflect::State;
///
/// fn corner(state: &State) -> String {
///     match state {
///         State::Starting { error: None } => "listing".to_owned(),
///         State::Live { refused: 0 } => "live".to_owned(),
///         State::Live { refused } => format!("live, without {refused} changes"),
///         State::Stale { since, error } => format!("{} s old: {error}", since.elapsed().as_secs()),
///         State::Starting { error: Some(error) } | State::Ended { error: Some(error) } => error.to_string(),
///         _ => "ended".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum State {
    /// No list has been whole so far.
    Starting {
        /// Why the last try failed, if one has.
        error: Option<Arc<Error>>,
    },
    /// The store has what the server has told, and nothing has gone wrong since.
    Live {
        /// How many events were refused, by the store or because they could not be read, since the last list began: it has older objects in
        /// their place, or none. Zero, unless something is wrong with the objects.
        ///
        /// An event that cannot be read does not tell from where to go on. If it is the last one of a watch, the next watch brings it again, and it
        /// counts again: one object may be counted several times.
        refused: u64,
    },
    /// A watch or a list has failed, and since then no list has been whole, and no watch has told something or gone on for a second without an
    /// error. The store has what it had, and it is tried again.
    Stale {
        /// When it began.
        since: Instant,
        /// What went wrong last.
        error: Arc<Error>,
    },
    /// Nothing more comes. The store has what it had.
    ///
    /// When the reflection is dropped this is told at once, while its task may still be storing one last event;
    /// [`stop`](super::Reflection::stop) waits for it.
    Ended {
        /// Why, unless it was stopped or dropped: a panic, or a runtime that was shut down.
        error: Option<Arc<Error>>,
    },
}

impl State {
    /// Whether it is [`Live`](Self::Live).
    ///
    /// ```
    /// use kube_ext::store::reflect::State;
    ///
    /// assert!(State::Live { refused: 0 }.is_live());
    /// assert!(!State::Starting { error: None }.is_live());
    /// ```
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    /// What went wrong, if it is not live because of an error.
    ///
    /// ```
    /// use kube_ext::store::reflect::State;
    ///
    /// assert!(State::Starting { error: None }.error().is_none());
    /// ```
    pub fn error(&self) -> Option<&Arc<Error>> {
        match self {
            Self::Starting { error } | Self::Ended { error } => error.as_ref(),
            Self::Stale { error, .. } => Some(error),
            Self::Live { .. } => None,
        }
    }
}

/// What has happened to a reflection so far.
///
/// ```
/// # fn show(reflection: &kube_ext::store::reflect::Reflection) {
/// let counts = reflection.counts();
/// println!("{} events, {} lists, {} watches, {} errors", counts.events, counts.lists, counts.watches, counts.errors);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Lists that were whole.
    pub lists: u64,
    /// Watches that began; a streamed list is one.
    pub watches: u64,
    /// Objects of lists that were kept, of broken ones, too.
    pub listed: u64,
    /// Changes that were kept.
    pub events: u64,
    /// Events that were refused: see [`State::Live`].
    pub refused: u64,
    /// Lists and watches that failed.
    pub errors: u64,
}

/// The states of a reflection as they come: what [`changes`](super::Reflection::changes) returns.
///
/// The first item is the state that it is in. Who is slower than they come misses some, but never the last one. It ends after
/// [`State::Ended`].
///
/// # Cancel safety
/// Nothing is lost between two items.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use k8s_openapi::api::core::v1::Pod;
/// # use kube::{Api, runtime::reflector};
/// # use kube_ext::{fake::FakeCluster, store::reflect};
/// # let cluster = FakeCluster::builder().start().await?;
/// # let pods: Api<Pod> = Api::all(cluster.client()?);
/// use futures::StreamExt;
/// use kube_ext::store::reflect::State;
///
/// let reflection = reflect(pods, reflector::store().1).start();
/// // Unlike `ready`, it waits whatever the server says.
/// assert!(reflection.changes().any(async |state: State| state.is_live()).await);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is read unless it is polled"]
pub struct Changes(BoxStream<'static, State>);

impl Changes {
    pub(super) fn new(state: watch::Receiver<Course>) -> Self {
        let states = stream::unfold(Some((state, true)), async |course| {
            let (mut course, is_first) = course?;
            if !is_first {
                course.changed().await.ok()?;
            }
            let state = course.borrow_and_update().state.clone();
            let is_last = matches!(state, State::Ended { .. });
            Some((state, (!is_last).then_some((course, false))))
        });
        Self(Box::pin(states))
    }
}

impl Stream for Changes {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

/// The state, and what is to be remembered of those before.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) state: State,
    /// Whether a list has been whole.
    pub(super) is_filled: bool,
}

/// What the task and its handle share.
#[derive(Debug)]
pub(super) struct Status {
    course: watch::Sender<Course>,
    last_error: Mutex<Option<Arc<Error>>>,
    begun: Instant,
    /// When the server last told something, in microseconds since it began and one more; zero for never.
    heard: AtomicU64,
    pub(super) lists: AtomicU64,
    pub(super) watches: AtomicU64,
    pub(super) listed: AtomicU64,
    pub(super) events: AtomicU64,
    refused: AtomicU64,
    errors: AtomicU64,
}

/// One more of something that is only counted.
pub(super) fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

impl Status {
    pub(super) fn new() -> Self {
        let course = Course { state: State::Starting { error: None }, is_filled: false };
        Self {
            course: watch::Sender::new(course),
            last_error: Mutex::default(),
            begun: Instant::now(),
            heard: AtomicU64::default(),
            lists: AtomicU64::default(),
            watches: AtomicU64::default(),
            listed: AtomicU64::default(),
            events: AtomicU64::default(),
            refused: AtomicU64::default(),
            errors: AtomicU64::default(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Course> {
        self.course.subscribe()
    }

    pub(super) fn state(&self) -> State {
        self.course.borrow().state.clone()
    }

    pub(super) fn last_error(&self) -> Option<Arc<Error>> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, error: &Arc<Error>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }

    pub(super) fn counts(&self) -> Counts {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            lists: get(&self.lists),
            watches: get(&self.watches),
            listed: get(&self.listed),
            events: get(&self.events),
            refused: get(&self.refused),
            errors: get(&self.errors),
        }
    }

    /// The server has told something.
    pub(super) fn heard(&self) {
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.heard.store(micros.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn staleness(&self) -> Option<Duration> {
        let heard = self.heard.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.begun.elapsed().saturating_sub(Duration::from_micros(heard)))
    }

    /// What comes after an end does not count.
    fn change(&self, change: impl FnOnce(&mut Course) -> bool) {
        self.course.send_if_modified(|course| !matches!(course.state, State::Ended { .. }) && change(course));
    }

    /// A list is whole, or a watch after one is well.
    pub(super) fn live(&self, refused: u64) {
        self.change(|course| {
            let is_new = !matches!(course.state, State::Live { refused: before } if before == refused);
            course.is_filled = true;
            course.state = State::Live { refused };
            is_new
        });
    }

    /// A list or a watch has failed.
    pub(super) fn failed(&self, error: Arc<Error>) {
        count(&self.errors);
        self.remember(&error);
        self.change(|course| {
            course.state = match course.state {
                State::Stale { since, .. } => State::Stale { since, error },
                _ if course.is_filled => State::Stale { since: Instant::now(), error },
                _ => State::Starting { error: Some(error) },
            };
            true
        });
    }

    /// An event was refused, one of so many since the last list began.
    pub(super) fn refused(&self, error: &Arc<Error>, since_list: u64) {
        count(&self.refused);
        self.remember(error);
        self.change(|course| {
            let is_live = course.state.is_live();
            if is_live {
                course.state = State::Live { refused: since_list };
            }
            is_live
        });
    }

    /// Nothing more comes, whatever is told later.
    pub(super) fn end(&self, error: Option<Error>) {
        let error = error.map(Arc::new);
        self.change(|course| {
            if let Some(error) = &error {
                self.remember(error);
            }
            course.state = State::Ended { error };
            true
        });
    }
}
