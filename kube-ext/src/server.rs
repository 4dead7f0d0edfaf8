//! What requests have in common: names in their paths, and what there is to know of answers.

use std::error::Error as _;

use http::Response;
use http_body_util::{BodyExt as _, Limited};
use kube::{client::Body, core::Status};
use serde::{Deserialize, Deserializer};

/// How much of an error is read.
const ERROR: usize = 64 * 1024;
/// How often it is asked again when a connection that was there before is of no use.
const MORE_TRIES: usize = 2;

/// Whether it can be the name of a pod or the like (RFC 1123). Names are put into a path as they are.
#[cfg(any(feature = "runtime", feature = "ws"))]
pub(crate) fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(known) && name.trim_matches('.') == name
}

/// Whether it can be a part of a path, as every name must (`ValidatePathSegmentName` in `k8s.io/apimachinery`); names of RBAC objects have
/// no other rule.
pub(crate) fn is_segment(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '%', '?', '#'])
}

/// Asks again when the connection is gone, of which a client learns when it uses it: an API server that has passed on a node's refusal of a
/// session closes the connection without saying so (`k8s.io/apimachinery`, `pkg/util/proxy/upgradeaware.go`), and kube's client may have
/// kept it. Only for what may be asked twice.
pub(crate) async fn again<T, F: Future<Output = kube::Result<T>>>(ask: impl Fn() -> F) -> kube::Result<T> {
    let mut answer = ask().await;
    for _ in 0..MORE_TRIES {
        if let Err(kube::Error::Service(_) | kube::Error::HyperError(_)) = answer {
            answer = ask().await;
        }
    }
    answer
}

/// An answer, if the server says yes; else what it says instead, as kube reads it: a proxy answers with something else than a `Status`.
pub(crate) async fn accepted(response: Response<Body>) -> kube::Result<Response<Body>> {
    let code = response.status();
    if code.is_success() {
        return Ok(response);
    }
    let body = Limited::new(response.into_body(), ERROR).collect().await;
    let text = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut status = serde_json::from_slice::<Status>(&text).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(&text);
        let words = if text.trim().is_empty() { code.to_string() } else { text.trim().to_owned() };
        Status::failure(&words, "Failed to parse error data").with_code(code.as_u16())
    });
    if status.code == 0 {
        status.code = code.as_u16();
    }
    Err(kube::Error::Api(status.boxed()))
}

/// What a field has, or the default if it is null.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    field: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(field)?.unwrap_or_default())
}

/// The server's message, if it is one, to its last letter but a newline; else all that is known of what went wrong on the way to it.
pub(crate) fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error
        && !status.message.is_empty()
    {
        return status.message.trim_end_matches('\n').to_owned();
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(feature = "runtime", feature = "ws"))]
    #[test]
    fn names() {
        for name in ["a", "web-0", "a.b", &"x".repeat(253)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "a/b", "A", "a ", "é", ".a", "a.", &"x".repeat(254)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn segments() {
        for name in ["system:node", "a b", "é", "..."] {
            assert!(is_segment(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "%2e", "a?b", "a#b"] {
            assert!(!is_segment(name), "{name}");
        }
    }

    #[test]
    fn the_servers_words_come_first() {
        let status = Status::failure("too many requests\n", "TooManyRequests").with_code(429);
        assert_eq!(words(&kube::Error::Api(status.boxed())), "too many requests");
        let status = Status::failure("pods \"web\" is forbidden: ", "Forbidden").with_code(403);
        assert_eq!(words(&kube::Error::Api(status.boxed())), "pods \"web\" is forbidden: ");
        assert_eq!(words(&kube::Error::TlsRequired), kube::Error::TlsRequired.to_string());
    }
}
