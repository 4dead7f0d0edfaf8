//! A cluster inside the process.

use kube::Client;
use kube_ext::fake::FakeCluster;

/// A cluster for one test.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) server: FakeCluster,
}

impl Cluster {
    pub(crate) async fn connect() -> Self {
        let server = FakeCluster::builder().start().await.expect("start");
        Self { client: server.client().expect("client"), server }
    }
}
