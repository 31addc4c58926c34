//! What is usual for a job: how long it takes, how much it writes, how much it leaves behind.
//!
//! A value is odd when it lies outside the [`Usual`] limits that the last successes give. The limits are the median
//! and its spread (median absolute deviation), never tighter than a share of the median that differs by measure, so
//! that a job of milliseconds and one of hours are judged by the same rule. What happened more than once among the
//! last runs is usual as well: a full backup on Sundays is not news every week.
//!
//! Odd runs in a row are held apart; after [`LEAST_RUNS`] of them they are the new usual.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::signal::Outcome;
use crate::time::Span;

/// Nothing is odd before so many successes are known.
pub const LEAST_RUNS: usize = 10;
/// So many successes are remembered.
pub const KEPT_RUNS: usize = 30;

/// What is measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// From start to end, of the last attempt if there were several, in milliseconds.
    Duration,
    /// Bytes written to both streams.
    Output,
    /// Bytes of the files left behind.
    Artefact,
}

impl Measure {
    /// All of them, in the order in which they are judged.
    pub const ALL: [Self; 3] = [Self::Artefact, Self::Output, Self::Duration];

    fn margin(self) -> Margin {
        match self {
            Self::Duration => Margin { down: Reach(67, 1_000), up: Reach(100, 1_000) },
            Self::Output => Margin { down: Reach(90, 256), up: Reach(900, 4_096) },
            Self::Artefact => Margin { down: Reach(40, 16), up: Reach(100, 4_096) },
        }
    }
}

/// How far from the median a value may be at the least.
struct Margin {
    down: Reach,
    up: Reach,
}

/// A share of the median in percent, and an absolute length; the larger counts.
struct Reach(u64, u64);

impl Reach {
    fn of(&self, median: u64, spread: u64) -> u64 {
        let share = u64::try_from(u128::from(median) * u128::from(self.0) / 100).unwrap_or(u64::MAX);
        share.max(self.1).max(spread)
    }
}

/// Tenths of spreads (estimates of the standard deviation) that a value may lie below the median; the way up is longer,
/// because what lasts has a long tail.
const SPREADS_DOWN: u64 = 25;
const SPREADS_UP: u64 = 40;

/// What is usual for one measure of one job. Milliseconds or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// The middle one of the last successes.
    pub median: u64,
    /// Nine of ten lie above this: where a person says "usually".
    pub from: u64,
    /// Nine of ten lie below this.
    pub to: u64,
    /// Less is odd.
    pub low: u64,
    /// More is odd.
    pub high: u64,
    /// None of them was zero.
    pub always: bool,
}

/// On which side of the usual a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Less than usual.
    Under,
    /// More than usual.
    Over,
}

impl Usual {
    /// What these values say is usual; none for fewer than [`LEAST_RUNS`].
    pub fn of(measure: Measure, values: &[u64]) -> Option<Self> {
        if values.len() < LEAST_RUNS {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let median = middle(&sorted);
        let mut deviations: Vec<u64> = sorted.iter().map(|value| value.abs_diff(median)).collect();
        deviations.sort_unstable();
        // 1.4826 makes it the standard deviation where values are spread normally.
        let spread = u64::try_from(u128::from(middle(&deviations)) * 14_826 / 10_000).unwrap_or(u64::MAX);
        let margin = measure.margin();
        let low = median.saturating_sub(margin.down.of(median, spread.saturating_mul(SPREADS_DOWN) / 10));
        let high = median.saturating_add(margin.up.of(median, spread.saturating_mul(SPREADS_UP) / 10));
        let last = sorted.len() - 1;
        // What was seen this often is usual, however far away.
        let again = (sorted.len() / 8).max(2) - 1;
        let tenth = sorted.len() / 10;
        Some(Self {
            median,
            from: sorted[tenth],
            to: sorted[last - tenth],
            low: low.min(sorted[again]),
            high: high.max(sorted[last - again]),
            always: sorted[0] > 0,
        })
    }

    /// The lowest and the highest value that are not odd, for a plot.
    pub fn band(&self) -> (u64, u64) {
        (if self.always { self.low.max(1) } else { self.low }, self.high)
    }

    /// On which side of the usual a value lies; none for an ordinary one. Nothing at all where there always was
    /// something is odd, however little it was.
    pub fn judge(&self, value: u64) -> Option<Side> {
        let (low, high) = self.band();
        if value < low {
            Some(Side::Under)
        } else if value > high {
            Some(Side::Over)
        } else {
            None
        }
    }
}

/// The middle one of sorted values, of two the upper.
fn middle(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// One success as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// Bytes written to both streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Bytes left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefact: Option<u64>,
    /// It needed more than one attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retried: bool,
    /// It was odd when it was heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    odd: bool,
}

impl Sample {
    /// What an outcome says; `duration` counts where the outcome has none.
    pub fn of(outcome: &Outcome, duration: Option<Span>) -> Self {
        Self {
            duration: outcome.worked().or(duration),
            output: outcome.output,
            artefact: outcome.artefact.map(|artefact| artefact.bytes),
            retried: !outcome.attempts.is_empty(),
            odd: false,
        }
    }

