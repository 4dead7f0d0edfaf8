//! The graph of a user who may list some kinds.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    core::v1::ConfigMap,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
};
use kube_ext::owners::{Cause, OwnerGraph};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    cluster::Cluster,
    owners::gaps,
    support::{TestNamespace, is_of_a_test},
};

const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn three_kinds_and_the_rest_as_gaps() {
    let admin = Cluster::connect().await.client;
    let namespace = TestNamespace::create(&admin, "three").await;
    let name = namespace.name.clone();
    let (roles, bindings) =
        (Api::<ClusterRole>::all(admin.clone()), Api::<ClusterRoleBinding>::all(admin.clone()));
    let role = json!({
        "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["configmaps", "pods", "namespaces"], "verbs": ["list"]}],
    });
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
    });
    roles.create(&PostParams::default(), &serde_json::from_value(role).unwrap()).await.unwrap();
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(admin.clone(), &name);
    let map = serde_json::from_value(json!({"metadata": {"name": "web"}})).unwrap();
    let map = maps.create(&PostParams::default(), &map).await.unwrap();

    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some(name.clone());
    let user = Client::try_from(config).unwrap();
    let all = OwnerGraph::builder(admin).load().await.unwrap();
    // It takes a moment until a binding is known.
    let since = Instant::now();
    let graph = loop {
        let graph = OwnerGraph::builder(user.clone()).load().await.unwrap();
        if graph.get(&map).is_some() {
            break graph;
        }
        assert!(since.elapsed() < PATIENCE);
        sleep(Duration::from_millis(100)).await;
    };
    roles.delete(&name, &DeleteParams::default()).await.unwrap();
    bindings.delete(&name, &DeleteParams::default()).await.unwrap();
    namespace.delete().await;

    assert_eq!(gaps(&all), [""; 0]);
    let missing: Vec<_> = graph.gaps().iter().map(|gap| &*gap.what).collect();
    assert!(missing.len() > 20 && missing.contains(&"secrets"), "{missing:?}");
    assert!(missing.contains(&"deployments.apps"), "{missing:?}");
    assert!(!missing.iter().any(|what| ["configmaps", "pods", "namespaces"].contains(what)), "{missing:?}");
    for gap in graph.gaps().iter().filter(|gap| !is_of_a_test(&gap.what)) {
        assert!(matches!(gap.cause, Cause::Forbidden { .. }) && gap.only.is_none(), "{gap}");
        assert!(gap.to_string().contains(&format!("User \"{name}\" cannot list resource")), "{gap}");
    }
    assert!(graph.find("ns", None, "default").is_some());
}
