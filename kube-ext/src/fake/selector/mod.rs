//! Label and field selectors, as the API server reads them.
mod fields;
mod labels;

use http::StatusCode;

use self::{
    fields::{FieldSelector, NAME, NAMESPACE},
    labels::LabelSelector,
};
use super::{kinds::Kind, status::Failure, store::Stored};

pub(crate) use self::fields::fields;

/// Both selectors of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`; an error has the server's words.
    pub(crate) fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Failure> {
        let bad = |message| Failure::new(StatusCode::BAD_REQUEST, "BadRequest", message);
        Ok(Self {
            labels: LabelSelector::parse(labels).map_err(bad)?,
            fields: FieldSelector::parse(kind, fields).map_err(bad)?,
        })
    }

    /// Whether it selects everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether only one object can match: a name is given, and a namespace here or already.
    pub(crate) fn is_single(&self, namespace: Option<&str>) -> bool {
        self.fields.only(NAME).is_some() && namespace.or(self.fields.only(NAMESPACE)).is_some()
    }

    pub(crate) fn matches(&self, object: &Stored) -> bool {
        self.labels.matches(&object.labels) && self.fields.matches(object)
    }
}
