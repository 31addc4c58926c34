//! Runs that go well and are unlike themselves.

use super::scene::{Stage, cron, every, failure, job, run, span, start};
use crate::effect::{Condition, News, Reason, Verdict};
use crate::expectation::{Expectation, Level};
use crate::roll_call::StoredRow;
use crate::signal::{Artefact, Ending, Outcome, Report};
use crate::usual::{LEAST_RUNS, Measure};

/// A job every two hours that has run so often, ten minutes each, and left 1 MiB.
fn practised(runs: usize, change: impl Fn(&mut Expectation)) -> Stage {
    let mut spec = job("export", every("2h"));
    change(&mut spec);
    let mut stage = Stage::with(vec![spec]);
    for n in 0..runs {
        begins(&mut stage, n);
        stage.pass("10m");
        ends(&mut stage, n, well());
        stage.pass("50m");
    }
    assert!(stage.pages.is_empty());
    stage
}

fn begins(stage: &mut Stage, n: usize) {
    stage.hears_run("export", run(&format!("r{n}")), start());
}

fn ends(stage: &mut Stage, n: usize, report: Report) {
    stage.hears_run("export", run(&format!("r{n}")), report);
}

fn leaves(bytes: u64) -> Report {
    Report::Success(Outcome {
        output: Some(300),
        artefact: Some(Artefact { files: 1, bytes }),
        ..Outcome::bare(Ending::Exit { code: 0 })
    })
}

fn well() -> Report {
    leaves(1 << 20)
}

fn loud(spec: &mut Expectation) {
    spec.severity.odd = Level::Page;
}

fn odd(stage: &Stage) -> Option<(Measure, bool)> {
    match stage.condition("export") {
        Condition::Firing { reason: Reason::Odd { measure, running, .. }, .. } => Some((measure, running)),
        _ => None,
    }
}

#[test]
fn a_run_of_four_times_its_usual_length_is_noticed_while_it_goes_on() {
    let mut stage = practised(12, loud);
    let begun = stage.now.wall;
    begins(&mut stage, 99);
    stage.pass("19m");
    assert_eq!(odd(&stage), None);
    stage.pass("2m");
    assert_eq!(odd(&stage), Some((Measure::Duration, true)));
    assert_eq!(stage.pages[0].at, begun + span("20m"));
    stage.pass("19m");
    ends(&mut stage, 99, well());
    assert_eq!(odd(&stage), Some((Measure::Duration, false)), "and stays odd when it has ended");
    stage.pass("20m");
    begins(&mut stage, 100);
    stage.pass("10m");
    ends(&mut stage, 100, well());
    assert_eq!(stage.news("export"), ["opened", "resolved"]);
    assert!(stage.verdicts("export").iter().all(|verdict| *verdict == Verdict::Ok), "it did not fail");
}

#[test]
fn an_odd_run_is_shown_and_nobody_is_woken_unless_the_configuration_says_so() {
    let mut stage = practised(12, |_| {});
    begins(&mut stage, 99);
    stage.pass("10m");
    ends(&mut stage, 99, leaves(1 << 19));
    assert_eq!(odd(&stage), Some((Measure::Artefact, false)));
    assert!(stage.pages.is_empty());
    let mut stage = practised(12, loud);
    ends(&mut stage, 99, leaves(1 << 19));
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::Odd { measure: Measure::Artefact, observed: 0x80000, .. }, .. }
    ));
    assert!(stage.pages[0].evidence.is_some());
    let mut stage = practised(12, |spec| spec.severity.odd = Level::Ignore);
    ends(&mut stage, 99, leaves(1 << 19));
    assert_eq!(stage.word("export"), "ok");
}

#[test]
fn no_output_where_there_always_was_some_is_odd() {
    let mut stage = practised(12, |_| {});
    let silent = Outcome { output: Some(0), ..Outcome::bare(Ending::Exit { code: 0 }) };
    ends(&mut stage, 99, Report::Success(silent));
    assert_eq!(odd(&stage), Some((Measure::Output, false)));
}

