//! What is kept in something else than kube's store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _, runtime::watcher::Event};
use kube_ext::{
    fake::Fault,
    store::{
        reflect,
        reflect::{Cause, Keep, Reflection},
    },
};
use serde_json::json;

use super::{calls, cluster, create, delete, ready, states_until, until, value, words};

/// Versions by name, as the contract of `Keep` has it, but for objects with some names.
#[derive(Default)]
struct Table {
    rows: Arc<Mutex<BTreeMap<String, String>>>,
    listed: Option<Vec<String>>,
    events: Arc<Mutex<Vec<String>>>,
    /// The list that is not taken.
    bad_list: Option<usize>,
    lists: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("it does not fit")]
struct DoesNotFit;

impl Keep for Table {
    type Error = DoesNotFit;
    type Object = ConfigMap;

    fn keep(&mut self, event: Event<ConfigMap>) -> Result<(), DoesNotFit> {
        self.events.lock().unwrap().push(event.to_string());
        let mut rows = self.rows.lock().unwrap();
        match event {
            Event::Init => self.listed = Some(Vec::new()),
            Event::InitDone => {
                self.lists += 1;
                let listed = self.listed.take().unwrap();
                if self.bad_list == Some(self.lists) {
                    return Err(DoesNotFit);
                }
                rows.retain(|name, _| listed.contains(name));
            }
            Event::Delete(map) => drop(rows.remove(&map.name_any())),
            Event::Apply(map) | Event::InitApply(map) => {
                let name = map.name_any();
                assert_ne!(name, "panic", "a bug");
                if let Some(listed) = &mut self.listed {
                    listed.push(name.clone());
                }
                if map.data.as_ref().is_some_and(|data| data.contains_key("big")) {
                    return Err(DoesNotFit);
                }
                rows.insert(name, map.resource_version().unwrap());
            }
        }
        Ok(())
    }
}

struct Kept {
    rows: Arc<Mutex<BTreeMap<String, String>>>,
    events: Arc<Mutex<Vec<String>>>,
    told: super::Told,
    reflection: Reflection,
}

impl Kept {
    fn start(api: Api<ConfigMap>, rows: Table) -> Self {
        let told = super::Told::default();
        let (kept, events) = (rows.rows.clone(), rows.events.clone());
        let tell = told.clone();
        let reflection = reflect(api, rows)
            .backoff(Duration::from_millis(5), Duration::from_millis(20))
            .on_error(move |error| tell.0.lock().unwrap().push(error.to_string()))
            .start();
        Self { rows: kept, events, told, reflection }
    }

    fn names(&self) -> Vec<String> {
        self.rows.lock().unwrap().keys().cloned().collect()
    }
}

fn big(name: &str) -> serde_json::Value {
    let mut map = value(name);
    map["data"] = json!({"big": "yes"});
    map
}

#[tokio::test]
async fn the_contract() {
    let (cluster, api) = cluster(&["a", "b"]).await;
    let kept = Kept::start(api, Table::default());
    ready(&kept.reflection).await;
    create(&cluster, "c");
    delete(&cluster, "a").await;
    until("c without a", || kept.names() == ["b", "c"]).await;
    let events = kept.events.lock().unwrap().clone();
    assert_eq!(events, ["Init", "InitApply(a)", "InitApply(b)", "InitDone", "Apply(c)", "Delete(a)"]);
}

/// An object that is refused is told, and the others are there.
#[tokio::test]
async fn objects_that_are_refused() {
    let (cluster, api) = cluster(&["a", "c"]).await;
    cluster.apply(&big("b")).unwrap();
    let kept = Kept::start(api, Table::default());
    ready(&kept.reflection).await;
    assert_eq!(kept.names(), ["a", "c"]);
    assert_eq!(words(&kept.reflection.state()), "live without 1");
    let error = kept.reflection.last_error().unwrap();
    assert_eq!(error.to_string(), "keep configmaps default/b: it does not fit");
    assert!(matches!(error.cause(), Cause::Refused(error) if error.is::<DoesNotFit>()));

    let mut changes = kept.reflection.changes();
    cluster.apply(&big("c")).unwrap();
    create(&cluster, "d");
    let states = states_until(&mut changes, |state| state == "live without 2").await;
    assert_eq!(states.len(), 2, "{states:?}");
    until("d", || kept.names() == ["a", "c", "d"]).await;
    assert_eq!(kept.told.errors().len(), 2);
    let counts = kept.reflection.counts();
    assert_eq!((counts.refused, counts.errors, counts.listed, counts.events), (2, 0, 2, 1));

    // Each list counts anew.
    delete(&cluster, "b").await;
    create(&cluster, "c");
    until("c is as it was", || kept.reflection.counts().events == 3).await;
    cluster.faults().add(calls("watch").first(1), Fault::expired());
    cluster.faults().restart();
    until("another list", || words(&kept.reflection.state()) == "live").await;
    assert_eq!(kept.names(), ["a", "c", "d"]);
}

