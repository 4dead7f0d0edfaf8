//! A reflection of a user who has no rights at first.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::{
    core::v1::ConfigMap,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    runtime::reflector,
};
use kube_ext::store::{reflect, reflect::State};
use serde_json::json;
use tokio::time::timeout;

use crate::{cluster::Cluster, support::TestNamespace};

const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_come_and_go() {
    let admin = Cluster::connect().await.client;
    let namespace = TestNamespace::create(&admin, "rights").await;
    let name = namespace.name.clone();
    let maps = Api::<ConfigMap>::namespaced(admin.clone(), &name);
    let map = serde_json::from_value(json!({"metadata": {"name": "web"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some(name.clone());
    let user = Client::try_from(config).unwrap();

    let (store, writer) = reflector::store::<ConfigMap>();
    let reflection = reflect(Api::namespaced(user, &name), writer)
        .timeout(Duration::from_secs(1))
        .backoff(Duration::from_millis(100), Duration::from_secs(1))
        .start();
    let error = timeout(PATIENCE, reflection.ready()).await.unwrap().unwrap_err();
    assert!(error.is_refusal());
    let expected =
        format!("list configmaps in namespace {name}: configmaps is forbidden: User \"{name}\" cannot watch");
    assert!(error.to_string().starts_with(&expected), "{error}");

    let roles = Api::<Role>::namespaced(admin.clone(), &name);
    let allowed = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]);
    let role = serde_json::from_value(json!({"metadata": {"name": "reader"}, "rules": allowed})).unwrap();
    roles.create(&PostParams::default(), &role).await.unwrap();
    let binding = json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
    });
    let bindings = Api::<RoleBinding>::namespaced(admin, &name);
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    let is_live = reflection.changes().any(async |state: State| state.is_live());
    assert!(timeout(PATIENCE, is_live).await.unwrap());
    reflection.ready().await.unwrap();
    assert!(store.state().iter().any(|map| map.metadata.name.as_deref() == Some("web")));

    // Taken away again, the next watch is refused, and the store stays.
    bindings.delete("reader", &DeleteParams::default()).await.unwrap();
    let is_stale = reflection
        .changes()
        .any(async |state: State| matches!(&state, State::Stale { error, .. } if error.is_refusal()));
    assert!(timeout(PATIENCE, is_stale).await.unwrap());
    reflection.ready().await.unwrap();
    assert!(!store.is_empty());
    namespace.delete().await;
}
