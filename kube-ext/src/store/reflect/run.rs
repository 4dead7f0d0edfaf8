//! The task: lists, watches, and what is done when they fail.
//!
//! It is not kube's `watcher`, which tells neither bookmarks nor that a watch has begun again: after an error nobody could know that it is over.
//! In all that is told here it goes on as that does.

use std::{
    convert::Infallible,
    fmt::{self, Debug},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::BoxStream};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
    runtime::watcher::Event,
};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use super::{
    LIST_SILENCE, Lists, Settings,
    error::{Cause, Error},
    keep::Keep,
    state::{Status, count},
};
use crate::delays::Delays;

/// What a server marks the end of a streamed list with.
const END: &str = "k8s.io/initial-events-end";
/// A watch that ends sooner, and without a word, has failed.
const SHORT: Duration = Duration::from_secs(1);

type Events<K> = BoxStream<'static, kube::Result<WatchEvent<K>>>;

/// What is done.
#[derive(Clone, Copy)]
enum Doing {
    List,
    Watch,
    Keep,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Watch => "watch",
            Self::Keep => "keep",
        })
    }
}

/// What is listed and watched, in words.
pub(super) struct Objects {
    /// `deployments.apps`.
    kind: String,
    namespace: Option<String>,
}

impl Objects {
    pub(super) fn of<K: Resource>(api: &Api<K>) -> Self {
        let parts: Vec<_> = api.resource_url().split('/').filter(|part| !part.is_empty()).collect();
        let plural = parts.last().copied().unwrap_or_default();
        let kind = match parts.as_slice() {
            ["apis", group, ..] => format!("{plural}.{group}"),
            _ => plural.to_owned(),
        };
        Self { kind, namespace: api.namespace().map(str::to_owned) }
    }

    fn error(&self, doing: Doing, cause: Cause) -> Error {
        let place = self.namespace.as_ref().map(|it| format!(" in namespace {it}")).unwrap_or_default();
        Error::new(format!("{doing} {}{place}", self.kind), cause)
    }

    /// The task has panicked, in what keeps the objects or is told of errors.
    pub(super) fn panicked(&self, message: String) -> Error {
        self.error(Doing::Keep, Cause::Panicked(message))
    }

    pub(super) fn cancelled(&self) -> Error {
        self.error(Doing::Watch, Cause::Cancelled)
    }

    /// An object, by what it is known by.
    fn error_of(&self, name: &Name, cause: Cause) -> Error {
        let namespace = name.0.as_ref().map(|it| format!("{it}/")).unwrap_or_default();
        Error::new(format!("{} {} {namespace}{}", Doing::Keep, self.kind, name.1), cause)
    }
}

/// Namespace and name.
#[derive(PartialEq)]
struct Name(Option<String>, String);

