//! The parameters of lists and watches (`metav1.ListOptions`), and what the API server says of bad ones
//! (`k8s.io/apimachinery/pkg/apis/meta/internalversion/validation`).
use http::StatusCode;
use serde_json::json;

use crate::fake::{
    kinds::Kind,
    request::Query,
    selector::Selector,
    status::{Cause, Failure},
};

/// The parameters of a list or a watch.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) selector: Selector,
    /// Empty if it is not given.
    pub(crate) version: String,
    pub(crate) version_match: String,
    pub(crate) send_initial_events: Option<bool>,
    pub(crate) bookmarks: bool,
    /// In seconds.
    pub(crate) timeout: Option<u64>,
    /// Nothing for no limit.
    pub(crate) limit: Option<usize>,
    /// Empty for a list from the start.
    pub(crate) continue_token: String,
}

impl Options {
    fn parse(kind: &Kind, query: &Query) -> Result<Self, Failure> {
        let text = |name| query.get(name).unwrap_or_default();
        Ok(Self {
            selector: Selector::parse(kind, text("labelSelector"), text("fieldSelector"))?,
            version: text("resourceVersion").to_owned(),
            version_match: text("resourceVersionMatch").to_owned(),
            send_initial_events: query.get("sendInitialEvents").map(|_| query.flag("sendInitialEvents")),
            bookmarks: query.flag("allowWatchBookmarks"),
            timeout: integer(query, "timeoutSeconds")?.and_then(|seconds| seconds.try_into().ok()),
            limit: integer(query, "limit")?
                .and_then(|limit| limit.try_into().ok())
                .filter(|limit| *limit > 0),
            continue_token: text("continue").to_owned(),
        })
    }

    pub(crate) fn of_list(kind: &Kind, query: &Query) -> Result<Self, Failure> {
        let options = Self::parse(kind, query)?;
        let mut causes = Vec::new();
        if !options.version_match.is_empty() {
            if options.version.is_empty() {
                causes.push(forbidden_match(
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                ));
            }
            causes.extend(options.match_while_continuing());
            if !["Exact", "NotOlderThan"].contains(&options.version_match.as_str()) {
                causes.push(options.unknown_match(r#""Exact", "NotOlderThan", """#));
            }
            if options.version_match == "Exact" && options.version == "0" {
                let message = r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#;
                causes.push(forbidden_match(message));
            }
        }
        if options.send_initial_events.is_some() {
            causes.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        options.checked(causes)
    }

    pub(crate) fn of_watch(kind: &Kind, query: &Query) -> Result<Self, Failure> {
        let mut options = Self::parse(kind, query)?;
        // Without a version a watch starts with what is there.
        if options.send_initial_events.is_none()
            && options.version_match.is_empty()
            && ["", "0"].contains(&options.version.as_str())
        {
            options.send_initial_events = Some(true);
            "NotOlderThan".clone_into(&mut options.version_match);
        }
        let mut causes = Vec::new();
        let wrong_match = options.version_match != "NotOlderThan";
        if options.send_initial_events.is_some() && wrong_match {
            causes.push(forbidden_match(
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        if !options.version_match.is_empty() {
            if options.send_initial_events.is_none() {
                let message =
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
                causes.push(forbidden_match(message));
            }
            if wrong_match {
                causes.push(options.unknown_match(r#""NotOlderThan""#));
            }
            causes.extend(options.match_while_continuing());
        }
        options.checked(causes)
    }

    fn match_while_continuing(&self) -> Option<Cause> {
        let message = "resourceVersionMatch is forbidden when continue is provided";
        (!self.continue_token.is_empty()).then(|| forbidden_match(message))
    }

    fn unknown_match(&self, known: &str) -> Cause {
        Cause {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {:?}: supported values: {known}", self.version_match),
            field: "resourceVersionMatch".to_owned(),
        }
    }

    fn checked(self, causes: Vec<Cause>) -> Result<Self, Failure> {
        if causes.is_empty() {
            Ok(self)
        } else {
            Err(Failure::invalid("meta.k8s.io", "ListOptions", "", causes))
        }
    }
}

fn forbidden_match(message: &str) -> Cause {
    forbidden("resourceVersionMatch", message)
}

fn forbidden(field: &str, message: &str) -> Cause {
    let message = format!("Forbidden: {message}");
    Cause { reason: "FieldValueForbidden", message, field: field.to_owned() }
}

fn integer(query: &Query, name: &str) -> Result<Option<i64>, Failure> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
    };
    query.get(name).map(parse).transpose()
}

/// A resource version; the error is the server's, without its beginning.
pub(crate) fn version(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        let fault = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            "value out of range"
        } else {
            "invalid syntax"
        };
        format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {fault}")
    })
}

/// An error if a version is still to come. The API server waits for it for three seconds; this one does not.
pub(crate) fn check_not_ahead(version: u64, current: u64) -> Result<(), Failure> {
    if version <= current {
        return Ok(());
    }
    let message = format!("Timeout: Too large resource version: {version}, current: {current}");
    let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
    Err(Failure::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).detail("causes", causes).retry_after(1))
}
