//! Time as kubectl shows it: [`Age`], and [`TimeExt`] between Kubernetes' timestamps and [`chrono`].
//!
//! ```
//! use chrono::TimeDelta;
//! use kube_ext::time::Age;
//!
//! assert_eq!(Age::new(TimeDelta::seconds(119)).to_string(), "119s");
//! assert_eq!(Age::new(TimeDelta::seconds(125)).to_string(), "2m5s");
//! assert_eq!(Age::new(TimeDelta::hours(50)).to_string(), "2d2h");
//! assert_eq!(Age::new(TimeDelta::hours(50)).short(), "2d");
//! ```

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How long ago something happened, in kubectl's words: the AGE column.
///
/// [`Display`](fmt::Display) gives `HumanDuration`'s text, [`short`](Age::short) gives `ShortHumanDuration`'s, both as
/// in Kubernetes' `k8s.io/apimachinery/pkg/util/duration`. A time that is not known prints `<unknown>`; one that lies
/// two seconds or more in the future prints `<invalid>`; less than that is clock skew and prints `0s`.
///
/// Go counts durations in 64 bits of nanoseconds, and so does the text: spans beyond 292 years print as 292 years.
///
/// ```
/// use chrono::TimeDelta;
/// use kube_ext::time::Age;
///
/// assert_eq!(Age::new(TimeDelta::days(400)).to_string(), "400d");
/// assert_eq!(Age::new(TimeDelta::days(3 * 365 + 12)).to_string(), "3y12d");
/// assert_eq!(Age::new(TimeDelta::seconds(-1)).to_string(), "0s");
/// assert_eq!(Age::new(TimeDelta::seconds(-2)).to_string(), "<invalid>");
/// assert_eq!(Age::UNKNOWN.to_string(), "<unknown>");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Age(Option<TimeDelta>);

impl Age {
    /// The age of something whose time is not known; prints `<unknown>`.
    ///
    /// ```
    /// assert_eq!(kube_ext::time::Age::UNKNOWN.delta(), None);
    /// ```
    pub const UNKNOWN: Self = Self(None);

    /// The age of something that happened `delta` ago.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// assert_eq!(kube_ext::time::Age::new(TimeDelta::minutes(10)).to_string(), "10m");
    /// ```
    pub const fn new(delta: TimeDelta) -> Self {
        Self(Some(delta))
    }

    /// The age at `now` of what happened at `time`; unknown for a null time and for Go's zero time, as in the
    /// `translateTimestampSince` of Kubernetes' printers.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    /// use kube_ext::time::{Age, TimeExt};
    ///
    /// let now = Utc::now();
    /// let created = Time::from_chrono(now - TimeDelta::seconds(30));
    /// assert_eq!(Age::since(created.as_ref(), now).to_string(), "30s");
    /// assert_eq!(Age::since(None::<&Time>, now).to_string(), "<unknown>");
    /// ```
    pub fn since<T: TimeExt>(time: Option<&T>, now: DateTime<Utc>) -> Self {
        time.map_or(Self::UNKNOWN, |time| time.age_at(now))
    }

    /// The span of time itself; `None` when it is not known.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// let hour = TimeDelta::hours(1);
    /// assert_eq!(kube_ext::time::Age::new(hour).delta(), Some(hour));
    /// ```
    pub const fn delta(&self) -> Option<TimeDelta> {
        self.0
    }

    /// `ShortHumanDuration`'s text: one unit, as in `kubeadm token list`.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// use kube_ext::time::Age;
    ///
    /// assert_eq!(Age::new(TimeDelta::seconds(90)).short(), "1m");
    /// assert_eq!(Age::new(TimeDelta::days(800)).short(), "2y");
    /// ```
    pub fn short(&self) -> String {
        let Some(nanos) = self.nanos() else { return "<unknown>".into() };
        if nanos <= -2 * SECOND {
            return "<invalid>".into();
        }
        let (seconds, minutes, hours) = (whole(nanos, SECOND), whole(nanos, MINUTE), whole(nanos, HOUR));
        if seconds < 60 {
            format!("{}s", seconds.max(0))
        } else if minutes < 60 {
            format!("{minutes}m")
        } else if hours < 24 {
            format!("{hours}h")
        } else if hours < 24 * 365 {
            format!("{}d", hours / 24)
        } else {
            format!("{}y", hours / 24 / 365)
        }
    }

