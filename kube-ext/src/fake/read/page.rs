//! The cursor of a list that comes in pages (`k8s.io/apiserver/pkg/storage/continue.go`).
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::fake::store::Key;

const FORMAT: &str = "meta.k8s.io/v1";

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The version of the list; nothing for that of the moment.
    pub(crate) version: Option<u64>,
    /// The last object before, empty for none: its namespace, if the list is one of all namespaces, and its name.
    pub(crate) after: String,
}

#[derive(Deserialize, Serialize)]
struct Token {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

impl Cursor {
    /// Where an object is in a list.
    pub(crate) fn position(key: &Key, all_namespaces: bool) -> String {
        if all_namespaces && !key.namespace.is_empty() {
            format!("{}/{}", key.namespace, key.name)
        } else {
            key.name.clone()
        }
    }

    pub(crate) fn token(&self) -> String {
        let rv = self.version.map_or(-1, |version| version.try_into().unwrap_or(i64::MAX));
        // The first key after: keys have no zero byte.
        let token = Token { v: FORMAT.to_owned(), rv, start: format!("/{}\0", self.after) };
        URL_SAFE_NO_PAD.encode(serde_json::to_string(&token).unwrap_or_default())
    }

    /// Reads a token; the error is the server's words, but for what is said about bytes.
    pub(crate) fn parse(token: &str) -> Result<Self, String> {
        let invalid = |what: &str| format!("invalid continue token: continue key is not valid: {what}");
        let json = URL_SAFE_NO_PAD.decode(token).map_err(|err| invalid(&err.to_string()))?;
        let token: Token = serde_json::from_slice(&json).map_err(|err| invalid(&err.to_string()))?;
        match token {
            Token { v, .. } if v != FORMAT => {
                Err(invalid(&format!("server does not recognize this encoded version {v}")))
            }
            Token { rv: 0, .. } => {
                Err(invalid(&format!("incorrect encoded start resourceVersion (version {FORMAT})")))
            }
            Token { start, .. } if start.is_empty() => {
                Err(invalid(&format!("encoded start key empty (version {FORMAT})")))
            }
            Token { start, .. } if start.split('/').any(|part| part == "..") => Err(invalid(&start)),
            Token { rv, start, .. } => {
                let after = start.strip_prefix('/').unwrap_or(&start);
                let after = after.strip_suffix('\0').unwrap_or(after).to_owned();
                Ok(Self { version: rv.try_into().ok(), after })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back() {
        for version in [Some(387), None] {
            let cursor = Cursor { version, after: "default/web-0".to_owned() };
            assert_eq!(Cursor::parse(&cursor.token()), Ok(cursor));
        }
    }

    #[test]
    fn tokens_are_the_servers() {
        let token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Mzg3LCJzdGFydCI6Ii9jMlx1MDAwMCJ9";
        let cursor = Cursor { version: Some(387), after: "c2".to_owned() };
        assert_eq!(Cursor::parse(token), Ok(cursor.clone()));
        assert_eq!(cursor.token(), token);
        // One for the remainder of a list that is no longer remembered.
        let token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYzJcdTAwMDAifQ";
        assert_eq!(Cursor::parse(token), Ok(Cursor { version: None, after: "c2".to_owned() }));
    }

    #[test]
    fn other_tokens_are_errors() {
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let error = |token: &str| Cursor::parse(token).unwrap_err();
        let begins = "invalid continue token: continue key is not valid: ";
        assert!(error("!!").starts_with(begins));
        assert!(error(&encode("x")).starts_with(begins));
        for (json, expected) in [
            (
                r#"{"v":"meta.k8s.io/v1","rv":0,"start":"/c2"}"#,
                "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            ("{}", "server does not recognize this encoded version "),
            (r#"{"v":"v2","rv":5,"start":"/c2"}"#, "server does not recognize this encoded version v2"),
            (
                r#"{"v":"meta.k8s.io/v1","rv":5,"start":""}"#,
                "encoded start key empty (version meta.k8s.io/v1)",
            ),
            (r#"{"v":"meta.k8s.io/v1","rv":5,"start":"../x"}"#, "../x"),
        ] {
            assert_eq!(error(&encode(json)), format!("{begins}{expected}"));
        }
    }
}
