//! Server-side apply without conflicts: what is applied wins, and what a manager no longer applies goes
//! (`sigs.k8s.io/structured-merge-diff`).
use serde_json::{Map, Value, json};

use super::{
    lists::{Merge, Shape, key_of},
    object::Object,
};

/// What no manager owns.
const UNOWNED: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "uid",
];

/// Who applies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manager<'a> {
    pub(super) name: &'a str,
    pub(super) api_version: &'a str,
    pub(super) subresource: &'a str,
    pub(super) time: &'a str,
}

/// A step into an object, as `fieldsV1` writes it: `f:data`, `k:{"name":"web"}`, `v:"a"`.
type Path = Vec<String>;

/// The object after an apply. `old` is the object before, if there was one.
pub(super) fn apply(
    old: Option<&Object>,
    applied: &Object,
    shape: Shape<'_>,
    manager: Manager<'_>,
) -> Object {
    let mut managers: Vec<Value> = old.map(|old| old.list("managedFields").to_vec()).unwrap_or_default();
    let own = managers.iter().position(|entry| manager.is(entry));
    let own = own.map(|at| managers.remove(at));

    let fields = fields_of(applied, shape);
    let wanted = paths(&fields);
    let before = own.as_ref().and_then(|entry| entry.get("fieldsV1")).map(paths).unwrap_or_default();
    let others: Vec<Path> =
        managers.iter().filter_map(|entry| entry.get("fieldsV1")).flat_map(paths).collect();

    let mut value = old.cloned().unwrap_or_default().into_value();
    let mut removed: Vec<_> = before
        .iter()
        .filter(|path| !others.iter().chain(&wanted).any(|other| other.starts_with(path)))
        .collect();
    removed.sort_by_key(|path| std::cmp::Reverse(path.len()));
    for path in removed {
        remove(&mut value, path);
    }
    merge(&mut value, applied.clone().into_value(), shape);
    let mut new = Object::new(value);
    if let Some(old) = old {
        managers = without_changed(managers, old, &new);
    }
    let unchanged = own.filter(|own| {
        own.get("fieldsV1") == Some(&fields) && own.get("apiVersion") == Some(&manager.api_version.into())
    });
    let same = old.is_some_and(|old| {
        let mut new = new.clone();
        new.keep(old, &["managedFields"]);
        new == *old
    });
    managers.push(match unchanged {
        Some(own) if same => own,
        _ => manager.entry(&fields),
    });
    new.set("managedFields", managers);
    new
}

/// The managers of an object after a write: nobody has applied what the write changed.
pub(super) fn without_changed(managers: Vec<Value>, old: &Object, new: &Object) -> Vec<Value> {
    let (old, new) = (old.clone().into_value(), new.clone().into_value());
    let keep = |mut entry: Value| {
        let owned = entry.get("fieldsV1").map(paths).unwrap_or_default();
        let changed: Vec<_> = owned
            .iter()
            // What is in a value is told by the paths below it.
            .filter(|path| !owned.iter().any(|other| other.len() > path.len() && other.starts_with(path)))
            .filter(|path| get(&old, path) != get(&new, path))
            .collect();
        let Some(fields) = entry.get_mut("fieldsV1") else { return Some(entry) };
        for path in changed {
            remove_field(fields, path);
        }
        let any = fields.as_object().is_some_and(|fields| !fields.is_empty());
        any.then_some(entry)
    };
    managers.into_iter().filter_map(keep).collect()
}