    /// The span as Go has it: 64 bits of nanoseconds that saturate.
    fn nanos(&self) -> Option<i64> {
        let delta = self.0?;
        let limit = if delta < TimeDelta::zero() { i64::MIN } else { i64::MAX };
        Some(delta.num_nanoseconds().unwrap_or(limit))
    }
}

/// `int(d.Seconds())`, `int(d.Minutes())`, `int(d.Hours())` of Go's `time.Duration`: these go through a 64-bit float,
/// which rounds the last nanoseconds of a long span up.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "Go's own arithmetic")]
fn whole(nanos: i64, unit: i64) -> i64 {
    ((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64) as i64
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(nanos) = self.nanos() else { return f.pad("<unknown>") };
        if nanos <= -2 * SECOND {
            return f.pad("<invalid>");
        }
        f.pad(&human(nanos))
    }
}

/// `HumanDuration`: two to three significant figures.
fn human(nanos: i64) -> String {
    let (seconds, minutes, hours) = (nanos / SECOND, nanos / MINUTE, nanos / HOUR);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let pair = |big: i64, big_unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit}{small}{small_unit}") }
    };
    if seconds < 2 * 60 {
        format!("{}s", seconds.max(0))
    } else if minutes < 10 {
        pair(minutes, "m", seconds % 60, "s")
    } else if minutes < 3 * 60 {
        format!("{minutes}m")
    } else if hours < 8 {
        pair(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        pair(days, "d", hours % 24, "h")
    } else if days < 2 * 365 {
        format!("{days}d")
    } else if days < 8 * 365 {
        pair(years, "y", days % 365, "d")
    } else {
        format!("{years}y")
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Time {}
    impl Sealed for super::MicroTime {}
}

/// Between Kubernetes' [`Time`] and [`MicroTime`], which hold a [`jiff::Timestamp`], and [`chrono`].
///
/// ```
/// use chrono::{DateTime, Utc};
/// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
/// use kube_ext::time::TimeExt;
///
/// let time: Time = serde_json::from_str(r#""2026-07-22T12:00:00Z""#)?;
/// let noon: DateTime<Utc> = time.to_chrono();
/// assert_eq!(noon.to_rfc3339(), "2026-07-22T12:00:00+00:00");
/// assert_eq!(Time::from_chrono(noon), Some(time));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait TimeExt: private::Sealed + Sized {
    /// The same instant as a [`chrono::DateTime`], to the nanosecond.
    ///
    /// ```
    /// use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    /// use kube_ext::time::TimeExt;
    ///
    /// let renewed: MicroTime = serde_json::from_str(r#""2026-07-22T12:00:00.250000Z""#)?;
    /// assert_eq!(renewed.to_chrono().timestamp_subsec_millis(), 250);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn to_chrono(&self) -> DateTime<Utc>;

    /// The same instant as Kubernetes' type; `None` outside the years -9999 to 9999, which it cannot hold.
    ///
    /// ```
    /// use chrono::{DateTime, Utc};
    /// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    /// use kube_ext::time::TimeExt;
    ///
    /// assert!(Time::from_chrono(DateTime::<Utc>::UNIX_EPOCH).is_some());
    /// assert!(Time::from_chrono(DateTime::<Utc>::MAX_UTC).is_none());
    /// ```
    fn from_chrono(time: DateTime<Utc>) -> Option<Self>;

    /// Whether this is Go's zero time, the first instant of the year 1, which Kubernetes takes for "not set".
    ///
    /// ```
    /// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    /// use kube_ext::time::TimeExt;
    ///
    /// let zero: Time = serde_json::from_str(r#""0001-01-01T00:00:00Z""#)?;
    /// assert!(zero.is_zero());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    fn is_zero(&self) -> bool {
        is_zero(self.to_chrono())
    }

    /// How long ago this was; unknown for the zero time.
    ///
    /// ```
    /// use chrono::Utc;
    /// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    /// use kube_ext::time::TimeExt;
    ///
    /// let now = Time::from_chrono(Utc::now()).ok_or("out of range")?;
    /// assert_eq!(now.age().short().pop(), Some('s'));
    /// # Ok::<(), &str>(())
    /// ```
    fn age(&self) -> Age {
        self.age_at(Utc::now())
    }

    /// [`age`](TimeExt::age) by the given clock.
    ///
    /// ```
    /// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    /// use kube_ext::time::TimeExt;
    ///
    /// let created: Time = serde_json::from_str(r#""2026-07-22T12:00:00Z""#)?;
    /// let now = "2026-07-22T12:05:03Z".parse()?;
    /// assert_eq!(created.age_at(now).to_string(), "5m3s");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn age_at(&self, now: DateTime<Utc>) -> Age {
        let time = self.to_chrono();
        if is_zero(time) { Age::UNKNOWN } else { Age::new(now.signed_duration_since(time)) }
    }
}

