//! What could not be seen is unknown, and is decided as soon as it can be.

use super::scene::{Stage, cron, direct, every, failure, job, run, span, start, success};
use crate::effect::{News, Reason, Verdict};
use crate::time::Span;

#[test]
fn silence_is_not_judged_before_the_spool_is_read() {
    let mut stage = Stage::with(vec![job("export", cron("0 1 * * *"))]);
    stage.until("00:30");
    stage.hears("export", success());
    stage.until("00:59");
    stage.is_down_for("1h");
    assert_eq!(stage.word("export"), "unknown", "unknown is never green");
    stage.hears_late("export", "01:00", success());
    stage.drained();
    stage.pass("2h");
    assert!(stage.pages.is_empty());
    assert_eq!((stage.verdicts("export"), stage.word("export")), (vec![Verdict::Ok], "ok"));
}

#[test]
fn what_the_spool_does_not_tell_did_not_happen() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("00:59");
    stage.is_down_for("6h");
    assert!(stage.pages.is_empty());
    stage.drained();
    assert_eq!(stage.verdicts("export"), [Verdict::Missed; 6]);
    assert_eq!(stage.news("export"), ["opened"], "one page for many slots");
}

#[test]
fn a_spool_that_is_never_read_does_not_silence_for_ever() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("00:59");
    stage.is_down_for("1h");
    stage.pass("1m50s");
    assert!(stage.pages.is_empty());
    stage.pass("15s");
    assert_eq!(stage.news("export"), ["opened"]);
}

#[test]
fn a_missed_slot_in_the_spool_is_seen_and_a_success_after_it_keeps_it_quiet() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("00:59");
    stage.is_down_for("3h");
    stage.hears_late("export", "01:00:01", success());
    stage.hears_late("export", "03:00:01", success());
    stage.drained();
    assert_eq!(stage.verdicts("export"), [Verdict::Ok, Verdict::Missed, Verdict::Ok]);
    assert!(stage.pages.is_empty(), "it was over before anybody could be told");
}

#[test]
fn a_failure_in_the_spool_is_told_at_once() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("00:59");
    stage.is_down_for("30m");
    stage.hears_late("export", "01:00:01", failure());
    assert_eq!(stage.news("export"), ["opened"]);
}

#[test]
fn what_goes_straight_to_the_listener_is_unknown_after_an_absence() {
    let mut stage = Stage::with(vec![direct(job("nas", every("1h")))]);
    stage.until("00:10");
    stage.hears("nas", success());
    stage.until("01:00");
    stage.is_down_for("30m");
    stage.drained();
    assert_eq!((stage.word("nas"), stage.news("nas")), ("unknown", vec![]));
    assert_eq!(stage.verdicts("nas"), [Verdict::Ok, Verdict::Unknown]);
    stage.until("02:14");
    assert!(stage.pages.is_empty());
    stage.until("02:16");
    assert_eq!(stage.news("nas"), ["opened"], "counted from the last signal, 2 × (period + grace) at most");
}

#[test]
fn a_long_absence_is_no_storm() {
    let plan: Vec<_> = (0..50).map(|n| direct(job(&format!("nas{n}"), every("5m")))).collect();
    let mut stage = Stage::with(plan);
    for n in 0..50 {
        stage.hears(&format!("nas{n}"), success());
    }
    stage.is_down_for("3h");
    stage.drained();
    assert!(stage.pages.is_empty());
    stage.pass("4m");
    for n in 0..50 {
        stage.hears(&format!("nas{n}"), success());
    }
    stage.pass("5m");
    assert!(stage.pages.is_empty());
}

#[test]
fn restarts_cannot_postpone_the_alarm_for_ever() {
    let mut stage = Stage::with(vec![direct(job("nas", every("1h")))]);
    stage.until("00:10");
    stage.hears("nas", success());
    // Each restart hits a deadline.
    for moment in ["01:12", "02:12"] {
        stage.until(moment);
        stage.is_down_for("5m");
        stage.drained();
    }
    assert_eq!(stage.news("nas"), ["opened"]);
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::Unseen { since, .. }, .. } if *since == Stage::at("00:10")
    ));
    assert!(stage.pages[0].at.since(Stage::at("00:10")) <= span("1h5m").times(2));
}

#[test]
fn a_restart_every_minute_changes_no_deadline() {
    let mut stage = Stage::with(vec![job("sync", every("1h")), direct(job("nas", every("1h")))]);
    stage.until("00:10");
    stage.hears("sync", success());
    stage.hears("nas", success());
    while stage.now.wall < Stage::at("01:20") {
        stage.pass("58s");
        stage.is_down_for("2s");
        stage.drained();
    }
    for page in &stage.pages {
        assert!(page.at.since(Stage::at("01:15")) <= Span::seconds(2));
    }
    assert_eq!(stage.pages.len(), 2);
}

#[test]
fn a_suspended_host_is_a_blind_interval() {
    let mut stage = Stage::with(vec![direct(job("nas", every("1h"))), job("sync", every("1h"))]);
    stage.until("00:10");
    stage.hears("nas", success());
    stage.hears("sync", success());
    stage.now.wall = stage.now.wall + span("2h");
    stage.now.uptime = stage.now.uptime + span("2h");
    stage.roll.tick(stage.now);
    assert!(stage.roll.awaits_drain());
    stage.pass("1s");
    assert_eq!((stage.word("nas"), stage.word("sync")), ("unknown", "unknown"));
    assert!(stage.pages.is_empty());
    stage.drained();
    assert_eq!((stage.news("nas"), stage.news("sync")), (vec![], vec!["opened"]));
}

#[test]
fn whatever_a_sleep_hides_is_unknown_however_long_it_was() {
    for asleep in ["1m", "42m", "25h"] {
        let mut beat = direct(job("duty", every("10s")));
        beat.start_within = span("35s");
        let mut stage = Stage::with(vec![beat]);
        stage.hears("duty", success());
        stage.pass("3s");
        stage.now.wall = stage.now.wall + span(asleep);
        stage.now.uptime = stage.now.uptime + span(asleep);
        stage.roll.tick(stage.now);
        stage.drained();
        // It may be as late as ever.
        stage.pass("37s");
        assert_eq!((stage.pages.len(), stage.word("duty")), (0, "unknown"), "{asleep}");
        stage.hears("duty", success());
        assert_eq!(stage.word("duty"), "ok", "{asleep}");
    }
}

#[test]
fn who_is_silent_after_a_sleep_is_told() {
    let mut beat = direct(job("duty", every("10s")));
    beat.start_within = span("35s");
    let mut stage = Stage::with(vec![beat]);
    stage.hears("duty", success());
    stage.now.wall = stage.now.wall + span("25h");
    stage.now.uptime = stage.now.uptime + span("25h");
    stage.roll.tick(stage.now);
    stage.drained();
    stage.pass("50s");
    assert_eq!((stage.news("duty"), stage.word("duty")), (vec!["opened"], "firing"));
}

#[test]
fn a_run_whose_limit_passed_unseen_is_unknown() {
    let mut spec = direct(job("export", cron("0 1 * * *")));
    spec.max_runtime = Some(span("30m"));
    let mut stage = Stage::with(vec![spec]);
    stage.until("01:00");
    stage.hears_run("export", run("a"), start());
    stage.is_down_for("2h");
    stage.drained();
    assert_eq!((stage.verdicts("export"), stage.word("export")), (vec![Verdict::Unknown], "unknown"));
    assert!(stage.pages.is_empty());
}
