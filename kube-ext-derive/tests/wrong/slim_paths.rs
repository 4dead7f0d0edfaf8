use k8s_openapi::api::core::v1::Pod;
use kube_ext::slim::Slim;

#[derive(Slim)]
#[slim(of = Pod)]
struct Row {
    #[slim(path = "spec.nodename")]
    no_such_field: Option<String>,
    #[slim(path = "spec.node_name")]
    name_of_rust: Option<String>,
    #[slim(path = "status.podIp")]
    other_capitals: Option<String>,
    #[slim(path = "spec.nodeName[]")]
    no_list: Vec<String>,
    #[slim(path = "spec.containers.name")]
    list_without_brackets: Option<String>,
    #[slim(path = r#"spec["hostname"]"#)]
    no_map: Option<String>,
    #[slim(path = "metadata.labels.app")]
    map_without_brackets: Option<String>,
    #[slim(path = "status.hostIp", rust = "status.host_ip")]
    other_capitals_with_rust: Option<String>,
    #[slim(path = "spec.hostname", rust = "spec.node_name")]
    field_of_another_name: Option<String>,
}

fn main() {}
