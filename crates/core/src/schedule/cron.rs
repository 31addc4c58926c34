//! The schedule itself: a text, a zone, and what they compile to.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::fields::Fields;
use super::search;
use crate::time::{Span, Timestamp};

/// A cron expression in a time zone. Cheap to clone; two are equal when text and zone are.
///
/// The meaning is that of Debian's cron:
/// - when the day of month or the day of week *starts with* a star, both must match (so `0 0 */2 * 1` is "odd days
///   that are Mondays"); else one of them is enough;
/// - a job with fixed minute and hour whose time falls into a gap (spring) runs once, right after the gap, and one
///   whose time comes twice (autumn) runs the first time only (with several times in the gap cron starts it as often,
///   all at once: here that is one instant);
/// - a job whose minute or hour starts with a star follows the clock on the wall, in the repeated hour too;
/// - a shift of three hours and more is a correction, not daylight saving: the new time simply holds.
///
/// ```
/// use muster_core::schedule::Schedule;
/// use muster_core::time::Timestamp;
/// let nightly = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
/// // 2026-03-29 has no half past two: it runs when the clock is put forward, at 01:00 UTC.
/// let evening = Timestamp::from_seconds(1_774_735_200);
/// assert_eq!(nightly.next_after(evening).unwrap().to_string(), "2026-03-29T01:00:00Z");
/// ```
#[derive(Clone)]
pub struct Schedule(Arc<Compiled>);

struct Compiled {
    text: String,
    zone: String,
    fields: Fields,
    rules: TimeZone,
}

/// A text that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ScheduleError {
    /// What is wrong, in words.
    pub what: String,
    /// Byte range of the text that is at fault; empty when the zone is.
    pub span: Range<usize>,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
}

/// A schedule whose next instant could not be found within the step budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no instant of {text:?} ({zone}) found after {after} within the search budget")]
pub struct Uncomputable {
    /// The expression.
    pub text: String,
    /// Its zone.
    pub zone: String,
    /// Where the search began.
    pub after: Timestamp,
}

impl Schedule {
    /// Reads five cron fields (or `@daily` and the like) in an IANA time zone.
    ///
    /// The zone's rules are those of the host's zoneinfo, or the built-in ones where it has none, as they are now:
    /// read again to pick up a new edition.
    ///
    /// # Errors
    /// [`ScheduleError`] with the place of the fault: bad grammar, a word of another cron's dialect, a day that no
    /// month has, an unknown zone.
    pub fn parse(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        let fields = Fields::parse(text)?;
        let rules = TimeZone::get(zone).map_err(|_| ScheduleError {
            what: format!("unknown time zone {zone:?}"),
            span: 0..0,
            help: Some("use an IANA name such as \"Europe/Berlin\" or \"UTC\"".to_owned()),
        })?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), zone: zone.to_owned(), fields, rules })))
    }

    /// The first instant strictly after `after`; always a whole second.
    ///
    /// # Errors
    /// [`Uncomputable`] when the search budget is used up, or `after` is outside the years -9999 to 9999.
    pub fn next_after(&self, after: Timestamp) -> Result<Timestamp, Uncomputable> {
        search::next(&self.0.fields, &self.0.rules, after).ok_or_else(|| Uncomputable {
            text: self.0.text.clone(),
            zone: self.0.zone.clone(),
            after,
        })
    }

    /// How far apart the next two instants after `at` are: "one interval" of this schedule at that moment. Zero when
    /// they cannot be computed.
    pub fn interval_hint(&self, at: Timestamp) -> Span {
        self.next_after(at).and_then(|first| Ok(self.next_after(first)?.since(first))).unwrap_or(Span::ZERO)
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The five fields that a short form stands for (`0 0 * * *` for `@daily`), else the expression as written.
    pub fn five_fields(&self) -> &str {
        Fields::long_form(&self.0.text).unwrap_or(&self.0.text)
    }

    /// The IANA name of the zone.
    pub fn zone(&self) -> &str {
        &self.0.zone
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.text == other.0.text && self.0.zone == other.0.zone)
    }
}

impl Eq for Schedule {}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({:?}, {:?})", self.0.text, self.0.zone)
    }
}
