//! What a plain scalar means to kubectl: go-yaml's YAML 1.1 (`resolve.go` of `go.yaml.in/yaml/v2`).
//!
//! The reader uses it for meaning; the writer, to know which strings must be quoted to stay strings.

/// The meaning of a plain scalar without a tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer above [`i64::MAX`].
    Uint(u64),
    /// Includes `.inf` and `.nan`, which JSON cannot hold.
    Float(f64),
    /// Read as a string, but quoted when written.
    Timestamp,
    Str,
}

/// The meaning of `text` as a plain scalar.
pub(super) fn resolve(text: &str) -> Meaning {
    let Some(first) = text.bytes().next() else {
        return Meaning::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => special_float(text).or_else(|| dot_float(text)).map_or(Meaning::Str, Meaning::Float),
        b'+' | b'-' | b'0'..=b'9' => special_float(text).map_or_else(|| number(text), Meaning::Float),
        _ => Meaning::Str,
    }
}

/// Whether `text` is in base 60, as YAML 1.1 has it (`12:30:45`). go-yaml reads that as a string, and quotes it for
/// the sake of other parsers.
pub(super) fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (head, fraction) = match unsigned.split_once('.') {
        Some((head, fraction)) => (head, fraction),
        None => (unsigned, ""),
    };
    let mut parts = head.split(':');
    let first = parts.next().unwrap_or_default();
    let mut sixtieths = parts.peekable();
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && sixtieths.peek().is_some()
        && sixtieths.all(|part| match part.as_bytes() {
            [digit] | [b'0'..=b'5', digit] => digit.is_ascii_digit(),
            _ => false,
        })
        && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

fn word(text: &str) -> Meaning {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Meaning::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Meaning::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Meaning::Null,
        _ => Meaning::Str,
    }
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A float that starts with a point, as Go's `strconv.ParseFloat` has it: `_` may stand between two digits.
fn dot_float(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let underscores_between_digits = bytes.iter().enumerate().filter(|(_, b)| **b == b'_').all(|(i, _)| {
        let before = i.checked_sub(1).and_then(|i| bytes.get(i));
        let digit = |b: Option<&u8>| b.is_some_and(u8::is_ascii_digit);
        digit(before) && (digit(bytes.get(i + 1)))
    });
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if underscores_between_digits { decimal_float(&plain) } else { None }
}

/// An integer, a float or a timestamp.
fn number(text: &str) -> Meaning {
    if is_timestamp(text) {
        return Meaning::Timestamp;
    }
    let without_underscores;
    let plain = if text.contains('_') {
        without_underscores = text.replace('_', "");
        without_underscores.as_str()
    } else {
        text
    };
    integer(plain)
        .or_else(|| decimal_float(plain).map(Meaning::Float))
        .or_else(|| signed_binary(plain))
        .unwrap_or(Meaning::Str)
}

/// An integer with Go's prefixes: `0x`, `0b`, `0o`, and a mere `0` for octal.
fn integer(plain: &str) -> Option<Meaning> {
    let (sign, digits) = match plain.as_bytes().first()? {
        b'+' => (Some(false), plain.get(1..)?),
        b'-' => (Some(true), plain.get(1..)?),
        _ => (None, plain),
    };
    let lower = |i: usize| digits.as_bytes().get(i).map(u8::to_ascii_lowercase);
    let (radix, digits) = match (lower(0)?, lower(1), lower(2)) {
        (b'0', None, _) => (10, digits),
        (b'0', Some(b'x'), Some(_)) => (16, digits.get(2..)?),
        (b'0', Some(b'b'), Some(_)) => (2, digits.get(2..)?),
        (b'0', Some(b'o'), Some(_)) => (8, digits.get(2..)?),
        (b'0', ..) => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.starts_with('+') {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some(true) => 0i64.checked_sub_unsigned(magnitude).map(Meaning::Int),
        Some(false) => i64::try_from(magnitude).ok().map(Meaning::Int),
        None => Some(i64::try_from(magnitude).map_or(Meaning::Uint(magnitude), Meaning::Int)),
    }
}

/// `0b-1` and `0b+1`, which go-yaml takes for integers as well.
fn signed_binary(plain: &str) -> Option<Meaning> {
    let digits = plain.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Meaning::Int)
}

/// A decimal float, or nothing when it is out of range: `1e400` is a string to go-yaml.
fn decimal_float(plain: &str) -> Option<f64> {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_is_decimal = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_is_decimal = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if !(mantissa_is_decimal && exponent_is_decimal) {
        return None;
    }
    plain.parse().ok().filter(|float: &f64| float.is_finite())
}

