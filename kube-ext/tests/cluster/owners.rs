//! Owners, by the rules of the garbage collector, which is at work on a real cluster: what it would delete is held by a finalizer.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures::StreamExt as _;
use k8s_openapi::api::{core::v1::ConfigMap, rbac::v1::ClusterRole};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use kube_ext::owners::{Cause, Error, Flaw, Kinds, NodeIndex, OwnerGraph, OwnersExt, Presence};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    support::{TestNamespace, is_of_a_test},
};

const PATIENCE: Duration = Duration::from_secs(300);
const HELD: &str = "kube-ext.local/held";

struct Scene {
    cluster: Cluster,
    namespace: TestNamespace,
    kinds: Kinds,
}

/// Plays a test in a namespace of its own, and lets go of what is held there.
async fn play(purpose: &str, test: impl AsyncFnOnce(&Scene)) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, purpose).await;
    let kinds = Kinds::new(cluster.client.clone());
    let scene = Scene { cluster, namespace, kinds };
    timeout(PATIENCE, test(&scene)).await.expect("over in time");
    scene.release(&scene.namespace).await;
    scene.namespace.delete().await;
}

/// What a graph does not have of what is there for longer than a test.
pub(crate) fn gaps(graph: &OwnerGraph) -> Vec<String> {
    let lasting = graph.gaps().iter().filter(|gap| !is_of_a_test(&gap.what));
    lasting.map(ToString::to_string).collect()
}

fn reference(owner: &impl Resource<DynamicType = ()>) -> Value {
    serde_json::to_value(owner.owner_ref(&()).unwrap()).unwrap()
}

fn controller(owner: &impl Resource<DynamicType = ()>) -> Value {
    serde_json::to_value(owner.controller_owner_ref(&()).unwrap()).unwrap()
}

/// An owner reference with other fields.
fn but(mut reference: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        reference[name] = value.clone();
    }
    reference
}

async fn create<K>(api: &Api<K>, name: &str, owners: &[Value]) -> K
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let object = json!({"metadata": {"name": name, "finalizers": [HELD], "ownerReferences": owners}});
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.expect(name)
}

async fn let_go<K>(api: &Api<K>, name: &str)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    // Gone already is just as well.
    let _ = api.patch(name, &PatchParams::default(), &release).await;
    let _ = api.delete(name, &DeleteParams::default()).await;
}

impl Scene {
    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace.name)
    }

    async fn map(&self, name: &str, owners: &[Value]) -> ConfigMap {
        create(&self.maps(), name, owners).await
    }

    async fn release(&self, namespace: &TestNamespace) {
        let maps = Api::<ConfigMap>::namespaced(self.cluster.client.clone(), &namespace.name);
        for map in maps.list_metadata(&ListParams::default()).await.unwrap() {
            if map.finalizers().iter().any(|finalizer| finalizer == HELD) {
                let_go(&maps, &map.name_any()).await;
            }
        }
    }

    /// Of the namespace.
    async fn graph(&self) -> OwnerGraph {
        let builder = OwnerGraph::builder(self.cluster.client.clone()).namespace(&self.namespace.name);
        builder.kinds(["configmaps", "secrets"]).load().await.unwrap()
    }

    fn find(&self, graph: &OwnerGraph, name: &str) -> NodeIndex {
        graph.find("cm", Some(&self.namespace.name), name).unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// The owners of an object as they are found on the way up.
    async fn walk(&self, object: &impl Resource) -> Vec<Result<(String, usize), Error>> {
        let owners = object.owners(&self.kinds);
        let mut found: Vec<_> =
            owners.map(|owner| owner.map(|owner| (owner.to_string(), owner.depth))).collect().await;
        found.sort_by_key(|owner| {
            owner.as_ref().map_or((usize::MAX, String::new()), |(name, depth)| (*depth, name.clone()))
        });
        found
    }
}

