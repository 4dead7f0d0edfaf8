//! Faults, users and the record of requests of the server inside the process, seen from a client.
#![cfg(feature = "fake")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    io::ErrorKind,
    pin::pin,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{
    authorization::v1::SelfSubjectRulesReview,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api, Client, Config,
    api::{ListParams, LogParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::watcher,
};
use kube_ext::fake::{Calls, FakeCluster, Fault, RequestRecord, Rule};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);
/// Long enough to see that nothing comes.
const SHORT: Duration = Duration::from_millis(100);

async fn cluster() -> FakeCluster {
    FakeCluster::builder().start().await.unwrap()
}

/// Where a cluster listens, from its kubeconfig.
fn address(cluster: &FakeCluster) -> String {
    let config = Kubeconfig::from_yaml(&cluster.kubeconfig("default")).unwrap();
    let url = config.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    url.strip_prefix("http://").unwrap().to_owned()
}

/// A connection on which a request was sent that is the last one.
async fn send(cluster: &FakeCluster, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(cluster)).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the connection ends, as its head and its body.
async fn answer(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut raw = Vec::new();
    timeout(LONG, stream.read_to_end(&mut raw)).await.unwrap().unwrap();
    match raw.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(end) => (String::from_utf8(raw[..end + 4].to_vec()).unwrap(), raw[end + 4..].to_vec()),
        None => (String::new(), raw),
    }
}

async fn get(cluster: &FakeCluster, path: &str) -> (String, Vec<u8>) {
    answer(send(cluster, &format!("GET {path}")).await).await
}

fn code(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn statuses(requests: &[RequestRecord]) -> Vec<Option<u16>> {
    requests.iter().map(|request| request.status).collect()
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
        "data": {"text": "zwölf Boxkämpfer"},
    }))
    .unwrap()
}

