//! Objects that are put in the place of others.
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use serde_json::json;

use crate::setup::{CONFIG_MAPS, DEPLOYMENTS, Server, text};

#[tokio::test]
async fn second_writer_loses() {
    let server = Server::start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(server.client.clone());
    server.config_map(json!({"name": "a"})).await;
    let mut first = api.get("a").await.unwrap();
    let mut second = first.clone();
    first.data = Some([("k".to_owned(), "first".to_owned())].into());
    second.data = Some([("k".to_owned(), "second".to_owned())].into());
    api.replace("a", &PostParams::default(), &first).await.unwrap();
    let Err(kube::Error::Api(status)) = api.replace("a", &PostParams::default(), &second).await else {
        panic!("no conflict")
    };
    assert!(status.is_conflict());
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to \
         the latest version and try again"
    );
    assert_eq!(api.get("a").await.unwrap().data.unwrap()["k"], "first");
}

#[tokio::test]
async fn write_that_changes_nothing_is_none() {
    let server = Server::start().await;
    let created = server.config_map(json!({"name": "a"})).await;
    let before = server.version().await;
    let (code, same) = server.put(&format!("{CONFIG_MAPS}/a"), created.clone()).await;
    assert_eq!((code, &same["metadata"]["resourceVersion"]), (200, &created["metadata"]["resourceVersion"]));
    assert_eq!(server.version().await, before);
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec() {
    let server = Server::start().await;
    server.post(DEPLOYMENTS, json!({"metadata": {"name": "d"}, "spec": {"replicas": 1}})).await;
    let path = format!("{DEPLOYMENTS}/d");
    for (patch, generation) in [
        (json!({"metadata": {"labels": {"x": "y"}}}), 1),
        (json!({"spec": {"replicas": 2}}), 2),
        (json!({"spec": {"replicas": 2}}), 2),
        (json!({"status": {"replicas": 2}}), 2),
        (json!({"metadata": {"generation": 9}}), 2),
    ] {
        let (_, object) = server.merge(&path, patch.clone()).await;
        assert_eq!(object["metadata"]["generation"], generation, "{patch}");
        assert_eq!(object["status"], json!({}), "the status has a path of its own");
    }
}

#[tokio::test]
async fn status_is_written_apart() {
    let server = Server::start().await;
    server.post(DEPLOYMENTS, json!({"metadata": {"name": "d"}, "spec": {"replicas": 1}})).await;
    let patch = json!({
        "metadata": {"labels": {"l": "x"}, "annotations": {"a": "y"}}, "spec": {"replicas": 7}, "status": {"replicas": 3},
    });
    let (code, object) = server.merge(&format!("{DEPLOYMENTS}/d/status"), patch).await;
    assert_eq!(code, 200);
    assert_eq!((&object["spec"], &object["status"]), (&json!({"replicas": 1}), &json!({"replicas": 3})));
    // Annotations go with the status of a deployment, labels do not.
    assert_eq!(object.pointer("/metadata/annotations/a"), Some(&json!("y")));
    assert_eq!(object.pointer("/metadata/labels"), None);
    let (code, _) = server.merge(&format!("{CONFIG_MAPS}/a/status"), json!({})).await;
    assert_eq!(code, 404, "ConfigMaps have no status");
}

#[tokio::test]
async fn updates_are_refused_in_the_servers_words() {
    let server = Server::start().await;
    let created = server.config_map(json!({"name": "a"})).await;
    let uid = text(&created, "/metadata/uid");
    let path = format!("{CONFIG_MAPS}/a");
    for (metadata, code, message) in [
        (
            json!({"name": "b"}),
            400,
            "the name of the object (b) does not match the name on the URL (a)".to_owned(),
        ),
        (
            json!({}),
            400,
            "the name of the object (a based on URL) was undeterminable: name must be provided".to_owned(),
        ),
        (
            json!({"name": "a", "uid": "x"}),
            409,
            format!(
                "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid object, Code: 4, Key: \
                 /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in \
                 precondition: x, UID in object meta: {uid}"
            ),
        ),
        (
            json!({"name": "a", "resourceVersion": "x"}),
            500,
            "strconv.ParseUint: parsing \"x\": invalid syntax".into(),
        ),
    ] {
        let (answered, status) = server.put(&path, json!({"metadata": metadata})).await;
        assert_eq!((answered, text(&status, "/message")), (code, message.as_str()));
    }
    let lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
    assert_eq!(
        server.put(lease, json!({"metadata": {"name": "l"}})).await.0,
        201,
        "leases are created by an update"
    );
    let (code, status) = server.put(lease, json!({"metadata": {"name": "l"}})).await;
    assert_eq!(code, 422);
    assert_eq!(
        text(&status, "/message"),
        "leases.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for \
         an update"
    );
}

#[tokio::test]
async fn scale_is_a_part_of_its_object() {
    let server = Server::start().await;
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [
        {"key": "c", "operator": "In", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"},
    ]}});
    server.post(DEPLOYMENTS, json!({"metadata": {"name": "d"}, "spec": spec})).await;
    let path = format!("{DEPLOYMENTS}/d/scale");
    let (code, scale) = server.merge(&path, json!({"spec": {"replicas": 3}})).await;
    assert_eq!((code, text(&scale, "/kind")), (200, "Scale"));
    assert_eq!(scale["spec"], json!({"replicas": 3}));
    assert_eq!(scale["status"], json!({"replicas": 0, "selector": "a=b,c in (x,y),!d"}));
    assert_eq!(server.get(&path).await.1, scale);
    let (_, deployment) = server.get(&format!("{DEPLOYMENTS}/d")).await;
    assert_eq!(
        (&deployment["spec"]["replicas"], &deployment["metadata"]["generation"]),
        (&json!(3), &json!(2))
    );
    let (code, status) =
        server.put(&path, json!({"metadata": {"name": "d"}, "spec": {"replicas": -1}})).await;
    let message = "Scale.autoscaling \"d\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!((code, text(&status, "/message")), (422, message));
}
