//! kubectl, and all kinds that a cluster serves.

use std::io::Write;
use std::process::{Command, Stdio};

use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::discovery::{ApiCapabilities, ApiResource, Discovery};
use kube_ext::yaml;

use crate::support::{TestNamespace, is_of_a_test};

/// Creates the objects of a manifest in a namespace, whatever their kinds.
pub(crate) async fn create_objects(namespace: &TestNamespace, manifest: &str) {
    let kinds = kinds(&namespace.client).await;
    for object in yaml::manifests(manifest.replace("$NAMESPACE", &namespace.name).as_bytes()) {
        let object = object.expect("manifest");
        let types = object.types.clone().expect("types");
        let (resource, _) = kinds
            .iter()
            .find(|(kind, _)| kind.api_version == types.api_version && kind.kind == types.kind)
            .unwrap_or_else(|| panic!("the cluster serves no {types:?}"));
        let api = Api::<DynamicObject>::namespaced_with(namespace.client.clone(), &namespace.name, resource);
        api.create(&PostParams::default(), &object)
            .await
            .unwrap_or_else(|error| panic!("{types:?}: {error}"));
    }
}

/// All kinds that can be listed and stay, every version of them, in a fixed order.
pub(crate) async fn kinds(client: &Client) -> Vec<(ApiResource, ApiCapabilities)> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await.expect("discovery");
    let groups = discovery.groups().flat_map(|group| group.versions().map(move |version| (group, version)));
    let mut kinds: Vec<_> = groups.flat_map(|(group, version)| group.versioned_resources(version)).collect();
    kinds.retain(|(_, capabilities)| capabilities.supports_operation(kube::discovery::verbs::LIST));
    // Deprecated, and in another order at each request.
    kinds.retain(|(kind, _)| kind.kind != "ComponentStatus");
    kinds.retain(|(kind, _)| !is_of_a_test(&kind.group));
    kinds.sort_by_key(|(kind, _)| (kind.group.clone(), kind.version.clone(), kind.plural.clone()));
    kinds
}

/// What kubectl prints. It must be there, and must not fail.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    kubectl_with(arguments, "")
}

/// [`kubectl`] with something to read on its standard input.
pub(crate) fn kubectl_with(arguments: &[&str], input: &str) -> String {
    let mut kubectl = Command::new("kubectl");
    kubectl.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut kubectl = kubectl.spawn().expect("kubectl is on the PATH");
    // It reads all before it prints anything.
    kubectl.stdin.take().unwrap().write_all(input.as_bytes()).expect("kubectl reads its input");
    let output = kubectl.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}
