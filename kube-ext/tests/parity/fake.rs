//! The scenarios on a server inside the process.

use futures::future::BoxFuture;
use kube::Client;
use kube_ext::fake::FakeCluster;

use crate::parity::{self, Clients, Stage, Transcript, stage};

/// Plays all scenarios on a new cluster.
pub(crate) async fn transcript() -> Transcript {
    let cluster = FakeCluster::builder().start().await.expect("fake cluster");
    let clients = Clients {
        admin: cluster.client().expect("client"),
        powerless: cluster.client_as("powerless").expect("client"),
    };
    parity::play(&clients, &Played(&cluster)).await
}

/// Pods of which each does what it does on a node.
struct Played<'a>(&'a FakeCluster);

impl Stage for Played<'_> {
    fn set<'a>(&'a self, _client: &'a Client, namespace: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            for mut pod in stage::pods() {
                pod.metadata.namespace = Some(namespace.to_owned());
                self.0.apply(&pod).expect("a pod");
            }
        })
    }
}
