//! Kinds that come and go.

use http_body_util::BodyExt as _;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject},
    client::Body,
};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault},
    owners::{Builder, Flaw, OwnerGraph, Presence},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    super::{cluster, map},
    Follower, api, create, maps, picture,
};

fn crds(client: &Client) -> Api<DynamicObject> {
    api(client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", None)
}

fn things(client: &Client, version: &str) -> Api<DynamicObject> {
    api(client, &format!("example.com/{version}"), "Thing", "things", Some("default"))
}

fn crd(versions: &[&str]) -> Value {
    let version = |name: &&str| json!({"name": name, "served": true, "storage": *name == versions[0], "schema": {"openAPIV3Schema": {"type": "object"}}});
    json!({
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": versions.iter().map(version).collect::<Vec<_>>(),
        },
    })
}

fn flaws(graph: &OwnerGraph, name: &str) -> Vec<Option<Flaw>> {
    let owned = graph.find("cm", Some("default"), name).unwrap();
    graph.owners(owned).iter().map(|(_, edge)| edge.flaw()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_joins_and_one_that_goes_leaves() {
    let (cluster, client) = cluster(vec![map(0, &[])]).await;
    let builder = |cluster: &FakeCluster| OwnerGraph::builder(cluster.client().unwrap()).exclude(["events"]);
    let mut follower = Follower::new(builder(&cluster)).await;
    // What names it comes first.
    let reference =
        |uid: &str| json!({"apiVersion": "example.com/v1", "kind": "Thing", "name": "one", "uid": uid});
    let absent = "00000000-0000-4000-8000-000000000099";
    create(
        &maps(&client),
        json!({"metadata": {"name": "of-absent", "ownerReferences": [reference(absent)]}}),
    )
    .await;
    follower.until_there("cm", "of-absent").await;
    assert_eq!(flaws(follower.graph(), "of-absent"), [Some(Flaw::UnknownKind)]);

    create(&crds(&client), crd(&["v1"])).await;
    let thing = create(
        &things(&client, "v1"),
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "one"}}),
    )
    .await;
    create(&maps(&client), json!({"metadata": {"name": "owned", "ownerReferences": [reference(thing.metadata.uid.as_deref().unwrap())]}})).await;
    follower.until_there("things", "one").await;
    follower.until_there("cm", "owned").await;
    follower.until_equal(builder(&cluster)).await;
    assert_eq!(flaws(follower.graph(), "owned"), [None]);
    assert_eq!(flaws(follower.graph(), "of-absent"), [Some(Flaw::Replaced)]);

    // And goes on as any.
    create(
        &things(&client, "v1"),
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "two"}}),
    )
    .await;
    follower.until_there("things", "two").await;

    // By another version.
    crds(&client)
        .patch(
            "things.example.com",
            &kube::api::PatchParams::default(),
            &kube::api::Patch::Merge(json!({"spec": crd(&["v2", "v1"])["spec"]})),
        )
        .await
        .unwrap();
    let is_new = |graph: &OwnerGraph| graph.find("things.v2.example.com", Some("default"), "two").is_some();
    follower.until("the new version", is_new).await;
    follower.until_equal(builder(&cluster)).await;

    crds(&client).delete("things.example.com", &DeleteParams::default()).await.unwrap();
    follower.until_gone("things", "two").await;
    follower.until_equal(builder(&cluster)).await;
    assert_eq!(flaws(follower.graph(), "of-absent"), [Some(Flaw::UnknownKind)]);
}

#[tokio::test(start_paused = true)]
async fn a_graph_of_some_kinds_waits_for_one_of_them() {
    let (cluster, client) = cluster(vec![]).await;
    create(&crds(&client), crd(&["v1"])).await;
    let builder = |client: &Client| OwnerGraph::builder(client.clone()).kinds(["things"]);
    let mut follower = Follower::new(builder(&client)).await;
    create(
        &things(&client, "v1"),
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "one"}}),
    )
    .await;
    follower.until_there("things", "one").await;
    crds(&client).delete("things.example.com", &DeleteParams::default()).await.unwrap();
    follower.until_gone("things", "one").await;
    assert_eq!(follower.graph().as_petgraph().node_count(), 0);
    create(&crds(&client), crd(&["v1"])).await;
    create(
        &things(&client, "v1"),
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "again"}}),
    )
    .await;
    // Nobody tells of it; it is seen when it is looked for.
    follower.until_there("things", "again").await;
    follower.until_equal(builder(&client)).await;
    drop(cluster);
}

