//! The client without delay, beside kube's own.
#![cfg(all(feature = "client", feature = "fake", feature = "ws"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "fast_client/trace.rs"]
mod trace;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue, Request, Uri};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config, Error,
    api::ListParams,
    client::ConfigExt as _,
    config::{KubeConfigOptions, Kubeconfig},
};
use kube_ext::{
    client::nodelay,
    exec::ExecExt as _,
    fake::{Calls, FakeCluster, Fault},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower::Service;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

async fn config_of(cluster: &FakeCluster) -> Config {
    let kubeconfig = Kubeconfig::from_yaml(&cluster.kubeconfig("web")).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// What listens on a port of loopback, and its URL.
async fn listener(scheme: &str) -> (TcpListener, Uri) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    (listener, url.parse().unwrap())
}

/// Without TLS.
fn plain(config: &Config) -> Client {
    nodelay(config.clone(), |_, tcp| Ok(tcp)).unwrap().build()
}

fn version() -> Request<Vec<u8>> {
    Request::get("/version").body(Vec::new()).unwrap()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(LONG, work).await.expect("in time")
}

/// The whole chain of an error.
fn words(err: &dyn std::error::Error) -> String {
    std::iter::successors(Some(err), |err| err.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// A connector that asks the sockets of another one for `TCP_NODELAY`.
#[derive(Clone)]
struct Asking {
    tcp: HttpConnector,
    answers: Arc<Mutex<Vec<bool>>>,
}

impl Service<Uri> for Asking {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let (connecting, answers) = (self.tcp.call(url), self.answers.clone());
        Box::pin(async move {
            let stream = connecting.await?;
            answers.lock().unwrap().push(stream.inner().nodelay()?);
            Ok(stream)
        })
    }
}

#[tokio::test]
async fn every_connection_has_nodelay() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    cluster.faults().add(Calls::any(), Fault::delay(Duration::from_millis(100)));
    let answers = Arc::default();
    let asking = |_: &Config, tcp| Ok(Asking { tcp, answers: Arc::clone(&answers) });
    let client = nodelay(config_of(&cluster).await, asking).unwrap().build();
    within(async {
        let (first, second) = tokio::join!(client.apiserver_version(), client.apiserver_version());
        assert_eq!((first.unwrap().minor, second.unwrap().minor), ("36".to_owned(), "36".to_owned()));
    })
    .await;
    assert_eq!(*answers.lock().unwrap(), [true, true]);
}

#[tokio::test]
async fn a_command_runs_through_it() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0, namespace: web}, \
               spec: {nodeName: node, containers: [{name: app}]}}";
    let cluster = FakeCluster::builder().yaml(pod).start().await.unwrap();
    cluster.container("web", "web-0", "app").on_command(|_| ("out", "error", 3));
    let pods: Api<Pod> = Api::default_namespaced(plain(&config_of(&cluster).await));
    let output = within(pods.command("web-0", "sh").container("app").output()).await.unwrap();
    assert_eq!((output.status.code(), &*output.stdout, &*output.stderr), (3, &b"out"[..], &b"error"[..]));
}

#[tokio::test]
async fn the_default_namespace_is_that_of_the_context() {
    let cluster = FakeCluster::builder().start().await.unwrap();
    let client = plain(&config_of(&cluster).await);
    within(Api::<Pod>::default_namespaced(client).list(&ListParams::default())).await.unwrap();
    assert_eq!(cluster.requests()[0].namespace, "web");
}

/// The head of the request that a client sends, which gets an empty answer.
async fn head(listener: &TcpListener, client: &Client) -> String {
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    };
    let (head, answer) = within(async { tokio::join!(serve, client.request_text(version())) }).await;
    assert_eq!(answer.unwrap(), "");
    head
}

#[tokio::test]
async fn requests_are_those_of_kubes_client() {
    let (listener, url) = listener("http").await;
    let mut config = Config::new(format!("{url}behind/a/gateway").parse().unwrap());
    config.headers.push((HeaderName::from_static("x-trace"), HeaderValue::from_static("42")));
    config.auth_info.impersonate = Some("jane".to_owned());
    config.auth_info.impersonate_groups = Some(vec!["dev".to_owned(), "ops".to_owned()]);
    config.auth_info.token = Some("open-sesame".to_owned().into());

    let ours = head(&listener, &plain(&config)).await;
    for line in [
        "GET /behind/a/gateway/version HTTP/1.1\r\n",
        "authorization: Bearer open-sesame\r\n",
        "x-trace: 42\r\n",
        "impersonate-user: jane\r\n",
        "impersonate-group: dev\r\nimpersonate-group: ops\r\n",
    ] {
        assert!(ours.contains(line), "{line} not in {ours}");
    }
    assert_eq!(ours, head(&listener, &Client::try_from(config.clone()).unwrap()).await);

    config.auth_info.token = None;
    config.auth_info.username = Some("jane".to_owned());
    config.auth_info.password = Some("secret".to_owned().into());
    let ours = head(&listener, &plain(&config)).await;
    assert!(ours.contains("authorization: Basic amFuZTpzZWNyZXQ=\r\n"), "{ours}");
}

