//! The task: lists, watches, and what is done when they fail.
//!
//! It is not kube's `watcher`, which tells neither bookmarks nor that a watch has begun again: after an error nobody could know that it is over.
//! In all that is told here it goes on as that does.

use std::{collections::HashMap, convert::Infallible, fmt::Debug, mem, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::BoxStream};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
    runtime::watcher::Event,
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::{
    LIST_SILENCE, Settings, TIMEOUT,
    choice::Choice,
    error::{Cause, Error},
    keep::Keep,
    objects::{Doing, Name, Objects},
    state::{Status, count},
};
use crate::delays::Delays;

/// What a server marks the end of a streamed list with.
const END: &str = "k8s.io/initial-events-end";
/// A watch that ends sooner, and without a word, has failed; one that has said nothing for as long is well.
const SHORT: Duration = Duration::from_secs(1);
/// How many answers in a row that are errors are taken for errors of the version that is asked for.
const ANSWERS: u32 = 3;

type Events<K> = BoxStream<'static, kube::Result<WatchEvent<K>>>;

/// A list that is whole, and the watch that it came with.
struct Listed<K> {
    version: String,
    events: Option<Events<K>>,
}

/// The task.
pub(super) struct Run<W: Keep> {
    api: Api<W::Object>,
    keep: W,
    objects: Arc<Objects>,
    settings: Settings,
    status: Arc<Status>,
    delays: Delays,
    choice: Choice,
    /// How many events were refused since the last list began.
    refused: u64,
}