/// A list that is not taken is begun anew, and what was kept is kept.
#[tokio::test]
async fn a_list_that_is_refused() {
    let (_cluster, api) = cluster(&["a"]).await;
    let kept = Kept::start(api, Table { bad_list: Some(1), ..Default::default() });
    ready(&kept.reflection).await;
    assert_eq!(kept.told.errors(), ["keep configmaps in namespace default: it does not fit"]);
    assert_eq!(kept.names(), ["a"]);
    assert_eq!(kept.reflection.counts().lists, 1);
}

#[tokio::test]
async fn a_panic_is_the_end_and_no_silence() {
    let (cluster, api) = cluster(&["a"]).await;
    let kept = Kept::start(api.clone(), Table::default());
    ready(&kept.reflection).await;
    create(&cluster, "panic");
    let states = states_until(&mut kept.reflection.changes(), |state| state.starts_with("ended")).await;
    let last = states.last().unwrap();
    assert!(
        last.starts_with("ended: keep configmaps in namespace default: it panicked: ")
            && last.contains("a bug")
    );
    assert!(kept.reflection.last_error().is_some());
    // The list was whole before; one that never was is an error.
    ready(&kept.reflection).await;
    tokio::time::timeout(super::PATIENCE, cluster.until_no_requests()).await.unwrap();
    let kept = Kept::start(api, Table::default());
    let error = kept.reflection.ready().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Panicked(_)), "{error}");
}

/// An event that cannot be read costs that event.
#[tokio::test]
async fn events_that_cannot_be_read() {
    #[derive(Clone, Debug, serde::Deserialize)]
    #[serde(try_from = "ConfigMap")]
    struct Strict(ConfigMap);

    impl TryFrom<ConfigMap> for Strict {
        type Error = &'static str;

        fn try_from(map: ConfigMap) -> Result<Self, Self::Error> {
            if map.name_any() == "odd" { Err("odd") } else { Ok(Self(map)) }
        }
    }

    impl kube::Resource for Strict {
        type DynamicType = ();
        type Scope = k8s_openapi::NamespaceResourceScope;

        fn kind((): &()) -> std::borrow::Cow<'_, str> {
            "ConfigMap".into()
        }

        fn group((): &()) -> std::borrow::Cow<'_, str> {
            "".into()
        }

        fn version((): &()) -> std::borrow::Cow<'_, str> {
            "v1".into()
        }

        fn plural((): &()) -> std::borrow::Cow<'_, str> {
            "configmaps".into()
        }

        fn meta(&self) -> &kube::core::ObjectMeta {
            &self.0.metadata
        }

        fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
            &mut self.0.metadata
        }
    }

    let (cluster, api) = cluster(&["a"]).await;
    let (store, writer) = kube::runtime::reflector::store::<Strict>();
    let api = Api::<Strict>::default_namespaced(api.into_client());
    let reflection =
        reflect(api, writer).backoff(Duration::from_millis(5), Duration::from_millis(20)).start();
    ready(&reflection).await;
    create(&cluster, "odd");
    create(&cluster, "b");
    until("b", || store.len() == 2).await;
    assert_eq!(words(&reflection.state()), "live without 1");
    assert!(matches!(reflection.last_error().unwrap().cause(), Cause::Unreadable));
    // A list with one is none, and the store stays.
    cluster.faults().add(calls("watch").first(1), Fault::expired());
    cluster.faults().restart();
    let unreadable = "stale: list configmaps in namespace default: an event cannot be read";
    until("a list that fails", || words(&reflection.state()).ends_with(unreadable)).await;
    assert_eq!(store.len(), 2);
    delete(&cluster, "odd").await;
    until("a list that does not", || words(&reflection.state()) == "live").await;
    assert_eq!(store.len(), 2);
}