impl Manager<'_> {
    fn is(&self, entry: &Value) -> bool {
        let text = |field| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        (text("manager"), text("operation"), text("subresource")) == (self.name, "Apply", self.subresource)
    }

    fn entry(&self, fields: &Value) -> Value {
        let mut entry = json!({
            "manager": self.name, "operation": "Apply", "apiVersion": self.api_version, "time": self.time,
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if let (false, Some(entry)) = (self.subresource.is_empty(), entry.as_object_mut()) {
            entry.insert("subresource".to_owned(), self.subresource.into());
        }
        entry
    }
}

/// The fields of an applied object, as `fieldsV1` has them.
fn fields_of(applied: &Object, shape: Shape<'_>) -> Value {
    let mut applied = applied.clone();
    applied.metadata.retain(|field, _| !UNOWNED.contains(&field.as_str()));
    let mut fields = fields(&applied.clone().into_value(), shape);
    if let (true, Some(fields)) = (applied.metadata.is_empty(), fields.as_object_mut()) {
        fields.remove("f:metadata");
    }
    fields
}

fn fields(value: &Value, shape: Shape<'_>) -> Value {
    let mut all = Map::new();
    match value {
        Value::Object(map) if !shape.is_whole_map() => {
            all.extend(map.iter().map(|(key, value)| (format!("f:{key}"), fields(value, shape.field(key)))));
        }
        Value::Array(list) => match shape.list(list) {
            Merge::Whole => {}
            Merge::Set => all.extend(list.iter().map(|value| (format!("v:{value}"), json!({})))),
            Merge::Keyed(keys) => {
                for item in list {
                    let mut inner = json!({});
                    if !shape.has_whole_items() {
                        inner = fields(item, shape.item());
                        if let Some(inner) = inner.as_object_mut() {
                            inner.insert(".".to_owned(), json!({}));
                        }
                    }
                    all.insert(format!("k:{}", Value::from(key_of(item, &keys))), inner);
                }
            }
        },
        _ => {}
    }
    all.into()
}

/// The paths of `fieldsV1` that stand for something: those that end, and those of items.
fn paths(fields: &Value) -> Vec<Path> {
    fn walk(fields: &Value, path: &mut Path, all: &mut Vec<Path>) {
        let Some(map) = fields.as_object() else { return };
        if !path.is_empty() && (map.is_empty() || map.contains_key(".")) {
            all.push(path.clone());
        }
        for (step, inner) in map.iter().filter(|(step, _)| *step != ".") {
            path.push(step.clone());
            walk(inner, path, all);
            path.pop();
        }
    }
    let mut all = Vec::new();
    walk(fields, &mut Vec::new(), &mut all);
    all
}

/// Takes a path out of `fieldsV1`, and what is empty without it. Returns whether nothing is left.
fn remove_field(fields: &mut Value, path: &[String]) -> bool {
    let Some(map) = fields.as_object_mut() else { return false };
    if let Some((step, rest)) = path.split_first() {
        let gone = rest.is_empty() || map.get_mut(step).is_some_and(|inner| remove_field(inner, rest));
        if gone {
            map.remove(step);
        }
    }
    map.is_empty()
}

/// The place of an item that a step names.
fn place(list: &[Value], step: &str) -> Option<usize> {
    if let Some(value) = step.strip_prefix("v:") {
        let value: Value = serde_json::from_str(value).ok()?;
        return list.iter().position(|item| *item == value);
    }
    let key: Map<String, Value> = serde_json::from_str(step.strip_prefix("k:")?).ok()?;
    let names: Vec<_> = key.keys().cloned().collect();
    list.iter().position(|item| key_of(item, &names) == key)
}

fn get<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match value {
        Value::Object(map) => map.get(step.strip_prefix("f:")?),
        Value::Array(list) => list.get(place(list, step)?),
        _ => None,
    })
}

/// Takes a value out, and what is empty without it. Returns whether nothing is left.
fn remove(value: &mut Value, path: &[String]) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    match value {
        Value::Object(map) => {
            let Some(field) = step.strip_prefix("f:") else { return false };
            let gone = map.get_mut(field).is_some_and(|inner| remove(inner, rest));
            if gone {
                map.remove(field);
            }
            map.is_empty()
        }
        Value::Array(list) => {
            let Some(at) = place(list, step) else { return false };
            let gone = list.get_mut(at).is_some_and(|inner| remove(inner, rest));
            if gone {
                list.remove(at);
            }
            list.is_empty()
        }
        _ => false,
    }
}

fn merge(target: &mut Value, applied: Value, shape: Shape<'_>) {
    match (target, applied) {
        (Value::Object(target), Value::Object(applied)) if !shape.is_whole_map() => {
            for (key, value) in applied {
                let shape = shape.field(&key);
                match target.get_mut(&key) {
                    Some(target) => merge(target, value, shape),
                    None => {
                        target.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(applied)) => merge_list(target, applied, shape),
        (target, applied) => *target = applied,
    }
}

fn merge_list(target: &mut Vec<Value>, applied: Vec<Value>, shape: Shape<'_>) {
    let keys = match shape.list(&applied) {
        Merge::Whole => {
            *target = applied;
            return;
        }
        Merge::Set => None,
        Merge::Keyed(keys) => Some(keys),
    };
    let same = |one: &Value, other: &Value| match &keys {
        Some(keys) => key_of(one, keys) == key_of(other, keys),
        None => one == other,
    };
    let is_in = |list: &[Value], item: &Value| list.iter().any(|other| same(other, item));
    let merged = |item: &Value| {
        let old = target.iter().find(|old| same(old, item)).filter(|_| !shape.has_whole_items());
        let mut merged = old.cloned().unwrap_or(Value::Null);
        merge(&mut merged, item.clone(), shape.item());
        merged
    };
    // As the server does: in the order of what is applied, and other items where they were
    // (`mergeListItems` in structured-merge-diff).
    let (mut left, mut right) = (target.iter().peekable(), applied.iter().peekable());
    let mut shared = applied.iter().filter(|item| is_in(target, item)).peekable();
    let mut all = Vec::new();
    loop {
        let (old, new) = (left.peek().copied(), right.peek().copied());
        match (old, new) {
            (Some(old), Some(new)) if same(old, new) => {
                left.next();
                right.next();
                shared.next();
                all.push(merged(new));
            }
            (Some(old), _) if !is_in(&applied, old) => {
                left.next();
                all.push(old.clone());
            }
            (Some(old), _) if shared.peek().is_none_or(|next| !same(next, old)) => {
                left.next();
            }
            (_, Some(new)) => {
                right.next();
                shared.next_if(|next| same(next, new));
                all.push(merged(new));
            }
            (Some(_), None) => {
                left.next();
            }
            (None, None) => break,
        }
    }
    *target = all;
}
