//! Ninety days of a component, from what the slots of its parts came to. A day is as good as the worst part of it, and what
//! nobody saw counts for neither side.

use std::collections::BTreeMap;

use muster_core::look::Tally;
use muster_core::time::{Span, Timestamp};

/// Days that are shown, today included.
pub const DAYS: usize = 90;

/// Length of a day, in milliseconds.
const DAY: i64 = 86_400_000;

/// Less than this share of a day seen, and nothing bad in it: nobody can say how the day was.
const SEEN_ENOUGH: f64 = 0.5;

/// Less than this share of what was seen is well: the day counts as bad and not as one with some trouble in it.
const BAD_DAY: f64 = 0.95;

/// The days of one part, each with its beginning, and the time between two of its slots if that is always the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// Days on which there were slots.
    pub days: Vec<(Timestamp, Tally)>,
    /// From one slot to the next.
    pub every: Option<Span>,
}

/// How long a day was bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// For so long, as far as was seen.
    Time(Span),
    /// So many of all slots, where they are not evenly spread.
    Times {
        /// The bad ones.
        bad: u32,
        /// Those that were seen.
        of: u32,
    },
}

/// What was bad of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trouble {
    /// The share of what was seen that was well, of the worst part.
    pub uptime: f64,
    /// How long.
    pub lost: Lost,
}

/// How a day was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Nobody saw enough of it, or it was not there yet.
    Unknown,
    /// No trouble was seen.
    Well,
    /// Some trouble.
    Trouble(Trouble),
    /// Bad for a good part of the day.
    Down(Trouble),
}

/// One UTC day of a component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// When it began.
    pub begins: Timestamp,
    /// How it was.
    pub verdict: Verdict,
    /// The share of its slots that somebody saw, of the part that was seen least; none if there were none.
    pub coverage: Option<f64>,
}

/// Ninety days of a component.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarter {
    /// Oldest first, today last.
    pub days: Vec<Day>,
    /// The share of the time that was seen in which it was well; none if nothing was seen.
    pub uptime: Option<f64>,
    /// The share of the time that was seen; none before there was anything to see.
    pub coverage: Option<f64>,
    /// Days since there was something to see.
    pub known: usize,
}

fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY)
}

/// When the first of the days begins.
pub fn first_day(now: Timestamp) -> Timestamp {
    Timestamp::from_millis((day_of(now) + 1 - DAYS as i64) * DAY)
}

/// Slots of one part on one day.
#[derive(Clone, Copy)]
struct Slots<'a> {
    tally: &'a Tally,
    every: Option<Span>,
}

impl Slots<'_> {
    /// The share of the day that its slots stand for.
    fn share(self) -> f64 {
        let Tally { ok, failed, unknown, missed, .. } = *self.tally;
        let all = [ok, failed, unknown, missed].into_iter().map(u64::from).sum();
        self.every.map_or(1.0, |every| (every.times(all).as_millis() as f64 / DAY as f64).min(1.0))
    }

    fn lost(self) -> Lost {
        let Tally { ok, failed, .. } = *self.tally;
        match self.every {
            Some(every) => Lost::Time(every.times(u64::from(failed)).min(Span::days(1))),
            None => Lost::Times { bad: failed, of: ok.saturating_add(failed) },
        }
    }
}

