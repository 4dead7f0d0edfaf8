//! A time in a query, and what Go says of one that it cannot read (`time.Parse` with RFC 3339).
use chrono::{DateTime, Timelike as _, Utc};

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// A time to the second: the API server hands no fraction on to the kubelet. Nothing at all is the beginning of time.
pub(super) fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if text.is_empty() {
        return Ok(DateTime::<Utc>::MIN_UTC);
    }
    check(text)?;
    // All that is left to be wrong.
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| of_time(text, "day out of range"))?;
    let time = time.to_utc();
    Ok(time.with_nanosecond(0).unwrap_or(time))
}

fn of_time(text: &str, what: &str) -> String {
    format!("parsing time {text:?}: {what}")
}

/// Goes through the parts of the layout, and tells the first that does not fit.
fn check(text: &str) -> Result<(), String> {
    // What the layout has, and for a number its name and the first value that is too large.
    let parts: [(&str, Option<(&str, u16)>); 11] = [
        ("2006", Some(("year", u16::MAX))),
        ("-", None),
        ("01", Some(("month", 13))),
        ("-", None),
        // Depends on the month, and is seen to last.
        ("02", Some(("day", u16::MAX))),
        ("T", None),
        ("15", Some(("hour", 24))),
        (":", None),
        ("04", Some(("minute", 60))),
        (":", None),
        ("05", Some(("second", 60))),
    ];
    let cannot = |rest: &str, part: &str| {
        Err(format!("parsing time {text:?} as {LAYOUT:?}: cannot parse {rest:?} as {part:?}"))
    };
    let mut rest = text;
    for (part, number) in parts {
        let Some((taken, after)) = rest.split_at_checked(part.len()) else { return cannot(rest, part) };
        match number {
            None if taken != part => return cannot(rest, part),
            None => (),
            Some((name, end)) => match taken.parse::<u16>() {
                Ok(value) if taken.bytes().all(|byte| byte.is_ascii_digit()) => {
                    if value >= end || (value == 0 && name == "month") {
                        return Err(of_time(text, &format!("{name} out of range")));
                    }
                }
                _ => return cannot(rest, part),
            },
        }
        rest = after;
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let after = fraction.trim_start_matches(|letter: char| letter.is_ascii_digit());
        rest = if after.len() < fraction.len() { after } else { rest };
    }
    let after = match rest.strip_prefix('Z') {
        Some(after) => after,
        None => match rest.split_at_checked(6) {
            Some((offset, _)) if is_offset(offset.as_bytes()) && offset.get(1..3) > Some("23") => {
                return Err(of_time(text, "time zone offset hour out of range"));
            }
            Some((offset, after)) if is_offset(offset.as_bytes()) => after,
            _ => return cannot(rest, "Z07:00"),
        },
    };
    if after.is_empty() { Ok(()) } else { Err(of_time(text, &format!("extra text: {after:?}"))) }
}

/// Whether this is an offset from UTC, such as `+02:00`.
fn is_offset(text: &[u8]) -> bool {
    match text {
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_the_second_in_any_zone() {
        let second = "2020-02-29T23:59:59Z".parse::<DateTime<Utc>>().unwrap();
        let same = [
            "2020-02-29T23:59:59Z",
            "2020-02-29T23:59:59.999999999Z",
            "2020-03-01T01:59:59.5+02:00",
            "2020-02-29T22:29:59-01:30",
        ];
        for text in same {
            assert_eq!(parse(text), Ok(second), "{text}");
        }
        assert_eq!(parse(""), Ok(DateTime::<Utc>::MIN_UTC));
    }

    #[test]
    fn characters_of_several_bytes() {
        for text in ["é", "202é-01-01T00:00:00Z", "2020-01-01T00:00:00é", "2020-01-01T00:00:00+01:é0"] {
            assert!(parse(text).unwrap_err().contains("cannot parse"), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        // From Go 1.26.
        let said = [
            ("2020-02-30T00:00:00Z", "parsing time \"2020-02-30T00:00:00Z\": day out of range"),
            ("2020-01-01T00:61:00Z", "parsing time \"2020-01-01T00:61:00Z\": minute out of range"),
            (
                "2020-01-01t00:00:00Z",
                "parsing time \"2020-01-01t00:00:00Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"t00:00:00Z\" as \"T\"",
            ),
            (
                "2020-1-01T00:00:00Z",
                "parsing time \"2020-1-01T00:00:00Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"1-01T00:00:00Z\" as \"01\"",
            ),
            (
                "2020-01-01T00:00:00.Z",
                "parsing time \"2020-01-01T00:00:00.Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \".Z\" as \"Z07:00\"",
            ),
            (
                "2020-01-01T00:00:00+25:00",
                "parsing time \"2020-01-01T00:00:00+25:00\": time zone offset hour out of range",
            ),
        ];
        for (text, error) in said {
            assert_eq!(parse(text).unwrap_err(), error);
        }
    }
}
