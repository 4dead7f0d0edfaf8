//! What the client tells `tracing`.
use std::{
    fmt::{Debug, Write as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use kube::{Client, Config};
use kube_ext::fake::{Calls, FakeCluster, Fault};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use super::{config_of, plain, version, within};

/// Keeps the spans and events of clients, one line each.
#[derive(Clone, Default)]
struct Keeping {
    spans: Arc<AtomicU64>,
    lines: Arc<Mutex<Vec<String>>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Keeping {
    fn keep(&self, what: String, fields: impl FnOnce(&mut Line)) {
        let mut line = Line(what);
        fields(&mut line);
        self.lines.lock().unwrap().push(line.0);
    }
}

impl Subscriber for Keeping {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["kube_client::client::builder", "kube_ext::client"].contains(&metadata.target())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let what = format!("{} {}", span.metadata().level(), span.metadata().name());
        self.keep(what, |line| span.record(line));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.keep("record".to_owned(), |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.keep(event.metadata().level().to_string(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What a client says of an answer, of a refusal, of a second try, and of a server that is not there.
async fn said(client: impl Fn(&Config) -> Client) -> Vec<String> {
    let keeping = Keeping::default();
    let guard = tracing::subscriber::set_default(keeping.clone());
    let cluster = FakeCluster::builder().start().await.unwrap();
    let config = config_of(&cluster).await;
    assert!(config.default_retry);
    let client = client(&config);
    within(client.request_text(version())).await.unwrap();
    cluster.faults().add(Calls::any().nth(1), Fault::forbidden());
    within(client.request_text(version())).await.unwrap_err();
    cluster.faults().add(Calls::any().nth(1), Fault::unavailable());
    within(client.request_text(version())).await.unwrap();
    cluster.faults().shut_down().await;
    within(client.request_text(version())).await.unwrap_err();
    drop(guard);
    let address = config.cluster_url.authority().unwrap().to_string();
    let lines = keeping.lines.lock().unwrap();
    lines.iter().map(|line| line.replace(&address, "address")).collect()
}

#[tokio::test]
async fn spans_are_those_of_kubes_client() {
    let ours = said(plain).await;
    assert!(ours[0].starts_with("DEBUG HTTP http.method=GET http.url=http://address/version"), "{ours:#?}");
    assert!(ours.iter().any(|line| line.starts_with("ERROR message=failed with status 503")), "{ours:#?}");
    assert!(ours.iter().any(|line| line.starts_with("ERROR message=failed with error")), "{ours:#?}");
    assert_eq!(ours, said(|config| Client::try_from(config.clone()).unwrap()).await);
}

/// A query may have the arguments of a command in it.
#[tokio::test]
async fn addresses_without_their_queries() {
    let keeping = Keeping::default();
    let guard = tracing::subscriber::set_default(keeping.clone());
    let cluster = FakeCluster::builder().start().await.unwrap();
    let config = config_of(&cluster).await;
    let address = config.cluster_url.authority().unwrap().to_string();
    let request = http::Request::get("/api/v1/pods?fieldSelector=metadata.name%3Dsecret").body(Vec::new());
    within(plain(&config).request_text(request.unwrap())).await.unwrap();
    drop(guard);
    let lines = keeping.lines.lock().unwrap();
    let url = format!("http.url=http://{address}/api/v1/pods ");
    assert!(lines[0].contains(&url), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:#?}");
}
