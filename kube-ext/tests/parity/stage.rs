//! The pods that are there before a scenario's first step.

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;

use super::scenario::read_yaml;

/// How a cluster comes to have the pods.
pub(crate) trait Stage: Sync {
    /// Puts the pods into a namespace, and waits until they are as they are meant to be.
    fn set<'a>(&'a self, client: &'a Client, namespace: &'a str) -> BoxFuture<'a, ()>;
}

/// The pods.
pub(crate) fn pods() -> Vec<Pod> {
    read_yaml(include_str!("pods.yaml"))
}
