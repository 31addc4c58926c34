//! What both engines hold to about looks: how many, in which order, on which day a slot counts, how long a trace may be.
//! Pure.

use std::collections::BTreeMap;

use muster_core::effect::Verdict;
use muster_core::ids::ExpectationId;
use muster_core::look::{Look, Tally, Trace};
use muster_core::time::{Span, Timestamp};

/// Most looks in one answer: a week of one check that looks every 20 seconds, and then some.
pub const LOOK_LIMIT: usize = 50_000;

/// So many traces are kept of each check.
pub const TRACES: usize = 20;

/// So many bytes of traces are kept of all checks together, and never more than a quarter of what the store may hold.
pub const TRACE_BYTES: u64 = 64 << 20;

/// A longer trace loses the end of what it says line by line.
pub const TRACE_LONGEST: usize = 32 << 10;

/// Checks have numbers below this one.
pub(crate) const NUMBERS: u32 = 1 << 20;

/// Milliseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000;

/// Milliseconds of a day.
pub(crate) const DAY: i64 = 86_400_000;

/// One row of slots counts on so many days at most, the last ones: what lies before was pruned long ago.
const MOST_DAYS: u32 = 4000;

/// What tells two looks of one check apart, in the order in which looks are listed: the newest moment that it speaks
/// of, when it began, and when it was due.
pub(crate) type Place = (Timestamp, Timestamp, Option<Timestamp>);

/// A look without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bare {
    pub(crate) due: Option<Timestamp>,
    pub(crate) at: Timestamp,
    pub(crate) verdict: Verdict,
    pub(crate) took: Option<Span>,
    pub(crate) further: u32,
    pub(crate) every: Span,
}

impl Bare {
    pub(crate) fn of(look: &Look) -> Self {
        let Look { about: _, due, at, verdict, took, further, every } = *look;
        Self { due, at, verdict, took, further, every }
    }

    pub(crate) fn look(self, about: ExpectationId) -> Look {
        let Self { due, at, verdict, took, further, every } = self;
        Look { about, due, at, verdict, took, further, every }
    }

    /// The last slot that it fills.
    pub(crate) fn last_slot(&self) -> Option<Timestamp> {
        self.due.map(|due| due + self.every.times(u64::from(self.further)))
    }

    /// Where it stands among the looks of its check.
    pub(crate) fn place(&self) -> Place {
        (self.last_slot().map_or(self.at, |slot| slot.max(self.at)), self.at, self.due)
    }

    /// The hour to which it belongs.
    pub(crate) fn hour(&self) -> i64 {
        hour(self.place().0)
    }
}

/// The hour since the epoch.
pub(crate) fn hour(at: Timestamp) -> i64 {
    at.millis().div_euclid(HOUR)
}

/// The day since the epoch, in UTC.
pub(crate) fn day(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY)
}

/// When that day began.
pub(crate) fn day_start(day: i64) -> Timestamp {
    Timestamp::from_millis(day.saturating_mul(DAY))
}

/// Adds a look to the tallies of the days on which its slots were due.
pub(crate) fn count(look: &Bare, days: &mut BTreeMap<i64, Tally>) {
    let (Some(due), Some(mut last)) = (look.due, look.last_slot()) else { return };
    if day(due) == day(last) {
        let slots = look.further.saturating_add(1);
        days.entry(day(due)).or_default().add_slots(look.verdict, slots, look.took);
        return;
    }
    // From the last day back; a row of slots has one length of time, and it belongs to the first of them.
    let every = look.every.as_millis().max(1);
    let mut left = u64::from(look.further) + 1;
    for _ in 0..MOST_DAYS {
        let today = day(last);
        let slots = (last.since(day_start(today)).as_millis() / every + 1).min(left);
        left -= slots;
        let took = look.took.filter(|_| left == 0);
        let of_today = u32::try_from(slots).unwrap_or(u32::MAX);
        days.entry(today).or_default().add_slots(look.verdict, of_today, took);
        if left == 0 {
            return;
        }
        last = last - Span::millis(every.saturating_mul(slots));
    }
}

