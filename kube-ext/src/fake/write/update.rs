//! Objects that take the place of what was there.
use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::Value;

use super::{
    Writer, apply, crd,
    create::same_namespace,
    input::{self, Options},
    key,
    object::Object,
    respond, strategy,
    validate::{self, invalid_value},
};
use crate::fake::{
    body::Body,
    kinds::Kind,
    server::Call,
    status::Failure,
    store::{Key, Stored},
    table::Form,
};

/// The server's words for a version that is no longer the last.
const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// Answers a PUT on an object, or on its `status`.
pub(super) fn answer(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let form = Form::of(&call.headers)?;
    let options = Options::read(&call.info.query, "UpdateOptions", false)?;
    let object = input::object(call, kind)?;
    same_name(&object, &call.info.name)?;
    same_namespace(kind, &object, &call.info.namespace)?;
    let part = Part::of(&call.info.subresource);
    let key = key(kind, &call.info.namespace, &call.info.name);
    let creates = part == Part::Object && strategy::created_by_update(kind);
    let (stored, code) = Writer::answer(call, options.dry, |writer| {
        let Some(before) = writer.transaction.get(&key) else {
            if !creates {
                return Err(Failure::not_found(&kind.group, &kind.plural, &key.name));
            }
            writer.namespace_takes(kind, &key.namespace, &object)?;
            let stored = writer.create(kind, &key.namespace, object)?;
            return Ok((stored, StatusCode::CREATED));
        };
        same_uid(kind, &object, &before)?;
        Ok((writer.update(kind, &before, part, object)?, StatusCode::OK))
    })?;
    Ok(respond(form, kind, code, &stored))
}

/// What of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Object,
    Status,
    /// The finalizers of a namespace's spec.
    Finalize,
}

impl Part {
    pub(super) fn of(subresource: &str) -> Self {
        match subresource {
            "status" => Self::Status,
            "finalize" => Self::Finalize,
            _ => Self::Object,
        }
    }
}

/// Whether an object has the name of the path.
pub(super) fn same_name(object: &Object, name: &str) -> Result<(), Failure> {
    match object.name() {
        "" => Err(Failure::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        own if own != name => Err(Failure::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({name})"
        ))),
        _ => Ok(()),
    }
}

fn same_uid(kind: &Kind, object: &Object, before: &Stored) -> Result<(), Failure> {
    let uid = object.text("uid");
    if uid.is_empty() || uid == before.uid {
        return Ok(());
    }
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
         UID in precondition: {uid}, UID in object meta: {}",
        etcd_key(kind, &before.key),
        before.uid
    );
    Err(Failure::conflict(&kind.group, &kind.plural, &before.key.name, &why))
}

/// Where the server keeps an object; only errors tell.
fn etcd_key(kind: &Kind, key: &Key) -> String {
    let resource = match (&kind.custom, &*kind.storage) {
        (Some(_), _) => format!("{}/{}", kind.group, kind.plural),
        (None, "services") => "services/specs".to_owned(),
        (None, "nodes") => "minions".to_owned(),
        (None, _) => kind.plural.clone(),
    };
    let parts = [resource.as_str(), &key.namespace, &key.name];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("/registry/{}", parts.join("/"))
}

impl Writer<'_, '_> {
    /// Puts an object in the place of another (`k8s.io/apiserver/pkg/registry/rest/update.go`).
    pub(super) fn update(
        &mut self,
        kind: &Kind,
        before: &Arc<Stored>,
        part: Part,
        mut new: Object,
    ) -> Result<Arc<Stored>, Failure> {
        let old = Object::of(before);
        manage(&mut new, &old);
        same_version(kind, &new, before)?;
        new.keep(&old, &["generation", "resourceVersion"]);
        match part {
            Part::Object => {
                if crd::is(kind) {
                    crd::defaults(&mut new);
                }
                strategy::prepare_update(kind, &mut new, &old);
                if crd::is(kind) {
                    crd::note_version(&mut new);
                }
            }
            Part::Status => strategy::prepare_status_update(kind, &mut new, &old),
            Part::Finalize => {
                let finalizers = new.pointer("/spec/finalizers").cloned();
                new = old.clone();
                new.content.insert("spec".to_owned(), serde_json::json!({}));
                if let Some(finalizers) = finalizers {
                    new.set_in("spec", "finalizers", finalizers);
                }
            }
        }
        if !new.metadata.contains_key("uid") {
            new.keep(&old, &["uid"]);
        }
        new.keep(&old, &["creationTimestamp"]);
        if old.is_deleting() {
            new.keep(&old, &["deletionTimestamp"]);
        }
        if !new.metadata.contains_key("deletionGracePeriodSeconds") {
            new.keep(&old, &["deletionGracePeriodSeconds"]);
        }
        new.keep(&old, &["name", "namespace"]);
        if part == Part::Object && &*kind.storage == "namespaces" {
            strategy::initial(kind, &mut new);
        }
        validate::update(kind, &new, &old)?;
        if crd::is(kind) && part == Part::Object {
            crd::validate(kind, &new)?;
        }
        if new == old {
            return Ok(before.clone());
        }
        if is_done(kind, &new, &old) {
            let last =
                Arc::new(Stored::new(kind, before.key.clone(), before.version, new.clone().into_value()));
            self.remove(kind, &before.key, new);
            return Ok(last);
        }
        let stored = self.put(kind, before.key.clone(), new);
        self.written(kind, &stored);
        Ok(stored)
    }
}

/// Keeps the managers of an object unless the write has some or resets them with an empty one, and has them own only what
/// the write leaves as it is.
fn manage(new: &mut Object, old: &Object) {
    if new.list("managedFields").is_empty() {
        new.keep(old, &["managedFields"]);
    }
    if new.list("managedFields") == [serde_json::json!({})] {
        new.metadata.remove("managedFields");
    }
    let managers = new.list("managedFields").to_vec();
    if managers == old.list("managedFields") {
        new.set_list("managedFields", apply::without_changed(managers, old, new));
    }
}

/// Whether the update of an object that is being deleted takes away the last that holds it (`ShouldDeleteDuringUpdate`).
fn is_done(kind: &Kind, new: &Object, old: &Object) -> bool {
    let held = !new.list("finalizers").is_empty()
        || (&*kind.storage == "namespaces"
            && new
                .pointer("/spec/finalizers")
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty()));
    !held && old.is_deleting() && old.number("deletionGracePeriodSeconds").unwrap_or(0) == 0
}

fn same_version(kind: &Kind, new: &Object, before: &Stored) -> Result<(), Failure> {
    let version = new.text("resourceVersion");
    let number = if version.is_empty() { Ok(0) } else { version.parse::<u64>() };
    let Ok(number) = number else {
        let message = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
        return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
    };
    if number == 0 {
        if !strategy::needs_version(kind) {
            return Ok(());
        }
        let cause = invalid_value("metadata.resourceVersion", "0", "must be specified for an update");
        return Err(Failure::invalid(&kind.group, &kind.plural, &before.key.name, vec![cause]));
    }
    if number != before.version {
        return Err(Failure::conflict(&kind.group, &kind.plural, &before.key.name, MODIFIED));
    }
    Ok(())
}
