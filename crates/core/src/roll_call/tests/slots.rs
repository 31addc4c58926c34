//! Planned slots and the verdict of silence.

use super::scene::{Stage, cron, every, failure, job, span, start, success};
use crate::effect::{News, Reason, Verdict};
use crate::expectation::{Level, Rhythm};
use crate::roll_call::Answer;
use crate::signal::Report;
use crate::time::Timestamp;

#[test]
fn silence_past_grace_pages_once() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("00:10");
    stage.hears("sync", success());
    stage.until("01:14:59");
    assert!(stage.pages.is_empty());
    stage.until("01:59");
    assert_eq!(stage.news("sync"), ["opened"]);
    let page = &stage.pages[0];
    assert_eq!(page.at, Stage::at("01:15"), "at due + start_within, to the second");
    assert!(matches!(
        &page.news,
        News::Opened { reason: Reason::Missed { due, last_heard }, .. }
            if *due == Stage::at("01:10") && *last_heard == Some(Stage::at("00:10"))
    ));
    assert_eq!(stage.verdicts("sync"), [Verdict::Ok, Verdict::Missed]);
}

#[test]
fn what_never_reported_since_it_was_registered_is_bad_news() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("01:10");
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::NeverReported { registered }, .. } if *registered == Stage::at("00:00")
    ));
}

#[test]
fn a_late_success_is_good_news_and_opens_no_old_slot() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("01:30");
    stage.hears("sync", start());
    stage.until("01:31");
    stage.hears("sync", success());
    assert_eq!(stage.news("sync"), ["opened", "resolved"]);
    assert_eq!(stage.pages[1].to, stage.pages[0].to);
    assert_eq!(stage.word("sync"), "ok");
}

#[test]
fn a_failure_is_told_with_its_evidence_and_the_end_without() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("00:10");
    stage.hears("sync", failure());
    stage.until("00:20");
    stage.hears("sync", success());
    assert_eq!(stage.news("sync"), ["opened", "resolved"]);
    assert!(stage.pages[0].evidence.is_some() && stage.pages[1].evidence.is_none());
    assert_eq!((stage.pages[0].number, stage.pages[1].number), (0, 1));
    assert_eq!(stage.pages[0].incident, stage.pages[1].incident);
}

#[test]
fn levels_decide_who_hears_of_it() {
    let mut warn = job("warn", every("1h"));
    warn.severity.missed = Level::Warn;
    let mut ignore = job("ignore", every("1h"));
    ignore.severity.missed = Level::Ignore;
    let mut stage = Stage::with(vec![warn, ignore]);
    stage.until("01:30");
    assert!(stage.pages.is_empty());
    assert_eq!((stage.word("warn"), stage.word("ignore")), ("firing", "new"));
    assert_eq!(stage.verdicts("ignore"), [Verdict::Missed]);
}

#[test]
fn skips_are_a_verdict_of_their_own_and_three_in_a_row_are_bad_news() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    for minute in ["00:10", "00:20", "00:30"] {
        stage.until(minute);
        stage.hears("sync", Report::Skip { holder: None, why: "still running".to_owned() });
    }
    assert_eq!(stage.verdicts("sync"), [Verdict::Skipped; 3]);
    assert_eq!(stage.news("sync"), ["opened"]);
    stage.until("00:40");
    stage.hears("sync", success());
    assert_eq!(stage.news("sync"), ["opened", "resolved"]);
    assert!(matches!(&stage.pages[0].news, News::Opened { reason: Reason::Skipped { times: 3, .. }, .. }));
}

#[test]
fn every_instant_of_cron_is_a_slot_and_ends_once() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("01:00:02");
    stage.hears("export", start());
    stage.until("01:03");
    stage.hears("export", success());
    stage.until("02:01");
    stage.hears("export", failure());
    stage.until("03:30");
    assert_eq!(stage.verdicts("export"), [Verdict::Ok, Verdict::Failed, Verdict::Missed]);
    let dues: Vec<_> = stage.slots.iter().map(|slot| slot.due).collect();
    assert_eq!(dues, [Stage::at("01:00"), Stage::at("02:00"), Stage::at("03:00")]);
}

#[test]
fn a_start_may_come_half_a_minute_early_but_not_an_hour() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("00:20");
    stage.hears("export", success());
    assert!(stage.slots.is_empty(), "a run by hand fills no slot");
    stage.until("00:59:31");
    stage.hears("export", success());
    assert_eq!(stage.verdicts("export"), [Verdict::Ok]);
}

#[test]
fn a_start_at_the_very_end_of_the_grace_is_in_time() {
    let mut stage = Stage::with(vec![job("export", cron("0 * * * *"))]);
    stage.until("01:04:59");
    stage.hears("export", start());
    stage.until("01:30");
    assert!(stage.pages.is_empty());
}

#[test]
fn grace_longer_than_the_gap_keeps_slots_apart() {
    let mut spec = job("poll", cron("* * * * *"));
    spec.start_within = span("10m");
    let mut stage = Stage::with(vec![spec]);
    stage.until("00:05:30");
    for _ in 0..5 {
        stage.hears("poll", success());
    }
    assert_eq!(stage.verdicts("poll"), [Verdict::Ok; 5]);
    stage.until("00:15:59");
    assert_eq!(stage.verdicts("poll").len(), 5);
    stage.until("00:16");
    assert_eq!(stage.verdicts("poll").last(), Some(&Verdict::Missed));
}

