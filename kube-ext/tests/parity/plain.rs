//! Answers in a form that is the same in every run and on every cluster: what a server makes up is replaced by a name for
//! it, so that one and the same uid or version is still one and the same.

use serde_json::{Map, Value};

/// The names of one scenario.
pub(crate) struct Plain {
    namespace: String,
    /// The scenario's own text: what is in it is not made up.
    given: String,
    uids: Vec<String>,
    versions: Vec<String>,
    /// Names that begin with a `generateName`, and what they are called.
    generated: Vec<(String, String)>,
}

impl Plain {
    pub(crate) fn new(namespace: &str, given: String) -> Self {
        let (uids, versions, generated) = <_>::default();
        Self { namespace: namespace.to_owned(), given, uids, versions, generated }
    }

    pub(crate) fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => self.object(fields).into(),
            other => other,
        }
    }

    fn object(&mut self, mut fields: Map<String, Value>) -> Map<String, Value> {
        let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default();
        // Its version is that of the moment, which others on the same cluster move on.
        let passing = kind == "Table" || kind.ends_with("List") || fields.contains_key("items");
        if fields.get("type").is_some_and(|event| event == "BOOKMARK") {
            hide(&mut fields["object"]["metadata"], "resourceVersion", "<version>");
        }
        let group = fields.get("groupVersion").and_then(Value::as_str).unwrap_or_default();
        if group.contains(&self.namespace) {
            // Made of the group's name, which is another in each run.
            for resource in fields.get_mut("resources").and_then(Value::as_array_mut).into_iter().flatten() {
                hide(resource, "storageVersionHash", "<hash>");
            }
        }
        if let Some(metadata) = fields.get_mut("metadata") {
            if passing {
                hide(metadata, "resourceVersion", "<version>");
            }
            hide(metadata, "continue", "<token>");
            if let Some(metadata) = metadata.as_object_mut() {
                self.metadata(metadata);
            }
        }
        if let Some(Value::Array(cells)) = fields.get_mut("cells") {
            for cell in cells {
                if let Some(text) = cell.as_str() {
                    *cell = without_ages(text).into();
                }
            }
        }
        for name in ["groups", "items"] {
            if let Some(Value::Array(groups)) = fields.get_mut(name) {
                groups.retain(|group| !self.is_foreign(group));
            }
        }
        let mut names: Vec<_> = fields.keys().cloned().collect();
        // Names are given in the order of appearance, which must not depend on that of the fields.
        names.sort();
        names.into_iter().filter_map(|name| Some((name.clone(), self.value(fields.remove(&name)?)))).collect()
    }

    fn metadata(&mut self, metadata: &mut Map<String, Value>) {
        let text = |name| metadata.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, prefix, version) = (text("name"), text("generateName"), text("resourceVersion"));
        if !prefix.is_empty() && name.len() == prefix.len() + 5 && name.starts_with(&prefix) {
            self.generated.push((name, format!("{prefix}<suffix>")));
        }
        if !version.is_empty() && !version.starts_with('<') {
            metadata
                .insert("resourceVersion".to_owned(), nth("version", &mut self.versions, &version).into());
        }
        if let Some(Value::Array(managers)) = metadata.remove("managedFields") {
            // Of the others there is one for whatever was not applied, which the fake does not keep.
            let applied = managers.into_iter().filter(|manager| manager["operation"] == "Apply");
            let applied: Vec<_> = applied.map(|manager| manager["manager"].clone()).collect();
            if !applied.is_empty() {
                metadata.insert("applied by".to_owned(), applied.into());
            }
        }
    }

    /// A group that is there because something else goes on in the cluster.
    fn is_foreign(&self, group: &Value) -> bool {
        let name = [&group["name"], &group["metadata"]["name"]].into_iter().find_map(Value::as_str);
        let is_of_a_test = |name: &str| name.ends_with(".example") || name.contains("kube-ext.");
        name.is_some_and(|name| is_of_a_test(name) && !name.contains(&self.namespace))
    }

    fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, called) in &self.generated {
            text = text.replace(name, called);
        }
        let mut plain = String::new();
        let mut rest = text.replace(&self.namespace, "$NS").as_str().to_owned();
        while let Some(first) = rest.chars().next() {
            if let Some(uid) = rest.get(..36).filter(|uid| is_uid(uid) && !self.given.contains(uid)) {
                plain += &nth("uid", &mut self.uids, uid);
                rest = rest[36..].to_owned();
            } else if let Some(length) =
                time_length(&rest).filter(|length| !self.given.contains(&rest[..*length]))
            {
                plain += "<time>";
                rest = rest[length..].to_owned();
            } else if rest.get(..64).is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                plain += "<id>";
                rest = rest[64..].to_owned();
            } else {
                plain.push(first);
                rest = rest[first.len_utf8()..].to_owned();
            }
        }
        without_versions(&plain)
    }
}

fn hide(object: &mut Value, field: &str, called: &str) {
    if object.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
        object[field] = called.into();
    }
}

fn nth(what: &str, seen: &mut Vec<String>, value: &str) -> String {
    let place = seen.iter().position(|known| known == value).unwrap_or_else(|| {
        seen.push(value.to_owned());
        seen.len() - 1
    });
    format!("<{what} {}>", place + 1)
}

fn is_uid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    })
}

/// How many bytes of a text's beginning are a time as of RFC 3339.
fn time_length(text: &str) -> Option<usize> {
    let like = "0000-00-00T00:00:00";
    let matches = |(byte, like): (u8, u8)| if like == b'0' { byte.is_ascii_digit() } else { byte == like };
    if !text.get(..like.len())?.bytes().zip(like.bytes()).all(matches) {
        return None;
    }
    // Go's own example of a time, which is in what it says of one that it cannot read.
    if text.starts_with("2006-01-02T15:04:05Z07:00") {
        return None;
    }
    let rest = &text[like.len()..];
    let fraction = rest.find(|letter: char| letter != '.' && !letter.is_ascii_digit())?;
    match rest.as_bytes()[fraction] {
        b'Z' => Some(like.len() + fraction + 1),
        b'+' | b'-' if rest.len() >= fraction + 6 => Some(like.len() + fraction + 6),
        _ => None,
    }
}

/// A cell without its age: `5s`, `2m3s`, `3 (5m ago)`.
fn without_ages(cell: &str) -> String {
    let is_age = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_digit())
            && text.ends_with(['s', 'm', 'h', 'd', 'y'])
            && text.chars().all(|letter| letter.is_ascii_digit() || "smhdy".contains(letter))
    };
    let words = cell.split(' ').map(|word| {
        let bare = word.trim_start_matches('(');
        if is_age(bare) { word.replace(bare, "<age>") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `..., current: 1234` and `... in record (1234)...` without the number.
fn without_versions(text: &str) -> String {
    ["current: ", "in record ("].iter().fold(text.to_owned(), |text, before| {
        let Some((start, rest)) = text.split_once(before) else { return text };
        format!("{start}{before}<version>{}", rest.trim_start_matches(|letter: char| letter.is_ascii_digit()))
    })
}
