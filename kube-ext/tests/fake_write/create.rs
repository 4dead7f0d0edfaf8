//! New objects, and what is refused.
use serde_json::{Value, json};

use crate::setup::{CONFIG_MAPS, DEPLOYMENTS, Server, text};

#[tokio::test]
async fn server_fills_in_what_is_its_own() {
    let server = Server::start().await;
    let created = server
        .config_map(json!({
            "generateName": "gen-", "uid": "mine", "creationTimestamp": "2020-01-01T00:00:00Z",
            "deletionTimestamp": "2020-01-01T00:00:00Z", "labels": {}, "annotations": null, "unknown": 1,
        }))
        .await;
    let metadata = created["metadata"].as_object().unwrap();
    let fields: Vec<_> = metadata.keys().map(String::as_str).collect();
    let expected = ["creationTimestamp", "generateName", "name", "namespace", "resourceVersion", "uid"];
    assert_eq!(fields, expected);
    let name = text(&created, "/metadata/name");
    assert_eq!((name.len(), name.starts_with("gen-")), (9, true), "{name}");
    assert_eq!(text(&created, "/metadata/uid").len(), 36);
    assert!(text(&created, "/metadata/creationTimestamp") > "2026");

    let spec = json!({"selector": {"matchLabels": {"a": "b"}}});
    let deployment = json!({"metadata": {"name": "d"}, "spec": spec, "status": {"replicas": 4}});
    let (code, created) = server.post(DEPLOYMENTS, deployment).await;
    assert_eq!((code, &created["metadata"]["generation"], &created["status"]), (201, &json!(1), &json!({})));
}

#[tokio::test]
async fn generated_names_differ_and_repeat_with_the_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let server = Server::start().await;
        let mut names = Vec::new();
        for _ in 0..50 {
            let created = server.config_map(json!({"generateName": "x"})).await;
            names.push(text(&created, "/metadata/name").to_owned());
        }
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 50);
        runs.push(names);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn yaml_is_read_as_kubectl_writes_it() {
    let server = Server::start().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y1\ndata:\n  on: 'yes'\n";
    let (code, created) = server.send("POST", CONFIG_MAPS, "application/yaml", yaml).await;
    assert_eq!((code, text(&created, "/data/true")), (201, "yes"), "{created}");
}

#[tokio::test]
async fn dry_run_keeps_nothing() {
    let server = Server::start().await;
    let before = server.version().await;
    let path = format!("{CONFIG_MAPS}?dryRun=All");
    let (code, created) = server.post(&path, json!({"metadata": {"name": "dry"}})).await;
    assert_eq!((code, created.pointer("/metadata/resourceVersion")), (201, None));
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/dry")).await.0, 404);
    assert_eq!(server.version().await, before);
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn refusals_have_the_servers_words() {
    let server = Server::start().await;
    server.config_map(json!({"name": "there"})).await;
    let named = |name: &str| json!({"metadata": {"name": name}});
    let subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                     must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    let key = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
               alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
               '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let cases: Vec<(&str, Value, u16, &str, String)> = vec![
        (CONFIG_MAPS, named("there"), 409, "AlreadyExists", "configmaps \"there\" already exists".into()),
        (
            CONFIG_MAPS,
            json!({"metadata": {}}),
            422,
            "Invalid",
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required".into(),
        ),
        (
            CONFIG_MAPS,
            named("A_b"),
            422,
            "Invalid",
            format!("ConfigMap \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\": {subdomain}"),
        ),
        (
            CONFIG_MAPS,
            json!({"metadata": {"name": "l", "labels": {"a b": "c"}, "finalizers": ["x"]}}),
            422,
            "Invalid",
            format!(
                "ConfigMap \"l\" is invalid: [metadata.labels: Invalid value: \"a b\": {key}, metadata.finalizers[0]: \
                 Invalid value: \"x\": name is neither a standard finalizer name nor is it fully qualified]"
            ),
        ),
        (
            CONFIG_MAPS,
            json!({"metadata": {"name": "o", "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": "e", "uid": "u", "controller": true},
                {"apiVersion": "v1", "kind": "Pod", "name": "f", "uid": "w", "controller": true},
            ]}}),
            422,
            "Invalid",
            "ConfigMap \"o\" is invalid: metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\
             \"name\":\"e\",\"uid\":\"u\",\"controller\":true},{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"f\",\
             \"uid\":\"w\",\"controller\":true}]: Only one reference can have Controller set to true. Found \"true\" in \
             references for Pod/e and Pod/f"
                .into(),
        ),
        (
            "/api/v1/namespaces",
            named("a.b"),
            422,
            "Invalid",
            "Namespace \"a.b\" is invalid: metadata.name: Invalid value: \"a.b\": must not contain dots".into(),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            named("a/b"),
            422,
            "Invalid",
            "ClusterRole.rbac.authorization.k8s.io \"a/b\" is invalid: metadata.name: Invalid value: \"a/b\": may not \
             contain '/'"
                .into(),
        ),
        (
            CONFIG_MAPS,
            json!({"metadata": {"name": "a", "namespace": "other"}}),
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request".into(),
        ),
        ("/api/v1/namespaces/no/configmaps", named("a"), 404, "NotFound", "namespaces \"no\" not found".into()),
        (
            CONFIG_MAPS,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}),
            400,
            "BadRequest",
            "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): \
             unknown conversion"
                .into(),
        ),
        (
            CONFIG_MAPS,
            json!({"metadata": {"name": "a", "annotations": {"x": 1}}}),
            400,
            "BadRequest",
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct \
             field ObjectMeta.metadata.annotations of type string"
                .into(),
        ),
        (
            "/api/v1/configmaps",
            named("a"),
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource".into(),
        ),
    ];
    for (path, body, code, reason, message) in cases {
        let (answered, status) = server.post(path, body).await;
        let (told, says) = (text(&status, "/reason"), text(&status, "/message"));
        assert_eq!((answered, told, says), (code, reason, message.as_str()), "{path}");
        assert_eq!(status["code"], json!(code));
    }
    let (code, status) = server.send("POST", CONFIG_MAPS, "text/plain", "{}").await;
    assert_eq!((code, text(&status, "/reason")), (415, "UnsupportedMediaType"));
    let (code, status) =
        server.send("POST", CONFIG_MAPS, "application/json", "{\"apiVersion\":\"v1\",").await;
    let message = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse \
                   error: unexpected end of JSON input ({\"apiVersion\":\"v1\",)";
    assert_eq!((code, text(&status, "/message")), (400, message));
}
