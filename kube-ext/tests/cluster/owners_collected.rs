//! What a graph calls an orphan, beside what the garbage collector of the cluster deletes.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Secret},
        rbac::v1::ClusterRole,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::{Selector, SelectorExt as _},
};
use kube_ext::{fake::FakeCluster, owners::OwnerGraph};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{cluster::Cluster, support::TestNamespace};

const CHILDREN: usize = 120;
const PATIENCE: Duration = Duration::from_secs(600);
const HELD: &str = "kube-ext.local/held";

const OTHER_MAPS: &str = "configmaps.collected.kube-ext.example";

fn other_maps() -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "metadata": {"name": OTHER_MAPS},
        "spec": {
            "group": "collected.kube-ext.example", "scope": "Namespaced", "names": {"plural": "configmaps", "kind": "ConfigMap"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }))
    .unwrap()
}

/// What can be said of an owner, right or wrong.
struct Words {
    uids: Vec<String>,
    kinds: [(&'static str, &'static str); 6],
    names: [String; 5],
}

impl Words {
    /// A reference; most are right in most of it.
    fn reference(&self, random: &mut fastrand::Rng) -> Value {
        let owner = random.usize(..self.uids.len());
        let other = |random: &mut fastrand::Rng, right: usize, count: usize| {
            if random.u8(..4) > 0 { right.min(count - 1) } else { random.usize(..count) }
        };
        let (api_version, kind) = self.kinds[other(random, owner, self.kinds.len())];
        let name = &self.names[other(random, owner, self.names.len())];
        json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": self.uids[owner]})
    }
}

fn metadata(name: &str, run: &str, owners: &Value) -> Value {
    json!({"name": name, "labels": {"run": run}, "finalizers": [HELD], "ownerReferences": owners})
}

fn object<K: serde::de::DeserializeOwned>(metadata: &Value) -> K {
    serde_json::from_value(json!({"metadata": metadata})).unwrap()
}

/// All there is of a run in the cluster: of the kinds that this test makes.
struct Run {
    maps: Api<ConfigMap>,
    roles: Api<ClusterRole>,
    params: ListParams,
}

impl Run {
    async fn deleting(&self) -> BTreeSet<String> {
        let maps = self.maps.list_metadata(&self.params).await.unwrap();
        let roles = self.roles.list_metadata(&self.params).await.unwrap();
        let all = maps.iter().map(|it| &it.metadata).chain(roles.iter().map(|it| &it.metadata));
        let deleting = all.filter(|it| it.deletion_timestamp.is_some());
        deleting.filter_map(|it| it.name.clone()).collect()
    }

    async fn release(&self) {
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let (patch, delete) = (PatchParams::default(), DeleteParams::default());
        for map in self.maps.list_metadata(&self.params).await.unwrap() {
            self.maps.patch(&map.name_any(), &patch, &release).await.unwrap();
        }
        for role in self.roles.list_metadata(&self.params).await.unwrap() {
            self.roles.patch(&role.name_any(), &patch, &release).await.unwrap();
            // It may be gone with that.
            let _ = self.roles.delete(&role.name_any(), &delete).await;
        }
    }
}

