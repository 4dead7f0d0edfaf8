//! Objects that go, at once or when nothing holds them any more.
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Writer,
    collect::Chore,
    crd, input, key, now,
    object::Object,
    respond, strategy, success, timestamp,
    validate::{invalid, not_supported},
};
use crate::fake::{
    body::{self, Body},
    kinds::Kind,
    request::Query,
    selector::Selector,
    server::Call,
    status::Failure,
    store::{Key, Stored},
    table::{Form, Printer},
};

/// The finalizer of an object whose dependents are to stay.
pub(super) const ORPHAN: &str = "orphan";
/// The finalizer of an object whose dependents are to go before it.
pub(super) const FOREGROUND: &str = "foregroundDeletion";

/// What a pod has to stop if neither it nor the request tells, in seconds.
const POD_GRACE: i64 = 30;

/// Namespaces that stay.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// How an object is to be deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct Deletion {
    /// In seconds.
    pub(super) grace: Option<i64>,
    pub(super) policy: Option<Policy>,
    pub(super) uid: Option<String>,
    pub(super) version: Option<String>,
}

/// What becomes of the dependents of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Orphan,
    Background,
    Foreground,
}

/// What became of an object.
pub(super) struct Deleted {
    pub(super) object: Arc<Stored>,
    /// Whether it is gone, and not just marked.
    pub(super) gone: bool,
}

