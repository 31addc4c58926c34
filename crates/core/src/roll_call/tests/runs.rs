//! Runs and their limits.

use super::scene::{Stage, cron, every, failure, job, run, span, start, success};
use crate::effect::{News, Reason, Verdict};
use crate::expectation::{Expectation, Rhythm};
use crate::signal::{Ending, Outcome, Report};

fn limited() -> Expectation {
    let mut spec = job("export", cron("0 1 * * *"));
    spec.max_runtime = Some(span("30m"));
    spec
}

#[test]
fn a_run_past_its_limit_is_bad_news_once_and_at_that_moment() {
    let mut stage = Stage::with(vec![limited()]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    stage.until("04:00");
    assert_eq!(stage.pages[0].at, Stage::at("01:30"));
    assert!(matches!(&stage.pages[0].news, News::Opened { reason: Reason::TooLong { .. }, .. }));
    stage.hears_run("export", run("a"), success());
    assert_eq!(stage.news("export"), ["opened", "reminder", "resolved"]);
    assert_eq!(stage.verdicts("export"), [Verdict::Failed], "the slot stays failed");
}

#[test]
fn a_healthy_run_does_not_hide_an_overlapping_one_that_hangs() {
    let mut stage = Stage::with(vec![limited()]);
    stage.until("01:00");
    stage.hears_run("export", run("hangs"), start());
    stage.until("01:10");
    stage.hears_run("export", run("well"), start());
    stage.until("01:20");
    stage.hears_run("export", run("well"), success());
    stage.until("01:31");
    assert_eq!(stage.news("export"), ["opened"]);
}

#[test]
fn a_sign_of_life_restarts_the_limit() {
    let mut stage = Stage::with(vec![limited()]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    stage.until("01:25");
    stage.hears_run("export", run("a"), Report::Alive);
    stage.until("01:54");
    assert!(stage.pages.is_empty());
    stage.until("01:55");
    assert_eq!(stage.news("export"), ["opened"]);
}

#[test]
fn a_success_that_was_too_fast_is_a_failure() {
    let mut spec = limited();
    spec.min_runtime = Some(span("20s"));
    let mut stage = Stage::with(vec![spec]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    stage.until("01:00:02");
    stage.hears_run("export", run("a"), success());
    assert_eq!(stage.verdicts("export"), [Verdict::Failed]);
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::TooShort { took, .. }, .. } if *took == span("2s")
    ));
}

#[test]
fn of_a_run_with_retries_only_the_last_attempt_can_be_too_fast() {
    let mut spec = limited();
    spec.min_runtime = Some(span("20s"));
    let mut stage = Stage::with(vec![spec]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    stage.until("01:05");
    let outcome = Outcome {
        duration: Some(span("5m")),
        last_attempt: Some(span("1s")),
        ..Outcome::bare(Ending::Exit { code: 0 })
    };
    stage.hears_run("export", run("a"), Report::Success(outcome));
    assert_eq!(stage.verdicts("export"), [Verdict::Failed]);
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::TooShort { took, .. }, .. } if *took == span("1s")
    ));
}

#[test]
fn the_end_of_a_late_run_is_not_counted_twice() {
    let mut spec = limited();
    spec.after = 2;
    let mut stage = Stage::with(vec![spec]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    stage.until("01:40");
    stage.hears_run("export", run("a"), failure());
    assert_eq!(stage.word("export"), "pending");
}

#[test]
fn a_start_that_arrives_after_its_end_opens_nothing() {
    let mut stage = Stage::with(vec![limited()]);
    stage.until("01:04");
    stage.hears_run("export", run("a"), success());
    let late = stage.signal("export", run("a"), Stage::at("01:00"), start());
    stage.hears_signal(&late);
    stage.until("03:00");
    assert!(stage.pages.is_empty());
}

#[test]
fn a_run_without_id_that_starts_again_has_lost_the_one_before() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("00:10");
    stage.hears("sync", start());
    stage.until("00:10:05");
    stage.hears("sync", start());
    assert!(stage.pages.is_empty(), "the same start, sent twice");
    stage.until("01:00");
    stage.hears("sync", start());
    assert_eq!(stage.news("sync"), ["opened"]);
    stage.hears("sync", success());
    assert_eq!(stage.verdicts("sync"), [Verdict::Failed, Verdict::Ok]);
}

#[test]
fn a_lost_run_closes_its_slot() {
    let mut stage = Stage::with(vec![limited()]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    let lost = Report::Failure(Outcome::bare(Ending::Lost { why: "the host was booted".to_owned() }));
    stage.hears_run("export", run("a"), lost);
    assert_eq!(stage.verdicts("export"), [Verdict::Failed]);
    assert!(stage.roll.board(stage.now).lines[0].running.is_empty());
}

#[test]
fn a_flood_of_runs_is_bounded() {
    let mut stage = Stage::with(vec![job("open", Rhythm::OnReport)]);
    for n in 0..500 {
        stage.hears_run("open", run(&format!("r{n}")), start());
    }
    assert_eq!(stage.roll.board(stage.now).lines[0].running.len(), 64);
    assert_eq!(stage.news("open"), ["opened"]);
}