    /// The value of one measure.
    pub fn value(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Duration => self.duration.map(Span::as_millis),
            Measure::Output => self.output,
            Measure::Artefact => self.artefact,
        }
    }
}

/// A value outside of what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odd {
    /// Which value.
    pub measure: Measure,
    /// What it is.
    pub observed: u64,
    /// What it usually is.
    pub usual: Usual,
}

/// The last successes of a job, oldest first; at most [`KEPT_RUNS`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Habit {
    runs: VecDeque<Sample>,
}

impl Habit {
    /// What is usual for one measure, if enough is known.
    pub fn usual(&self, measure: Measure) -> Option<Usual> {
        // Odd ones in a row may be the beginning of something new; until then they say nothing about the old.
        let news = self.runs.iter().rev().take_while(|run| run.odd).count();
        let known = self.runs.iter().take(self.runs.len() - news);
        let values: Vec<u64> = known.filter_map(|run| run.value(measure)).collect();
        Usual::of(measure, &values)
    }

    /// The first value of a success that is odd.
    pub fn judge(&self, sample: &Sample) -> Option<Odd> {
        Measure::ALL.into_iter().find_map(|measure| {
            let observed = sample.value(measure)?;
            let usual = self.usual(measure)?;
            usual.judge(observed).map(|_| Odd { measure, observed, usual })
        })
    }

