//! The first list, and how it is told.

use std::time::Duration;

use futures::FutureExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::DynamicObject,
    core::{ApiResource, GroupVersionKind, PartialObjectMeta},
    runtime::reflector,
};
use kube_ext::{
    fake::{FakeCluster, Fault, Rule},
    store::{
        reflect,
        reflect::{Cause, Lists},
    },
};
use serde_json::json;

use super::{
    calls, cluster, create, delete, names, ready, settings, start, states_until, until, until_names,
    until_state, words,
};

#[tokio::test]
async fn listed_and_watched() {
    let (cluster, api) = cluster(&["a", "b"]).await;
    let (store, told, reflection) = start(api);
    assert_eq!(words(&reflection.state()), "starting");
    assert!(reflection.staleness().is_none());
    assert!(reflection.ready().now_or_never().is_none());
    ready(&reflection).await;
    assert_eq!(names(&store), ["a", "b"]);
    assert!(store.wait_until_ready().now_or_never().is_some());
    assert_eq!(words(&reflection.state()), "live");
    create(&cluster, "c");
    delete(&cluster, "a").await;
    until_names(&store, &["b", "c"]).await;
    let counts = reflection.counts();
    assert_eq!((counts.lists, counts.watches, counts.listed, counts.events), (1, 1, 2, 2));
    assert_eq!((counts.refused, counts.errors, told.errors().len()), (0, 0, 0));
    assert!(reflection.last_error().is_none() && reflection.staleness().is_some());
    // One request has been enough.
    assert_eq!(cluster.requests().iter().filter(|it| it.user == "watcher").count(), 1);
}

#[tokio::test]
async fn nothing_to_list() {
    let (_cluster, api) = cluster(&[]).await;
    for lists in [Lists::Auto, Lists::Paged, Lists::Streamed] {
        let (store, _, reflect) = settings(api.clone());
        let reflection = reflect.lists(lists).start();
        ready(&reflection).await;
        assert!(store.is_empty());
    }
}

/// No rights: told at once, and tried on.
#[tokio::test]
async fn forbidden_and_then_allowed() {
    for lists in [Lists::Auto, Lists::Paged, Lists::Streamed] {
        let (cluster, api) = cluster(&["a"]).await;
        let verb = if lists == Lists::Paged { "list" } else { "watch" };
        let fault = cluster.faults().add(calls(verb), Fault::forbidden());
        let (store, told, reflect) = settings(api);
        let reflection = reflect.lists(lists).start();
        let error = reflection.ready().await.unwrap_err();
        assert!(error.is_refusal());
        let expected = "list configmaps in namespace default: configmaps is forbidden: ";
        assert!(error.to_string().starts_with(expected), "{error}");
        // It says so again until something else is known.
        reflection.ready().await.unwrap_err();
        until("three tries", || told.errors().len() > 2).await;
        assert!(words(&reflection.state()).starts_with("starting: list configmaps"));
        assert!(store.wait_until_ready().now_or_never().is_none());
        let mut changes = reflection.changes();
        fault.remove();
        let states = states_until(&mut changes, |state| state == "live").await;
        assert!(states.iter().rev().skip(1).all(|state| state.starts_with("starting: ")), "{states:?}");
        ready(&reflection).await;
        assert_eq!(names(&store), ["a"]);
        // What was is remembered.
        assert!(reflection.last_error().unwrap().is_refusal());
    }
}

/// It may be listed, but not watched: the store is filled, and grows old.
#[tokio::test]
async fn a_watch_that_is_forbidden() {
    let rules = [Rule::verbs(["list"]).resources(["configmaps"])];
    let cluster =
        FakeCluster::builder().objects([super::value("a")]).user("lister", rules).start().await.unwrap();
    let api = Api::default_namespaced(cluster.client_as("lister").unwrap());
    let (store, _, reflect) = settings(api);
    let reflection = reflect.lists(Lists::Paged).start();
    ready(&reflection).await;
    until_state(&reflection, "stale: watch configmaps in namespace default: configmaps is forbidden: ").await;
    ready(&reflection).await;
    assert_eq!(names(&store), ["a"]);
}

#[tokio::test]
async fn a_kind_that_is_not_served() {
    let (cluster, _) = cluster(&[]).await;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Widget"));
    let api = Api::<DynamicObject>::all_with(cluster.client().unwrap(), &kind);
    let reflection = reflect(api, reflector::store::Writer::new(kind.clone())).start();
    let error = reflection.ready().await.unwrap_err();
    assert!(
        matches!(error.cause(), Cause::Server(kube::Error::Api(status)) if status.code == 404),
        "{error}"
    );
    assert!(error.to_string().starts_with("list widgets.example.com: "), "{error}");
}

