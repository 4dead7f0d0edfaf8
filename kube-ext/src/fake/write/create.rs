//! New objects.
use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Writer, crd,
    input::{self, Options},
    key, now,
    object::Object,
    respond, strategy, validate,
};
use crate::fake::{
    body::Body,
    kinds::Kind,
    server::Call,
    status::Failure,
    store::{Key, Stored},
    table::Form,
};

/// The longest base of a generated name (`k8s.io/apiserver/pkg/storage/names`).
const GENERATED_BASE: usize = 58;

/// How many generated names are tried.
const GENERATED_TRIES: usize = 8;

/// Answers a POST on a collection.
pub(super) fn answer(call: &Call, kind: &Kind) -> Result<Response<Body>, Failure> {
    let form = Form::of(&call.headers)?;
    let options = Options::read(&call.info.query, "CreateOptions", false)?;
    let object = input::object(call, kind)?;
    same_namespace(kind, &object, &call.info.namespace)?;
    let stored = Writer::answer(call, options.dry, |writer| {
        writer.namespace_takes(kind, &call.info.namespace, &object)?;
        writer.create(kind, &call.info.namespace, object)
    })?;
    Ok(respond(form, kind, StatusCode::CREATED, &stored))
}

/// Whether an object is not of another namespace than the path.
pub(super) fn same_namespace(kind: &Kind, object: &Object, namespace: &str) -> Result<(), Failure> {
    let own = object.text("namespace");
    if kind.namespaced && !own.is_empty() && own != namespace {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

impl Writer<'_, '_> {
    /// Whether a new object may go into a namespace
    /// (`k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle`).
    pub(super) fn namespace_takes(
        &self,
        kind: &Kind,
        namespace: &str,
        object: &Object,
    ) -> Result<(), Failure> {
        if !kind.namespaced {
            return Ok(());
        }
        let Some(stored) = self.transaction.get(&namespace_key(namespace)) else {
            return Err(Failure::not_found("", "namespaces", namespace));
        };
        if !Object::of(&stored).is_deleting() {
            return Ok(());
        }
        let name = if object.name().is_empty() { object.text("generateName") } else { object.name() };
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let cause = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Err(Failure::forbidden(&kind.group, &kind.plural, name, &why).detail("causes", cause))
    }

    pub(super) fn create(
        &mut self,
        kind: &Kind,
        namespace: &str,
        mut object: Object,
    ) -> Result<Arc<Stored>, Failure> {
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            object.metadata.remove(field);
        }
        self.identify(kind, namespace, &mut object);
        object.set("creationTimestamp", now());
        self.name(kind, &mut object);
        strategy::prepare_create(kind, &mut object);
        if crd::is(kind) {
            crd::prepare_create(&mut object);
        }
        validate::create(kind, &object)?;
        if crd::is(kind) {
            crd::validate(kind, &object)?;
        }
        let version = object.metadata.remove("resourceVersion");
        if version.as_ref().and_then(Value::as_str).is_some_and(|version| version.parse() != Ok(0)) {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
        }
        let key = key(kind, namespace, object.name());
        if let Some(other) = self.transaction.get(&key) {
            let failure = Failure::already_exists(&kind.group, &kind.plural, object.name());
            let deleting = Object::of(&other).is_deleting();
            return Err(if deleting { failure.prefix("object is being deleted: ") } else { failure });
        }
        let stored = self.put(kind, key, object);
        self.written(kind, &stored);
        Ok(stored)
    }

    /// Puts an object as it is.
    pub(super) fn seed(&mut self, kind: &Kind, mut object: Object) -> Result<Arc<Stored>, Failure> {
        let namespace = match object.text("namespace") {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        };
        if kind.namespaced {
            self.seed_namespace(&namespace)?;
        }
        self.name(kind, &mut object);
        let key = key(kind, &namespace, object.name());
        if let Some(before) = self.transaction.get(&key) {
            let before = Object::of(&before);
            for field in ["uid", "creationTimestamp", "generation"] {
                if !object.metadata.contains_key(field) {
                    object.keep(&before, &[field]);
                }
            }
        }
        let (uid, created) = (object.text("uid").to_owned(), object.text("creationTimestamp").to_owned());
        self.identify(kind, &namespace, &mut object);
        if !uid.is_empty() {
            object.set("uid", uid);
        }
        object.set("creationTimestamp", if created.is_empty() { now() } else { created });
        if strategy::has_generation(kind) && !object.metadata.contains_key("generation") {
            object.set("generation", 1);
        }
        strategy::initial(kind, &mut object);
        if crd::is(kind) {
            crd::prepare_create(&mut object);
            crd::validate(kind, &object)?;
            crd::accept(&mut object);
        }
        validate::create(kind, &object)?;
        let stored = self.put(kind, key, object);
        self.written(kind, &stored);
        Ok(stored)
    }

    fn seed_namespace(&mut self, name: &str) -> Result<(), Failure> {
        let key = namespace_key(name);
        if self.transaction.get(&key).is_some() {
            return Ok(());
        }
        match self.kinds.find("", "v1", "namespaces") {
            Some(kind) => self.seed(&kind, Object::new(json!({"metadata": {"name": name}}))).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Gives an object a uid, and the namespace of its path.
    fn identify(&mut self, kind: &Kind, namespace: &str, object: &mut Object) {
        let uid = self.transaction.uid();
        object.set("uid", uid);
        if kind.namespaced {
            object.set("namespace", namespace);
        } else {
            object.metadata.remove("namespace");
        }
    }

    /// Gives an object a name if it has none but a beginning of one.
    fn name(&mut self, kind: &Kind, object: &mut Object) {
        let base = object.text("generateName").to_owned();
        if !object.name().is_empty() || base.is_empty() {
            return;
        }
        let base: String = base.chars().take(GENERATED_BASE).collect();
        let namespace = object.text("namespace").to_owned();
        for _ in 0..GENERATED_TRIES {
            let name = format!("{base}{}", self.transaction.suffix());
            let taken = self.transaction.get(&key(kind, &namespace, &name)).is_some();
            object.set("name", name);
            if !taken {
                return;
            }
        }
    }
}

pub(super) fn namespace_key(name: &str) -> Key {
    Key { resource: "namespaces".into(), namespace: String::new(), name: name.to_owned() }
}
