//! The objects of a manifest.

use super::{
    Error, Position,
    document::{self, Problem},
    json_document,
    print::item_types,
    split::{Chunk, Chunks, SplitError},
};
use kube::core::{DynamicObject, ObjectMeta, TypeMeta};
use serde_json::{Map, Value};
use std::{collections::VecDeque, io::Read, iter::FusedIterator};

/// The most bytes that one document may have: 64 MiB, far above what an API server takes.
///
/// ```
/// use kube_ext::yaml::{Error, MAX_DOCUMENT_BYTES, manifests};
/// use std::io::Read;
///
/// let endless = std::io::repeat(b'#');
/// let error = manifests(endless).next().unwrap().unwrap_err();
/// assert!(matches!(error, Error::TooLarge { limit: MAX_DOCUMENT_BYTES, .. }));
/// ```
pub const MAX_DOCUMENT_BYTES: usize = 64 << 20;

/// Reads the objects of a manifest, as `kubectl apply -f` does.
///
/// The text may have many documents, separated by lines of `---`; those without content are skipped. A document is
/// YAML, or JSON; several JSON objects may follow each other. A list (`kind: List`, or any kind that ends with `List`
/// and has `items`) stands for its items, which take their type from the list if they have none.
///
/// A scalar means what it means to kubectl, which is YAML 1.1: plain `yes`, `on` and `y` are true, `0644` is 420,
/// `1_000` is 1000, and `12:30:45` and `2020-01-01` are strings. Keys that are numbers or booleans become strings.
/// Aliases and `<<` merges work; copies are bounded. In two ways it is stricter than kubectl: a key that is given
/// twice is an error, and so is text after `...`, which kubectl drops without a word.
///
/// Like YAML 1.2, and unlike go-yaml, it takes U+0085, U+2028 and U+2029 for characters of a text, not for line breaks.
///
/// One document is held at a time, of at most [`MAX_DOCUMENT_BYTES`].
///
/// # Errors
/// Each item is an object or an [`Error`] with its [`Position`]. After a bad document the iterator goes on with the
/// next one, so that all errors of a manifest can be shown at once; `collect::<Result<Vec<_>, _>>()` stops at the
/// first. Only [`Error::Io`] and [`Error::TooLarge`] end it. (kubectl stops at a document that is not YAML, and goes on
/// after one that is not an object.)
///
/// ```
/// use kube_ext::yaml::manifests;
///
/// let text = "
/// apiVersion: v1
/// kind: ConfigMap
/// metadata: {name: web}
/// ---
/// apiVersion: v1
/// kind: SecretList
/// items:
/// - metadata: {name: token}
/// ";
/// let objects = manifests(text.as_bytes()).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(objects[1].types.as_ref().unwrap().kind, "Secret");
/// assert_eq!(objects[1].metadata.name.as_deref(), Some("token"));
/// # Ok::<(), kube_ext::yaml::Error>(())
/// ```
pub fn manifests<R: Read>(reader: R) -> Manifests<R> {
    Manifests { chunks: Chunks::new(reader, MAX_DOCUMENT_BYTES), documents: 0, ready: VecDeque::new() }
}

/// The iterator of [`manifests`].
///
/// ```
/// use kube_ext::yaml::{Manifests, manifests};
///
/// let mut objects: Manifests<&[u8]> = manifests(b"{apiVersion: v1, kind: Pod}");
/// assert!(objects.next().unwrap().is_ok());
/// assert!(objects.next().is_none());
/// ```
#[must_use = "iterators are lazy"]
pub struct Manifests<R> {
    chunks: Chunks<R>,
    /// How many documents had content so far.
    documents: usize,
    /// What has been read and not been given out.
    ready: VecDeque<Result<DynamicObject, Error>>,
}

impl<R> std::fmt::Debug for Manifests<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manifests").field("documents", &self.documents).finish_non_exhaustive()
    }
}

impl<R: Read> Iterator for Manifests<R> {
    type Item = Result<DynamicObject, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.ready.pop_front() {
                return Some(object);
            }
            match self.chunks.next()? {
                Ok(chunk) => self.read(&chunk),
                Err(error) => return Some(Err(self.split_error(error))),
            }
        }
    }
}

impl<R: Read> FusedIterator for Manifests<R> {}

impl<R: Read> Manifests<R> {
    fn split_error(&mut self, error: SplitError) -> Error {
        self.documents += 1;
        let at = |line| Position { document: self.documents, line, column: 1 };
        match error {
            SplitError::Io { line, cause } => Error::Io { position: at(line), source: cause },
            SplitError::TooLarge { line } => {
                Error::TooLarge { position: at(line), limit: MAX_DOCUMENT_BYTES }
            }
        }
    }

