use k8s_openapi::api::core::v1::PodSpec;
use kube_ext::columns::Columns;

#[derive(Columns)]
#[column(name = "Node")]
struct NoPath {
    spec: PodSpec,
}

#[derive(Columns)]
#[column(path = "spec.nodeName")]
struct NoName {
    spec: PodSpec,
}

#[derive(Columns)]
#[column(name = "Containers", path = "spec.containers[].name")]
struct Several {
    spec: PodSpec,
}

#[derive(Columns)]
#[column(name = "Node", path = "spec.nodeName", width = 3)]
struct NoSuchWord {
    spec: PodSpec,
}

#[derive(Columns)]
#[columns(name = "Node")]
struct NoColumn {
    spec: PodSpec,
}

#[derive(Columns)]
#[column(name = "Host", path = "spec.hostname.big", rust = "spec.hostname")]
struct OtherShape {
    spec: PodSpec,
}

#[derive(Columns)]
#[column(name = "App", path = r#"metadata.labels["app"]"#, rust = r#"metadata.labels["name"]"#)]
struct OtherEntry {
    spec: PodSpec,
}

#[derive(Columns)]
#[column(name = "Host", path = "spec.hostname", type = integer)]
struct OtherType {
    spec: PodSpec,
}

fn main() {}