/// The newest `limit` of what is listed, oldest first.
pub(crate) fn newest(all: BTreeMap<Place, Bare>, about: &ExpectationId, limit: usize) -> Vec<Look> {
    let surplus = all.len().saturating_sub(limit.min(LOOK_LIMIT));
    all.into_values().skip(surplus).map(|look| look.look(about.clone())).collect()
}

/// How many bytes a trace takes, nearly.
pub(crate) fn weight(trace: &Trace) -> usize {
    let sight = &trace.sight;
    let texts = sight.lines.iter().chain(&sight.unmet).map(String::len);
    let pairs = sight.facts.iter().map(|(name, value)| name.len() + value.len());
    let phases = sight.phases.iter().map(|(name, _)| name.len() + 16);
    texts.chain(pairs).chain(phases).map(|bytes| bytes + 8).sum::<usize>()
        + sight.words.len()
        + sight.class.as_ref().map_or(0, String::len)
        + 64
}

/// The trace, cut where it is too long, which it then says.
pub(crate) fn cut(trace: &Trace) -> Trace {
    let mut trace = trace.clone();
    let mut cut = false;
    while weight(&trace) > TRACE_LONGEST {
        let sight = &mut trace.sight;
        let gone = sight.lines.pop().is_some()
            || sight.facts.pop().is_some()
            || sight.unmet.pop().is_some()
            || sight.phases.pop().is_some();
        if !gone {
            let keep = (0..=1000).rev().find(|at| sight.words.is_char_boundary(*at)).unwrap_or(0);
            sight.words.truncate(keep);
            sight.class = None;
        }
        cut = true;
    }
    if cut {
        trace.sight.lines.push("(the rest was too long to keep)".into());
    }
    trace
}

#[cfg(test)]
mod tests {
    use muster_core::look::Sight;

    use super::*;

    fn row(due: i64, further: u32, every: Span) -> Bare {
        Bare {
            due: Some(Timestamp::from_millis(due)),
            at: Timestamp::from_millis(due),
            verdict: Verdict::Unknown,
            took: Some(Span::millis(7)),
            further,
            every,
        }
    }

    fn counted(look: &Bare) -> Vec<(i64, u32, u64)> {
        let mut days = BTreeMap::new();
        count(look, &mut days);
        days.into_iter().map(|(day, tally)| (day, tally.unknown, tally.took)).collect()
    }

    #[test]
    fn a_row_of_slots_counts_on_the_days_on_which_they_were_due() {
        let six = Span::hours(6);
        assert_eq!(counted(&row(DAY - HOUR, 5, six)), [(0, 1, 7), (1, 4, 0), (2, 1, 0)]);
        assert_eq!(counted(&row(0, 4, six)), [(0, 4, 7), (1, 1, 0)], "midnight begins a day");
        assert_eq!(counted(&row(-1, 0, six)), [(-1, 1, 7)]);
    }

    #[test]
    fn a_row_without_measure_comes_to_an_end() {
        assert_eq!(counted(&row(5, u32::MAX, Span::ZERO)).len(), 1);
        let days = counted(&row(0, u32::MAX, Span::days(3000)));
        assert_eq!(days.len() as u32, MOST_DAYS);
        assert!(!counted(&row(i64::MAX, 9, Span::millis(u64::MAX))).is_empty());
    }

    #[test]
    fn a_trace_that_is_too_long_says_so() {
        let sight =
            Sight { lines: vec!["x".repeat(1000); 100], words: "é".repeat(40_000), ..Sight::default() };
        let trace =
            Trace { about: ExpectationId::new("check.x").unwrap(), at: Timestamp::from_millis(1), sight };
        let short = cut(&trace);
        assert!(weight(&short) < TRACE_LONGEST);
        assert_eq!(short.sight.lines, ["(the rest was too long to keep)"]);
        assert_eq!(cut(&short), short);
    }
}
