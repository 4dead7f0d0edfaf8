//! get, list and watch.
mod list;
mod options;
mod page;
mod watch;

use http::{Method, Response, StatusCode};

use super::{
    body::{self, Body},
    discovery,
    kinds::Kind,
    server::Call,
    status::Failure,
    store::Key,
    table::{Form, check_representation},
};

pub(crate) use self::{list::list, watch::watch};

/// Answers with an object, or with a subresource that is the object.
pub(crate) fn get(call: &Call) -> Result<Response<Body>, Failure> {
    let (kind, info) = (call.kind()?, &call.info);
    if let Some(answer) = routing(call, kind, false) {
        return Ok(answer);
    }
    let missing = || Failure::not_found(&info.group, &info.resource, &info.name);
    match (info.subresource.as_str(), kind.subresource(&info.subresource)) {
        ("", _) if !has(&kind.verbs, "get") => return Err(Failure::no_such_path()),
        // Of custom resources the server looks for all other paths below the name.
        (name, None) if !name.is_empty() && kind.custom.is_some() => return Err(missing()),
        (name, None) if !name.is_empty() => return Err(Failure::no_such_path()),
        (_, Some(subresource)) if !has(&subresource.verbs, "get") => {
            return Err(Failure::method_not_allowed());
        }
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

/// The answer to a request that does not find its way to the kind.
fn routing(call: &Call, kind: &Kind, collection: bool) -> Option<Response<Body>> {
    // Objects of a namespace are only found in one.
    let fits = if kind.namespaced { call.info.in_namespace || collection } else { !call.info.in_namespace };
    let refused = match kind.custom {
        _ if !fits => return Some(discovery::no_such_resource(call)),
        Some(_) => Ok(()),
        None if call.method != Method::GET => Err(Failure::method_not_allowed()),
        None => check_representation(&call.headers, collection),
    };
    refused.err().map(Failure::into_response)
}
