//! The metadata of a view.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::OnceLock};

use internment::ArcIntern;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use super::{
    Interned, View,
    ident::{Uid, Version},
};

/// What a view keeps of an object's metadata: name, namespace, uid, resourceVersion, creationTimestamp and the controller; labels
/// with `#[slim(metadata, labels)]`.
///
/// It takes 144 bytes and the name. The namespace, the controller and the labels are shared with all objects that have the same.
///
/// `kube::Resource` wants an [`ObjectMeta`], which takes several times as much: it is made when `meta()` is first called, and
/// kept with this value, not with its clones. So kube's `reflector`, which clones an object into its store after it has
/// asked for its name, keeps none; [`shed`](SlimMeta::shed) lets go of it. Ask this type instead where many objects stay in memory.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::slim::{Slim, SlimMeta};
///
/// #[derive(Slim, Clone, Debug)]
/// #[slim(of = Pod)]
/// struct Row {
///     #[slim(metadata, labels)]
///     meta: SlimMeta,
/// }
///
/// let row: Row = serde_json::from_str(r#"{"metadata": {
///     "name": "web-0", "namespace": "default", "labels": {"app": "web"}, "resourceVersion": "7",
///     "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "1", "controller": true}]
/// }}"#)?;
/// assert_eq!((row.meta.name(), row.meta.namespace()), ("web-0", Some("default")));
/// assert_eq!(row.meta.label("app"), Some("web"));
/// assert_eq!(row.meta.controller().map(|owner| &*owner.kind), Some("StatefulSet"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Default)]
pub struct SlimMeta {
    name: Box<str>,
    namespace: Option<Interned>,
    uid: Option<Uid>,
    resource_version: Option<Version>,
    creation_timestamp: Option<Time>,
    controller: Option<ArcIntern<Controller>>,
    labels: Option<ArcIntern<Labels>>,
    /// As kube's traits want it.
    made: OnceLock<Box<ObjectMeta>>,
    /// The same, if somebody may have changed it.
    changed: Option<Box<ObjectMeta>>,
}

type Labels = Box<[(Interned, Interned)]>;

/// The owner that controls an object: the first of its `ownerReferences` with `controller: true`.
///
/// ```
/// fn is_of(meta: &kube_ext::slim::SlimMeta, uid: &str) -> bool {
///     meta.controller().is_some_and(|owner| owner.uid() == uid)
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Controller {
    /// Its group and version.
    pub api_version: Interned,
    /// Its kind.
    pub kind: Interned,
    /// Its name.
    pub name: Interned,
    uid: Uid,
    block_owner_deletion: Option<bool>,
}

impl Controller {
    /// Its uid.
    ///
    /// ```
    /// fn uid(controller: &kube_ext::slim::Controller) -> String {
    ///     controller.uid().into_owned()
    /// }
    /// ```
    pub fn uid(&self) -> Cow<'_, str> {
        self.uid.text()
    }
}

impl SlimMeta {
    /// The name; empty if there is none.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().name(), "");
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace, if it is in one.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().namespace(), None);
    /// ```
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The uid.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().uid(), None);
    /// ```
    pub fn uid(&self) -> Option<Cow<'_, str>> {
        self.uid.as_ref().map(Uid::text)
    }

    /// The version of the object that this is.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().resource_version(), None);
    /// ```
    pub fn resource_version(&self) -> Option<Cow<'_, str>> {
        self.resource_version.as_ref().map(Version::text)
    }

    /// When the object was created.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().creation_timestamp(), None);
    /// ```
    pub fn creation_timestamp(&self) -> Option<&Time> {
        self.creation_timestamp.as_ref()
    }

    /// The owner that controls the object, if there is one.
    ///
    /// ```
    /// assert!(kube_ext::slim::SlimMeta::default().controller().is_none());
    /// ```
    pub fn controller(&self) -> Option<&Controller> {
        self.controller.as_deref()
    }

    /// The labels in the order of their keys, if they are kept.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().labels().count(), 0);
    /// ```
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs().iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of a label, if labels are kept and it is there.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().label("app"), None);
    /// ```
    pub fn label(&self, key: &str) -> Option<&str> {
        let at = self.pairs().binary_search_by(|(has, _)| (**has).cmp(key)).ok()?;
        self.pairs().get(at).map(|(_, value)| &**value)
    }

    fn pairs(&self) -> &[(Interned, Interned)] {
        self.labels.as_deref().map_or(&[], |labels| labels)
    }

    /// It as kube's traits want it, with what is kept; made when it is first asked for.
    ///
    /// ```
    /// assert_eq!(kube_ext::slim::SlimMeta::default().object_meta().name, None);
    /// ```
    pub fn object_meta(&self) -> &ObjectMeta {
        let made = || self.made.get_or_init(|| Box::new(self.make()));
        self.changed.as_deref().unwrap_or_else(|| made())
    }

    /// The same to be changed. From then on clones have it, too; the other methods of this type go on telling what the server sent.
    ///
    /// ```
    /// let mut meta = kube_ext::slim::SlimMeta::default();
    /// meta.object_meta_mut().name = Some("web-0".into());
    /// assert_eq!(meta.clone().object_meta().name.as_deref(), Some("web-0"));
    /// ```
    pub fn object_meta_mut(&mut self) -> &mut ObjectMeta {
        let changed =
            self.changed.take().or_else(|| self.made.take()).unwrap_or_else(|| Box::new(self.make()));
        self.changed.insert(changed)
    }

    /// Lets go of the [`ObjectMeta`] that was made for kube's traits, unless it was changed. A clone has none.
    ///
    /// ```
    /// let mut meta = kube_ext::slim::SlimMeta::default();
    /// let _ = meta.object_meta();
    /// meta.shed();
    /// ```
    pub fn shed(&mut self) {
        self.made = OnceLock::new();
    }

    fn make(&self) -> ObjectMeta {
        let controller = self.controller().map(|owner| OwnerReference {
            api_version: owner.api_version.to_string(),
            block_owner_deletion: owner.block_owner_deletion,
            controller: Some(true),
            kind: owner.kind.to_string(),
            name: owner.name.to_string(),
            uid: owner.uid().into_owned(),
        });
        let labels = || self.labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        ObjectMeta {
            name: (!self.name.is_empty()).then(|| self.name.to_string()),
            namespace: self.namespace().map(ToOwned::to_owned),
            uid: self.uid().map(Cow::into_owned),
            resource_version: self.resource_version().map(Cow::into_owned),
            creation_timestamp: self.creation_timestamp.clone(),
            owner_references: controller.map(|owner| vec![owner]),
            labels: self.labels.is_some().then(labels),
            ..ObjectMeta::default()
        }
    }
}

