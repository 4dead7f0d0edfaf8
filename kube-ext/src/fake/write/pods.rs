//! `pods/binding`, with which a scheduler gives a pod a node, and `pods/eviction`, which is a polite deletion.
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Writer, delete,
    input::{self, Options},
    key, now,
    object::Object,
};
use crate::fake::{
    body::{self, Body},
    kinds::Kind,
    server::Call,
    status::Failure,
};

/// Answers a POST on `binding`.
pub(super) fn bind(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let options = Options::read(&call.info.query, "CreateOptions", false)?;
    let binding = input::tree(call, &body_kind(kind, "", "Binding"))?;
    let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default();
    let key = key(kind, &call.info.namespace, &call.info.name);
    Writer::answer(call, options.dry, |writer| {
        let Some(before) = writer.transaction.get(&key) else {
            return Err(Failure::not_found(&kind.group, &kind.plural, &key.name));
        };
        let mut pod = Object::of(&before);
        let refuse = |why: String| Err(Failure::conflict("", "pods/binding", &key.name, &why));
        if pod.is_deleting() {
            return refuse(format!("pod {} is being deleted, cannot be assigned to a host", key.name));
        }
        match pod.content_text("/spec/nodeName") {
            "" => {}
            other => return refuse(format!("pod {} is already assigned to node {other:?}", key.name)),
        }
        pod.set_in("spec", "nodeName", node);
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).cloned();
        let mut conditions = conditions.unwrap_or_default();
        conditions.retain(|condition| condition.get("type").is_none_or(|name| name != "PodScheduled"));
        conditions.push(json!({
            "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now(),
        }));
        pod.set_in("status", "conditions", conditions);
        writer.put(kind, key.clone(), pod);
        Ok(())
    })?;
    Ok(done())
}

/// Answers a POST on `eviction`. No disruption budget is asked.
pub(super) fn evict(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let query = Options::read(&call.info.query, "CreateOptions", false)?;
    let eviction = input::tree(call, &body_kind(kind, "policy", "Eviction"))?;
    let options =
        delete::Options::of_value(eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({})))?;
    let key = key(kind, &call.info.namespace, &call.info.name);
    let dry = query.dry || options.dry();
    Writer::answer(call, dry, |writer| writer.delete(kind, &key, &options.deletion()))?;
    Ok(done())
}

/// The kind of the body, for what is said of it.
fn body_kind(kind: &Kind, group: &str, name: &str) -> Kind {
    Kind { group: group.to_owned(), version: "v1".to_owned(), kind: name.to_owned(), ..kind.clone() }
}

fn done() -> Response<Body> {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    body::json(StatusCode::CREATED, &status)
}
