//! Which container of a pod kubectl would pick.

use super::{
    container::{Container, ContainerExt, ContainerKind},
    read::Read,
};

/// Why no container could be picked.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::pod::{Error, PodExt};
/// assert!(matches!(Pod::default().pick_container(None), Err(Error::NoContainers { .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pod has no regular container: it was not read from a server, or not whole.
    #[non_exhaustive]
    #[error("pick a container in pod {pod}: the pod has no containers")]
    NoContainers {
        /// `namespace/name` of the pod.
        pod: String,
    },
    /// The pod has no container of this name.
    #[non_exhaustive]
    #[error("pick container {container} in pod {pod}: no such container, out of: {available}")]
    NoSuchContainer {
        /// The name that was asked for.
        container: String,
        /// `namespace/name` of the pod.
        pod: String,
        /// The names there are, as kubectl lists them: `app, debug (ephem), setup (init)`.
        available: String,
    },
}

/// `FindOrDefaultContainerByName` of kubectl's `pkg/cmd/util/podcmd`.
pub(super) fn pick<'a>(pod: &'a impl Read, name: Option<&str>) -> Result<Container<'a>, Error> {
    let full_name = || format!("{}/{}", pod.namespace().unwrap_or("default"), pod.any_name());
    let first = pod.regular().next().ok_or_else(|| Error::NoContainers { pod: full_name() })?;
    let Some(name) = name else { return Ok(first) };
    pod.regular_first().find(|container| container.name() == name).ok_or_else(|| Error::NoSuchContainer {
        container: name.to_owned(),
        pod: full_name(),
        available: names(pod),
    })
}

/// `AllContainerNames` of kubectl's `pkg/cmd/util/podcmd`.
fn names(pod: &impl Read) -> String {
    let marked = pod.regular().chain(pod.ephemeral()).chain(pod.init()).map(|container| {
        let name = container.name();
        match container.kind() {
            ContainerKind::Regular => name.to_owned(),
            ContainerKind::Ephemeral => format!("{name} (ephem)"),
            ContainerKind::Init | ContainerKind::Sidecar => format!("{name} (init)"),
        }
    });
    marked.collect::<Vec<_>>().join(", ")
}
