//! watch: what is there, and what happens from then on.
//!
//! A watch reads the store's history as its client reads the answer. It has no queue of its own: beside the objects that
//! it starts with, it holds a hundred events at most. A client that is slower than the history is long is told so (410
//! Expired), and has to list again.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    sync,
    time::{self, Instant},
};

use super::{
    options::{self, Options},
    routing,
};
use crate::fake::{
    body::{self, Body},
    kinds::Kind,
    selector::Selector,
    server::{Call, Shared},
    status::Failure,
    store::{Compacted, Event, Key, Stored},
    table::{Form, Printer},
};

/// How long a watch lasts that does not say. The API server takes half an hour to an hour, by chance.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long before its end a watch sends a last bookmark, as in `k8s.io/apiserver/pkg/storage/cacher`.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// How many events are taken from the history at once.
const BATCH: usize = 100;

/// Answers with what happens to the objects of a collection.
pub(crate) fn watch(call: &Call) -> Result<Response<Body>, Failure> {
    // With a name the server does not see that it is to watch.
    if !call.info.name.is_empty() {
        return super::get(call);
    }
    let (kind, info) = (call.kind()?, &call.info);
    if let Some(answer) = routing(call, kind, true) {
        return Ok(answer);
    }
    if !super::has(&kind.verbs, "list") {
        return Err(Failure::method_not_allowed());
    }
    let form = Form::of(&call.headers)?.including(&info.query)?;
    let options = Options::of_watch(kind, &info.query)?;
    if !super::has(&kind.verbs, "watch") {
        let message = format!("watch is not supported on resources of kind {:?}", info.resource);
        return Err(Failure::unsupported(message)
            .detail("group", &*kind.group)
            .detail("kind", &*kind.plural));
    }
    let watch = Watch::start(call, kind, form, options)?;
    let lines = stream::unfold(watch, |mut watch| async move { Some((Ok(watch.line().await?), watch)) });
    Ok(body::response(StatusCode::OK, "application/json", body::stream(lines)))
}

/// A watch under way.
#[derive(Debug)]
struct Watch {
    shared: Arc<Shared>,
    kind: Arc<Kind>,
    printer: Printer,
    /// Of a table, only the first event names the columns.
    columns_sent: bool,
    selector: Selector,
    /// All if there is none.
    namespace: Option<String>,
    written: sync::watch::Receiver<u64>,
    /// What is to be sent next.
    due: VecDeque<Due>,
    /// Up to which version all events are in `due` or sent.
    version: u64,
    /// Where it started. A bookmark says something later.
    started: u64,
    /// When the next bookmark is sent, if any are.
    next_bookmark: Option<Instant>,
    end: Instant,
    /// The last version that is told, once that has come.
    last: Option<u64>,
    over: bool,
}

#[derive(Debug)]
enum Due {
    /// An object that is there from the start.
    Initial(Arc<Stored>),
    /// All that was there from the start is sent.
    InitialEnd(u64),
    Event(Event),
    Error(Value),
}