/// Without the [`ObjectMeta`] that this one may have made, unless it was changed.
impl Clone for SlimMeta {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
            creation_timestamp: self.creation_timestamp.clone(),
            controller: self.controller.clone(),
            labels: self.labels.clone(),
            made: OnceLock::new(),
            changed: self.changed.clone(),
        }
    }
}

/// Whether the server sent the same.
impl PartialEq for SlimMeta {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.namespace == other.namespace
            && self.uid == other.uid
            && self.resource_version == other.resource_version
            && self.creation_timestamp == other.creation_timestamp
            && self.controller == other.controller
            && self.labels == other.labels
    }
}

impl Eq for SlimMeta {}

impl fmt::Debug for SlimMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlimMeta")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("uid", &self.uid())
            .field("resource_version", &self.resource_version())
            .field("creation_timestamp", &self.creation_timestamp)
            .field("controller", &self.controller())
            .field("labels", &self.pairs())
            .finish_non_exhaustive()
    }
}

/// A field of the metadata that is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Name,
    Namespace,
    Uid,
    ResourceVersion,
    CreationTimestamp,
    OwnerReferences,
    Labels,
}

impl Field {
    pub(super) fn named(key: &str, labels: bool) -> Option<Self> {
        Some(match key {
            "name" => Self::Name,
            "namespace" => Self::Namespace,
            "uid" => Self::Uid,
            "resourceVersion" => Self::ResourceVersion,
            "creationTimestamp" => Self::CreationTimestamp,
            "ownerReferences" => Self::OwnerReferences,
            "labels" if labels => Self::Labels,
            _ => return None,
        })
    }

    /// Where its value goes.
    pub(super) fn of(self, meta: &mut SlimMeta) -> Into<'_> {
        Into { field: self, meta }
    }
}

pub(super) struct Into<'a> {
    field: Field,
    meta: &'a mut SlimMeta,
}

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        let meta = self.meta;
        match self.field {
            Field::Name => meta.name = Option::deserialize(value)?.unwrap_or_default(),
            Field::Namespace => meta.namespace = Deserialize::deserialize(value)?,
            Field::Uid => meta.uid = Deserialize::deserialize(value)?,
            Field::ResourceVersion => meta.resource_version = Deserialize::deserialize(value)?,
            Field::CreationTimestamp => meta.creation_timestamp = Deserialize::deserialize(value)?,
            Field::OwnerReferences => {
                let controller = Option::<First>::deserialize(value)?.and_then(|first| first.0);
                meta.controller = controller.map(ArcIntern::new);
            }
            Field::Labels => {
                let labels = Option::<Pairs>::deserialize(value)?;
                meta.labels = labels.map(|Pairs(pairs)| ArcIntern::new(pairs));
            }
        }
        Ok(())
    }
}

/// The controller among owners.
struct First(Option<Controller>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(owners: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Owner {
            api_version: Option<Interned>,
            kind: Option<Interned>,
            name: Option<Interned>,
            uid: Option<Uid>,
            controller: Option<bool>,
            block_owner_deletion: Option<bool>,
        }

        struct Owners;

        impl<'de> Visitor<'de> for Owners {
            type Value = First;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of owner references")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut owners: A) -> Result<First, A::Error> {
                let mut first = None;
                while let Some(owner) = owners.next_element::<Owner>()? {
                    if first.is_none() && owner.controller == Some(true) {
                        first = Some(Controller {
                            api_version: owner.api_version.unwrap_or_default(),
                            kind: owner.kind.unwrap_or_default(),
                            name: owner.name.unwrap_or_default(),
                            uid: owner.uid.unwrap_or_default(),
                            block_owner_deletion: owner.block_owner_deletion,
                        });
                    }
                }
                Ok(First(first))
            }
        }

        owners.deserialize_seq(Owners)
    }
}

/// Labels in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pairs(Labels);

impl Pairs {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl View<BTreeMap<String, String>> for Pairs {}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(labels: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs =
                    Vec::<(Interned, Interned)>::with_capacity(map.size_hint().unwrap_or(8).min(64));
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                pairs.sort_unstable();
                Ok(Pairs(pairs.into()))
            }
        }

        labels.deserialize_map(Map)
    }
}
