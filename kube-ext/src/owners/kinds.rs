//! The kinds that a server serves, asked for once.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kube::{
    Client,
    api::{ApiResource, GroupVersionKind},
    core::{
        discovery::v2::{APIGroupDiscovery, APIResourceDiscovery},
        gvk::GroupVersion,
    },
};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::{Cause, Error},
    legacy,
    list::{Depth, PATIENCE},
};
use crate::server;

/// How old an answer must be before a kind that it does not have is asked for again.
const YOUNG: Duration = Duration::from_secs(10);

/// A kind of objects that a server serves.
///
/// ```
/// fn title(kind: &kube_ext::owners::Kind) -> String {
///     format!("{} {}", kind.resource.api_version, kind.resource.kind)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kind {
    /// Its group, version, kind and plural.
    pub resource: ApiResource,
    /// Its objects are in namespaces.
    pub is_namespaced: bool,
    verbs: Vec<String>,
    has_status: bool,
    /// The singular, and short names.
    names: Vec<String>,
}

impl Kind {
    fn new(group: &str, version: &str, resource: APIResourceDiscovery) -> Option<Self> {
        let (plural, kind) = (resource.resource?, resource.response_kind?);
        // The kind may be of another version than the resource.
        let group = kind.group.as_deref().filter(|group| !group.is_empty()).unwrap_or(group);
        let version = kind.version.as_deref().filter(|version| !version.is_empty()).unwrap_or(version);
        let gvk = GroupVersionKind::gvk(group, version, &kind.kind?);
        let names = resource.singular_resource.into_iter().chain(resource.short_names).collect();
        Some(Self {
            resource: ApiResource::from_gvk_with_plural(&gvk, &plural),
            is_namespaced: resource.scope.as_deref() == Some("Namespaced"),
            verbs: resource.verbs,
            has_status: resource.subresources.iter().any(|it| it.subresource.as_deref() == Some("status")),
            names,
        })
    }

    /// One that the server does not serve, as far as is known.
    pub(super) fn unknown(gvk: &GroupVersionKind) -> Self {
        let mut resource = ApiResource::from_gvk(gvk);
        if gvk.version.is_empty() {
            resource.api_version.clone_from(&gvk.group);
        }
        Self { resource, is_namespaced: true, verbs: Vec::new(), has_status: false, names: Vec::new() }
    }

    /// How much of an object there must be to know its status. Objects of Kubernetes' own kinds that have none are what they are; a custom
    /// resource may have one without a subresource for it.
    pub(super) fn depth_of_status(&self) -> Depth {
        if self.is_own() && !self.has_status { Depth::Metadata } else { Depth::Whole }
    }

    /// Of a group of Kubernetes itself, or one that its reviewers have seen.
    pub(super) fn is_own(&self) -> bool {
        !self.resource.group.contains('.') || self.resource.group.ends_with(".k8s.io")
    }

    /// Whether its objects can be watched.
    pub(super) fn is_watchable(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "watch")
    }

    /// Of another version at most.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (one, other) = (&self.resource, &other.resource);
        (&one.group, &one.plural) == (&other.group, &other.plural)
    }

    /// A user or a group, of which there are no objects.
    pub(super) fn is_subject(&self) -> bool {
        self.resource.group == "rbac.authorization.k8s.io" && matches!(&*self.resource.kind, "User" | "Group")
    }

    /// Whether its objects can be listed.
    ///
    /// ```
    /// fn count(kinds: &[kube_ext::owners::Kind]) -> usize {
    ///     kinds.iter().filter(|kind| kind.is_listable()).count()
    /// }
    /// ```
    pub fn is_listable(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "list")
    }

    /// Whether that is what kubectl would take the name for: plural, singular, short name or kind, with a group and a version or
    /// without, as `deployments`, `deploy`, `Deployment.apps`, `deployments.v1.apps`.
    ///
    /// ```
    /// fn is_meant(kind: &kube_ext::owners::Kind) -> bool {
    ///     kind.is_called("deploy")
    /// }
    /// ```
    pub fn is_called(&self, name: &str) -> bool {
        let (name, place) = name.split_once('.').map_or((name, None), |(name, place)| (name, Some(place)));
        let ApiResource { group, version, kind, plural, .. } = &self.resource;
        let is_there = place.is_none_or(|place| {
            let rest = place.strip_prefix(version.as_str()).and_then(|rest| rest.strip_prefix('.'));
            place == group || rest == Some(group)
        });
        let mut names = self.names.iter().chain([kind, plural]);
        is_there && names.any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// As kubectl names a kind: `deployments.apps`, `pods`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource.plural)?;
        if self.resource.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.resource.group) }
    }
}