/// A date, or a date and a time, in the four layouts that go-yaml tries with Go's `time.Parse`.
fn is_timestamp(text: &str) -> bool {
    let mut rest = Scan(text.as_bytes());
    let Some(year) = rest.fixed_digits(4) else {
        return false;
    };
    let date = rest.byte(b'-') && {
        let month = rest.one_or_two_digits();
        let day = if rest.byte(b'-') { rest.one_or_two_digits() } else { None };
        matches!((month, day), (Some(month), Some(day)) if (1..=days_in(month, year)).contains(&day))
    };
    if !date {
        return false;
    }
    match rest.0.first() {
        None => true,
        Some(b'T' | b't') => {
            rest.skip(1);
            rest.time() && rest.zone() && rest.0.is_empty()
        }
        Some(b' ') => {
            rest.spaces();
            rest.time() && rest.0.is_empty()
        }
        Some(_) => false,
    }
}

/// The days of a month; none of a month that does not exist.
fn days_in(month: u32, year: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

/// The rest of a text that is being read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    fn byte(&mut self, expected: u8) -> bool {
        let found = self.0.first() == Some(&expected);
        if found {
            self.skip(1);
        }
        found
    }

    fn spaces(&mut self) {
        self.skip(self.0.iter().take_while(|b| **b == b' ').count());
    }

    fn digits(&self) -> usize {
        self.0.iter().take_while(|b| b.is_ascii_digit()).count()
    }

    fn take_number(&mut self, digits: usize) -> u32 {
        let number = self.0.iter().take(digits).fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        self.skip(digits);
        number
    }

    fn fixed_digits(&mut self, count: usize) -> Option<u32> {
        (self.digits() >= count).then(|| self.take_number(count))
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        let digits = self.digits().min(2);
        (digits > 0).then(|| self.take_number(digits))
    }

    /// `15:4:5`, with a fraction if there is one.
    fn time(&mut self) -> bool {
        let hour = self.one_or_two_digits().is_some_and(|hour| hour < 24);
        let minute = hour && self.byte(b':') && self.one_or_two_digits().is_some_and(|minute| minute < 60);
        let second = minute && self.byte(b':') && self.one_or_two_digits().is_some_and(|second| second < 60);
        if let [b'.' | b',', b'0'..=b'9', ..] = self.0 {
            self.skip(1);
            self.skip(self.digits());
        }
        second
    }

    /// `Z`, or an offset; Go lets an offset have 24 hours and 60 minutes.
    fn zone(&mut self) -> bool {
        if self.byte(b'Z') {
            return true;
        }
        (self.byte(b'+') || self.byte(b'-'))
            && self.fixed_digits(2).is_some_and(|hours| hours <= 24)
            && self.byte(b':')
            && self.fixed_digits(2).is_some_and(|minutes| minutes <= 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_of_yaml_1_1() {
        use Meaning::{Bool, Float, Int, Null, Str, Timestamp, Uint};
        for (text, meaning) in [
            ("", Null),
            ("~", Null),
            ("y", Bool(true)),
            ("Off", Bool(false)),
            ("oN", Str),
            ("0644", Int(420)),
            ("0o17", Int(15)),
            ("0b1", Int(1)),
            ("0b-1", Int(-1)),
            ("-0b11", Int(-3)),
            ("0x1F", Int(31)),
            ("1_000", Int(1000)),
            ("1_", Int(1)),
            ("_1", Str),
            ("08", Float(8.0)),
            ("-", Str),
            ("1e3", Float(1000.0)),
            ("1e400", Str),
            (".5_0", Float(0.5)),
            ("._5", Str),
            (".5_", Str),
            ("+.inf", Float(f64::INFINITY)),
            ("18446744073709551615", Uint(u64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("2020-02-29", Timestamp),
            ("2021-02-29", Str),
            ("2020-1-2T3:4:5,6Z", Timestamp),
            ("2020-1-2 3:4:5 ", Str),
            ("2020-01-02T03:04:05+24:60", Timestamp),
            ("2020-01-02T03:04:05", Str),
            ("12:30:45", Str),
        ] {
            assert_eq!(resolve(text), meaning, "{text:?}");
        }
    }

    #[test]
    fn base_60() {
        for text in ["12:30:45", "1:0", "+1_:59.5_", "-190:20:30"] {
            assert!(is_base60(text), "{text}");
        }
        for text in ["12", "12:60", "1:2:", ":1", "_1:2", "1:2.x", "a:1", "1:2.3:4"] {
            assert!(!is_base60(text), "{text}");
        }
    }
}
