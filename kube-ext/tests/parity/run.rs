//! Plays a scenario.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::plain::Plain;
use super::scenario::{Scenario, Step, User};
use super::{Stage, connection};

/// The users of a cluster.
pub(crate) struct Clients {
    pub(crate) admin: Client,
    pub(crate) powerless: Client,
}

impl Clients {
    /// Of the current context, and of that of the user without rights.
    pub(crate) async fn of(kubeconfig: &Kubeconfig) -> Self {
        let client = async |context: Option<&str>| {
            let context = context.map(str::to_owned);
            let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await;
            let mut config = config.expect("a context");
            // Each answer counts, not only the last.
            config.default_retry = false;
            Client::try_from(config).expect("client")
        };
        Self { admin: client(None).await, powerless: client(Some("powerless")).await }
    }
}

/// How long a step is asked again and again, and how long a silent answer is listened to.
const PATIENCE: Duration = Duration::from_secs(300);
const SILENCE: Duration = Duration::from_secs(5);
/// How long any answer may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Headers that say something.
const HEADERS: [header::HeaderName; 5] =
    [header::ALLOW, header::CONTENT_TYPE, header::LOCATION, header::RETRY_AFTER, header::WARNING];

/// The steps of a scenario with the answers to them.
pub(crate) async fn run(scenario: &Scenario, clients: &Clients, stage: &dyn Stage) -> Vec<Value> {
    let namespace = format!("parity-{}", suffix());
    let mut saved = BTreeMap::from([("NS".to_owned(), namespace.clone())]);
    let mut plain = Plain::new(&namespace, format!("{scenario:?}"));
    prepare(clients, &namespace).await;
    if scenario.pods {
        stage.set(&clients.admin, &namespace).await;
    }
    let mut steps = Vec::new();
    for step in &scenario.steps {
        let client = match step.user {
            User::Admin => &clients.admin,
            User::Powerless => &clients.powerless,
        };
        let mut answer = ask_until(client, step, &saved).await;
        for (name, pointer) in &step.save {
            let value = answer["body"].pointer(pointer).and_then(Value::as_str);
            // A server that answers otherwise differs in this step; later ones are to be asked all the same.
            saved.insert(name.clone(), value.unwrap_or("absent").to_owned());
        }
        if !step.only.is_empty() {
            answer["body"] = parts(&answer["body"], &step.only);
        }
        let mut entry = plain.value(answer);
        entry["request"] = step.request.clone().into();
        steps.push(entry);
    }
    let cleanup = scenario.cleanup.iter().map(|path| substitute(path, &saved));
    for path in cleanup.chain([format!("/api/v1/namespaces/{namespace}")]) {
        // What is gone already is just as well.
        let _ = send(&clients.admin, "DELETE", &path, &[], Vec::new()).await;
    }
    steps
}

/// Letters that tell the namespaces of runs apart.
fn suffix() -> String {
    std::iter::repeat_with(fastrand::lowercase).take(5).collect()
}

/// A namespace in which pods can be created.
async fn prepare(clients: &Clients, namespace: &str) {
    let json = [("content-type", "application/json")];
    for (path, name) in [
        ("/api/v1/namespaces".to_owned(), namespace),
        (format!("/api/v1/namespaces/{namespace}/serviceaccounts"), "default"),
    ] {
        let body = json!({"metadata": {"name": name}}).to_string();
        let created = send(&clients.admin, "POST", &path, &json, body.into()).await;
        let code = created.expect("an answer").status().as_u16();
        assert!([201, 409].contains(&code), "{path}: {code}");
    }
}

