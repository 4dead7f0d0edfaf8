//! A list that is being read, page by page, into a graph.

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use serde_json::Value;

use super::{
    error::Cause,
    gap::Gap,
    join::Joiner,
    list::{End, List, Metadata, Page},
};

/// A list that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) list: List,
    /// The namespace whose objects are meant, and how many at once.
    meant: (Option<Arc<str>>, u32),
    /// Why that of all namespaces could not be had.
    refused: Option<Cause>,
    token: Option<String>,
    /// What has come, where others may be known that are not there any more.
    seen: Option<FixedBitSet>,
}

/// What is to be done next.
pub(super) enum Turn {
    /// There is another page.
    More,
    /// The first page comes again, of a list that can be had.
    Anew,
    /// It has been read, and is of this version.
    Done(String),
    /// It cannot be read.
    Failed(Cause),
}

impl Reading {
    /// Of a kind that is new.
    pub(super) fn new(list: List) -> Self {
        Self { meant: (list.namespace.clone(), list.page_size), list, refused: None, token: None, seen: None }
    }

    /// Of a kind of which there may be objects that are not there any more.
    pub(super) fn again(list: List) -> Self {
        Self { seen: Some(FixedBitSet::new()), ..Self::new(list) }
    }

    pub(super) async fn page(self) -> (Self, Result<Page, Cause>) {
        let page = self.list.page(self.token.clone()).await;
        (self, page)
    }

    /// Takes a page, or why there is none, into a graph.
    pub(super) fn take(&mut self, page: Result<Page, Cause>, joiner: &mut Joiner) -> Turn {
        let (kind, mut seen) = (self.list.kind.clone(), self.seen.take());
        let turn = self.turn(page, |metadata, whole| {
            let index = joiner.put(&kind, metadata, whole);
            if let Some(seen) = &mut seen {
                seen.grow_and_insert(index.index());
            }
        });
        match turn {
            Turn::Done(_) => joiner.listed(&kind, self.list.namespace.as_ref(), seen.as_ref()),
            Turn::Anew => self.seen = Some(FixedBitSet::new()),
            Turn::More | Turn::Failed(_) => self.seen = seen,
        }
        turn
    }

    /// Takes a page, or why there is none.
    pub(super) fn turn(
        &mut self,
        page: Result<Page, Cause>,
        each: impl FnMut(Metadata<'_>, Option<&Value>),
    ) -> Turn {
        let list = &mut self.list;
        let cause = match page.and_then(|page| page.read(list, each)) {
            Ok(End { next: None, version }) => return Turn::Done(version),
            Ok(end) => {
                self.token = end.next;
                return Turn::More;
            }
            Err(cause) => cause,
        };
        if cause.is_expired() && self.token.take().is_some() {
            // As client-go's pager: all of it at once.
            list.page_size = 0;
            return Turn::Anew;
        }
        if matches!(cause, Cause::Forbidden { .. }) && list.kind.is_namespaced && list.namespace.is_none() {
            list.namespace = Some(list.client.default_namespace().into());
            (self.refused, self.token) = (Some(cause), None);
            return Turn::Anew;
        }
        // What all of it is refused for says more than what the namespace is; that it fails says more than either.
        let refused = self.refused.take().filter(|_| cause.is_refusal());
        Turn::Failed(refused.unwrap_or(cause))
    }

    /// What was to be read.
    pub(super) fn meant(&self) -> List {
        let (namespace, page_size) = self.meant.clone();
        List { namespace, page_size, ..self.list.clone() }
    }

    /// What is missing of a list that has been read.
    pub(super) fn narrowed(&mut self) -> Option<Gap> {
        let only = self.list.namespace.as_deref().map(ToOwned::to_owned);
        let cause = self.refused.take()?;
        Some(Gap { only, ..self.gap(cause) })
    }

    /// That it cannot be read.
    pub(super) fn gap(&self, cause: Cause) -> Gap {
        let namespace = self.meant.0.as_deref().map(ToOwned::to_owned);
        Gap { namespace, ..Gap::of(&self.list.kind.to_string(), cause) }
    }
}
