//! kube's own runtime against the cluster: reflector, controller, conditions, finalizers, paging.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{CustomResourceExt, Resource, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::support::TestNamespace;

/// Nothing here takes longer, unless it never ends.
/// A controller puts the other one into each namespace, some time.
const OURS: &str = "metadata.name!=kube-root-ca.crt";
const PATIENCE: Duration = Duration::from_secs(300);

fn config_map(name: &str, data: &[(&str, &str)]) -> ConfigMap {
    let data: BTreeMap<_, _> = data.iter().copied().collect();
    serde_json::from_value(json!({"metadata": {"name": name}, "data": data})).unwrap()
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} never happened"))
}

/// Follows random writes with a reflector until it has the last one, then compares it with a list.
async fn follow_writes(config: watcher::Config) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "reflector").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    for number in 0..20 {
        api.create(&PostParams::default(), &config_map(&format!("old-{number}"), &[])).await.unwrap();
    }
    let (reader, writer) = reflector::store();
    let mut events = reflector(writer, watcher(api.clone(), config.fields(OURS)))
        .default_backoff()
        .touched_objects()
        .boxed();
    let changes = async {
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..200 {
            let name = format!("new-{}", rng.u8(..10));
            let patch = Patch::Apply(json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"round": round.to_string()},
            }));
            if rng.u8(..4) == 0 {
                let _ = api.delete(&name, &DeleteParams::default()).await;
            } else {
                api.patch(&name, &PatchParams::apply("kube-ext-test").force(), &patch).await.unwrap();
            }
        }
        api.create(&PostParams::default(), &config_map("last", &[])).await.unwrap();
    };
    let reading = async {
        // After an error it goes on.
        while let Some(object) = events.next().await {
            if object.is_ok_and(|object| object.name_any() == "last") {
                break;
            }
        }
    };
    in_time("the last write", futures::future::join(changes, reading)).await;
    let state = reader.state();
    let mut stored: Vec<_> =
        state.iter().map(|map| (map.name_any(), map.resource_version(), map.data.clone())).collect();
    stored.sort();
    let listed = api.list(&ListParams::default().fields(OURS)).await.unwrap().items;
    let listed: Vec<_> =
        listed.into_iter().map(|map| (map.name_any(), map.resource_version(), map.data)).collect();
    assert_eq!(stored, listed);
    namespace.delete().await;
}

#[tokio::test]
async fn a_reflector_has_what_a_list_has() {
    follow_writes(watcher::Config::default().page_size(7)).await;
}

#[tokio::test]
async fn a_reflector_of_a_streaming_list_has_what_a_list_has() {
    follow_writes(watcher::Config::default().streaming_lists()).await;
}

#[tokio::test]
async fn metadata_is_watched_without_the_rest() {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "metadata").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    api.create(&PostParams::default(), &config_map("first", &[("a", "1")])).await.unwrap();
    let metadata = Api::<PartialObjectMeta<ConfigMap>>::namespaced(cluster.client.clone(), &namespace.name);
    let mut events = watcher(metadata, watcher::Config::default().fields(OURS)).applied_objects().boxed();
    let first = in_time("the first", events.try_next()).await.unwrap().unwrap();
    assert_eq!(first.name_any(), "first");
    api.create(&PostParams::default(), &config_map("second", &[("a", "1")])).await.unwrap();
    let second = in_time("the second", events.try_next()).await.unwrap().unwrap();
    assert_eq!(
        (second.name_any().as_str(), second.types.unwrap().kind.as_str()),
        ("second", "PartialObjectMetadata")
    );
    namespace.delete().await;
}

/// Every map labelled `parent` gets a child of the same data.
async fn make_child(parent: Arc<ConfigMap>, api: Arc<Api<ConfigMap>>) -> Result<Action, kube::Error> {
    let child = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": format!("{}-child", parent.name_any()),
            "ownerReferences": [parent.controller_owner_ref(&()).unwrap()],
        },
        "data": parent.data,
    });
    let params = PatchParams::apply("kube-ext-test").force();
    api.patch(&format!("{}-child", parent.name_any()), &params, &Patch::Apply(child)).await?;
    Ok(Action::await_change())
}

#[tokio::test]
async fn a_controller_keeps_its_children() {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "controller").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    let parents = watcher::Config::default().labels("role=parent");
    let controller = Controller::new(api.clone(), parents).owns(api.clone(), watcher::Config::default()).run(
        make_child,
        |_, _, _| Action::requeue(Duration::from_millis(100)),
        Arc::new(api.clone()),
    );
    let (said, mut heard) = mpsc::unbounded_channel();
    let controller = tokio::spawn(controller.for_each(move |end| {
        match end {
            Ok(_) => drop(said.send(())),
            Err(error) => eprintln!("{error:?}"),
        }
        std::future::ready(())
    }));
    let mut parent = config_map("p", &[("a", "1")]);
    parent.labels_mut().insert("role".to_owned(), "parent".to_owned());
    let parent = api.create(&PostParams::default(), &parent).await.unwrap();
    let has = |value: &'static str| {
        move |map: Option<&ConfigMap>| {
            map.and_then(|map| map.data.as_ref())
                .is_some_and(|data| data.get("a").is_some_and(|a| a == value))
        }
    };
    let child =
        in_time("the child", await_condition(api.clone(), "p-child", has("1"))).await.unwrap().unwrap();
    assert_eq!(child.owner_references()[0].uid, parent.uid().unwrap());
    // A controller does not wait for its lists of children: it misses the end of one that it has not seen. The second time it
    // looks at the parent is for the child.
    let both = async {
        for _ in 0..2 {
            heard.recv().await.unwrap();
        }
    };
    in_time("a look at the child", both).await;
    // Deleted, it comes back as another object; changed in the parent, it changes.
    api.delete("p-child", &DeleteParams::default()).await.unwrap();
    let other = |map: Option<&ConfigMap>| map.is_some_and(|map| map.uid() != child.uid());
    in_time("the new child", await_condition(api.clone(), "p-child", other)).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    api.patch("p", &PatchParams::default(), &patch).await.unwrap();
    in_time("the change", await_condition(api.clone(), "p-child", has("2"))).await.unwrap();
    controller.abort();
    namespace.delete().await;
}

