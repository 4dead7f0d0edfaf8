//! Graphs that are followed, with the garbage collector at work.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use kube_ext::owners::{Builder, Change, Flaw, Follow, NodeIndex, OwnerGraph, Presence};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    picture::{line, picture},
    support::TestNamespace,
};

const PATIENCE: Duration = Duration::from_secs(300);
const HELD: &str = "kube-ext.local/held";

struct Scene {
    client: Client,
    namespace: TestNamespace,
    _cluster: Cluster,
}

impl Scene {
    async fn new(purpose: &str) -> Self {
        let cluster = Cluster::connect().await;
        let client = cluster.client.clone();
        let namespace = TestNamespace::create(&client, purpose).await;
        Self { client, namespace, _cluster: cluster }
    }

    fn api<K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace.name)
    }

    fn builder(&self) -> Builder {
        let builder = OwnerGraph::builder(self.client.clone()).namespace(&self.namespace.name);
        builder.kinds(["configmaps", "secrets"])
    }
}

async fn create<K>(api: &Api<K>, name: &str, metadata: Value) -> K
where
    K: Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let mut object = json!({"metadata": metadata});
    object["metadata"]["name"] = name.into();
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.expect(name)
}

fn owned_by(owner: &impl Resource<DynamicType = ()>) -> Value {
    json!([owner.controller_owner_ref(&()).unwrap()])
}

fn find(graph: &OwnerGraph, kind: &str, name: &str) -> Option<NodeIndex> {
    let mut all = graph.nodes().into_iter();
    all.find(|index| {
        let node = &graph[*index];
        node.presence() == Presence::Listed && node.kind().is_called(kind) && node.name() == name
    })
}

fn flaw(graph: &OwnerGraph, name: &str) -> Option<Flaw> {
    graph.owners(find(graph, "configmap", name).unwrap())[0].1.flaw()
}

/// Takes changes until the graph is so; returns them in words.
async fn until(follow: &mut Follow, what: &str, is_it: impl Fn(&OwnerGraph) -> bool) -> Vec<String> {
    let mut changes = Vec::new();
    let all = async {
        while !is_it(follow.graph()) {
            let change = follow.next().await.expect("it does not end");
            let graph = follow.graph();
            changes.push(match &change {
                Change::Added(index) => format!("+ {}", line(&graph[*index])),
                Change::Modified(index) => format!("~ {}", line(&graph[*index])),
                Change::Deleted(_, node) => format!("- {}", line(node)),
                // Whoever cannot be asked for a moment is asked again.
                Change::Gaps => continue,
                other => format!("{other:?}"),
            });
        }
    };
    let end = timeout(PATIENCE, all).await;
    assert!(end.is_ok(), "{what}: {changes:#?}\n{:#?}", picture(follow.graph()));
    changes
}