fn names(graph: &OwnerGraph, nodes: &[NodeIndex]) -> Vec<String> {
    nodes.iter().map(|index| graph[*index].name().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_up_and_down() {
    play("chain", async |scene| {
        let web = scene.map("web", &[]).await;
        let one = scene.map("web-1", &[controller(&web)]).await;
        let two = scene.map("web-2", &[controller(&web)]).await;
        let leaf = scene.map("web-2-a", &[controller(&two)]).await;
        scene.map("alone", &[]).await;

        let found: Vec<_> = scene.walk(&leaf).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(found, [("ConfigMap/web-2".to_owned(), 1), ("ConfigMap/web".to_owned(), 2)]);
        let (of_leaf, first) = (leaf.controller_of(&scene.kinds).await, leaf.root_owner(&scene.kinds).await);
        assert_eq!(of_leaf.unwrap().unwrap().metadata.uid, two.uid());
        assert_eq!(first.unwrap().unwrap().metadata.uid, web.uid());
        assert!(web.root_owner(&scene.kinds).await.unwrap().is_none());

        let graph = scene.graph().await;
        assert_eq!(gaps(&graph), [""; 0]);
        let index = |object: &ConfigMap| graph.get(object).unwrap();
        assert_eq!(names(&graph, &graph.descendants(index(&web))), ["web-1", "web-2", "web-2-a"]);
        assert_eq!(names(&graph, &graph.ancestors(index(&leaf))), ["web-2", "web"]);
        assert_eq!(graph.path(index(&web), index(&leaf)).unwrap().len(), 3);
        assert_eq!(graph.path(index(&leaf), index(&web)), None);
        assert_eq!([&web, &one, &leaf].map(|object| graph.depth(index(object)).unwrap()), [0, 1, 2]);
        assert_eq!(graph.roots(), [index(&web)]);
        assert!(graph.orphans().is_empty());
        assert_eq!(graph[index(&leaf)].uid(), leaf.uid().unwrap());
        assert!(
            graph.owners(index(&leaf)).iter().all(|(_, edge)| edge.is_controller() && edge.flaw().is_none())
        );

        let space = &scene.namespace.name;
        let width = space.len().max("NAMESPACE".len());
        let created = graph[index(&web)].created().unwrap();
        let ages = [&web, &one, &two, &leaf].map(|object| graph[index(object)].created().unwrap() - created);
        assert!(ages.iter().all(|age| *age < TimeDelta::seconds(60)), "{ages:?}");
        let tree = graph.tree_at(index(&web), created + TimeDelta::days(9)).to_string();
        let expected = ["ConfigMap/web", "├─ConfigMap/web-1", "└─ConfigMap/web-2", "  └─ConfigMap/web-2-a"];
        let mut lines = tree.lines();
        assert_eq!(lines.next().unwrap(), format!("{:width$}  {:21}  AGE", "NAMESPACE", "NAME"));
        for name in expected {
            let line = lines.next().unwrap();
            assert!(line.starts_with(&format!("{space:width$}  {name:21}  ")), "{tree}");
        }
        let up = graph.tree_at(index(&leaf), Utc::now()).up().to_string();
        let up: Vec<_> = up.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(up, ["ConfigMap/web-2-a", "└─ConfigMap/web-2", "└─ConfigMap/web"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn identities_that_conflict() {
    play("identities", async |scene| {
        let elsewhere = TestNamespace::create(&scene.cluster.client, "elsewhere").await;
        let away: Api<ConfigMap> = Api::namespaced(scene.cluster.client.clone(), &elsewhere.name);
        let roles = Api::<ClusterRole>::all(scene.cluster.client.clone());
        let role = create(&roles, &format!("{}-owner", scene.namespace.name), &[]).await;
        let web = scene.map("web", &[]).await;
        let other = scene.map("other", &[]).await;
        let far = create(&away, "far", &[]).await;
        let nobody = "00000000-0000-4000-8000-000000000000";

        // The name of what has the reference, the reference, its flaw, and what the way up says.
        let cases = [
            ("right", reference(&web), None, "found"),
            ("of-a-cluster", reference(&role), None, "found"),
            ("no-such-uid", but(reference(&web), &json!({"uid": nobody})), Some(Flaw::Replaced), "other uid"),
            (
                "no-such-uid-2",
                but(reference(&web), &json!({"uid": "not-a-uuid"})),
                Some(Flaw::Replaced),
                "other uid",
            ),
            (
                "uid-of-another",
                but(reference(&web), &json!({"uid": other.uid()})),
                Some(Flaw::OtherIdentity),
                "other uid",
            ),
            (
                "no-such-name",
                but(reference(&web), &json!({"name": "none"})),
                Some(Flaw::OtherIdentity),
                "not found",
            ),
            (
                "gone",
                but(reference(&web), &json!({"name": "none", "uid": nobody.replace('4', "5")})),
                Some(Flaw::Gone),
                "not found",
            ),
            (
                "other-kind",
                but(reference(&web), &json!({"kind": "Secret"})),
                Some(Flaw::OtherIdentity),
                "not found",
            ),
            ("other-namespace", reference(&far), Some(Flaw::Unlisted), "not found"),
            (
                "unknown-kind",
                but(reference(&web), &json!({"kind": "Nothing", "uid": nobody.replace('4', "6")})),
                Some(Flaw::UnknownKind),
                "unknown",
            ),
            (
                "unknown-group",
                but(
                    reference(&web),
                    &json!({"apiVersion": "none.example/v1", "uid": nobody.replace('4', "7")}),
                ),
                Some(Flaw::UnknownKind),
                "unknown",
            ),
        ];
        let mut objects = Vec::new();
        for (name, reference, ..) in &cases {
            objects.push(scene.map(name, std::slice::from_ref(reference)).await);
        }
        let of_role = create(&roles, &format!("{}-owned", scene.namespace.name), &[reference(&web)]).await;

        for ((name, _, _, expected), object) in cases.iter().zip(&objects) {
            let found = scene.walk(object).await;
            let [found] = &found[..] else { panic!("{name}: {found:?}") };
            let what = match found.as_ref().map_err(Error::cause) {
                Ok(_) => "found",
                Err(Cause::NotFound { .. }) => "not found",
                Err(Cause::OtherUid { .. }) => "other uid",
                Err(Cause::UnknownKind) => "unknown",
                Err(_) => "something else",
            };
            assert_eq!(what, *expected, "{name}: {found:?}");
            if let Err(error) = found {
                let space = &scene.namespace.name;
                assert!(error.to_string().contains(&format!(" of {space}/{name}: ")), "{error}");
            }
        }
        let found = scene.walk(&of_role).await;
        assert!(matches!(found[0].as_ref().unwrap_err().cause(), Cause::InvalidNamespace), "{found:?}");

        // In a namespace, owners of other ones have not been looked for.
        let graph = scene.graph().await;
        for (name, _, flaw, _) in &cases {
            let owners = graph.owners(scene.find(&graph, name));
            let [(owner, edge)] = owners[..] else { panic!("{name}: {owners:?}") };
            let expected = if *name == "of-a-cluster" { Some(Flaw::Unlisted) } else { *flaw };
            let expected = if *name == "other-namespace" { Some(Flaw::Gone) } else { expected };
            assert_eq!(edge.flaw(), expected, "{name}");
            let presence = match expected {
                None | Some(Flaw::OtherIdentity) => Presence::Listed,
                Some(Flaw::Gone | Flaw::Replaced) => Presence::Gone,
                _ => Presence::Unknown,
            };
            assert_eq!(graph[owner].presence(), presence, "{name}");
        }
        let orphans = [
            "gone",
            "no-such-name",
            "no-such-uid",
            "no-such-uid-2",
            "other-kind",
            "other-namespace",
            "uid-of-another",
        ];
        assert_eq!(names(&graph, &graph.orphans()), orphans);

        // In all of them they have.
        let builder = OwnerGraph::builder(scene.cluster.client.clone());
        let graph = builder.kinds(["configmaps", "secrets", "clusterroles"]).load().await.unwrap();
        for (name, _, flaw, _) in &cases {
            let owners = graph.owners(scene.find(&graph, name));
            let expected = if *name == "other-namespace" { Some(Flaw::OtherNamespace) } else { *flaw };
            assert_eq!(owners[0].1.flaw(), expected, "{name}");
        }
        let owners = graph.owners(graph.get(&of_role).unwrap());
        assert_eq!(owners[0].1.flaw(), Some(Flaw::InvalidNamespace));
        assert_eq!(graph[owners[0].0].uid(), web.uid().unwrap());

        for role in [role, of_role] {
            let_go(&roles, &role.name_any()).await;
        }
        scene.release(&elsewhere).await;
        elsewhere.delete().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_created_again() {
    play("again", async |scene| {
        let before = scene.map("web", &[]).await;
        let owned = scene.map("owned", &[controller(&before)]).await;
        let_go(&scene.maps(), "web").await;
        let after = scene.map("web", &[]).await;
        assert_ne!(before.uid(), after.uid());

        let error = owned.controller_of(&scene.kinds).await.unwrap_err();
        assert!(
            matches!(error.cause(), Cause::OtherUid { uid, .. } if Some(uid) == after.uid().as_ref()),
            "{error}"
        );
        let graph = scene.graph().await;
        assert!(graph.descendants(graph.get(&after).unwrap()).is_empty());
        let owned = graph.get(&owned).unwrap();
        let owners = graph.owners(owned);
        assert_eq!((owners.len(), owners[0].1.flaw()), (1, Some(Flaw::Replaced)));
        assert_eq!(graph[owners[0].0].uid(), before.uid().unwrap());
        assert_eq!(graph.orphans(), [owned]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_are_two_edges_to_one_node() {
    play("two", async |scene| {
        let top = scene.map("top", &[]).await;
        let left = scene.map("left", &[reference(&top)]).await;
        let right = scene.map("right", &[reference(&top)]).await;
        let both = scene.map("both", &[reference(&left), controller(&right)]).await;
        let below = scene.map("below", &[reference(&both)]).await;

        let found = scene.walk(&below).await;
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        let expected = [("both", 1), ("left", 2), ("right", 2), ("top", 3)];
        assert_eq!(found, expected.map(|(name, depth)| (format!("ConfigMap/{name}"), depth)));
        assert_eq!(both.root_owner(&scene.kinds).await.unwrap().unwrap().metadata.uid, right.uid());

        let graph = scene.graph().await;
        assert_eq!(
            names(&graph, &graph.descendants(graph.get(&top).unwrap())),
            ["left", "right", "both", "below"]
        );
        assert_eq!(graph.owners(graph.get(&both).unwrap()).len(), 2);
        let tree = graph.tree(graph.get(&top).unwrap()).to_string();
        assert_eq!(tree.matches("ConfigMap/both").count(), 2, "{tree}");
        assert_eq!(tree.matches("ConfigMap/both (see above)").count(), 1, "{tree}");
        assert_eq!(tree.matches("ConfigMap/below").count(), 1, "{tree}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_end() {
    play("circles", async |scene| {
        let mut maps = Vec::new();
        for name in ["a", "b", "c"] {
            maps.push(scene.map(name, &[]).await);
        }
        for (place, owner) in [(0, 2), (1, 0), (2, 1)] {
            let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [controller(&maps[owner])]}}));
            let name = maps[place].name_any();
            maps[place] = scene.maps().patch(&name, &PatchParams::default(), &patch).await.unwrap();
        }
        let own = scene.map("own", &[]).await;
        let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [controller(&own)]}}));
        let own = scene.maps().patch("own", &PatchParams::default(), &patch).await.unwrap();

        let found = scene.walk(&maps[0]).await;
        let found: Vec<_> = found.into_iter().map(|owner| owner.unwrap().0).collect();
        assert_eq!(found, ["ConfigMap/c", "ConfigMap/b"]);
        assert!(scene.walk(&own).await.is_empty());
        for object in [&maps[0], &own] {
            let error = object.root_owner(&scene.kinds).await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Circle), "{error}");
        }

        let graph = scene.graph().await;
        let a = graph.get(&maps[0]).unwrap();
        assert_eq!(names(&graph, &graph.ancestors(a)), ["c", "b"]);
        assert_eq!(names(&graph, &graph.descendants(a)), ["b", "c"]);
        assert_eq!((graph.depth(a), graph.depth(graph.get(&own).unwrap())), (None, None));
        assert!(graph.roots().is_empty());
        let tree = graph.tree(a).to_string();
        assert_eq!(tree.lines().count(), 5, "{tree}");
        assert!(tree.contains("    └─ConfigMap/a (see above)"), "{tree}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_a_whole_cluster() {
    play("whole", async |scene| {
        let graph = OwnerGraph::builder(scene.cluster.client.clone()).page_size(50).load().await.unwrap();
        assert_eq!(gaps(&graph), [""; 0]);
        let kinds = ["namespace", "serviceaccount", "clusterrole"];
        let has = |kind: &str| graph.nodes().iter().any(|index| graph[*index].kind().is_called(kind));
        assert!(has(kinds[0]) && has(kinds[1]), "{}", graph.nodes().len());
        let namespace = graph.find("ns", None, &scene.namespace.name).unwrap();
        assert_eq!(graph[namespace].namespace(), None);
    })
    .await;
}
