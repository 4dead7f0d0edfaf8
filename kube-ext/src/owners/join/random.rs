//! Whatever comes and goes in whatever order: a graph is that which would be put together from what there is.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use kube::core::discovery::v2::APIGroupDiscovery;
use serde_json::{Value, json};

use super::*;
use crate::owners::list::Item;

/// Group, version, plural, kind, and whether it is in namespaces. The last three come and go, and one of them is served by a second
/// group.
const KINDS: [(&str, &str, &str, &str, bool); 16] = [
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "services", "Service", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("", "v1", "nodes", "Node", false),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", true),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
    ("one.example", "v2", "widgets", "Widget", true),
    ("two.example", "v1", "gadgets", "Gadget", false),
    ("two.example", "v1", "widgets", "Widget", true),
];
const WIDGETS: usize = 13;
const COPIES: usize = 15;
const SPACES: [&str; 2] = ["x", "y"];
const NAMES: [&str; 3] = ["a", "b", "c"];

type Key = (usize, Option<&'static str>, &'static str);

/// What there is, what is known of it, and the graph of that.
struct World {
    rng: Rng,
    objects: BTreeMap<Key, Value>,
    uids: usize,
    served: BTreeSet<usize>,
    /// Widgets are of another version.
    is_newer: bool,
    catalog: Arc<Catalog>,
    /// Kinds of which nothing may be known, or no more than what is in one namespace.
    refused: BTreeSet<usize>,
    narrow: BTreeSet<usize>,
    /// Kinds of which changes have been missed.
    lost: BTreeSet<usize>,
    joiner: Joiner,
    /// The uids that the changes told of.
    told: BTreeSet<String>,
}

