//! Relations beside owner references, of objects as a server has them: each set of edges is written down, for a graph of the whole
//! cluster and for one of a namespace.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use k8s_openapi::{
    api::{
        authorization::v1::SubjectAccessReview,
        core::v1::{Pod, ServiceAccount},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use kube_ext::owners::{Builder, Kinds, Node, NodeIndex, OwnerGraph, Presence, Relation};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    cluster::Cluster,
    owners::gaps,
    owners_relations_tables::{
        ACCESS, ACCESS_SAYS, DEBUGGER, PODS, PODS_SAY, SELECTORS, SELECTORS_SAY, TRAFFIC, TRAFFIC_SAYS,
    },
    support::TestNamespace,
};

const PATIENCE: Duration = Duration::from_secs(300);

/// Two namespaces, and what has been made for them.
struct Scene {
    cluster: Cluster,
    namespace: TestNamespace,
    away: TestNamespace,
    kinds: Kinds,
    /// What is written for something else in manifests: `$NS`, `$AWAY`, `$UID(web-0)`.
    words: Vec<(String, String)>,
    /// What is in no namespace.
    global: Vec<(Api<DynamicObject>, String)>,
}

/// Plays a test in namespaces of its own, and takes all away however it ends.
async fn play(purpose: &str, test: impl AsyncFnOnce(&mut Scene)) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, purpose).await;
    let away = TestNamespace::create(&cluster.client, "away").await;
    let kinds = Kinds::new(cluster.client.clone());
    let words = vec![("$NS".to_owned(), namespace.name.clone()), ("$AWAY".to_owned(), away.name.clone())];
    let mut scene = Scene { cluster, namespace, away, kinds, words, global: Vec::new() };
    let end = AssertUnwindSafe(timeout(PATIENCE, test(&mut scene))).catch_unwind().await;
    // No kubelet says of pods on a node without one that they have ended.
    for pod in scene.pods().list_metadata(&ListParams::default()).await.unwrap() {
        scene.delete_pod(&pod.name_any()).await;
    }
    for (api, name) in &scene.global {
        let _ = api.delete(name, &DeleteParams::default()).await;
    }
    scene.namespace.delete().await;
    scene.away.delete().await;
    match end {
        Ok(end) => end.expect("over in time"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Scene {
    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace.name)
    }

    /// At once, whoever waits for whatever.
    async fn delete_pod(&self, name: &str) {
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let _ = self.pods().patch(name, &PatchParams::default(), &release).await;
        let _ = self.pods().delete(name, &DeleteParams::default().grace_period(0)).await;
    }

    /// Creates objects, in the namespace unless they are to be elsewhere.
    async fn create(&mut self, manifests: &str) {
        for manifest in manifests.split("\n---\n") {
            let text = self.words.iter().fold(manifest.to_owned(), |text, (word, it)| text.replace(word, it));
            let object: DynamicObject =
                serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            self.create_one(object).await;
        }
    }

    async fn create_one(&mut self, object: DynamicObject) {
        let types = object.types.clone().unwrap();
        let group = types.api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = self.kinds.find(&format!("{}.{group}", types.kind)).await.unwrap();
        let (client, name) = (self.cluster.client.clone(), object.name_any());
        let api = if kind.is_namespaced {
            let namespace = object.namespace().unwrap_or_else(|| self.namespace.name.clone());
            Api::<DynamicObject>::namespaced_with(client, &namespace, &kind.resource)
        } else {
            let api = Api::<DynamicObject>::all_with(client, &kind.resource);
            self.global.push((api.clone(), name.clone()));
            api
        };
        match api.create(&PostParams::default(), &object).await {
            Ok(created) => {
                let word = format!("$UID({name})");
                self.words.retain(|(known, _)| *known != word);
                self.words.push((word, created.uid().unwrap()));
            }
            // The controller manager may have been faster.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => panic!("{} {name}: {error}", types.kind),
        }
    }

    fn builder(&self) -> Builder {
        Builder::new(self.kinds.clone())
    }

    /// The relations of what is in the namespaces or was made for them, a line each.
    fn lines(&self, graph: &OwnerGraph) -> Vec<String> {
        let [ns, away] = [&*self.namespace.name, &*self.away.name];
        let is_ours = |node: &Node| match node.namespace() {
            Some(namespace) => namespace == ns || namespace == away,
            None => node.name().starts_with(ns),
        };
        let show = |node: &Node| {
            let place = node.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
            format!("{} {place}{}", node.kind().resource.kind, node.name())
                .replace(ns, "$NS")
                .replace(away, "$AWAY")
        };
        let mut lines = Vec::new();
        for edge in graph.as_petgraph().edge_indices() {
            let (from, to) = graph.as_petgraph().edge_endpoints(edge).unwrap();
            let edge = &graph.as_petgraph()[edge];
            let Some(relation) = edge.relation() else { continue };
            // A real cluster has bindings of its own, to groups that everybody is in.
            let is_named = || graph.relations_to(from).into_iter().any(|(by, _)| is_ours(&graph[by]));
            let is_meant = is_ours(&graph[from]) || (is_ours(&graph[to]) && is_named());
            let (from, to) = (&graph[from], &graph[to]);
            if !is_meant {
                continue;
            }
            let optional = if edge.is_optional() { "?" } else { "" };
            // A slice says whose it is.
            let other = if relation == Relation::Slice { from } else { to };
            let presence = Some(other.presence()).filter(|presence| *presence != Presence::Listed);
            let notes = [edge.flaw().map(|flaw| format!(" {flaw:?}")), presence.map(|it| format!(" {it:?}"))];
            let notes: String = notes.into_iter().flatten().collect();
            lines.push(format!("{}: {relation}{optional} {}{notes}", show(from), show(to)));
        }
        lines.sort();
        lines
    }

    /// Holds graphs of all of it and of parts against a table. In a graph of the namespace a line that begins with `=` is the same, what is
    /// behind `~` leads to where nobody has looked, and what is behind `-` is not there.
    async fn check(&self, table: &str) {
        let table: Vec<_> = table.trim().lines().map(|line| line.split_at(2)).collect();
        let mut expected: Vec<_> = table.iter().map(|(_, line)| (*line).to_owned()).collect();
        expected.sort();
        let graph = self.builder().relations(Relation::all()).load().await.unwrap();
        assert_same(&self.lines(&graph), &expected, "all of the cluster");

        let narrow = table.iter().filter_map(|(mark, line)| match *mark {
            "= " => Some((*line).to_owned()),
            "~ " => Some(format!("{} Unlisted Unknown", line.strip_suffix(" Missing Gone").unwrap_or(line))),
            "- " => None,
            _ => panic!("{mark}{line}"),
        });
        let mut expected: Vec<_> = narrow.collect();
        expected.sort();
        let builder = self.builder().namespace(&self.namespace.name);
        let graph = builder.clone().relations(Relation::all()).load().await.unwrap();
        assert_eq!(gaps(&graph), [""; 0]);
        assert_same(&self.lines(&graph), &expected, "all of the namespace");
        for index in graph.nodes() {
            // What leads from it, and to it, is what the graph has.
            let edges = graph.relations(index).into_iter().map(|(other, edge)| (index, other, edge));
            for (from, to, edge) in edges {
                assert!(edge.relation().is_some() && graph.relations_to(to).contains(&(from, edge)));
            }
        }
        let graph = builder.clone().load().await.unwrap();
        assert!(self.lines(&graph).is_empty(), "relations that nobody asked for");

        for relation in Relation::all() {
            let graph = builder.clone().relations([relation]).load().await.unwrap();
            let is_it = |line: &&String| {
                line.split_once(": ").is_some_and(|(_, said)| {
                    said.strip_prefix(&relation.to_string()).is_some_and(|rest| rest.starts_with([' ', '?']))
                })
            };
            // Without bindings nobody speaks of a group.
            let is_said = |_: &&String| relation != Relation::Member;
            let of_it: Vec<_> = expected.iter().filter(is_it).filter(is_said).cloned().collect();
            assert_same(&self.lines(&graph), &of_it, &relation.to_string());
        }
    }
}