    fn read(&mut self, chunk: &Chunk) {
        if let Some(rest) = &chunk.bad_separator {
            let message = format!("text after the document separator: {rest}");
            let position = self.next_document(chunk.line, 1);
            self.ready.push_back(Err(Error::Syntax { position, message }));
            return;
        }
        match std::str::from_utf8(&chunk.text) {
            Ok(text) => self.read_text(text, chunk.line),
            Err(error) => {
                let good = chunk.text.get(..error.valid_up_to()).unwrap_or_default();
                let good = String::from_utf8_lossy(good);
                let line = good.matches('\n').count();
                let column = good.chars().rev().take_while(|c| *c != '\n').count() + 1;
                let position = self.next_document(chunk.line + line, column);
                self.ready.push_back(Err(Error::NotUtf8 { position }));
            }
        }
    }

    /// Reads the documents of `text`, which starts on the line `first` of the stream.
    fn read_text(&mut self, text: &str, first: usize) {
        if text.trim_start().starts_with('{') {
            let documents = json_document::read(text);
            let is_json = documents.iter().all(|document| document.value.is_ok());
            let duplicate = |document: &json_document::Document| {
                document.value.as_ref().is_err_and(|failure| failure.duplicate_key.is_some())
            };
            // Of a text that is only JSON at its start, like a flow mapping and a comment, YAML may make sense.
            if is_json
                || documents.len() > 1 && document::read(text).is_err()
                || documents.iter().any(duplicate)
            {
                for document in documents {
                    self.read_json(document, first);
                }
                return;
            }
        }
        match document::read(text) {
            Ok(None | Some((Value::Null, _))) => {}
            Ok(Some((value, line))) => {
                let position = self.next_document(first + line - 1, 1);
                self.unfold(value, position, "", None);
            }
            Err(failure) => {
                let position = self.next_document(first + failure.line.max(1) - 1, failure.column);
                self.ready.push_back(Err(match failure.problem {
                    Problem::Syntax(message) => Error::Syntax { position, message },
                    Problem::DuplicateKey(key) => Error::DuplicateKey { position, key },
                }));
            }
        }
    }

    fn read_json(&mut self, document: json_document::Document, first: usize) {
        match document.value {
            Ok(value) => {
                let position = self.next_document(first + document.line, 1);
                self.unfold(value, position, "", None);
            }
            Err(failure) => {
                let position = self.next_document(first + failure.line.max(1) - 1, failure.column);
                self.ready.push_back(Err(match failure.duplicate_key {
                    Some(key) => Error::DuplicateKey { position, key },
                    None => Error::Syntax { position, message: failure.message },
                }));
            }
        }
    }

    fn next_document(&mut self, line: usize, column: usize) -> Position {
        self.documents += 1;
        Position { document: self.documents, line, column }
    }

    /// Makes an object of a value, or objects of a list.
    fn unfold(&mut self, value: Value, position: Position, path: &str, of_list: Option<&TypeMeta>) {
        let error = |message: String| {
            let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
            Error::NotAnObject { position, path, message }
        };
        let Value::Object(mut fields) = value else {
            self.ready.push_back(Err(error("not an object".to_owned())));
            return;
        };
        let types = match (text(&mut fields, "apiVersion"), text(&mut fields, "kind")) {
            (Some(api_version), Some(kind)) => TypeMeta { api_version, kind },
            (None, None) if of_list.is_some() => of_list.cloned().unwrap_or_default(),
            (_, None) => {
                self.ready.push_back(Err(error("kind is missing".to_owned())));
                return;
            }
            (None, _) => {
                self.ready.push_back(Err(error("apiVersion is missing".to_owned())));
                return;
            }
        };
        match list_items(&types, &mut fields) {
            Some(items) => {
                let of_items = item_types(&types);
                for (index, item) in items.into_iter().enumerate() {
                    let parent = if path.is_empty() { String::new() } else { format!("{path}.") };
                    self.unfold(item, position, &format!("{parent}items[{index}]"), of_items.as_ref());
                }
            }
            None => self.ready.push_back(object(types, fields).map_err(error)),
        }
    }
}

/// Takes the items out of a list; none for what is not a list.
fn list_items(types: &TypeMeta, fields: &mut Map<String, Value>) -> Option<Vec<Value>> {
    if !types.kind.ends_with("List") {
        return None;
    }
    match fields.get_mut("items") {
        Some(Value::Array(items)) => Some(std::mem::take(items)),
        // A `List` without items is an empty one; another kind without them may be a resource of that name.
        None | Some(Value::Null) if types.kind == "List" => Some(Vec::new()),
        _ => None,
    }
}

fn object(types: TypeMeta, mut fields: Map<String, Value>) -> Result<DynamicObject, String> {
    let metadata = match fields.remove("metadata") {
        None | Some(Value::Null) => ObjectMeta::default(),
        Some(metadata) => serde_json::from_value(metadata).map_err(|error| format!("metadata: {error}"))?,
    };
    Ok(DynamicObject { types: Some(types), metadata, data: Value::Object(fields) })
}

/// Takes a text that is not empty out of the fields.
fn text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}
