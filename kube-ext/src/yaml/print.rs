//! The trait [`Yaml`], for every resource and every list of them.

use super::{Error, Options, emit, json, source::Unprintable};
use kube::{
    Resource,
    core::{ApiResource, ObjectList, ObjectMeta, TypeMeta},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Prints an object, or a list of objects, as kubectl does.
///
/// It is there for every [`Resource`] that serialises: the types of `k8s_openapi`, derived custom resources,
/// [`PartialObjectMeta`](kube::core::PartialObjectMeta) and [`DynamicObject`](kube::core::DynamicObject); for slices
/// and `Vec`s of them, and for [`ObjectList`]s. `K` only tells these apart for the compiler, which finds it by itself.
///
/// What is printed is what `kubectl get -o yaml` and `-o json` of Kubernetes 1.36 print for the same object: without
/// `metadata.managedFields`, with `apiVersion` and `kind` even where a client has dropped them, in kubectl's order, with
/// kubectl's quotes. Lists are printed as kubectl's `kind: List`.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::yaml::Yaml;
///
/// let mut pod = Pod::default();
/// pod.metadata.name = Some("web-0".to_owned());
/// assert_eq!(pod.to_yaml()?, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-0\n");
///
/// let pods = vec![pod];
/// assert_eq!(pods.to_yaml()?, "\
/// apiVersion: v1
/// items:
/// - apiVersion: v1
///   kind: Pod
///   metadata:
///     name: web-0
/// kind: List
/// metadata:
///   resourceVersion: \"\"
/// ");
/// # Ok::<(), kube_ext::yaml::Error>(())
/// ```
pub trait Yaml<K: ?Sized> {
    /// The YAML of `kubectl get -o yaml`: [`to_yaml_with`](Self::to_yaml_with) the default options.
    ///
    /// # Errors
    /// As [`to_yaml_with`](Self::to_yaml_with).
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Namespace;
    /// use kube_ext::yaml::Yaml;
    ///
    /// assert_eq!(Namespace::default().to_yaml()?, "apiVersion: v1\nkind: Namespace\nmetadata: {}\n");
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    fn to_yaml(&self) -> Result<String, Error> {
        self.to_yaml_with(&Options::default())
    }

    /// The YAML of `kubectl get -o yaml`, with more or less of the object in it.
    ///
    /// # Errors
    /// - [`Error::MissingType`] for a dynamic object whose type is not known.
    /// - [`Error::ControlCharacter`] and [`Error::Unprintable`] for a text that kubectl cannot print either.
    /// - [`Error::Serialize`] if the object's `Serialize` fails.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::yaml::{Options, Yaml};
    ///
    /// let pod = Pod { status: Some(Default::default()), ..Pod::default() };
    /// let text = pod.to_yaml_with(&Options::default().status(false))?;
    /// assert_eq!(text, "apiVersion: v1\nkind: Pod\nmetadata: {}\n");
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    fn to_yaml_with(&self, options: &Options) -> Result<String, Error>;

    /// The JSON of `kubectl get -o json`: [`to_json_with`](Self::to_json_with) the default options.
    ///
    /// # Errors
    /// As [`to_json_with`](Self::to_json_with).
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Namespace;
    /// use kube_ext::yaml::Yaml;
    ///
    /// let text = Namespace::default().to_json()?;
    /// assert_eq!(text, "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"Namespace\",\n    \"metadata\": {}\n}\n");
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    fn to_json(&self) -> Result<String, Error> {
        self.to_json_with(&Options::default())
    }

    /// The JSON of `kubectl get -o json`, with more or less of the object in it.
    ///
    /// # Errors
    /// - [`Error::MissingType`] for a dynamic object whose type is not known.
    /// - [`Error::Serialize`] if the object's `Serialize` fails.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Secret;
    /// use kube_ext::yaml::{Options, Yaml};
    ///
    /// let mut secret = Secret::default();
    /// secret.metadata.uid = Some("5be1f0f3".to_owned());
    /// assert!(!secret.to_json_with(&Options::neat())?.contains("5be1f0f3"));
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    fn to_json_with(&self, options: &Options) -> Result<String, Error>;
}

/// Marks the [`Yaml`], and the [`Health`](crate::health::Health), of objects whose type is only known at run time. No value of
/// it exists.
///
/// ```
/// use kube_ext::yaml::{Dynamic, Yaml};
///
/// fn print<K: Yaml<Dynamic>>(object: &K) -> Result<String, kube_ext::yaml::Error> {
///     object.to_yaml()
/// }
/// # let pods = kube::core::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
/// assert!(print(&kube::core::DynamicObject::new("web-0", &pods)).is_ok());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Dynamic {}

/// Marks the [`Yaml`] of an [`ObjectList`] of objects whose type is only known at run time. No value of it exists.
///
/// ```
/// use kube::core::{DynamicObject, ObjectList, TypeMeta};
/// use kube_ext::yaml::{DynamicList, Yaml};
///
/// fn print<L: Yaml<DynamicList>>(list: &L) -> Result<String, kube_ext::yaml::Error> {
///     list.to_yaml()
/// }
/// let types = TypeMeta { api_version: "v1".to_owned(), kind: "PodList".to_owned() };
/// assert!(print(&ObjectList::<DynamicObject> { types, metadata: Default::default(), items: vec![] }).is_ok());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum DynamicList {}

/// Both methods of an implementation, from the tree of values that they print.
macro_rules! methods {
    (|$this:ident, $options:ident| $tree:expr) => {
        fn to_yaml_with(&self, $options: &Options) -> Result<String, Error> {
            let $this = self;
            to_yaml(&$tree?)
        }

        fn to_json_with(&self, $options: &Options) -> Result<String, Error> {
            let $this = self;
            Ok(json::to_string(&$tree?))
        }
    };
}

impl<K> Yaml<K> for K
where
    K: Resource + Serialize,
    K::DynamicType: Default,
{
    methods!(|object, options| tree(object, &Kind::Static(types_of::<K>()), options));
}

impl<K> Yaml<Dynamic> for K
where
    K: Resource<DynamicType = ApiResource> + Serialize,
{
    methods!(|object, options| tree(object, &Kind::Dynamic(options.types()), options));
}

impl<K> Yaml<K> for [K]
where
    K: Resource + Serialize,
    K::DynamicType: Default,
{
    methods!(|objects, options| list(objects, &Kind::Static(types_of::<K>()), options));
}

impl<K> Yaml<Dynamic> for [K]
where
    K: Resource<DynamicType = ApiResource> + Serialize,
{
    methods!(|objects, options| list(objects, &Kind::Dynamic(options.types()), options));
}

impl<K> Yaml<K> for ObjectList<K>
where
    K: Resource + Serialize + Clone,
    K::DynamicType: Default,
{
    methods!(|list_of, options| list(&list_of.items, &Kind::Static(types_of::<K>()), options));
}

impl<K> Yaml<DynamicList> for ObjectList<K>
where
    K: Resource<DynamicType = ApiResource> + Serialize + Clone,
{
    methods!(|list_of, options| {
        let types = item_types(&list_of.types);
        list(&list_of.items, &Kind::Dynamic(types.as_ref().or(options.types())), options)
    });
}

/// Where apiVersion and kind of an object come from when it has none.
enum Kind<'a> {
    /// From its Rust type.
    Static(TypeMeta),
    /// From what is known beside it, if anything is.
    Dynamic(Option<&'a TypeMeta>),
}

impl Kind<'_> {
    fn types(&self) -> Option<&TypeMeta> {
        match self {
            Self::Static(types) => Some(types),
            Self::Dynamic(types) => *types,
        }
    }
}

