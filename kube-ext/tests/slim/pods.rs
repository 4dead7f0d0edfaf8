//! A view of a pod knows what the pod knows.
use k8s_openapi::api::core::v1::Pod;
use kube_ext::pod::{ContainerExt as _, ContainerSpec, PodExt as _, PodSlim};

use crate::{agree::assert_agree, random::pod};

#[test]
fn as_the_pod() {
    let mut seen = [0; 4];
    for seed in 0..3_000 {
        let value = pod(seed);
        let text = value.to_string();
        let whole: Pod = serde_json::from_value(value).unwrap();
        let slim: PodSlim = serde_json::from_str(&text).unwrap();
        assert_agree(&slim, &whole, &text);
        let all = slim.containers(None);
        assert!(all.iter().all(|container| matches!(container.spec(), ContainerSpec::Slim(_))));
        seen[0] += usize::from(whole.is_ready());
        seen[1] += usize::from(!whole.readiness_gates().is_empty());
        seen[2] += usize::from(whole.pick_container(None).is_err());
        seen[3] += usize::from(all.iter().any(|container| container.last_termination().is_some()));
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}
