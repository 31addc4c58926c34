//! Planned times in which pages are held back.
//!
//! A pure function of the plan and the wall clock: there is no state to lose, so a maintenance ends when the file says
//! so, whatever becomes of the agent, the host or the clock in the meantime. Who is paged when is in the roll call.

use std::sync::Arc;

use crate::schedule::Schedule;
use crate::time::{Span, Timestamp};

/// Longest time that pages are held back without a break.
pub const LONGEST: Span = Span::days(7);
/// So many spells may follow each other without a break; more of them hold nothing back.
const JOINTS: usize = 4096;
/// So many times of maintenance are looked at to tell whether one of them is too long.
const LOOKED_AT: usize = 64;
/// The first of them comes after this day, 2024-01-01; all of them within a year and a month.
const FIRST_DAY: Timestamp = Timestamp::from_seconds(1_704_067_200);
const YEAR: Span = Span::days(400);
/// A clock that is slewed back by less does not leave a stretch.
const SLEW: Span = Span::seconds(2);

/// One planned time, or one that comes again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spell {
    /// It begins at the instants of a cron expression.
    Recurrent {
        /// When it begins.
        schedule: Schedule,
        /// How long it lasts; at most [`LONGEST`].
        lasts: Span,
    },
    /// Once.
    Once {
        /// From then on.
        from: Timestamp,
        /// Until just before then.
        until: Timestamp,
    },
}

/// All planned times of one expectation. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maintenance(Option<Arc<[Spell]>>);

/// Planned times that follow each other so closely that pages would be held back for more than [`LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("from {from} on they leave no gap for more than {LONGEST}")]
pub struct Endless {
    /// Where that begins.
    pub from: Timestamp,
}

/// A time in which nothing changes: all of it in maintenance, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    from: Timestamp,
    /// None if nothing ever changes.
    to: Option<Timestamp>,
    is_held: bool,
}

impl Spell {
    /// When the spell ends that this moment lies in; none if it lies in none.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { from, until } => (*from <= at && at < *until).then_some(*until),
            Self::Recurrent { schedule, lasts } => {
                let lasts = (*lasts).min(LONGEST);
                let begun = schedule.next_after(at - lasts).ok().filter(|begun| *begun <= at)?;
                Some(begun + lasts)
            }
        }
    }

    /// When it begins next, after this moment.
    fn next(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { from, until } => (at < *from && from < until).then_some(*from),
            Self::Recurrent { schedule, lasts } => schedule.next_after(at).ok().filter(|_| !lasts.is_zero()),
        }
    }
}

impl Maintenance {
    /// These planned times.
    ///
    /// # Errors
    /// [`Endless`] if they hold pages back for longer than a maintenance may, as far as can be seen for about a year.
    pub fn new(spells: Vec<Spell>) -> Result<Self, Endless> {
        let planned = Self((!spells.is_empty()).then(|| spells.into()));
        planned.check()?;
        Ok(planned)
    }

    /// True if nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// When the maintenance ends that this moment lies in, those that follow without a break included; none if it lies
    /// in none.
    pub fn until(&self, at: Timestamp) -> Option<Timestamp> {
        let mut end = self.end(at)?;
        for _ in 0..JOINTS {
            match self.end(end) {
                Some(later) => end = later,
                None => return Some(end),
            }
        }
        None
    }

    /// When the next one begins, after this moment.
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        self.spells().iter().filter_map(|spell| spell.next(at)).min()
    }

    /// What holds at this moment, and for how long.
    pub fn stretch(&self, at: Timestamp) -> Stretch {
        match self.until(at) {
            Some(end) => Stretch { from: at, to: Some(end), is_held: true },
            None => Stretch { from: at, to: self.next(at), is_held: false },
        }
    }

    /// Each of them.
    pub(crate) fn spells(&self) -> &[Spell] {
        self.0.as_deref().unwrap_or_default()
    }

    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        self.spells().iter().filter_map(|spell| spell.end(at)).max()
    }

    fn check(&self) -> Result<(), Endless> {
        let refuse_long = |from: Timestamp| match self.until(from) {
            Some(end) if end.since(from) <= LONGEST => Ok(end),
            Some(_) | None => Err(Endless { from }),
        };
        for spell in self.spells() {
            if let Spell::Once { from, until } = spell
                && from < until
            {
                refuse_long(*from)?;
            }
        }
        let mut at = FIRST_DAY;
        for _ in 0..LOOKED_AT {
            let begins = if self.end(at).is_some() { Some(at) } else { self.recurs(at) };
            let Some(begins) = begins.filter(|begins| begins.since(FIRST_DAY) <= YEAR) else { break };
            at = refuse_long(begins)?;
        }
        Ok(())
    }

    /// When the next one of those begins that come again.
    fn recurs(&self, at: Timestamp) -> Option<Timestamp> {
        let recurrent = |spell: &&Spell| matches!(spell, Spell::Recurrent { .. });
        self.spells().iter().filter(recurrent).filter_map(|spell| spell.next(at)).min()
    }
}

