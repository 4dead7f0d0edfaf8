//! From an object up to its owners.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::Arc,
};

use futures::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture, stream, stream::FuturesUnordered};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{
    Resource, ResourceExt as _,
    api::{DynamicObject, GetParams, PartialObjectMeta, Request},
};

use super::{
    error::{Cause, Error},
    kinds::{self, Kind, Kinds},
    list::{PATIENCE, or_whole},
};
use crate::server;

/// How many owners are asked for at the same time.
const CONCURRENCY: usize = 16;

/// An owner, found by a reference to it.
///
/// ```
/// fn show(owner: &kube_ext::owners::Owner) {
///     println!("{:width$}{owner}", "", width = 2 * owner.depth);
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Owner {
    /// Its kind.
    pub kind: Kind,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// How many steps up it is from where the walk began: 1 for an owner, 2 for an owner of that.
    pub depth: usize,
    /// Whether it is the controller of what it owns.
    pub is_controller: bool,
}

/// As `kubectl tree` names it: `ReplicaSet/web-5d4f8c7b9`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        write!(f, "{}/{name}", self.kind.resource.kind)
    }
}

/// The owners of an object: those that its owner references name, and their owners.
///
/// A reference counts as the garbage collector takes it (`pkg/controller/garbagecollector`): the owner is the object of that kind and
/// name in the object's namespace, or in none if its kind is of that sort, and it must have the uid.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let web = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web, uid: 00000000-0000-4000-8000-000000000001}}";
/// # let owned = "{apiVersion: v1, kind: ConfigMap, metadata: {name: web-1, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: web, uid: 00000000-0000-4000-8000-000000000001}]}}";
/// # let cluster = FakeCluster::builder().yaml(web).yaml(owned).start().await?;
/// # let client = cluster.client()?;
/// use futures::StreamExt;
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::Api;
/// use kube_ext::owners::{Kinds, OwnersExt};
///
/// let object = Api::<ConfigMap>::default_namespaced(client.clone()).get("web-1").await?;
/// let kinds = Kinds::new(client);
/// let mut owners = object.owners(&kinds);
/// while let Some(owner) = owners.next().await {
///     match owner {
///         Ok(owner) => println!("{owner}"),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// assert_eq!(object.root_owner(&kinds).await?.map(|it| it.to_string()), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait OwnersExt: private::Sealed {
    /// Its owners, their owners and so on, as they are found; each once, with one request for its metadata, 16 at a time. One that cannot be
    /// had is an item of its own, and the others go on. Circles are ended: what has been there does not come again, nor the object itself.
    ///
    /// # Cancel safety
    /// Between two items nothing is lost.
    ///
    /// ```
    /// use futures::{StreamExt, future::ready};
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::owners::{Kinds, OwnersExt};
    ///
    /// async fn are_all_there(pod: &Pod, kinds: &Kinds) -> bool {
    ///     pod.owners(kinds).all(|owner| ready(owner.is_ok())).await
    /// }
    /// ```
    fn owners(&self, kinds: &Kinds) -> impl Stream<Item = Result<Owner, Error>> + Send + Unpin + 'static;

    /// Its controller: the owner that is responsible for it. None if it has none.
    ///
    /// # Errors
    /// If its controller cannot be had.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::owners::{Error, Kinds, OwnersExt};
    ///
    /// async fn is_of_a_job(pod: &Pod, kinds: &Kinds) -> Result<bool, Error> {
    ///     Ok(pod.controller_of(kinds).await?.is_some_and(|it| it.kind.resource.kind == "Job"))
    /// }
    /// ```
    fn controller_of(&self, kinds: &Kinds) -> impl Future<Output = Result<Option<Owner>, Error>> + Send;

    /// The first of its controllers: that of its controller's controller and so on, as the Deployment of a pod. None if it has none.
    ///
    /// # Errors
    /// If one of them cannot be had, or they go round in a circle ([`Cause::Circle`]).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::owners::{Error, Kinds, OwnersExt};
    ///
    /// async fn workload(pod: &Pod, kinds: &Kinds) -> Result<Option<String>, Error> {
    ///     Ok(pod.root_owner(kinds).await?.map(|owner| owner.to_string()))
    /// }
    /// ```
    fn root_owner(&self, kinds: &Kinds) -> impl Future<Output = Result<Option<Owner>, Error>> + Send;
}

