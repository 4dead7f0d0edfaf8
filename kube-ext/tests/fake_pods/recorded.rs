//! Answers of a Kubernetes 1.36.2 with containerd 2.1: pods in several states, requests to them, and what came back.
use std::fmt::Write as _;

use futures::SinkExt as _;
use kube_ext::fake::{Exit, FakeCluster, Process};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::setup::{request, rest, websocket};

#[derive(Deserialize)]
struct Recorded {
    /// As they were in the namespace `streams`.
    pods: Vec<Value>,
    /// What `lines` logged: times and lines.
    log: Vec<(String, String)>,
    answers: Vec<Answer>,
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Answer {
    path: String,
    #[serde(default)]
    method: Option<String>,
    /// Whether a websocket was asked for.
    #[serde(default)]
    upgrade: bool,
    /// The subprotocols that were offered.
    #[serde(default)]
    offers: Option<String>,
    code: u16,
    r#type: String,
    #[serde(default)]
    json: Option<Value>,
    /// A byte for each character; long rows of `x` are counted.
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
struct Session {
    path: String,
    offers: String,
    chosen: String,
    /// A byte for each character.
    send: Vec<String>,
    /// Opcodes and payloads.
    frames: Vec<(u8, String)>,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("../data/pods/recorded.json")).unwrap()
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn from_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter).unwrap()).collect()
}

/// Counts rows of at least 50 `x`, as the recorder did.
fn squeeze(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|a, b| (*a == b'x') == (*b == b'x')) {
        if run[0] == b'x' && run.len() >= 50 {
            write!(text, "x{{{}}}", run.len()).unwrap();
        } else {
            text += &latin1(run);
        }
    }
    text
}

/// The recorded pods, played.
async fn cluster(recorded: &Recorded) -> FakeCluster {
    let mut pods = recorded.pods.clone();
    for pod in &mut pods {
        pod["metadata"]["namespace"] = "default".into();
    }
    let cluster = FakeCluster::builder().objects(pods).start().await.unwrap();

    let lines = cluster.container("default", "lines", "app");
    let (last, log) = recorded.log.split_last().unwrap();
    for (time, line) in log {
        let time = time.parse().unwrap();
        if line == "x{40000}" {
            // It came in three pieces, the last of them a little later.
            lines.log_part_at(time, vec![b'x'; 32768]);
            lines.log_at("2026-11-23T10:04:12.429063790Z".parse().unwrap(), vec![b'x'; 7232]);
        } else {
            lines.log_at(time, from_latin1(line));
        }
    }
    lines.log_part_at(last.0.parse().unwrap(), &last.1);

    cluster.container("default", "done", "app").log("done");
    cluster.container("default", "done", "app").log_part_at("2026-11-23T10:00:00Z".parse().unwrap(), "end");
    cluster.container("default", "crashes", "app").log("crash 1795427977");
    cluster.container("default", "two", "setup").log("setup");
    cluster.container("default", "two", "b").log("b");
    for (pod, container) in [("one", "app"), ("two", "b")] {
        cluster.container("default", pod, container).on_exec(command);
    }
    cluster
}

/// The commands of the recorded sessions.
async fn command(mut process: Process) -> Exit {
    let argv = process.argv().to_vec();
    let argv: Vec<_> = argv.iter().map(String::as_str).collect();
    match argv.as_slice() {
        ["echo", words @ ..] => {
            process.stdout.write_all(format!("{}\n", words.join(" ")).as_bytes()).await.unwrap();
            Exit::SUCCESS
        }
        ["cat"] => {
            let copied = tokio::io::copy(&mut process.stdin, &mut process.stdout).await;
            copied.map_or(Exit::code(1), |_| Exit::SUCCESS)
        }
        ["sh", "-c", script] => Exit::code(script.strip_prefix("exit ").unwrap().parse().unwrap()),
        [command, ..] => Exit::not_found(command),
        [] => Exit::not_found(""),
    }
}

/// Whether an answer depends on when it is asked for.
fn depends_on_now(path: &str) -> bool {
    path.starts_with("lines/") && path.contains("sinceSeconds")
}