fn catalog(served: &BTreeSet<usize>, is_newer: bool) -> Arc<Catalog> {
    let mut catalog = Catalog::default();
    for number in served {
        let (group, version, plural, kind, is_namespaced) = KINDS[*number];
        let scope = if is_namespaced { "Namespaced" } else { "Cluster" };
        let resource = json!({"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["list", "watch"]});
        // In an old version too, of which nothing is listed.
        let version = if is_newer && *number == WIDGETS { "v3" } else { version };
        let versions = json!([{"version": version, "resources": [resource]}, {"version": "v1alpha1", "resources": [resource]}]);
        let group = json!({"metadata": {"name": group}, "versions": versions});
        catalog.add_group(serde_json::from_value::<APIGroupDiscovery>(group).unwrap());
    }
    Arc::new(catalog)
}

fn uid(number: usize) -> String {
    if number % 7 == 6 { format!("uid-{number}") } else { format!("00000000-0000-4000-8000-{number:012}") }
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

impl World {
    fn new(seed: u64) -> Self {
        let most = if seed.is_multiple_of(2) { WIDGETS } else { KINDS.len() };
        let served: BTreeSet<_> = (0..most).collect();
        let mut world = Self {
            rng: Rng::with_seed(seed),
            objects: BTreeMap::new(),
            uids: 0,
            joiner: Joiner::new(catalog(&served, false), Relation::all().collect(), false),
            served,
            is_newer: false,
            catalog: catalog(&(0..most).collect(), false),
            refused: BTreeSet::new(),
            narrow: BTreeSet::new(),
            lost: BTreeSet::new(),
            told: BTreeSet::new(),
        };
        for _ in 0..world.rng.usize(..12) {
            world.create();
        }
        world.joiner = world.fresh();
        world.told = listed(&world.joiner.graph);
        world
    }

    /// The kind that is served of a number.
    fn kind(&self, number: usize) -> Arc<Kind> {
        let (group, _, plural, ..) = KINDS[number];
        let is_it = |kind: &&Arc<Kind>| (&*kind.resource.group, &*kind.resource.plural) == (group, plural);
        self.catalog.preferred.iter().find(is_it).unwrap().clone()
    }

    fn key(&mut self) -> Key {
        let served: Vec<_> = self.served.iter().copied().filter(|it| *it != COPIES).collect();
        let number = self.rng.choice(served).unwrap();
        let namespace = KINDS[number].4.then(|| self.rng.choice(SPACES).unwrap());
        (number, namespace, self.rng.choice(NAMES).unwrap())
    }

    fn any_uid(&mut self) -> String {
        let number = self.rng.usize(..=self.uids);
        uid(number)
    }

    /// Mostly of what there is, or has been.
    fn reference(&mut self) -> Value {
        let there: Vec<_> = self.objects.keys().copied().collect();
        let at = self.rng.choice(there).filter(|_| self.rng.u8(..10) < 7);
        let (number, _, name) = at.unwrap_or_else(|| self.key());
        let mut uid = match at {
            Some(at) => self.objects[&at]["metadata"]["uid"].clone(),
            None => json!(self.any_uid()),
        };
        let (group, version, _, kind, _) = KINDS[number];
        let (mut version, mut kind, mut name) = (api_version(group, version), kind, name);
        match self.rng.u8(..20) {
            0 => kind = KINDS[self.rng.usize(..KINDS.len())].3,
            1 => name = self.rng.choice(NAMES).unwrap(),
            2 => version = api_version(group, "v1alpha1"),
            3 => version = api_version(group, "v0"),
            4 => {
                let others = ["one.example/v2", "two.example/v1", "a/b/c", ""];
                self.rng.choice(others).unwrap().clone_into(&mut version);
            }
            5 => uid = json!(self.any_uid()),
            6 => uid = json!(""),
            _ => {}
        }
        let (controller, block) = (self.rng.u8(..3) == 0, self.rng.u8(..3) == 0);
        json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": controller, "blockOwnerDeletion": block})
    }

    fn name(&mut self) -> &'static str {
        self.rng.choice(NAMES).unwrap()
    }

    fn labels(&mut self) -> Value {
        json!({"app": self.name(), "kubernetes.io/service-name": self.name()})
    }

    fn spec(&mut self, number: usize) -> Value {
        let (name, other, app) = (self.name(), self.name(), self.name());
        let space = self.rng.choice(SPACES).unwrap();
        let (group, _, _, kind, _) = KINDS[self.rng.usize(WIDGETS..KINDS.len())];
        match KINDS[number].2 {
            "pods" => json!({"spec": {
                "nodeName": name, "serviceAccountName": other,
                "volumes": [{"name": "a", "configMap": {"name": app, "optional": self.rng.bool()}}, {"name": "b", "secret": {"secretName": name}}],
            }}),
            "poddisruptionbudgets" => json!({"spec": {"selector": {"matchLabels": {"app": app}}}}),
            "networkpolicies" if self.rng.bool() => json!({"spec": {"podSelector": {}}}),
            "networkpolicies" => json!({"spec": {"podSelector": {"matchLabels": {"app": app}}}}),
            "ingresses" => json!({"spec": {
                "defaultBackend": {"service": {"name": name}},
                "rules": [{"http": {"paths": [{"backend": {"resource": {"apiGroup": group, "kind": kind, "name": other}}}]}}],
            }}),
            "horizontalpodautoscalers" if self.rng.bool() => {
                json!({"spec": {"scaleTargetRef": {"apiVersion": format!("{group}/v1"), "kind": kind, "name": name}}})
            }
            "horizontalpodautoscalers" => {
                json!({"spec": {"scaleTargetRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": name}}})
            }
            "rolebindings" => json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                "subjects": [
                    {"kind": "ServiceAccount", "name": other, "namespace": space}, {"kind": "User", "name": app},
                    {"kind": "Group", "name": self.rng.choice(["system:serviceaccounts", "system:serviceaccounts:x", "staff"]).unwrap()},
                ],
            }),
            "endpointslices" => {
                let pods: Vec<_> = self
                    .objects
                    .iter()
                    .filter(|((it, ..), _)| KINDS[*it].3 == "Pod")
                    .map(|(_, it)| it["metadata"]["uid"].clone())
                    .collect();
                let uid =
                    self.rng.choice(pods).filter(|_| self.rng.u8(..4) > 0).unwrap_or_else(|| json!(uid(1)));
                json!({"endpoints": [{"targetRef": {"kind": "Pod", "name": name, "namespace": space, "uid": uid}}, {"targetRef": {"kind": "Pod", "name": other}}]})
            }
            _ => json!({}),
        }
    }

    /// Gives an object other words.
    fn speak(&mut self, key: Key) {
        let references: Vec<_> = (0..self.rng.usize(..3)).map(|_| self.reference()).collect();
        let (spec, labels) = (self.spec(key.0), self.labels());
        let Some(object) = self.objects.get_mut(&key) else { return };
        object["metadata"]["ownerReferences"] = references.into();
        object["metadata"]["labels"] = labels;
        for (field, value) in spec.as_object().unwrap() {
            object[field] = value.clone();
        }
    }

    fn create(&mut self) -> Key {
        let key = self.key();
        self.uids += 1;
        // What is made for each answer has no uid.
        let uid = if key.0 == 1 && key.2 == "c" { String::new() } else { uid(self.uids) };
        let object = json!({"metadata": {"name": key.2, "namespace": key.1, "uid": uid}});
        self.objects.insert(key, object);
        self.speak(key);
        key
    }

    /// The kinds that an object is served as.
    fn as_kinds(&self, (number, ..): Key) -> Vec<usize> {
        let copies = (number == WIDGETS && self.served.contains(&COPIES)).then_some(COPIES);
        [number].into_iter().chain(copies).collect()
    }

    fn is_seen(&self, number: usize, namespace: Option<&str>) -> bool {
        !self.refused.contains(&number) && (namespace == Some("x") || !self.narrow.contains(&number))
    }

    /// Says that an object is there, or is not any more, where that is not missed.
    fn tell(&mut self, key: Key, is_there: bool, object: &Value) {
        for number in self.as_kinds(key) {
            if self.is_seen(number, key.1) && !self.lost.contains(&number) {
                let kind = self.kind(number);
                put(&mut self.joiner, &kind, object, is_there);
            }
        }
    }

    /// Tells all that there is of a kind.
    fn list(&self, number: usize, joiner: &mut Joiner, rng: &mut Rng, is_again: bool) {
        let kind = self.kind(number);
        let mut objects: Vec<_> = self
            .objects
            .iter()
            .filter(|(key, _)| self.as_kinds(**key).contains(&number) && self.is_seen(number, key.1))
            .collect();
        rng.shuffle(&mut objects);
        let seen: FixedBitSet = objects
            .into_iter()
            .map(|(_, object)| put(joiner, &kind, object, true).unwrap().index())
            .collect();
        let narrow: Option<Arc<str>> = self.narrow.contains(&number).then(|| "x".into());
        joiner.listed(&kind, narrow.as_ref(), Some(&seen).filter(|_| is_again));
    }

    /// Put together from what there is.
    fn fresh(&mut self) -> Joiner {
        let mut rng = Rng::with_seed(self.rng.u64(..));
        let mut joiner = Joiner::new(self.catalog.clone(), Relation::all().collect(), false);
        let mut kinds: Vec<_> = self.served.difference(&self.refused).copied().collect();
        rng.shuffle(&mut kinds);
        for number in kinds {
            self.list(number, &mut joiner, &mut rng, false);
        }
        joiner.settle();
        joiner
    }

    fn serve(&mut self, number: usize) {
        if self.served.remove(&number) {
            let kind = self.kind(number);
            self.objects.retain(|key, _| key.0 != number);
            if number == WIDGETS {
                // The copies are gone as well, but nobody has said so.
                self.lost.insert(COPIES);
            }
            self.joiner.unlisted(&kind);
            for set in [&mut self.refused, &mut self.narrow, &mut self.lost] {
                set.remove(&number);
            }
        } else {
            self.served.insert(number);
            self.lost.insert(number);
        }
        if !self.served.contains(&COPIES) {
            self.lost.remove(&COPIES);
        }
        self.catalog = catalog(&self.served, self.is_newer);
        self.joiner.serve(self.catalog.clone());
    }

    fn step(&mut self) -> String {
        let there: Vec<_> = self.objects.keys().copied().collect();
        let one = self.rng.choice(there);
        let word = match (self.rng.u8(..100), one) {
            (0..30, _) | (_, None) => {
                let key = self.create();
                let object = self.objects[&key].clone();
                self.tell(key, true, &object);
                format!("create {key:?} {object}")
            }
            (30..50, Some(key)) => {
                let object = self.objects.remove(&key).unwrap();
                self.tell(key, false, &object);
                format!("delete {key:?}")
            }
            (50..75, Some(key)) => {
                self.speak(key);
                let object = self.objects[&key].clone();
                self.tell(key, true, &object);
                format!("speak {key:?} {object}")
            }
            (75..80, Some(key)) => {
                self.objects.get_mut(&key).unwrap()["metadata"]["deletionTimestamp"] =
                    "2026-01-01T00:00:00Z".into();
                let object = self.objects[&key].clone();
                self.tell(key, true, &object);
                format!("mark {key:?}")
            }
            (80..83, Some(key)) => {
                // Of no account.
                self.objects.get_mut(&key).unwrap()["metadata"]["annotations"] =
                    json!({"seen": self.rng.u8(..)});
                let object = self.objects[&key].clone();
                let before = self.joiner.changes.len();
                self.tell(key, true, &object);
                assert_eq!(self.joiner.changes.len(), before, "{:?}", self.joiner.changes);
                format!("annotate {key:?}")
            }
            (83..86, _) => {
                self.is_newer = !self.is_newer;
                if self.served.contains(&WIDGETS) {
                    self.lost.insert(WIDGETS);
                }
                self.catalog = catalog(&self.served, self.is_newer);
                self.joiner.serve(self.catalog.clone());
                format!("newer {}", self.is_newer)
            }
            (86..90, _) => {
                let number = self.rng.usize(WIDGETS..KINDS.len());
                self.serve(number);
                format!("serve {:?}", self.served)
            }
            (90..93, Some(key)) => {
                let number = self.rng.choice(self.as_kinds(key)).unwrap();
                let kind = self.kind(number);
                if self.refused.remove(&number) {
                    self.lost.insert(number);
                } else {
                    self.refused.insert(number);
                    self.joiner.unlisted(&kind);
                }
                format!("refuse {:?}", self.refused)
            }
            (93..95, Some(key @ (_, Some(_), _))) => {
                let number = self.rng.choice(self.as_kinds(key)).unwrap();
                if !self.narrow.remove(&number) {
                    self.narrow.insert(number);
                }
                self.lost.insert(number);
                format!("narrow {:?}", self.narrow)
            }
            (95..98, Some((number, ..))) => {
                self.lost.insert(number);
                format!("lose {number}")
            }
            _ => {
                self.find_again();
                "list".to_owned()
            }
        };
        self.hear();
        self.uncover();
        word
    }

    /// What has left with one kind may be there as one of another.
    fn uncover(&mut self) {
        for kind in self.joiner.take_uncovered() {
            let served = self.served.iter().copied().filter(|it| self.kind(*it).is_same(&kind));
            let lost: Vec<_> = served.filter(|it| !self.refused.contains(it)).collect();
            self.lost.extend(lost);
        }
    }

    /// Lists what has been lost.
    fn find_again(&mut self) {
        let mut lost: Vec<_> = std::mem::take(&mut self.lost).into_iter().collect();
        self.rng.shuffle(&mut lost);
        let mut rng = Rng::with_seed(self.rng.u64(..));
        for number in lost.into_iter().filter(|number| !self.refused.contains(number)).collect::<Vec<_>>() {
            let mut joiner = std::mem::take(&mut self.joiner);
            self.list(number, &mut joiner, &mut rng, true);
            self.joiner = joiner;
            self.hear();
        }
    }

    /// Takes what has changed, as who follows.
    fn hear(&mut self) {
        for change in std::mem::take(&mut self.joiner.changes) {
            let graph = &self.joiner.graph;
            match change {
                Change::Added(index) => assert!(self.told.insert(who(&graph[index])), "added twice"),
                Change::Modified(index) => assert!(self.told.contains(&who(&graph[index])), "not there"),
                Change::Deleted(_, node) => assert!(self.told.remove(&who(&node)), "deleted twice"),
                Change::Gaps => {}
            }
        }
        assert_eq!(self.told, listed(&self.joiner.graph));
    }

    fn check(&mut self) {
        while self.lost.iter().any(|number| !self.refused.contains(number)) {
            self.find_again();
            self.uncover();
        }
        self.hear();
        let fresh = self.fresh();
        let (mine, expected) = (picture(&self.joiner.graph), picture(&fresh.graph));
        let more: Vec<_> = mine.iter().filter(|line| !expected.contains(line)).collect();
        let less: Vec<_> = expected.iter().filter(|line| !mine.contains(line)).collect();
        assert!(mine == expected, "more {more:#?}\nless {less:#?}");
        let graph = &self.joiner.graph;
        for index in graph.as_petgraph().node_indices() {
            let node = &graph[index];
            assert!(node.uid.is_empty() || graph.by_uid(&node.uid) == Some(index));
            assert!(graph.all_at(place(node)).any(|other| other == index));
        }
        assert_eq!(self.joiner.conflicts.edges(), fresh.conflicts.edges());
    }
}

