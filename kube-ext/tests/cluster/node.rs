//! What pods need of a cluster with a node: containers that really run, and users.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::LocalSubjectAccessReview;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Client, Config, ResourceExt};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;
use crate::support::TestNamespace;

/// How long a pod, or a right, may take to be there. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

impl Cluster {
    /// Whether containers run on a node, not as processes of this machine.
    pub(crate) const HAS_NODE: bool = true;

    /// How to reach it.
    #[allow(clippy::unused_self, reason = "as its twin inside the process")]
    pub(crate) async fn config(&self) -> Config {
        Config::infer().await.expect("the kubeconfig of the first connection")
    }

    /// Creates a pod, and waits until it is as its status says: its phase, and its containers' states with their reasons.
    #[allow(clippy::unused_self, reason = "as its twin inside the process")]
    pub(crate) async fn start(&self, namespace: &TestNamespace, pod: Pod) {
        let (name, expected) = (pod.name_any(), pod.status.clone().expect("a status"));
        let pods = namespace.pods();
        pods.create(&PostParams::default(), &pod).await.expect("create pod");
        let is_so = |pod: Option<&Pod>| {
            pod.and_then(|pod| pod.status.as_ref()).is_some_and(|status| is_as(status, &expected))
        };
        let started = async {
            // A busy server can end a watch.
            while await_condition(pods.clone(), &name, is_so).await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        if timeout(PATIENCE, started).await.is_ok() {
            return;
        }
        let found = pods.get(&name).await.expect("get pod").status;
        panic!("pod {name} is not as expected after {PATIENCE:?}: {found:#?}\nbut was to be: {expected:#?}");
    }

    /// A node does not tell which streams it serves.
    #[allow(clippy::unused_self, reason = "as its twin inside the process")]
    pub(crate) fn open_streams(&self) -> Option<usize> {
        None
    }

    /// A client of a new user, who may use these verbs on these resources in a namespace, and already can.
    pub(crate) async fn user(&self, namespace: &TestNamespace, rules: &[(&[&str], &[&str])]) -> Client {
        let user = format!("{}-{}", namespace.name, fastrand::u32(..));
        let role: Role = serde_json::from_value(json!({
            "metadata": {"name": user},
            "rules": rules.iter().map(|(verbs, resources)| {
                json!({"apiGroups": [""], "verbs": verbs, "resources": resources})
            }).collect::<Vec<_>>(),
        }))
        .unwrap();
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }))
        .unwrap();
        let (client, params) = (&self.client, PostParams::default());
        Api::namespaced(client.clone(), &namespace.name).create(&params, &role).await.expect("role");
        Api::namespaced(client.clone(), &namespace.name)
            .create(&params, &binding)
            .await
            .expect("role binding");
        for (verbs, resources) in rules {
            for (verb, resource) in verbs.iter().flat_map(|verb| resources.iter().map(move |it| (verb, it))) {
                in_effect(client, namespace, &user, verb, resource).await;
            }
        }
        let mut config = self.config().await;
        config.auth_info.impersonate = Some(user);
        Client::try_from(config).expect("client")
    }
}

/// Whether a pod is in the phase, and its containers in the states that are expected of them.
fn is_as(found: &PodStatus, expected: &PodStatus) -> bool {
    let of = |found: &Option<Vec<ContainerStatus>>, expected: &Option<Vec<ContainerStatus>>| {
        expected.iter().flatten().all(|expected| {
            let mut found = found.iter().flatten();
            found.any(|found| found.name == expected.name && state(found) == state(expected))
        })
    };
    found.phase == expected.phase
        && of(&found.init_container_statuses, &expected.init_container_statuses)
        && of(&found.container_statuses, &expected.container_statuses)
}

/// What a state is, without when it began.
fn state(status: &ContainerStatus) -> (&str, Option<&str>, Option<i32>) {
    match &status.state {
        Some(ContainerState { running: Some(_), .. }) => ("running", None, None),
        Some(ContainerState { terminated: Some(end), .. }) => {
            ("terminated", end.reason.as_deref(), Some(end.exit_code))
        }
        Some(ContainerState { waiting: Some(waiting), .. }) => ("waiting", waiting.reason.as_deref(), None),
        _ => ("", None, None),
    }
}

/// Waits until the server's authorizer knows that a user has a right: it learns of a role a moment after it is there.
async fn in_effect(client: &Client, namespace: &TestNamespace, user: &str, verb: &str, resource: &str) {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review: LocalSubjectAccessReview = serde_json::from_value(json!({
        "metadata": {"namespace": namespace.name},
        "spec": {"user": user, "resourceAttributes": {
            "namespace": namespace.name, "verb": verb, "resource": resource, "subresource": subresource,
        }},
    }))
    .unwrap();
    let reviews = Api::<LocalSubjectAccessReview>::namespaced(client.clone(), &namespace.name);
    let waiting = async {
        loop {
            let review = reviews.create(&PostParams::default(), &review).await.expect("review");
            if review.status.is_some_and(|status| status.allowed) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let right = format!("{verb} {resource}/{subresource} for {user}");
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{right} is not in effect after {PATIENCE:?}"));
}