#[test]
fn an_odd_success_ends_what_a_failure_began() {
    let mut stage = practised(12, |_| {});
    ends(&mut stage, 50, failure());
    ends(&mut stage, 99, leaves(1 << 19));
    assert_eq!(stage.news("export"), ["opened", "resolved"]);
    assert_eq!(odd(&stage), Some((Measure::Artefact, false)));
    ends(&mut stage, 51, failure());
    assert_eq!(stage.news("export"), ["opened", "resolved", "opened"], "a failure is more than odd");
}

#[test]
fn an_odd_run_is_no_step_towards_the_failures_that_page() {
    let mut stage = practised(12, |spec| spec.after = 2);
    ends(&mut stage, 99, leaves(1 << 19));
    ends(&mut stage, 50, failure());
    assert!(stage.pages.is_empty());
    ends(&mut stage, 51, failure());
    assert_eq!(stage.news("export"), ["opened"]);
}

#[test]
fn after_ten_odd_runs_the_new_usual_is_accepted() {
    let mut stage = practised(12, loud);
    for n in 0..LEAST_RUNS {
        ends(&mut stage, 100 + n, leaves(1 << 19));
        assert!(odd(&stage).is_some());
        stage.pass("1h");
    }
    ends(&mut stage, 200, leaves(1 << 19));
    let news = stage.news("export");
    assert_eq!((news[0], news.last()), ("opened", Some(&"resolved")));
    assert!(news[1..news.len() - 1].iter().all(|news| *news == "reminder"), "{news:?}");
}

#[test]
fn a_run_to_and_fro_is_one_page_and_not_one_for_each() {
    let mut stage = practised(30, loud);
    for n in 0..20 {
        ends(&mut stage, 100 + n, if n % 2 == 0 { leaves(1 << 16) } else { well() });
        stage.pass("10m");
    }
    let opened = stage.news("export").iter().filter(|news| **news == "opened").count();
    assert!(opened <= 4, "{:?}", stage.news("export"));
}

#[test]
fn a_tighter_limit_speaks_for_itself() {
    let mut stage = practised(12, |spec| spec.max_runtime = Some(span("15m")));
    begins(&mut stage, 99);
    stage.pass("1h");
    assert!(matches!(
        stage.condition("export"),
        Condition::Firing { reason: Reason::TooLong { .. }, level: Level::Page, .. }
    ));
}

#[test]
fn what_is_usual_survives_a_restart_and_a_row_from_before_reads() {
    let mut stage = practised(12, loud);
    begins(&mut stage, 99);
    stage.is_down_for("5s");
    stage.drained();
    stage.pass("21m");
    assert_eq!(odd(&stage), Some((Measure::Duration, true)));
    let line = &stage.roll.board(stage.now).lines[0];
    assert_eq!(line.usual.expect("known").median, 600_000);
    let row = stage.roll.rows()[0].state.clone();
    let mut value = serde_json::to_value(&row).expect("written");
    let keys = value.as_object_mut().expect("a row is a table");
    assert!(keys.remove("habit").is_some());
    let old: StoredRow = serde_json::from_value(value).expect("a row of an earlier version reads");
    assert!(old.habit.is_empty());
}

#[test]
fn a_run_that_began_before_the_spool_was_read_is_not_odd_until_then() {
    let mut stage = practised(12, loud);
    begins(&mut stage, 99);
    let end = stage.now.wall + span("10m");
    stage.is_down_for("1h");
    stage.pass("10s");
    assert!(stage.pages.is_empty());
    let ended = stage.signal("export", run("r99"), end, well());
    stage.hears_signal(&ended);
    stage.drained();
    assert!(stage.pages.is_empty());
    assert_eq!(stage.word("export"), "ok");
}

#[test]
fn retries_are_counted() {
    let mut stage = Stage::with(vec![job("sync", cron("0 * * * *"))]);
    for n in 0..20 {
        let attempt = crate::signal::Attempt {
            started: stage.now.wall,
            duration: span("2s"),
            ending: Ending::Exit { code: 1 },
        };
        let attempts = if n % 3 == 0 { vec![attempt] } else { Vec::new() };
        let outcome = Outcome { attempts, ..Outcome::bare(Ending::Exit { code: 0 }) };
        stage.hears("sync", Report::Success(outcome));
        stage.pass("1h");
    }
    let line = &stage.roll.board(stage.now).lines[0];
    assert_eq!(line.retried.map(|retried| (retried.times, retried.of)), Some((7, 20)));
}
