//! What is told of runs that met, and against a slower way to find them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::ahead::{DUE_LIMIT, Plan, due, look_ahead};
use super::memory::fullest;
use super::past::{MEETINGS_LIMIT, look_back};
use super::shared::shared;
use super::stint::{Lengths, Stint};
use super::sweep::sweep;
use crate::expectation::Rhythm;
use crate::ids::ExpectationId;
use crate::schedule::Schedule;
use crate::time::{Span, Timestamp};

fn job(name: &str) -> ExpectationId {
    ExpectationId::of("job", name).expect("a name")
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_seconds(minutes * 60)
}

fn stint(name: &str, from: i64, minutes: i64) -> Stint {
    Stint { job: job(name), from: at(from), until: at(from + minutes), well: true, peak_memory: None }
}

/// `nights` nights at two o'clock: the export takes 18 minutes beside the backup, and ten alone.
fn nights(together: i64, alone: i64) -> Vec<Stint> {
    let mut stints = Vec::new();
    for night in 0..together + alone {
        let met = night < together;
        stints.push(stint("export", night * 1440, if met { 18 } else { 10 }));
        stints.push(stint("backup", night * 1440 + if met { 5 } else { 600 }, 30));
    }
    stints
}

#[test]
fn two_jobs_that_share_the_night_are_told_with_what_it_cost() {
    let past = look_back(&nights(6, 5));
    assert_eq!((past.pairs.len(), past.more, past.cut), (1, 0, None));
    let pair = &past.pairs[0];
    let [backup, export] = &pair.sides;
    assert_eq!((backup.job.name(), export.job.name()), ("backup", "export"));
    assert_eq!((export.met, export.runs, pair.meetings), (6, 11, 6));
    assert_eq!((pair.longest, pair.together), (Span::minutes(13), Span::minutes(78)));
    let cost = export.cost.expect("enough runs");
    assert_eq!((cost.with, cost.alone), (Span::minutes(18), Span::minutes(10)));
    assert_eq!((cost.runs_with, cost.runs_alone), (6, 5));
    assert!((cost.factor() - 1.8).abs() < 1e-9);
    assert_eq!(backup.cost.map(|cost| cost.lost()), Some(Span::ZERO));
    assert_eq!(pair.lost(), Span::minutes(48));
}

#[test]
fn too_few_runs_tell_no_cost() {
    for (together, alone) in [(3, 9), (9, 3)] {
        let past = look_back(&nights(together, alone));
        assert!(past.pairs[0].sides.iter().all(|side| side.cost.is_none()), "{together} {alone}");
    }
}

#[test]
fn a_run_that_is_long_for_another_reason_is_not_blamed_on_whom_it_met() {
    // The other begins half an hour later every day, and is met only on the days on which this one drags on.
    let mut stints = Vec::new();
    for day in 0..12 {
        stints.push(stint("slow", day * 1440, if day % 2 == 0 { 50 } else { 10 }));
        stints.push(stint("innocent", day * 1440 + 30, 10));
    }
    let past = look_back(&stints);
    let slow = &past.pairs[0].sides[1];
    assert_eq!((slow.job.name(), slow.met, slow.cost), ("slow", 6, None));
}

#[test]
fn failed_runs_meet_and_say_nothing_about_lengths() {
    let mut stints = nights(6, 5);
    stints.iter_mut().for_each(|stint| stint.well = false);
    let past = look_back(&stints);
    assert_eq!(past.pairs[0].meetings, 6);
    assert!(past.pairs[0].sides.iter().all(|side| side.cost.is_none()));
}

#[test]
fn a_job_that_meets_itself_is_a_pair_of_its_own() {
    let past = look_back(&[stint("x", 0, 20), stint("x", 10, 20), stint("x", 15, 1), stint("y", 90, 5)]);
    assert_eq!(past.pairs.len(), 1);
    let pair = &past.pairs[0];
    assert!(pair.is_own());
    assert_eq!((pair.meetings, pair.sides[0].met, pair.sides[0].runs), (3, 3, 3));
    assert_eq!(pair.sides[0], pair.sides[1]);
}

#[test]
fn runs_that_only_touch_do_not_meet() {
    let past = look_back(&[stint("a", 0, 10), stint("b", 10, 10), stint("c", 5, 0)]);
    assert!(past.pairs.is_empty(), "{past:?}");
}

#[test]
fn too_many_meetings_are_cut_at_the_old_end_and_said() {
    // A thousand at once, long ago; a pair today.
    let mut stints: Vec<_> = (0..1000).map(|n| stint(&format!("j{n}"), 0, 10)).collect();
    stints.push(stint("a", 2000, 10));
    stints.push(stint("b", 2005, 10));
    let past = look_back(&stints);
    assert_eq!(past.cut, Some(at(10)));
    assert!(past.more > 0);
    let meetings: usize = past.pairs.iter().map(|pair| pair.meetings).sum();
    assert!(meetings + past.more <= MEETINGS_LIMIT);
}

