//! Websockets: exec, attach and port-forward.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::Request;
use kube::Client;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
/// `v5.channel.k8s.io`: closes the channel whose number follows.
const CLOSE: u8 = 255;

/// Asks again: a server that has refused to upgrade closes the connection, which the client may just have taken for this request.
pub(crate) async fn again<T, F: Future<Output = kube::Result<T>>>(ask: impl Fn() -> F) -> kube::Result<T> {
    let mut answer = ask().await;
    for _ in 0..2 {
        if let Err(kube::Error::Service(_)) = answer {
            answer = ask().await;
        }
    }
    answer
}

/// Writes standard input and collects what comes on each channel until the connection ends.
pub(crate) async fn converse(client: &Client, path: &str, stdin: Option<&str>) -> Value {
    let request = Request::get(path).body(Vec::new()).expect("request");
    let connection = match again(|| client.connect(request.clone())).await {
        Ok(connection) => connection,
        Err(kube::Error::Api(status)) => return json!({"code": status.code, "body": *status}),
        Err(error) => return json!({"error": error.to_string()}),
    };
    let mut socket = connection.into_stream();
    if let Some(stdin) = stdin {
        let data: Vec<u8> = [&[0], stdin.as_bytes()].concat();
        socket.send(data.into()).await.expect("standard input");
        socket.send(vec![CLOSE, 0].into()).await.expect("the end of standard input");
    }
    let mut channels: [Vec<u8>; 4] = Default::default();
    let end = loop {
        match timeout(PATIENCE, socket.next()).await {
            Err(_) => break "silent",
            Ok(None) => break "ended",
            Ok(Some(Err(_))) => break "cut",
            Ok(Some(Ok(message))) if message.is_close() => break "closed",
            Ok(Some(Ok(message))) => {
                let data = message.into_data();
                if let Some((channel, data)) = data.split_first()
                    && let Some(collected) = channels.get_mut(usize::from(*channel))
                {
                    collected.extend(data);
                }
            }
        }
    };
    let mut body = Map::new();
    for (name, bytes) in ["stdin", "stdout", "stderr", "error"].into_iter().zip(channels) {
        if !bytes.is_empty() {
            let text = || Value::from(String::from_utf8_lossy(&bytes));
            body.insert(name.to_owned(), serde_json::from_slice(&bytes).unwrap_or_else(|_| text()));
        }
    }
    body.insert("end".to_owned(), end.into());
    json!({"code": 101, "body": body})
}
