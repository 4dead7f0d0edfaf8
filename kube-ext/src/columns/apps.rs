//! The group `apps` (`pkg/printers/internalversion/printers.go` of Kubernetes 1.36).

use chrono::{DateTime, Utc};
use k8s_openapi::{
    api::apps::v1::{Deployment, DeploymentSpec},
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{Column, Columns};
use crate::{labels, time::Age};

/// What `printDeployment` looks at, whichever type holds it.
pub(crate) trait ReadDeployment {
    fn name(&self) -> &str;
    fn created(&self) -> Option<&Time>;
    fn replicas(&self) -> Replicas;
    /// Names and images.
    fn containers(&self) -> impl Iterator<Item = (&str, &str)>;
    /// Its text; nothing if it is not valid.
    fn selector(&self) -> Option<String>;
}

/// Numbers of pods. One that is not told is 0: a server sets the default of `spec.replicas` before it stores a deployment.
pub(crate) struct Replicas {
    pub(crate) desired: Option<i32>,
    pub(crate) ready: Option<i32>,
    pub(crate) updated: Option<i32>,
    pub(crate) available: Option<i32>,
}

/// A spec, which some versions of k8s-openapi have in any case, and others as an option.
trait Spec {
    fn get(&self) -> Option<&DeploymentSpec>;
}

impl Spec for DeploymentSpec {
    fn get(&self) -> Option<&DeploymentSpec> {
        Some(self)
    }
}

impl Spec for Option<DeploymentSpec> {
    fn get(&self) -> Option<&DeploymentSpec> {
        self.as_ref()
    }
}

impl ReadDeployment for Deployment {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn created(&self) -> Option<&Time> {
        self.metadata.creation_timestamp.as_ref()
    }

    fn replicas(&self) -> Replicas {
        let status = self.status.as_ref();
        Replicas {
            desired: self.spec.get().and_then(|spec| spec.replicas),
            ready: status.and_then(|status| status.ready_replicas),
            updated: status.and_then(|status| status.updated_replicas),
            available: status.and_then(|status| status.available_replicas),
        }
    }

    fn containers(&self) -> impl Iterator<Item = (&str, &str)> {
        let pod = self.spec.get().and_then(|spec| spec.template.spec.as_ref());
        let containers = pod.into_iter().flat_map(|pod| &pod.containers);
        containers.map(|container| (&*container.name, container.image.as_deref().unwrap_or_default()))
    }

    fn selector(&self) -> Option<String> {
        let spec = self.spec.get();
        spec.map_or_else(|| Some(String::new()), |spec| labels::selector_text(&spec.selector).ok())
    }
}

/// `printDeployment`: Name, Ready, Up-to-date, Available, Age; wide Containers, Images, Selector.
impl Columns for Deployment {
    fn columns() -> &'static [Column] {
        const {
            &[
                Column { name: "Name", priority: 0 },
                Column { name: "Ready", priority: 0 },
                Column { name: "Up-to-date", priority: 0 },
                Column { name: "Available", priority: 0 },
                Column { name: "Age", priority: 0 },
                Column { name: "Containers", priority: 1 },
                Column { name: "Images", priority: 1 },
                Column { name: "Selector", priority: 1 },
            ]
        }
    }

    fn cells_at(&self, now: DateTime<Utc>) -> Vec<String> {
        deployment_cells(self, now)
    }
}

pub(crate) fn deployment_cells(deployment: &impl ReadDeployment, now: DateTime<Utc>) -> Vec<String> {
    let Replicas { desired, ready, updated, available } = deployment.replicas();
    let number = |count: Option<i32>| count.unwrap_or_default().to_string();
    let (names, images): (Vec<_>, Vec<_>) = deployment.containers().unzip();
    vec![
        deployment.name().to_owned(),
        format!("{}/{}", number(ready), number(desired)),
        number(updated),
        number(available),
        Age::since(deployment.created(), now).to_string(),
        names.join(","),
        images.join(","),
        deployment.selector().unwrap_or_else(|| "<invalid>".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cells(deployment: Value) -> Vec<String> {
        serde_json::from_value::<Deployment>(deployment).unwrap().cells()
    }

    /// One that no server has seen; the server's own are held against it in `tests/cluster/random_kinds.rs`.
    #[test]
    fn before_it_is_at_a_server() {
        let empty = ["", "0/0", "0", "0", "<unknown>", "", "", ""];
        assert_eq!(cells(json!({"metadata": {}})), empty);
        assert_eq!(cells(json!({"metadata": {}, "spec": {"selector": {}, "template": {}}})), empty);
    }

    #[test]
    fn a_selector_that_is_none() {
        let selector = json!({"matchExpressions": [{"key": "app", "operator": "In"}]});
        let cells = cells(json!({"metadata": {}, "spec": {"selector": selector, "template": {}}}));
        assert_eq!(cells[7], "<invalid>");
    }
}