#[tokio::test]
async fn answers_without_upgrade() {
    let recorded = recorded();
    assert!(recorded.answers.len() > 150, "only {} answers", recorded.answers.len());
    let cluster = cluster(&recorded).await;
    let client = cluster.client().unwrap();
    let mut wrong = Vec::new();
    for answer in recorded.answers.iter().filter(|answer| !depends_on_now(&answer.path)) {
        let mut headers = Vec::new();
        if answer.upgrade {
            headers.extend([("connection", "Upgrade"), ("upgrade", "websocket")]);
            headers
                .extend([("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
        }
        if let Some(offers) = &answer.offers {
            headers.push(("sec-websocket-protocol", offers));
        }
        let path = format!("/api/v1/namespaces/default/pods/{}", answer.path);
        let method = answer.method.as_deref().unwrap_or("GET");
        let (code, kind, body) = request(&client, method, &path, &headers).await;
        let told = |body: &str| format!("{method} {} {:?}: {code} {kind} {body}", answer.path, answer.offers);
        if code != answer.code || (kind != answer.r#type && !answer.r#type.is_empty()) {
            wrong.push(told(&squeeze(&body)));
            continue;
        }
        match &answer.json {
            Some(json) => {
                let text = json.to_string().replace("_streams", "_default");
                let json: Value = serde_json::from_str(&text).unwrap();
                if serde_json::from_slice::<Value>(&body).ok() != Some(json) {
                    wrong.push(told(&squeeze(&body)));
                }
            }
            None if squeeze(&body) != answer.body.replace("_streams", "_default") => {
                wrong.push(told(&squeeze(&body)));
            }
            None => (),
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Output may come in several messages: those of one channel that follow each other are one.
fn joined(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    for message in messages {
        match joined.last_mut() {
            Some(last)
                if last.len() > 1
                    && message.len() > 1
                    && last[0] == message[0]
                    && matches!(message[0], 1 | 2) =>
            {
                last.extend_from_slice(&message[1..]);
            }
            _ => joined.push(message),
        }
    }
    joined
}

/// What names a pod's sandbox differs from cluster to cluster, and the ports come in any order.
fn comparable(session: &Session, messages: Vec<Vec<u8>>, uid: &str) -> Vec<String> {
    let sandbox = uid.replace('-', "").repeat(2);
    let mut messages: Vec<_> = joined(messages)
        .iter()
        .map(|message| {
            let text = latin1(message).replace(&sandbox, "SANDBOX").replace(uid, "UID");
            // Keys of an object have no order.
            let status = text.strip_prefix('\u{3}').and_then(|text| serde_json::from_str::<Value>(text).ok());
            status.map_or(text, |status| format!("\u{3}{status}"))
        })
        .collect();
    if session.path.contains("portforward") {
        messages.sort();
    }
    messages
}

#[tokio::test]
async fn sessions() {
    let recorded = recorded();
    assert!(recorded.sessions.len() > 40, "only {} sessions", recorded.sessions.len());
    let cluster = cluster(&recorded).await;
    let pod = super::setup::pods(&cluster).get("one").await.unwrap();
    let uid = pod.metadata.uid.unwrap();
    let mut wrong = Vec::new();
    for session in &recorded.sessions {
        let (mut socket, chosen) = match websocket(&cluster, &session.path, &session.offers).await {
            Ok(opened) => opened,
            Err(Error::Http(response)) => panic!("{} {:?}", session.path, response.status()),
            Err(error) => panic!("{} {error}", session.path),
        };
        for message in &session.send {
            socket.send(Message::binary(from_latin1(message))).await.unwrap();
        }
        let (messages, close) = rest(&mut socket).await;
        let recorded: Vec<_> = session.frames.iter().filter(|(opcode, _)| *opcode == 2).collect();
        let recorded = recorded.iter().map(|(_, message)| from_latin1(message)).collect();
        let recorded = comparable(session, recorded, "UID");
        let messages = comparable(session, messages, &uid);
        if chosen != session.chosen || messages != recorded || close != Some(1000) {
            wrong.push(format!(
                "{} {:?}:\n  {chosen} {close:?} {messages:?}\n  {recorded:?}",
                session.path, session.send
            ));
        }
    }
    assert!(wrong.is_empty(), "{} sessions differ:\n{}", wrong.len(), wrong.join("\n"));
}