/// Takes changes until the graph is as one that is loaded.
async fn until_equal(follow: &mut Follow, builder: Builder) {
    let start = Instant::now();
    loop {
        let fresh = picture(&builder.clone().load().await.unwrap());
        // Others may be at work here, as who puts a config map into each namespace.
        while picture(follow.graph()) != fresh
            && let Ok(Some(_)) = timeout(Duration::from_secs(1), follow.next()).await
        {}
        let followed = picture(follow.graph());
        if followed == fresh {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{followed:#?}\n{fresh:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_that_come_and_go() {
    let scene = Scene::new("follow").await;
    let (maps, secrets) = (scene.api::<ConfigMap>(), scene.api::<Secret>());
    let mut follow = scene.builder().load().await.unwrap().follow();
    let web = create(&maps, "web", json!({})).await;
    let one = create(&secrets, "one", json!({"ownerReferences": owned_by(&web)})).await;
    create(&maps, "two", json!({"ownerReferences": owned_by(&one)})).await;
    let held = json!({"ownerReferences": owned_by(&web), "finalizers": [HELD]});
    create(&maps, "held", held).await;
    let all = ["two", "held"];
    until(&mut follow, "all", |graph| all.iter().all(|name| find(graph, "cm", name).is_some())).await;
    until(&mut follow, "owner", |graph| find(graph, "secret", "one").is_some()).await;
    until(&mut follow, "its owner", |graph| find(graph, "cm", "web").is_some()).await;
    let graph = follow.graph();
    assert_eq!(graph.descendants(graph.get(&web).unwrap()).len(), 3);
    until_equal(&mut follow, scene.builder()).await;

    // What it owns goes with it; what is held is marked.
    let background = DeleteParams::background();
    maps.delete("web", &background).await.unwrap();
    until(&mut follow, "gone", |graph| {
        find(graph, "cm", "two").is_none() && find(graph, "secret", "one").is_none()
    })
    .await;
    let is_marked =
        |graph: &OwnerGraph| find(graph, "cm", "held").is_some_and(|index| graph[index].is_deleting());
    until(&mut follow, "marked", is_marked).await;
    until(&mut follow, "no owner", |graph| find(graph, "cm", "web").is_none()).await;
    assert_eq!(flaw(follow.graph(), "held"), Some(Flaw::Gone));
    until_equal(&mut follow, scene.builder()).await;

    // Another one of the name is another one.
    let again = create(&maps, "web", json!({})).await;
    until(&mut follow, "again", |graph| graph.get(&again).is_some()).await;
    assert_eq!(flaw(follow.graph(), "held"), Some(Flaw::Replaced));
    let orphans = follow.graph().orphans();
    assert_eq!(orphans, [find(follow.graph(), "cm", "held").unwrap()]);

    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &release).await.unwrap();
    until(&mut follow, "released", |graph| find(graph, "cm", "held").is_none()).await;
    until_equal(&mut follow, scene.builder()).await;
    // Nothing is left of the first one.
    assert!(follow.graph().get(&web).is_none());
    scene.namespace.delete().await;
    until(&mut follow, "empty", |graph| graph.as_petgraph().node_count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_seen_is_said() {
    let scene = Scene::new("said").await;
    let secrets = scene.api::<Secret>();
    let builder =
        OwnerGraph::builder(scene.client.clone()).namespace(&scene.namespace.name).kinds(["secrets"]);
    let mut follow = builder.load().await.unwrap().follow();
    let space = &scene.namespace.name;
    let web = create(&secrets, "web", json!({})).await;
    create(&secrets, "one", json!({})).await;
    let merge = async |patch: Value| {
        secrets.patch("one", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    merge(json!({"metadata": {"annotations": {"a": "b"}}})).await;
    merge(json!({"stringData": {"a": "b"}})).await;
    merge(json!({"metadata": {"ownerReferences": owned_by(&web)}})).await;
    merge(json!({"metadata": {"labels": {"a": "b"}}})).await;
    secrets.delete("one", &DeleteParams::default()).await.unwrap();
    create(&secrets, "last", json!({})).await;
    let changes = until(&mut follow, "last", |graph| find(graph, "secret", "last").is_some()).await;
    let expected =
        ["+ secrets NS/web", "+ secrets NS/one", "~ secrets NS/one", "- secrets NS/one", "+ secrets NS/last"];
    assert_eq!(changes, expected.map(|it| it.replace("NS", space)));
    scene.namespace.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_comes_and_goes() {
    let scene = Scene::new("kind").await;
    let maps = scene.api::<ConfigMap>();
    let group = format!("{}.kube-ext.local", scene.namespace.name);
    let crds = Api::<CustomResourceDefinition>::all(scene.client.clone());
    let name = format!("things.{group}");
    let crd = json!({
        "metadata": {"name": name},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    // Events and leases change all the time where much is at work.
    let builder = OwnerGraph::builder(scene.client.clone()).exclude(["events", "leases"]);
    let mut follow = builder.load().await.unwrap().follow();
    crds.create(&PostParams::default(), &serde_json::from_value(crd).unwrap()).await.unwrap();
    let resource = ApiResource {
        group: group.clone(),
        version: "v1".to_owned(),
        api_version: format!("{group}/v1"),
        kind: "Thing".to_owned(),
        plural: "things".to_owned(),
    };
    let things =
        Api::<DynamicObject>::namespaced_with(scene.client.clone(), &scene.namespace.name, &resource);
    let thing = json!({"apiVersion": resource.api_version, "kind": "Thing", "metadata": {"name": "one"}});
    let thing: DynamicObject = serde_json::from_value(thing).unwrap();
    let start = Instant::now();
    let thing = loop {
        match things.create(&PostParams::default(), &thing).await {
            Ok(thing) => break thing,
            // It takes a moment until it is served.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 429 | 503) => {
                assert!(start.elapsed() < PATIENCE);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    let reference =
        json!([{"apiVersion": resource.api_version, "kind": "Thing", "name": "one", "uid": thing.uid()}]);
    let owned = create(&maps, "owned", json!({"ownerReferences": reference, "finalizers": [HELD]})).await;
    let called = format!("things.{group}");
    until(&mut follow, "the thing", |graph| find(graph, &called, "one").is_some()).await;
    until(&mut follow, "what it owns", |graph| graph.get(&owned).is_some()).await;
    let graph = follow.graph();
    assert_eq!(graph.descendants(graph.get(&thing).unwrap()), [graph.get(&owned).unwrap()]);

    crds.delete(&name, &DeleteParams::default()).await.unwrap();
    until(&mut follow, "gone", |graph| find(graph, &called, "one").is_none()).await;
    let is_unknown = |graph: &OwnerGraph| {
        let owners = graph.get(&owned).map(|owned| graph.owners(owned)).unwrap_or_default();
        owners.iter().any(|(_, edge)| edge.flaw() == Some(Flaw::UnknownKind))
    };
    until(&mut follow, "unknown", is_unknown).await;
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("owned", &PatchParams::default(), &release).await.unwrap();
    scene.namespace.delete().await;
    until(&mut follow, "released", |graph| graph.get(&owned).is_none()).await;
}
