//! Planned slots and the verdict of silence.

use super::scene::{Stage, every, failure, job, start, success};
use crate::effect::{News, Reason, Verdict};
use crate::expectation::Level;
use crate::signal::Report;

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
