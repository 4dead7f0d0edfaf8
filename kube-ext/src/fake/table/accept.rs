//! `Accept` headers, as the API server reads them (`k8s.io/apiserver/pkg/endpoints/handlers/negotiation`). JSON is all
//! that is served.
use std::cmp::Reverse;

use http::{HeaderMap, StatusCode, header};

use super::super::status::Failure;

/// What the API server has objects in.
const REPRESENTATIONS: [&str; 3] =
    ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// The type that the answer is to be turned into: the parameters `as`, `g` and `v`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) kind: &'a str,
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
}

#[derive(Debug)]
struct Clause<'a> {
    media_type: &'a str,
    sub_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

/// The first choice of a client among what it takes, by `choose`, which sees what each choice turns the answer into.
pub(crate) fn negotiate<T>(
    headers: &HeaderMap,
    choose: impl Fn(Option<Target<'_>>) -> Option<T>,
) -> Result<T, Failure> {
    let accept = accept_of(headers);
    let chosen = match accept {
        "" => choose(None),
        accept => clauses(accept)
            .iter()
            .filter(|clause| clause.is_json())
            .find_map(|clause| choose(clause.target())),
    };
    chosen.ok_or_else(|| {
        // Who asks for what the API server has beside JSON is not told that it is here.
        let asks_for_more = ["yaml", "protobuf"].iter().any(|other| accept.contains(other));
        let accepted = if asks_for_more { "application/json".to_owned() } else { REPRESENTATIONS.join(", ") };
        not_acceptable(format!("only the following media types are accepted: {accepted}"))
    })
}

/// The first check of built-in paths, which knows whole names only (`github.com/emicklei/go-restful`). `streams` are paths
/// that can be watched.
pub(crate) fn check_representation(headers: &HeaderMap, streams: bool) -> Result<(), Failure> {
    let accept = accept_of(headers);
    let mut types = accept.split(',').map(|clause| clause.split(';').next().unwrap_or_default().trim());
    if accept.is_empty() || types.any(|name| name == "*/*" || REPRESENTATIONS.contains(&name)) {
        return Ok(());
    }
    let streamed = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];
    let streamed = streamed.into_iter().filter(|_| streams);
    let available: Vec<_> = REPRESENTATIONS.into_iter().chain(streamed).collect();
    let message = format!("406: Not Acceptable\n\nAvailable representations: {}", available.join(", "));
    Err(Failure::general(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message))
}

/// As in Go, only the first header counts.
fn accept_of(headers: &HeaderMap) -> &str {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default()
}

/// Nothing can be served in the way that is asked for.
pub(crate) fn not_acceptable(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
}

fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<_> = accept.split(',').filter_map(Clause::parse).collect();
    clauses.sort_by_key(|(quality, clause)| {
        (Reverse(*quality), clause.media_type == "*", clause.sub_type == "*")
    });
    clauses.into_iter().map(|(_, clause)| clause).collect()
}

impl<'a> Clause<'a> {
    /// The clause, and its quality in thousandths.
    fn parse(text: &'a str) -> Option<(u16, Self)> {
        let mut parts = text.split(';').map(str::trim);
        let (media_type, sub_type) = parts.next()?.split_once('/')?;
        let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let quality =
            parameters.iter().find(|(name, _)| *name == "q").and_then(|(_, value)| thousandths(value));
        Some((quality.unwrap_or(1000), Self { media_type, sub_type, parameters }))
    }

    fn parameter(&self, name: &str) -> &'a str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    fn is_json(&self) -> bool {
        matches!((self.media_type, self.sub_type), ("application", "json" | "*") | ("*", "*"))
            && matches!(self.parameter("stream"), "" | "watch")
    }

    fn target(&self) -> Option<Target<'a>> {
        let target =
            Target { kind: self.parameter("as"), group: self.parameter("g"), version: self.parameter("v") };
        (target != Target::default()).then_some(target)
    }
}

/// A quality such as `0.5` (RFC 9110, 12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{:0<3}", fraction.get(..3).unwrap_or(fraction));
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(accept: &str) -> Result<String, u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        let kind = |target: Option<Target<'_>>| match target {
            Some(Target { kind: "Foo", .. }) => None,
            target => Some(target.unwrap_or_default().kind.to_owned()),
        };
        negotiate(&headers, kind).map_err(|failure| failure.status()["code"].as_u64().unwrap())
    }

    // What a server of Kubernetes 1.36.2 answers to.
    #[test]
    fn the_first_choice_counts() {
        assert_eq!(first("").as_deref(), Ok(""));
        assert_eq!(first("*/*").as_deref(), Ok(""));
        assert_eq!(first("text/html,application/json").as_deref(), Ok(""));
        assert_eq!(first("application/json;as=Table;v=v1;g=meta.k8s.io").as_deref(), Ok("Table"));
        assert_eq!(first("application/json ; as=Table ; v=v1").as_deref(), Ok("Table"));
        assert_eq!(first("application/json;as=Table;v=v1,application/json").as_deref(), Ok("Table"));
        assert_eq!(first("application/json;q=0.1,application/json;as=Table;v=v1").as_deref(), Ok("Table"));
        assert_eq!(first("*/*,application/json;as=Table;v=v1").as_deref(), Ok("Table"));
        assert_eq!(first("application/json;as=Foo;v=v1,application/json").as_deref(), Ok(""));
        assert_eq!(first("application/vnd.kubernetes.protobuf;as=Table,application/json").as_deref(), Ok(""));
        assert_eq!(first("application/json;stream=watch").as_deref(), Ok(""));
        assert_eq!(first("application/json;foo=bar;q=abc").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_not_served_is_not_acceptable() {
        for accept in [
            "text/html",
            "application/vnd.kubernetes.protobuf",
            "application/cbor",
            "garbage",
            "Application/JSON",
            "application/json;stream=x",
            "application/json;as=Foo;v=v1;g=meta.k8s.io",
        ] {
            assert_eq!(first(accept), Err(406), "{accept}");
        }
    }

    #[test]
    fn qualities_are_read() {
        assert_eq!(thousandths("1"), Some(1000));
        assert_eq!(thousandths("0.5"), Some(500));
        assert_eq!(thousandths("0.1234"), Some(123));
        assert_eq!(thousandths("x"), None);
    }
}
