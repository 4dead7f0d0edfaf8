//! The text of an object: `to_yaml` beside `serde_yaml`, a pod's cells beside the row that programs write by hand.
//!
//! `cargo bench -p kube-ext-benches --bench text`

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::DynamicObject;
use kube_ext::columns::Columns;
use kube_ext::yaml::Yaml;
use kube_ext_benches::{HEAD, compare};

/// What many programs show of a pod: the phase, counts and times as they stand there.
fn naive_row(pod: &Pod, now: DateTime<Utc>) -> Vec<String> {
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let ready = containers.iter().filter(|container| container.ready).count();
    let restarts: i32 = containers.iter().map(|container| container.restart_count).sum();
    let age = pod.creation_timestamp().map(|time| now.timestamp() - time.0.as_second());
    vec![
        pod.name_any(),
        format!("{ready}/{}", containers.len()),
        status.and_then(|status| status.phase.clone()).unwrap_or_default(),
        restarts.to_string(),
        format!("{}s", age.unwrap_or_default()),
        status.and_then(|status| status.pod_ip.clone()).unwrap_or_default(),
        pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // As the server sends it, with managedFields, which kubectl leaves out and serde_yaml does not.
    let json = include_str!("../data/pod.json");
    let pod: Pod = serde_json::from_str(json)?;
    let mut bare = pod.clone();
    bare.metadata.managed_fields = None;
    let dynamic: DynamicObject = serde_json::from_str(json)?;
    let now = Utc::now();

    println!("A pod of {} bytes of JSON.\n\n{HEAD}", json.len());
    compare(
        "`pod.to_yaml()`",
        || pod.to_yaml(),
        "`serde_yaml::to_string(&pod)`",
        || serde_yaml::to_string(&pod),
    );
    compare(
        "the same, no managedFields",
        || bare.to_yaml(),
        "`serde_yaml::to_string`",
        || serde_yaml::to_string(&bare),
    );
    compare(
        "`DynamicObject::to_yaml()`",
        || dynamic.to_yaml(),
        "`serde_yaml::to_string`",
        || serde_yaml::to_string(&dynamic),
    );
    compare(
        "`pod.to_json()`",
        || pod.to_json(),
        "`serde_json::to_string_pretty`",
        || serde_json::to_string_pretty(&pod),
    );
    compare("`pod.cells_at(now)`", || pod.cells_at(now), "a naive row", || naive_row(&pod, now));
    Ok(())
}
