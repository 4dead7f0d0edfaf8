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