#[tokio::test]
async fn a_finalizer_runs_before_the_object_is_gone() {
    const NAME: &str = "example.com/clean-up";
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "finalizer").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    api.create(&PostParams::default(), &config_map("guarded", &[])).await.unwrap();
    let step = async |api: &Api<ConfigMap>| {
        let object = Arc::new(api.get("guarded").await.unwrap());
        let mut seen = "none";
        finalizer(api, NAME, object, |event| {
            seen = if matches!(event, Event::Apply(_)) { "apply" } else { "cleanup" };
            async { Ok::<_, std::io::Error>(Action::await_change()) }
        })
        .await
        .unwrap();
        seen
    };
    // The first call puts the finalizer there, which is a change that a controller would see.
    assert_eq!(step(&api).await, "none");
    assert_eq!(step(&api).await, "apply");
    let uid = api.get("guarded").await.unwrap().uid().unwrap();
    api.delete("guarded", &DeleteParams::default()).await.unwrap();
    let held = api.get("guarded").await.unwrap();
    assert!(held.metadata.deletion_timestamp.is_some());
    assert_eq!(held.finalizers(), [NAME]);
    assert_eq!(step(&api).await, "cleanup");
    in_time("the end", await_condition(api.clone(), "guarded", conditions::is_deleted(&uid))).await.unwrap();
    namespace.delete().await;
}

#[derive(kube::CustomResource, serde::Serialize, serde::Deserialize, Clone, Debug, schemars::JsonSchema)]
#[kube(group = "runtime.kube-ext.example", version = "v1", kind = "Ship", namespaced, status = "ShipStatus")]
struct ShipSpec {
    guns: u32,
}

#[derive(serde::Serialize, serde::Deserialize, Clone, Debug, Default, schemars::JsonSchema)]
struct ShipStatus {
    afloat: bool,
}

#[tokio::test]
async fn a_custom_resource_is_served_once_it_is_established() {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "crd").await;
    let crds = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    let crd = crds
        .patch(Ship::crd_name(), &PatchParams::apply("kube-ext-test").force(), &Patch::Apply(Ship::crd()))
        .await
        .unwrap();
    let established = await_condition(crds.clone(), Ship::crd_name(), conditions::is_crd_established());
    in_time("the CRD", established).await.unwrap();
    let ships = Api::<Ship>::namespaced(cluster.client.clone(), &namespace.name);
    // A server may take a moment longer to serve what it calls established.
    let created = in_time("the ship", async {
        loop {
            match ships.create(&PostParams::default(), &Ship::new("victory", ShipSpec { guns: 104 })).await {
                Ok(ship) => break ship,
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    assert_eq!((created.metadata.generation, created.spec.guns), (Some(1), 104));
    let patch = Patch::Merge(json!({"status": {"afloat": true}}));
    let patched = ships.patch_status("victory", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((patched.metadata.generation, patched.status.unwrap().afloat), (Some(1), true));
    let patch = Patch::Merge(json!({"spec": {"guns": 100}, "status": {"afloat": false}}));
    let patched = ships.patch("victory", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!((patched.metadata.generation, patched.status.unwrap().afloat), (Some(2), true));
    crds.delete(Ship::crd_name(), &DeleteParams::default()).await.unwrap();
    let uid = crd.uid().unwrap();
    let gone = await_condition(crds, Ship::crd_name(), conditions::is_deleted(&uid));
    in_time("the end of the CRD", gone).await.unwrap();
    namespace.delete().await;
}

#[tokio::test]
async fn pages_are_of_one_moment() {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, "paging").await;
    let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), &namespace.name);
    let names: BTreeSet<_> = (0..10).map(|number| format!("map-{number}")).collect();
    for name in &names {
        api.create(&PostParams::default(), &config_map(name, &[])).await.unwrap();
    }
    let mut params = ListParams::default().fields("metadata.name!=kube-root-ca.crt").limit(3);
    let (mut seen, mut version) = (BTreeSet::new(), None);
    loop {
        let page = api.list(&params).await.unwrap();
        seen.extend(page.items.iter().map(ResourceExt::name_any));
        assert_eq!(
            *version.get_or_insert(page.metadata.resource_version.clone()),
            page.metadata.resource_version
        );
        // Neither what comes nor what goes between two pages shows.
        let _ = api.delete("map-9", &DeleteParams::default()).await;
        let _ = api.create(&PostParams::default(), &config_map("map-99", &[])).await;
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params.continue_token = Some(token),
            _ => break,
        }
    }
    assert_eq!(seen, names);
    namespace.delete().await;
}