mod private {
    pub trait Sealed {}
    impl<K: kube::Resource> Sealed for K {}
}

impl<K: Resource> OwnersExt for K {
    fn owners(&self, kinds: &Kinds) -> impl Stream<Item = Result<Owner, Error>> + Send + Unpin + 'static {
        let start = (self.uid(), self.name_any());
        let mut walk = Walk {
            kinds: kinds.clone(),
            start,
            waiting: VecDeque::new(),
            named: HashSet::new(),
            asked: HashSet::new(),
        };
        walk.add(self.meta(), 1);
        walk.run().boxed()
    }

    fn controller_of(&self, kinds: &Kinds) -> impl Future<Output = Result<Option<Owner>, Error>> + Send {
        let (step, kinds) = (controller(self.meta(), 1), kinds.clone());
        async move {
            match step {
                Some(step) => step.take(&kinds).await.map(Some),
                None => Ok(None),
            }
        }
    }

    fn root_owner(&self, kinds: &Kinds) -> impl Future<Output = Result<Option<Owner>, Error>> + Send {
        let mut next = controller(self.meta(), 1);
        let (mut seen, kinds) = (HashSet::from([self.uid()]), kinds.clone());
        async move {
            let mut found: Option<Owner> = None;
            while let Some(step) = next {
                let what = step.to_string();
                let owner = step.take(&kinds).await?;
                if !seen.insert(owner.metadata.uid.clone()) {
                    return Err(Error::new(what, Cause::Circle));
                }
                next = controller(&owner.metadata, owner.depth + 1);
                found = Some(owner);
            }
            Ok(found)
        }
    }
}

fn controller(metadata: &ObjectMeta, depth: usize) -> Option<Step> {
    let mut references = metadata.owner_references.iter().flatten();
    let reference = references.find(|reference| reference.controller == Some(true))?;
    Some(Step::new(metadata, reference, depth))
}

/// A reference that is to be followed.
#[derive(Debug)]
struct Step {
    reference: OwnerReference,
    /// Of what has the reference.
    namespace: Option<String>,
    name: String,
    depth: usize,
}

/// All that a reference says, and the namespace. Once the kind is known: group and plural, and the namespace if objects are in one.
type Identity = (String, String, String, String, Option<String>);

/// What has come of a step.
enum Found {
    /// Of which kind the owner is.
    Kind(Step, Arc<Kind>),
    Owner(Box<Result<Owner, Error>>),
}

struct Walk {
    kinds: Kinds,
    /// The uid and the name of the object itself, which does not come.
    start: (Option<String>, String),
    waiting: VecDeque<Step>,
    /// What has been named, and what has been asked for: an owner may be named in several ways.
    named: HashSet<Identity>,
    asked: HashSet<Identity>,
}

impl Walk {
    fn add(&mut self, metadata: &ObjectMeta, depth: usize) {
        for reference in metadata.owner_references.iter().flatten() {
            let step = Step::new(metadata, reference, depth);
            let is_start = (Some(&reference.uid), &reference.name) == (self.start.0.as_ref(), &self.start.1);
            if !is_start && self.named.insert(step.named()) {
                self.waiting.push_back(step);
            }
        }
    }

    fn run(self) -> impl Stream<Item = Result<Owner, Error>> + Send {
        let running = FuturesUnordered::<BoxFuture<'static, Found>>::new();
        stream::unfold((self, running), |(mut walk, mut running)| async move {
            loop {
                while running.len() < CONCURRENCY
                    && let Some(step) = walk.waiting.pop_front()
                {
                    let kinds = walk.kinds.clone();
                    running.push(async move { step.find(&kinds).await }.boxed());
                }
                match running.next().await? {
                    Found::Kind(step, kind) => {
                        if walk.asked.insert(step.identity(&kind)) {
                            let kinds = walk.kinds.clone();
                            running.push(
                                async move { Found::Owner(Box::new(step.read(&kinds, &kind).await)) }.boxed(),
                            );
                        }
                    }
                    Found::Owner(owner) => {
                        if let Ok(owner) = &*owner {
                            walk.add(&owner.metadata, owner.depth + 1);
                        }
                        return Some((*owner, (walk, running)));
                    }
                }
            }
        })
    }
}

