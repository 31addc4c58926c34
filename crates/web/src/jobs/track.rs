//! Runs and plans as bars on an axis of two days: the last to the left, the next to the right. What falls on the same
//! place is joined, so that a job of each minute is one bar and not a thousand.

use muster_core::effect::{SlotClosed, Verdict};
use muster_core::ids::RunId;
use muster_core::racing::stint::Lengths;
use muster_core::time::{Span, Timestamp};
use muster_store::brief::{Brief, BriefState};
use serde::Serialize;

/// Places on the axis.
pub const PLACES: i64 = 720;
/// How much time one place is, in milliseconds: four minutes.
pub const PLACE: i64 = 2 * 86_400_000 / PLACES;
/// A bar has at least so many places, or nobody could see it.
const LEAST: i64 = 3;
/// Bars of one kind with less between them are drawn as one.
const GAP: i64 = 4;

/// Two days around one moment.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// The middle.
    pub now: Timestamp,
}

/// What a bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Runs that went well.
    Ok,
    /// A run that goes on.
    Running,
    /// Runs that gave way.
    Skipped,
    /// Slots of which nobody knows.
    Unknown,
    /// Slots in which nothing happened.
    Missed,
    /// Runs that went wrong or were lost.
    Failed,
    /// Slots to come, as long as the job usually takes.
    Planned,
    /// Slots to come of a job of which nobody knows how long it takes.
    PlannedUnknown,
    /// Other runs went on at the same time.
    Shared,
}

impl Kind {
    /// Its word, as class and for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Running => "running",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Missed => "missed",
            Self::Failed => "failed",
            Self::Planned => "planned",
            Self::PlannedUnknown => "planned-unknown",
            Self::Shared => "shared",
        }
    }
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// What it stands for.
    pub kind: Kind,
    /// First place.
    pub from: i64,
    /// The place after the last.
    pub until: i64,
    /// How many runs or slots it stands for.
    pub count: usize,
    /// There are gaps in it that are too small to draw.
    pub dense: bool,
    /// The last run it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// Something to draw.
struct Piece<'a> {
    from: Timestamp,
    until: Timestamp,
    run: Option<&'a RunId>,
}

impl Axis {
    /// First moment.
    pub fn begins(self) -> Timestamp {
        self.now - Span::days(1)
    }

    /// Last moment.
    pub fn ends(self) -> Timestamp {
        self.now + Span::days(1)
    }

    /// The place of a moment, not cut at the ends.
    fn place(self, at: Timestamp) -> i64 {
        (at.millis() - self.begins().millis()).div_euclid(PLACE)
    }

    /// All bars of one job: each kind from left to right.
    pub fn bars(
        self,
        runs: &[&Brief],
        gaps: &[&SlotClosed],
        due: &[Timestamp],
        lengths: Option<Lengths>,
        shared: &[(Timestamp, Timestamp)],
    ) -> Vec<Bar> {
        let of_runs = |state: fn(BriefState) -> bool| {
            let piece = |run: &&'_ Brief| (run.started, run.ended.unwrap_or(self.now));
            let mut pieces: Vec<Piece<'_>> = runs
                .iter()
                .filter(|run| state(run.state))
                .map(|run| Piece { from: piece(run).0, until: piece(run).1, run: Some(&run.id) })
                .collect();
            pieces.sort_by_key(|piece| piece.from);
            pieces
        };
        let of_gaps = |verdict: Verdict| {
            let mut found: Vec<_> = gaps
                .iter()
                .filter(|gap| gap.verdict == verdict)
                .map(|gap| Piece { from: gap.due, until: gap.due, run: None })
                .collect();
            found.sort_by_key(|piece| piece.from);
            found
        };
        let lasts = lengths.map_or(Span::ZERO, |lengths| lengths.median);
        let planned = due.iter().map(|due| Piece { from: *due, until: *due + lasts, run: None }).collect();
        let plan = if lengths.is_some() { Kind::Planned } else { Kind::PlannedUnknown };
        let shared = shared.iter().map(|(from, until)| Piece { from: *from, until: *until, run: None });
        let mut bars = Vec::new();
        for (kind, pieces) in [
            (Kind::Shared, shared.collect()),
            (Kind::Ok, of_runs(|state| state == BriefState::Ok)),
            (Kind::Running, of_runs(|state| state == BriefState::Running)),
            (Kind::Skipped, of_runs(|state| state == BriefState::Skipped)),
            (Kind::Unknown, of_gaps(Verdict::Unknown)),
            (Kind::Missed, of_gaps(Verdict::Missed)),
            (Kind::Failed, of_runs(|state| matches!(state, BriefState::Failed | BriefState::Lost))),
            (plan, planned),
        ] {
            self.join(kind, pieces, &mut bars);
        }
        bars
    }

