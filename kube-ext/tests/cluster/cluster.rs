//! The cluster of the current kubeconfig context.

use kube::Client;

/// A cluster for one test.
pub(crate) struct Cluster {
    pub(crate) client: Client,
}

impl Cluster {
    /// The cluster of the current context. There is no test without one.
    pub(crate) async fn connect() -> Self {
        let config =
            kube::Config::infer().await.expect("these tests need a kubeconfig; see .ci/cluster/README.md");
        let client = Client::try_from(config).expect("client");
        client.apiserver_version().await.expect("the cluster of the current context answers");
        Self { client }
    }
}
