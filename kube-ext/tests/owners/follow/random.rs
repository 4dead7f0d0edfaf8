//! Whatever happens, and whatever goes wrong: the graph becomes what would be loaded then.

use fastrand::Rng;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use kube_ext::{
    fake::{Calls, FakeCluster, Fault, Rule},
    owners::{Builder, OwnerGraph, Relation},
};
use serde_json::{Value, json};

use super::{Follower, api, picture};

/// API version, kind, plural, and whether it is in namespaces.
const KINDS: [(&str, &str, &str, bool); 12] = [
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Pod", "pods", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
];
const SPACES: [&str; 2] = ["default", "kube-public"];
const NAMES: [&str; 3] = ["a", "b", "c"];
const HELD: &str = "kube-ext.local/held";

struct World {
    rng: Rng,
    cluster: FakeCluster,
    client: Client,
    /// Kind, name and uid of what has been there.
    known: Vec<(usize, String, String)>,
}

/// The outside; that of others may still have what is gone.
type Key = (usize, Option<&'static str>, &'static str);

impl World {
    async fn new(seed: u64) -> Self {
        let cluster = FakeCluster::builder().user("follower", [Rule::everything()]).start().await.unwrap();
        let client = cluster.client().unwrap();
        Self { rng: Rng::with_seed(seed), cluster, client, known: Vec::new() }
    }

    fn builder(client: Client) -> Builder {
        let kinds = KINDS.map(|(version, _, plural, _)| match version.split_once('/') {
            Some((group, _)) => format!("{plural}.{group}"),
            None => plural.to_owned(),
        });
        OwnerGraph::builder(client).kinds(kinds).relations(Relation::all()).page_size(3).concurrency(4)
    }

    fn key(&mut self) -> Key {
        let number = self.rng.usize(..KINDS.len());
        let namespace = KINDS[number].3.then(|| self.rng.choice(SPACES).unwrap());
        (number, namespace, self.name())
    }

