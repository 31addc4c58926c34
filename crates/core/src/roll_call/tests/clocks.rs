//! Steps of the clock.

use super::scene::{Stage, cron, every, failure, job, run, span, start, success};
use crate::effect::Verdict;
use crate::expectation::Rhythm;

#[test]
fn elapsed_deadlines_survive_a_step() {
    for step in [3_600, -3_600, 40_000, -40_000] {
        let mut spec = job("export", Rhythm::OnReport);
        spec.max_runtime = Some(span("30m"));
        let mut stage = Stage::with(vec![spec, job("sync", every("1h"))]);
        stage.hears_run("export", run("a"), start());
        stage.hears("sync", success());
        stage.pass("10m");
        stage.clock_steps(step);
        stage.pass("19m59s");
        assert!(stage.pages.is_empty(), "step {step}");
        stage.pass("1s");
        assert_eq!(stage.news("export"), ["opened"], "step {step}");
        stage.pass("34m59s");
        assert!(stage.news("sync").is_empty(), "step {step}");
        stage.pass("1s");
        assert_eq!(stage.news("sync"), ["opened"], "step {step}");
    }
}

#[test]
fn reminders_are_elapsed_time() {
    let mut stage = Stage::with(vec![job("site", Rhythm::OnReport)]);
    stage.hears("site", failure());
    stage.pass("30m");
    stage.clock_steps(-7_200);
    stage.pass("29m59s");
    assert_eq!(stage.news("site"), ["opened"]);
    stage.pass("1s");
    assert_eq!(stage.news("site"), ["opened", "reminder"]);
}

#[test]
fn a_fixed_time_job_that_was_jumped_over_is_due_right_after() {
    let mut stage = Stage::with(vec![job("export", cron("30 1,2 * * *"))]);
    stage.until("01:00");
    stage.clock_steps(2 * 3600);
    stage.pass("4m59s");
    assert!(stage.pages.is_empty());
    stage.hears("export", success());
    stage.hears("export", success());
    assert_eq!(stage.verdicts("export"), [Verdict::Ok; 2]);
    stage.pass("1h");
    assert!(stage.pages.is_empty());
}

#[test]
fn a_fixed_time_job_that_was_jumped_over_and_does_not_come_is_missed() {
    let mut stage = Stage::with(vec![job("export", cron("30 1 * * *"))]);
    stage.until("01:00");
    stage.clock_steps(2 * 3600);
    stage.pass("5m");
    assert_eq!(stage.verdicts("export"), [Verdict::Missed]);
}

#[test]
fn a_fixed_time_job_is_not_expected_twice_when_the_clock_goes_back() {
    let mut stage = Stage::with(vec![job("export", cron("30 1 * * *"))]);
    stage.until("01:30");
    stage.hears("export", success());
    stage.until("02:00");
    stage.clock_steps(-3600);
    stage.pass("3h");
    assert_eq!(stage.verdicts("export"), [Verdict::Ok]);
    assert!(stage.pages.is_empty());
}

#[test]
fn a_wildcard_job_follows_the_clock() {
    let mut stage = Stage::with(vec![job("poll", cron("*/10 * * * *"))]);
    stage.until("00:10");
    stage.hears("poll", success());
    stage.pass("1m");
    stage.clock_steps(2 * 3600);
    stage.until("02:24");
    assert!(stage.pages.is_empty(), "what was jumped over is not expected");
    stage.until("02:25");
    assert_eq!(stage.verdicts("poll"), [Verdict::Ok, Verdict::Missed]);
}

#[test]
fn a_wildcard_job_is_expected_again_in_a_repeated_hour() {
    let mut stage = Stage::with(vec![job("poll", cron("*/10 * * * *"))]);
    stage.until("01:10");
    let before = stage.slots.len();
    stage.clock_steps(-3600);
    stage.until("00:40");
    assert!(stage.slots.len() > before);
    let mut dues: Vec<_> = stage.slots.iter().map(|slot| slot.due).collect();
    dues.sort_unstable();
    dues.dedup();
    assert_eq!(dues.len(), stage.slots.len(), "a due time is used once");
}

#[test]
fn a_large_step_starts_afresh() {
    let mut stage = Stage::with(vec![job("export", cron("30 1 * * *"))]);
    stage.until("01:00");
    stage.clock_steps(4 * 3600);
    stage.pass("12h");
    assert!(stage.pages.is_empty(), "01:30 of that day never came");
}

#[test]
fn small_differences_are_slew() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.hears("sync", success());
    for _ in 0..100 {
        stage.clock_steps(1);
        stage.pass("1m");
    }
    assert_eq!(stage.news("sync"), ["opened"]);
}

#[test]
fn what_was_written_down_before_the_clock_was_put_forward_is_read_rightly_after_it() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.hears("sync", success());
    stage.until("00:30");
    stage.clock_steps(4 * 3600);
    stage.hears_late("sync", "00:29:59", success());
    stage.pass("1h4m58s");
    assert!(stage.pages.is_empty());
    stage.pass("1s");
    assert_eq!(stage.news("sync"), ["opened"]);
}
