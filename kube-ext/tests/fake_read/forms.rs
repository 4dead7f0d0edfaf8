//! Tables, and metadata alone.
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _, api::ListParams, core::PartialObjectMeta};
use kube_ext::{columns::Table, fake::FakeCluster};
use serde_json::{Value, json};

use crate::ask::{TABLE, ask, config_map, get_as, next, watch_as, widget, widgets};

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "app"}]},
        "status": {
            "phase": "Running", "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}],
            "containerStatuses": [{
                "name": "app", "ready": true, "restartCount": 2, "image": "", "imageID": "",
                "state": {"running": {}},
            }],
        },
    })
}

#[tokio::test]
async fn pods_are_shown_as_the_server_shows_them() {
    let cluster = FakeCluster::builder().objects([pod()]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let list = get_as(&client, "/api/v1/namespaces/default/pods", TABLE).await;
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    let columns = list["columnDefinitions"].as_array().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"]
    );
    let cells = list["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells[..4], ["web-0", "1/1", "Running", "2"]);
    assert_eq!(cells[5..], ["10.0.0.7", "node-1", "<none>", "<none>"]);
    let object = &list["rows"][0]["object"];
    assert_eq!(
        (&object["kind"], &object["metadata"]["labels"]),
        (&json!("PartialObjectMetadata"), &json!({"app": "web"}))
    );
    assert_eq!(object.as_object().unwrap().len(), 3);

    let one = get_as(&client, "/api/v1/namespaces/default/pods/web-0?includeObject=Object", TABLE).await;
    assert_eq!(one["rows"][0]["object"]["kind"], "Pod");
    assert_eq!(one["metadata"]["resourceVersion"], one["rows"][0]["object"]["metadata"]["resourceVersion"]);
    let none = get_as(&client, "/api/v1/pods?includeObject=None", TABLE).await;
    assert_eq!(none["rows"][0]["object"], Value::Null);
    let table: Table = serde_json::from_value(list).unwrap();
    assert!(
        table
            .to_string()
            .starts_with("NAME    READY   STATUS    RESTARTS   AGE\nweb-0   1/1     Running   2 ")
    );
}

/// The columns of these are strings, and some of their cells numbers.
#[tokio::test]
async fn cells_that_are_numbers() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]},
        }},
        "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1},
    });
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web-0"}, "reason": "7", "message": "8",
    });
    let cluster = FakeCluster::builder().objects([deployment, event]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let cells = async |path: &str| get_as(&client, path, TABLE).await["rows"][0]["cells"].take();
    let shown = cells("/apis/apps/v1/namespaces/default/deployments").await;
    assert_eq!(shown.as_array().unwrap()[..4], [json!("web"), json!("2/3"), json!(1), json!(0)]);
    assert_eq!(shown.as_array().unwrap()[5..], ["app", "app:1", "app=web"]);
    for path in ["/api/v1/events", "/apis/events.k8s.io/v1/events"] {
        let shown = cells(path).await;
        let expected = json!(["<unknown>", "", "7", "pod/web-0", "", "", "8", "<unknown>", 1, "web.1"]);
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn custom_resources_have_the_columns_of_their_version() {
    let cluster = FakeCluster::builder()
        .objects([widgets(), widget("a", &json!({"color": "red", "size": 3})), widget("b", &json!({}))])
        .start()
        .await
        .unwrap();
    let client = cluster.client().unwrap();
    let columns = |table: &Value| {
        let columns = table["columnDefinitions"].as_array().unwrap().iter();
        let fields = ["name", "type", "format", "priority"];
        columns.map(|column| fields.map(|field| column[field].clone())).collect::<Vec<_>>()
    };
    let table = get_as(&client, "/apis/example.com/v1/widgets", TABLE).await;
    let column = |name: &str, of_type: &str, format: &str, priority: i64| {
        [json!(name), json!(of_type), json!(format), json!(priority)]
    };
    assert_eq!(
        columns(&table),
        [
            column("Name", "string", "name", 0),
            column("Color", "string", "", 0),
            column("Size", "integer", "", 1)
        ]
    );
    assert_eq!(table["rows"][0]["cells"], json!(["a", "red", 3]));
    assert_eq!(table["rows"][1]["cells"], json!(["b", null, null]));
    let beta = get_as(&client, "/apis/example.com/v1beta1/widgets", TABLE).await;
    assert_eq!(columns(&beta), [column("Name", "string", "name", 0), column("Age", "date", "", 0)]);
}

#[tokio::test]
async fn kinds_without_columns_have_two() {
    let cluster = FakeCluster::builder().objects([widgets()]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
    let table = get_as(&client, &format!("{path}?includeObject=Object"), TABLE).await;
    let names: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
    assert_eq!(names, ["Name", "Created At"]);
    let created = &table["rows"][0]["object"]["metadata"]["creationTimestamp"];
    assert_eq!(table["rows"][0]["cells"], json!(["widgets.example.com", created]));
}

#[tokio::test]
async fn a_watch_names_its_columns_once() {
    let cluster = FakeCluster::builder()
        .objects(["a", "b"].map(|name| config_map("default", name, json!({}))))
        .start()
        .await
        .unwrap();
    let client = cluster.client().unwrap();
    let path = "/api/v1/configmaps?watch=1&resourceVersion=0&allowWatchBookmarks=true&includeObject=None";
    let mut events = watch_as(&client, path, TABLE).await;
    let first = next(&mut events).await;
    assert_eq!(first["object"]["columnDefinitions"].as_array().unwrap().len(), 2);
    assert_eq!(first["object"]["rows"][0]["cells"][0], "a");
    assert_eq!(next(&mut events).await["object"]["columnDefinitions"], Value::Null);
    let end = next(&mut events).await;
    let annotations = &end["object"]["rows"][0]["object"]["metadata"]["annotations"];
    assert_eq!(
        (&end["type"], annotations),
        (&json!("BOOKMARK"), &json!({"k8s.io/initial-events-end": "true"}))
    );
}

#[tokio::test]
async fn metadata_comes_alone() {
    let map = config_map("default", "a", json!({"x": "y"}));
    let cluster = FakeCluster::builder().objects([map]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let maps = Api::<PartialObjectMeta<ConfigMap>>::default_namespaced(client.clone());
    let map = maps.get("a").await.unwrap();
    assert_eq!(map.labels()["x"], "y");
    assert_eq!(map.types.as_ref().unwrap().kind, "PartialObjectMetadata");
    let list = maps.list(&ListParams::default()).await.unwrap();
    assert_eq!((list.types.kind.as_str(), list.items.len()), ("PartialObjectMetadataList", 1));
    let plain = get_as(
        &client,
        "/api/v1/namespaces/default/configmaps/a",
        "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    )
    .await;
    assert_eq!(plain.as_object().unwrap().keys().collect::<Vec<_>>(), ["apiVersion", "kind", "metadata"]);
}

#[tokio::test]
async fn what_cannot_be_served_is_not_acceptable() {
    let cluster = FakeCluster::builder().objects([widgets()]).start().await.unwrap();
    let client = cluster.client().unwrap();
    let one = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    for (path, accept, message) in [
        (
            "/api/v1/pods",
            "text/html",
            "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf, application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch",
        ),
        (
            "/apis/example.com/v1/widgets",
            "text/html",
            "only the following media types are accepted: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf",
        ),
        // The server itself has it; this one says what it has.
        (
            "/api/v1/pods",
            "application/vnd.kubernetes.protobuf",
            "only the following media types are accepted: application/json",
        ),
        (
            "/api/v1/pods",
            one,
            "you requested PartialObjectMetadata, but the requested object is a list (*core.PodList)",
        ),
        (
            "/apis/example.com/v1/widgets",
            one,
            "you requested PartialObjectMetadata, but the requested object is a list \
             (*unstructured.UnstructuredList)",
        ),
    ] {
        let (code, _, status) = ask(&client, path, accept).await;
        let status: Value = serde_json::from_str(&status).unwrap();
        assert_eq!((code, status["message"].as_str().unwrap()), (406, message), "{path} {accept}");
    }
    // kubectl's way to ask for what is best for both.
    let kubectl = "application/vnd.kubernetes.protobuf,application/json";
    assert_eq!(get_as(&client, "/api/v1/pods", kubectl).await["kind"], "PodList");
}