/// Answers a DELETE of an object.
pub(super) fn answer(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let form = Form::of(&call.headers)?;
    let options = Options::read(call)?;
    let name = &call.info.name;
    if &*kind.storage == "namespaces" && IMMORTAL.contains(&name.as_str()) {
        let why = "this namespace may not be deleted";
        return Err(Failure::forbidden(&kind.group, &kind.plural, name, why));
    }
    let key = key(kind, &call.info.namespace, name);
    let deleted =
        Writer::answer(call, options.dry(), |writer| writer.delete(kind, &key, &options.deletion()))?;
    if deleted.gone && !strategy::answers_deleted(kind) {
        return Ok(success(kind, &deleted.object));
    }
    // The old way to ask for the dependents to go.
    let later = !deleted.gone && options.orphan_dependents == Some(false);
    let code = if later { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(respond(form, kind, code, &deleted.object))
}

/// Answers a DELETE of a collection: the objects as they were.
pub(super) fn answer_collection(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let form = Form::of_list(&call.headers, kind)?.including(&call.info.query)?;
    let options = Options::read(call)?;
    let query = |name| call.info.query.get(name).unwrap_or_default();
    let selector = Selector::parse(kind, query("labelSelector"), query("fieldSelector"))?;
    let namespace = kind.namespaced.then_some(call.info.namespace.as_str());
    let version = call.shared.store.version();
    let objects = Writer::answer(call, options.dry(), |writer| {
        let mut objects = writer.transaction.list(&kind.storage, namespace);
        objects.retain(|object| selector.matches(object));
        for object in &objects {
            writer.delete(kind, &object.key, &options.deletion())?;
        }
        Ok::<_, Failure>(objects)
    })?;
    let metadata = Map::from_iter([("resourceVersion".to_owned(), version.to_string().into())]);
    let pieces = Printer::new(form, kind).list(metadata, objects).map(Ok);
    Ok(body::response(StatusCode::OK, "application/json", body::stream(pieces)))
}

/// `DeleteOptions`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Options {
    api_version: Option<String>,
    kind: Option<String>,
    grace_period_seconds: Option<i64>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    dry_run: Vec<String>,
    preconditions: Preconditions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Options {
    /// From the body, or from the query if there is none.
    fn read(call: &Call) -> Result<Self, Failure> {
        if call.body.is_empty() {
            return Self::of_query(&call.info.query)?.checked();
        }
        let value = match input::media_type(&call.headers).as_str() {
            "application/yaml" => input::yaml(&call.body),
            _ => input::json(&call.body)
                .map_err(|why| format!("couldn't get version/kind; json parse error: {why}")),
        };
        Self::of_value(value.map_err(Failure::bad_request)?)
    }

    pub(super) fn of_value(mut value: Value) -> Result<Self, Failure> {
        if let Some(options) = value.as_object_mut() {
            options.retain(|_, value| !value.is_null());
        }
        if let Some(other) = value.get("gracePeriodSeconds").filter(|grace| !grace.is_i64()) {
            return Err(Failure::bad_request(format!(
                "json: cannot unmarshal {} into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
                input::go_type(other)
            )));
        }
        Self::deserialize(value).map_err(|error| Failure::bad_request(error.to_string()))?.checked()
    }

    fn of_query(query: &Query) -> Result<Self, Failure> {
        let grace = query.non_empty("gracePeriodSeconds").map(|grace| {
            let why = format!("strconv.ParseInt: parsing {grace:?}: invalid syntax");
            grace.parse().map_err(|_| Failure::bad_request(why))
        });
        Ok(Self {
            grace_period_seconds: grace.transpose()?,
            propagation_policy: query.non_empty("propagationPolicy").map(str::to_owned),
            orphan_dependents: query.get("orphanDependents").map(|_| query.flag("orphanDependents")),
            dry_run: query.all("dryRun").filter(|value| !value.is_empty()).map(str::to_owned).collect(),
            ..Self::default()
        })
    }

    fn checked(self) -> Result<Self, Failure> {
        const POLICIES: [&str; 4] = ["Foreground", "Background", "Orphan", "nil"];
        if let Some(kind) = self.kind.as_deref().filter(|kind| !["", "DeleteOptions"].contains(kind)) {
            let version = self.api_version.as_deref().unwrap_or("meta.k8s.io/v1");
            return Err(Failure::bad_request(format!(
                "no kind {kind:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\""
            )));
        }
        let mut causes = Vec::new();
        if let Some(policy) = &self.propagation_policy {
            if self.orphan_dependents.is_some() {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                causes.push(invalid("propagationPolicy", policy, why));
            }
            if !POLICIES.iter().take(3).any(|known| known == policy) {
                causes.push(not_supported("propagationPolicy", &format!("{policy:?}"), &POLICIES));
            }
        }
        causes.extend(input::dry_run(&self.dry_run.iter().map(String::as_str).collect::<Vec<_>>()));
        if causes.is_empty() {
            return Ok(self);
        }
        Err(Failure::invalid("meta.k8s.io", "DeleteOptions", "", causes))
    }

    pub(super) fn dry(&self) -> bool {
        !self.dry_run.is_empty()
    }

    pub(super) fn deletion(&self) -> Deletion {
        let policy = match (self.orphan_dependents, self.propagation_policy.as_deref()) {
            (Some(true), _) | (None, Some("Orphan")) => Some(Policy::Orphan),
            (Some(false), _) | (None, Some("Background")) => Some(Policy::Background),
            (None, Some("Foreground")) => Some(Policy::Foreground),
            _ => None,
        };
        Deletion {
            grace: self.grace_period_seconds,
            policy,
            uid: self.preconditions.uid.clone(),
            version: self.preconditions.resource_version.clone(),
        }
    }
}

impl Deletion {
    fn check(&self, kind: &Kind, object: &Stored) -> Result<(), Failure> {
        let conflict = |why: &str| Err(Failure::conflict(&kind.group, &kind.kind, &object.key.name, why));
        if let Some(uid) = self.uid.as_ref().filter(|uid| **uid != object.uid) {
            return conflict(&format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have \
                 been deleted and then recreated",
                object.uid
            ));
        }
        let version = object.version.to_string();
        if let Some(wanted) = self.version.as_ref().filter(|wanted| **wanted != version) {
            return conflict(&format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
                 ({version}). The object might have been modified"
            ));
        }
        Ok(())
    }

    /// The finalizers of an object with those that the policy wants (`deletionFinalizersForGarbageCollection`).
    fn finalizers(&self, object: &Object) -> Vec<String> {
        let mut finalizers = object.finalizers();
        let policy = self.policy.or_else(|| {
            finalizers.iter().find_map(|finalizer| match finalizer.as_str() {
                ORPHAN => Some(Policy::Orphan),
                FOREGROUND => Some(Policy::Foreground),
                _ => None,
            })
        });
        let before = finalizers.clone();
        finalizers.retain(|finalizer| finalizer != ORPHAN && finalizer != FOREGROUND);
        match policy {
            Some(Policy::Orphan) => finalizers.push(ORPHAN.to_owned()),
            Some(Policy::Foreground) => finalizers.push(FOREGROUND.to_owned()),
            Some(Policy::Background) | None => {}
        }
        // The order changes only with the set.
        let same = finalizers.len() == before.len() && finalizers.iter().all(|name| before.contains(name));
        if same { before } else { finalizers }
    }
}

/// How a pod goes (`k8s.io/apiserver/pkg/registry/rest/delete.go`).
enum Graceful {
    /// It goes already, and not later than asked for.
    Pending,
    /// It has gone as far as this; it may still have to be taken away.
    Marked { grace: i64 },
    /// It is to be taken away now.
    Now,
}

