//! JSON, merge and strategic merge patches.
use serde_json::{Value, json};

use crate::setup::{CONFIG_MAPS, DEPLOYMENTS, Server, text};

const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

#[tokio::test]
async fn json_patch() {
    let server = Server::start().await;
    server.config_map(json!({"name": "a"})).await;
    let path = format!("{CONFIG_MAPS}/a");
    for (patch, code, data) in [
        (json!([{"op": "add", "path": "/data/x", "value": "y"}]), 200, json!({"k": "v", "x": "y"})),
        (json!([{"op": "test", "path": "/data/x", "value": "z"}]), 422, json!({"k": "v", "x": "y"})),
        // The first operation does not stay if the second fails.
        (
            json!([{"op": "remove", "path": "/data/x"}, {"op": "remove", "path": "/data/none"}]),
            422,
            json!({"k": "v", "x": "y"}),
        ),
        (json!([{"op": "move", "from": "/data/x", "path": "/data/w"}]), 200, json!({"k": "v", "w": "y"})),
        (
            json!([{"op": "replace", "path": "/data/new", "value": "z"}]),
            200,
            json!({"k": "v", "new": "z", "w": "y"}),
        ),
        (json!([{"op": "silly", "path": "/data"}]), 422, json!({"k": "v", "new": "z", "w": "y"})),
    ] {
        let (answered, body) = server.send("PATCH", &path, JSON, &patch.to_string()).await;
        assert_eq!(answered, code, "{patch}: {body}");
        if code == 422 {
            assert_eq!(
                text(&body, "/message"),
                "the server rejected our request due to an error in our request"
            );
            assert_eq!(body["details"], json!({}));
        }
        assert_eq!(server.get(&path).await.1["data"], data, "{patch}");
    }
    let (code, body) = server.send("PATCH", &path, JSON, "{}").await;
    let message =
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp";
    assert_eq!((code, text(&body, "/message")), (400, message));
}

#[tokio::test]
async fn merge_patch() {
    let server = Server::start().await;
    let created = server.config_map(json!({"name": "a", "labels": {"l": "1", "m": "2"}})).await;
    let path = format!("{CONFIG_MAPS}/a");
    let (code, body) =
        server.merge(&path, json!({"metadata": {"labels": {"l": null, "n": "3"}}, "data": null})).await;
    assert_eq!((code, body.get("data")), (200, None));
    assert_eq!(body["metadata"]["labels"], json!({"m": "2", "n": "3"}));
    let version = &created["metadata"]["resourceVersion"];
    let (code, _) =
        server.merge(&path, json!({"metadata": {"resourceVersion": version}, "data": {"x": "y"}})).await;
    assert_eq!(code, 409);
    let (code, body) = server.merge(&path, json!({"metadata": {"uid": "other"}})).await;
    let message = "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable";
    assert_eq!((code, text(&body, "/message")), (422, message));
    let (code, body) = server.send("PATCH", &path, "application/json", "{}").await;
    assert_eq!((code, text(&body, "/message")), (415, "415: Unsupported Media Type"));
    assert_eq!(server.merge(&format!("{CONFIG_MAPS}/none"), json!({})).await.0, 404);
}

fn names(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array).unwrap();
    list.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn strategic_merge_patch_merges_lists_by_key() {
    const POD: &str = "/spec/template/spec";
    let server = Server::start().await;
    let containers = json!([
        {"name": "a", "image": "1", "env": [{"name": "E", "value": "1"}, {"name": "F", "value": "2"}], "args": ["x", "y"]},
        {"name": "b", "image": "1"},
        {"name": "c", "image": "1"},
    ]);
    let spec = json!({"template": {"spec": {"containers": containers, "tolerations": [{"key": "t"}]}}});
    server.post(DEPLOYMENTS, json!({"metadata": {"name": "d", "finalizers": ["a/b"]}, "spec": spec})).await;
    let deployment = format!("{DEPLOYMENTS}/d");
    let patch = json!({
        "metadata": {"finalizers": ["q/w"]},
        "spec": {"template": {"spec": {
            "containers": [
                {"name": "a", "image": "2", "env": [{"name": "E", "$patch": "delete"}], "args": ["z"]},
                {"name": "n", "image": "1"},
            ],
            "tolerations": [{"key": "u"}],
        }}},
    });
    let (code, object) = server.send("PATCH", &deployment, STRATEGIC, &patch.to_string()).await;
    assert_eq!(code, 200, "{object}");
    assert_eq!(object["metadata"]["finalizers"], json!(["q/w", "a/b"]));
    // What is patched comes first, as on the real server.
    assert_eq!(names(&object, &format!("{POD}/containers")), ["a", "n", "b", "c"]);
    let first = object.pointer(&format!("{POD}/containers/0")).unwrap();
    assert_eq!(
        *first,
        json!({"name": "a", "image": "2", "env": [{"name": "F", "value": "2"}], "args": ["z"]})
    );
    assert_eq!(object.pointer(&format!("{POD}/tolerations")), Some(&json!([{"key": "u"}])));

    let patch = json!({
        "metadata": {"$deleteFromPrimitiveList/finalizers": ["q/w"]},
        "spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "x"}, {"name": "c"}],
            "containers": [{"name": "x", "image": "1"}, {"name": "b", "$patch": "delete"}],
        }}},
    });
    let (_, object) = server.send("PATCH", &deployment, STRATEGIC, &patch.to_string()).await;
    assert_eq!(object["metadata"]["finalizers"], json!(["a/b"]));
    assert_eq!(names(&object, &format!("{POD}/containers")), ["x", "a", "n", "c"]);
}
