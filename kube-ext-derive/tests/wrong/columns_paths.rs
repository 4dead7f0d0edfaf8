use std::borrow::Cow;

use k8s_openapi::{api::core::v1::PodSpec, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use kube_ext::columns::Columns;
use serde::Serialize;

#[derive(Columns, Serialize)]
#[column(name = "Node", path = "spec.nodename")]
#[column(name = "Other", path = "spec.node_name")]
#[column(name = "Affinity", path = "spec.affinity")]
#[column(name = "Host", path = "spec.hostName", rust = "spec.hostname")]
struct Ship {
    metadata: ObjectMeta,
    spec: PodSpec,
}

impl Resource for Ship {
    type DynamicType = ();
    type Scope = kube::core::NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "Ship".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "example.com".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "ships".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

fn main() {}