    fn join(self, kind: Kind, pieces: Vec<Piece<'_>>, bars: &mut Vec<Bar>) {
        let first = bars.len();
        let middle = PLACES / 2;
        // The past keeps to its side, so that what is planned cannot be taken for what happened.
        let (left, right) = match kind {
            Kind::Planned | Kind::PlannedUnknown => (middle, PLACES),
            Kind::Shared => (0, PLACES),
            _ => (0, middle),
        };
        for piece in pieces {
            let (from, until) = (self.place(piece.from), self.place(piece.until));
            if until < left || from > right {
                continue;
            }
            let from = from.clamp(left, right - LEAST);
            let until = until.clamp(from + LEAST, right.max(from + LEAST));
            let run = piece.run.cloned();
            match bars[first..].last_mut() {
                Some(last) if from < last.until + GAP => {
                    last.dense |= from > last.until || piece.until.since(piece.from).as_millis() < 60_000;
                    last.until = last.until.max(until);
                    last.count += 1;
                    last.run = run;
                }
                _ => bars.push(Bar { kind, from, until, count: 1, dense: false, run }),
            }
        }
    }
}

/// Says in words what bars show: `last 24 h: 23 ok, 1 failed; next 24 h: 24 planned`.
pub fn in_words(bars: &[Bar]) -> String {
    let count = |kinds: &[Kind]| {
        let counts = kinds.iter().filter_map(|kind| {
            let n: usize = bars.iter().filter(|bar| bar.kind == *kind).map(|bar| bar.count).sum();
            (n > 0).then(|| format!("{n} {}", kind.word()))
        });
        let counts: Vec<_> = counts.collect();
        if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
    };
    let past = [Kind::Ok, Kind::Failed, Kind::Missed, Kind::Skipped, Kind::Unknown, Kind::Running];
    let ahead: usize = bars
        .iter()
        .filter(|bar| matches!(bar.kind, Kind::Planned | Kind::PlannedUnknown))
        .map(|bar| bar.count)
        .sum();
    format!("last 24 h: {}; next 24 h: {ahead} planned", count(&past))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10 * 86_400;

    fn run(began: i64, took: i64, state: BriefState) -> Brief {
        let started = Timestamp::from_seconds(NOW + began);
        let ended = (state != BriefState::Running).then(|| started.shifted(took * 1000));
        Brief {
            about: "job.x".parse().expect("an id"),
            id: format!("r{}", began.abs()).parse().expect("an id"),
            started,
            ended,
            state,
            took: None,
            peak_memory: None,
            retries: 0,
            unmet: 0,
            limits: None,
        }
    }

    fn bars(runs: &[Brief], due: &[i64]) -> Vec<Bar> {
        let due: Vec<_> = due.iter().map(|due| Timestamp::from_seconds(NOW + due)).collect();
        let runs: Vec<_> = runs.iter().collect();
        Axis { now: Timestamp::from_seconds(NOW) }.bars(&runs, &[], &due, None, &[])
    }

    #[test]
    fn a_job_of_each_minute_is_one_bar_and_its_failure_another() {
        let mut runs: Vec<_> = (1..1440).map(|n| run(-60 * n, 5, BriefState::Ok)).collect();
        runs[700].state = BriefState::Failed;
        let found = bars(&runs, &(1..1440).map(|n| n * 60).collect::<Vec<_>>());
        let said: Vec<_> = found.iter().map(|bar| (bar.kind, bar.count, bar.dense)).collect();
        assert_eq!(
            said,
            [(Kind::Ok, 1438, true), (Kind::Failed, 1, false), (Kind::PlannedUnknown, 1439, true)]
        );
        assert_eq!(in_words(&found), "last 24 h: 1438 ok, 1 failed; next 24 h: 1439 planned");
    }

    #[test]
    fn rare_runs_stay_apart_and_are_wide_enough_to_be_seen() {
        let found = bars(&[run(-7200, 1, BriefState::Ok), run(-60_000, 3600, BriefState::Failed)], &[3600]);
        let said: Vec<_> = found.iter().map(|bar| (bar.kind, bar.from, bar.until)).collect();
        assert_eq!(said, [(Kind::Ok, 330, 333), (Kind::Failed, 110, 125), (Kind::PlannedUnknown, 375, 378)]);
    }

    #[test]
    fn nothing_leaves_its_side_of_the_present() {
        let found = bars(
            &[run(-90_000, 7200, BriefState::Ok), run(-30, 0, BriefState::Running)],
            &[1, 86_399, 90_000],
        );
        for bar in &found {
            let right = matches!(bar.kind, Kind::PlannedUnknown);
            assert!(bar.from < bar.until && bar.until <= PLACES, "{bar:?}");
            assert!(if right { bar.from >= 360 } else { bar.until <= 360 }, "{bar:?}");
        }
        assert_eq!(found.len(), 4);
    }
}