impl Watch {
    fn start(call: &Call, kind: &Arc<Kind>, form: Form, options: Options) -> Result<Self, Failure> {
        let shared = call.shared.clone();
        let written = shared.store.written();
        let namespace = call.info.in_namespace.then(|| call.info.namespace.clone());
        let asked = match options.version.as_str() {
            "" | "0" => None,
            version => {
                // The server passes the error on as it is.
                let fail = |message| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message);
                Some(options::version(version).map_err(fail)?)
            }
        };
        let mut due = VecDeque::new();
        let mut over = false;
        let mut version = asked.unwrap_or_else(|| shared.store.version());
        if options.send_initial_events == Some(true) {
            let (current, objects) = shared
                .store
                .list(&kind.storage, namespace.as_deref(), None)
                .map_err(|compacted| too_old(version, compacted))?;
            if let Err(failure) = options::check_not_ahead(version, current) {
                due.push_back(Due::Error(failure.status()));
                over = true;
            } else {
                due.extend(objects.into_iter().map(Due::Initial));
                due.extend(options.bookmarks.then_some(Due::InitialEnd(current)));
                version = current;
            }
        }
        let now = Instant::now();
        let end = now + options.timeout.filter(|timeout| *timeout > 0).map_or(TIMEOUT, Duration::from_secs);
        let mut watch = Self {
            kind: kind.clone(),
            printer: Printer::new(form, kind),
            columns_sent: false,
            selector: options.selector,
            namespace,
            written,
            due,
            version,
            started: version,
            next_bookmark: None,
            end,
            last: None,
            over,
            shared,
        };
        if options.bookmarks {
            watch.plan_bookmark(now);
        }
        Ok(watch)
    }

    /// The next line of the answer; nothing at its end.
    async fn line(&mut self) -> Option<Bytes> {
        loop {
            while let Some(due) = self.due.pop_front() {
                if let Some(line) = self.print(due) {
                    return Some(line);
                }
            }
            let now = Instant::now();
            if self.over || !self.is_served() {
                return None;
            }
            // What was written in time is told, however late that is.
            if now >= self.end {
                let last = *self.last.get_or_insert_with(|| self.shared.store.version());
                if self.version >= last {
                    return None;
                }
            }
            // What is written from here on wakes us up.
            self.written.mark_unchanged();
            self.take_events();
            if !self.due.is_empty() {
                continue;
            }
            if self.next_bookmark.is_some_and(|bookmark| now >= bookmark) {
                self.plan_bookmark(now);
                if self.version > self.started {
                    return Some(self.bookmark(self.version, false));
                }
            }
            let wake = self.next_bookmark.map_or(self.end, |bookmark| bookmark.min(self.end));
            // Either way there may be something to send; if the store is gone, the end comes in time.
            let _ = time::timeout_at(wake, self.written.changed()).await;
        }
    }

    /// Whether the kind is still there: that of a CRD may be gone.
    fn is_served(&self) -> bool {
        let kind = &self.kind;
        kind.custom.is_none() || self.shared.kinds().find(&kind.group, &kind.version, &kind.plural).is_some()
    }

    fn take_events(&mut self) {
        let namespace = self.namespace.as_deref();
        match self.shared.store.events_after(&self.kind.storage, namespace, self.version, BATCH) {
            Ok((version, events)) => {
                // A version that is still to come is waited for.
                self.version = self.version.max(version);
                self.due.extend(events.into_iter().map(Due::Event));
            }
            Err(compacted) => {
                self.due.push_back(Due::Error(too_old(self.version, compacted).status()));
                self.over = true;
            }
        }
    }

    fn plan_bookmark(&mut self, now: Instant) {
        let regular = now + self.shared.bookmarks;
        let last = self.end.checked_sub(LAST_BOOKMARK).filter(|last| *last > now);
        self.next_bookmark = Some(last.map_or(regular, |last| last.min(regular)));
    }

    /// What is sent; nothing if it is not selected.
    fn print(&mut self, due: Due) -> Option<Bytes> {
        match due {
            Due::Initial(object) => self.selector.matches(&object).then(|| self.event("ADDED", &object)),
            Due::InitialEnd(version) => Some(self.bookmark(version, true)),
            Due::Error(status) => Some(line("ERROR", status.to_string().as_bytes())),
            Due::Event(event) => self.change(&event),
        }
    }

    /// An event as somebody sees it who only sees what is selected.
    fn change(&mut self, event: &Event) -> Option<Bytes> {
        let before = event.before.as_ref().filter(|before| self.selector.matches(before));
        let selected = !event.deleted && self.selector.matches(&event.object);
        match (before, selected) {
            (None, false) => None,
            (None, true) => Some(self.event("ADDED", &event.object)),
            (Some(_), true) => Some(self.event("MODIFIED", &event.object)),
            (Some(_), false) if event.deleted => Some(self.event("DELETED", &event.object)),
            (Some(before), false) => {
                let last = Stored::new(&self.kind, before.key.clone(), event.version, before.value());
                Some(self.event("DELETED", &last))
            }
        }
    }

    fn bookmark(&mut self, version: u64, initial_end: bool) -> Bytes {
        let metadata = if initial_end {
            json!({"annotations": {"k8s.io/initial-events-end": "true"}})
        } else {
            json!({})
        };
        let key = Key { resource: self.kind.storage.clone(), namespace: String::new(), name: String::new() };
        let object = Stored::new(&self.kind, key, version, json!({ "metadata": metadata }));
        let columns = self.names_columns();
        let object = if initial_end {
            self.printer.initial_end(&object, columns)
        } else {
            self.printer.object(&object, columns)
        };
        line("BOOKMARK", &object)
    }

    fn event(&mut self, event: &str, object: &Stored) -> Bytes {
        let columns = self.names_columns();
        line(event, &self.printer.object(object, columns))
    }

    fn names_columns(&mut self) -> bool {
        !std::mem::replace(&mut self.columns_sent, true)
    }
}

