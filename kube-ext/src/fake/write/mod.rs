//! create, update, patch, delete and deletecollection, of objects and their `status`.
//!
//! What the API server's controllers do a moment after a write (garbage collection, namespaces, CRDs) is done here in the
//! same transaction, see [`collect`].
//!
//! Not as on the real server:
//! - Specs are taken as they are: no defaults, no rules but those of [`own`] and [`crd`], no schema of custom resources.
//!   Fields that the kind does not have stay, without a warning, and `fieldValidation` does nothing.
//! - Only apply records a manager; there are no conflicts between managers, as if all of them forced.
//! - Which lists of built-in kinds are merged item by item is known for well-known fields, see [`lists`].
//! - A namespace or CRD that is to go says so in its phase or its conditions, but not how far it is.
//! - No admission: no quotas, no default service account, no webhooks; evictions ask no disruption budget.
//! - No protobuf.
mod apply;
mod collect;
mod crd;
mod create;
mod delete;
mod input;
mod kubelet;
mod lists;
mod object;
mod own;
mod patch;
mod pods;
mod scale;
mod strategic;
mod strategy;
mod update;
mod validate;

use std::{collections::VecDeque, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use self::{collect::Chore, object::Object};
use super::{
    body::{self, Body},
    kinds::{Kind, Kinds},
    server::{Call, Shared},
    status::Failure,
    store::{Key, Stored, Transaction},
    table::Form,
};

/// Answers a write, and the get of a `scale`.
pub(crate) fn answer(call: &Call) -> Result<Response<Body>, Failure> {
    let kind = call.kind()?;
    let verbs = match call.info.subresource.as_str() {
        "" => &kind.verbs,
        name => match kind.subresource(name) {
            Some(subresource) => &subresource.verbs,
            // Of custom resources the server looks for all other paths below the name.
            None if kind.custom.is_some() => {
                return Err(Failure::not_found(&kind.group, &kind.plural, &call.info.name));
            }
            None => return Err(Failure::no_such_path()),
        },
    };
    let named = !call.info.name.is_empty();
    let path_fits = match call.info.verb.as_str() {
        "create" => named != call.info.subresource.is_empty(),
        "get" | "update" | "patch" | "delete" => named,
        _ => true,
    };
    // A collection of all namespaces can be read, not written.
    let namespace_fits = !kind.namespaced || call.info.in_namespace;
    if !path_fits || !namespace_fits || !verbs.contains(&call.info.verb) {
        return Err(Failure::method_not_allowed());
    }
    match (call.info.verb.as_str(), call.info.subresource.as_str()) {
        ("create", "") => create::answer(call, kind),
        ("update", "" | "status" | "finalize") => update::answer(call, kind),
        ("patch", "" | "status") => patch::answer(call, kind),
        ("get" | "update" | "patch", "scale") => scale::answer(call, kind),
        ("create", "binding") if kind.plural == "pods" => pods::bind(call, kind),
        ("create", "eviction") if kind.plural == "pods" => pods::evict(call, kind),
        ("delete", "") => delete::answer(call, kind),
        ("deletecollection", "") => delete::answer_collection(call, kind),
        _ => Err(Failure::no_such_path()),
    }
}

/// The object of a kind that is in the body of a request.
pub(crate) fn sent(call: &Call, kind: &Kind) -> Result<Value, Failure> {
    input::object(call, kind).map(Object::into_value)
}

/// Puts an object into the cluster as it is, status included; what is missing (uid, creation time, its namespace) is
/// filled in. An object that is there already is replaced.
pub(crate) fn seed(shared: &Shared, object: Value) -> Result<Value, Failure> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, name) = (text("apiVersion"), text("kind"));
    let kind = shared.kinds().of_object(&version, &name).ok_or_else(|| {
        Failure::bad_request(format!("no matches for kind {name:?} in version {version:?}"))
    })?;
    let object = input::typed(&kind, object).map_err(Failure::bad_request)?;
    let (stored, _) = Writer::run(shared, false, |writer| writer.seed(&kind, object));
    Ok(kind.typed(stored?.value()))
}

/// Writes of one request, and what follows from them.
struct Writer<'a, 's> {
    shared: &'a Shared,
    transaction: &'a mut Transaction<'s>,
    kinds: Kinds,
    /// Whether nothing is to be kept.
    dry: bool,
    /// What is left to do for the controllers.
    chores: VecDeque<Chore>,
    /// Pods whose containers are to be stopped.
    stopping: Vec<kubelet::Stopping>,
}

impl Writer<'_, '_> {
    /// Runs writes that nobody comes between, and the controllers after them. The pods are to be given to
    /// [`kubelet::stop`].
    fn run<T>(
        shared: &Shared,
        dry: bool,
        write: impl FnOnce(&mut Writer<'_, '_>) -> T,
    ) -> (T, Vec<kubelet::Stopping>) {
        shared.store.transaction(|transaction| {
            let mut writer = Writer {
                shared,
                transaction,
                kinds: shared.kinds(),
                dry,
                chores: VecDeque::new(),
                stopping: Vec::new(),
            };
            let result = write(&mut writer);
            writer.settle();
            (result, writer.stopping)
        })
    }

    /// Like [`Self::run`], for a request.
    fn answer<T>(call: &Call, dry: bool, write: impl FnOnce(&mut Writer<'_, '_>) -> T) -> T {
        let (result, stopping) = Writer::run(&call.shared, dry, write);
        kubelet::stop(&call.shared, stopping);
        result
    }

    fn put(&mut self, kind: &Kind, key: Key, object: Object) -> Arc<Stored> {
        if self.dry {
            return unwritten(kind, key, object);
        }
        self.transaction.put(kind, key, object.into_value())
    }

    /// Takes an object away. `object` is what it was last.
    fn remove(&mut self, kind: &Kind, key: &Key, object: Object) -> Arc<Stored> {
        if self.dry {
            return unwritten(kind, key.clone(), object);
        }
        let stored = self.transaction.remove(kind, key, object.into_value());
        self.chores.push_back(Chore::Removed(stored.clone()));
        stored
    }
}

/// What a write of nothing answers with: the object in the version that it had.
fn unwritten(kind: &Kind, key: Key, object: Object) -> Arc<Stored> {
    let version = object.text("resourceVersion").parse().unwrap_or(0);
    Arc::new(Stored::new(kind, key, version, object.into_value()))
}

/// The key of the object that a path names.
fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced { namespace.to_owned() } else { String::new() };
    Key { resource: kind.storage.clone(), namespace, name: name.to_owned() }
}

fn now() -> String {
    timestamp(Utc::now())
}

/// A time as Kubernetes writes it.
fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn respond(form: Form, kind: &Kind, code: StatusCode, object: &Stored) -> Response<Body> {
    body::raw_json(code, form.object(kind, object))
}

/// The answer to a deletion that leaves nothing.
fn success(kind: &Kind, object: &Stored) -> Response<Body> {
    let mut details = json!({"name": object.key.name, "kind": kind.plural, "uid": object.uid});
    if !kind.group.is_empty()
        && let Some(details) = details.as_object_mut()
    {
        details.insert("group".to_owned(), kind.group.clone().into());
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    });
    body::json(StatusCode::OK, &status)
}
