//! The fields of an object that may be anything, read as Go reads them (`unstructured` of `k8s.io/apimachinery`, and
//! `pkg/kstatus/status/util.go`).

use serde_json::Value;

use super::error::Problem;

/// An object. Paths of fields are their names with dots between: `spec.replicas`.
#[derive(Clone, Copy)]
pub(super) struct Object<'a>(&'a Value);

/// A condition of the object's own. What is absent or null is empty.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) type_: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

impl Given<'_> {
    pub(super) fn is(&self, type_: &str, status: &str) -> bool {
        self.type_ == type_ && self.status == status
    }
}

const STRING: &str = "a string";
const WHOLE: &str = "a whole number";
const LIST: &str = "a list";
const OBJECT: &str = "an object";

impl<'a> Object<'a> {
    pub(super) fn new(object: &'a Value) -> Self {
        Self(object)
    }

    pub(super) fn value(self) -> &'a Value {
        self.0
    }

    /// A string, or `default` if there is none, whatever there is instead.
    pub(super) fn text(self, path: &str, default: &'a str) -> &'a str {
        self.lenient(path).and_then(Value::as_str).unwrap_or(default)
    }

    /// A whole number, or `default` if there is none, whatever there is instead.
    pub(super) fn number(self, path: &str, default: i64) -> i64 {
        self.lenient(path).and_then(Value::as_i64).unwrap_or(default)
    }

    /// Whether this is true.
    pub(super) fn flag(self, path: &str) -> bool {
        self.lenient(path).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A string, or a problem if there is something else, null included.
    pub(super) fn strict_text(self, path: &str) -> Result<Option<&'a str>, Problem> {
        self.strict(path, Value::as_str, STRING)
    }

    /// A whole number, or a problem if there is something else, null included.
    pub(super) fn strict_number(self, path: &str) -> Result<Option<i64>, Problem> {
        self.strict(path, Value::as_i64, WHOLE)
    }

    /// A list, or a problem if there is something else, null included.
    pub(super) fn strict_list(self, path: &str) -> Result<Option<&'a Vec<Value>>, Problem> {
        self.strict(path, Value::as_array, LIST)
    }

    /// `status.conditions`. Null stands for what is absent; anything else of the wrong type is a problem.
    pub(super) fn conditions(self) -> Result<Vec<Given<'a>>, Problem> {
        const PATH: &str = "status.conditions";
        let conditions = match self.get(PATH)? {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(conditions) => conditions.as_array().ok_or_else(|| problem(PATH, conditions, LIST))?,
        };
        let given = |(index, condition): (usize, &'a Value)| {
            let path = || format!("{PATH}[{index}]");
            if !matches!(condition, Value::Object(_) | Value::Null) {
                return Err(problem(path(), condition, OBJECT));
            }
            let text = |field: &str| match condition.get(field) {
                None | Some(Value::Null) => Ok(""),
                Some(text) => {
                    text.as_str().ok_or_else(|| problem(format!("{}.{field}", path()), text, STRING))
                }
            };
            Ok(Given {
                type_: text("type")?,
                status: text("status")?,
                reason: text("reason")?,
                message: text("message")?,
            })
        };
        conditions.iter().enumerate().map(given).collect()
    }

    fn strict<T>(
        self,
        path: &str,
        read: impl Fn(&'a Value) -> Option<T>,
        expected: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(path)? else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| problem(path, value, expected))
    }

    fn lenient(self, path: &str) -> Option<&'a Value> {
        self.get(path).ok().flatten()
    }

    /// The value at a path, null included; none if it is absent, or something on the way is null.
    fn get(self, path: &str) -> Result<Option<&'a Value>, Problem> {
        let mut value = self.0;
        let mut read = 0;
        for field in path.split('.') {
            value = match value {
                Value::Object(fields) => match fields.get(field) {
                    Some(value) => value,
                    None => return Ok(None),
                },
                Value::Null => return Ok(None),
                other => {
                    return Err(problem(
                        path.get(..read).unwrap_or(path).trim_end_matches('.'),
                        other,
                        OBJECT,
                    ));
                }
            };
            read += field.len() + 1;
        }
        Ok(Some(value))
    }
}

/// What a field is, instead of what it must be.
pub(super) fn problem(field: impl Into<String>, found: &Value, expected: &'static str) -> Problem {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => STRING,
        Value::Array(_) => LIST,
        Value::Object(_) => OBJECT,
    };
    Problem::Field { field: field.into(), found, expected }
}
