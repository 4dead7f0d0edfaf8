//! The errors of this module.

use std::fmt;

/// A place in the text that [`manifests`](super::manifests()) reads.
///
/// ```
/// use kube_ext::yaml::manifests;
///
/// let error = manifests("kind: A\n---\nkind: 'A\n".as_bytes()).last().unwrap().unwrap_err();
/// let position = error.position().unwrap();
/// assert_eq!(position.document, 2);
/// assert_eq!(position.to_string(), "document 2, line 3, column 7");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of the document, from 1. Documents without content are not counted.
    pub document: usize,
    /// The line of the whole text, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}, line {}, column {}", self.document, self.line, self.column)
    }
}

/// Why an object was not printed, or a manifest not read.
///
/// ```
/// use kube::core::DynamicObject;
/// use kube_ext::yaml::{Error, Yaml, manifests};
///
/// let mut object = manifests("{apiVersion: v1, kind: Pod, metadata: {name: a}}".as_bytes()).next().unwrap()?;
/// object.types = None;
/// let error = object.to_yaml().unwrap_err();
/// assert!(matches!(error, Error::MissingType { .. }));
/// assert_eq!(error.to_string(), "print object a: apiVersion and kind are missing");
/// # Ok::<(), Error>(())
/// ```
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object does not become JSON: its `Serialize` failed, or gave something other than an object.
    #[non_exhaustive]
    #[error("print {object}: {message}")]
    Serialize {
        /// Kind and name of the object.
        object: String,
        /// What its `Serialize` said.
        message: String,
    },
    /// A dynamic object has neither `types` nor an [`Options::api_resource`](super::Options::api_resource).
    #[non_exhaustive]
    #[error("print {object}: apiVersion and kind are missing")]
    MissingType {
        /// Namespace and name of the object.
        object: String,
    },
    /// A string holds a character that YAML does not allow, such as DEL; kubectl refuses such an object too, with the
    /// same words. It can be printed as JSON.
    #[non_exhaustive]
    #[error("print {object}: yaml: control characters are not allowed (U+{:04X})", u32::from(*.character))]
    ControlCharacter {
        /// Kind and name of the object.
        object: String,
        /// The character.
        character: char,
    },
    /// kubectl cannot print a key or a value as YAML for another reason. It can be printed as JSON.
    #[non_exhaustive]
    #[error("print {object}: yaml: {message}")]
    Unprintable {
        /// Kind and name of the object.
        object: String,
        /// The reason.
        message: &'static str,
    },
    /// The text could not be read to its end. Nothing more is read after this error.
    #[non_exhaustive]
    #[error("read manifests at {position}: {source}")]
    Io {
        /// Where it stopped.
        position: Position,
        /// The reader's error.
        source: std::io::Error,
    },
    /// A document has more than [`MAX_DOCUMENT_BYTES`](super::MAX_DOCUMENT_BYTES). Nothing more is read after this
    /// error.
    #[non_exhaustive]
    #[error("read manifest at {position}: the document has more than {limit} bytes")]
    TooLarge {
        /// Where the document starts.
        position: Position,
        /// The limit.
        limit: usize,
    },
    /// A document is not UTF-8.
    #[non_exhaustive]
    #[error("read manifest at {position}: not UTF-8")]
    NotUtf8 {
        /// The first byte that is not.
        position: Position,
    },
    /// A document is neither YAML nor JSON, or holds what JSON cannot.
    #[non_exhaustive]
    #[error("read manifest at {position}: {message}")]
    Syntax {
        /// The place.
        position: Position,
        /// What is wrong there.
        message: String,
    },
    /// A mapping has the same key twice.
    #[non_exhaustive]
    #[error("read manifest at {position}: duplicate key {key:?}")]
    DuplicateKey {
        /// The second of the two; for JSON, where it was noticed.
        position: Position,
        /// The key.
        key: String,
    },
    /// A document, or an item of a list, is not a Kubernetes object.
    #[non_exhaustive]
    #[error("read manifest at {position}: {path}{message}")]
    NotAnObject {
        /// Where the document starts.
        position: Position,
        /// The item of a list, such as `items[3]: `; empty for a document.
        path: String,
        /// What is missing or wrong.
        message: String,
    },
}

impl Error {
    /// The place in the text, when the error is about reading.
    ///
    /// ```
    /// use kube_ext::yaml::manifests;
    ///
    /// let error = manifests("a: 1\na: 2\n".as_bytes()).next().unwrap().unwrap_err();
    /// assert_eq!(error.position().map(|position| position.line), Some(2));
    /// ```
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Io { position, .. }
            | Self::TooLarge { position, .. }
            | Self::NotUtf8 { position }
            | Self::Syntax { position, .. }
            | Self::DuplicateKey { position, .. }
            | Self::NotAnObject { position, .. } => Some(*position),
            Self::Serialize { .. }
            | Self::MissingType { .. }
            | Self::ControlCharacter { .. }
            | Self::Unprintable { .. } => None,
        }
    }
}