/// Bodies as a Kubernetes 1.36 words them.
#[tokio::test]
async fn errors_in_the_servers_words() {
    let status = |code: u16, reason: &str, message: &str| {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        })
    };
    let with = |mut status: Value, details: Value| {
        status["details"] = details;
        status
    };
    let mut etcd = status(500, "", "etcdserver: request timed out");
    etcd.as_object_mut().unwrap().remove("reason");
    let slow = "Timeout: request did not complete within the allotted timeout";
    let forbidden = r#"pods is forbidden: User "kubernetes-admin" cannot list resource "pods" in API group "" in the namespace "default""#;
    let down = status(503, "ServiceUnavailable", "apiserver is shutting down");
    let seconds = Duration::from_secs;
    let cases = [
        (
            Fault::internal_error("boom"),
            with(
                status(500, "InternalError", "Internal error occurred: boom"),
                json!({"causes": [{"message": "boom"}]}),
            ),
            None,
        ),
        (Fault::etcd_timeout(), etcd, None),
        (Fault::unavailable(), down.clone(), None),
        (
            Fault::unavailable().retry_after(Duration::from_millis(1500)),
            with(down, json!({"retryAfterSeconds": 2})),
            Some("2"),
        ),
        (Fault::timeout(), with(status(504, "Timeout", slow), json!({})), None),
        (
            Fault::expired(),
            status(410, "Expired", "The resourceVersion for the provided list is too old."),
            None,
        ),
        (Fault::forbidden(), with(status(403, "Forbidden", forbidden), json!({"kind": "pods"})), None),
        (Fault::status(418, "Teapot", "short and stout"), status(418, "Teapot", "short and stout"), None),
        (Fault::status(99, "Odd", "?"), status(500, "Odd", "?"), None),
        (Fault::too_many_requests(seconds(3)), Value::Null, Some("3")),
    ];
    let cluster = cluster().await;
    for (fault, expected, retry_after) in cases {
        let handle = cluster.faults().add(Calls::any(), fault.clone());
        let (head, body) = get(&cluster, "/api/v1/namespaces/default/pods").await;
        assert_eq!(header(&head, "retry-after"), retry_after, "{fault:?}");
        if expected == Value::Null {
            // Priority and fairness has no Status.
            assert_eq!(
                (code(&head), body.as_slice()),
                (429, &b"Too many requests, please try again later.\n"[..])
            );
            assert_eq!(header(&head, "content-type"), Some("text/plain; charset=utf-8"));
        } else {
            assert_eq!(expected["code"], code(&head), "{fault:?}");
            assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected, "{fault:?}");
        }
        assert_eq!(handle.hits(), 1);
        handle.remove();
    }
    // An expired watch begins well.
    cluster.faults().add(Calls::any(), Fault::expired());
    let (head, body) = get(&cluster, "/api/v1/pods?watch=1").await;
    assert_eq!(code(&head), 200);
    let body: Value = serde_json::from_slice(body.strip_suffix(b"\n").unwrap()).unwrap();
    assert_eq!((&body["type"], &body["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[tokio::test]
async fn kube_tries_again() {
    let cluster = cluster().await;
    let client = cluster.client().unwrap();
    let busy = cluster.faults().add(Calls::any().first(2), Fault::too_many_requests(Duration::ZERO));
    let down = cluster.faults().add(Calls::any().range(3..5), Fault::unavailable());
    let late = cluster.faults().add(Calls::any().nth(5), Fault::timeout());
    client.apiserver_version().await.unwrap();
    assert_eq!((busy.hits(), down.hits(), late.hits()), (2, 2, 1));
    let expected = [429, 429, 503, 503, 504, 200].map(Some);
    assert_eq!(statuses(&cluster.requests()), expected);

    cluster.faults().clear();
    cluster.faults().add(Calls::any().first(1), Fault::too_many_requests(Duration::from_millis(1)));
    let began = Instant::now();
    client.apiserver_version().await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "kube waits as long as it is told to, in whole seconds"
    );

    cluster.faults().clear();
    cluster.faults().add(Calls::any(), Fault::etcd_timeout());
    let error = client.apiserver_version().await.unwrap_err();
    assert!(error.to_string().contains("etcdserver: request timed out"), "{error}");
}

#[tokio::test]
async fn the_first_fault_that_matches_strikes() {
    let cluster = cluster().await;
    let faults = cluster.faults();
    let second = faults.add(Calls::any().path("/version").nth(2), Fault::status(502, "", "second"));
    let all = faults.add(Calls::any().path("/v*"), Fault::status(500, "", "all"));
    // Counts the calls that the others strike, too.
    let third = faults.clone().add(Calls::any().nth(3), Fault::status(503, "", "third"));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(code(&get(&cluster, "/version").await.0));
    }
    assert_eq!(codes, [500, 502, 500]);
    assert_eq!((second.hits(), all.hits(), third.hits()), (1, 2, 0));
    all.remove();
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
    faults.add(Calls::any(), Fault::status(500, "", "again"));
    faults.clear();
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
}

#[tokio::test]
async fn the_connection_is_dropped() {
    let cluster = cluster().await;
    cluster.faults().add(Calls::any().nth(2), Fault::drop_connection());
    get(&cluster, "/version").await;
    assert_eq!(get(&cluster, "/version").await, (String::new(), Vec::new()));
    cluster.until_no_requests().await;
    let requests = cluster.requests();
    assert_eq!(statuses(&requests), [Some(200), None]);
    assert!(!requests[1].open);
}

#[tokio::test]
async fn nothing_comes() {
    let cluster = cluster().await;
    cluster.faults().add(Calls::any().nth(1), Fault::hang());
    cluster.faults().add(Calls::any().nth(2), Fault::stall());
    let mut hung = send(&cluster, "POST /version").await;
    timeout(SHORT, hung.read_u8()).await.unwrap_err();
    let mut stalled = send(&cluster, "GET /version").await;
    let mut head = Vec::new();
    timeout(SHORT, stalled.read_to_end(&mut head)).await.unwrap_err();
    assert!(head.ends_with(b"\r\n\r\n"), "the headers, and nothing else");

    let requests = cluster.requests();
    assert_eq!(statuses(&requests), [None, Some(200)]);
    assert!(requests.iter().all(|request| request.open));
    assert_eq!(cluster.requests_open(), 2);
    drop(hung);
    drop(stalled);
    timeout(LONG, cluster.until_no_requests()).await.unwrap();
    assert_eq!(cluster.requests_open(), 0);
}

#[tokio::test]
async fn answers_are_late() {
    let cluster = cluster().await;
    cluster.faults().add(Calls::any().nth(1), Fault::delay(SHORT));
    cluster.faults().add(Calls::any().nth(2), Fault::unavailable().delayed(SHORT));
    for expected in [200, 503] {
        let began = Instant::now();
        assert_eq!(code(&get(&cluster, "/version").await.0), expected);
        assert!(began.elapsed() >= SHORT);
    }
}

#[tokio::test]
async fn limits() {
    let cluster = cluster().await;
    let calls = Calls::any().path("/version");
    let rate = cluster.faults().add(calls.clone(), Fault::rate_limit(3, Duration::from_secs(600)));
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(code(&get(&cluster, "/version").await.0));
    }
    assert_eq!((codes, rate.hits()), (vec![200, 200, 200, 429, 429], 2));
    let (head, _) = get(&cluster, "/version").await;
    let wait: u64 = header(&head, "retry-after").unwrap().parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    rate.remove();

    cluster.faults().add(calls.clone(), Fault::rate_limit(1, SHORT));
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
    tokio::time::sleep(SHORT).await;
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
    cluster.faults().clear();

    let limit = cluster.faults().add(calls.clone(), Fault::in_flight_limit(1));
    cluster.faults().add(calls.nth(1), Fault::hang());
    let mut hung = send(&cluster, "GET /version").await;
    timeout(SHORT, hung.read_u8()).await.unwrap_err();
    let (head, _) = get(&cluster, "/version").await;
    assert_eq!((code(&head), header(&head, "retry-after")), (429, Some("1")));
    drop(hung);
    cluster.until_no_requests().await;
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
    assert_eq!(limit.hits(), 1);
}

