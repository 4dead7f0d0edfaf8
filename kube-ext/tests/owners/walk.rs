//! The way up where things go wrong.

use std::time::Duration;

use futures::StreamExt as _;
use kube::Resource;
use kube_ext::{
    fake::{Calls, FakeCluster, Fault},
    owners::{Cause, Kinds, OwnerGraph, OwnersExt as _},
};
use serde_json::{Value, json};

use super::{cluster, map, object, uid};

/// Nothing here takes longer, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names of owners, and the words of errors.
async fn walk(object: &impl Resource, kinds: &Kinds) -> (Vec<String>, Vec<String>) {
    let found: Vec<_> = object.owners(kinds).collect().await;
    let (mut names, mut errors) = (Vec::new(), Vec::new());
    for owner in found {
        match owner {
            Ok(owner) => names.push(owner.to_string()),
            Err(error) => errors.push(error.to_string()),
        }
    }
    names.sort();
    (names, errors)
}

fn reads(cluster: &FakeCluster) -> usize {
    cluster.requests().iter().filter(|request| request.verb == "get" && !request.name.is_empty()).count()
}

#[tokio::test]
async fn one_request_for_each_owner() {
    // Three levels of ten, each owned by all of the level above.
    let levels: Vec<Vec<usize>> = (0..3).map(|level| (level * 10..level * 10 + 10).collect()).collect();
    let mut objects: Vec<_> = levels[0].iter().map(|number| map(*number, &[])).collect();
    for level in [1, 2] {
        objects.extend(levels[level].iter().map(|number| map(*number, &levels[level - 1])));
    }
    let (cluster, client) = cluster(objects).await;
    let kinds = Kinds::new(client);
    let start = map(100, &levels[2]);
    let (names, errors) = walk(&start, &kinds).await;
    assert_eq!((names.len(), errors.len()), (30, 0), "{errors:?}");
    assert_eq!((reads(&cluster), cluster.requests().len()), (30, 32));
    // Discovery is not made again.
    cluster.forget_requests();
    walk(&start, &kinds).await;
    assert_eq!(cluster.requests().len(), 30);
}

#[tokio::test]
async fn one_request_however_it_is_named() {
    let scaler = |number: usize, owners: Value| {
        object(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": format!("scaler-{number}"), "namespace": "default", "uid": uid(number), "ownerReferences": owners},
            "spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        }))
    };
    let node =
        object(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node", "uid": uid(1)}}));
    let node_reference = json!({"apiVersion": "v1", "kind": "Node", "name": "node", "uid": uid(1)});
    let volume = object(json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": "volume", "uid": uid(2), "ownerReferences": [node_reference]},
    }));
    let (cluster, client) = cluster(vec![node, volume, scaler(3, json!([]))]).await;
    let by = |version: &str| json!({"apiVersion": format!("autoscaling/{version}"), "kind": "HorizontalPodAutoscaler", "name": "scaler-3", "uid": uid(3)});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "name": "volume", "uid": uid(2)});
    // From a namespace and from none; by one version and by another.
    let start = scaler(4, json!([node_reference, volume, by("v1"), by("v2")]));
    let (names, errors) = walk(&start, &Kinds::new(client)).await;
    assert_eq!(
        names,
        ["HorizontalPodAutoscaler/scaler-3", "Node/node", "PersistentVolume/volume"],
        "{errors:?}"
    );
    assert_eq!((reads(&cluster), errors.len()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn kinds_that_do_not_come() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    cluster.faults().add(Calls::any().path("/apis"), Fault::hang());
    let error = map(1, &[0]).controller_of(&Kinds::new(client.clone())).await.unwrap_err();
    assert_eq!(error.to_string(), "discovery: no whole answer within 60s");
    OwnerGraph::builder(client).load().await.unwrap_err();
}

#[tokio::test]
async fn what_fails_is_an_item_and_the_others_go_on() {
    let (cluster, client) =
        cluster(vec![map(0, &[]), map(1, &[0]), map(2, &[0]), map(3, &[0]), map(4, &[0])]).await;
    let start = map(5, &[1, 2, 3, 4, 6]);
    cluster.faults().add(Calls::verb("get").resource("configmaps").name("map-2"), Fault::forbidden());
    cluster
        .faults()
        .add(Calls::verb("get").resource("configmaps").name("map-3"), Fault::internal_error("it broke"));
    // What is only a connection that is gone is tried again.
    cluster
        .faults()
        .add(Calls::verb("get").resource("configmaps").name("map-4").first(2), Fault::drop_connection());
    let (names, mut errors) = walk(&start, &Kinds::new(client)).await;
    errors.sort();
    assert_eq!(names, ["ConfigMap/map-0", "ConfigMap/map-1", "ConfigMap/map-4"]);
    assert_eq!(errors.len(), 3, "{errors:?}");
    for (error, (owner, why)) in
        errors.iter().zip([("map-2", "forbidden"), ("map-3", "it broke"), ("map-6", "\"map-6\" not found")])
    {
        assert!(error.starts_with(&format!("owner ConfigMap {owner} of default/map-5: ")), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn names_that_are_no_names() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let kinds = Kinds::new(client);
    kinds.find("cm").await.unwrap();
    cluster.forget_requests();
    for name in ["../secrets/s", "map-0?watch=1", "a/b", "..", "", "map-0#x", "%2e"] {
        let mut object = map(1, &[0]);
        object.metadata.owner_references.as_mut().unwrap()[0].name = name.to_owned();
        let error = object.controller_of(&kinds).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Invalid { .. }), "{error}");
    }
    assert!(cluster.requests().is_empty(), "{:?}", cluster.requests());
    let mut object = map(1, &[0]);
    object.metadata.owner_references.as_mut().unwrap()[0].name = "x".repeat(253);
    let error = object.controller_of(&kinds).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_kind_that_comes_later_is_found() {
    let (cluster, client) = cluster(Vec::new()).await;
    let kinds = Kinds::new(client);
    let mut object = map(1, &[0]);
    let reference = &mut object.metadata.owner_references.as_mut().unwrap()[0];
    (reference.api_version, reference.kind) = ("example.com/v1".to_owned(), "Widget".to_owned());
    let error = object.controller_of(&kinds).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::UnknownKind), "{error}");

    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    cluster.apply(&super::object(crd)).unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    let error = object.controller_of(&kinds).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::NotFound { .. }), "{error}");
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "map-0", "namespace": "default", "uid": uid(0)}});
    cluster.apply(&super::object(widget)).unwrap();
    let owner = object.controller_of(&kinds).await.unwrap().unwrap();
    assert_eq!((owner.to_string(), owner.depth), ("Widget/map-0".to_owned(), 1));
}

#[tokio::test]
async fn a_dropped_walk_leaves_no_request_open() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let kinds = Kinds::new(client);
    kinds.find("cm").await.unwrap();
    let hung = cluster.faults().add(Calls::verb("get").resource("configmaps"), Fault::hang());
    let object = map(1, &[0]);
    let asked = async {
        while hung.hits() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        owner = object.controller_of(&kinds) => panic!("{owner:?}"),
        asked = tokio::time::timeout(PATIENCE, asked) => asked.unwrap(),
    }
    let left = tokio::time::timeout(PATIENCE, cluster.until_no_requests()).await;
    assert!(left.is_ok(), "{:?}", cluster.requests());
}