    fn name(&mut self) -> &'static str {
        self.rng.choice(NAMES).unwrap()
    }

    fn api(&self, (number, namespace, _): Key) -> Api<DynamicObject> {
        let (version, kind, plural, _) = KINDS[number];
        api(&self.client, version, kind, plural, namespace)
    }

    /// A right one, mostly of what is or was there; or one that is wrong in some way.
    fn reference(&mut self) -> Value {
        let one = self.rng.usize(..=self.known.len());
        let absent = || (0, "a".to_owned(), format!("00000000-0000-4000-8000-{one:012}"));
        let (number, mut name, mut uid) = self.known.get(one).cloned().unwrap_or_else(absent);
        let (mut version, mut kind, ..) = KINDS[number];
        match self.rng.u8(..16) {
            0 => self.name().clone_into(&mut name),
            1 => uid = format!("00000000-0000-4000-8000-{:012}", self.rng.u8(..3)),
            2 => kind = KINDS[self.rng.usize(..KINDS.len())].1,
            3 => version = "none.example/v1",
            4 => version = "autoscaling/v1",
            5 => uid = self.rng.choice(&self.known).map_or(uid, |(_, _, uid)| uid.clone()),
            _ => {}
        }
        json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "blockOwnerDeletion": self.rng.bool()})
    }

    fn references(&mut self) -> Value {
        let mut all: Vec<_> = (0..self.rng.usize(..3)).map(|_| self.reference()).collect();
        if self.rng.bool()
            && let Some(first) = all.first_mut()
        {
            first["controller"] = true.into();
        }
        all.into()
    }

    fn object(&mut self, (number, _, name): Key) -> Value {
        let (one, other, app) = (self.name(), self.name(), self.name());
        let space = self.rng.choice(SPACES).unwrap();
        let pod =
            self.known.iter().rfind(|(number, ..)| KINDS[*number].1 == "Pod").map(|(.., uid)| uid.clone());
        let scaled = KINDS[self.rng.usize(..KINDS.len())];
        let mut object = match KINDS[number].1 {
            "Pod" => json!({"spec": {
                "nodeName": one, "serviceAccountName": other, "containers": [{"name": "app", "image": "app"}],
                "volumes": [{"name": "a", "configMap": {"name": app, "optional": self.rng.bool()}}, {"name": "b", "secret": {"secretName": one}}],
            }}),
            "Service" => json!({"spec": {"ports": [{"port": 80}]}}),
            "RoleBinding" => json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": one},
                "subjects": [
                    {"kind": "ServiceAccount", "name": other, "namespace": space},
                    {"kind": "Group", "name": "system:serviceaccounts", "apiGroup": "rbac.authorization.k8s.io"},
                ],
            }),
            "PodDisruptionBudget" => {
                json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}}})
            }
            "NetworkPolicy" => json!({"spec": {"podSelector": {"matchLabels": {"app": app}}}}),
            "Ingress" => {
                json!({"spec": {"defaultBackend": {"service": {"name": one, "port": {"number": 80}}}}})
            }
            "HorizontalPodAutoscaler" => json!({"spec": {
                "maxReplicas": 3, "scaleTargetRef": {"apiVersion": scaled.0, "kind": scaled.1, "name": one},
            }}),
            "EndpointSlice" => json!({
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": one, "namespace": space, "uid": pod}}],
            }),
            _ => json!({}),
        };
        let finalizers = if self.rng.u8(..6) == 0 { json!([HELD]) } else { json!([]) };
        object["metadata"] = json!({
            "name": name, "finalizers": finalizers, "ownerReferences": self.references(),
            "labels": {"app": app, "kubernetes.io/service-name": other},
        });
        object
    }

    async fn step(&mut self) -> String {
        let key = self.key();
        let api = self.api(key);
        let what = match self.rng.u8(..10) {
            0..5 => {
                let object = self.object(key);
                let word = format!("create {key:?} {object}");
                // What is there already stays.
                match api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await {
                    Ok(created) => self.known.push((key.0, created.name_any(), created.uid().unwrap())),
                    Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => {
                        return format!("not {word}: {status}");
                    }
                    Err(error) => panic!("{word}: {error}"),
                }
                return word;
            }
            5..7 => {
                let end = api.delete(key.2, &DeleteParams::default()).await;
                return format!("delete {key:?}: {}", end.is_ok());
            }
            7 => json!({"metadata": {"ownerReferences": self.references()}}),
            8 => json!({"metadata": {"labels": {"app": self.name()}}}),
            _ => json!({"metadata": {"finalizers": null}}),
        };
        let end = api.patch(key.2, &PatchParams::default(), &Patch::Merge(&what)).await;
        format!("patch {key:?} {what}: {}", end.is_ok())
    }

    /// Something that will go wrong with what the follower asks for, and some change of all.
    async fn trouble(&mut self) -> String {
        let plural = KINDS[self.rng.usize(..KINDS.len())].2;
        let calls = |verb: &str| Calls::verb(verb).user("follower");
        let of_one = |verb: &str| calls(verb).resource(plural);
        let (times, faults) = (self.rng.u64(1..5), self.cluster.faults());
        let what = self.rng.u8(..12);
        match what {
            0 => drop(faults.add(of_one("watch").first(times), Fault::cut_after_events(times))),
            1 => drop(faults.add(of_one("watch").first(times), Fault::cut_after_bytes(100))),
            2 => drop(faults.add(calls("watch").first(3 * times), Fault::expired())),
            3 => drop(faults.add(calls("watch").first(times), Fault::drop_connection())),
            4 => drop(faults.add(of_one("watch").first(times), Fault::internal_error("it broke"))),
            5 => drop(faults.add(of_one("watch").first(times), Fault::cut_after_events(0).cleanly())),
            6 => drop(faults.add(calls("list").first(times), Fault::internal_error("it broke"))),
            7 => drop(faults.add(calls("list").range(times..times + 3), Fault::cut_after_bytes(300))),
            8 => drop(faults.add(calls("list").nth(times), Fault::expired())),
            9 => drop(faults.add(of_one("list").first(1), Fault::forbidden())),
            10 => faults.compact(),
            _ => {
                faults.shut_down().await;
                faults.start_again().await.unwrap();
            }
        }
        if self.rng.bool() {
            faults.restart();
        }
        format!("trouble {what} {plural} {times}")
    }

    /// Deletes all that was made.
    async fn clear(&mut self) {
        for (number, (version, kind, plural, is_namespaced)) in KINDS.iter().enumerate() {
            let spaces = if *is_namespaced { SPACES.map(Some).to_vec() } else { vec![None] };
            for space in spaces {
                let api = api(&self.client, version, kind, plural, space);
                for object in api.list_metadata(&ListParams::default()).await.unwrap() {
                    let uid = object.uid().unwrap();
                    if self.known.iter().any(|(of, _, its)| (*of, its) == (number, &uid)) {
                        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
                        // Its owner may have taken it away.
                        let _ = api.patch(&object.name_any(), &PatchParams::default(), &release).await;
                        let _ = api.delete(&object.name_any(), &now()).await;
                    }
                }
            }
        }
    }
}

/// Pods are given no time.
fn now() -> DeleteParams {
    DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() }
}

async fn play(seed: u64) {
    let mut world = World::new(seed).await;
    let mut follower = Follower::new(World::builder(world.cluster.client_as("follower").unwrap())).await;
    let empty = picture(follower.graph());
    for burst in 0..8 {
        eprintln!("seed {seed} burst {burst}");
        for _ in 0..world.rng.usize(1..40) {
            if world.rng.u8(..12) == 0 {
                eprintln!("{}", world.trouble().await);
            } else {
                eprintln!("{}", world.step().await);
            }
        }
        follower.until_equal(World::builder(world.client.clone())).await;
    }
    world.clear().await;
    follower.until("nothing is left", |graph| picture(graph) == empty).await;
}

/// What is printed is shown if it fails.
#[tokio::test(start_paused = true)]
async fn it_becomes_what_would_be_loaded() {
    let seeds = std::env::var("KUBE_EXT_SEEDS").ok().and_then(|many| many.parse().ok());
    for seed in 0..seeds.unwrap_or(4) {
        Box::pin(play(seed)).await;
    }
}
