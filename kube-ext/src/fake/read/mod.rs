//! get, list and watch.
mod list;
mod options;
mod page;
mod watch;

use http::{Response, StatusCode};

use super::{
    body::{self, Body},
    discovery,
    kinds::Kind,
    server::Call,
    status::Failure,
    store::Key,
    table::Form,
};

pub(crate) use self::{list::list, watch::watch};

/// Answers with an object, or with a subresource that is the object.
pub(crate) fn get(call: &Call) -> Result<Response<Body>, Failure> {
    let (kind, info) = (call.kind()?, &call.info);
    if !in_scope(call, kind) {
        return Ok(discovery::no_such_resource(call));
    }
    let missing = || Failure::not_found(&info.group, &info.resource, &info.name);
    match (info.subresource.as_str(), kind.subresource(&info.subresource)) {
        ("", _) if !has(&kind.verbs, "get") => return Err(Failure::no_such_path()),
        // Of custom resources the server looks for all other paths below the name.
        (name, None) if !name.is_empty() && kind.custom.is_some() => return Err(missing()),
        (name, None) if !name.is_empty() => return Err(Failure::no_such_path()),
        (_, Some(subresource)) if !has(&subresource.verbs, "get") => return Err(method_not_allowed()),
        (_, Some(subresource)) if subresource.kind != kind.kind => return Err(Failure::no_such_path()),
        _ => {}
    }
    let form = Form::of(&call.headers)?.including(&info.query)?;
    if let Some(version) = info.query.non_empty("resourceVersion") {
        // The server passes the error on as it is.
        let version = options::version(version)
            .map_err(|message| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message))?;
        options::check_not_ahead(version, call.shared.store.version())?;
    }
    let key = Key {
        resource: kind.storage.clone(),
        namespace: if kind.namespaced { info.namespace.clone() } else { String::new() },
        name: info.name.clone(),
    };
    let object = call.shared.store.get(&key).ok_or_else(missing)?;
    Ok(body::raw_json(StatusCode::OK, form.object(kind, &object)))
}

fn has(verbs: &[String], verb: &str) -> bool {
    verbs.iter().any(|other| other == verb)
}

/// Whether the path is one of the kind's: objects of a namespace are only found in one.
fn in_scope(call: &Call, kind: &Kind) -> bool {
    match kind.namespaced {
        true => call.info.in_namespace || call.info.name.is_empty(),
        false => !call.info.in_namespace,
    }
}

fn method_not_allowed() -> Failure {
    Failure::method_not_allowed("the server does not allow this method on the requested resource")
}
