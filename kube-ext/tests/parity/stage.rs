//! What is in a scenario's namespace before its first step.

use futures::future::BoxFuture;
use kube_ext::fake::FakeCluster;

/// Sets the scene of a scenario on one kind of cluster.
pub(crate) trait Stage: Sync {
    /// Puts what `name` stands for into the namespace, and waits until it is there.
    fn set<'a>(&'a self, name: &'a str, namespace: &'a str) -> BoxFuture<'a, ()>;
}

/// The scenes on a server inside the process.
pub(crate) struct Fake<'a>(pub(crate) &'a FakeCluster);

impl Stage for Fake<'_> {
    fn set<'a>(&'a self, name: &'a str, _namespace: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { panic!("no scene {name} for {:?}", self.0) })
    }
}
