//! Objects as the server sent them.

use std::{borrow::Cow, fmt, marker::PhantomData};

use kube::{Resource, core::ObjectMeta};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::{
    error::Error,
    json::{self, Names},
};

/// An object of kind `K` as JSON, which is not read beyond its names: `watcher` yields these for an `Api<Raw<K>>`.
///
/// Wherever kube asks for a resource, this is `K`: requests are the same ones. Of its metadata there are name, namespace, uid and
/// `resourceVersion`, and no more; whatever else is in [`json`](Raw::json). It cannot be written back.
///
/// It takes as much memory as the JSON, and the time to see where that ends, which is less than reading a `Pod`.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # use kube_ext::fake::FakeCluster;
/// # let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-0}, spec: {containers: [{name: app}]}}";
/// # let cluster = FakeCluster::builder().yaml(pod).start().await?;
/// # let client = cluster.client()?;
/// use k8s_openapi::api::core::v1::Pod;
/// use kube::{Api, ResourceExt};
/// use kube_ext::store::Raw;
///
/// let pod = Api::<Raw<Pod>>::default_namespaced(client).get("web-0").await?;
/// assert_eq!(pod.name_any(), "web-0");
/// assert!(pod.json().contains(r#""containers":[{"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Raw<K> {
    json: Box<str>,
    metadata: ObjectMeta,
    kind: PhantomData<fn() -> K>,
}

impl<K> Raw<K> {
    /// An object from its JSON.
    ///
    /// # Errors
    /// [`Error::NoObject`] if it is no JSON, or not that of an object with metadata as Kubernetes has it.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::ResourceExt;
    /// use kube_ext::store::Raw;
    ///
    /// let map = Raw::<ConfigMap>::from_json(r#"{"metadata": {"name": "one"}, "data": {"a": "b"}}"#)?;
    /// assert_eq!(map.name_any(), "one");
    /// assert!(Raw::<ConfigMap>::from_json("[]").is_err());
    /// # Ok::<(), kube_ext::store::CompactError>(())
    /// ```
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let read = || Self::new(serde_json::from_str(json)?);
        read().map_err(|error: serde_json::Error| Error::NoObject { source: error.into() })
    }

    /// An object from one that has been read, or made.
    ///
    /// # Errors
    /// [`Error::NoObject`] if it cannot be written as JSON.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube_ext::store::Raw;
    ///
    /// let map = Raw::from_object(&ConfigMap::default())?;
    /// assert_eq!(map.json(), r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}"#);
    /// # Ok::<(), kube_ext::store::CompactError>(())
    /// ```
    pub fn from_object(object: &K) -> Result<Self, Error>
    where
        K: Serialize,
    {
        let read = || Self::new(serde_json::value::to_raw_value(object)?);
        read().map_err(|error: serde_json::Error| Error::NoObject { source: error.into() })
    }

    /// What the server sent, byte for byte, if it came from a server.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube_ext::store::Raw;
    ///
    /// let json = r#"{ "metadata": { "name": "one" } }"#;
    /// assert_eq!(Raw::<ConfigMap>::from_json(json)?.json(), json);
    /// # Ok::<(), kube_ext::store::CompactError>(())
    /// ```
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The object of its type. List items lack `apiVersion` and `kind`.
    ///
    /// # Errors
    /// [`Error::NoObject`] if it is not what `K` asks for.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube_ext::store::Raw;
    ///
    /// let map = Raw::<ConfigMap>::from_json(r#"{"metadata": {"name": "one"}}"#)?.read()?;
    /// assert_eq!(map.metadata.name.as_deref(), Some("one"));
    /// # Ok::<(), kube_ext::store::CompactError>(())
    /// ```
    pub fn read(&self) -> Result<K, Error>
    where
        K: DeserializeOwned,
    {
        serde_json::from_str(&self.json).map_err(|error| Error::NoObject { source: error.into() })
    }

    fn new(json: Box<RawValue>) -> serde_json::Result<Self> {
        let Names { name, namespace, uid, resource_version } = json::names(json.get())?;
        let metadata = ObjectMeta { name, namespace, uid, resource_version, ..Default::default() };
        Ok(Self { json: json.into(), metadata, kind: PhantomData })
    }
}

impl<K> Clone for Raw<K> {
    fn clone(&self) -> Self {
        Self { json: self.json.clone(), metadata: self.metadata.clone(), kind: PhantomData }
    }
}

impl<K> fmt::Debug for Raw<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&self.json).finish()
    }
}