#[test]
fn after_and_recover_count_consecutive_verdicts() {
    let mut spec = job("site", every("1m"));
    (spec.after, spec.recover) = (3, 2);
    let mut stage = Stage::with(vec![spec]);
    for (report, word) in [
        (failure(), "pending"),
        (failure(), "pending"),
        (success(), "ok"),
        (failure(), "pending"),
        (failure(), "pending"),
        (failure(), "firing"),
        (success(), "firing"),
        (failure(), "firing"),
        (success(), "firing"),
        (success(), "ok"),
    ] {
        stage.pass("30s");
        stage.hears("site", report);
        assert_eq!(stage.word("site"), word);
    }
    assert_eq!(stage.news("site"), ["opened", "resolved"]);
}

#[test]
fn no_success_for_too_long_is_bad_news_whatever_the_schedule_says() {
    let mut spec = job("drill", Rhythm::OnReport);
    spec.success_every = Some(span("2h"));
    spec.after = 3;
    let mut stage = Stage::with(vec![spec]);
    stage.until("00:30");
    stage.hears("drill", success());
    stage.until("02:29");
    assert!(stage.pages.is_empty());
    stage.until("03:00");
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::NoSuccess { last: Some(last), .. }, .. } if *last == Stage::at("00:30")
    ));
    stage.hears("drill", success());
    assert_eq!(stage.news("drill"), ["opened", "resolved"]);
}

#[test]
fn a_schedule_that_cannot_be_computed_is_an_alarm_and_leaves_the_others_alone() {
    let mut stage = Stage::with(vec![]);
    // The calendar ends with the year 9999.
    let back = stage.now.wall;
    let end = Timestamp::from_seconds(253_402_300_799 - 3600);
    stage.clock_steps(end.seconds() - back.seconds());
    stage.replan(vec![job("export", cron("0 12 * * *")), job("sync", every("1m"))]);
    assert_eq!(stage.news("export"), ["opened"]);
    stage.hears("export", success());
    assert_eq!(stage.word("export"), "firing", "nobody knows when it is due");
    stage.pass("10m");
    assert_eq!(stage.news("sync"), ["opened"]);
    stage.clock_steps(back.seconds() - end.seconds());
    assert_eq!(stage.news("export"), ["opened", "resolved"]);
}

#[test]
fn a_schedule_that_nobody_knows_is_an_alarm_until_it_is_known() {
    let unknown = |error: &str| Rhythm::Unknown { schedule: "export.timer".into(), error: error.into() };
    let mut stage = Stage::with(vec![job("export", unknown("it is inactive"))]);
    assert!(matches!(
        &stage.pages[0].news,
        News::Opened { reason: Reason::Unschedulable { schedule, error }, .. }
            if schedule == "export.timer" && error == "it is inactive"
    ));
    stage.hears("export", success());
    assert_eq!(stage.word("export"), "firing", "nobody knows when it is due");
    stage.pass("3h");
    let told = |stage: &Stage| {
        stage
            .news("export")
            .iter()
            .filter(|news| **news != "reminder")
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&stage), ["opened"], "trying again is no new trouble");
    stage.replan(vec![job("export", unknown("it is not there"))]);
    assert_eq!(stage.word("export"), "firing");
    stage.replan(vec![job("export", every("1h"))]);
    assert_eq!(told(&stage), ["opened", "resolved"]);
    stage.pass("2h");
    assert_eq!(told(&stage), ["opened", "resolved", "opened"], "from then on its silence counts");
    stage.replan(vec![job("export", unknown("it was taken away"))]);
    stage.hears("export", success());
    assert_eq!(stage.word("export"), "firing", "what was known does not go on to count");
}

#[test]
fn a_signal_is_heard_once() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    let signal = stage.signal("sync", None, stage.now.wall, failure());
    assert_eq!(stage.hears_signal(&signal), Answer::Heard);
    assert_eq!(stage.hears_signal(&signal), Answer::Repeated);
    let stranger = stage.signal("nobody", None, stage.now.wall, failure());
    assert_eq!(stage.hears_signal(&stranger), Answer::UnknownExpectation);
    assert_eq!(stage.slots.len(), 1);
}

#[test]
fn an_older_report_does_not_undo_a_newer_one() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("00:30");
    stage.hears("sync", failure());
    stage.hears_late("sync", "00:10", success());
    assert_eq!(stage.word("sync"), "firing");
}

#[test]
fn a_sender_with_a_wrong_clock_is_heard_now() {
    let mut stage = Stage::with(vec![job("sync", every("1h"))]);
    stage.until("00:30");
    stage.hears_late("sync", "23:00", success());
    let board = stage.roll.board(stage.now);
    assert_eq!(board.lines[0].last_heard, Some(stage.now.wall));
    stage.until("01:36");
    assert_eq!(stage.news("sync"), ["opened"], "and its future does not postpone the alarm");
}

#[test]
fn a_changed_severity_makes_old_staleness_news() {
    let mut spec = job("drill", Rhythm::OnReport);
    spec.success_every = Some(span("1h"));
    spec.severity.missed = Level::Ignore;
    let mut stage = Stage::with(vec![spec.clone()]);
    stage.hears("drill", success());
    stage.until("02:00");
    assert!(stage.pages.is_empty());
    spec.severity.missed = Level::Page;
    stage.replan(vec![spec]);
    assert_eq!(stage.news("drill"), ["opened"]);
}
