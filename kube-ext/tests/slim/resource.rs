//! A view is a resource: kube takes it unchanged.
use futures::StreamExt as _;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::ListParams,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Lookup, ObjectRef, reflector},
        watcher,
    },
};
use kube_ext::{
    fake::FakeCluster,
    slim::{Interned, Slim, SlimMeta},
    store::WatchEventsExt as _,
};
use serde_json::json;

// `Lookup` is in scope, and has methods of the same names.
#[derive(Slim, Clone, Debug)]
#[slim(of = Pod)]
struct Row {
    #[slim(metadata)]
    meta: SlimMeta,
    #[slim(path = "spec.nodeName")]
    node: Option<Interned>,
    #[slim(path = "status.containerStatuses[].restartCount", fold = sum)]
    restarts: u32,
}

#[derive(Slim, Clone, Debug)]
#[slim(of = Deployment)]
struct DeploymentRow {
    #[slim(metadata)]
    meta: SlimMeta,
    #[slim(path = "spec.replicas")]
    replicas: Option<i32>,
}

fn pod(name: &str, node: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": node, "containers": [{"name": "app"}]},
        "status": {"containerStatuses": [
            {"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 2},
            {"name": "b", "image": "", "imageID": "", "ready": true, "restartCount": 1},
        ]},
    })
}

#[test]
fn of_the_same_kind() {
    assert_eq!(<Row as kube::Resource>::kind(&()), "Pod");
    assert_eq!(<DeploymentRow as kube::Resource>::api_version(&()), "apps/v1");
    assert_eq!(<DeploymentRow as kube::Resource>::plural(&()), "deployments");
    assert_eq!(DeploymentRow::url_path(&(), Some("a")), Deployment::url_path(&(), Some("a")));
    let row: DeploymentRow =
        serde_json::from_str(r#"{"metadata": {"name": "a"}, "spec": {"replicas": 3}}"#).unwrap();
    assert_eq!((row.replicas, row.slim_meta().name(), row.meta.uid()), (Some(3), "a", None));
}

#[derive(Slim, Clone, Debug)]
#[slim(of = PartialObjectMeta<Pod>)]
struct Builder {
    #[slim(metadata)]
    meta: SlimMeta,
    #[slim(path = r#"metadata.annotations["note"]"#)]
    note: Option<Interned>,
}

/// What is a view of metadata is asked for as such.
#[tokio::test]
async fn of_metadata() {
    assert!(Builder::metadata_api() && !Row::metadata_api());
    let mut pod = pod("a", "node-1");
    pod["metadata"]["annotations"] = json!({"note": "seen"});
    let cluster = FakeCluster::builder().objects([pod]).start().await.unwrap();
    let api = Api::<Builder>::default_namespaced(cluster.client().unwrap());
    let row = api.get("a").await.unwrap();
    assert_eq!((row.meta.name(), row.note.as_deref()), ("a", Some("seen")));
    let all = api.list(&ListParams::default()).await.unwrap();
    assert_eq!(all.items[0].note.as_deref(), Some("seen"));
}

#[tokio::test]
async fn listed_watched_and_stored() {
    let objects = [pod("a", "node-1"), pod("b", "node-2")];
    let cluster = FakeCluster::builder().objects(objects).start().await.unwrap();
    let api = Api::<Row>::default_namespaced(cluster.client().unwrap());
    let row = api.get("a").await.unwrap();
    assert_eq!((row.name_any(), row.node.as_deref(), row.restarts), ("a".into(), Some("node-1"), 3));
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 2);
    for config in [watcher::Config::default().page_size(1), watcher::Config::default().streaming_lists()] {
        let (store, writer) = reflector::store::<Row>();
        let events = watcher(api.clone(), config).relist(store.clone());
        let mut kept = reflector(writer, events).default_backoff().boxed();
        while store.len() < 2 {
            kept.next().await.unwrap().unwrap();
        }
        let row = store.get(&ObjectRef::new("b").within("default")).unwrap();
        assert_eq!(
            (row.node.as_deref(), row.meta.resource_version()),
            (Some("node-2"), row.meta.resource_version())
        );
        assert_eq!(row.to_object_ref(()), ObjectRef::from_obj(&*row));
    }
}