impl Writer<'_, '_> {
    pub(super) fn delete(&mut self, kind: &Kind, key: &Key, deletion: &Deletion) -> Result<Deleted, Failure> {
        let Some(before) = self.transaction.get(key) else {
            return Err(Failure::not_found(&kind.group, &kind.plural, &key.name));
        };
        deletion.check(kind, &before)?;
        let old = Object::of(&before);
        let mut new = old.clone();
        if !old.is_deleting() && (&*kind.storage == "namespaces" || crd::is(kind)) {
            new.set("deletionTimestamp", now());
            let mut finalizers = deletion.finalizers(&old);
            if crd::is(kind) {
                finalizers.push(crd::CLEANUP.to_owned());
                crd::terminate(&mut new);
            } else {
                new.set_in("status", "phase", "Terminating");
            }
            new.set_finalizers(finalizers);
            let object = self.mark(kind, key, new, Some(Chore::Content));
            return Ok(Deleted { object, gone: false });
        }
        let has_content =
            |field| old.pointer(field).and_then(Value::as_array).is_some_and(|all| !all.is_empty());
        if &*kind.storage == "namespaces" && has_content("/spec/finalizers") {
            return Ok(Deleted { object: before, gone: false });
        }
        let graceful =
            if &*kind.storage == "pods" { end_pod(&mut new, deletion.grace) } else { Graceful::Now };
        if matches!(graceful, Graceful::Pending) {
            return Ok(Deleted { object: before, gone: false });
        }
        let finalizers = if kind.plural == "events" { old.finalizers() } else { deletion.finalizers(&old) };
        let held = !finalizers.is_empty();
        new.set_finalizers(finalizers);
        if let Graceful::Marked { grace } = graceful {
            let marked = self.mark(kind, key, new.clone(), None);
            if held || grace > 0 {
                self.stop_pod(&marked);
                return Ok(Deleted { object: marked, gone: false });
            }
        } else if held {
            mark_now(&mut new);
            if new == old {
                return Ok(Deleted { object: before, gone: false });
            }
            let object = self.mark(kind, key, new, None);
            return Ok(Deleted { object, gone: false });
        }
        Ok(Deleted { object: self.remove(kind, key, new), gone: true })
    }

    /// Puts an object that is to go, and has the controllers see it.
    fn mark(
        &mut self,
        kind: &Kind,
        key: &Key,
        object: Object,
        chore: Option<fn(Arc<Stored>) -> Chore>,
    ) -> Arc<Stored> {
        let held = object.finalizers().iter().any(|name| name == ORPHAN || name == FOREGROUND);
        let stored = self.put(kind, key.clone(), object);
        if !self.dry {
            self.chores.extend(chore.map(|chore| chore(stored.clone())));
            self.chores.extend(held.then(|| Chore::Marked(stored.clone())));
        }
        stored
    }
}

/// Marks an object that goes without grace, unless it is marked.
fn mark_now(object: &mut Object) {
    if !object.is_deleting() {
        one_generation_more(object);
        object.set("deletionTimestamp", now());
    }
    object.set("deletionGracePeriodSeconds", 0);
}

fn one_generation_more(object: &mut Object) {
    if let Some(generation) = object.number("generation").filter(|generation| *generation > 0) {
        object.set("generation", generation + 1);
    }
}

/// Marks a pod, with the grace that it has.
fn end_pod(pod: &mut Object, asked: Option<i64>) -> Graceful {
    let asked = asked.map(|grace| if grace < 0 { 1 } else { grace });
    if pod.is_deleting() {
        let left = pod.number("deletionGracePeriodSeconds").unwrap_or(0);
        return match asked {
            _ if left == 0 => Graceful::Now,
            Some(grace) if grace < left => shorten(pod, left, grace),
            _ => Graceful::Pending,
        };
    }
    let own = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    let ended = ["Failed", "Succeeded"].contains(&pod.content_text("/status/phase"));
    let grace = match asked.or(own).unwrap_or(POD_GRACE) {
        _ if ended || pod.content_text("/spec/nodeName").is_empty() => 0,
        grace if grace < 0 => 1,
        grace => grace,
    };
    one_generation_more(pod);
    pod.set("deletionTimestamp", timestamp(Utc::now() + TimeDelta::seconds(grace)));
    pod.set("deletionGracePeriodSeconds", grace);
    Graceful::Marked { grace }
}

/// Gives a pod that goes less grace than it had, but no deletion time in the past.
fn shorten(pod: &mut Object, left: i64, grace: i64) -> Graceful {
    let now = Utc::now();
    let planned = DateTime::parse_from_rfc3339(pod.text("deletionTimestamp")).ok();
    let end = planned.map_or(now, |planned| planned.to_utc() - TimeDelta::seconds(left - grace));
    let grace = if end < now && grace != 0 { 1 } else { grace };
    pod.set("deletionTimestamp", timestamp(end.max(now)));
    pod.set("deletionGracePeriodSeconds", grace);
    Graceful::Marked { grace }
}