/// One day, and what it weighs: the share of the day that had slots, and that was seen.
fn day(begins: Timestamp, parts: &[Slots<'_>]) -> (Day, f64, f64) {
    let coverage = parts.iter().filter_map(|part| part.tally.coverage()).min_by(f64::total_cmp);
    let up = |part: &&Slots<'_>| part.tally.uptime().unwrap_or(2.0);
    let worst = parts.iter().min_by(|a, b| up(a).total_cmp(&up(b)));
    let uptime = worst.and_then(|part| part.tally.uptime());
    let verdict = match (worst, uptime, coverage) {
        (Some(part), Some(uptime), _) if uptime < 1.0 => {
            let trouble = Trouble { uptime, lost: part.lost() };
            if uptime < BAD_DAY { Verdict::Down(trouble) } else { Verdict::Trouble(trouble) }
        }
        (_, Some(_), Some(coverage)) if coverage >= SEEN_ENOUGH => Verdict::Well,
        _ => Verdict::Unknown,
    };
    let share = parts.iter().map(|part| part.share()).max_by(f64::total_cmp).unwrap_or(0.0);
    (Day { begins, verdict, coverage }, share, share * coverage.unwrap_or(0.0))
}

/// The ninety days of a component that is made of these parts.
pub fn quarter(parts: &[&Past], now: Timestamp) -> Quarter {
    let mut by_day: BTreeMap<i64, Vec<Slots<'_>>> = BTreeMap::new();
    for part in parts {
        for (begins, tally) in part.days.iter().filter(|(_, tally)| tally.coverage().is_some()) {
            by_day.entry(day_of(*begins)).or_default().push(Slots { tally, every: part.every });
        }
    }
    let first = day_of(first_day(now));
    let (mut all, mut seen, mut well) = (0.0, 0.0, 0.0);
    let mut known = 0;
    let days = (first..first + DAYS as i64).map(|number| {
        let slots = by_day.get(&number).map_or(&[][..], Vec::as_slice);
        let (day, share, weight) = day(Timestamp::from_millis(number * DAY), slots);
        let uptime = match day.verdict {
            Verdict::Trouble(trouble) | Verdict::Down(trouble) => trouble.uptime,
            Verdict::Well | Verdict::Unknown => 1.0,
        };
        all += share;
        seen += weight;
        well += weight * uptime;
        known += usize::from(known > 0 || !slots.is_empty());
        day
    });
    let days: Vec<Day> = days.collect();
    Quarter {
        days,
        uptime: (seen > 0.0).then(|| well / seen),
        coverage: (all > 0.0).then(|| seen / all),
        known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_246_920);

    fn past(days: &[(i64, u32, u32, u32)]) -> Past {
        let days = days.iter().map(|(ago, ok, failed, unknown)| {
            let tally = Tally { ok: *ok, failed: *failed, unknown: *unknown, ..Tally::default() };
            (Timestamp::from_millis((day_of(NOW) - ago) * DAY), tally)
        });
        Past { days: days.collect(), every: Some(Span::minutes(1)) }
    }

    #[test]
    fn a_day_is_as_good_as_its_worst_part() {
        let (good, bad) = (past(&[(1, 1440, 0, 0)]), past(&[(1, 1430, 10, 0)]));
        let quarter = quarter(&[&good, &bad], NOW);
        assert_eq!(quarter.days.len(), DAYS);
        let Verdict::Trouble(trouble) = quarter.days[DAYS - 2].verdict else { panic!("{quarter:?}") };
        assert_eq!(trouble.lost, Lost::Time(Span::minutes(10)));
        assert!((quarter.uptime.unwrap() - 1430.0 / 1440.0).abs() < 1e-9);
    }

    #[test]
    fn what_nobody_saw_is_unknown_and_no_part_of_the_uptime() {
        let all =
            quarter(&[&past(&[(3, 1440, 0, 0), (2, 0, 0, 1440), (1, 300, 0, 1140), (0, 700, 0, 0)])], NOW);
        let verdicts: Vec<Verdict> = all.days[DAYS - 5..].iter().map(|day| day.verdict).collect();
        assert_eq!(
            verdicts,
            [Verdict::Unknown, Verdict::Well, Verdict::Unknown, Verdict::Unknown, Verdict::Well]
        );
        assert_eq!((all.uptime, all.known), (Some(1.0), 4));
        assert!(all.coverage.unwrap() < 0.75);
        // A part that nobody saw all day leaves the day unknown, however well the others were.
        let mixed = quarter(&[&past(&[(1, 1440, 0, 0)]), &past(&[(1, 0, 0, 1440)])], NOW);
        assert_eq!(mixed.days[DAYS - 2].verdict, Verdict::Unknown);
        let none = quarter(&[], NOW);
        assert_eq!((none.uptime, none.coverage, none.known), (None, None, 0));
    }

    #[test]
    fn a_job_has_bad_runs_and_no_bad_minutes() {
        let runs = Past { every: None, ..past(&[(1, 3, 1, 0)]) };
        let all = quarter(&[&runs], NOW);
        let Verdict::Down(trouble) = all.days[DAYS - 2].verdict else { panic!("{all:?}") };
        assert_eq!(trouble.lost, Lost::Times { bad: 1, of: 4 });
    }
}