#[test]
fn the_fullest_moment_sums_the_peaks_of_those_that_ran_together() {
    let with = |name, from, minutes, peak| Stint { peak_memory: peak, ..stint(name, from, minutes) };
    let found = fullest(&[
        with("a", 0, 10, Some(100)),
        with("b", 5, 10, Some(70)),
        with("c", 6, 2, None),
        with("d", 10, 10, Some(90)),
        with("alone", 60, 10, Some(1000)),
    ])
    .expect("a moment");
    assert_eq!((found.at, found.bytes, found.unmeasured), (at(5), 170, 0));
    assert_eq!(found.jobs, [job("a"), job("b")]);
    assert_eq!(fullest(&[with("a", 0, 10, Some(1)), with("b", 5, 9, None)]), None);
}

#[test]
fn company_is_drawn_once_and_short_runs_are_not_company() {
    let stints =
        [stint("a", 0, 30), stint("b", 10, 10), stint("c", 15, 10), stint("tick", 12, 1), stint("d", 40, 9)];
    let found = shared(&stints, Span::minutes(2));
    let said: Vec<_> = found.iter().map(|(job, spans)| (job.name(), spans.as_slice())).collect();
    assert_eq!(
        said,
        [
            ("a", [(at(10), at(25))].as_slice()),
            ("b", [(at(10), at(20))].as_slice()),
            ("c", [(at(15), at(25))].as_slice()),
        ]
    );
}

fn plan(name: &str, due: &[i64], lengths: Option<(u64, u64)>) -> Plan {
    let lengths = lengths.map(|(median, upper)| Lengths {
        median: Span::minutes(median),
        upper: Span::minutes(upper),
        runs: 9,
    });
    Plan { job: job(name), due: due.iter().map(|due| at(*due)).collect(), lengths, peak_memory: Some(1) }
}

#[test]
fn what_will_meet_is_told_apart_from_what_may() {
    let ahead = look_ahead(&[
        plan("backup", &[120], Some((30, 40))),
        plan("export", &[130, 155], Some((5, 10))),
        plan("late", &[150], Some((10, 20))),
        plan("never-ran", &[120], None),
        plan("idle", &[], None),
    ]);
    let said: Vec<_> = ahead
        .pairs
        .iter()
        .map(|pair| (pair.jobs[0].name(), pair.jobs[1].name(), pair.likely, pair.possible))
        .collect();
    assert_eq!(said, [("backup", "export", 1, 2), ("export", "late", 1, 1), ("backup", "late", 0, 1)]);
    assert_eq!(ahead.unknown, [job("never-ran")]);
    assert_eq!(ahead.fullest.map(|found| found.bytes), Some(3));
    assert!(!ahead.cut);
}

#[test]
fn a_day_of_minutes_is_planned_and_no_more() {
    let minutely = Rhythm::Cron(Schedule::parse("* * * * *", "UTC").expect("a schedule"));
    assert_eq!(due(&minutely, None, at(0), at(1440)).len(), DUE_LIMIT);
    assert_eq!(due(&minutely, None, at(0), at(100_000)).len(), DUE_LIMIT);
    let every = Rhythm::Every(Span::minutes(10));
    assert_eq!(due(&every, Some(at(7)), at(0), at(30)), [at(7), at(17), at(27)]);
    assert_eq!(due(&every, None, at(0), at(30)), []);
    assert_eq!(due(&Rhythm::Every(Span::ZERO), Some(at(1)), at(0), at(30)), []);
    assert_eq!(due(&Rhythm::OnReport, Some(at(1)), at(0), at(30)), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sweep_finds_what_comparing_all_with_all_finds(
        runs in prop::collection::vec((0_i64..60, 0_i64..20), 0..40),
        budget in 0_usize..200,
    ) {
        let intervals: Vec<_> = runs.iter().map(|(from, length)| (at(*from), at(from + length))).collect();
        let mut all = BTreeSet::new();
        for (i, a) in intervals.iter().enumerate() {
            for (j, b) in intervals.iter().enumerate().skip(i + 1) {
                if a.0.max(b.0) < a.1.min(b.1) {
                    all.insert((i, j));
                }
            }
        }
        let mut found = Vec::new();
        let cut = sweep(&intervals, budget, |a, b| found.push((a.min(b), a.max(b))));
        let seen: BTreeSet<_> = found.iter().copied().collect();
        prop_assert_eq!(seen.len(), found.len(), "told twice");
        prop_assert!(seen.is_subset(&all));
        prop_assert!(found.len() <= budget);
        match cut {
            None => prop_assert_eq!(seen, all),
            Some(cut) => {
                let newer = |i: usize| intervals[i].1 > cut;
                prop_assert!(all.iter().filter(|(i, j)| newer(*i) && newer(*j)).all(|pair| seen.contains(pair)));
            }
        }
    }

    #[test]
    fn what_is_told_does_not_depend_on_the_order_of_runs(
        runs in prop::collection::vec((0_usize..4, 0_i64..300, 1_i64..40), 0..60),
        seed in any::<u64>(),
    ) {
        let mut stints: Vec<_> =
            runs.iter().map(|(name, from, length)| stint(&format!("j{name}"), *from, *length)).collect();
        let told = look_back(&stints);
        for pair in &told.pairs {
            for side in &pair.sides {
                prop_assert!(0 < side.met && side.met <= side.runs);
                prop_assert!(pair.longest <= pair.together);
            }
        }
        let mut state = seed | 1;
        stints.sort_by_cached_key(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 16
        });
        prop_assert_eq!(told, look_back(&stints));
    }
}