#[tokio::test]
async fn restart_drops_connections() {
    let cluster = cluster().await;
    cluster.faults().add(Calls::any().nth(1), Fault::hang());
    let mut hung = send(&cluster, "GET /version").await;
    timeout(SHORT, hung.read_u8()).await.unwrap_err();
    cluster.faults().restart();
    let mut rest = Vec::new();
    timeout(LONG, hung.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"");
    cluster.client().unwrap().apiserver_version().await.unwrap();
    cluster.until_no_requests().await;
}

#[tokio::test]
async fn connections_are_refused_while_it_is_down() {
    let cluster = cluster().await;
    let client = cluster.client().unwrap();
    let before = client.apiserver_version().await.unwrap();
    let address = address(&cluster);
    for _ in 0..3 {
        cluster.faults().shut_down().await;
        cluster.faults().shut_down().await;
        let refused = TcpStream::connect(&address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        client.apiserver_version().await.unwrap_err();
        cluster.faults().start_again().await.unwrap();
        cluster.faults().start_again().await.unwrap();
        assert_eq!(client.apiserver_version().await.unwrap(), before);
    }
}

#[tokio::test]
async fn clusters_are_apart_and_stop_when_dropped() {
    let (one, two) = (cluster().await, cluster().await);
    one.faults().add(Calls::any(), Fault::unavailable());
    assert_eq!(code(&get(&one, "/version").await.0), 503);
    assert_eq!(code(&get(&two, "/version").await.0), 200);
    assert_eq!((one.requests_total(), two.requests_total()), (1, 1));
    let stalled = one.faults();
    stalled.clear();
    stalled.add(Calls::any(), Fault::hang());
    let mut open = send(&one, "GET /version").await;
    let gone = address(&one);
    drop(one);
    let mut rest = Vec::new();
    // Cut off or reset, but not left alone.
    let _ = timeout(LONG, open.read_to_end(&mut rest)).await.unwrap();
    drop(stalled);
    timeout(LONG, async { while TcpStream::connect(&gone).await.is_ok() {} }).await.unwrap();
    assert_eq!(code(&get(&two, "/version").await.0), 200);
}

#[tokio::test]
async fn requests_are_recorded() {
    let cluster = FakeCluster::builder().keep_requests(3).start().await.unwrap();
    let (_, body) = get(&cluster, "/version?a=b%20c&d").await;
    let requests = cluster.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.verb.as_str()), ("GET", "get"));
    assert_eq!((request.path.as_str(), request.query.as_str()), ("/version", "a=b%20c&d"));
    assert_eq!((request.param("a").as_deref(), request.param("d").as_deref()), (Some("b c"), Some("")));
    assert_eq!(request.param("e"), None);
    assert_eq!((request.user.as_str(), request.resource.as_str()), ("kubernetes-admin", ""));
    assert_eq!((request.received, request.sent), (0, body.len() as u64));

    let client = cluster.client_as("system:serviceaccount:a:b").unwrap();
    let pods: Api<Pod> = Api::namespaced(client, "web");
    let pod = Pod {
        metadata: kube::api::ObjectMeta { name: Some("x".into()), ..Default::default() },
        ..Pod::default()
    };
    pods.create(&PostParams::default(), &pod).await.unwrap_err();
    pods.logs("web-0", &LogParams::default()).await.unwrap_err();
    let requests = cluster.requests();
    let [_, create, log] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        (create.verb.as_str(), create.resource.as_str(), create.name.as_str()),
        ("create", "pods", "")
    );
    assert_eq!(create.status, Some(403));
    assert_eq!((log.verb.as_str(), log.resource.as_str(), log.name.as_str()), ("get", "pods/log", "web-0"));
    assert_eq!((log.user.as_str(), log.namespace.as_str()), ("system:serviceaccount:a:b", "web"));
    assert_eq!(log.path, "/api/v1/namespaces/web/pods/web-0/log");

    get(&cluster, "/apis").await;
    let paths: Vec<_> = cluster.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, [&create.path, &log.path, "/apis"]);
    cluster.forget_requests();
    assert_eq!((cluster.requests().len(), cluster.requests_total()), (0, 4));
}

