//! Which objects a graph has, and how they are listed.

use std::sync::Arc;

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    error::{Cause, Error},
    gap::Gap,
    graph::OwnerGraph,
    join::Joiner,
    kinds::{Catalog, Kind, Kinds},
    list::{List, Page},
};

/// Loads an [`OwnerGraph`].
///
/// ```
/// use kube_ext::owners::{Error, OwnerGraph};
///
/// async fn of_workloads(client: kube::Client) -> Result<OwnerGraph, Error> {
///     OwnerGraph::builder(client).kinds(["deployments", "replicasets", "pods"]).load().await
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is asked for before it is loaded"]
pub struct Builder {
    kinds: Kinds,
    namespace: Option<String>,
    only: Vec<String>,
    without: Vec<String>,
    page_size: u32,
    concurrency: usize,
}

/// A list that is being read.
struct Reading {
    list: List,
    /// Why that of all namespaces could not be had.
    refused: Option<Cause>,
    token: Option<String>,
}

impl Builder {
    /// With kinds that are known already, or are to be shared.
    ///
    /// ```
    /// use kube_ext::owners::{Builder, Kinds};
    ///
    /// fn of_web(kinds: &Kinds) -> Builder {
    ///     Builder::new(kinds.clone()).namespace("web")
    /// }
    /// ```
    pub fn new(kinds: Kinds) -> Self {
        let (only, without) = (Vec::new(), Vec::new());
        Self { kinds, namespace: None, only, without, page_size: 500, concurrency: 16 }
    }

