//! What of an object is printed.

use kube::core::{ApiResource, TypeMeta};
use serde_json::{Map, Value};

/// What of an object is printed.
///
/// The default is what `kubectl get` does: everything but `metadata.managedFields`. In a list, options hold for each
/// item.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::yaml::{Options, Yaml};
///
/// let mut pod = Pod::default();
/// pod.metadata.name = Some("web-0".to_owned());
/// pod.metadata.uid = Some("5be1f0f3".to_owned());
/// pod.status = Some(Default::default());
///
/// let text = pod.to_yaml_with(&Options::neat())?;
/// assert_eq!(text, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-0\n");
/// # Ok::<(), kube_ext::yaml::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    managed_fields: bool,
    status: bool,
    server_metadata: bool,
    types: Option<TypeMeta>,
}

impl Default for Options {
    fn default() -> Self {
        Self { managed_fields: false, status: true, server_metadata: true, types: None }
    }
}

/// The metadata that only a server writes, and that only holds for the object as it is there.
const SERVER_METADATA: [&str; 7] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
    "selfLink",
    "uid",
];

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Options {
    /// The form that can be applied again: no status, and no metadata that only a server writes.
    ///
    /// It leaves out `status`, and of `metadata`: `managedFields`, `uid`, `resourceVersion`, `generation`,
    /// `creationTimestamp`, `deletionTimestamp`, `deletionGracePeriodSeconds`, `selfLink` and the annotation
    /// `kubectl.kubernetes.io/last-applied-configuration` (and `annotations`, if nothing else was in it).
    ///
    /// - `ownerReferences` and `finalizers` stay: they decide what becomes of the object, and leaving them out would
    ///   change that without a word.
    /// - `spec` and all other fields stay as they are, even those that a server fills in (a pod's `nodeName`, its
    ///   token volume, a service's `clusterIP`). An object alone does not tell whether a field was chosen or filled in,
    ///   and the server accepts all of them when they are applied to the same object again.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube_ext::yaml::{Options, Yaml};
    ///
    /// let mut config = ConfigMap::default();
    /// config.metadata.resource_version = Some("7".to_owned());
    /// config.metadata.finalizers = Some(vec!["example.com/keep".to_owned()]);
    /// let text = config.to_yaml_with(&Options::neat())?;
    /// assert_eq!(text, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  finalizers:\n  - example.com/keep\n");
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    pub fn neat() -> Self {
        Self { status: false, server_metadata: false, ..Self::default() }
    }

    /// Whether `metadata.managedFields` is printed: kubectl's `--show-managed-fields`. Default: no.
    ///
    /// ```
    /// use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
    /// use kube_ext::yaml::{Options, Yaml};
    ///
    /// let mut pod = Pod::default();
    /// pod.metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
    /// assert!(!pod.to_yaml()?.contains("managedFields"));
    /// assert!(pod.to_yaml_with(&Options::default().managed_fields(true))?.contains("managedFields"));
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    pub fn managed_fields(mut self, print: bool) -> Self {
        self.managed_fields = print;
        self
    }

    /// Whether `status` is printed. Default: yes.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Pod;
    /// use kube_ext::yaml::{Options, Yaml};
    ///
    /// let pod = Pod { status: Some(Default::default()), ..Pod::default() };
    /// assert!(pod.to_yaml()?.contains("status"));
    /// assert!(!pod.to_yaml_with(&Options::default().status(false))?.contains("status"));
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    pub fn status(mut self, print: bool) -> Self {
        self.status = print;
        self
    }

    /// The apiVersion and kind of dynamic objects that have none of their own, as the items of a list do.
    ///
    /// ```
    /// use kube::core::{ApiResource, DynamicObject, ObjectMeta};
    /// use kube_ext::yaml::{Options, Yaml};
    ///
    /// let object = DynamicObject { types: None, metadata: ObjectMeta::default(), data: serde_json::json!({}) };
    /// let pods = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    /// let text = object.to_yaml_with(&Options::default().api_resource(&pods))?;
    /// assert_eq!(text, "apiVersion: v1\nkind: Pod\n");
    /// # Ok::<(), kube_ext::yaml::Error>(())
    /// ```
    pub fn api_resource(mut self, resource: &ApiResource) -> Self {
        self.types =
            Some(TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
        self
    }

    /// The apiVersion and kind of objects that have none.
    pub(super) fn types(&self) -> Option<&TypeMeta> {
        self.types.as_ref()
    }

    /// Removes from an object what is not printed.
    pub(super) fn trim(&self, object: &mut Map<String, Value>) {
        if !self.status {
            object.remove("status");
        }
        let Some(Value::Object(metadata)) = object.get_mut("metadata") else {
            return;
        };
        if !self.managed_fields {
            metadata.remove("managedFields");
        }
        if !self.server_metadata {
            for field in SERVER_METADATA {
                metadata.remove(field);
            }
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.remove(LAST_APPLIED);
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
        }
    }
}
