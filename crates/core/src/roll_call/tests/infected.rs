//! Known bugs, brought back, make the sentences of the other chapters untrue.

use super::scene::{Stage, cron, direct, every, failure, job, run, span, start, success};
use crate::expectation::Rhythm;
use crate::roll_call::mutant::Mutant;
use crate::signal::Report;
use crate::time::Timestamp;

#[test]
fn without_a_deadline_of_its_own_an_overlapped_run_hangs_in_silence() {
    let mut spec = job("export", cron("0 1 * * *"));
    spec.max_runtime = Some(span("30m"));
    let mut stage = Stage::with(vec![spec]).infected(Mutant::OnlyNewestRunTimed);
    stage.until("01:00");
    stage.hears_run("export", run("hangs"), start());
    stage.until("01:10");
    stage.hears_run("export", run("well"), start());
    stage.hears_run("export", run("well"), success());
    stage.until("01:31");
    assert!(stage.pages.is_empty());
}

#[test]
fn skips_taken_for_successes_are_never_told() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]).infected(Mutant::SkipIsSuccess);
    for _ in 0..5 {
        stage.pass("10m");
        stage.hears("sync", Report::Skip { holder: None, why: "still running".to_owned() });
    }
    assert!(stage.pages.is_empty());
}

#[test]
fn absence_taken_for_proof_is_a_false_alarm() {
    let mut stage = Stage::with(vec![direct(job("nas", every("1h")))]).infected(Mutant::BlindIsEvidence);
    stage.until("00:10");
    stage.hears("nas", success());
    stage.until("01:00");
    stage.is_down_for("30m");
    stage.drained();
    assert_eq!(stage.news("nas"), ["opened"]);
}

#[test]
fn unknown_ones_that_push_bad_ones_out_hide_them() {
    let mut spec = job("site", Rhythm::OnReport);
    (spec.after, spec.of) = (2, Some(3));
    let mut stage = Stage::with(vec![spec]).infected(Mutant::UnknownPushesOut);
    stage.hears("site", failure());
    stage.hears("site", Report::Unseen { why: "no way to look".to_owned() });
    stage.hears("site", success());
    stage.hears("site", failure());
    assert!(stage.pages.is_empty());
}

#[test]
fn a_poison_schedule_that_is_passed_over_is_never_told() {
    let mut stage = Stage::with(vec![]).infected(Mutant::PoisonSchedule);
    let end = Timestamp::from_seconds(253_402_300_799 - 3600);
    stage.clock_steps(end.seconds() - stage.now.wall.seconds());
    stage.replan(vec![job("export", cron("0 12 * * *"))]);
    stage.pass("30m");
    assert!(stage.pages.is_empty());
}