    /// Only what is in this namespace. What is in none is not listed then: an owner that is in none is known by name.
    ///
    /// ```
    /// # use kube_ext::owners::Builder;
    /// fn of_web(builder: Builder) -> Builder {
    ///     builder.namespace("web")
    /// }
    /// ```
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only objects of these kinds, by any name that kubectl takes for them ([`Kind::is_called`]); all kinds that can be listed unless
    /// told otherwise, in the versions that the server prefers, and core events, not those of `events.k8s.io`, which are the same.
    ///
    /// ```
    /// # use kube_ext::owners::Builder;
    /// fn of_jobs(builder: Builder) -> Builder {
    ///     builder.kinds(["cronjobs", "jobs.batch", "po"])
    /// }
    /// ```
    pub fn kinds<K: Into<String>>(mut self, kinds: impl IntoIterator<Item = K>) -> Self {
        self.only.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// No objects of these kinds.
    ///
    /// ```
    /// # use kube_ext::owners::Builder;
    /// fn without_events(builder: Builder) -> Builder {
    ///     builder.exclude(["events"])
    /// }
    /// ```
    pub fn exclude<K: Into<String>>(mut self, kinds: impl IntoIterator<Item = K>) -> Self {
        self.without.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// How many objects to ask for at once; 0 for all of a kind. 500 unless told otherwise, as kubectl.
    ///
    /// ```
    /// # use kube_ext::owners::Builder;
    /// fn in_small_pages(builder: Builder) -> Builder {
    ///     builder.page_size(100)
    /// }
    /// ```
    pub fn page_size(mut self, objects: u32) -> Self {
        self.page_size = objects;
        self
    }

    /// How many lists are read at the same time, of which a page is held each: 16 unless told otherwise.
    ///
    /// ```
    /// # use kube_ext::owners::Builder;
    /// fn gently(builder: Builder) -> Builder {
    ///     builder.concurrency(2)
    /// }
    /// ```
    pub fn concurrency(mut self, lists: usize) -> Self {
        self.concurrency = lists.max(1);
        self
    }

    /// Lists the metadata of all that is meant, each page once, and joins it.
    ///
    /// Where a kind may not be listed in all namespaces, it is listed in the client's own. What cannot be listed, for whatever reason, is
    /// in [`OwnerGraph::gaps`], and the rest is there all the same. kube's client tries again what the server is too busy for; a page that
    /// has not come after a minute is given up.
    ///
    /// # Errors
    /// If the server cannot be asked for its kinds, or does not serve one that was asked for ([`Cause::UnknownKind`]).
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing is left.
    ///
    /// ```
    /// use kube_ext::owners::{Error, OwnerGraph};
    ///
    /// async fn gaps(client: kube::Client) -> Result<usize, Error> {
    ///     Ok(OwnerGraph::builder(client).load().await?.gaps().len())
    /// }
    /// ```
    pub async fn load(self) -> Result<OwnerGraph, Error> {
        let catalog = self.kinds.young().await?;
        let mut joiner = Joiner::new(catalog.clone());
        let mut gaps: Vec<_> = catalog.stale.iter().map(|what| stale(what)).collect();
        let mut lists = self.lists(&catalog)?.into_iter();
        let mut running = FuturesUnordered::new();
        loop {
            let room = self.concurrency.saturating_sub(running.len());
            let new = lists.by_ref().take(room);
            running.extend(new.map(|list| Reading { list, refused: None, token: None }.page()));
            let Some((reading, page)) = running.next().await else { break };
            running.extend(self.take(reading, page, &mut joiner, &mut gaps).map(Reading::page));
        }
        gaps.sort_by(|one, other| one.what.cmp(&other.what));
        let mut graph = joiner.finish();
        graph.gaps = gaps;
        Ok(graph)
    }

    /// Takes a page, or takes down why there is none. What is to be read next, if there is more.
    fn take(
        &self,
        mut reading: Reading,
        page: Result<Page, Cause>,
        joiner: &mut Joiner,
        gaps: &mut Vec<Gap>,
    ) -> Option<Reading> {
        let kind = reading.list.kind.clone();
        let read = page.and_then(|page| {
            let items = page.read()?;
            let next = items.next();
            items.items.into_iter().for_each(|item| joiner.object(&kind, item.metadata));
            Ok(next)
        });
        let cause = match read {
            Ok(Some(token)) => {
                reading.token = Some(token);
                return Some(reading);
            }
            Ok(None) => {
                joiner.is_listed(&kind, reading.list.namespace.as_ref());
                if let Some(cause) = reading.refused {
                    let only = reading.list.namespace.as_deref().map(ToOwned::to_owned);
                    gaps.push(Gap { what: kind.to_string(), namespace: None, only, cause });
                }
                return None;
            }
            Err(cause) => cause,
        };
        if is_expired(&cause) && reading.token.take().is_some() {
            // As client-go's pager: all of it at once, what is known already included.
            reading.list.page_size = 0;
            return Some(reading);
        }
        if matches!(cause, Cause::Forbidden { .. }) && kind.is_namespaced && reading.list.namespace.is_none()
        {
            reading.list.namespace = Some(self.kinds.client().default_namespace().into());
            (reading.refused, reading.token) = (Some(cause), None);
            return Some(reading);
        }
        let cause = reading.refused.unwrap_or(cause);
        gaps.push(Gap { what: kind.to_string(), namespace: self.namespace.clone(), only: None, cause });
        None
    }

    /// What is to be listed.
    fn lists(&self, catalog: &Catalog) -> Result<Vec<List>, Error> {
        let is_one_of = |kind: &Kind, names: &[String]| names.iter().any(|name| kind.is_called(name));
        let mut names = self.only.iter().chain(&self.without);
        if let Some(name) = names.find(|name| !catalog.preferred.iter().any(|kind| kind.is_called(name))) {
            return Err(Error::new(format!("kind {name}"), Cause::UnknownKind));
        }
        let is_meant = |kind: &&Arc<Kind>| {
            let is_named = if self.only.is_empty() { !is_copy(kind) } else { is_one_of(kind, &self.only) };
            is_named
                && kind.is_listable()
                // Nobody would answer, and kube's client would try again for minutes.
                && !catalog.stale.contains(&kind.resource.api_version)
                && !is_one_of(kind, &self.without)
                && (kind.is_namespaced || self.namespace.is_none())
        };
        let namespace: Option<Arc<str>> = self.namespace.as_deref().map(Into::into);
        let list = |kind: &Arc<Kind>| List {
            client: self.kinds.client().clone(),
            kind: kind.clone(),
            namespace: namespace.clone(),
            page_size: self.page_size,
        };
        Ok(catalog.preferred.iter().filter(is_meant).map(list).collect())
    }
}

impl Reading {
    async fn page(self) -> (Self, Result<Page, Cause>) {
        let page = self.list.page(self.token.clone()).await;
        (self, page)
    }
}

/// Core events are served again by their own group.
fn is_copy(kind: &Kind) -> bool {
    kind.resource.group == "events.k8s.io" && kind.resource.plural == "events"
}

fn is_expired(cause: &Cause) -> bool {
    matches!(cause, Cause::Request { source: kube::Error::Api(status) } if status.code == 410)
}

fn stale(what: &str) -> Gap {
    let reason = "the server that serves it does not answer".to_owned();
    Gap { what: what.to_owned(), namespace: None, only: None, cause: Cause::Lost { reason } }
}

#[cfg(test)]
mod tests {
    use kube::{Client, Config};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_is_listed() {
        let resource = |plural: &str, kind: &str, verbs: &[&str]| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": verbs, "shortNames": [plural[..1]]});
        let group = |name: &str, versions: serde_json::Value| json!({"metadata": {"name": name}, "versions": versions});
        let mut catalog = Catalog::default();
        for group in [
            group(
                "",
                json!([{"version": "v1", "resources": [resource("events", "Event", &["list"]), resource("bindings", "Binding", &["create"])]}]),
            ),
            group(
                "events.k8s.io",
                json!([{"version": "v1", "resources": [resource("events", "Event", &["list"])]}]),
            ),
            group(
                "metrics.k8s.io",
                json!([{"version": "v1", "freshness": "Stale", "resources": [resource("pods", "PodMetrics", &["list"])]}]),
            ),
            group(
                "two.example",
                json!([
                    {"version": "v2", "resources": [resource("widgets", "Widget", &["list"])]},
                    {"version": "v1", "resources": [resource("widgets", "Widget", &["list"]), resource("gadgets", "Gadget", &["list"])]},
                ]),
            ),
        ] {
            catalog.add_group(serde_json::from_value(group).unwrap());
        }
        let client = Client::try_from(Config::new("http://localhost:1".parse().unwrap())).unwrap();
        let builder = Builder::new(Kinds::new(client));
        let listed = |builder: &Builder| -> Vec<String> {
            let lists = builder.lists(&catalog).unwrap();
            lists.iter().map(|list| format!("{} {}", list.kind, list.kind.resource.version)).collect()
        };
        assert_eq!(listed(&builder), ["events v1", "widgets.two.example v2", "gadgets.two.example v1"]);
        assert_eq!(catalog.stale, ["metrics.k8s.io/v1"]);
        // Who asks for the copy gets it.
        assert_eq!(
            listed(&builder.clone().kinds(["events.events.k8s.io", "g"])),
            ["events.events.k8s.io v1", "gadgets.two.example v1"]
        );
        assert_eq!(
            listed(&builder.exclude(["events"])),
            ["widgets.two.example v2", "gadgets.two.example v1"]
        );
    }
}
