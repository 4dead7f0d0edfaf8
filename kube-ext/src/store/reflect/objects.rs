//! What is listed and watched, in words.

use std::fmt;

use kube::{Api, Resource, ResourceExt as _};

use super::error::{Cause, Error};

/// What is done.
#[derive(Clone, Copy)]
pub(super) enum Doing {
    List,
    Watch,
    Keep,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Watch => "watch",
            Self::Keep => "keep",
        })
    }
}

/// What is listed and watched, in words.
pub(super) struct Objects {
    /// `deployments.apps`.
    kind: String,
    namespace: Option<String>,
}

impl Objects {
    pub(super) fn of<K: Resource>(api: &Api<K>) -> Self {
        let parts: Vec<_> = api.resource_url().split('/').filter(|part| !part.is_empty()).collect();
        let plural = parts.last().copied().unwrap_or_default();
        let kind = match parts.as_slice() {
            ["apis", group, ..] => format!("{plural}.{group}"),
            _ => plural.to_owned(),
        };
        Self { kind, namespace: api.namespace().map(str::to_owned) }
    }

    pub(super) fn error(&self, doing: Doing, cause: Cause) -> Error {
        let place = self.namespace.as_ref().map(|it| format!(" in namespace {it}")).unwrap_or_default();
        Error::new(format!("{doing} {}{place}", self.kind), cause)
    }

    /// The task has panicked, in what keeps the objects or is told of errors.
    pub(super) fn panicked(&self, message: String) -> Error {
        self.error(Doing::Keep, Cause::Panicked(message))
    }

    pub(super) fn cancelled(&self) -> Error {
        self.error(Doing::Watch, Cause::Cancelled)
    }

    /// An object, by what it is known by.
    pub(super) fn error_of(&self, name: &Name, cause: Cause) -> Error {
        let namespace = name.0.as_ref().map(|it| format!("{it}/")).unwrap_or_default();
        Error::new(format!("{} {} {namespace}{}", Doing::Keep, self.kind, name.1), cause)
    }
}

/// Namespace and name.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Name(Option<String>, String);

impl Name {
    pub(super) fn of(object: &impl Resource) -> Self {
        Self(object.namespace(), object.meta().name.clone().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node, core::v1::Pod};
    use kube::Client;

    use super::*;

    #[tokio::test]
    async fn words() {
        let client =
            Client::try_from(kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"))).unwrap();
        let of = |objects: Objects| objects.error(Doing::List, Cause::Short).to_string();
        let short = "it ended at once, without a word";
        let pods = Objects::of(&Api::<Pod>::namespaced(client.clone(), "shop"));
        assert_eq!(of(pods), format!("list pods in namespace shop: {short}"));
        assert_eq!(of(Objects::of(&Api::<Pod>::all(client.clone()))), format!("list pods: {short}"));
        assert_eq!(of(Objects::of(&Api::<Node>::all(client.clone()))), format!("list nodes: {short}"));
        let deployments = Objects::of(&Api::<Deployment>::all(client));
        assert_eq!(
            deployments.error_of(&Name(Some("a".to_owned()), "b".to_owned()), Cause::NoVersion).to_string(),
            "keep deployments.apps a/b: the list has no resourceVersion"
        );
    }
}