/// `0001-01-01T00:00:00Z` in seconds since 1970.
const ZERO_SECONDS: i64 = -62_135_596_800;

fn is_zero(time: DateTime<Utc>) -> bool {
    (time.timestamp(), time.timestamp_subsec_nanos()) == (ZERO_SECONDS, 0)
}

impl TimeExt for Time {
    fn to_chrono(&self) -> DateTime<Utc> {
        to_chrono(self.0)
    }

    fn from_chrono(time: DateTime<Utc>) -> Option<Self> {
        from_chrono(time).map(Self)
    }
}

impl TimeExt for MicroTime {
    fn to_chrono(&self) -> DateTime<Utc> {
        to_chrono(self.0)
    }

    fn from_chrono(time: DateTime<Utc>) -> Option<Self> {
        from_chrono(time).map(Self)
    }
}

fn to_chrono(time: jiff::Timestamp) -> DateTime<Utc> {
    // jiff counts the nanoseconds of a time before 1970 backwards from the later second; chrono always forwards.
    let (seconds, nanos) = (time.as_second(), i64::from(time.subsec_nanosecond()));
    let (seconds, nanos) = if nanos < 0 { (seconds - 1, nanos + SECOND) } else { (seconds, nanos) };
    // chrono's range contains jiff's.
    DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap_or_default()).unwrap_or_default()
}

fn from_chrono(time: DateTime<Utc>) -> Option<jiff::Timestamp> {
    // chrono writes a leap second as more than a second's worth of nanoseconds; jiff has none.
    let nanos = i32::try_from(time.timestamp_subsec_nanos().min(999_999_999)).ok()?;
    jiff::Timestamp::new(time.timestamp(), nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_like_go() {
        assert_eq!(Age::new(TimeDelta::days(400 * 365)).to_string(), "292y");
        assert_eq!(Age::new(TimeDelta::days(400 * 365)).short(), "292y");
        assert_eq!(Age::new(TimeDelta::MIN).to_string(), "<invalid>");
    }

    #[test]
    fn short_rounds_through_a_float() {
        let year = TimeDelta::days(365);
        let almost = year - TimeDelta::nanoseconds(1);
        assert_eq!(Age::new(almost).short(), "1y");
        assert_eq!(Age::new(almost).to_string(), "364d");
    }

    #[test]
    fn skew_is_tolerated_below_two_seconds() {
        let almost = TimeDelta::nanoseconds(-1_999_999_999);
        assert_eq!(Age::new(almost).to_string(), "0s");
        assert_eq!(Age::new(almost).short(), "0s");
    }

    #[test]
    fn times_before_1970_survive_the_way_there_and_back() {
        for text in ["1969-12-31T23:59:59.250Z", "0001-01-01T00:00:00Z", "2026-07-22T12:00:00.000001Z"] {
            let time: DateTime<Utc> = text.parse().unwrap();
            assert_eq!(MicroTime::from_chrono(time).unwrap().to_chrono(), time, "{text}");
        }
    }

    #[test]
    fn padding_applies() {
        assert_eq!(format!("{:>6}|", Age::new(TimeDelta::seconds(5))), "    5s|");
    }
}
