//! What an object says of another one, and the kinds that are named there.

use std::{collections::HashMap, sync::Arc};

use kube::api::GroupVersionKind;

use super::{
    edge::{Edge, Flaw},
    kinds::{self, Catalog, Kind},
    node::{Node, Uid},
};

/// What an object says of another one: an owner reference, or a relation.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// The number of a kind.
    pub(super) of: usize,
    /// Where the other one is, if its kind is in namespaces; for an owner, where the object itself is.
    pub(super) namespace: Option<Arc<str>>,
    pub(super) name: Box<str>,
    /// Empty if whatever has the name is meant.
    pub(super) uid: Uid,
    pub(super) edge: Edge,
}

impl Claim {
    /// Whether the same is said of the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.of, &self.namespace, &self.name, &self.uid)
            == (other.of, &other.namespace, &other.name, &other.uid)
    }
}

/// A kind that is named.
#[derive(Clone, Debug)]
pub(super) struct Type {
    called: Called,
    pub(super) kind: Arc<Kind>,
    pub(super) is_served: bool,
}

/// By an API version and a kind, or by a group and a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Called {
    Exactly(Box<str>, Box<str>),
    InGroup(Box<str>, Box<str>),
}

/// By two names.
type By<T> = HashMap<Box<str>, HashMap<Box<str>, T>>;

/// The kinds that are named, some dozens, and what has been listed of them.
#[derive(Debug, Default)]
pub(super) struct Types {
    catalog: Arc<Catalog>,
    known: Vec<Type>,
    exactly: By<usize>,
    in_group: By<usize>,
    /// By group and plural: all of it, or that of a namespace.
    listed: By<Option<Arc<str>>>,
    /// Pairs that serve the same objects.
    copies: Vec<[Arc<Kind>; 2]>,
}

fn find<'b, T>(by: &'b By<T>, one: &str, other: &str) -> Option<&'b T> {
    by.get(one)?.get(other)
}

/// What has been found out about a claim.
#[derive(Default)]
pub(super) struct Judgement {
    pub(super) flaw: Option<Flaw>,
    /// What it leads to is known not to be there.
    pub(super) is_gone: bool,
}

