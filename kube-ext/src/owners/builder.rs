//! Which objects a graph has, and how they are listed.

use std::sync::Arc;

use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{
    error::{Cause, Error},
    follow::Origin,
    gap::Gap,
    graph::OwnerGraph,
    join::Joiner,
    kinds::{Catalog, Kind, Kinds},
    list::{Depth, List},
    reading::{Reading, Turn},
    relation::{Relation, Relations},
    source::Place,
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
    pub(super) kinds: Kinds,
    namespace: Option<String>,
    only: Vec<String>,
    without: Vec<String>,
    relations: Relations,
    has_status: bool,
    page_size: u32,
    pub(super) concurrency: usize,
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
        Self {
            kinds,
            namespace: None,
            only: Vec::new(),
            without: Vec::new(),
            relations: Relations::default(),
            has_status: false,
            page_size: 500,
            concurrency: 16,
        }
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

    /// Only objects of these kinds, by any name that kubectl takes for them ([`Kinds::find`]); all kinds that can be listed unless
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

    /// No objects of kinds that are [called](Kind::is_called) so, if there are any.
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

    /// These relations beside owner references; none unless told otherwise. They are edges with a
    /// [`relation`](crate::owners::Edge::relation), which [`OwnerGraph::relations`] has.
    ///
    /// Whole objects are listed of those kinds whose metadata does not say it, as pods. A relation of objects that are not in the graph is not
    /// either; one to objects that are not is, and leads to a node that is known by its name.
    ///
    /// ```
    /// # use kube_ext::owners::{Builder, Relation};
    /// fn with_volumes(builder: Builder) -> Builder {
    ///     builder.relations([Relation::Claim, Relation::Volume])
    /// }
    /// fn with_all(builder: Builder) -> Builder {
    ///     builder.relations(Relation::all())
    /// }
    /// ```
    pub fn relations(mut self, relations: impl IntoIterator<Item = Relation>) -> Self {
        self.relations.extend(relations);
        self
    }

    /// With the [status](crate::owners::Node::status) of each object. Of kinds that have one, whole objects are listed then; for a few objects of a
    /// large graph, [`OwnerGraph::load_status`] is less.
    ///
    /// ```
    /// # use kube_ext::owners::Builder;
    /// fn with_status(builder: Builder) -> Builder {
    ///     builder.status()
    /// }
    /// ```
    pub fn status(mut self) -> Self {
        self.has_status = true;
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
        self.check(&catalog)?;
        let mut joiner = Joiner::new(catalog.clone(), self.relations.clone(), self.has_status);
        let mut gaps: Vec<_> = catalog.stale.iter().map(|what| Gap::stale(what)).collect();
        let mut lists = self.lists(&catalog).into_iter();
        let (mut running, mut read) = (FuturesUnordered::new(), Vec::new());
        loop {
            let room = self.concurrency.saturating_sub(running.len());
            running.extend(lists.by_ref().take(room).map(|list| Reading::new(list).page()));
            let Some((mut reading, page)) = running.next().await else { break };
            let place = match reading.take(page, &mut joiner) {
                Turn::More | Turn::Anew => {
                    running.push(reading.page());
                    continue;
                }
                Turn::Done(version) => {
                    gaps.extend(reading.narrowed());
                    Some(Place { list: reading.list.clone(), version })
                }
                Turn::Failed(cause) => {
                    gaps.push(reading.gap(cause));
                    None
                }
            };
            read.push((reading.meant(), place));
        }
        joiner.settle();
        gaps.sort_by(|one, other| one.what.cmp(&other.what));
        let mut graph = std::mem::take(&mut joiner.graph);
        graph.gaps = gaps;
        graph.origin = Some(Box::new(Origin { joiner, builder: Some(self), catalog, lists: read }));
        Ok(graph)
    }

    /// Whether the server serves all kinds that are asked for.
    fn check(&self, catalog: &Catalog) -> Result<(), Error> {
        match self.only.iter().find(|name| catalog.called(name).is_none()) {
            Some(name) => Err(Error::new(format!("kind {name}"), Cause::UnknownKind)),
            None => Ok(()),
        }
    }

    /// What is to be listed.
    pub(super) fn lists(&self, catalog: &Catalog) -> Vec<List> {
        let named = if self.only.is_empty() {
            catalog.preferred.iter().filter(|kind| !is_copy(kind)).collect()
        } else {
            let mut named: Vec<_> = self.only.iter().filter_map(|name| catalog.called(name)).collect();
            named.sort_by_key(|kind| (&kind.resource.group, &kind.resource.plural));
            // In two versions it is the same.
            named.dedup_by(|one, other| one.is_same(other));
            named
        };
        let is_excluded = |kind: &Kind| self.without.iter().any(|name| kind.is_called(name));
        let is_meant = |kind: &&Arc<Kind>| {
            kind.is_listable()
                // Nobody would answer, and kube's client would try again for minutes.
                && !catalog.stale.contains(&kind.resource.api_version)
                && !is_excluded(kind)
                && (kind.is_namespaced || self.namespace.is_none())
        };
        let namespace: Option<Arc<str>> = self.namespace.as_deref().map(Into::into);
        let list = |kind: &Arc<Kind>| self.list(kind, namespace.clone());
        named.into_iter().filter(is_meant).map(list).collect()
    }

    pub(super) fn list(&self, kind: &Arc<Kind>, namespace: Option<Arc<str>>) -> List {
        let (client, page_size) = (self.kinds.client().clone(), self.page_size);
        List { client, kind: kind.clone(), namespace, page_size, depth: self.depth(kind) }
    }

    /// How much is to be read of a kind for what is wanted.
    fn depth(&self, kind: &Kind) -> Depth {
        let of_relations = self.relations.depth(&kind.resource.group, &kind.resource.plural);
        if self.has_status { of_relations.max(kind.depth_of_status()) } else { of_relations }
    }
}

/// Core events are served again by their own group.
fn is_copy(kind: &Kind) -> bool {
    kind.resource.group == "events.k8s.io" && kind.resource.plural == "events"
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
            let lists = builder.lists(&catalog);
            lists.iter().map(|list| format!("{} {}", list.kind, list.kind.resource.version)).collect()
        };
        assert_eq!(listed(&builder), ["events v1", "widgets.two.example v2", "gadgets.two.example v1"]);
        assert_eq!(catalog.stale, ["metrics.k8s.io/v1"]);
        // Who asks for the copy gets it.
        assert_eq!(
            listed(&builder.clone().kinds(["events.events.k8s.io", "g"])),
            ["events.events.k8s.io v1", "gadgets.two.example v1"]
        );
        // A version by its name; of two versions that which is named first.
        assert_eq!(
            listed(&builder.clone().kinds(["widgets.v1.two.example", "widgets", "gadgets"])),
            ["gadgets.two.example v1", "widgets.two.example v1"]
        );
        assert_eq!(
            listed(&builder.exclude(["events"])),
            ["widgets.two.example v2", "gadgets.two.example v1"]
        );
    }
}