/// What kinds there are, by one discovery that all who have a clone of this share.
///
/// It is made when it is first needed, with two requests (aggregated discovery, KEP-3352), and again if a kind is asked for that was
/// not there ten seconds ago or earlier, since CRDs come at any time. Of a server before 1.27 each version of each group is asked for. An
/// answer that has not come after a minute is an error.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use kube_ext::{fake::FakeCluster, owners::Kinds};
///
/// let cluster = FakeCluster::builder().start().await?;
/// let kinds = Kinds::new(cluster.client()?);
/// let deployments = kinds.find("deploy").await?;
/// assert_eq!(deployments.to_string(), "deployments.apps");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Kinds {
    client: Client,
    /// The last answer.
    known: Arc<Mutex<Option<Found>>>,
    /// Who asks has it.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// A catalog, and since when it has been asked for.
type Found = (Instant, Arc<Catalog>);

impl Kinds {
    /// Asks nothing yet.
    ///
    /// ```
    /// # let _ = kube_ext::owners::Kinds::new;
    /// ```
    pub fn new(client: Client) -> Self {
        Self { client, known: Arc::default(), asking: Arc::default() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The kind of that name, as [`Kind::is_called`] says; if several are, a core one, then the one whose group comes first in the
    /// alphabet.
    ///
    /// # Errors
    /// [`Cause::UnknownKind`] if there is none, and [`Cause::Request`] or the like if the server cannot be asked.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// ```
    /// async fn plural(kinds: &kube_ext::owners::Kinds) -> Result<String, kube_ext::owners::Error> {
    ///     Ok(kinds.find("sts").await?.resource.plural)
    /// }
    /// ```
    pub async fn find(&self, name: &str) -> Result<Kind, Error> {
        match self.look(|catalog| catalog.called(name).cloned()).await? {
            Some(kind) => Ok(Kind::clone(&kind)),
            None => Err(Error::new(format!("kind {name}"), Cause::UnknownKind)),
        }
    }

    /// The kind that a reference names.
    pub(super) async fn of_reference(&self, gvk: &GroupVersionKind) -> Result<Option<Arc<Kind>>, Error> {
        self.look(|catalog| catalog.of(gvk).cloned()).await
    }

    /// Looks for something, and once more in a new catalog if it is not in one that is no longer young.
    async fn look<T>(&self, look: impl Fn(&Catalog) -> Option<T>) -> Result<Option<T>, Error> {
        let (since, catalog) = self.current(Duration::MAX).await?;
        let found = look(&catalog);
        if found.is_some() || since.elapsed() < YOUNG {
            return Ok(found);
        }
        Ok(look(&self.current(YOUNG).await?.1))
    }

    /// What there is, no older than ten seconds.
    pub(super) async fn young(&self) -> Result<Arc<Catalog>, Error> {
        Ok(self.current(YOUNG).await?.1)
    }

    /// What there is now.
    pub(super) async fn fresh(&self) -> Result<Arc<Catalog>, Error> {
        Ok(self.current(Duration::ZERO).await?.1)
    }

    /// What there is, no older than that; all who ask at the same time wait for the same answer.
    async fn current(&self, age: Duration) -> Result<Found, Error> {
        if let Some(known) = self.known(age) {
            return Ok(known);
        }
        // In a task: who waits may not be polled for a while, and others wait for the same.
        let asked = AbortOnDropHandle::new(tokio::spawn(self.clone().ask(age)));
        let found = match timeout(PATIENCE, asked).await {
            Ok(Ok(found)) => found.map_err(Cause::of),
            Ok(Err(end)) => Err(Cause::Lost { reason: end.to_string() }),
            Err(_) => Err(Cause::late()),
        };
        found.map_err(|cause| Error::new("discovery".to_owned(), cause))
    }

    fn known(&self, age: Duration) -> Option<Found> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(since, _)| since.elapsed() < age).cloned()
    }