impl Name {
    fn of(object: &impl Resource) -> Self {
        Self(object.namespace(), object.meta().name.clone().unwrap_or_default())
    }
}

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
    is_streamed: bool,
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
        let is_streamed = settings.lists != Lists::Paged;
        Self { api, keep, objects, settings, status, delays, is_streamed, refused: 0 }
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
        if !self.is_streamed {
            return self.paged().await;
        }
        let is_choice = self.settings.lists == Lists::Auto;
        // Without a version it is of now, as a list in pages is.
        let events = match self.watch("", Doing::List).await {
            Err(error) if is_choice && error.is_about_streaming() => {
                self.is_streamed = false;
                return self.paged().await;
            }
            events => events?,
        };
        let listed = self.streamed(events).await;
        if let Err(error) = &listed
            && matches!(error.cause(), Cause::Silent(_))
        {
            // A server that knows nothing of it may take it for a watch, and never tell the end of the list.
            self.is_streamed = !is_choice;
        }
        listed
    }

    /// A list in pages.
    async fn paged(&mut self) -> Result<Listed<W::Object>, Error> {
        let mut params = ListParams {
            label_selector: self.settings.labels.clone(),
            field_selector: self.settings.fields.clone(),
            limit: self.settings.page_size,
            ..Default::default()
        };
        loop {
            let silence = self.settings.silence();
            let page = timeout(silence, self.api.list(&params)).await;
            let page = page.map_err(|_| Cause::Silent(silence)).and_then(|page| page.map_err(Cause::Server));
            let page = page.map_err(|cause| self.objects.error(Doing::List, cause))?;
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
                let version = page.metadata.resource_version.filter(|version| !version.is_empty());
                let version = version.ok_or_else(|| self.objects.error(Doing::List, Cause::NoVersion))?;
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
        let mut gone: Vec<W::Object> = Vec::new();
        loop {
            let event = self.next(&mut events, Doing::List).await?;
            match event.ok_or_else(|| self.objects.error(Doing::List, Cause::Broken))? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    if !gone.is_empty() {
                        let name = Name::of(&object);
                        gone.retain(|gone| Name::of(gone) != name);
                    }
                    self.keep(Event::InitApply, object);
                }
                WatchEvent::Deleted(object) => gone.push(object),
                WatchEvent::Bookmark(mark) if mark.metadata.annotations.contains_key(END) => {
                    self.end_list()?;
                    for object in gone {
                        self.keep(Event::Delete, object);
                    }
                    self.status.live(self.refused);
                    return Ok(Listed { version: mark.metadata.resource_version, events: Some(events) });
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
        loop {
            let (begun, has_listed) = (Instant::now(), events.is_some());
            let watch = match events.take() {
                Some(events) => Ok(events),
                None => self.watch(&version, Doing::Watch).await,
            };
            let end = match watch {
                Ok(events) => self.read(events, &mut version).await,
                Err(error) => Err(error),
            };
            match end {
                Ok(false) if !has_listed && begun.elapsed() < SHORT => {
                    let error = self.objects.error(Doing::Watch, Cause::Short);
                    self.failed(error).await;
                }
                Ok(_) => {}
                Err(error) if error.is_expired() => return error,
                Err(error) => self.failed(error).await,
            }
        }
    }

    /// Begins a watch; with a list, or from a version on.
    async fn watch(&mut self, version: &str, doing: Doing) -> Result<Events<W::Object>, Error> {
        let params = WatchParams {
            label_selector: self.settings.labels.clone(),
            field_selector: self.settings.fields.clone(),
            timeout: Some(self.settings.timeout),
            bookmarks: true,
            send_initial_events: matches!(doing, Doing::List),
        };
        let silence = self.settings.silence();
        let events = timeout(silence, self.api.watch(&params, version)).await;
        let events = events.map_err(|_| Cause::Silent(silence)).and_then(|it| it.map_err(Cause::Server));
        let events = events.map_err(|cause| self.objects.error(doing, cause))?;
        self.status.heard();
        count(&self.status.watches);
        if matches!(doing, Doing::Watch) {
            self.status.live(self.refused);
        }
        Ok(events.boxed())
    }

    /// Keeps what a watch tells, to its end. Returns whether that was anything.
    async fn read(&mut self, mut events: Events<W::Object>, version: &mut String) -> Result<bool, Error> {
        let mut has_told = false;
        loop {
            let event = match self.next(&mut events, Doing::Watch).await {
                // The next one tells a later version: to ask again from the one before would bring the same for ever.
                Err(error) if error.is_unreadable() => {
                    self.refuse(error);
                    continue;
                }
                event => event?,
            };
            let Some(event) = event else { return Ok(has_told) };
            let (is_deleted, object) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (false, object),
                WatchEvent::Deleted(object) => (true, object),
                WatchEvent::Bookmark(mark) => {
                    (*version, has_told) = (mark.metadata.resource_version, true);
                    self.delays.reset();
                    continue;
                }
                WatchEvent::Error(status) => {
                    let cause = Cause::Server(kube::Error::Api(status.boxed()));
                    return Err(self.objects.error(Doing::Watch, cause));
                }
            };
            has_told = true;
            self.delays.reset();
            if let Some(of) = object.resource_version().filter(|of| !of.is_empty()) {
                *version = of;
            }
            self.keep(if is_deleted { Event::Delete } else { Event::Apply }, object);
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

    fn begin_list(&mut self) -> Result<(), Error> {
        self.refused = 0;
        self.mark(Event::Init)
    }

    fn end_list(&mut self) -> Result<(), Error> {
        self.mark(Event::InitDone)?;
        count(&self.status.lists);
        self.delays.reset();
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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node, core::v1::Pod};
    use kube::Client;

    use super::*;

    #[tokio::test]
    async fn words() {
        let client =
            Client::try_from(kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"))).unwrap();
        let of = |objects: Objects| objects.error(Doing::List, Cause::Short).to_string();
        let short = "it ended at once, without a word";
        let pods = Objects::of(&Api::<Pod>::namespaced(client.clone(), "shop"));
        assert_eq!(of(pods), format!("list pods in namespace shop: {short}"));
        assert_eq!(of(Objects::of(&Api::<Pod>::all(client.clone()))), format!("list pods: {short}"));
        assert_eq!(of(Objects::of(&Api::<Node>::all(client.clone()))), format!("list nodes: {short}"));
        let deployments = Objects::of(&Api::<Deployment>::all(client));
        assert_eq!(
            deployments.error_of(&Name(Some("a".to_owned()), "b".to_owned()), Cause::NoVersion).to_string(),
            "keep deployments.apps a/b: the list has no resourceVersion"
        );
    }
}