/// Has the server serve another kind of that name.
async fn serve_other_maps(crds: &Api<CustomResourceDefinition>) -> CustomResourceDefinition {
    let _ = crds.delete(OTHER_MAPS, &DeleteParams::default()).await;
    let created = timeout(PATIENCE, async {
        loop {
            match crds.create(&PostParams::default(), &other_maps()).await {
                Ok(crd) => break crd,
                // The one before is still on its way.
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    sleep(Duration::from_millis(200)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
    created.await.unwrap()
}

/// The same objects where nobody collects them.
async fn still(other_maps: &CustomResourceDefinition, objects: Vec<Value>) -> (FakeCluster, OwnerGraph) {
    let still = FakeCluster::builder().start().await.unwrap();
    still.apply(other_maps).unwrap();
    for mut object in objects {
        let is_map = object["metadata"]["namespace"].is_string() && object["metadata"]["name"] != "secret";
        let kind = if is_map { ("v1", "ConfigMap") } else { ("v1", "Secret") };
        let is_role = object["metadata"]["namespace"].is_null();
        let (api_version, kind) =
            if is_role { ("rbac.authorization.k8s.io/v1", "ClusterRole") } else { kind };
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        still.apply(&serde_json::from_value::<DynamicObject>(object).unwrap()).unwrap();
    }
    let builder = OwnerGraph::builder(still.client().unwrap());
    let graph = builder.kinds(["configmaps", "secrets", "clusterroles", OTHER_MAPS]).load().await.unwrap();
    (still, graph)
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_what_the_garbage_collector_deletes() {
    let seed = std::env::var("KUBE_EXT_TEST_SEED")
        .map_or_else(|_| fastrand::u64(..1 << 40), |seed| seed.parse().expect("a number"));
    println!("KUBE_EXT_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let client = Cluster::connect().await.client;
    let here = TestNamespace::create(&client, "collected").await;
    let elsewhere = TestNamespace::create(&client, "elsewhere").await;
    let run = here.name.clone();
    let create = PostParams::default();
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &here.name);
    let roles = Api::<ClusterRole>::all(client.clone());
    let selector: Selector = [("run".to_owned(), run.clone())].into_iter().collect();
    assert!(selector.matches(&[("run".to_owned(), run.clone())].into()));
    let of_run = Run {
        maps: maps.clone(),
        roles: roles.clone(),
        params: ListParams::default().labels_from(&selector),
    };

    let crds = Api::<CustomResourceDefinition>::all(client.clone());
    let other_maps = serve_other_maps(&crds).await;

    let plain = |name: &str| json!({"name": name, "labels": {"run": run}});
    let map = maps.create(&create, &object(&plain("map"))).await.unwrap();
    let secrets = Api::<Secret>::namespaced(client.clone(), &here.name);
    let secret = secrets.create(&create, &object(&plain("secret"))).await.unwrap();
    let role_name = format!("{run}-role");
    let role = roles.create(&create, &object(&plain(&role_name))).await.unwrap();
    let away = Api::<ConfigMap>::namespaced(client.clone(), &elsewhere.name);
    let away = away.create(&create, &object(&plain("away"))).await.unwrap();
    let mut all = vec![json!(map), json!(secret), json!(role), json!(away)];
    let mut uids: Vec<_> = all.iter().map(|it| it["metadata"]["uid"].as_str().unwrap().to_owned()).collect();
    uids.push("00000000-0000-4000-8000-000000000000".to_owned());
    let words = Words {
        uids,
        kinds: [
            ("v1", "ConfigMap"),
            ("v1", "Secret"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            ("v1", "ConfigMap"),
            ("v1", "Nothing"),
            // Another kind of that name, which has no objects.
            ("collected.kube-ext.example/v1", "ConfigMap"),
        ],
        names: ["map".to_owned(), "secret".to_owned(), role_name, "away".to_owned(), "none".to_owned()],
    };
    for child in 0..CHILDREN {
        let count = 1 + random.usize(..3).saturating_sub(random.usize(..2));
        let mut owners: Vec<Value> = Vec::new();
        for reference in (0..count).map(|_| words.reference(&mut random)) {
            if owners.iter().all(|owner| owner["uid"] != reference["uid"]) {
                owners.push(reference);
            }
        }
        let name = format!("{run}-{child:03}");
        let metadata = metadata(&name, &run, &owners.into());
        let made = if random.u8(..4) == 0 {
            json!(roles.create(&create, &object(&metadata)).await.unwrap())
        } else {
            json!(maps.create(&create, &object(&metadata)).await.unwrap())
        };
        all.push(made);
    }

    let (_still, graph) = still(&other_maps, all).await;
    let orphans: BTreeSet<_> =
        graph.orphans().into_iter().map(|index| graph[index].name().to_owned()).collect();
    assert!((10..CHILDREN - 10).contains(&orphans.len()), "{}", orphans.len());

    let deleted = timeout(PATIENCE, async {
        while !of_run.deleting().await.is_superset(&orphans) {
            sleep(Duration::from_millis(200)).await;
        }
    });
    let is_in_time = deleted.await.is_ok();
    // It takes one after the other: when it has taken a last one, it has taken those before it.
    let last = format!("{run}-last");
    let reference = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": words.uids[4]}]);
    maps.create(&create, &object(&metadata(&last, &run, &reference))).await.unwrap();
    let taken = timeout(PATIENCE, async {
        while !of_run.deleting().await.contains(&last) {
            sleep(Duration::from_millis(200)).await;
        }
    });
    taken.await.expect("the garbage collector is at work");
    let mut deleting = of_run.deleting().await;
    deleting.remove(&last);
    of_run.release().await;
    crds.delete(OTHER_MAPS, &DeleteParams::default()).await.unwrap();
    elsewhere.delete().await;
    here.delete().await;
    let why = |name: &String| {
        let node = graph.nodes().into_iter().find(|index| graph[*index].name() == name).unwrap();
        let owners = graph.owners(node);
        let owners = owners.iter().map(|(owner, edge)| format!("{} {:?}", graph[*owner], edge.flaw()));
        format!("{name}: {}", owners.collect::<Vec<_>>().join(", "))
    };
    let kept: Vec<_> = orphans.difference(&deleting).map(why).collect();
    let more: Vec<_> = deleting.difference(&orphans).map(why).collect();
    assert!(is_in_time && kept.is_empty() && more.is_empty(), "kept: {kept:#?}\ndeleted: {more:#?}");
}