/// The apiVersion and kind of a Rust type.
pub(crate) fn types_of<K>() -> TypeMeta
where
    K: Resource,
    K::DynamicType: Default,
{
    let dynamic = K::DynamicType::default();
    TypeMeta { api_version: K::api_version(&dynamic).into_owned(), kind: K::kind(&dynamic).into_owned() }
}

/// The types of the items of a list that carry none: those of the list, without `List`.
pub(super) fn item_types(list: &TypeMeta) -> Option<TypeMeta> {
    let kind = list.kind.strip_suffix("List").filter(|kind| !kind.is_empty())?;
    Some(TypeMeta { api_version: list.api_version.clone(), kind: kind.to_owned() })
}

/// The tree of values of one object, as it is printed.
fn tree<K>(object: &K, kind: &Kind<'_>, options: &Options) -> Result<Value, Error>
where
    K: Resource + Serialize,
{
    let error = |message: String| {
        let kind = kind.types().map_or("object", |types| types.kind.as_str());
        Error::Serialize { object: describe(kind, object.meta()), message }
    };
    let mut tree = match serde_json::to_value(object) {
        Ok(Value::Object(tree)) => tree,
        Ok(_) => return Err(error("it does not serialise as an object".to_owned())),
        Err(cause) => return Err(error(cause.to_string())),
    };
    let absent = |field: &str| tree.get(field).is_none_or(|value| matches!(value.as_str(), Some("") | None));
    if absent("apiVersion") || absent("kind") {
        let types =
            kind.types().ok_or_else(|| Error::MissingType { object: describe("object", object.meta()) })?;
        tree.insert("apiVersion".to_owned(), types.api_version.clone().into());
        tree.insert("kind".to_owned(), types.kind.clone().into());
    }
    options.trim(&mut tree);
    // A dynamic object does not tell absent metadata from empty metadata. A server's object always has a name in it, so
    // that empty means absent; kubectl's typed objects, like ours, always have it.
    let empty = |metadata: &Value| metadata.as_object().is_some_and(Map::is_empty);
    if matches!(kind, Kind::Dynamic(_)) && tree.get("metadata").is_some_and(empty) {
        tree.remove("metadata");
    }
    Ok(Value::Object(tree))
}

/// kubectl's `List` of objects.
fn list<K>(objects: &[K], kind: &Kind<'_>, options: &Options) -> Result<Value, Error>
where
    K: Resource + Serialize,
{
    let items = objects.iter().map(|object| tree(object, kind, options)).collect::<Result<Vec<_>, _>>()?;
    let mut list = Map::new();
    list.insert("apiVersion".to_owned(), "v1".into());
    list.insert("items".to_owned(), items.into());
    list.insert("kind".to_owned(), "List".into());
    list.insert("metadata".to_owned(), json!({"resourceVersion": ""}));
    Ok(Value::Object(list))
}

/// What an error calls an object: `Pod default/web-0`.
pub(crate) fn describe(kind: &str, metadata: &ObjectMeta) -> String {
    let name = metadata.name.as_deref().or(metadata.generate_name.as_deref()).unwrap_or("without a name");
    match &metadata.namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

fn to_yaml(tree: &Value) -> Result<String, Error> {
    emit::to_string(tree).map_err(|cause| {
        let object = describe_tree(tree);
        match cause {
            Unprintable::Control(character) => Error::ControlCharacter { object, character },
            Unprintable::Key => {
                Error::Unprintable { object, message: "a key has a line break or more than 1024 characters" }
            }
            Unprintable::DocumentMarker => {
                Error::Unprintable { object, message: "found unexpected document indicator" }
            }
        }
    })
}

/// What an error calls a tree: the object, or the first item of a list that cannot be printed.
fn describe_tree(tree: &Value) -> String {
    let items = tree.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    describe_value(items.iter().find(|item| emit::to_string(item).is_err()).unwrap_or(tree))
}

/// What an error calls an object that is a tree of values.
pub(crate) fn describe_value(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let metadata = ObjectMeta {
        name: text("/metadata/name"),
        generate_name: text("/metadata/generateName"),
        namespace: text("/metadata/namespace"),
        ..ObjectMeta::default()
    };
    describe(text("/kind").as_deref().unwrap_or("object"), &metadata)
}
