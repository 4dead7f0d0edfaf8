//! Reviews as `kubectl auth` sends them: in protobuf and in nothing else.
//!
//! What is read here are texts in messages in messages, by the numbers that `generated.proto` of
//! `k8s.io/api/authorization/v1` and `k8s.io/apimachinery/pkg/runtime` gives them.
use serde_json::{Map, Value, json};

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What a body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Fields of `ResourceAttributes` and their numbers. Its selectors are left out, since no rule asks for them.
const RESOURCE: [(u64, &str); 7] = [
    (1, "namespace"),
    (2, "verb"),
    (3, "group"),
    (4, "version"),
    (5, "resource"),
    (6, "subresource"),
    (7, "name"),
];

/// Fields of `NonResourceAttributes` and their numbers.
const PATH: [(u64, &str); 2] = [(1, "path"), (2, "verb")];

/// The review in a body as it would be in JSON; nothing if the body is no protobuf.
pub(super) fn review(body: &[u8]) -> Option<Value> {
    let unknown = Message::parse(body.strip_prefix(MAGIC)?)?;
    let types = unknown.message(1)?;
    let (version, kind) = (types.text(1), types.text(2));
    let spec = unknown.message(2)?.message(2);
    let spec = spec.map_or_else(Map::new, |spec| match kind.as_str() {
        "SelfSubjectAccessReview" => {
            let resource = spec.message(1).map(|message| ("resourceAttributes", message.texts(&RESOURCE)));
            let path = spec.message(2).map(|message| ("nonResourceAttributes", message.texts(&PATH)));
            resource.into_iter().chain(path).map(|(field, texts)| (field.to_owned(), texts.into())).collect()
        }
        "SelfSubjectRulesReview" => spec.texts(&[(1, "namespace")]),
        _ => Map::new(),
    });
    Some(json!({"apiVersion": version, "kind": kind, "spec": spec}))
}

/// The fields of a message that have a length: texts and messages.
struct Message<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Message<'a> {
    fn parse(mut rest: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            // The wire type: what is in the field.
            let length = match key & 7 {
                0 => {
                    varint(&mut rest)?;
                    0
                }
                1 => 8,
                2 => usize::try_from(varint(&mut rest)?).ok()?,
                5 => 4,
                _ => return None,
            };
            let (value, after) = rest.split_at_checked(length)?;
            if key & 7 == 2 {
                fields.push((key >> 3, value));
            }
            rest = after;
        }
        Some(Self(fields))
    }

    fn field(&self, number: u64) -> Option<&'a [u8]> {
        self.0.iter().rfind(|(field, _)| *field == number).map(|(_, value)| *value)
    }

    fn message(&self, number: u64) -> Option<Self> {
        Self::parse(self.field(number)?)
    }

    fn text(&self, number: u64) -> String {
        String::from_utf8_lossy(self.field(number).unwrap_or_default()).into_owned()
    }

    /// The texts that are not empty, which JSON leaves out.
    fn texts(&self, fields: &[(u64, &str)]) -> Map<String, Value> {
        let texts = fields.iter().map(|(number, name)| ((*name).to_owned(), self.text(*number)));
        texts.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.into())).collect()
    }
}

/// A number in groups of seven bits, the lowest first.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kubectl 1.36.2 sent for `auth can-i get pods/x --subresource=log`, `auth can-i get /metrics`,
    /// `auth can-i --list` and `auth whoami`.
    #[test]
    fn reviews_of_kubectl() {
        let authorization = "authorization.k8s.io/v1";
        for (body, expected) in [
            (
                &b"k8s\x00\n2\n\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview\x12<\n\x10\n\x00\x12\x00\x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x1e\n\x1c\n\x03web\x12\x03get\x1a\x00\"\x00*\x04pods2\x03log:\x01x\x1a\x08\x08\x00\x12\x00\x1a\x00 \x00\x1a\x00\"\x00"[..],
                json!({"apiVersion": authorization, "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {
                    "namespace": "web", "verb": "get", "resource": "pods", "subresource": "log", "name": "x",
                }}}),
            ),
            (
                b"k8s\x00\n2\n\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview\x12/\n\x10\n\x00\x12\x00\x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x11\x12\x0f\n\x08/metrics\x12\x03get\x1a\x08\x08\x00\x12\x00\x1a\x00 \x00\x1a\x00\"\x00",
                json!({"apiVersion": authorization, "kind": "SelfSubjectAccessReview", "spec": {"nonResourceAttributes": {
                    "path": "/metrics", "verb": "get",
                }}}),
            ),
            (
                b"k8s\x00\n1\n\x17authorization.k8s.io/v1\x12\x16SelfSubjectRulesReview\x12\x1f\n\x10\n\x00\x12\x00\x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x05\n\x03web\x1a\x04\x18\x00\"\x00\x1a\x00\"\x00",
                json!({"apiVersion": authorization, "kind": "SelfSubjectRulesReview", "spec": {"namespace": "web"}}),
            ),
            (
                b"k8s\x00\n-\n\x18authentication.k8s.io/v1\x12\x11SelfSubjectReview\x12\x1a\n\x10\n\x00\x12\x00\x1a\x00\"\x00*\x002\x008\x00B\x00\x12\x06\n\x04\n\x00\x12\x00\x1a\x00\"\x00",
                json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "spec": {}}),
            ),
        ] {
            assert_eq!(review(body).unwrap(), expected);
            // No part of it is read beyond its end.
            for end in 0..body.len() {
                let _ = review(&body[..end]);
            }
        }
        assert_eq!(review(b"{}"), None);
        assert_eq!(review(b"k8s\x00\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), None);
    }
}