    /// Takes a success into the memory; it is judged first. So many odd ones in a row that they are a habit of their
    /// own drive out what was usual before.
    pub fn learn(&mut self, sample: Sample) -> Option<Odd> {
        let odd = self.judge(&sample);
        if self.runs.len() >= KEPT_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Sample { odd: odd.is_some(), ..sample });
        let news = self.runs.iter().rev().take_while(|run| run.odd).count();
        if news >= LEAST_RUNS {
            self.runs.drain(..self.runs.len() - news);
            self.runs.iter_mut().for_each(|run| run.odd = false);
        }
        odd
    }

    /// How many of the remembered successes needed more than one attempt, and how many are remembered.
    pub fn retried(&self) -> (usize, usize) {
        (self.runs.iter().filter(|run| run.retried).count(), self.runs.len())
    }

    /// How many successes are remembered.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// True if no success is remembered.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Ending;
    use Measure::{Artefact, Duration, Output};

    const MINUTE: u64 = 60_000;

    fn took(millis: u64) -> Sample {
        Sample { duration: Some(Span::millis(millis)), ..Sample::default() }
    }

    fn left(bytes: u64) -> Sample {
        Sample { artefact: Some(bytes), ..Sample::default() }
    }

    fn wrote(bytes: u64) -> Sample {
        Sample { output: Some(bytes), ..Sample::default() }
    }

    fn habit(samples: impl IntoIterator<Item = Sample>) -> Habit {
        let mut habit = Habit::default();
        for sample in samples {
            habit.learn(sample);
        }
        habit
    }

    /// Values around `middle` by a few percent, the same in each run of the test.
    fn around(middle: u64, percent: u64, count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(move |n| middle - middle * percent / 100 + middle * percent * (n * 7 % 11) / 500)
    }

    fn side(habit: &Habit, measure: Measure, value: u64) -> Option<Side> {
        habit.usual(measure).expect("enough is known").judge(value)
    }

    #[test]
    fn nothing_is_odd_before_ten_successes() {
        let mut known = habit(around(MINUTE, 10, 9).map(took));
        assert_eq!(known.usual(Duration), None);
        assert_eq!(known.learn(took(400 * MINUTE)), None);
        assert!(known.usual(Duration).is_some());
    }

    #[test]
    fn four_times_the_median_is_odd_and_twice_is_not() {
        for median in [400, 1_000, 30_000, 10 * MINUTE, 300 * MINUTE] {
            let known = habit(around(median, 10, 20).map(took));
            assert_eq!(side(&known, Duration, 4 * median), Some(Side::Over), "{median} ms");
            assert_eq!(side(&known, Duration, 2 * median * 9 / 10), None, "{median} ms");
        }
    }

    #[test]
    fn attempts_that_failed_before_make_no_run_odd() {
        let known = habit(around(MINUTE, 10, 20).map(took));
        let minutes = |minutes: u64| Some(Span::millis(minutes * MINUTE));
        let mut outcome = Outcome { duration: minutes(30), ..Outcome::bare(Ending::Exit { code: 0 }) };
        assert!(known.judge(&Sample::of(&outcome, None)).is_some());
        outcome.last_attempt = minutes(1);
        assert_eq!(known.judge(&Sample::of(&outcome, None)), None);
    }

    #[test]
    fn a_job_of_milliseconds_may_jitter() {
        let known = habit([50; 30].map(took));
        for value in [1, 25, 100, 200, 900] {
            assert_eq!(side(&known, Duration, value), None, "{value} ms");
        }
        assert_eq!(side(&known, Duration, 5_000), Some(Side::Over));
    }

    #[test]
    fn a_job_that_ends_at_once_is_odd_where_it_worked_for_minutes() {
        let known = habit(around(10 * MINUTE, 10, 15).map(took));
        assert_eq!(side(&known, Duration, 2_000), Some(Side::Under));
        assert_eq!(side(&known, Duration, 6 * MINUTE), None);
    }

    #[test]
    fn an_artefact_of_half_its_size_is_odd() {
        for (size, percent) in [(100, 0), (4_096, 5), (1 << 20, 15), (7 << 30, 20)] {
            let known = habit(around(size, percent, 20).map(left));
            assert_eq!(side(&known, Artefact, size / 2), Some(Side::Under), "{size} bytes, {percent} %");
            assert_eq!(side(&known, Artefact, size * 9 / 10), None, "{size} bytes, {percent} %");
            assert_eq!(side(&known, Artefact, 0), Some(Side::Under));
        }
        assert_eq!(side(&habit([left(1 << 20); 10]), Artefact, 3 << 20), Some(Side::Over));
    }

    #[test]
    fn no_output_where_there_always_was_some_is_odd_however_little_it_was() {
        let known = habit([3, 5, 4, 3, 5, 4, 3, 5, 4, 9].map(wrote));
        assert_eq!(side(&known, Output, 0), Some(Side::Under));
        assert_eq!(side(&known, Output, 200), None);
        let quiet = habit([0, 5, 4, 3, 5, 4, 3, 5, 4, 9].map(wrote));
        assert_eq!(side(&quiet, Output, 0), None, "it was silent before");
        assert_eq!(habit([wrote(0); 12]).learn(wrote(0)), None);
    }

    #[test]
    fn what_happens_once_a_week_is_usual_after_two_weeks() {
        let mut known = Habit::default();
        let odd: Vec<u64> = (1..=60)
            .filter(|day| {
                let minutes = if day % 7 == 0 { 90 } else { 10 };
                known.learn(took(minutes * MINUTE)).is_some()
            })
            .collect();
        assert_eq!(odd, [14]);
    }

    #[test]
    fn one_outlier_does_not_hide_the_next() {
        let mut known = habit([10 * MINUTE; 15].map(took));
        assert!(known.learn(took(50 * MINUTE)).is_some());
        assert!(known.learn(took(10 * MINUTE)).is_none());
        assert!(known.learn(took(41 * MINUTE)).is_some());
    }

    #[test]
    fn ten_odd_runs_in_a_row_are_the_new_usual() {
        let mut known = habit([10 * MINUTE; 30].map(took));
        let odd = (0..30).filter(|_| known.learn(took(45 * MINUTE)).is_some()).count();
        assert_eq!(odd, LEAST_RUNS);
        assert_eq!(side(&known, Duration, 10 * MINUTE), Some(Side::Under), "and the old one is odd");
    }

    #[test]
    fn a_slow_growth_is_never_odd() {
        let mut known = Habit::default();
        for day in 0..400 {
            assert_eq!(known.learn(left(1_000_000 * (100 + day) / 100)), None, "day {day}");
        }
        assert_eq!(known.len(), KEPT_RUNS);
    }

    #[test]
    fn enormous_values_are_judged_without_overflow() {
        let known = habit([u64::MAX, u64::MAX / 2].into_iter().cycle().take(30).map(wrote));
        assert_eq!(side(&known, Output, u64::MAX), None);
        assert_eq!(side(&known, Output, 0), Some(Side::Under));
    }

    #[test]
    fn a_habit_reads_back_and_counts_what_needed_a_retry() {
        let flaky = Sample { retried: true, ..took(1_000) };
        let known = habit([took(1_000), flaky, took(1_000), flaky]);
        assert_eq!(known.retried(), (2, 4));
        let text = serde_json::to_string(&known).expect("it can be written");
        assert_eq!(serde_json::from_str::<Habit>(&text).expect("it reads back"), known);
        assert!(text.starts_with("[{\"duration\":1000},"), "{text}");
    }
}
