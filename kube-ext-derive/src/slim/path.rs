//! Paths: `status.containerStatuses[].restartCount`, `metadata.labels["app"]`.

use syn::{Error, LitStr, Result};

/// A step on the way into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A field of an object.
    Field(String),
    /// An entry of a map.
    Entry(String),
    /// Each element of a list.
    Each,
}

impl Step {
    /// The key in the JSON, if it is one.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Field(key) | Self::Entry(key) => Some(key),
            Self::Each => None,
        }
    }
}

/// The path of an attribute.
pub(crate) fn read(path: &LitStr) -> Result<Vec<Step>> {
    parse(&path.value()).map_err(|message| Error::new_spanned(path, message))
}

/// The same path by the names in Rust.
pub(crate) fn same_shape(json: &[Step], rust: &LitStr) -> Result<Vec<Step>> {
    let steps = read(rust)?;
    let is_same = |(json, rust): (&Step, &Step)| match (json, rust) {
        (Step::Field(_), Step::Field(_)) => true,
        (json, rust) => json == rust,
    };
    if steps.len() == json.len() && json.iter().zip(&steps).all(is_same) {
        Ok(steps)
    } else {
        Err(Error::new_spanned(rust, "it has other steps than the path: only names of fields may differ"))
    }
}

/// Reads a path, or says what is wrong with it.
fn parse(path: &str) -> std::result::Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() || name.contains([' ', ']', '"']) {
            return Err(format!(
                "{path:?} is no path: a name is missing before {rest:?}, such as in spec.nodeName"
            ));
        }
        steps.push(Step::Field(name.to_owned()));
        rest = behind;
        while let Some(bracket) = rest.strip_prefix('[') {
            if let Some(behind) = bracket.strip_prefix(']') {
                steps.push(Step::Each);
                rest = behind;
            } else if let Some((key, behind)) =
                bracket.strip_prefix('"').and_then(|key| key.split_once("\"]"))
            {
                steps.push(Step::Entry(key.to_owned()));
                rest = behind;
            } else {
                return Err(format!(
                    "{path:?} is no path: brackets are [] for each element of a list, or [\"key\"] for an entry of a map"
                ));
            }
        }
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind,
            None if rest.is_empty() => return Ok(steps),
            None => return Err(format!("{path:?} is no path: a dot is missing before {rest:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lists_and_entries() {
        let field = |name: &str| Step::Field(name.into());
        assert_eq!(parse("spec.nodeName"), Ok(vec![field("spec"), field("nodeName")]));
        assert_eq!(parse("a[].b"), Ok(vec![field("a"), Step::Each, field("b")]));
        assert_eq!(parse("a[][]"), Ok(vec![field("a"), Step::Each, Step::Each]));
        let entry = Step::Entry("example.com/a.b".into());
        assert_eq!(parse(r#"m.labels["example.com/a.b"]"#), Ok(vec![field("m"), field("labels"), entry]));
    }

    #[test]
    fn what_is_no_path() {
        for path in
            ["", ".", "a.", ".a", "a..b", "a[b]", "a[", "a]", "[]", "a[]b", "a b", r#"a["b]"#, r#"a"b"#]
        {
            assert!(parse(path).is_err(), "{path}");
        }
    }
}