async fn ask_until(client: &Client, step: &Step, saved: &BTreeMap<String, String>) -> Value {
    let start = Instant::now();
    loop {
        let answer = timeout(LIMIT, ask(client, step, saved)).await;
        let answer = answer.unwrap_or_else(|_| json!({"error": "no answer"}));
        let mut wanted = step.until.iter();
        let reached = wanted.all(|(pointer, wanted)| match pointer.as_str() {
            "code" => answer["code"] == *wanted,
            pointer => answer["body"].pointer(pointer) == Some(wanted),
        });
        if reached || start.elapsed() > PATIENCE {
            return answer;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn ask(client: &Client, step: &Step, saved: &BTreeMap<String, String>) -> Value {
    let request = substitute(&step.request, saved);
    let (method, path) = request.split_once(' ').expect("method and path");
    if method == "CONNECT" {
        return connection::converse(client, &encode(path), step.stdin.as_deref()).await;
    }
    let (headers, body) = (headers(step), body(step, saved));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match send(client, method, path, &headers, body).await {
        Ok(response) => {
            let (code, headers) = (response.status().as_u16(), said(response.headers()));
            let body = match step.events {
                Some(events) if code == 200 => watch(response, events).await,
                _ => read(response).await,
            };
            json!({"code": code, "headers": headers, "body": body})
        }
        Err(error) => json!({"error": error.to_string()}),
    }
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> kube::Result<Response<Body>> {
    let once = || {
        let mut request = Request::builder().method(method).uri(encode(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client.send(request.body(Body::from(body.clone())).expect("request"))
    };
    if method == "GET" { connection::again(once).await } else { once().await }
}

fn headers(step: &Step) -> Vec<(&'static str, String)> {
    let accept = match step.accept.as_deref() {
        None => "application/json",
        Some("metadata") => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        Some("metadata-list") => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        Some("table") => "application/json;as=Table;v=v1;g=meta.k8s.io",
        Some("discovery") => {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
        }
        Some(accept) => accept,
    };
    let has_body = step.body.is_some() || step.raw.is_some() || step.big.is_some();
    let content_type = match step.content_type.as_deref() {
        None if has_body => "application/json",
        None => "",
        Some("merge") => "application/merge-patch+json",
        Some("json") => "application/json-patch+json",
        Some("apply") => "application/apply-patch+yaml",
        Some("strategic") => "application/strategic-merge-patch+json",
        Some(content_type) => content_type,
    };
    let headers = [("accept", accept.to_owned()), ("content-type", content_type.to_owned())];
    headers.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn body(step: &Step, saved: &BTreeMap<String, String>) -> Vec<u8> {
    if let Some(raw) = &step.raw {
        return substitute(raw, saved).into();
    }
    if let Some(bytes) = step.big {
        return json!({"metadata": {"name": "big"}, "data": {"k": "x".repeat(bytes)}}).to_string().into();
    }
    step.body.as_ref().map(|body| substitute(&body.to_string(), saved).into()).unwrap_or_default()
}

/// Puts in what was saved; the longest names first, as one may begin with another.
fn substitute(text: &str, saved: &BTreeMap<String, String>) -> String {
    let names = saved.iter().rev();
    names.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

/// Scenarios are written without the escapes of URLs.
fn encode(path: &str) -> String {
    [(" ", "%20"), (";", "%3B"), ("<", "%3C"), (">", "%3E"), ("\\", "%5C")]
        .iter()
        .fold(path.to_owned(), |path, (letter, escape)| path.replace(letter, escape))
}

fn said(headers: &HeaderMap) -> Value {
    let said = HEADERS.iter().flat_map(|name| {
        headers.get_all(name).iter().map(move |value| (name.to_string(), value.to_str().unwrap().into()))
    });
    Value::Object(said.collect())
}

async fn read(response: Response<Body>) -> Value {
    let mut pieces = response.into_body().into_data_stream();
    let mut bytes = Vec::new();
    loop {
        match timeout(SILENCE, pieces.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(piece))) => bytes.extend(piece),
            Ok(Some(Err(_))) => return json!({"text": String::from_utf8_lossy(&bytes), "end": "cut"}),
            Err(_) => return json!({"text": String::from_utf8_lossy(&bytes), "end": "silent"}),
        }
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into())
}

/// The events of a watch, and whether it ended, was left while it went on, or fell silent.
async fn watch(response: Response<Body>, enough: usize) -> Value {
    let mut pieces = response.into_body().into_data_stream();
    let (mut events, mut bytes) = (Vec::<Value>::new(), Vec::new());
    let end = loop {
        if events.len() >= enough {
            break "left";
        }
        match timeout(SILENCE, pieces.next()).await {
            Err(_) => break "silent",
            Ok(None) => break "ended",
            Ok(Some(Err(_))) => break "cut",
            Ok(Some(Ok(piece))) => bytes.extend(piece),
        }
        while let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') {
            let rest = bytes.split_off(newline + 1);
            let event = std::mem::replace(&mut bytes, rest);
            events.push(
                serde_json::from_slice(&event).unwrap_or_else(|_| String::from_utf8_lossy(&event).into()),
            );
        }
    };
    events.truncate(enough);
    json!({"events": events, "end": end})
}

/// The parts of a body that count.
fn parts(body: &Value, pointers: &[String]) -> Value {
    let found = pointers.iter().map(|pointer| (pointer.clone(), part(body, pointer)));
    Value::Object(found.filter(|(_, value)| !value.is_null()).collect())
}

fn part(value: &Value, pointer: &str) -> Value {
    match pointer.split_once("/*") {
        None => value.pointer(pointer).cloned().unwrap_or_default(),
        Some((list, rest)) => {
            let items = value.pointer(list).and_then(Value::as_array);
            items.map(|items| items.iter().map(|item| part(item, rest)).collect()).unwrap_or_default()
        }
    }
}
