//! A namespace with pods whose commands are real processes: a container's, or this machine's.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use kube_ext::exec::{Command, Error, ExecExt as _, ExitStatus};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::support::TestNamespace;

/// What a test without much data may take, pods included. Generous: the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
/// And one with much data, or many commands.
pub(crate) const LONG: Duration = Duration::from_secs(1800);

pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: TestNamespace,
}

/// Plays a test in a namespace of its own, which is gone afterwards, whatever happens.
pub(crate) async fn play(purpose: &str, limit: Duration, test: impl AsyncFnOnce(&Scene)) {
    let cluster = Cluster::connect().await;
    let namespace = TestNamespace::create(&cluster.client, purpose).await;
    let scene = Scene { cluster, namespace };
    let ending = AssertUnwindSafe(timeout(limit, test(&scene))).catch_unwind().await;
    scene.namespace.delete().await;
    match ending {
        Ok(Ok(())) => (),
        Ok(Err(_)) => panic!("not over after {limit:?}"),
        Err(panic) => resume_unwind(panic),
    }
}

impl Scene {
    pub(crate) fn pods(&self) -> Api<Pod> {
        self.namespace.pods()
    }

    /// Starts a pod, and waits until it is as its status says.
    pub(crate) async fn start(&self, pod: Value) {
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        self.cluster.start(&self.namespace, pod).await;
    }

    /// Creates a pod that nobody runs.
    pub(crate) async fn create(&self, pod: Value) {
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        self.pods().create(&PostParams::default(), &pod).await.expect("create pod");
    }

    /// Starts the pod `web`, whose container `app` sleeps.
    pub(crate) async fn start_web(&self) {
        self.start(pod("web", &[sleeper("app")])).await;
    }

    /// A command in the container `app` of the pod `web`.
    pub(crate) fn command(&self, program: &str) -> Command {
        self.pods().command("web", program).container("app")
    }

    /// A script there.
    pub(crate) fn sh(&self, script: impl Into<String>) -> Command {
        self.command("sh").arg("-c").arg(script)
    }

    /// What a script prints there, without the end of its last line.
    pub(crate) async fn printed(&self, script: &str) -> String {
        let output = self.sh(script).output().await.unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim_end_matches('\n').to_owned()
    }
}

/// What a command that ends with code 3 wrote. A node that is busy may lose the end of much output, and tells code 0 then, to whatever
/// client (`docs/exec.md`): it is played again. What had come is a part of it all the same.
pub(crate) async fn until_told<T>(
    is_part: impl Fn(&T) -> bool,
    play: impl AsyncFn() -> (T, ExitStatus),
) -> T {
    loop {
        let (output, status) = play().await;
        if status.code() == 3 {
            return output;
        }
        assert!(Cluster::HAS_NODE && status.success(), "{status}");
        assert!(is_part(&output), "a success, and other output");
        println!("a success, and a part of the output");
    }
}

/// The name of an error's cause.
pub(crate) fn kind(error: &Error) -> String {
    let cause = format!("{:?}", error.cause());
    cause.split(' ').next().unwrap_or_default().to_owned()
}

/// A container that does nothing.
pub(crate) fn sleeper(name: &str) -> Value {
    container(name, &["sleep", "100000"])
}

/// A container that finds its name in `$CONTAINER`.
pub(crate) fn container(name: &str, command: &[&str]) -> Value {
    json!({
        "name": name, "image": "kube-ext.local/tools:1", "imagePullPolicy": "Never", "command": command,
        "env": [{"name": "CONTAINER", "value": name}],
    })
}

/// A pod all of whose containers run.
pub(crate) fn pod(name: &str, containers: &[Value]) -> Value {
    let states: Vec<_> = containers.iter().map(|_| json!({"running": {}})).collect();
    pod_with(name, json!({"containers": containers}), "Running", &states)
}

/// A pod in some phase; `states` are those of its containers, first those that initialise it, and then the others.
pub(crate) fn pod_with(name: &str, mut spec: Value, phase: &str, states: &[Value]) -> Value {
    spec["terminationGracePeriodSeconds"] = 0.into();
    spec["automountServiceAccountToken"] = false.into();
    let mut states = states.iter();
    let mut statuses = |list: &str| -> Vec<_> {
        let containers = spec[list].as_array().into_iter().flatten();
        let statuses = containers.zip(&mut states).map(|(container, state)| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0,
                "ready": !state["running"].is_null(), "state": state,
            })
        });
        statuses.collect()
    };
    let (init, main) = (statuses("initContainers"), statuses("containers"));
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec,
        "status": {"phase": phase, "initContainerStatuses": init, "containerStatuses": main},
    })
}