fn put(joiner: &mut Joiner, kind: &Arc<Kind>, object: &Value, is_there: bool) -> Option<NodeIndex> {
    use serde::Deserialize as _;
    let metadata = Item::deserialize(object).unwrap().metadata;
    if is_there {
        return Some(joiner.put(kind, metadata, Some(object)));
    }
    joiner.delete(kind, metadata);
    None
}

fn who(node: &Node) -> String {
    let (group, kind, namespace, name) = place(node);
    format!("{kind}.{group} {} {name} {}", namespace.unwrap_or("-"), node.uid)
}

fn listed(graph: &OwnerGraph) -> BTreeSet<String> {
    let all = graph.as_petgraph().node_weights();
    all.filter(|node| node.presence == Presence::Listed).map(who).collect()
}

/// All that there is to see of a graph.
fn picture(graph: &OwnerGraph) -> Vec<String> {
    let all = graph.as_petgraph();
    let it = |node: &Node| {
        format!("{} {} {:?} {}", who(node), node.kind.resource.api_version, node.presence, node.is_deleting)
    };
    let nodes = all.node_weights().map(it);
    let edges = all.edge_indices().map(|edge| {
        let (from, to) = all.edge_endpoints(edge).unwrap();
        format!("{} -> {}: {:?}", who(&graph[from]), who(&graph[to]), all[edge])
    });
    let mut lines: Vec<_> = nodes.chain(edges).collect();
    lines.sort();
    lines
}

#[test]
fn it_is_the_same_by_whichever_way() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("KUBE_EXT_SEED").unwrap_or(0);
    for seed in first..first + number("KUBE_EXT_SEEDS").unwrap_or(120) {
        let mut world = World::new(seed);
        let mut steps = Vec::new();
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..world.rng.usize(5..15) {
                for _ in 0..world.rng.usize(1..10) {
                    steps.push(world.step());
                }
                world.check();
                steps.push("check".to_owned());
            }
            // Nothing is left.
            world.objects.clear();
            world.refused.clear();
            world.lost = world.served.clone();
            world.check();
            assert_eq!(
                world.joiner.graph.as_petgraph().node_count(),
                0,
                "{:?}",
                picture(&world.joiner.graph)
            );
        }));
        assert!(end.is_ok(), "seed {seed}:\n{}", steps.join("\n"));
    }
}
