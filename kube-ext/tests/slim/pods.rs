//! A view of a pod knows what the pod knows.
use chrono::Utc;
use k8s_openapi::api::core::v1::Pod;
use kube_ext::{
    columns::Columns as _,
    pod::{Container, ContainerExt as _, ContainerSpec, PodExt, PodSlim},
};
use serde_json::{Value, json};

use crate::generate;

/// A random pod as a server would have it, with what the generator leaves out.
pub(crate) fn pod(seed: u64) -> Value {
    let (pod, status, deleted) = generate::pod(seed);
    let mut pod = serde_json::to_value(pod).unwrap();
    pod["status"] = status;
    pod["metadata"]["uid"] = format!("0d4f5ad9-2bc1-4c49-9d3d-{seed:012}").into();
    pod["metadata"]["creationTimestamp"] = json!(Utc::now().format("%FT%TZ").to_string());
    if deleted {
        pod["metadata"]["deletionTimestamp"] = "2026-07-22T12:00:00Z".into();
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

fn describe(container: &Container<'_>) -> String {
    let now = Utc::now();
    format!(
        "{} {} {} {} {:?} {:?} {:?} {:?} {} {} {:?} {:?}",
        container.name(),
        container.kind(),
        container.image(),
        container.state(),
        container.reason(),
        container.message(),
        container.exit_code(),
        container.signal(),
        container.ready(),
        container.restarts(),
        container.age_at(now).map(|age| age.num_seconds() / 10),
        container.last_termination(),
    )
}

#[test]
fn as_the_pod() {
    let now = Utc::now();
    let mut seen = [0; 4];
    for seed in 0..3_000 {
        let value = pod(seed);
        let whole: Pod = serde_json::from_value(value.clone()).unwrap();
        let slim: PodSlim = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(slim.cells_at(now), whole.cells_at(now), "{value}");
        assert_eq!(
            (slim.ready(), slim.status(), slim.restarts_at(now)),
            (whole.ready(), whole.status(), whole.restarts_at(now))
        );
        assert_eq!(
            (slim.age_at(now), slim.ips(), slim.is_ready()),
            (whole.age_at(now), whole.ips(), whole.is_ready())
        );
        assert_eq!(slim.ready_condition(), whole.ready_condition());
        assert_eq!(slim.readiness_gates(), whole.readiness_gates());
        assert_eq!(slim.default_container(), whole.default_container());
        for seconds in [0, 1, 100_000] {
            assert_eq!(slim.is_available_at(seconds, now), whole.is_available_at(seconds, now));
        }
        let texts = |pod: &dyn Fn() -> Vec<String>| pod();
        assert_eq!(
            texts(&|| slim.containers(None).iter().map(describe).collect()),
            texts(&|| whole.containers(None).iter().map(describe).collect()),
        );
        for name in [None, Some("app-1"), Some("debug"), Some("nobody")] {
            let picked = |pod: Result<Container<'_>, _>| pod.map(|container| container.name().to_owned());
            assert_eq!(picked(slim.pick_container(name)), picked(whole.pick_container(name)));
        }
        let all = slim.containers(None);
        assert!(all.iter().all(|container| matches!(container.spec(), ContainerSpec::Slim(_))));
        seen[0] += usize::from(whole.is_ready());
        seen[1] += usize::from(!whole.readiness_gates().is_empty());
        seen[2] += usize::from(whole.pick_container(None).is_err());
        seen[3] += usize::from(all.iter().any(|container| container.last_termination().is_some()));
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}