impl Types {
    pub(super) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, ..Self::default() }
    }

    /// What the server serves has changed.
    pub(super) fn serve(&mut self, catalog: Arc<Catalog>) {
        self.catalog = catalog;
        for known in &mut self.known {
            *known = Type::new(&self.catalog, known.called.clone());
        }
    }

    pub(super) fn get(&self, of: usize) -> Option<&Type> {
        self.known.get(of)
    }

    /// That of an owner reference.
    pub(super) fn exactly(&mut self, api_version: &str, kind: &str) -> usize {
        if let Some(known) = find(&self.exactly, api_version, kind) {
            return *known;
        }
        let new = self.add(Called::Exactly(api_version.into(), kind.into()));
        self.exactly.entry(api_version.into()).or_default().insert(kind.into(), new);
        new
    }

    /// In whatever version.
    pub(super) fn in_group(&mut self, group: &str, kind: &str) -> usize {
        if let Some(known) = find(&self.in_group, group, kind) {
            return *known;
        }
        let new = self.add(Called::InGroup(group.into(), kind.into()));
        self.in_group.entry(group.into()).or_default().insert(kind.into(), new);
        new
    }

    fn add(&mut self, called: Called) -> usize {
        self.known.push(Type::new(&self.catalog, called));
        self.known.len() - 1
    }

    /// All of a kind is listed, or that of a namespace. Whether that is new.
    pub(super) fn list(&mut self, kind: &Kind, namespace: Option<&Arc<str>>) -> bool {
        let of_group = self.listed.entry((&*kind.resource.group).into()).or_default();
        let before = of_group.insert((&*kind.resource.plural).into(), namespace.cloned());
        before != Some(namespace.cloned())
    }

    /// A kind is not listed any more. Whether it was.
    pub(super) fn unlist(&mut self, kind: &Kind) -> bool {
        self.copies.retain(|pair| !pair.iter().any(|one| one.is_same(kind)));
        let of_group = self.listed.get_mut(&*kind.resource.group);
        of_group.is_some_and(|of_group| of_group.remove(&*kind.resource.plural).is_some())
    }

    /// An object has come as one of a kind, and as one of another. Whether that is new.
    pub(super) fn copy(&mut self, one: &Arc<Kind>, other: &Arc<Kind>) -> bool {
        let is_new = !self.copies_of(one).any(|copy| copy.is_same(other));
        if is_new {
            self.copies.push([one.clone(), other.clone()]);
        }
        is_new
    }

    /// The kinds that serve objects of a kind as well.
    pub(super) fn copies_of(&self, kind: &Kind) -> impl Iterator<Item = &Arc<Kind>> {
        self.copies.iter().filter_map(|[one, other]| match () {
            () if one.is_same(kind) => Some(other),
            () if other.is_same(kind) => Some(one),
            () => None,
        })
    }

    /// What is to be thought of a claim that leads to an object that is there.
    pub(super) fn judge(&self, claim: &Claim, it: &Node) -> Option<Flaw> {
        let of = self.get(claim.of).filter(|_| claim.edge.is_by_uid)?;
        if !of.is_served {
            return Some(Flaw::UnknownKind);
        }
        if of.kind.is_namespaced && claim.namespace.is_none() {
            return Some(Flaw::InvalidNamespace);
        }
        if it.name != claim.name || it.kind.resource.kind != of.kind.resource.kind {
            return Some(Flaw::OtherIdentity);
        }
        if it.namespace.is_some() && it.namespace != claim.namespace {
            return Some(Flaw::OtherNamespace);
        }
        (!self.is_of(it, of, claim)).then_some(Flaw::OtherIdentity)
    }

    /// Whether the group of a kind that is claimed has an object. Nobody knows before its objects have been listed: it may serve those of
    /// another group as well.
    fn is_of(&self, it: &Node, of: &Type, claim: &Claim) -> bool {
        it.kind.resource.group == of.kind.resource.group
            || self.copies_of(&of.kind).any(|copy| copy.is_same(&it.kind))
            || !self.is_listed(&of.kind, of.namespace(claim).as_deref())
    }

    /// Whether what is there of a kind, in a namespace or in none, is known.
    pub(super) fn is_listed(&self, kind: &Kind, namespace: Option<&str>) -> bool {
        match find(&self.listed, &kind.resource.group, &kind.resource.plural) {
            Some(Some(only)) => namespace == Some(only),
            Some(None) => true,
            None => false,
        }
    }
}

impl Type {
    fn new(catalog: &Catalog, called: Called) -> Self {
        let found = match &called {
            Called::Exactly(api_version, kind) => {
                let of = kinds::gvk(api_version, kind);
                let of = of.unwrap_or_else(|| GroupVersionKind::gvk("", api_version, kind));
                catalog.of(&of).cloned().ok_or(of)
            }
            Called::InGroup(group, kind) => {
                let is_it =
                    |it: &&Arc<Kind>| (&*it.resource.group, &*it.resource.kind) == (&**group, &**kind);
                let found = catalog.preferred.iter().find(is_it).cloned();
                found.ok_or_else(|| GroupVersionKind::gvk(group, "", kind))
            }
        };
        match found {
            Ok(kind) => Self { called, kind, is_served: true },
            Err(of) => Self { called, kind: Arc::new(Kind::unknown(&of)), is_served: false },
        }
    }

    /// The namespace that an object of it is in, where that is said to be in one.
    pub(super) fn namespace(&self, claim: &Claim) -> Option<Arc<str>> {
        let is_in_one = if self.is_served {
            self.kind.is_namespaced
        } else {
            // Nobody knows; two of one name in two namespaces are two.
            !claim.edge.is_by_uid && !self.kind.is_subject()
        };
        claim.namespace.clone().filter(|_| is_in_one)
    }

    /// Of one that leads to nothing that is there.
    pub(super) fn judge_absent(&self, claim: &Claim, was_listed: bool, is_replaced: bool) -> Judgement {
        let flaw = match () {
            () if self.kind.is_subject() => None,
            () if !self.is_served => Some(Flaw::UnknownKind),
            () if claim.edge.is_by_uid && self.kind.is_namespaced && claim.namespace.is_none() => {
                Some(Flaw::InvalidNamespace)
            }
            () if is_replaced => Some(Flaw::Replaced),
            () if was_listed && claim.edge.relation.is_some() => Some(Flaw::Missing),
            () if was_listed => Some(Flaw::Gone),
            () => Some(Flaw::Unlisted),
        };
        Judgement { flaw, is_gone: was_listed || is_replaced }
    }
}