impl Stretch {
    /// True if this moment lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at + SLEW && self.to.is_none_or(|to| at < to)
    }

    /// The end of the maintenance that it is; none if it is none.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.to.filter(|_| self.is_held)
    }

    /// The same, and held for so much longer: a known bug, for the tests of the tests.
    #[must_use]
    pub(crate) fn longer(self, more: Span) -> Self {
        Self { to: self.to.filter(|_| self.is_held).map(|to| to + more).or(self.to), ..self }
    }

    /// When something changes.
    pub fn to(&self) -> Option<Timestamp> {
        self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of 2026 in UTC, as `MM-DDTHH:MM`.
    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = format!("2026-{text}:00Z").parse().expect("a moment");
        Timestamp::from_seconds(moment.as_second())
    }

    fn recurrent(text: &str, zone: &str, lasts: Span) -> Spell {
        Spell::Recurrent { schedule: Schedule::parse(text, zone).expect("a schedule"), lasts }
    }

    fn planned(spells: Vec<Spell>) -> Maintenance {
        Maintenance::new(spells).expect("it ends")
    }

    #[test]
    fn a_weekly_one_holds_from_its_beginning_to_just_before_its_end() {
        let sundays = planned(vec![recurrent("0 3 * * 0", "UTC", Span::hours(2))]);
        // 2026-11-22 is a Sunday.
        for (moment, until) in [
            ("11-22T02:59", None),
            ("11-22T03:00", Some("11-22T05:00")),
            ("11-22T04:59", Some("11-22T05:00")),
            ("11-22T05:00", None),
            ("11-23T03:30", None),
        ] {
            assert_eq!(sundays.until(at(moment)), until.map(at), "{moment}");
        }
        assert_eq!(sundays.next(at("11-22T03:00")), Some(at("11-29T03:00")));
        let outside = sundays.stretch(at("11-22T02:59"));
        assert_eq!((outside.held_until(), outside.to()), (None, Some(at("11-22T03:00"))));
        assert!(outside.contains(at("11-22T02:59")) && !outside.contains(at("11-22T03:00")));
    }

    #[test]
    fn one_that_comes_once_is_over_for_ever() {
        let once = planned(vec![Spell::Once { from: at("12-01T02:00"), until: at("12-01T06:00") }]);
        assert_eq!(once.next(at("11-01T00:00")), Some(at("12-01T02:00")));
        assert_eq!(once.until(at("12-01T05:59")), Some(at("12-01T06:00")));
        assert_eq!(once.stretch(at("12-01T06:00")).to(), None);
    }

    #[test]
    fn those_that_touch_or_overlap_are_one() {
        let night = planned(vec![
            recurrent("0 1 * * *", "UTC", Span::hours(1)),
            recurrent("30 1 * * *", "UTC", Span::hours(1)),
            Spell::Once { from: at("11-22T02:30"), until: at("11-22T04:00") },
        ]);
        assert_eq!(night.until(at("11-22T01:10")), Some(at("11-22T04:00")));
        assert_eq!(night.until(at("11-23T01:10")), Some(at("11-23T02:30")));
    }

    #[test]
    fn one_that_begins_while_the_clock_is_changed_lasts_as_long_as_it_says() {
        let berlin = planned(vec![recurrent("30 2 * * *", "Europe/Berlin", Span::hours(2))]);
        // There is no half past two: it begins when the clock is put forward, at 01:00 UTC.
        assert_eq!(berlin.until(at("03-29T01:00")), Some(at("03-29T03:00")));
        assert_eq!(berlin.until(at("03-29T00:59")), None);
        // Half past two comes twice: it begins the first time only, at 00:30 UTC.
        assert_eq!(berlin.until(at("10-25T00:30")), Some(at("10-25T02:30")));
        assert_eq!(berlin.until(at("10-25T02:30")), None);
    }

    #[test]
    fn those_that_leave_no_gap_are_refused() {
        let hours = Span::hours;
        for (spells, fits) in [
            (vec![recurrent("0 0 * * *", "UTC", hours(24))], false),
            (vec![recurrent("0 0 * * *", "UTC", hours(23))], true),
            (
                vec![recurrent("0 0 * * *", "UTC", hours(12)), recurrent("0 12 * * *", "UTC", hours(12))],
                false,
            ),
            (vec![recurrent("* * * * *", "UTC", Span::minutes(1))], false),
            (vec![recurrent("* * * * *", "UTC", Span::seconds(59))], true),
            (vec![recurrent("0 0 * * 1", "UTC", Span::days(7))], false),
            (vec![recurrent("0 0 1 * *", "UTC", Span::days(7))], true),
            (vec![Spell::Once { from: at("01-01T00:00"), until: at("01-08T00:00") }], true),
            (vec![Spell::Once { from: at("01-01T00:00"), until: at("01-08T00:01") }], false),
        ] {
            assert_eq!(Maintenance::new(spells.clone()).is_ok(), fits, "{spells:?}");
        }
    }

    #[test]
    fn one_that_never_ends_holds_nothing_back() {
        let endless = Maintenance(Some(vec![recurrent("* * * * *", "UTC", Span::minutes(2))].into()));
        assert_eq!(endless.until(at("11-22T03:00")), None);
        assert_eq!(Maintenance::default().stretch(at("11-22T03:00")).to(), None);
    }
}
