//! Errors as the API server words them (`k8s.io/apimachinery/pkg/api/errors`).
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::body::{self, Body};

/// A refusal: a `Status` and its HTTP code.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: StatusCode,
    reason: &'static str,
    message: String,
    /// Some errors have empty details, some have none.
    details: Option<Map<String, Value>>,
    retry_after: Option<u32>,
    continue_token: Option<String>,
}

/// What an invalid field is, for [`Failure::invalid`].
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// Such as `FieldValueInvalid`, `FieldValueRequired`, `FieldValueForbidden`.
    pub(crate) reason: &'static str,
    /// The message without the field.
    pub(crate) message: String,
    pub(crate) field: String,
}

impl Failure {
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, retry_after: None, continue_token: None }
    }

    /// Adds an entry to `details`, unless it is empty.
    pub(crate) fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let details = self.details.get_or_insert_default();
        if value != "" {
            details.insert(key.to_owned(), value);
        }
        self
    }

    /// Puts words before the message.
    pub(crate) fn prefix(mut self, words: &str) -> Self {
        self.message.insert_str(0, words);
        self
    }

    fn about(self, group: &str, resource: &str, name: &str) -> Self {
        self.detail("name", name).detail("group", group).detail("kind", resource)
    }

    pub(crate) fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {name:?} not found", qualified(group, resource));
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(group, resource, name)
    }

    /// The path leads nowhere.
    pub(crate) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::general(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// An error that the server words by its code alone (`NewGenericServerResponse`).
    pub(crate) fn general(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { details: Some(Map::new()), ..Self::new(code, reason, message) }
    }

    pub(crate) fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", qualified(group, resource));
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(group, resource, name)
    }

    pub(crate) fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(group, resource));
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(group, resource, name)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// `what` is what is forbidden, such as `User "x" cannot list resource "pods" in API group "" in the namespace "y"`.
    pub(crate) fn forbidden(group: &str, resource: &str, name: &str, what: &str) -> Self {
        let of = qualified(group, resource);
        let message = match name {
            "" => format!("{of} is forbidden: {what}"),
            name => format!("{of} {name:?} is forbidden: {what}"),
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(group, resource, name)
    }

    /// The path is there, but not for this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::unsupported("the server does not allow this method on the requested resource")
    }

    /// [`method_not_allowed`](Self::method_not_allowed) in other words.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::general(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    /// A body of a type that is not read.
    pub(crate) fn unsupported_media_type(accepted: &[&str]) -> Self {
        let accepted = accepted.join(", ");
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// Fields of an object that break its rules. `kind` is the object's kind, not its resource.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let mut messages = Vec::new();
        for message in causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)) {
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        let all = match messages.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let of = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let message = format!("{of} {name:?} is invalid: {all}");
        let causes: Vec<_> = causes
            .into_iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
            .about(group, kind, name)
            .detail("causes", causes)
    }

    /// A version or a list that the server no longer remembers.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    pub(crate) fn internal(message: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            format!("Internal error occurred: {message}"),
        )
        .detail("causes", json!([{"message": message}]))
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self.detail("retryAfterSeconds", seconds)
    }

    /// With which a list can be taken up again.
    pub(crate) fn continue_with(mut self, token: String) -> Self {
        self.continue_token = Some(token);
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The `Status`, which is also what a watch sends as an error.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code.as_u16(),
        });
        if let Some(status) = status.as_object_mut() {
            if self.reason.is_empty() {
                status.remove("reason");
            }
            if let Some(token) = &self.continue_token {
                status.insert("metadata".to_owned(), json!({"continue": token}));
            }
            if let Some(details) = &self.details {
                status.insert("details".to_owned(), details.clone().into());
            }
        }
        status
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = body::json(self.code, &self.status());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}
