//! YAML and JSON as kubectl prints and reads them.
//!
//! - [`Yaml::to_yaml`] and [`Yaml::to_json`] print an object, or a list of objects, byte for byte as
//!   `kubectl get -o yaml` and `-o json` of Kubernetes 1.36 do. [`Options`] print more or less of it.
//! - [`manifests`] reads the objects of a manifest: many documents, lists, JSON, and YAML 1.1's scalars, as
//!   `kubectl apply -f` does.
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube_ext::yaml::{Yaml, manifests};
//!
//! let mut config = ConfigMap::default();
//! config.metadata.name = Some("web".to_owned());
//! config.data = Some([("debug".to_owned(), "yes".to_owned())].into());
//!
//! let text = config.to_yaml()?;
//! assert_eq!(text, "apiVersion: v1\ndata:\n  debug: \"yes\"\nkind: ConfigMap\nmetadata:\n  name: web\n");
//!
//! let read = manifests(text.as_bytes()).collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(read[0].data["data"]["debug"], "yes");
//! # Ok::<(), kube_ext::yaml::Error>(())
//! ```

mod document;
mod emit;
mod error;
pub(crate) mod json;
mod json_document;
mod manifests;
mod number;
mod options;
mod order;
mod print;
mod resolve;
mod scalar;
mod source;
mod split;

pub use error::{Error, Position};
pub use manifests::{MAX_DOCUMENT_BYTES, Manifests, manifests};
pub use options::Options;
pub use print::{Dynamic, DynamicList, Yaml};
pub(crate) use print::{describe, describe_value, types_of};

/// The value of one document of JSON or YAML, whatever it is; null if there is none.
#[cfg(feature = "fake")]
pub(crate) fn value(text: &str) -> Result<serde_json::Value, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    match document::read(text) {
        Ok(document) => Ok(document.map(|(value, _)| value).unwrap_or_default()),
        Err(failure) => Err(match failure.problem {
            document::Problem::Syntax(message) => format!("line {}: {message}", failure.line),
            document::Problem::DuplicateKey(key) => {
                format!("line {}: key {key:?} already set in map", failure.line)
            }
        }),
    }
}
