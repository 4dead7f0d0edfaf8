//! The scenarios on a real cluster.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use kube::config::Kubeconfig;
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt};
use tokio::time::{sleep, timeout};

use crate::parity::{self, Clients, Stage, Transcript, stage};

/// How long a node may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Plays on the cluster of the current context the scenarios whose names are meant.
pub(crate) async fn transcript(is_meant: impl Fn(&str) -> bool) -> Transcript {
    let kubeconfig = Kubeconfig::read().expect("these tests need a kubeconfig; see .ci/cluster/README.md");
    let clients = Clients::of(&kubeconfig).await;
    parity::play(&clients, &Node, is_meant).await
}

/// The scenes on a cluster with a node.
struct Node;

impl Stage for Node {
    fn set<'a>(&'a self, client: &'a Client, namespace: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let pods = stage::pods();
            for pod in &pods {
                api.create(&PostParams::default(), pod).await.unwrap();
            }
            for pod in &pods {
                let name = pod.name_any();
                let reached = await_condition(api.clone(), &name, |now: Option<&Pod>| {
                    now.is_some_and(|now| is_as(now, pod))
                });
                timeout(PATIENCE, reached)
                    .await
                    .unwrap_or_else(|_| panic!("{name} is not as meant"))
                    .unwrap();
            }
            // Their lines are to be older than a second.
            sleep(Duration::from_secs(2)).await;
        })
    }
}

/// Whether a pod and its containers have come as far as another.
fn is_as(now: &Pod, meant: &Pod) -> bool {
    let far = |pod: &Pod| {
        let status = pod.status.clone().unwrap_or_default();
        let containers = status.container_statuses.into_iter().flatten().map(|container| {
            let state = container.state.unwrap_or_default();
            let reason = state.waiting.map(|waiting| waiting.reason);
            (container.restart_count, state.running.is_some(), state.terminated.is_some(), reason)
        });
        (status.phase, containers.collect::<Vec<_>>())
    };
    far(now) == far(meant)
}
