//! What a watch keeps, where things go wrong: events in any order, and clusters inside the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bounds;
mod compact;
mod faults;
mod lists;
mod random;
mod reflect;
#[path = "../slim/unique.rs"]
mod unique;

use std::{collections::BTreeMap, hash::Hash};

use futures::{FutureExt as _, StreamExt as _, channel::mpsc, stream::BoxStream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::{
    reflector::{Lookup, Store, reflector, store::Writer},
    watcher::{self, Event},
};
use kube_ext::store::WatchEventsExt as _;
use serde_json::json;

type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;
type Sender<K> = mpsc::UnboundedSender<watcher::Result<Event<K>>>;
/// Uid and version by namespace and name.
type Contents = BTreeMap<(Option<String>, String), (String, String)>;

/// A store that is fed by hand.
struct Fed<K: Lookup + Clone + 'static>
where
    K::DynamicType: Hash + Eq + Clone,
{
    store: Store<K>,
    sender: Sender<K>,
    events: Events<K>,
}

impl<K: Lookup + Clone + Send + Sync + 'static> Fed<K>
where
    K::DynamicType: Hash + Eq + Clone + Send + Sync,
{
    /// As kube has it.
    fn plain(kind: K::DynamicType) -> Self {
        let writer = Writer::new(kind);
        let (sender, events) = mpsc::unbounded();
        Self { store: writer.as_reader(), sender, events: reflector(writer, events).boxed() }
    }

    /// Behind `relist`.
    fn relisted(kind: K::DynamicType) -> Self {
        let writer = Writer::new(kind);
        let (sender, events) = mpsc::unbounded();
        let events = events.relist(writer.as_reader());
        Self { store: writer.as_reader(), sender, events: reflector(writer, events).boxed() }
    }

    fn send(&self, event: watcher::Result<Event<K>>) {
        self.sender.unbounded_send(event).unwrap();
    }

    /// What comes out next, once it is in the store; nothing until more is sent.
    fn next(&mut self) -> Option<watcher::Result<Event<K>>> {
        self.events.next().now_or_never().flatten()
    }

    /// What comes out of this event.
    fn feed(&mut self, event: watcher::Result<Event<K>>) -> Vec<watcher::Result<Event<K>>> {
        self.send(event);
        std::iter::from_fn(|| self.next()).collect()
    }

    fn contents(&self) -> Contents {
        let key = |it: &K| (it.namespace().map(Into::into), it.name().unwrap().into());
        let value = |it: &K| (it.uid().unwrap().into(), it.resource_version().unwrap().into());
        self.store.state().iter().map(|it| (key(it), value(it))).collect()
    }
}

/// Events in words.
fn words<K: Lookup>(events: &[watcher::Result<Event<K>>]) -> Vec<String> {
    let words = |event: &watcher::Result<Event<K>>| {
        let text = |what: &str, it: &K| format!("{what} {} {}", it.name().unwrap(), it.uid().unwrap());
        match event {
            Ok(Event::Apply(it)) => text("apply", it),
            Ok(Event::Delete(it)) => text("delete", it),
            Ok(Event::Init) => "init".to_owned(),
            Ok(Event::InitApply(it)) => text("init apply", it),
            Ok(Event::InitDone) => "done".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    events.iter().map(words).collect()
}

/// An error as a watch has it.
fn error() -> watcher::Error {
    watcher::Error::NoResourceVersion
}

fn map(name: &str, uid: &str, version: usize) -> ConfigMap {
    serde_json::from_value(json!({
        "metadata": {"namespace": "default", "name": name, "uid": uid, "resourceVersion": version.to_string()},
    }))
    .unwrap()
}
