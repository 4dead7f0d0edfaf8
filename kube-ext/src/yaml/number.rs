//! Numbers as kubectl prints them.

use serde_json::Number;

use crate::go_float;

/// A number as kubectl holds it: `int64` when the value is one, else `float64`.
///
/// An integer above [`i64::MAX`] is a float, as in `k8s.io/apimachinery/pkg/util/json`.
enum Held {
    Int(i64),
    Float(f64),
}

fn held(number: &Number) -> Option<Held> {
    number.as_i64().map(Held::Int).or_else(|| number.as_f64().map(Held::Float))
}

/// Writes a number as `kubectl -o json` does.
pub(super) fn write_json(number: &Number, out: &mut String) {
    match held(number) {
        Some(Held::Int(int)) => push(out, &int),
        Some(Held::Float(float)) => out.push_str(&go_float::json(float)),
        // Only with serde_json's arbitrary precision: a number that no float holds.
        None => push(out, number),
    }
}

/// Writes a number as `kubectl -o yaml` does: the JSON text, read as YAML and written again, so that a float without a
/// fraction becomes an integer if it can be read as one.
pub(super) fn write_yaml(number: &Number, out: &mut String) {
    match held(number) {
        Some(Held::Int(int)) => push(out, &int),
        Some(Held::Float(float)) => {
            let json = go_float::json(float);
            if let Ok(int) = json.parse::<i64>() {
                push(out, &int);
            } else if json.parse::<u64>().is_ok() {
                out.push_str(&json);
            } else {
                out.push_str(&go_float::general(float));
            }
        }
        None => push(out, number),
    }
}

/// A float that is the key of a mapping, as `sigs.k8s.io/yaml` turns it into a string: with the precision of a
/// `float32`.
pub(super) fn key_float(float: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "Go formats it with 32 bits")]
    let float = float as f32;
    if float.is_nan() {
        ".nan".to_owned()
    } else if float.is_infinite() {
        if float > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() }
    } else {
        go_float::general_32(float)
    }
}

fn push(out: &mut String, value: &impl std::fmt::Display) {
    use std::fmt::Write as _;
    // Writing to a string does not fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(json: &str) -> String {
        let mut out = String::new();
        write_yaml(&json.parse().unwrap(), &mut out);
        out
    }

    #[test]
    fn floats_in_yaml() {
        for (json, expected) in [
            ("0.1", "0.1"),
            ("1.0", "1"),
            ("-0.0", "0"),
            ("1e20", "1e+20"),
            ("1e19", "10000000000000000000"),
            ("18446744073709551615", "1.8446744073709552e+19"),
            ("1234567.5", "1.2345675e+06"),
            ("123456.5", "123456.5"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("-1.5e-7", "-1.5e-07"),
            ("1e300", "1e+300"),
        ] {
            assert_eq!(yaml(json), expected, "{json}");
        }
    }

    #[test]
    fn floats_as_keys_have_32_bits() {
        assert_eq!(key_float(0.123_456_789), "0.12345679");
        assert_eq!(key_float(1e300), ".inf");
        assert_eq!(key_float(1_000_000.0), "1e+06");
        assert_eq!(key_float(-100.0), "-100");
    }
}
