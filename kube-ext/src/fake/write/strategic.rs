//! Strategic merge patch (`k8s.io/apimachinery/pkg/util/strategicpatch`), with the list keys of [`lists`](super::lists).
use serde_json::{Map, Value};

use super::lists::{Merge, Shape};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Merges a patch into an object of a built-in kind. An error has the server's words.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), String> {
    merge_map(target, patch, Shape::Root)
}

fn merge_map(
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    shape: Shape<'_>,
) -> Result<(), String> {
    match patch.get(DIRECTIVE).map(|directive| directive.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => {
            *target = plain(patch);
            return Ok(());
        }
        Some("delete") => {
            target.clear();
            return Ok(());
        }
        Some(other) => {
            return Err(format!("unknown patch type: {other} in map: {}", Value::from(patch.clone())));
        }
    }
    if let Some(retained) = patch.get(RETAIN_KEYS).and_then(Value::as_array) {
        target.retain(|key, _| retained.iter().any(|retained| retained == key));
    }
    for (key, values) in patch.iter().filter_map(|(key, value)| Some((key.strip_prefix(DELETE_FROM)?, value)))
    {
        let deleted = values.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(list) = target.get_mut(key).and_then(Value::as_array_mut) {
            list.retain(|value| !deleted.contains(value));
        }
    }
    for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        let order = patch.get(&format!("{ORDER}{key}")).and_then(Value::as_array);
        let shape = shape.field(key);
        match (target.get_mut(key), value) {
            (_, Value::Null) => {
                target.remove(key);
            }
            (Some(Value::Object(target)), Value::Object(patch)) => merge_map(target, patch, shape)?,
            (Some(Value::Array(target)), Value::Array(patch)) => merge_list(target, patch, order, shape)?,
            (_, Value::Object(patch))
                if patch.get(DIRECTIVE).is_some_and(|directive| directive == "delete") =>
            {
                target.remove(key);
            }
            (_, value) => {
                target.insert(key.clone(), without_directives(value));
            }
        }
    }
    // An order without items of its own sorts what is there.
    for (key, order) in patch.iter().filter_map(|(key, value)| Some((key.strip_prefix(ORDER)?, value))) {
        if let (false, Some(Value::Array(list)), Some(order)) =
            (patch.contains_key(key), target.get_mut(key), order.as_array())
        {
            let shape = shape.field(key);
            let ids = Ids::of(shape.list(list));
            *list = ordered(std::mem::take(list), order, &ids);
        }
    }
    Ok(())
}

fn merge_list(
    target: &mut Vec<Value>,
    patch: &[Value],
    order: Option<&Vec<Value>>,
    shape: Shape<'_>,
) -> Result<(), String> {
    let directive = |item: &Value| item.get(DIRECTIVE).and_then(Value::as_str).map(str::to_owned);
    if patch.iter().any(|item| directive(item).as_deref() == Some("replace")) {
        let items = patch.iter().filter(|item| directive(item).is_none());
        *target = items.map(without_directives).collect();
        return Ok(());
    }
    let present: Vec<_> = patch.iter().chain(&*target).cloned().collect();
    let merge = shape.list(&present);
    if merge == Merge::Whole {
        *target = patch.iter().map(without_directives).collect();
        return Ok(());
    }
    let ids = Ids::of(merge);
    let mut merged = target.clone();
    for item in patch {
        let at = merged.iter().position(|other| ids.same(other, item));
        match (directive(item).as_deref(), at.and_then(|at| merged.get_mut(at))) {
            (Some("delete"), _) => merged.retain(|other| !ids.same(other, item)),
            (_, Some(Value::Object(target))) => {
                if let Some(patch) = item.as_object() {
                    merge_map(target, patch, shape.item())?;
                }
            }
            (_, Some(_)) => {}
            (_, None) => merged.push(without_directives(item)),
        }
    }
    let order = order.map_or(patch, Vec::as_slice);
    let (patched, others): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|item| order.iter().any(|wanted| ids.same(wanted, item)));
    let place = |list: &[Value], item: &Value| list.iter().position(|other| ids.same(other, item));
    let patched = ordered(patched, order, &ids);
    let before = |left: &Value, right: &Value| match (place(target, left), place(target, right)) {
        (Some(left), Some(right)) => left < right,
        _ => false,
    };
    *target = interleave(others, patched, before);
    Ok(())
}

/// Sorts the items that an order names; others come last.
fn ordered(mut items: Vec<Value>, order: &[Value], ids: &Ids) -> Vec<Value> {
    items.sort_by_key(|item| order.iter().position(|wanted| ids.same(wanted, item)).unwrap_or(order.len()));
    items
}

/// What tells the items of a list apart.
struct Ids(Option<String>);

impl Ids {
    fn of(merge: Merge) -> Self {
        match merge {
            Merge::Keyed(keys) => Self(keys.into_iter().next()),
            Merge::Set | Merge::Whole => Self(None),
        }
    }

    fn same(&self, one: &Value, other: &Value) -> bool {
        match &self.0 {
            Some(key) => one.get(key) == other.get(key),
            None => one == other,
        }
    }
}

fn plain(patch: &Map<String, Value>) -> Map<String, Value> {
    let fields = patch.iter().filter(|(key, value)| !key.starts_with('$') && !value.is_null());
    fields.map(|(key, value)| (key.clone(), without_directives(value))).collect()
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(map) => plain(map).into(),
        Value::Array(list) => {
            let kept = list.iter().filter(|item| item.get(DIRECTIVE).is_none_or(|is| is != "delete"));
            kept.map(without_directives).collect()
        }
        other => other.clone(),
    }
}

/// Two lists as one, in the order of each of them; `before` orders the items of both
/// (`mergeSortedSlice`).
fn interleave<T>(left: Vec<T>, right: Vec<T>, before: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    for item in right {
        while let Some(other) = left.next_if(|other| before(other, &item)) {
            all.push(other);
        }
        all.push(item);
    }
    all.extend(left);
    all
}
