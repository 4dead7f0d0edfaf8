//! A cluster inside the process takes what a test of memory or streams puts into it.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Client, ResourceExt};
use kube_ext::fake::FakeCluster;
use serde_json::{Value, json};

const PODS: u64 = 10_000;

fn pod(number: u64) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("pod-{number:05}"), "namespace": "default", "labels": {"app": format!("app-{}", number % 10)}},
        "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
        "status": {"phase": "Running"},
    })
}

#[tokio::test]
async fn ten_thousand_pods_are_listed_and_watched() {
    let cluster = FakeCluster::builder().objects((0..PODS).map(pod)).start().await.unwrap();
    let api = Api::<Pod>::all(cluster.client().unwrap());
    let (reader, writer) = reflector::store();
    let config = watcher::Config::default();
    let mut events = reflector(writer, watcher(api.clone(), config)).applied_objects().boxed();
    let mut seen = BTreeSet::new();
    while (seen.len() as u64) < PODS {
        seen.insert(events.try_next().await.unwrap().unwrap().name_any());
    }

    for number in 0..PODS {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"round": "2"}}}));
        let api = Api::<Pod>::namespaced(api.clone().into_client(), "default");
        // Written while the watch goes on; every change is seen, in order.
        if number % 100 == 0 {
            let name = format!("pod-{number:05}");
            api.patch(&name, &PatchParams::default(), &patch).await.unwrap();
            assert_eq!(events.try_next().await.unwrap().unwrap().name_any(), name);
        }
    }
    assert_eq!(reader.len() as u64, PODS);
    let some = api.list(&ListParams::default().labels("app=app-3").limit(400)).await.unwrap();
    assert_eq!(some.items.len(), 400);
    let changed = reader.find(|pod| pod.name_any() == "pod-00100").unwrap();
    assert_eq!(changed.annotations()["round"], "2");
}

#[tokio::test]
async fn clusters_know_nothing_of_each_other_and_end_with_their_handle() {
    let mut clusters = Vec::new();
    for number in 0..50 {
        let cluster = FakeCluster::builder().start().await.unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "me", "namespace": "default"}, "data": {"number": number.to_string()}});
        let map: ConfigMap = serde_json::from_value(map).unwrap();
        cluster.apply(&map).unwrap();
        clusters.push((number, cluster));
    }
    let mut clients: Vec<Client> = Vec::new();
    for (number, cluster) in &clusters {
        let client = cluster.client().unwrap();
        let map = Api::<ConfigMap>::default_namespaced(client.clone()).get("me").await.unwrap();
        assert_eq!(map.data.unwrap()["number"], number.to_string());
        clients.push(client);
    }
    let api = Api::<ConfigMap>::default_namespaced(clients[0].clone());
    let mut watch = watcher(api.clone(), watcher::Config::default()).boxed();
    for _ in 0..3 {
        watch.try_next().await.unwrap().unwrap();
    }
    drop(clusters);
    watch.next().await.unwrap().expect_err("the watch ends with its cluster");
    api.delete("me", &DeleteParams::default()).await.expect_err("nobody listens");
}