    async fn ask(self, age: Duration) -> kube::Result<Found> {
        let _asking = self.asking.lock().await;
        if let Some(known) = self.known(age) {
            return Ok(known);
        }
        let since = Instant::now();
        let found = server::again(|| Catalog::discover(&self.client)).await?;
        let found = (since, Arc::new(found));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }
}

/// What the type fields of an object or of a reference name.
pub(super) fn gvk(api_version: &str, kind: &str) -> Option<GroupVersionKind> {
    Some(api_version.parse::<GroupVersion>().ok()?.with_kind(kind))
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinds").finish_non_exhaustive()
    }
}

/// What a server serves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Catalog {
    /// A kind of each resource, in the version that the server prefers: core ones first, then by group and plural.
    pub(super) preferred: Vec<Arc<Kind>>,
    by_type: HashMap<GroupVersionKind, Arc<Kind>>,
    /// Groups with their versions of which the server knows no more than what was: who serves them does not answer.
    pub(super) stale: Vec<String>,
}

impl Catalog {
    async fn discover(client: &Client) -> kube::Result<Self> {
        let (core, others) = tokio::try_join!(
            client.list_core_api_versions_aggregated(),
            client.list_api_groups_aggregated()
        )?;
        let mut catalog = Self::default();
        let groups = core.items.into_iter().chain(others.items);
        groups.for_each(|group| catalog.add_group(group));
        if catalog.by_type.is_empty() {
            // A server before 1.27 takes them for other lists, without any of these.
            legacy::discover(client).await?.into_iter().for_each(|group| catalog.add_group(group));
        }
        let place = |kind: &Arc<Kind>| (kind.resource.group.clone(), kind.resource.plural.clone());
        catalog.preferred.sort_by_cached_key(place);
        Ok(catalog)
    }

    pub(super) fn add_group(&mut self, group: APIGroupDiscovery) {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        let mut versions = Vec::new();
        for of_version in group.versions {
            let version = of_version.version.unwrap_or_default();
            if of_version.freshness.as_deref() == Some("Stale") {
                self.stale.push(GroupVersion::gv(&name, &version).api_version());
            }
            let resources = of_version.resources.into_iter();
            versions.push(resources.filter_map(|it| Kind::new(&name, &version, it)).collect());
        }
        self.add_versions(versions);
    }

    /// Adds the kinds of a group by version, that which the server prefers first.
    fn add_versions(&mut self, versions: Vec<Vec<Kind>>) {
        let mut seen = HashSet::new();
        for kind in versions.into_iter().flatten().map(Arc::new) {
            let ApiResource { group, version, kind: name, plural, .. } = &kind.resource;
            self.by_type.entry(GroupVersionKind::gvk(group, version, name)).or_insert_with(|| kind.clone());
            if seen.insert((group.clone(), plural.clone())) {
                self.preferred.push(kind);
            }
        }
    }

    /// The first kind that is called so; in another version than the preferred one if it is called by that.
    pub(super) fn called(&self, name: &str) -> Option<&Arc<Kind>> {
        let others = || {
            let others = self.by_type.values().filter(|kind| kind.is_called(name));
            others.min_by_key(|kind| (&kind.resource.api_version, &kind.resource.plural))
        };
        self.preferred.iter().find(|kind| kind.is_called(name)).or_else(others)
    }

    pub(super) fn of(&self, gvk: &GroupVersionKind) -> Option<&Arc<Kind>> {
        self.by_type.get(gvk)
    }
}
