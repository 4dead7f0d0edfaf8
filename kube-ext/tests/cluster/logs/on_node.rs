//! Logs of containers on a node, and kubectl.

use std::process::Command;

use chrono::SecondsFormat;
use serde_json::Value;

use crate::exec::setup::Scene;
use crate::logs::setup::Ask;

/// Starts a pod whose containers log something, and waits until it is as its status says.
pub(crate) async fn start(scene: &Scene, pod: Value) {
    scene.start(pod).await;
}

/// What kubectl prints of a container's log.
#[allow(clippy::unused_async, reason = "a server has to be asked for it")]
pub(crate) async fn kubectl_logs(scene: &Scene, pod: &str, container: &str, ask: Ask) -> Vec<u8> {
    let mut arguments = vec![pod.to_owned(), format!("--container={container}")];
    arguments.extend(flags(ask));
    print_logs(scene, &arguments)
}

/// The flags of `kubectl logs`.
pub(crate) fn flags(ask: Ask) -> Vec<String> {
    let mut flags = vec![format!("--prefix={}", ask.prefix), format!("--timestamps={}", ask.timestamps)];
    flags.push(format!("--previous={}", ask.previous));
    flags.extend(ask.tail.map(|lines| format!("--tail={lines}")));
    flags.extend(ask.since.map(|ago| format!("--since={}s", ago.as_secs())));
    flags.extend(
        ask.since_time
            .map(|time| format!("--since-time={}", time.to_rfc3339_opts(SecondsFormat::Secs, true))),
    );
    flags.extend(ask.limit_bytes.map(|bytes| format!("--limit-bytes={bytes}")));
    flags
}

/// What `kubectl logs` prints. It must be there, and must not fail.
pub(crate) fn print_logs(scene: &Scene, arguments: &[String]) -> Vec<u8> {
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["logs", "--namespace", &scene.namespace.name]).args(arguments);
    let output = kubectl.output().expect("kubectl is on the PATH");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl logs {}: {errors}", arguments.join(" "));
    output.stdout
}