/// What will be otherwise by itself is waited for.
#[tokio::test]
async fn busy_and_broken_servers_are_waited_for() {
    let (cluster, api) = cluster(&["a"]).await;
    let faults = cluster.faults();
    faults.add(calls("watch").nth(1), Fault::internal_error("no"));
    faults.add(calls("watch").nth(2), Fault::status(409, "Conflict", "not now"));
    faults.add(calls("watch").nth(3), Fault::expired());
    faults.add(calls("watch").nth(4), Fault::cut_after_bytes(30));
    faults.add(calls("watch").nth(5), Fault::cut_after_events(1).cleanly());
    let (store, told, reflection) = start(api);
    ready(&reflection).await;
    assert_eq!(names(&store), ["a"]);
    let errors = told.errors();
    let expected = ["Internal error occurred: no", "not now", "too old", "", "it ended before it was whole"];
    assert_eq!(errors.len(), 5, "{errors:?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(
            error.starts_with("list configmaps in namespace default: ") && error.contains(expected),
            "{error}"
        );
    }
    assert_eq!((reflection.counts().errors, reflection.counts().lists), (5, 1));
}

/// kube's client tries again by itself after a 429.
#[tokio::test]
async fn too_many_requests() {
    let (cluster, api) = cluster(&["a"]).await;
    let busy = cluster.faults().add(calls("watch").first(5), Fault::too_many_requests(Duration::ZERO));
    let (store, told, reflection) = start(api);
    ready(&reflection).await;
    assert_eq!((names(&store), busy.hits()), (vec!["a".to_owned()], 5));
    assert!(told.errors().is_empty());
}

#[tokio::test]
async fn a_server_that_is_away() {
    let (cluster, api) = cluster(&["a"]).await;
    cluster.faults().shut_down().await;
    let (store, told, reflection) = start(api);
    until("some tries", || told.errors().len() > 2).await;
    assert!(reflection.ready().now_or_never().is_none());
    assert!(words(&reflection.state()).starts_with("starting: list configmaps"), "{:?}", reflection.state());
    cluster.faults().start_again().await.unwrap();
    ready(&reflection).await;
    assert_eq!(names(&store), ["a"]);
}

#[tokio::test]
async fn selectors_and_namespaces() {
    let map = |namespace: &str, name: &str, app: &str| {
        let labels = json!({"app": app});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, "labels": labels}})
    };
    let objects = [map("default", "a", "web"), map("default", "b", "db"), map("kube-system", "c", "web")];
    let cluster = FakeCluster::builder().objects(objects).start().await.unwrap();
    let client = cluster.client().unwrap();
    let (all, here) = (Api::all(client.clone()), Api::namespaced(client, "default"));
    for lists in [Lists::Auto, Lists::Paged] {
        let (web, _, reflect) = settings(all.clone());
        let web_reflection = reflect.lists(lists).labels("app=web").start();
        let (one, _, reflect) = settings(all.clone());
        let one_reflection = reflect.lists(lists).fields("metadata.name=b").start();
        let (both, _, reflect) = settings(here.clone());
        let both_reflection = reflect.lists(lists).start();
        for reflection in [&web_reflection, &one_reflection, &both_reflection] {
            ready(reflection).await;
        }
        assert_eq!(names(&web), ["a", "c"]);
        assert_eq!(names(&one), ["b"]);
        assert_eq!(names(&both), ["a", "b"]);
        // One that loses its label is gone, and one that gets it is there.
        cluster.apply(&map("default", "a", "none")).unwrap();
        cluster.apply(&map("default", "b", "web")).unwrap();
        until_names(&web, &["b", "c"]).await;
        cluster.apply(&map("default", "a", "web")).unwrap();
        cluster.apply(&map("default", "b", "db")).unwrap();
        until_names(&web, &["a", "c"]).await;
    }
}

#[tokio::test]
async fn what_is_no_selector() {
    let (_cluster, api) = cluster(&["a"]).await;
    for lists in [Lists::Auto, Lists::Paged] {
        let (_, _, labels) = settings(api.clone());
        let (_, _, fields) = settings(api.clone());
        for reflect in [labels.labels("a in ("), fields.fields("spec.nothing=1")] {
            let error = reflect.lists(lists).start().ready().await.unwrap_err();
            assert!(error.is_refusal(), "{error}");
            assert!(
                matches!(error.cause(), Cause::Server(kube::Error::Api(status)) if status.code == 400),
                "{error}"
            );
        }
    }
}

/// Other types of the same objects.
#[tokio::test]
async fn metadata_and_objects_of_any_kind() {
    let (cluster, api) = cluster(&["a"]).await;
    let kind = ApiResource::erase::<ConfigMap>(&());
    let client = api.into_client();
    let (metadata, writer) = reflector::store::<PartialObjectMeta<ConfigMap>>();
    let first = reflect(Api::all(client.clone()), writer).start();
    let writer = reflector::store::Writer::<DynamicObject>::new(kind.clone());
    let objects = writer.as_reader();
    let second = reflect(Api::all_with(client, &kind), writer).lists(Lists::Paged).start();
    ready(&first).await;
    ready(&second).await;
    create(&cluster, "b");
    until("both", || metadata.len() == 2 && objects.len() == 2).await;
}
