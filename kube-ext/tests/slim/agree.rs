//! A view of a pod says what the pod says, or nobody asks.
use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Pod;
use kube_ext::{
    columns::Columns,
    pod::{Container, ContainerExt as _, PodExt, PodSlim},
};

use crate::unique::has_unique_keys;

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A pod and a view of it, which agree.
    Both,
    /// The view alone: what it does not read may be wrong.
    View,
    Neither,
}

/// Reads a pod and a view of it: where there is a pod, there is a view that agrees with it.
///
/// No server has a key twice in one object, and nothing is said of what does; but that it does not panic.
pub(crate) fn read(bytes: &[u8]) -> Read {
    match (serde_json::from_slice::<Pod>(bytes), serde_json::from_slice::<PodSlim>(bytes)) {
        (Ok(whole), slim) if has_unique_keys(bytes) => match slim {
            Ok(slim) => {
                assert_agree(&slim, &whole, &String::from_utf8_lossy(bytes));
                Read::Both
            }
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(bytes)),
        },
        (_, Ok(slim)) => {
            drop(all(&slim, Utc::now()));
            Read::View
        }
        (_, Err(_)) => Read::Neither,
    }
}

/// All that [`PodExt`], the columns and the metadata of a view give.
pub(crate) fn assert_agree(slim: &PodSlim, whole: &Pod, text: &str) {
    let now = Utc::now();
    for (slim, whole) in all(slim, now).iter().zip(&all(whole, now)) {
        assert_eq!(slim, whole, "{text}");
    }
    let (meta, metadata) = (slim.meta.object_meta(), &whole.metadata);
    assert_eq!(slim.meta.name(), metadata.name.as_deref().unwrap_or_default(), "{text}");
    assert_eq!(meta.namespace, metadata.namespace, "{text}");
    assert_eq!(meta.uid, metadata.uid, "{text}");
    assert_eq!(meta.resource_version, metadata.resource_version, "{text}");
    assert_eq!(meta.creation_timestamp, metadata.creation_timestamp, "{text}");
    assert_eq!(slim.deletion_timestamp, metadata.deletion_timestamp, "{text}");
    let owners = metadata.owner_references.iter().flatten();
    let controller = owners.clone().find(|owner| owner.controller == Some(true));
    let uid = slim.meta.controller().map(|owner| owner.uid().into_owned());
    assert_eq!(uid.as_ref(), controller.map(|owner| &owner.uid), "{text}");
}

/// What a pod says of itself, in words.
fn all<P: PodExt + Columns>(pod: &P, now: DateTime<Utc>) -> Vec<String> {
    let mut all = pod.cells_at(now);
    all.push(format!("{} {:?} {}", pod.ready(), pod.status(), pod.restarts_at(now)));
    all.push(format!("{:?} {:?} {:?} {}", pod.age_at(now), pod.ip(), pod.ips(), pod.is_ready()));
    all.push(format!(
        "{:?} {:?} {:?}",
        pod.ready_condition(),
        pod.readiness_gates(),
        pod.default_container()
    ));
    let available = [i32::MIN, 0, 1, 100_000, i32::MAX].map(|seconds| pod.is_available_at(seconds, now));
    all.push(format!("{available:?}"));
    for filter in [None, Some(""), Some("app")] {
        all.extend(pod.containers(filter.map(str::to_owned)).iter().map(|it| describe(it, now)));
    }
    let names = pod.containers(None).iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    for name in names.iter().map(String::as_str).chain(["", "app-1", "debug", "nobody"]) {
        let picked = pod.pick_container(Some(name)).map(|it| it.name().to_owned());
        all.push(format!("{picked:?} {:?}", pod.container(name).map(|it| describe(&it, now))));
    }
    all.push(format!("{:?}", pod.pick_container(None).map(|it| it.name().to_owned())));
    all
}

fn describe(container: &Container<'_>, now: DateTime<Utc>) -> String {
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
        container.age_at(now),
        container.last_termination(),
    )
}
