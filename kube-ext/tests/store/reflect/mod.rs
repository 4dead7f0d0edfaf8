//! Lists and watches in the background.

mod ends;
mod faults;
mod keeps;
mod lists;
mod random;
mod scripted;
mod slow;
mod starts;
mod stubborn;
mod versions;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    runtime::reflector::{self, Store},
};
use kube_ext::{
    fake::{Calls, FakeCluster, Rule},
    store::{
        reflect,
        reflect::{Changes, KeepStore, Reflect, Reflection, State},
    },
};
use serde_json::{Value, json};

/// Nothing here takes longer, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// A map of the default namespace.
fn value(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
}

/// A cluster with some maps, and the maps as the one sees them whose requests are to fail.
async fn cluster(names: &[&str]) -> (FakeCluster, Api<ConfigMap>) {
    let objects = names.iter().map(|name| value(name));
    let builder = FakeCluster::builder().objects(objects).user("watcher", [Rule::everything()]);
    let cluster = builder.start().await.unwrap();
    let api = Api::default_namespaced(cluster.client_as("watcher").unwrap());
    (cluster, api)
}

fn create(cluster: &FakeCluster, name: &str) {
    cluster.apply(&value(name)).unwrap();
}

async fn delete(cluster: &FakeCluster, name: &str) {
    let api = Api::<ConfigMap>::default_namespaced(cluster.client().unwrap());
    api.delete(name, &kube::api::DeleteParams::default()).await.unwrap();
}

/// Calls of what reflects, and of nobody else.
fn calls(verb: &str) -> Calls {
    Calls::verb(verb).resource("configmaps").user("watcher")
}

/// Errors in the order in which they came.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn errors(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// To be started, with errors that are told, and little patience.
fn settings(api: Api<ConfigMap>) -> (Store<ConfigMap>, Told, Reflect<KeepStore<ConfigMap>>) {
    let (store, writer) = reflector::store();
    let told = Told::default();
    let reflect =
        reflect(api, writer).backoff(Duration::from_millis(5), Duration::from_millis(20)).on_error({
            let told = told.clone();
            move |error| told.0.lock().unwrap().push(error.to_string())
        });
    (store, told, reflect)
}

fn start(api: Api<ConfigMap>) -> (Store<ConfigMap>, Told, Reflection) {
    let (store, told, reflect) = settings(api);
    (store, told, reflect.start())
}

/// A state in words.
fn words(state: &State) -> String {
    let error = state.error().map(|error| format!(": {error}")).unwrap_or_default();
    match state {
        State::Starting { .. } => format!("starting{error}"),
        State::Live { refused: 0 } => "live".to_owned(),
        State::Live { refused } => format!("live without {refused}"),
        State::Stale { .. } => format!("stale{error}"),
        State::Ended { .. } => format!("ended{error}"),
        other => panic!("{other:?}"),
    }
}

/// The states up to one, that included.
async fn states_until(changes: &mut Changes, is_last: impl Fn(&str) -> bool) -> Vec<String> {
    let mut states = Vec::new();
    let states_until = async {
        while let Some(state) = changes.next().await {
            let state = words(&state);
            let is_over = is_last(&state);
            states.push(state);
            if is_over {
                break;
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, states_until).await;
    assert!(ended.is_ok(), "{states:?}");
    states
}

async fn until_state(reflection: &Reflection, state: &str) {
    let states = states_until(&mut reflection.changes(), |it| it.starts_with(state)).await;
    assert!(states.last().is_some_and(|last| last.starts_with(state)), "{states:?}");
}

async fn ready(reflection: &Reflection) {
    tokio::time::timeout(PATIENCE, reflection.ready()).await.unwrap().unwrap();
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let until = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, until).await.is_ok(), "{what}");
}

fn names(store: &Store<ConfigMap>) -> Vec<String> {
    let mut names: Vec<_> = store.state().iter().map(|map| map.name_any()).collect();
    names.sort();
    names
}

async fn until_names(store: &Store<ConfigMap>, expected: &[&str]) {
    until(&format!("{expected:?}"), || names(store) == expected).await;
}