#[tokio::test]
async fn users_have_their_rights() {
    let cluster = FakeCluster::builder()
        .user("reader", [Rule::verbs(["get", "list"]).resources(["configmaps"]).namespace("default")])
        .start()
        .await
        .unwrap();
    cluster.apply(&config_map("one")).unwrap();
    let of = |user: &str| cluster.client_as(user).unwrap();
    let in_default: Api<ConfigMap> = Api::namespaced(of("reader"), "default");
    assert_eq!(in_default.list(&ListParams::default()).await.unwrap().items.len(), 1);
    in_default.get("one").await.unwrap();
    let refused = |error: kube::Error| match error {
        kube::Error::Api(status) if status.code == 403 => status.message,
        error => panic!("{error}"),
    };
    let error = in_default.create(&PostParams::default(), &config_map("two")).await.unwrap_err();
    let expected = r#"configmaps is forbidden: User "reader" cannot create resource "configmaps" in API group "" in the namespace "default""#;
    assert_eq!(refused(error), expected);
    let all: Api<ConfigMap> = Api::all(of("reader"));
    let error = all.list(&ListParams::default()).await.unwrap_err();
    assert!(refused(error).ends_with("at the cluster scope"));

    // From the next request on.
    cluster.allow("reader", [Rule::verbs(["list"]).resources(["configmaps"])]);
    all.list(&ListParams::default()).await.unwrap();
    cluster.set_rules("reader", []);
    in_default.get("one").await.unwrap_err();
    of("reader").apiserver_version().await.unwrap();

    // Nobody has heard of this one.
    let account: Api<ConfigMap> = Api::all(of("system:serviceaccount:ns:a/b c"));
    let error = account.list(&ListParams::default()).await.unwrap_err();
    assert!(refused(error).contains(r#"User "system:serviceaccount:ns:a/b c" cannot list"#));
}

#[tokio::test]
async fn kubeconfig_has_a_context_for_each_user() {
    let builder = FakeCluster::builder().user("jane@example.com", []).user("arn:aws:iam::1:user/x", []);
    let cluster = builder.start().await.unwrap();
    for user in ["kubernetes-admin", "jane@example.com", "arn:aws:iam::1:user/x"] {
        let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("web")).unwrap();
        assert_eq!(kubeconfig.current_context.as_deref(), Some("kubernetes-admin"));
        let options = KubeConfigOptions { context: Some(user.to_owned()), ..Default::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        assert_eq!(config.default_namespace, "web");
        Client::try_from(config).unwrap().apiserver_version().await.unwrap();
        assert_eq!(cluster.requests().last().unwrap().user, user);
    }
}

#[tokio::test]
async fn users_act_as_others() {
    let cluster = cluster().await;
    let as_jane = |user: Option<&str>| {
        let mut config = Config::new(match user {
            Some(user) => format!("http://{}/as/{user}", address(&cluster)).parse().unwrap(),
            None => format!("http://{}", address(&cluster)).parse().unwrap(),
        });
        config.auth_info.impersonate = Some("jane".to_owned());
        Client::try_from(config).unwrap()
    };
    let pods: Api<Pod> = Api::all(as_jane(None));
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(error.to_string().contains(r#"User "jane" cannot list"#), "{error}");
    let pods: Api<Pod> = Api::all(as_jane(Some("joe")));
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(error.to_string().contains(r#"User "joe" cannot impersonate-on:user-info:list"#), "{error}");
}

async fn review(client: Client, url: &str, spec: Value) -> Result<Value, kube::Error> {
    let request = http::Request::post(url).header("content-type", "application/json");
    client.request(request.body(serde_json::to_vec(&json!({"spec": spec})).unwrap()).unwrap()).await
}

/// The fields are those of a Kubernetes 1.36, so are the reasons of everybody's rights.
#[tokio::test]
async fn reviews() {
    let cluster = FakeCluster::builder()
        .user(
            "jane",
            [
                Rule::verbs(["get"]).resources(["pods", "deployments.apps", "pods/log"]).namespace("web"),
                Rule::verbs(["list"]).resources(["pods"]).names(["x"]),
            ],
        )
        .start()
        .await
        .unwrap();
    let url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let ask = async |user: &str, spec: Value| {
        let client = cluster.client_as(user).unwrap();
        let answer = review(client, url, spec.clone()).await.unwrap();
        assert_eq!((&answer["kind"], &answer["spec"]), (&json!("SelfSubjectAccessReview"), &spec));
        answer["status"].clone()
    };
    let get = |namespace| json!({"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": namespace}});
    assert_eq!(
        ask("jane", get("web")).await,
        json!({"allowed": true, "reason": r#"RBAC: allowed by RoleBinding "jane/web" of Role "jane" to User "jane""#})
    );
    assert_eq!(ask("jane", get("other")).await, json!({"allowed": false}));
    assert_eq!(ask("nobody", get("web")).await, json!({"allowed": false}));
    assert_eq!(ask("kubernetes-admin", get("web")).await, json!({"allowed": true}));
    assert_eq!(
        ask("jane", json!({"nonResourceAttributes": {"verb": "get", "path": "/apis/x"}})).await,
        json!({
            "allowed": true,
            "reason": r#"RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated""#,
        })
    );
    let client = cluster.client_as("jane").unwrap();
    for (spec, message) in [
        (
            json!({}),
            ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (
            json!({"resourceAttributes": {}, "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}),
            r#".authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/metrics","Verb":"get"}: cannot be specified in combination with resourceAttributes"#,
        ),
    ] {
        match review(client.clone(), url, spec).await.unwrap_err() {
            kube::Error::Api(status) => assert_eq!((status.code, status.message.as_str()), (422, message)),
            error => panic!("{error}"),
        }
    }

    let url = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let answer = review(client.clone(), url, json!({"namespace": "web"})).await.unwrap();
    let rules: SelfSubjectRulesReview = serde_json::from_value(answer).unwrap();
    let status = rules.status.unwrap();
    assert!(!status.incomplete);
    let own = status.resource_rules.iter().filter(|rule| rule.verbs != ["create"]);
    let own: Vec<_> = own.map(|rule| serde_json::to_value(rule).unwrap()).collect();
    assert_eq!(
        own,
        [
            json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"]}),
            json!({"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]}),
            json!({"verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["x"]}),
        ]
    );
    let error = review(client, url, json!({})).await.unwrap_err();
    assert!(error.to_string().contains("no namespace on request"), "{error}");

    let url = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let account = cluster.client_as("system:serviceaccount:ns:name").unwrap();
    let answer = review(account, url, json!({})).await.unwrap();
    let info = json!({
        "username": "system:serviceaccount:ns:name",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
    });
    assert_eq!(answer["status"], json!({"userInfo": info}));
}

/// A body that is cut in the middle of a character: who reads it must not take it for whole.
#[tokio::test]
async fn a_body_that_is_cut_is_an_error() {
    let cluster = cluster().await;
    cluster.apply(&config_map("one")).unwrap();
    let path = "/api/v1/namespaces/default/configmaps/one";
    let (_, whole) = get(&cluster, path).await;
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    configs.list(&ListParams::default()).await.unwrap();
    let length = cluster.requests().last().unwrap().sent;
    let inside = whole.windows(2).position(|window| window == "ö".as_bytes()).unwrap() + 1;
    for bytes in [0, 1, inside, whole.len() - 1] {
        let handle = cluster.faults().add(Calls::any(), Fault::cut_after_bytes(bytes as u64));
        let (head, body) = get(&cluster, path).await;
        assert_eq!(header(&head, "content-length"), Some(whole.len().to_string().as_str()));
        assert_eq!(body, whole[..bytes]);
        handle.remove();
    }
    for bytes in [0, 1, length / 2, length - 2] {
        for fault in [Fault::cut_after_bytes(bytes), Fault::cut_after_bytes(bytes).cleanly()] {
            let handle = cluster.faults().add(Calls::verb("list").resource("configmaps"), fault.clone());
            let list = configs.list(&ListParams::default()).await;
            assert!(list.is_err(), "{bytes} of {length}: {fault:?}");
            assert_eq!(cluster.requests().last().unwrap().sent, bytes);
            handle.remove();
        }
    }
    assert_eq!(configs.list(&ListParams::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_watch_is_cut_after_events() {
    let cluster = cluster().await;
    for name in ["a", "b", "c", "d"] {
        cluster.apply(&config_map(name)).unwrap();
    }
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    // kube takes both for an end of the watch.
    for fault in [Fault::cut_after_events(2).cleanly(), Fault::cut_after_events(2)] {
        let handle = cluster.faults().add(Calls::verb("watch").resource("configmaps"), fault);
        let events = configs.watch(&WatchParams::default(), "0").await.unwrap();
        let names: Vec<_> = timeout(LONG, events.map_ok(name).try_collect()).await.unwrap().unwrap();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(handle.hits(), 1);
        handle.remove();
    }
    cluster.until_no_requests().await;
}

fn name(event: WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(config) => config.metadata.name.unwrap(),
        event => panic!("{event:?}"),
    }
}

/// Nothing is lost, whatever happens to the watch.
#[tokio::test]
async fn a_watcher_survives() {
    let cluster = cluster().await;
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    let backoff = watcher::DefaultBackoff::default();
    let watched = watcher(configs, watcher::Config::default());
    let mut watched = pin!(kube::runtime::WatchStreamExt::backoff(watched, backoff));
    let mut seen = std::collections::BTreeSet::new();
    let mut next = async |names: &[&str]| {
        timeout(LONG, async {
            while !names.iter().all(|name| seen.contains(*name)) {
                // Errors are what the faults are for.
                if let Ok(watcher::Event::Apply(config) | watcher::Event::InitApply(config)) =
                    watched.next().await.unwrap()
                {
                    seen.insert(config.metadata.name.unwrap());
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{names:?} in {:?}", cluster.requests()));
    };
    cluster.apply(&config_map("a")).unwrap();
    next(&["a"]).await;

    cluster.faults().restart();
    cluster.apply(&config_map("b")).unwrap();
    next(&["b"]).await;

    cluster.faults().add(Calls::verb("watch").first(2), Fault::expired());
    cluster.faults().restart();
    cluster.apply(&config_map("c")).unwrap();
    next(&["c"]).await;

    cluster.faults().clear();
    cluster.faults().add(Calls::verb("watch").first(3), Fault::cut_after_bytes(700));
    cluster.faults().restart();
    for name in ["d", "e", "f"] {
        cluster.apply(&config_map(name)).unwrap();
    }
    next(&["d", "e", "f"]).await;

    cluster.faults().clear();
    cluster.faults().shut_down().await;
    for name in ["g", "h"] {
        cluster.apply(&config_map(name)).unwrap();
    }
    cluster.faults().compact();
    cluster.faults().start_again().await.unwrap();
    next(&["g", "h"]).await;
}

#[tokio::test]
async fn a_slow_watch_loses_nothing() {
    let cluster = cluster().await;
    cluster.faults().add(Calls::verb("watch"), Fault::slow(50_000));
    let configs: Api<ConfigMap> = Api::default_namespaced(cluster.client().unwrap());
    for index in 0..20 {
        cluster.apply(&config_map(&format!("c{index}"))).unwrap();
    }
    let events = configs.watch(&WatchParams::default(), "0").await.unwrap();
    let names: Vec<_> = timeout(LONG, events.take(20).try_collect::<Vec<_>>()).await.unwrap().unwrap();
    assert_eq!(names.len(), 20);
}