impl<W: Keep> Run<W>
where
    W::Object: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    pub(super) fn new(
        api: Api<W::Object>,
        keep: W,
        objects: Arc<Objects>,
        settings: Settings,
        status: Arc<Status>,
    ) -> Self {
        let delays = Delays::new(settings.backoff);
        let choice = Choice::new(settings.lists, settings.page_size);
        Self { api, keep, objects, settings, status, delays, choice, refused: 0 }
    }

    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let error = match self.list().await {
                Ok(listed) => self.follow(listed).await,
                Err(error) => error,
            };
            self.failed(error).await;
        }
    }

    /// Tells of an error, and waits.
    async fn failed(&mut self, error: Error) {
        let error = Arc::new(error);
        self.settings.tell(&error);
        self.status.failed(error);
        sleep(self.delays.next()).await;
    }

    /// An event is not kept.
    fn refuse(&mut self, error: Error) {
        self.refused = self.refused.saturating_add(1);
        let error = Arc::new(error);
        self.settings.tell(&error);
        self.status.refused(&error, self.refused);
    }

    async fn list(&mut self) -> Result<Listed<W::Object>, Error> {
        if !self.choice.is_streamed() {
            return self.paged().await;
        }
        let begun = Instant::now();
        // Without a version it is of now, as a list in pages is.
        let events = match self.watch("", Doing::List).await {
            Err(error) if error.is_about_streaming() => {
                self.choice.refused();
                return if self.choice.is_streamed() { Err(error) } else { self.paged().await };
            }
            events => events?,
        };
        let listed = self.streamed(events).await;
        if let Err(error) = &listed {
            self.choice.broke_off(error.cause(), begun.elapsed());
        }
        listed
    }

    /// A list in pages.
    async fn paged(&mut self) -> Result<Listed<W::Object>, Error> {
        let mut params = ListParams {
            label_selector: self.settings.labels.clone(),
            field_selector: self.settings.fields.clone(),
            limit: self.choice.page_size(),
            ..Default::default()
        };
        loop {
            let silence = self.settings.silence();
            let page = timeout(silence, self.api.list(&params)).await;
            let page = page.map_err(|_| Cause::Silent(silence)).and_then(|page| page.map_err(Cause::Server));
            let page = page.map_err(|cause| self.objects.error(Doing::List, cause));
            if params.continue_token.is_some() && page.as_ref().is_err_and(Error::is_expired) {
                self.choice.was_too_slow();
            }
            let page = page?;
            self.status.heard();
            if params.continue_token.is_none() {
                self.begin_list()?;
            }
            for object in page.items {
                self.keep(Event::InitApply, object);
                // A page of thousands is not to hold up other tasks.
                tokio::task::coop::consume_budget().await;
            }
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                let version = self.version(page.metadata.resource_version)?;
                self.end_list()?;
                self.status.live(self.refused);
                return Ok(Listed { version, events: None });
            }
        }
    }

    /// A list that a watch begins with.
    async fn streamed(&mut self, mut events: Events<W::Object>) -> Result<Listed<W::Object>, Error> {
        self.begin_list()?;
        // The server has said that these are gone, while it told of others.
        let mut gone: HashMap<Name, W::Object> = HashMap::new();
        loop {
            let event = self.next(&mut events, Doing::List).await?;
            match event.ok_or_else(|| self.objects.error(Doing::List, Cause::Broken))? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    if !gone.is_empty() {
                        gone.remove(&Name::of(&object));
                    }
                    self.keep(Event::InitApply, object);
                }
                WatchEvent::Deleted(object) => drop(gone.insert(Name::of(&object), object)),
                WatchEvent::Bookmark(mark) if mark.metadata.annotations.contains_key(END) => {
                    let version = self.version(Some(mark.metadata.resource_version))?;
                    self.end_list()?;
                    for object in gone.into_values() {
                        self.keep(Event::Delete, object);
                    }
                    self.status.live(self.refused);
                    // It was asked for as long as a list may take; another one goes on from where it is.
                    let events = events.take_until(sleep(self.settings.timeout())).boxed();
                    return Ok(Listed { version, events: Some(events) });
                }
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => {
                    return Err(self
                        .objects
                        .error(Doing::List, Cause::Server(kube::Error::Api(status.boxed()))));
                }
            }
        }
    }

    /// Watches from a list on, until all is to be listed again.
    async fn follow(&mut self, listed: Listed<W::Object>) -> Error {
        let Listed { mut version, mut events } = listed;
        // Answers in a row that were errors, of one version.
        let mut answers = 0;
        loop {
            let (begun, has_listed, from) = (Instant::now(), events.is_some(), version.clone());
            let watch = match events.take() {
                Some(events) => Ok(events),
                None => self.watch(&version, Doing::Watch).await,
            };
            let end = match watch {
                Ok(events) => self.read(events, &mut version).await,
                Err(error) => Err(error),
            };
            if version != from {
                answers = 0;
            }
            let is_short = begun.elapsed() < SHORT;
            let error = match end {
                Ok(false) if !has_listed && is_short => self.objects.error(Doing::Watch, Cause::Short),
                Ok(_) => {
                    answers = 0;
                    if !is_short {
                        self.delays.reset();
                    }
                    continue;
                }
                Err(error) => error,
            };
            if error.is_answer() {
                answers += 1;
            }
            if error.is_about_version() || answers >= ANSWERS {
                return error;
            }
            self.failed(error).await;
        }
    }

    /// Begins a watch; with a list, or from a version on.
    async fn watch(&mut self, version: &str, doing: Doing) -> Result<Events<W::Object>, Error> {
        let is_list = matches!(doing, Doing::List);
        let params = WatchParams {
            label_selector: self.settings.labels.clone(),
            field_selector: self.settings.fields.clone(),
            // The server ends it then, whether the list is whole or not.
            timeout: Some(if is_list { TIMEOUT } else { self.settings.timeout }),
            bookmarks: true,
            send_initial_events: is_list,
        };
        let silence = self.settings.silence();
        let events = timeout(silence, self.api.watch(&params, version)).await;
        let events = events.map_err(|_| Cause::Silent(silence)).and_then(|it| it.map_err(Cause::Server));
        let events = events.map_err(|cause| self.objects.error(doing, cause))?;
        self.status.heard();
        count(&self.status.watches);
        Ok(events.boxed())
    }

    /// Keeps what a watch tells, to its end. Returns whether that was anything.
    async fn read(&mut self, mut events: Events<W::Object>, version: &mut String) -> Result<bool, Error> {
        let (mut has_told, mut is_well) = (false, false);
        loop {
            let next = self.next(&mut events, Doing::Watch);
            let next = if is_well {
                next.await
            } else if let Ok(next) = timeout(SHORT, next).await {
                next
            } else {
                // A server that does not know the version any more accepts the watch, and says so at once.
                self.well(&mut is_well);
                continue;
            };
            let event = match next {
                // The next one tells a later version: to ask again from the one before would bring the same for ever.
                Err(error) if error.is_unreadable() => {
                    self.refuse(error);
                    self.well(&mut is_well);
                    continue;
                }
                event => event?,
            };
            let Some(event) = event else { return Ok(has_told) };
            let (is_deleted, object) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (false, object),
                WatchEvent::Deleted(object) => (true, object),
                WatchEvent::Bookmark(mark) => {
                    // From none the next watch would begin now, and what was deleted until then would stay.
                    if !mark.metadata.resource_version.is_empty() {
                        *version = mark.metadata.resource_version;
                    }
                    has_told = true;
                    self.delays.reset();
                    self.well(&mut is_well);
                    continue;
                }
                WatchEvent::Error(status) => {
                    let cause = Cause::Server(kube::Error::Api(status.boxed()));
                    return Err(self.objects.error(Doing::Watch, cause));
                }
            };
            has_told = true;
            self.delays.reset();
            self.well(&mut is_well);
            if let Some(of) = object.resource_version().filter(|of| !of.is_empty()) {
                *version = of;
            }
            self.keep(if is_deleted { Event::Delete } else { Event::Apply }, object);
        }
    }

    /// A watch goes well, which is told once.
    fn well(&self, is_told: &mut bool) {
        if !mem::replace(is_told, true) {
            self.status.live(self.refused);
        }
    }

    /// What a watch tells next; nothing at its end.
    async fn next(
        &mut self,
        events: &mut Events<W::Object>,
        doing: Doing,
    ) -> Result<Option<WatchEvent<W::Object>>, Error> {
        let silence = self.settings.silence();
        let silence = if matches!(doing, Doing::List) { silence.min(LIST_SILENCE) } else { silence };
        let event = timeout(silence, events.next()).await;
        let event =
            event.map_err(|_| Cause::Silent(silence)).and_then(|it| it.transpose().map_err(Cause::in_watch));
        if matches!(event, Ok(Some(_))) {
            self.status.heard();
        }
        event.map_err(|cause| self.objects.error(doing, cause))
    }

    /// What a list says that it is of.
    fn version(&self, version: Option<String>) -> Result<String, Error> {
        let version = version.filter(|version| !version.is_empty());
        version.ok_or_else(|| self.objects.error(Doing::List, Cause::NoVersion))
    }

    fn begin_list(&mut self) -> Result<(), Error> {
        self.refused = 0;
        self.mark(Event::Init)
    }

    fn end_list(&mut self) -> Result<(), Error> {
        self.mark(Event::InitDone)?;
        count(&self.status.lists);
        // How long to wait is left as it is: a watch that fails after each list is not to be an endless row of lists.
        self.choice.was_whole();
        Ok(())
    }

    fn mark(&mut self, event: Event<W::Object>) -> Result<(), Error> {
        let kept = self.keep.keep(event);
        kept.map_err(|error| self.objects.error(Doing::Keep, Cause::Refused(Box::new(error))))
    }

    /// Keeps an object, or tells that it is refused.
    fn keep(&mut self, event: fn(W::Object) -> Event<W::Object>, object: W::Object) {
        // The object is gone when it is refused.
        let name = Name::of(&object);
        let event = event(object);
        let counter =
            if matches!(event, Event::InitApply(_)) { &self.status.listed } else { &self.status.events };
        match self.keep.keep(event) {
            Ok(()) => count(counter),
            Err(error) => {
                let error = self.objects.error_of(&name, Cause::Refused(Box::new(error)));
                self.refuse(error);
            }
        }
    }
}

impl Settings {
    fn tell(&mut self, error: &Error) {
        if let Some(on_error) = &mut self.on_error {
            on_error(error);
        }
    }
}
