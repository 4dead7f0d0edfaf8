//! Pods as a server has them.
use chrono::Utc;
use serde_json::{Value, json};

use crate::generate;

/// A random pod as a server would have it, with what the generator leaves out.
pub(crate) fn pod(seed: u64) -> Value {
    let (pod, status, deleted) = generate::pod(seed);
    let mut pod = serde_json::to_value(pod).unwrap();
    pod["status"] = status;
    pod["metadata"]["namespace"] = ["default", "kube-system"][usize::from(seed.is_multiple_of(4))].into();
    pod["metadata"]["uid"] = format!("0d4f5ad9-2bc1-4c49-9d3d-{seed:012}").into();
    pod["metadata"]["resourceVersion"] = (seed + 1).to_string().into();
    pod["metadata"]["creationTimestamp"] = json!(Utc::now().format("%FT%TZ").to_string());
    if deleted {
        pod["metadata"]["deletionTimestamp"] = "2026-07-22T12:00:00Z".into();
    }
    if seed.is_multiple_of(2) {
        pod["metadata"]["managedFields"] = json!([{
            "manager": "kubelet", "operation": "Update", "apiVersion": "v1", "subresource": "status",
            "time": "2026-07-22T12:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:phase": {}}},
        }]);
        pod["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "web", "uid": "1"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5f", "uid": format!("3-{}", seed / 10), "controller": true},
        ]);
    }
    if seed.is_multiple_of(3) {
        pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] =
            ["app-0", "init-0", "", "no"][usize::try_from(seed).unwrap() / 3 % 4].into();
    }
    if seed.is_multiple_of(5) {
        pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "debug:1"}]);
        pod["status"]["ephemeralContainerStatuses"] = json!([{
            "name": "debug", "image": "debug:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 3, "signal": 9, "reason": "Error", "message": "it said"}},
        }]);
    }
    pod
}