impl<K: Resource> Resource for Raw<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &K::DynamicType) -> Cow<'_, str> {
        <K as Resource>::kind(of)
    }

    fn group(of: &K::DynamicType) -> Cow<'_, str> {
        <K as Resource>::group(of)
    }

    fn version(of: &K::DynamicType) -> Cow<'_, str> {
        <K as Resource>::version(of)
    }

    fn api_version(of: &K::DynamicType) -> Cow<'_, str> {
        <K as Resource>::api_version(of)
    }

    fn plural(of: &K::DynamicType) -> Cow<'_, str> {
        <K as Resource>::plural(of)
    }

    fn metadata_api() -> bool {
        <K as Resource>::metadata_api()
    }

    fn url_path(of: &K::DynamicType, namespace: Option<&str>) -> String {
        <K as Resource>::url_path(of, namespace)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// `serde_json` gives the text as it is; from anything else, and from what serde has already read, it is written anew.
impl<'de, K> Deserialize<'de> for Raw<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(AsRaw(deserializer))?;
        Self::new(json).map_err(D::Error::custom)
    }
}

/// A deserializer that has raw values even if the one within has none.
struct AsRaw<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsRaw<D> {
    type Error = D::Error;

    /// A raw value asks for this, under a name that `serde_json` knows.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, OrWritten { name, visitor })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct OrWritten<V> {
    name: &'static str,
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OrWritten<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    /// It is `serde_json`'s.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(map)
    }

    /// It does not know of raw values.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        // The value itself knows of them.
        value.deserialize_newtype_struct(self.name, self.visitor).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
    use kube::{
        ResourceExt as _,
        core::{ApiResource, DynamicObject, ObjectList, PartialObjectMeta, WatchEvent},
    };
    use serde_json::json;

    use super::*;

    const JSON: &str = r#"{ "metadata" : {"name":"a", "namespace": "b","uid":"c","resourceVersion":"4"}, "n": 1.0e2, "x": "\u00e4" }"#;

    /// The text is not touched on its way through a list.
    #[test]
    fn in_a_list() {
        for text in [
            format!(
                r#"{{"kind": "PodList", "apiVersion": "v1", "metadata": {{"resourceVersion": "1"}}, "items": [{JSON}, {JSON}]}}"#
            ),
            format!(
                r#"{{"items": [{JSON}, {JSON}], "metadata": {{}}, "apiVersion": "v1", "kind": "PodList"}}"#
            ),
        ] {
            let list: ObjectList<Raw<Pod>> = serde_json::from_str(&text).unwrap();
            assert_eq!(list.items.iter().map(Raw::json).collect::<Vec<_>>(), [JSON, JSON]);
            assert_eq!(list.items[0].resource_version().as_deref(), Some("4"));
        }
    }

    /// Nor through a watch, where the type comes first; if it came last, serde would have read the object before.
    #[test]
    fn in_a_watch() {
        let object = |text: &str| match serde_json::from_str::<WatchEvent<Raw<Pod>>>(text).unwrap() {
            WatchEvent::Added(object) => object,
            event => panic!("{event:?}"),
        };
        assert_eq!(object(&format!(r#"{{"type": "ADDED", "object": {JSON}}}"#)).json(), JSON);
        let written = object(&format!(r#"{{"object": {JSON}, "type": "ADDED"}}"#));
        assert_eq!(written.uid().as_deref(), Some("c"));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(written.json()).unwrap(),
            serde_json::from_str::<serde_json::Value>(JSON).unwrap()
        );
    }

    #[test]
    fn from_values_and_yaml() {
        let value = json!({"metadata": {"name": "a"}, "data": {"n": 18_446_744_073_709_551_615_u64, "f": 0.1, "no": null}});
        let raw: Raw<ConfigMap> = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(raw.json()).unwrap(), value);
        let raw: Raw<ConfigMap> = serde_yaml::from_str("metadata: {name: a}\ndata: {b: c}").unwrap();
        assert_eq!(raw.read().unwrap().data.unwrap()["b"], "c");
    }

    #[test]
    fn what_is_no_object() {
        for text in ["", "1", "null", "[]", "{", r#"{"metadata": []}"#, r#"{"metadata": {}} {}"#] {
            assert!(Raw::<Pod>::from_json(text).is_err(), "{text}");
            assert!(serde_json::from_str::<Raw<Pod>>(text).is_err(), "{text}");
        }
        assert!(serde_yaml::from_str::<Raw<Pod>>("[]").is_err());
        assert!(
            Raw::<Pod>::from_json(r#"{"metadata": {}, "spec": 1}"#).unwrap().read().is_err(),
            "it is no pod"
        );
    }

    #[test]
    fn the_resource_is_the_same() {
        fn same<K: Resource>(of: &K::DynamicType) {
            let (raw, plain) =
                (<Raw<K> as Resource>::url_path(of, Some("a")), <K as Resource>::url_path(of, Some("a")));
            assert_eq!(raw, plain);
            assert_eq!(<Raw<K> as Resource>::api_version(of), <K as Resource>::api_version(of));
            assert_eq!(<Raw<K> as Resource>::kind(of), <K as Resource>::kind(of));
            assert_eq!(<Raw<K> as Resource>::metadata_api(), <K as Resource>::metadata_api());
        }
        same::<Pod>(&());
        same::<Node>(&());
        same::<PartialObjectMeta<Pod>>(&());
        same::<DynamicObject>(&ApiResource::erase::<k8s_openapi::api::apps::v1::Deployment>(&()));
    }
}
