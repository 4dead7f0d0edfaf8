//! Typed views of objects, which decode only the fields that they name: `#[derive(Slim)]`.
//!
//! A pod is 12 to 15 KB of JSON, and as a `Pod` it takes 70 to 120 KB of memory. A table of pods needs a name, a node, a phase and
//! a few numbers. A Slim struct names them, by their paths; all else is skipped while the JSON is read, without being allocated.
//! With its metadata it is a [`kube::Resource`], so that `Api`, `watcher`, `reflector` and `Store` take it as they take a `Pod`.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # use kube_ext::fake::FakeCluster;
//! # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {nodeName: node-1, containers: [{name: app}]},
//! #   status: {phase: Running, containerStatuses: [{name: app, image: '', imageID: '', ready: true, restartCount: 3}]}}";
//! # let cluster = FakeCluster::builder().yaml(pod).start().await?;
//! # let client = cluster.client()?;
//! use k8s_openapi::api::core::v1::Pod;
//! use kube::{Api, api::ListParams};
//! use kube_ext::slim::{Interned, Slim, SlimMeta};
//!
//! #[derive(Slim, Clone, Debug)]
//! #[slim(of = Pod)]
//! struct Row {
//!     #[slim(metadata)]
//!     meta: SlimMeta,
//!     #[slim(path = "spec.nodeName")]
//!     node: Option<Interned>,
//!     #[slim(path = "status.phase")]
//!     phase: Option<Interned>,
//!     #[slim(path = "status.containerStatuses[].restartCount", fold = sum)]
//!     restarts: u32,
//! }
//!
//! let rows = Api::<Row>::default_namespaced(client).list(&ListParams::default()).await?;
//! let row = &rows.items[0];
//! assert_eq!((row.meta.name(), row.node.as_deref(), row.restarts), ("web-0", Some("node-1"), 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Paths
//! A path has the names of the JSON: `spec.nodeName`, `status.podIP`. It is checked when the program is compiled, against the type of
//! which the struct is a view: a name that is not there is an error at the attribute, and so is a field whose type does not read what
//! is there ([`View`]). It works for custom resources, too; where the name of a Rust field does not follow from that of the JSON
//! field, `rust = "spec.theField"` beside the path tells it; of types of `k8s-openapi`, which are all with its `DeepMerge`, names are held
//! against those of Kubernetes with it, too.
//!
//! - `labels["app.kubernetes.io/name"]` is an entry of a map.
//! - `containers[]` is each element of a list: the field is a `Vec` or a `Box<[T]>` of all values, those left out that are not there. Or
//!   `fold` makes one value of them: `first`, `sum` (in a field of integers exact, and at the end of its type instead of beyond it), `count`, `any` (of truth values),
//!   `join` (with `separator = ", "`; a comma if it is not told).
//! - A Slim struct without metadata is a part of others: `#[slim(path = "spec.containers[]")] containers: Box<[Container]>`.
//!
//! What is absent or `null` is the default of its type, as in Go; so the types of fields have one. `Option` tells whether it was there.
//! A value is decoded once: no path may lead into one that another field takes whole.
//!
//! # Ready made
//! [`PodSlim`](crate::pod::PodSlim) is a view of a pod; [`NodeSlim`], [`DeploymentSlim`] and [`EventSlim`] are such of other kinds. They have all that
//! [`Columns`](crate::columns::Columns) looks at, and show the same cells as the whole objects.
//!
//! # Writing
//! A view is not [`serde::Serialize`]: written back, it would delete what it did not read. Use patches, or read the whole object first.
//!
//! # Errors
//! A value of the wrong type is an error of the object, as it is for a `Pod`. Any value of the right type is read: a field has room for all of them, or
//! does not compile ([`View`]).

#[doc(hidden)]
pub mod private;

mod check;
mod decode;
mod fold;
mod ident;
mod interned;
mod kinds;
mod meta;
mod shared;
mod view;

use kube::Resource;
pub use kube_ext_derive::Slim;
use serde::de::DeserializeOwned;

pub use self::{
    interned::Interned,
    kinds::{
        DeploymentConditionSlim, DeploymentSlim, EventSlim, EventSourceSlim, NodeAddressSlim,
        NodeConditionSlim, NodeInfoSlim, NodeSlim, ObjectReferenceSlim, SelectorSlim,
    },
    meta::{Controller, SlimMeta},
    shared::Shared,
    view::View,
};

/// A typed view of a resource, which `#[derive(Slim)]` makes of a struct with a field `#[slim(metadata)]`.
///
/// ```
/// use kube_ext::slim::Slim;
///
/// fn names<R: Slim>(rows: &[R]) -> Vec<&str> {
///     rows.iter().map(|row| row.slim_meta().name()).collect()
/// }
/// ```
pub trait Slim: Resource + DeserializeOwned {
    /// Of what it is a view.
    type Of: Resource;

    /// Its metadata.
    ///
    /// ```
    /// fn version<R: kube_ext::slim::Slim>(row: &R) -> Option<String> {
    ///     row.slim_meta().resource_version().map(|version| version.into_owned())
    /// }
    /// ```
    fn slim_meta(&self) -> &SlimMeta;

    /// The same, to have it [shed](SlimMeta::shed) what kube's traits have asked for.
    ///
    /// ```
    /// fn small<R: kube_ext::slim::Slim>(rows: &mut [R]) {
    ///     rows.iter_mut().for_each(|row| row.slim_meta_mut().shed());
    /// }
    /// ```
    fn slim_meta_mut(&mut self) -> &mut SlimMeta;
}
