//! What objects say of others, from what a server says of them.

use std::{collections::HashSet, sync::Arc};

use kube::core::Selector;
use serde_json::Value;

use super::{
    claim::{Claim, Types},
    edge::Edge,
    kinds::Kind,
    list::{Metadata, Reference},
    mentions::{Target, mentions},
    node::Uid,
    relation::{Relation, Relations},
    select::Labels,
};

/// What an object says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Of others by uid or by name.
    pub(super) claims: Vec<Claim>,
    /// Of those pods that have some labels.
    pub(super) selectors: Vec<(Relation, Selector)>,
    /// Of itself, if it is a pod that can be selected.
    pub(super) labels: Option<Labels>,
}

/// Texts of which each is kept once.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashSet<Arc<str>>,
    /// How many there may be before those that nobody uses any more are looked for.
    most: usize,
}

impl Names {
    pub(super) fn one(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        if self.known.len() >= self.most {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.most = 2 * self.known.len() + 64;
        }
        let new: Arc<str> = name.into();
        self.known.insert(new.clone());
        new
    }

    /// None for that which is none.
    pub(super) fn namespace(&mut self, namespace: Option<&str>) -> Option<Arc<str>> {
        namespace.filter(|namespace| !namespace.is_empty()).map(|namespace| self.one(namespace))
    }
}

impl Said {
    pub(super) fn new(
        kind: &Kind,
        object: &Metadata<'_>,
        whole: Option<&Value>,
        relations: &Relations,
        (types, names): (&mut Types, &mut Names),
    ) -> Self {
        let own = names.namespace(object.namespace.as_deref());
        let references = object.owner_references.iter();
        let claims = references.map(|reference| owner(types, own.clone(), reference)).collect();
        let mut said = Self { claims, ..Self::default() };
        let Some(whole) = whole else { return said };
        let (group, plural) = (&*kind.resource.group, &*kind.resource.plural);
        for mention in mentions(group, plural, whole, relations) {
            let (group, kind, namespace, name, uid) = match mention.to {
                Target::Object { group, kind, namespace, name, uid } => (group, kind, namespace, name, uid),
                Target::Pods(selector) => {
                    said.selectors.push((mention.relation, selector));
                    continue;
                }
            };
            let edge = Edge {
                relation: Some(mention.relation),
                is_optional: mention.is_optional,
                is_by_uid: uid.is_some(),
                ..Edge::default()
            };
            said.claims.push(Claim {
                of: types.in_group(&group, &kind),
                namespace: names.namespace(namespace.as_deref()),
                name: name.into(),
                uid: Uid::from(uid.as_deref().unwrap_or_default()),
                edge,
            });
        }
        if (group, plural) == ("", "pods") && relations.selects() {
            let labels = whole.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
            let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            said.labels = Some(labels.filter_map(text).collect());
        }
        said
    }
}

fn owner(types: &mut Types, namespace: Option<Arc<str>>, reference: &Reference<'_>) -> Claim {
    let edge = Edge {
        is_controller: reference.controller == Some(true),
        blocks_deletion: reference.block_owner_deletion == Some(true),
        is_by_uid: true,
        ..Edge::default()
    };
    Claim {
        of: types.exactly(&reference.api_version, &reference.kind),
        namespace,
        name: (&*reference.name).into(),
        uid: Uid::from(&*reference.uid),
        edge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_long_as_they_are_in_use() {
        let mut names = Names::default();
        let kept = names.one("kept");
        for number in 0..10_000 {
            names.one(&number.to_string());
        }
        assert!(names.known.len() < 200, "{}", names.known.len());
        assert!(Arc::ptr_eq(&kept, &names.one("kept")));
    }
}
