//! The scenarios on a real cluster.

use futures::future::BoxFuture;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::parity::{self, Clients, Stage, Transcript};

/// The context of the user without rights.
const POWERLESS: &str = "powerless";

/// Plays all scenarios on the cluster of the current context.
pub(crate) async fn transcript() -> Transcript {
    let clients = Clients { admin: client(None).await, powerless: client(Some(POWERLESS)).await };
    parity::play(&clients, &Node).await
}

async fn client(context: Option<&str>) -> Client {
    let config = Kubeconfig::read().expect("these tests need a kubeconfig; see .ci/cluster/README.md");
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(config, &options).await.expect("a context");
    // Each answer counts, not only the last.
    config.default_retry = false;
    Client::try_from(config).expect("client")
}

/// The scenes on a cluster with a node.
struct Node;

impl Stage for Node {
    fn set<'a>(&'a self, name: &'a str, _namespace: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { panic!("no scene {name}") })
    }
}