/// A client that is told that a group is stale, as long as that is so.
fn with_stale_group(client: Client, name: &'static str, is_stale: &watch::Receiver<bool>) -> Client {
    let is_stale = is_stale.clone();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, is_stale) = (client.clone(), *is_stale.borrow());
        async move {
            let is_discovery = request.uri().path() == "/apis";
            let response = client.send(request).await?;
            if !(is_discovery && is_stale) {
                return Ok::<_, kube::Error>(response);
            }
            let (mut parts, body) = response.into_parts();
            parts.headers.remove(http::header::CONTENT_LENGTH);
            let mut groups: Value = serde_json::from_slice(&body.collect().await?.to_bytes()).unwrap();
            for group in groups["items"].as_array_mut().unwrap() {
                if group["metadata"]["name"] == name {
                    group["versions"][0]["freshness"] = "Stale".into();
                }
            }
            Ok(http::Response::from_parts(parts, Body::from(groups.to_string().into_bytes())))
        }
    });
    Client::new(service, "default")
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_server_does_not_answer_leaves_until_it_does() {
    let budget = super::super::object(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "default", "uid": super::super::uid(9)},
        "spec": {"minAvailable": 1},
    }));
    let (cluster, client) = cluster(vec![map(0, &[]), budget]).await;
    let (stale, is_stale) = watch::channel(false);
    let builder = || -> Builder {
        let client = with_stale_group(cluster.client().unwrap(), "policy", &is_stale);
        OwnerGraph::builder(client).kinds(["configmaps", "poddisruptionbudgets"])
    };
    let reference = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "name": "web", "uid": super::super::uid(9)});
    create(&maps(&client), json!({"metadata": {"name": "owned", "ownerReferences": [reference]}})).await;
    let mut follower = Follower::new(builder()).await;
    let before = picture(follower.graph());
    stale.send_replace(true);
    follower.until_gap("policy/v1: not listed: ").await;
    assert_eq!(follower.sorted_changes(), ["- poddisruptionbudgets.policy default/web"]);
    assert_eq!(flaws(follower.graph(), "owned"), [Some(Flaw::Unlisted)]);
    let fresh = builder().load().await.unwrap();
    assert_eq!(picture(follower.graph()), picture(&fresh));
    assert_eq!(follower.graph().gaps().len(), fresh.gaps().len());
    let owner = follower.graph().nodes().into_iter().find(|it| follower.graph()[*it].name() == "web");
    assert_eq!(follower.graph()[owner.unwrap()].presence(), Presence::Unknown);

    stale.send_replace(false);
    follower.until_no_gaps().await;
    follower.until("as before", |graph| picture(graph) == before).await;
}

/// What two groups serve is there as long as one of them does.
#[tokio::test(start_paused = true)]
async fn what_another_group_serves_as_well_stays() {
    let event = super::super::object(json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "one", "namespace": "default", "uid": super::super::uid(9)},
        "involvedObject": {"kind": "ConfigMap", "name": "map-0", "namespace": "default"},
    }));
    let (cluster, client) = cluster(vec![event]).await;
    let builder = || OwnerGraph::builder(client.clone()).kinds(["events", "events.events.k8s.io"]);
    let mut follower = Follower::new(builder()).await;
    assert_eq!(follower.told.len(), 1);
    let of_core = Calls::any().resource("events").group("");
    cluster.faults().add(of_core.clone(), Fault::forbidden());
    cluster.faults().restart();
    follower.until_there("events.events.k8s.io", "one").await;
    assert_eq!(follower.sorted_changes(), ["+ events.events.k8s.io default/one", "- events default/one"]);
    cluster.faults().clear();
    follower.until_no_gaps().await;
    follower.until_equal(builder()).await;
}
