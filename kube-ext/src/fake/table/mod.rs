//! The forms in which objects are asked for: whole, as a `Table`, or their metadata.
mod accept;
mod columns;
mod custom;
mod printer;

use http::{HeaderMap, StatusCode};

use super::{kinds::Kind, request::Query, status::Failure, store::Stored};

pub(crate) use self::{
    accept::{Target, check_representation, negotiate},
    printer::Printer,
};

/// The form that an `Accept` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Metadata,
    Table(Include),
}

/// What a row of a table has of its object: the parameter `includeObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    Metadata,
    Object,
}

impl Form {
    /// The form of a single object.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        match Self::asked(headers)? {
            (form, false) => Ok(form),
            (_, true) => Err(accept::not_acceptable(
                "you requested PartialObjectMetadataList, but the requested object is not a list",
            )),
        }
    }

    /// The form of a list.
    pub(crate) fn of_list(headers: &HeaderMap, kind: &Kind) -> Result<Self, Failure> {
        match Self::asked(headers)? {
            (Self::Metadata, false) => {
                // The server names its Go type.
                let package = match (kind.custom.is_some(), kind.group.split('.').next()) {
                    (true, _) => "unstructured",
                    (false, None | Some("")) => "core",
                    (false, Some(group)) => group,
                };
                let list = if kind.custom.is_some() { "UnstructuredList" } else { &kind.list_kind };
                Err(accept::not_acceptable(format!(
                    "you requested PartialObjectMetadata, but the requested object is a list (*{package}.{list})"
                )))
            }
            (form, _) => Ok(form),
        }
    }

    /// The form, and whether it is one of lists only.
    fn asked(headers: &HeaderMap) -> Result<(Self, bool), Failure> {
        negotiate(headers, |target| match target {
            None => Some((Self::Whole, false)),
            Some(Target { kind, group: "meta.k8s.io", version: "v1" }) => match kind {
                "PartialObjectMetadata" => Some((Self::Metadata, false)),
                "PartialObjectMetadataList" => Some((Self::Metadata, true)),
                "Table" => Some((Self::Table(Include::Metadata), false)),
                _ => None,
            },
            Some(_) => None,
        })
    }

    /// The form with what a query says about rows.
    pub(crate) fn including(self, query: &Query) -> Result<Self, Failure> {
        let include = match query.non_empty("includeObject") {
            None | Some("Metadata") => Include::Metadata,
            Some("None") => Include::None,
            Some("Object") => Include::Object,
            Some(other) if matches!(self, Self::Table(_)) => {
                let message = format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be \
                     'Metadata', 'Object', 'None', or empty"
                );
                return Err(Failure::new(StatusCode::BAD_REQUEST, "BadRequest", message));
            }
            Some(_) => return Ok(self),
        };
        Ok(if matches!(self, Self::Table(_)) { Self::Table(include) } else { self })
    }

    /// One object in this form, as the answer to a get or a write.
    pub(crate) fn object(self, kind: &Kind, object: &Stored) -> bytes::Bytes {
        Printer::new(self, kind).object(object, true).into()
    }
}
