//! Label selectors (`k8s.io/apimachinery/pkg/labels/selector.go`).
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
};

use crate::labels::{key_faults, value_faults};

const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// Requirements that labels have to meet, all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug)]
enum Operator {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text) };
        let mut requirements = Vec::new();
        loop {
            match parser.look() {
                Token::End => return Ok(Self(requirements)),
                Token::Word(_) | Token::Symbol("!") => {}
                Token::Symbol(other) => {
                    return Err(format!("found '{other}', expected: !, identifier, or 'end of string'"));
                }
            }
            let requirement =
                parser.requirement().map_err(|err| format!("unable to parse requirement: {err}"))?;
            requirements.push(requirement);
            match parser.next() {
                Token::End => return Ok(Self(requirements)),
                Token::Symbol(",") => match parser.look() {
                    Token::Word(_) | Token::Symbol("!") => {}
                    other => return Err(format!("found '{}', expected: identifier after ','", other.text())),
                },
                other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.text())),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.operator.matches(labels.get(&requirement.key)))
    }
}

impl Operator {
    fn matches(&self, value: Option<&String>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::GreaterThan(bound) => number().is_some_and(|number| number > *bound),
            Self::LessThan(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// One of the operators and brackets.
    Symbol(&'static str),
    /// Anything else, `in` and `notin` included: whether these are operators depends on where they are.
    Word(String),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Symbol(symbol) => symbol,
            Self::Word(word) => word,
            Self::End => "",
        }
    }
}

fn tokens(text: &str) -> VecDeque<Token> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    // Longer ones first.
    const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
    let mut tokens = VecDeque::new();
    let mut rest = text.trim_start_matches(SPACE);
    while !rest.is_empty() {
        let symbol = SYMBOLS.iter().find_map(|symbol| Some((*symbol, rest.strip_prefix(symbol)?)));
        let (token, after) = symbol.map_or_else(
            || {
                let end = rest.find(|c| SPACE.contains(&c) || "=!(),><".contains(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (Token::Word(word.to_owned()), after)
            },
            |(symbol, after)| (Token::Symbol(symbol), after),
        );
        tokens.push_back(token);
        rest = after.trim_start_matches(SPACE);
    }
    tokens
}

struct Parser {
    tokens: VecDeque<Token>,
}

impl Parser {
    fn look(&self) -> &Token {
        self.tokens.front().unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        self.tokens.pop_front().unwrap_or(Token::End)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = *self.look() == Token::Symbol("!");
        if negated {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        let faults = key_faults(&key);
        if !faults.is_empty() {
            return Err(format!("<nil>: Invalid value: {key:?}: {}", faults.join("; ")));
        }
        let operator = match self.look() {
            _ if negated => Operator::DoesNotExist,
            Token::End | Token::Symbol(",") => Operator::Exists,
            _ => self.operator(&key)?,
        };
        Ok(Requirement { key, operator })
    }

    fn operator(&mut self, key: &str) -> Result<Operator, String> {
        let token = self.next();
        match token.text() {
            "in" => self.values(key).map(Operator::In),
            "notin" => self.values(key).map(Operator::NotIn),
            "=" | "==" => self.value(key).map(|value| Operator::In([value].into())),
            "!=" => self.value(key).map(|value| Operator::NotIn([value].into())),
            ">" => self.bound(key).map(Operator::GreaterThan),
            "<" => self.bound(key).map(Operator::LessThan),
            other => Err(format!("found '{other}', expected: {OPERATORS}")),
        }
    }

    /// A value; nothing at all is an empty one.
    fn exact_value(&mut self) -> Result<String, String> {
        match self.look() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            _ => match self.next() {
                Token::Word(value) => Ok(value),
                other => Err(format!("found '{}', expected: identifier", other.text())),
            },
        }
    }

    fn value(&mut self, key: &str) -> Result<String, String> {
        let value = self.exact_value()?;
        check_values(key, [&value]).map(|()| value)
    }

    fn bound(&mut self, key: &str) -> Result<i64, String> {
        let value = self.exact_value()?;
        let bound = value.parse().map_err(|_| {
            let rule = "for 'Gt', 'Lt' operators, the value must be an integer";
            format!("values[0]: Invalid value: {value:?}: {rule}")
        })?;
        check_values(key, [&value]).map(|()| bound)
    }

    /// Values in brackets; what is missing around a comma is an empty one.
    fn values(&mut self, key: &str) -> Result<BTreeSet<String>, String> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{}' expected: '('", other.text())),
        }
        match self.look() {
            Token::Word(_) | Token::Symbol("," | ")") => {}
            other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
        }
        let mut values = BTreeSet::new();
        loop {
            let value = match self.look() {
                Token::Word(_) => self.next().text().to_owned(),
                Token::Symbol("," | ")") => String::new(),
                other => return Err(format!("found '{}', expected: ',', or identifier", other.text())),
            };
            values.insert(value);
            match self.next() {
                Token::Symbol(",") => {}
                Token::Symbol(")") => break,
                other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
            }
        }
        check_values(key, &values).map(|()| values)
    }
}

fn check_values<'a>(key: &str, values: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let mut message = String::new();
    let mut wrong = 0;
    for (index, value) in values.into_iter().enumerate() {
        let faults = value_faults(value);
        if !faults.is_empty() {
            let separator = if wrong == 0 { "" } else { ", " };
            let _ = write!(
                message,
                "{separator}values[{index}][{key}]: Invalid value: {value:?}: {}",
                faults.join("; ")
            );
            wrong += 1;
        }
    }
    match wrong {
        0 => Ok(()),
        1 => Err(message),
        _ => Err(format!("[{message}]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        LabelSelector::parse(text).unwrap_err()
    }

    // The words of a server of Kubernetes 1.36.2.
    #[test]
    fn what_is_not_a_selector_is_refused_in_the_servers_words() {
        for (selector, expected) in [
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"),
            ("a notin(b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            ("=", "found '=', expected: !, identifier, or 'end of string'"),
            (">5", "found '>', expected: !, identifier, or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
            ("a=b,,c=d", "found ',', expected: identifier after ','"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("a!", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
            ("a b=c", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            ("a==b==c", "found '==', expected: ',' or 'end of string'"),
            ("a===b", "unable to parse requirement: found '=', expected: identifier"),
            ("a=!b", "unable to parse requirement: found '!', expected: identifier"),
            ("a=(b)", "unable to parse requirement: found '(', expected: identifier"),
            (
                "x>y",
                "unable to parse requirement: values[0]: Invalid value: \"y\": for 'Gt', 'Lt' operators, the value \
                 must be an integer",
            ),
        ] {
            assert_eq!(error(selector), expected, "{selector}");
        }
    }

    #[test]
    fn keys_and_values_have_their_letters() {
        let name = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation \
                    is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
        let begin = |key: &str| format!("unable to parse requirement: <nil>: Invalid value: {key:?}: ");
        let long = "a".repeat(64);
        for (key, expected) in [
            ("-a", format!("name part {name}")),
            ("ä", format!("name part {name}")),
            (
                "a/b/c",
                format!(
                    "a valid label key {name} with an optional DNS subdomain prefix and '/' (e.g. \
                     'example.com/MyName')"
                ),
            ),
            ("/x", "prefix part must be non-empty".to_owned()),
            ("x/", format!("name part must be non-empty; name part {name}")),
            (&long, "name part must be no more than 63 bytes".to_owned()),
            (
                "A_/x",
                r"prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                    .to_owned(),
            ),
        ] {
            assert_eq!(error(&format!("{key}=x")), format!("{}{expected}", begin(key)));
        }
        let value = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                     and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or \
                     '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
        let begin = "unable to parse requirement: ";
        let fault = |index: usize, of: &str| format!("values[{index}][a]: Invalid value: {of:?}: {value}");
        assert_eq!(error("a=-b"), format!("{begin}{}", fault(0, "-b")));
        assert_eq!(error("a in (y,-x)"), format!("{begin}{}", fault(0, "-x")));
        assert_eq!(error("a in (-y,-x)"), format!("{begin}[{}, {}]", fault(0, "-x"), fault(1, "-y")));
        assert_eq!(
            error(&format!("a={long}")),
            format!("{begin}values[0][a]: Invalid value: {long:?}: must be no more than 63 bytes")
        );
    }

    #[test]
    fn requirements_are_met_together() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let both = LabelSelector::parse("example.com/app in (x,,y),n>0,n<9,!gone").unwrap();
        for (pairs, expected) in [
            (&[("example.com/app", "x"), ("n", "1")][..], true),
            (&[("example.com/app", ""), ("n", "8")], true),
            (&[("example.com/app", "x"), ("n", "9")], false),
            (&[("example.com/app", "x"), ("n", "one")], false),
            (&[("example.com/app", "z"), ("n", "1")], false),
            (&[("example.com/app", "x"), ("n", "1"), ("gone", "")], false),
            (&[("n", "1")], false),
        ] {
            assert_eq!(both.matches(&labels(pairs)), expected, "{pairs:?}");
        }
        assert!(LabelSelector::parse(" \t\r\n").unwrap().is_empty());
    }
}
