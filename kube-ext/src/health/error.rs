//! What went wrong: the operation, the object, the cause.

/// Why the health of an object cannot be told.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::health::{Error, Health};
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({
///     "metadata": {"name": "web-0", "namespace": "default"}, "status": {"phase": "X"},
/// }))?;
/// let error = pod.health().unwrap_err();
/// assert_eq!(error.to_string(), "health of Pod default/web-0: unknown phase \"X\"");
/// assert!(matches!(error, Error::UnknownPhase { phase, .. } if phase == "X"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pod is in a phase that there is not.
    #[non_exhaustive]
    #[error("health of {object}: unknown phase {phase:?}")]
    UnknownPhase {
        /// The pod, such as `Pod default/web-0`.
        object: String,
        /// The phase.
        phase: String,
    },
    /// A field is of a type that it cannot have.
    #[non_exhaustive]
    #[error("health of {object}: {field} is {found}, not {expected}")]
    Field {
        /// The object, such as `Pod default/web-0`.
        object: String,
        /// The field, such as `status.conditions[0].type`.
        field: String,
        /// What it is, such as `a number`.
        found: &'static str,
        /// What it must be, such as `a string`.
        expected: &'static str,
    },
    /// An object does not know its kind.
    #[non_exhaustive]
    #[error("health of {object}: its kind is not known")]
    MissingType {
        /// The object, such as `object default/web-0`.
        object: String,
    },
    /// An object does not serialise.
    #[non_exhaustive]
    #[error("health of {object}: {message}")]
    Serialize {
        /// The object, such as `Pod default/web-0`.
        object: String,
        /// Why not.
        message: String,
    },
}

/// A cause that does not know its object yet.
#[derive(Debug)]
pub(super) enum Problem {
    UnknownPhase(String),
    Field { field: String, found: &'static str, expected: &'static str },
}

impl Problem {
    pub(super) fn of(self, object: String) -> Error {
        match self {
            Self::UnknownPhase(phase) => Error::UnknownPhase { object, phase },
            Self::Field { field, found, expected } => Error::Field { object, field, found, expected },
        }
    }
}
