//! Namespaces of benches' own.

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::{Api, Client, ResourceExt as _, api::PostParams};

/// Makes a namespace in which pods can be created, whose name begins so, and says how it is called.
///
/// # Errors
/// If it cannot be made.
pub async fn make(client: &Client, prefix: &str) -> kube::Result<String> {
    let mut namespace = Namespace::default();
    namespace.metadata.generate_name = Some(prefix.to_owned());
    let namespace = Api::all(client.clone()).create(&PostParams::default(), &namespace).await?.name_any();
    // The controller manager does this too, a moment later, where there is one; a pod cannot be without.
    let mut account = ServiceAccount::default();
    account.metadata.name = Some("default".to_owned());
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &namespace);
    let _ = accounts.create(&PostParams::default(), &account).await;
    Ok(namespace)
}
