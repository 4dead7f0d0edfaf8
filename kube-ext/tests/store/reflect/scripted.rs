//! A server that answers as it is told, on tokio's clock: what takes minutes takes none with `start_paused`.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, client::Body};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::value;

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_watch(&self) -> bool {
        self.param("watch").is_some()
    }

    pub(super) fn is_streamed(&self) -> bool {
        self.param("sendInitialEvents").is_some()
    }
}

/// An answer, line by line.
pub(super) struct Answer {
    code: u16,
    /// How long to wait before each.
    lines: Vec<(Duration, Value)>,
    is_open: bool,
}

impl Answer {
    pub(super) fn lines(lines: impl IntoIterator<Item = (Duration, Value)>) -> Self {
        Self { code: 200, lines: lines.into_iter().collect(), is_open: false }
    }

    /// All of them at once.
    pub(super) fn events(events: impl IntoIterator<Item = Value>) -> Self {
        Self::lines(events.into_iter().map(|event| (Duration::ZERO, event)))
    }

    pub(super) fn error(code: u16) -> Self {
        Self { code, ..Self::events([status(code)]) }
    }

    /// A page, with a token if there are more of them.
    pub(super) fn page(names: &[&str], token: &str) -> Self {
        Self::page_of(names, token, "1")
    }

    /// A page of this version.
    pub(super) fn page_of(names: &[&str], token: &str, version: &str) -> Self {
        let items: Vec<_> = names.iter().map(|name| value(name)).collect();
        let metadata = json!({"resourceVersion": version, "continue": token});
        Self::events([
            json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": metadata, "items": items}),
        ])
    }

    /// After the last line it stays open until its time is over.
    pub(super) fn open(self) -> Self {
        Self { is_open: true, ..self }
    }
}

pub(super) fn status(code: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": format!("no {code}")})
}

pub(super) fn added(name: &str, version: u64) -> Value {
    let mut object = value(name);
    object["metadata"]["resourceVersion"] = version.to_string().into();
    json!({"type": "ADDED", "object": object})
}

/// The end of a streamed list.
pub(super) fn end(version: u64) -> Value {
    let annotations = json!({"k8s.io/initial-events-end": "true"});
    let metadata = json!({"annotations": annotations, "resourceVersion": version.to_string()});
    json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}})
}

/// The same, where the version is empty.
pub(super) fn unversioned(mut event: Value) -> Value {
    event["object"]["metadata"]["resourceVersion"] = "".into();
    event
}

/// What was asked so far.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    pub(super) fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self, is_counted: impl Fn(&Asked) -> bool) -> usize {
        self.all().iter().filter(|asked| is_counted(asked)).count()
    }

    /// Adds one, and says how many of its kind there have been with it.
    fn add(&self, asked: &Asked) -> usize {
        self.0.lock().unwrap().push(asked.clone());
        let kind = |it: &Asked| (it.is_watch(), it.is_streamed());
        self.count(|other| kind(other) == kind(asked))
    }
}

/// Each request, and how many there have been of its kind: streamed lists, watches, pages. As an API server does, it ends a watch after
/// `timeoutSeconds`.
pub(super) fn server(
    answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static,
) -> (Api<ConfigMap>, Log) {
    let log = Log::default();
    let service = tower::service_fn({
        let (log, answer) = (log.clone(), Arc::new(answer));
        move |request: Request<Body>| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let query = request.uri().query().unwrap_or_default();
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let asked = Asked(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
                let Answer { code, lines, is_open } = answer(&asked, log.add(&asked));
                let seconds = asked.param("timeoutSeconds").and_then(|it| it.parse().ok());
                let lines = stream::iter(lines).then(async |(wait, line)| {
                    sleep(wait).await;
                    Ok::<_, Infallible>(Frame::data(Bytes::from(format!("{line}\n"))))
                });
                let rest = stream::pending().take(usize::from(is_open));
                let limit = async move {
                    match seconds {
                        Some(seconds) if code == 200 => sleep(Duration::from_secs(seconds)).await,
                        _ => std::future::pending().await,
                    }
                };
                let body = StreamBody::new(lines.chain(rest).take_until(limit).boxed());
                Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
            }
        }
    });
    (Api::default_namespaced(Client::new(service, "default")), log)
}