impl Step {
    fn new(metadata: &ObjectMeta, reference: &OwnerReference, depth: usize) -> Self {
        Self {
            reference: reference.clone(),
            namespace: metadata.namespace.clone().filter(|namespace| !namespace.is_empty()),
            name: metadata.name.clone().unwrap_or_default(),
            depth,
        }
    }

    fn named(&self) -> Identity {
        let OwnerReference { api_version, kind, name, uid, .. } = self.reference.clone();
        (api_version, kind, name, uid, self.namespace.clone())
    }

    fn identity(&self, kind: &Kind) -> Identity {
        let OwnerReference { name, uid, .. } = self.reference.clone();
        let namespace = self.namespace.clone().filter(|_| kind.is_namespaced);
        (kind.resource.group.clone(), kind.resource.plural.clone(), name, uid, namespace)
    }

    async fn take(self, kinds: &Kinds) -> Result<Owner, Error> {
        match self.find(kinds).await {
            Found::Kind(step, kind) => step.read(kinds, &kind).await,
            Found::Owner(owner) => *owner,
        }
    }

    /// Finds out of which kind it is.
    async fn find(self, kinds: &Kinds) -> Found {
        let failed = |cause| Error::new(self.to_string(), cause);
        let kind = async {
            let OwnerReference { api_version, kind, .. } = &self.reference;
            let gvk = kinds::gvk(api_version, kind).ok_or_else(|| failed(Cause::UnknownKind))?;
            let kind = kinds.of_reference(&gvk).await?.ok_or_else(|| failed(Cause::UnknownKind))?;
            let is_valid = !kind.is_namespaced || self.namespace.is_some();
            if is_valid { Ok(kind) } else { Err(failed(Cause::InvalidNamespace)) }
        };
        match kind.await {
            Ok(kind) => Found::Kind(self, kind),
            Err(error) => Found::Owner(Box::new(Err(error))),
        }
    }

    /// Reads it.
    async fn read(self, kinds: &Kinds, kind: &Kind) -> Result<Owner, Error> {
        let failed = |cause| Error::new(self.to_string(), cause);
        let metadata = self.metadata(kinds, kind).await.map_err(failed)?;
        match metadata.uid.clone().unwrap_or_default() {
            uid if uid == self.reference.uid => {}
            uid => return Err(failed(Cause::OtherUid { uid })),
        }
        let is_controller = self.reference.controller == Some(true);
        Ok(Owner { kind: kind.clone(), metadata, depth: self.depth, is_controller })
    }

    async fn metadata(&self, kinds: &Kinds, kind: &Kind) -> Result<ObjectMeta, Cause> {
        let name = &self.reference.name;
        let invalid = |problem: String| Cause::Invalid { problem };
        if !server::is_segment(name) {
            return Err(invalid(format!("{name:?} is no name of an object")));
        }
        let namespace = self.namespace.as_deref().filter(|_| kind.is_namespaced);
        let path = DynamicObject::url_path(&kind.resource, namespace);
        let request = Request::new(path).get_metadata(name, &GetParams::default()).map(or_whole);
        let request = request.map_err(|error| invalid(error.to_string()))?;
        let ask = server::again(|| kinds.client().request::<PartialObjectMeta>(request.clone()));
        let object = tokio::time::timeout(PATIENCE, ask).await.map_err(|_| Cause::late())?;
        Ok(object.map_err(Cause::of)?.metadata)
    }
}

/// What is done: `owner ReplicaSet default/web-1 of default/web-1-x2x4`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OwnerReference { kind, name: owner, .. } = &self.reference;
        match &self.namespace {
            Some(namespace) => write!(f, "owner {kind} {owner} of {namespace}/{}", self.name),
            None => write!(f, "owner {kind} {owner} of {}", self.name),
        }
    }
}