#[tokio::test]
async fn layers_can_be_added() {
    let (listener, url) = listener("http").await;
    let mut layered = Config::new(url.clone());
    layered.headers.push((HeaderName::from_static("x-layer"), HeaderValue::from_static("1")));
    let builder = nodelay(Config::new(url), |_, tcp| Ok(tcp)).unwrap();
    let client = builder.with_layer(&layered.extra_headers_layer().unwrap()).build();
    assert!(head(&listener, &client).await.contains("x-layer: 1\r\n"));
}

#[tokio::test]
async fn a_busy_server_is_asked_again_if_the_config_says_so() {
    for (default_retry, asked) in [(true, 3), (false, 1)] {
        let cluster = FakeCluster::builder().start().await.unwrap();
        cluster.faults().add(Calls::any().first(2), Fault::too_many_requests(Duration::ZERO));
        let mut config = config_of(&cluster).await;
        config.default_retry = default_retry;
        let client = plain(&config);
        match within(client.apiserver_version()).await {
            Ok(_) => assert!(default_retry),
            Err(Error::Api(status)) => assert_eq!((default_retry, status.code), (false, 429)),
            Err(err) => panic!("{err}"),
        }
        assert_eq!(cluster.requests_total(), asked);
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up() {
    let (_silent, url) = listener("https").await;
    let mut config = Config::new(url);
    config.accept_invalid_certs = true;
    config.connect_timeout = Some(Duration::from_millis(200));
    let tls = |config: &Config, tcp| config.rustls_https_connector_with_connector(tcp);
    let client = nodelay(config, tls).unwrap().build();
    let began = Instant::now();
    let err = within(client.request_text(version())).await.unwrap_err();
    assert!(words(&err).contains("deadline has elapsed"), "{}", words(&err));
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let (silent, url) = listener("http").await;
    let mut config = Config::new(url);
    config.read_timeout = Some(Duration::from_millis(200));
    let client = plain(&config);
    let serve = async {
        let connection = silent.accept().await.unwrap();
        sleep(LONG).await;
        drop(connection);
    };
    let err = tokio::select! {
        () = serve => panic!("it waited"),
        answer = client.request_text(version()) => answer.unwrap_err(),
    };
    assert!(words(&err).contains("timed out"), "{}", words(&err));
}

#[tokio::test]
async fn a_request_that_is_not_taken_is_given_up() {
    let (silent, url) = listener("http").await;
    let mut config = Config::new(url);
    config.write_timeout = Some(Duration::from_millis(200));
    let client = plain(&config);
    let serve = async {
        let connection = silent.accept().await.unwrap();
        sleep(LONG).await;
        drop(connection);
    };
    // More than the buffers of two sockets.
    let request = Request::post("/version").body(vec![0; 64 << 20]).unwrap();
    let err = tokio::select! {
        () = serve => panic!("it waited"),
        answer = client.request_text(request) => answer.unwrap_err(),
    };
    assert!(words(&err).contains("timed out"), "{}", words(&err));
}

#[tokio::test]
async fn a_connection_may_rest_for_as_long_as_an_answer_may_take_if_the_config_says_so() {
    let [rest, late] = [7, 5].map(Duration::from_secs);
    let both = [true, false].map(async |reset_reader_on_write| {
        let cluster = FakeCluster::builder().start().await.unwrap();
        let mut config = config_of(&cluster).await;
        // More than either, and less than both.
        config.read_timeout = Some(Duration::from_secs(10));
        config.reset_reader_on_write = reset_reader_on_write;
        let client = plain(&config);
        within(client.apiserver_version()).await.unwrap();
        sleep(rest).await;
        cluster.faults().add(Calls::any(), Fault::delay(late));
        let answer = within(client.apiserver_version()).await;
        assert_eq!(answer.is_ok(), reset_reader_on_write, "{answer:?}");
    });
    futures::future::join_all(both).await;
}

#[tokio::test]
async fn credentials_do_not_go_out_in_the_clear() {
    let (_silent, url) = listener("https").await;
    let refused = nodelay(Config::new(url), |_, tcp| Ok(tcp)).map(drop);
    assert!(matches!(refused, Err(Error::TlsRequired)), "{refused:?}");
}

#[tokio::test]
async fn a_proxy_is_left_to_kube() {
    let mut config = Config::new("http://cluster.example".parse().unwrap());
    config.proxy_url = Some("http://proxy.example:3128".parse().unwrap());
    let refused = nodelay(config, |_, _| -> kube::Result<HttpConnector> { panic!("not for a proxy") });
    // The tests' kube has no proxies.
    assert!(refused.map(drop).unwrap_err().to_string().contains("http://proxy.example:3128"));
}
