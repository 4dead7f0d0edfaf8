//! Reads one YAML document as kubectl does: go-yaml's YAML 1.1 (`decode.go` of `go.yaml.in/yaml/v2`), turned into JSON
//! (`YAMLToJSON` of `sigs.k8s.io/yaml`).

use super::{
    number::key_float,
    resolve::{self, Meaning},
};
use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use k8s_openapi::ByteString;
use serde_json::{Map, Number, Value};
use std::collections::{HashMap, HashSet};

/// How deep collections may be nested, aliases included.
const MAX_DEPTH: usize = 500;

/// What the copies that anchors and aliases make may weigh in one document, in bytes.
const MAX_COPIES: usize = 16 << 20;

/// The weight of a value beside its text.
const NODE: usize = 64;

/// Why a document was not read.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) problem: Problem,
    /// The line of the document, from 1, and the column, from 1.
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Debug, PartialEq)]
pub(super) enum Problem {
    Syntax(String),
    DuplicateKey(String),
}

impl Failure {
    fn at(marker: Marker, problem: Problem) -> Self {
        Self { problem, line: marker.line(), column: marker.col() + 1 }
    }

    fn syntax(marker: Marker, message: impl Into<String>) -> Self {
        Self::at(marker, Problem::Syntax(message.into()))
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        Self::syntax(*error.marker(), error.info())
    }
}

/// The value of a document, and the line that it starts on, from 1; nothing if the text has no content.
pub(super) fn read(text: &str) -> Result<Option<(Value, usize)>, Failure> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        bom_inside_document_as_content: true,
    };
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        copies: 0,
    };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::DocumentStart(..) if document.is_some() => {
                return Err(Failure::syntax(span.start, "text after the end of the document"));
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => {
                let node = reader.node(event, span, 0)?;
                document = Some((node.into_value(span.start)?, span.start.line()));
            }
        }
    }
    Ok(document)
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The finished nodes that aliases may refer to.
    anchors: HashMap<usize, Node>,
    /// What all copies weigh so far.
    copies: usize,
}

/// A node of the document.
#[derive(Clone, Debug)]
struct Node {
    /// None for `.inf` and `.nan`, which JSON cannot hold.
    value: Option<Value>,
    /// The node as a key; none for null and collections.
    key: Option<String>,
    /// Whether the node, as a key, is `<<`.
    merge: bool,
    alias: bool,
}

impl Node {
    fn collection(value: Value) -> Self {
        Self { value: Some(value), key: None, merge: false, alias: false }
    }

    fn into_value(self, marker: Marker) -> Result<Value, Failure> {
        self.value.ok_or_else(|| Failure::syntax(marker, "JSON cannot hold .inf or .nan"))
    }
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Failure> {
        self.parser.next_event().transpose().map_err(Failure::from)
    }

    /// The node that starts with `event`, at `depth` collections.
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Failure> {
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref())
                    .map_err(|message| Failure::syntax(span.start, message))?;
                (node, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth + 1)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth + 1)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            event => return Err(Failure::syntax(span.start, format!("unexpected {event:?}"))),
        };
        if anchor != 0 {
            self.copied(node.value.as_ref(), span, depth)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The next node of a collection; nothing at its end.
    fn child(&mut self, depth: usize) -> Result<Option<(Node, Span)>, Failure> {
        match self.next()? {
            None | Some((Event::SequenceEnd | Event::MappingEnd, _)) => Ok(None),
            Some((event, span)) => Ok(Some((self.node(event, span, depth)?, span))),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, Failure> {
        let mut items = Vec::new();
        while let Some((item, span)) = self.child(depth)? {
            items.push(item.into_value(span.start)?);
        }
        Ok(Node::collection(Value::Array(items)))
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, Failure> {
        let mut entries = Map::new();
        // The keys that only merges have brought: the mapping may give them again.
        let mut merged = HashSet::new();
        while let Some((key, span)) = self.child(depth)? {
            let Some((value, value_span)) = self.child(depth)? else {
                return Err(Failure::syntax(span.start, "a key without a value"));
            };
            if key.merge {
                // As in go-yaml, the last one wins, be it a merge or an entry.
                for source in merge_sources(value, value_span.start)? {
                    for (key, value) in source {
                        if !entries.contains_key(&key) {
                            merged.insert(key.clone());
                        }
                        entries.insert(key, value);
                    }
                }
                continue;
            }
            let Some(key) = key.key else {
                return Err(Failure::syntax(span.start, "a key must be a string, a number or a boolean"));
            };
            let value = value.into_value(value_span.start)?;
            if entries.contains_key(&key) && !merged.remove(&key) {
                return Err(Failure::at(span.start, Problem::DuplicateKey(key)));
            }
            entries.insert(key, value);
        }
        Ok(Node::collection(Value::Object(entries)))
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Node, Failure> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Failure::syntax(span.start, "an anchor that contains itself"));
        };
        let node = Node { alias: true, merge: false, ..node.clone() };
        self.copied(node.value.as_ref(), span, depth)?;
        Ok(node)
    }

    /// Counts a copy of `value` at `depth`.
    fn copied(&mut self, value: Option<&Value>, span: Span, depth: usize) -> Result<(), Failure> {
        let (weight, height) = value.map_or((NODE, 0), measure);
        self.copies += weight;
        if self.copies > MAX_COPIES || depth + height > MAX_DEPTH {
            return Err(Failure::syntax(span.start, "document contains excessive aliasing"));
        }
        Ok(())
    }
}

/// What a value weighs, and how deep it is.
fn measure(value: &Value) -> (usize, usize) {
    let sum = |(weight, height): (usize, usize), (w, h): (usize, usize)| (weight + w, height.max(h));
    match value {
        Value::String(text) => (NODE + text.len(), 0),
        Value::Array(items) => {
            let (weight, height) = items.iter().map(measure).fold((NODE, 0), sum);
            (weight, height + 1)
        }
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                let (weight, height) = measure(value);
                (weight + NODE + key.len(), height)
            };
            let (weight, height) = entries.iter().map(entry).fold((NODE, 0), sum);
            (weight, height + 1)
        }
        _ => (NODE, 0),
    }
}

