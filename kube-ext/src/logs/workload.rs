//! The pods of a workload, as `kubectl logs TYPE/NAME` finds them (`SelectorsForObject` in
//! `k8s.io/kubectl/pkg/polymorphichelpers/helpers.go`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};

use tokio::time::{sleep, timeout};

use super::{
    error::Cause,
    request::{PATIENCE, silence},
    stream::TRIES,
    tail::Tail,
};
use crate::{delays::Delays, labels, server::is_name};

/// A workload by its type, in any of the forms that kubectl takes for it, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Workload {
    kind: Kind,
    pub(super) name: String,
}

/// How a type selects its pods, and its kind, plural and group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pod,
    /// By labels that are equal.
    Equality([&'static str; 3]),
    /// By a `LabelSelector`.
    Set([&'static str; 3]),
}

/// Types by kubectl's short names.
const KINDS: [(Kind, &str); 8] = [
    (Kind::Pod, "po"),
    (Kind::Equality(["ReplicationController", "replicationcontrollers", ""]), "rc"),
    (Kind::Equality(["Service", "services", ""]), "svc"),
    (Kind::Set(["DaemonSet", "daemonsets", "apps"]), "ds"),
    (Kind::Set(["Deployment", "deployments", "apps"]), "deploy"),
    (Kind::Set(["ReplicaSet", "replicasets", "apps"]), "rs"),
    (Kind::Set(["StatefulSet", "statefulsets", "apps"]), "sts"),
    (Kind::Set(["Job", "jobs", "batch"]), ""),
];

/// What a workload stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pods {
    /// A pod itself.
    Name(String),
    /// Those with these labels.
    Labels(String),
}

impl Workload {
    pub(super) fn parse(text: &str) -> Result<Self, Cause> {
        let invalid = |problem: String| Cause::Invalid { problem };
        let Some((kind, name)) = text.split_once('/') else {
            return Err(invalid(format!("{text:?} is no workload: TYPE/NAME is, such as deploy/web")));
        };
        if !is_name(name) {
            return Err(invalid(format!("{name:?} in {text:?} is no name")));
        }
        let (resource, group) =
            kind.split_once('.').map_or((kind, None), |(resource, group)| (resource, Some(group)));
        // `deployments.v1.apps` names the version, too.
        let group = group.map(|group| group.strip_prefix("v1.").unwrap_or(group));
        let resource = resource.to_ascii_lowercase();
        let known = KINDS.iter().find(|(kind, short)| {
            let (Kind::Equality(names) | Kind::Set(names)) = kind else {
                return ["po", "pod", "pods"].contains(&&*resource) && group.is_none();
            };
            let [kind, plural, its_group] = names;
            !resource.is_empty()
                && (resource == *short || resource == *plural || resource == kind.to_ascii_lowercase())
                && group.is_none_or(|group| group == *its_group)
        });
        match known {
            Some((kind, _)) => Ok(Self { kind: *kind, name: name.to_owned() }),
            None => Err(invalid(format!(
                "{kind:?} has no pods: pods, deployments, replicasets, statefulsets, daemonsets, replicationcontrollers, \
                 jobs and services have"
            ))),
        }
    }

    /// Reads the object and takes its selector; tried again as a list of pods would be.
    pub(super) async fn pods(&self, client: &Client, namespace: &str, tail: &Tail) -> Result<Pods, Cause> {
        let (mut delays, patience) = (Delays::new(tail.backoff), tail.silence.min(PATIENCE));
        loop {
            let pods = timeout(patience, self.ask(client, namespace)).await;
            match pods.unwrap_or_else(|_| Err(silence(patience))) {
                Err(cause) if cause.may_pass() && delays.count() < TRIES => sleep(delays.next()).await,
                pods => return pods,
            }
        }
    }

    async fn ask(&self, client: &Client, namespace: &str) -> Result<Pods, Cause> {
        let resource = match self.kind {
            Kind::Pod => return Ok(Pods::Name(self.name.clone())),
            Kind::Equality(resource) | Kind::Set(resource) => resource,
        };
        let [kind, plural, group] = resource;
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
        let object = api.get(&self.name).await.map_err(Cause::of)?;
        let selector = object.data.pointer("/spec/selector").cloned().unwrap_or_default();
        let invalid = |error: serde_json::Error| Cause::Invalid { problem: format!("its selector: {error}") };
        let labels = if let Kind::Equality(_) = self.kind {
            equal(serde_json::from_value(selector).map_err(invalid)?)
        } else {
            let selector: Option<LabelSelector> = serde_json::from_value(selector).map_err(invalid)?;
            labels::selector_text(&selector.unwrap_or_default())
                .map_err(|problem| Cause::Invalid { problem: format!("its selector: {problem}") })?
        };
        if labels.is_empty() {
            // It would be all pods there are.
            return Err(Cause::Invalid {
                problem: "it has no selector, so that it has no pods of its own".to_owned(),
            });
        }
        Ok(Pods::Labels(labels))
    }
}

fn equal(labels: Option<BTreeMap<String, String>>) -> String {
    let labels = labels.into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
    labels.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_in_all_their_forms() {
        let kind = |text: &str| Workload::parse(text).map(|workload| (workload.kind, workload.name));
        for text in [
            "deploy/web",
            "deployment/web",
            "deployments/web",
            "deployments.apps/web",
            "Deployment.v1.apps/web",
        ] {
            let expected = Kind::Set(["Deployment", "deployments", "apps"]);
            assert_eq!(kind(text).unwrap(), (expected, "web".to_owned()), "{text}");
        }
        assert_eq!(kind("job/x").unwrap().0, Kind::Set(["Job", "jobs", "batch"]));
        assert_eq!(kind("po/x").unwrap().0, Kind::Pod);
        for text in
            ["web", "/web", "deploy/", "deploy/a/b", "cronjob/x", "configmap/x", "deploy.batch/x", "svc/../x"]
        {
            assert!(matches!(kind(text), Err(Cause::Invalid { .. })), "{text}");
        }
    }
}
