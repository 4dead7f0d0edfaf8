//! The server inside the process: how soon it is there, and how fast it answers, beside the API server of the current
//! kubeconfig context.
//!
//! `cargo bench -p kube-ext-benches --bench fake`

use std::cell::Cell;
use std::time::Instant;

use futures::{TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, PodSchedulingGate};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Config, ResourceExt};
use kube_ext::fake::FakeCluster;
use kube_ext_benches::{HEAD, compare};
use serde_json::json;
use tokio::runtime::Runtime;

const PODS: usize = 2_000;
const NAMESPACE: &str = "kube-ext-bench-fake";

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Pods of the size that pods have, without a node, so that nothing runs them.
fn pod(number: usize) -> Result<Pod> {
    let mut pod: Pod = serde_json::from_str(include_str!("../data/pod.json"))?;
    let ObjectMeta { annotations, labels, .. } = pod.metadata;
    pod.metadata =
        ObjectMeta { name: Some(format!("pod-{number:05}")), annotations, labels, ..ObjectMeta::default() };
    if let Some(spec) = &mut pod.spec {
        spec.node_name = None;
        spec.service_account = None;
        spec.service_account_name = None;
        spec.priority = None;
        spec.priority_class_name = None;
        spec.scheduling_gates = Some(vec![PodSchedulingGate { name: "example.com/never".to_owned() }]);
    }
    Ok(pod)
}

/// Fills a cluster through its API.
async fn fill(client: &Client) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    namespaces.create(&PostParams::default(), &namespace).await?;
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "map"}, "data": {"round": "0"}}))?;
    Api::namespaced(client.clone(), NAMESPACE).create(&PostParams::default(), &map).await?;
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    stream::iter((0..PODS).map(Ok))
        .try_for_each_concurrent(32, |number| {
            let pods = pods.clone();
            async move { pods.create(&PostParams::default(), &pod(number)?).await.map(drop).map_err(Into::into) }
        })
        .await
}

/// A pod, and a page of pods, and all pages; and a write.
struct Work<'a> {
    runtime: &'a Runtime,
    client: Client,
    round: Cell<u64>,
}

impl Work<'_> {
    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    fn get(&self) -> String {
        self.runtime
            .block_on(self.pods().get("pod-00007"))
            .map_or_else(|err| err.to_string(), |pod| pod.name_any())
    }

    fn list(&self, limit: u32) -> usize {
        let mut params = ListParams::default().limit(limit);
        let list = async {
            let mut seen = 0;
            loop {
                let Ok(page) = self.pods().list_metadata(&params).await else { break seen };
                seen += page.items.len();
                match page.metadata.continue_ {
                    Some(token) if !token.is_empty() => params.continue_token = Some(token),
                    _ => break seen,
                }
            }
        };
        self.runtime.block_on(list)
    }

    fn patch(&self) -> bool {
        self.round.set(self.round.get() + 1);
        let patch = Patch::Merge(json!({"data": {"round": self.round.get().to_string()}}));
        let maps = Api::<ConfigMap>::namespaced(self.client.clone(), NAMESPACE);
        self.runtime.block_on(maps.patch("map", &PatchParams::default(), &patch)).is_ok()
    }
}

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    let start = || runtime.block_on(FakeCluster::builder().start());
    let mut starts: Vec<_> = (0..21)
        .map(|_| {
            let started = Instant::now();
            let cluster = start();
            (started.elapsed(), cluster.is_ok())
        })
        .collect();
    starts.sort();
    if let Some((median, _)) = starts.get(10) {
        println!("An empty cluster starts in {median:?} (median of 21).");
    }

    let cluster = start()?;
    // A client has tasks of its own on the runtime.
    let (fake, real) = runtime.block_on(async {
        let real = Client::try_from(Config::infer().await?)?;
        real.apiserver_version().await?;
        Ok::<_, Box<dyn std::error::Error>>((cluster.client()?, real))
    })?;
    let fill_both = async {
        fill(&fake).await?;
        fill(&real).await
    };
    let filled = runtime.block_on(fill_both);
    if filled.is_ok() {
        let ours = Work { runtime: &runtime, client: fake, round: Cell::new(0) };
        let theirs = Work { runtime: &runtime, client: real.clone(), round: Cell::new(0) };
        assert_eq!(
            (ours.get(), ours.list(500), ours.patch()),
            (theirs.get(), theirs.list(500), theirs.patch())
        );
        println!("{PODS} pods; the other is a kube-apiserver with etcd, over TLS.\n\n{HEAD}");
        compare("get a pod", || ours.get(), "kube-apiserver", || theirs.get());
        compare(
            "metadata of all pods, pages of 500",
            || ours.list(500),
            "kube-apiserver",
            || theirs.list(500),
        );
        compare("patch a ConfigMap", || ours.patch(), "kube-apiserver", || theirs.patch());
    }
    let namespaces = Api::<Namespace>::all(real);
    runtime.block_on(namespaces.delete(NAMESPACE, &DeleteParams::default()))?;
    filled
}