fn assert_same(found: &[String], expected: &[String], what: &str) {
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>().join("\n")
    };
    assert!(
        found == expected,
        "{what}\n--- not expected:\n{}\n--- not found:\n{}\n--- all:\n{}",
        only(found, expected),
        only(expected, found),
        found.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_and_what_they_use() {
    play("uses", async |scene| {
        // A pod gets them later, by a way that is not there inside the process.
        let first = if Cluster::HAS_NODE { String::new() } else { DEBUGGER.to_owned() };
        scene.words.push(("$DEBUGGER".to_owned(), first));
        scene.create(PODS).await;
        // No pod is admitted without its service account.
        let accounts = Api::<ServiceAccount>::namespaced(scene.cluster.client.clone(), &scene.namespace.name);
        accounts.delete("leaver", &DeleteParams::default()).await.unwrap();
        if Cluster::HAS_NODE {
            let debugger: Value = serde_yaml::from_str(DEBUGGER).unwrap();
            let patch = Patch::Strategic(json!({"spec": debugger}));
            let pods = scene.pods();
            pods.patch_ephemeral_containers("uses", &PatchParams::default(), &patch).await.unwrap();
        }
        scene.check(PODS_SAY).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_and_what_leads_to_them() {
    play("traffic", async |scene| {
        let again = "{apiVersion: v1, kind: Pod, metadata: {name: again}, spec: {schedulerName: nobody, automountServiceAccountToken: false, serviceAccountName: default, containers: [{name: app, image: 'kube-ext.local/tools:1'}]}}";
        scene.create(again).await;
        let (_, first) = scene.words.last().unwrap().clone();
        scene.delete_pod("again").await;
        scene.create(again).await;
        let (_, second) = scene.words.last().unwrap().clone();
        assert_ne!(first, second);
        scene.words.push(("$FIRST".to_owned(), first.clone()));
        scene.create(&again.replace("again", "past")).await;
        scene.delete_pod("past").await;
        scene.create(TRAFFIC).await;
        scene.check(TRAFFIC_SAYS).await;

        let graph = scene.builder().relations([Relation::Endpoint]).load().await.unwrap();
        let slice = graph.find("endpointslice", Some(&scene.namespace.name), "web-a").unwrap();
        let pods = graph.relations(slice).into_iter().map(|(pod, _)| &graph[pod]);
        let again: BTreeSet<_> = pods.filter(|pod| pod.name() == "again").map(Node::uid).collect();
        assert_eq!(again, BTreeSet::from([first, second]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_by_their_labels() {
    play("selectors", async |scene| {
        scene.create(SELECTORS).await;
        scene.check(SELECTORS_SAY).await;

        // The server's own answers.
        let graph = scene.builder().relations([Relation::Budget, Relation::Policy]).load().await.unwrap();
        let mut selecting = 0;
        for (kind, field) in [("poddisruptionbudget", "selector"), ("networkpolicy", "podSelector")] {
            let resource = scene.kinds.find(kind).await.unwrap().resource;
            let api = Api::<DynamicObject>::namespaced_with(
                scene.cluster.client.clone(),
                &scene.namespace.name,
                &resource,
            );
            for object in api.list(&ListParams::default()).await.unwrap() {
                let Ok(selector) = LabelSelector::deserialize(&object.data["spec"][field]) else { continue };
                let params = ListParams::default().labels(&in_words(&selector));
                let selected: BTreeSet<_> =
                    scene.pods().list(&params).await.unwrap().iter().filter_map(ResourceExt::uid).collect();
                let pods = graph.relations(graph.get(&object).unwrap());
                assert_eq!(pods.len(), selected.len(), "{}", object.name_any());
                let found: BTreeSet<_> = pods.into_iter().map(|(pod, _)| graph[pod].uid()).collect();
                assert_eq!(found, selected, "{kind} {}", object.name_any());
                selecting += 1;
            }
        }
        assert_eq!(selecting, 10);
    })
    .await;
}

/// As kubectl would ask for it.
fn in_words(selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let condition = |it: &LabelSelectorRequirement| {
        let (key, values) = (&it.key, it.values.iter().flatten().cloned().collect::<Vec<_>>().join(","));
        match &*it.operator {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.clone(),
            _ => format!("!{key}"),
        }
    };
    labels.chain(selector.match_expressions.iter().flatten().map(condition)).collect::<Vec<_>>().join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_and_whom_they_are_for() {
    play("access", async |scene| {
        scene.create(ACCESS).await;
        scene.check(ACCESS_SAYS).await;

        let [ns, away] = [&*scene.namespace.name, &*scene.away.name];
        let accounts = [(ns, "builder"), (ns, "default"), (away, "robot"), (away, "default")];
        let roles = [
            ("get", "role", Some(ns), "reader"),
            ("update", "role", Some(ns), "here"),
            ("list", "clusterrole", None, &*format!("{ns}-reader")),
            ("watch", "clusterrole", None, &*format!("{ns}-all")),
        ];
        let relations = [Relation::Role, Relation::Subject, Relation::Member];
        let graph = scene.builder().relations(relations).load().await.unwrap();
        let mut table = Vec::new();
        for (verb, kind, namespace, name) in roles {
            let role = graph.find(kind, namespace, name).unwrap();
            for (namespace, name) in accounts {
                let account = graph.find("sa", Some(namespace), name).unwrap();
                table.push((verb, namespace, name, has(&graph, account, role)));
            }
        }
        assert_eq!(table.iter().map(|(.., may)| u8::from(*may)).collect::<Vec<_>>(), RIGHTS);
        // What the server says of it; it takes a moment until bindings are known.
        if Cluster::HAS_NODE {
            for (verb, namespace, name, may) in table {
                // Until then the whole of it is limited.
                while scene.may(verb, namespace, name).await != may {
                    println!("{verb} {namespace}/{name}: not {may} yet");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    })
    .await;
}

/// Who may get, update, list and watch: of the first namespace two, and of the other two.
const RIGHTS: [u8; 16] = [1, 0, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1];

/// Whether some binding gives a role to a service account, or to a group that it is in.
fn has(graph: &OwnerGraph, account: NodeIndex, role: NodeIndex) -> bool {
    let by = |index, relation| {
        let all = graph.relations_to(index).into_iter();
        all.filter(move |(_, edge)| edge.relation() == Some(relation)).map(|(by, _)| by)
    };
    let groups = by(account, Relation::Member);
    let bindings: BTreeSet<_> =
        groups.chain([account]).flat_map(|subject| by(subject, Relation::Subject)).collect();
    by(role, Relation::Role).any(|binding| bindings.contains(&binding))
}

impl Scene {
    /// Whether the server would let a service account do something in the namespace.
    async fn may(&self, verb: &str, namespace: &str, account: &str) -> bool {
        let groups = ["system:serviceaccounts", "system:authenticated"].map(ToOwned::to_owned);
        let groups: Vec<_> =
            groups.into_iter().chain([format!("system:serviceaccounts:{namespace}")]).collect();
        let attributes = json!({"namespace": self.namespace.name, "verb": verb, "group": "none.example", "resource": "things"});
        let user = format!("system:serviceaccount:{namespace}:{account}");
        let review = json!({"metadata": {}, "spec": {"user": user, "groups": groups, "resourceAttributes": attributes}});
        let api = Api::<SubjectAccessReview>::all(self.cluster.client.clone());
        let review =
            api.create(&PostParams::default(), &serde_json::from_value(review).unwrap()).await.unwrap();
        review.status.unwrap().allowed
    }
}
