//! What can go wrong with a compact store.

/// An error of whatever is beneath.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with a [`CompactStore`](super::CompactStore), its writer or an object for it.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kube_ext::store::{CompactError, Raw};
///
/// let error = Raw::<Pod>::from_json("no JSON").unwrap_err();
/// assert!(matches!(error, CompactError::NoObject { .. }));
/// assert!(error.to_string().starts_with("read an object from JSON: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is no JSON of an object with metadata, or an object cannot be written as JSON.
    #[error("read an object from JSON: {source}")]
    #[non_exhaustive]
    NoObject {
        /// What it is instead.
        source: Source,
    },
    /// An object has no name, by which the store would know it.
    #[error("put {kind} into the store: it has no name")]
    #[non_exhaustive]
    NoName {
        /// In small letters, as in `pod`.
        kind: String,
    },
    /// An object could not be put into the store, which keeps what it had of it.
    #[error("put {object} into the store: {source}")]
    #[non_exhaustive]
    Put {
        /// Kind, namespace and name, as in `pod default/web-0`.
        object: String,
        /// Its row cannot be read from it, say.
        source: Source,
    },
    /// An object could not be read from the store: it is not what its type asks for, most likely.
    #[error("get {object} from the store: {source}")]
    #[non_exhaustive]
    Get {
        /// Kind, namespace and name, as in `pod default/web-0`.
        object: String,
        /// What is wrong with it.
        source: Source,
    },
    /// The store has no index of this name.
    #[error("look up objects in the store: it has no index {index:?}")]
    #[non_exhaustive]
    NoIndex {
        /// What was asked for.
        index: String,
    },
    /// Nobody writes to the store any more, and no list had been whole.
    #[error("wait for the store to be filled: its writer was dropped before a list was whole")]
    WriterDropped,
}
