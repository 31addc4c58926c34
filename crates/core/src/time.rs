//! Points in time and spans. Values only: nothing here asks what time it is.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A point in wall time: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Span {
        let delta = self.0.saturating_sub(earlier.0);
        Span(if delta > 0 { delta as u64 } else { 0 })
    }

    /// This point moved by a signed number of milliseconds.
    #[must_use]
    pub const fn shifted(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with whole seconds: `2026-11-21T07:42:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.seconds()) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// Reads RFC 3339: what [`Display`](fmt::Display) writes reads back.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|at| Self(at.as_millisecond()))
    }
}

/// What time it is, from both clocks, read together.
///
/// `wall` may be stepped by people and NTP; `uptime` (`CLOCK_BOOTTIME`, counts suspend) only moves forward and starts
/// again at a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Wall time.
    pub wall: Timestamp,
    /// Time since boot, suspend included.
    pub uptime: Span,
}

/// A length of time in milliseconds. People write it as `90s`, `10m`, `2h`, `1d`, `1h30m`, `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(millis)
    }
    /// From seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
    /// From minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }
    /// From hours.
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }
    /// From days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self::hours(days.saturating_mul(24))
    }
    /// As milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
    /// As seconds, fractions kept.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
    /// As the standard library's duration.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
    /// True for a length of zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
    /// This span `n` times.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
    /// This span divided by `n`, rounded down; unchanged for zero.
    #[must_use]
    pub const fn over(self, n: u64) -> Self {
        match self.0.checked_div(n) {
            Some(part) => Self(part),
            None => self,
        }
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    /// Saturates at zero.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl fmt::Display for Span {
    /// The two largest units, as people say it: `1d 2h`, `4m 10s`, `350ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let mut shown = 0;
        for (unit, size) in UNITS {
            // Below a second only when that is all there is: "4m 10s", never "10s 3ms".
            if unit == "ms" && shown > 0 {
                break;
            }
            let count = rest / size;
            if count > 0 {
                if shown > 0 {
                    f.write_str(" ")?;
                }
                write!(f, "{count}{unit}")?;
                shown += 1;
                rest %= size;
            } else if shown == 1 {
                // "1d 0h" says nothing and "1d 5m" would skip a unit.
                break;
            }
            if shown == 2 {
                break;
            }
        }
        Ok(())
    }
}

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// No number where one belongs.
    #[error("expected a number followed by a unit, such as \"90s\" or \"1h30m\"")]
    Shape,
    /// A number without a unit, or with one that is not known.
    #[error("unknown unit {0:?}: use ms, s, m, h or d")]
    Unit(String),
    /// More than 10,000 days.
    #[error("longer than 10000 days")]
    TooLong,
}

impl FromStr for Span {
    type Err = SpanError;

    /// Reads `250ms`, `90s`, `10m`, `2h`, `1d` and sums of them such as `1h30m`.
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(SpanError::Shape);
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number: u64 = rest[..digits].parse().map_err(|_| SpanError::Shape)?;
            rest = rest[digits..].trim_start();
            let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            let unit = &rest[..letters];
            let size = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, size)| *size)
                .ok_or_else(|| SpanError::Unit(unit.to_owned()))?;
            total = number
                .checked_mul(size)
                .and_then(|part| total.checked_add(part))
                .ok_or(SpanError::TooLong)?;
            rest = rest[letters..].trim_start();
        }
        if total > Self::days(10_000).0 { Err(SpanError::TooLong) } else { Ok(Self(total)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span::millis(millis)), "{text}");
        }
        assert_eq!("10".parse::<Span>(), Err(SpanError::Unit(String::new())));
        assert_eq!("ten s".parse::<Span>(), Err(SpanError::Shape));
        assert_eq!("5 fortnights".parse::<Span>(), Err(SpanError::Unit("fortnights".into())));
        assert_eq!("99999999999d".parse::<Span>(), Err(SpanError::TooLong));
        assert_eq!("".parse::<Span>(), Err(SpanError::Shape));
    }

    #[test]
    fn spans_show_two_units_at_most() {
        for (millis, text) in [
            (0, "0s"),
            (350, "350ms"),
            (10_003, "10s"),
            (250_000, "4m 10s"),
            (93_600_000, "1d 2h"),
            (86_700_000, "1d"),
            (3_600_000, "1h"),
        ] {
            assert_eq!(Span::millis(millis).to_string(), text);
        }
    }

    #[test]
    fn a_timestamp_shows_as_rfc_3339() {
        assert_eq!(Timestamp::from_seconds(1_795_246_920).to_string(), "2026-11-21T07:42:00Z");
        assert_eq!(Timestamp::from_seconds(10).since(Timestamp::from_seconds(20)), Span::ZERO);
    }
}
