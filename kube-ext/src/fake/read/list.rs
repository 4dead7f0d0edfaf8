//! list: whole, in pages, and as it was at a version.
use std::sync::Arc;

use futures::StreamExt as _;
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::{
    options::{self, Options},
    page::Cursor,
    routing,
};
use crate::fake::{
    body::{self, Body},
    kinds::Kind,
    server::Call,
    status::Failure,
    store::Stored,
    table::{Form, Printer},
};

/// Answers with the objects of a collection.
pub(crate) fn list(call: &Call) -> Result<Response<Body>, Failure> {
    let (kind, info) = (call.kind()?, &call.info);
    if let Some(answer) = routing(call, kind, true) {
        return Ok(answer);
    }
    if !super::has(&kind.verbs, "list") {
        return Err(Failure::method_not_allowed());
    }
    let form = Form::of_list(&call.headers, kind)?.including(&info.query)?;
    let options = Options::of_list(kind, &info.query)?;
    let namespace = info.in_namespace.then_some(info.namespace.as_str());
    let (metadata, objects) = page(call, kind, namespace, &options)?;
    let pieces = Printer::new(form, kind).list(metadata, objects).map(Ok);
    Ok(body::response(StatusCode::OK, "application/json", body::stream(pieces)))
}

/// The metadata of a list, and its objects.
type Page = (Map<String, Value>, Vec<Arc<Stored>>);

/// The page that is asked for.
fn page(call: &Call, kind: &Kind, namespace: Option<&str>, options: &Options) -> Result<Page, Failure> {
    let store = &call.shared.store;
    let cursor = cursor(options, store.version())?;
    let at = cursor.as_ref().and_then(|cursor| cursor.version);
    let (version, mut objects) = store.list(&kind.storage, namespace, at).map_err(|_| match &cursor {
        Some(Cursor { after, .. }) if !after.is_empty() => gone(after.clone()),
        _ => Failure::expired("The resourceVersion for the provided list is too old."),
    })?;
    let all_namespaces = namespace.is_none();
    let place = if kind.namespaced { namespace } else { Some("") };
    if cursor.is_none() && options.selector.is_single(place) {
        // The server looks this one up, and does not see how many others there are.
        objects.retain(|object| options.selector.matches(object));
    }
    if let Some(cursor) = cursor.filter(|cursor| !cursor.after.is_empty()) {
        // Keys are in the order of their namespaces with the slash after.
        let before = |object: &Arc<Stored>| Cursor::position(&object.key, all_namespaces) <= cursor.after;
        objects = objects.split_off(objects.partition_point(before));
    }
    // The server lists version 0 from its cache, which knows no pages.
    let limit = options.limit.filter(|_| options.version != "0").unwrap_or(usize::MAX);
    let mut rest = objects.into_iter();
    let found: Vec<_> = rest.by_ref().filter(|object| options.selector.matches(object)).take(limit).collect();
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), version.to_string().into());
    if let Some(last) = found.last().filter(|_| rest.len() > 0) {
        let after = Cursor::position(&last.key, all_namespaces);
        metadata.insert("continue".to_owned(), Cursor { version: Some(version), after }.token().into());
        if options.selector.is_empty() {
            metadata.insert("remainingItemCount".to_owned(), rest.len().into());
        }
    }
    Ok((metadata, found))
}

/// Where a list starts, and as of which version.
fn cursor(options: &Options, current: u64) -> Result<Option<Cursor>, Failure> {
    let exact =
        options.version_match == "Exact" || (options.version_match.is_empty() && options.limit.is_some());
    let cursor = match (options.continue_token.as_str(), options.version.as_str()) {
        ("", "" | "0") => return Ok(None),
        ("", version) => {
            let version = options::version(version)
                .map_err(|message| Failure::bad_request(format!("invalid resource version: {message}")))?;
            options::check_not_ahead(version, current)?;
            Cursor { version: exact.then_some(version), after: String::new() }
        }
        (token, "" | "0") => Cursor::parse(token).map_err(Failure::bad_request)?,
        _ => {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
    };
    options::check_not_ahead(cursor.version.unwrap_or_default(), current)?;
    Ok(Some(cursor))
}

/// A list cannot go on as it was; the token is for going on with what is there now.
fn gone(after: String) -> Failure {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a \
                   new list without the continue parameter, or use the continue token in this response to retrieve \
                   the remainder of the results. Continuing with the provided token results in an inconsistent list \
                   - objects that were created, modified, or deleted between the time the first chunk was returned \
                   and now may show up in the list.";
    Failure::expired(message).continue_with(Cursor { version: None, after }.token())
}