/// The mappings that the value of `<<` stands for, in the order of increasing precedence.
fn merge_sources(value: Node, marker: Marker) -> Result<Vec<Map<String, Value>>, Failure> {
    let sources = match value.value {
        Some(Value::Object(entries)) => Some(vec![entries]),
        Some(Value::Array(items)) if !value.alias => {
            let mappings = items.into_iter().rev().map(|item| match item {
                Value::Object(entries) => Some(entries),
                _ => None,
            });
            mappings.collect()
        }
        _ => None,
    };
    sources.ok_or_else(|| Failure::syntax(marker, "map merge requires map or sequence of maps as the value"))
}

const YAML_TAGS: &str = "tag:yaml.org,2002:";

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, String> {
    let plain = style == ScalarStyle::Plain;
    let Some(tag) = tag else {
        let meaning = if plain { resolve::resolve(text) } else { Meaning::Str };
        return Ok(Node { merge: plain && text == "<<", ..meant(meaning, text) });
    };
    let name = tag.suffix_in_namespace(YAML_TAGS).unwrap_or_default();
    let meaning = match name.as_ref() {
        "bool" | "int" | "float" | "null" | "timestamp" => tagged(&name, text)?,
        "binary" => {
            let base64: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            let ByteString(bytes) = serde_json::from_value(Value::String(base64))
                .map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
            return Ok(meant(Meaning::Str, &String::from_utf8_lossy(&bytes)));
        }
        _ => Meaning::Str,
    };
    Ok(Node { merge: text == "<<" && name == "merge", ..meant(meaning, text) })
}

/// The meaning of a scalar that must be of one type.
fn tagged(name: &str, text: &str) -> Result<Meaning, String> {
    let meaning = resolve::resolve(text);
    match (name, meaning) {
        ("bool", Meaning::Bool(_))
        | ("int", Meaning::Int(_) | Meaning::Uint(_))
        | ("float", Meaning::Float(_))
        | ("null", Meaning::Null)
        | ("timestamp", Meaning::Timestamp) => Ok(meaning),
        #[expect(clippy::cast_precision_loss, reason = "what !!float asks for")]
        ("float", Meaning::Int(int)) => Ok(Meaning::Float(int as f64)),
        _ => Err(format!("cannot decode `{text}` as a !!{name}")),
    }
}

fn meant(meaning: Meaning, text: &str) -> Node {
    let (value, key) = match meaning {
        Meaning::Null => (Some(Value::Null), None),
        Meaning::Bool(bool) => (Some(Value::Bool(bool)), Some(bool.to_string())),
        Meaning::Int(int) => (Some(int.into()), Some(int.to_string())),
        // kubectl does not take such a number for a key.
        Meaning::Uint(uint) => (Some(uint.into()), None),
        Meaning::Float(float) => (float_value(float), Some(key_float(float))),
        Meaning::Timestamp | Meaning::Str => (Some(text.into()), Some(text.to_owned())),
    };
    Node { value, key, merge: false, alias: false }
}

/// A float as it arrives at the server: by way of Go's JSON, where `1.0` is `1`.
fn float_value(float: f64) -> Option<Value> {
    match crate::go_float::json(float).parse::<i64>() {
        Ok(int) => Some(int.into()),
        Err(_) => Number::from_f64(float).map(Value::Number),
    }
}
