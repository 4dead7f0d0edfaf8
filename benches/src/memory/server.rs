//! Pods on a real API server, and what stores take that are filled from there.

use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use kube_ext::store::Raw;
use serde_json::json;

use super::{Watched, report};
use crate::process::{median, program};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Each of the JSON, and the same with lists in pages, and kube's store when it is `reflect` that fills it.
pub const STORES: [&str; 10] = [
    "kube-store",
    "kube-store-reflect",
    "kube-store-cleared",
    "kube-metadata",
    "slim",
    "slim-paged",
    "row",
    "row-paged",
    "compact-store",
    "compact-store-paged",
];

/// What an informer of client-go is told: nothing, so that it does as it does by default, with a streamed list; to list instead; and to leave
/// `managedFields` out, too. With each, whether the list is streamed, as client-go reads it from its environment.
pub const INFORMERS: [(&str, &[&str], &str); 3] = [
    ("client-go", &[], "true"),
    ("client-go-list", &[], "false"),
    ("client-go-list-cleared", &["-cleared"], "false"),
];

/// What fills such an informer from the server, if `.ci/cluster/peers` has built it.
#[must_use]
pub fn informer(
    (_, args, is_streamed): (&str, &[&str], &str),
    kubeconfig: &Path,
    namespace: &str,
    objects: usize,
) -> Option<Command> {
    let mut command = Command::new(program("informer")?);
    command.args(args).arg("-kubeconfig").arg(kubeconfig);
    command.args(["-namespace", namespace, "-objects", &objects.to_string()]);
    command.env("KUBE_FEATURE_WatchListClient", is_streamed).stdout(Stdio::piped());
    Some(command)
}

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;

/// Writes these pods with their status into a namespace.
///
/// # Errors
/// If the server does not take them.
pub async fn write(client: &Client, namespace: &str, pods: &[String]) -> Result<()> {
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    stream::iter(pods)
        .map(Ok)
        .try_for_each_concurrent(CONCURRENCY, |pod| {
            let api = &api;
            async move {
                let mut pod: Pod = serde_json::from_str(pod)?;
                pod.metadata.namespace = Some(namespace.to_owned());
                pod.metadata.resource_version = None;
                let status = Patch::Merge(json!({"status": pod.status}));
                api.create(&PostParams::default(), &pod).await?;
                api.patch_status(&pod.name_any(), &PatchParams::default(), &status).await?;
                Ok(())
            }
        })
        .await
}

/// How many bytes of JSON one of the first of them is, as the server lists it.
///
/// # Errors
/// If it does not.
pub async fn json_bytes(client: &Client, namespace: &str) -> Result<usize> {
    let pods = Api::<Raw<Pod>>::namespaced(client.clone(), namespace);
    let pods = pods.list(&ListParams::default().limit(500)).await?.items;
    Ok(pods.iter().map(|pod| pod.json().len()).sum::<usize>() / pods.len().max(1))
}

/// Deletes a namespace and the pods that are in it, at once: there may be nobody on the server who would do that.
///
/// # Errors
/// If the server refuses.
pub async fn delete(client: &Client, namespace: &str) -> Result<()> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
    Api::<Namespace>::all(client.clone()).delete(namespace, &DeleteParams::default()).await?;
    Ok(())
}

/// A table of what was measured, with a row for each store: of several rounds the medians, and the processor times of the best and the worst.
#[must_use]
pub fn table(rounds: &[Watched]) -> String {
    let mut text = "| store | objects | processor s | least and most | s | at rest | most in the list |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for store in STORES.into_iter().chain(INFORMERS.map(|informer| informer.0)) {
        let of_store = || rounds.iter().filter(|it| it.store == store);
        let Some(first) = of_store().next() else { continue };
        let times = || of_store().map(|it| it.processor_seconds);
        let _ = writeln!(
            text,
            "| `{store}` | {} | {} | {} to {} | {} | {} | {} |",
            report::grouped(first.objects as u64),
            report::short(median(times().collect())),
            report::short(times().fold(f64::INFINITY, f64::min)),
            report::short(times().fold(0.0, f64::max)),
            report::short(median(of_store().map(|it| it.seconds).collect())),
            report::grouped(first.rest_bytes_per_object),
            report::grouped(first.first_list_bytes_per_object),
        );
    }
    text
}
