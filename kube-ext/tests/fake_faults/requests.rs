//! Whole requests: refused, answered with errors, late, limited, dropped, recorded.
use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{LogParams, ObjectMeta, PostParams},
};
use kube_ext::fake::{Calls, FakeCluster, Fault, RequestRecord};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};

use crate::client::{LONG, SHORT, address, cluster, code, get, header, send};

/// Sends a request that is to hang, and waits until the server has it.
async fn hang(cluster: &FakeCluster, request: &str) -> TcpStream {
    timeout(LONG, cluster.until_no_requests()).await.unwrap();
    let mut hung = send(cluster, request).await;
    let has_it = async {
        while cluster.requests_open() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, has_it).await.unwrap();
    timeout(SHORT, hung.read_u8()).await.unwrap_err();
    hung
}

fn statuses(requests: &[RequestRecord]) -> Vec<Option<u16>> {
    requests.iter().map(|request| request.status).collect()
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
    let hung = hang(&cluster, "POST /version").await;
    let mut stalled = send(&cluster, "GET /version").await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(LONG, stalled.read_u8()).await.unwrap().unwrap());
    }
    // Nothing else, and no end.
    timeout(SHORT, stalled.read(&mut [0])).await.unwrap_err();

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
    let began = Instant::now();
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(code(&get(&cluster, "/version").await.0));
    }
    assert_eq!((codes, rate.hits()), (vec![200, 200, 200, 429, 429], 2));
    let (head, _) = get(&cluster, "/version").await;
    let wait: u64 = header(&head, "retry-after").unwrap().parse().unwrap();
    assert!(wait <= 600 && wait + began.elapsed().as_secs() + 1 >= 600, "{wait}");
    rate.remove();

    cluster.faults().add(calls.clone(), Fault::rate_limit(1, SHORT));
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
    tokio::time::sleep(SHORT).await;
    assert_eq!(code(&get(&cluster, "/version").await.0), 200);
    cluster.faults().clear();

    let limit = cluster.faults().add(calls.clone(), Fault::in_flight_limit(1));
    cluster.faults().add(calls.nth(1), Fault::hang());
    let hung = hang(&cluster, "GET /version").await;
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
    let mut hung = hang(&cluster, "GET /version").await;
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
    let pod = Pod { metadata: ObjectMeta { name: Some("x".into()), ..Default::default() }, ..Pod::default() };
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