fn line(event: &str, object: &[u8]) -> Bytes {
    [format!(r#"{{"type":"{event}","object":"#).as_bytes(), object, b"}\n"].concat().into()
}

fn too_old(version: u64, compacted: Compacted) -> Failure {
    Failure::expired(format!("too old resource version: {version} ({})", compacted.oldest))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use k8s_openapi::api::core::v1::ConfigMap;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::fake::{FakeCluster, request::RequestInfo};

    /// A watch of maps, whose time is over before it is read for the first time.
    fn late(cluster: &FakeCluster, query: &str) -> Watch {
        let shared = cluster.shared.clone();
        let (user, method) = ("somebody", Method::GET);
        let info = RequestInfo::parse(&method, "/api/v1/configmaps", Some(query));
        let kind = shared.kinds().find("", "v1", "configmaps").unwrap();
        let call = Call {
            record: shared.requests.begin(user, &method, &info, query),
            user: user.to_owned(),
            method,
            kind: Some(kind.clone()),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            connection: CancellationToken::new(),
            cut: None,
            shared,
            info,
        };
        let options = Options::of_watch(&kind, &call.info.query).unwrap();
        let mut watch = Watch::start(&call, &kind, Form::of(&call.headers).unwrap(), options).unwrap();
        watch.end = Instant::now();
        watch
    }

    fn write(cluster: &FakeCluster, round: usize) -> u64 {
        let data = json!({"round": round.to_string()});
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}, "data": data});
        cluster.apply(&serde_json::from_value::<ConfigMap>(map).unwrap()).unwrap();
        cluster.shared.store.version()
    }

    async fn next(watch: &mut Watch) -> Option<(String, String)> {
        let event: Value = serde_json::from_slice(&watch.line().await?).unwrap();
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some((text("/type"), text("/object/metadata/resourceVersion")))
    }

    /// As when the process was stopped between the request and its answer.
    #[tokio::test]
    async fn what_has_happened_is_told_though_the_time_is_over() {
        let cluster = FakeCluster::builder().start().await.unwrap();
        let before = cluster.shared.store.version();
        // More than are taken at once.
        let written: Vec<_> = (0..=2 * BATCH).map(|round| write(&cluster, round)).collect();
        let mut watch = late(&cluster, &format!("watch=1&resourceVersion={before}"));
        for (index, version) in written.iter().enumerate() {
            let event = if index == 0 { "ADDED" } else { "MODIFIED" };
            assert_eq!(next(&mut watch).await, Some((event.to_owned(), version.to_string())));
        }
        assert_eq!(next(&mut watch).await, None);
    }

    /// Or else a watch would not end while there are writes.
    #[tokio::test]
    async fn what_happens_when_the_time_is_over_is_not_waited_for() {
        let cluster = FakeCluster::builder().start().await.unwrap();
        let before = cluster.shared.store.version();
        let written = write(&cluster, 0);
        let mut watch = late(&cluster, &format!("watch=1&resourceVersion={before}"));
        assert_eq!(next(&mut watch).await, Some(("ADDED".to_owned(), written.to_string())));
        write(&cluster, 1);
        assert_eq!(next(&mut watch).await, None);
        // Nor is a version that is still to come.
        let mut watch = late(&cluster, &format!("watch=1&resourceVersion={}", written + 100));
        assert_eq!(next(&mut watch).await, None);
    }
}
