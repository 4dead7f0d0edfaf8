//! Label and field selectors, as the API server reads them.
use serde_json::Value;

use super::{kinds::Kind, status::Failure, store::Stored};

/// Both selectors of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`; an error has the server's words.
    pub(crate) fn parse(_kind: &Kind, _labels: &str, _fields: &str) -> Result<Self, Failure> {
        Ok(Self {})
    }

    pub(crate) fn matches(&self, _object: &Stored) -> bool {
        true
    }
}

/// What field selectors can ask of an object, beside its name and namespace.
pub(crate) fn fields(_kind: &Kind, _object: &Value) -> Vec<(String, String)> {
    Vec::new()
}
