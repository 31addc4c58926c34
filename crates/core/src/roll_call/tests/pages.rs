//! Who is told what, and when.

use super::scene::{MIDNIGHT, Stage, channel, every, failure, job, success};
use crate::effect::{Condition, News, Reason};
use crate::expectation::{Expectation, Level, Rhythm};
use crate::signal::Report;
use crate::time::{Span, Timestamp};

fn report_only() -> Expectation {
    job("site", Rhythm::OnReport)
}

fn pause(until: &str) -> Report {
    Report::Pause { by: "ann".to_owned(), reason: "upgrade".to_owned(), until: Stage::at(until) }
}

fn acknowledge(until: &str) -> Report {
    Report::Acknowledge { by: "ann".to_owned(), until: Stage::at(until) }
}

#[test]
fn reminders_come_after_one_hour_four_hours_and_then_daily() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", failure());
    stage.until_moment(Timestamp::from_seconds(MIDNIGHT) + Span::hours(60));
    let hours: Vec<u64> =
        stage.pages.iter().map(|page| page.at.since(Stage::at("00:00")).as_millis() / 3_600_000).collect();
    assert_eq!(hours, [0, 1, 4, 28, 52]);
    assert!(matches!(stage.pages[4].news, News::Reminder { nth: 4, .. }));
    let numbers: Vec<u32> = stage.pages.iter().map(|page| page.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[test]
fn an_acknowledgement_stops_reminders_until_it_expires() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", failure());
    stage.until("00:10");
    stage.hears("site", acknowledge("05:00"));
    stage.until("04:59");
    assert_eq!(stage.news("site"), ["opened"]);
    stage.until("05:01");
    assert_eq!(stage.news("site"), ["opened", "expired"]);
    stage.until("06:01");
    assert_eq!(stage.news("site"), ["opened", "expired", "reminder"]);
    stage.hears("site", acknowledge("12:00"));
    stage.hears("site", success());
    assert_eq!(stage.news("site").last(), Some(&"resolved"), "told means told");
}

#[test]
fn a_pause_holds_pages_back_and_tells_at_its_end() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", pause("02:00"));
    stage.until("00:10");
    stage.hears("site", failure());
    assert_eq!(stage.word("site"), "firing", "it is still watched");
    stage.until("01:59");
    assert!(stage.pages.is_empty());
    stage.until("02:00");
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn what_began_and_ended_within_a_pause_is_told_to_nobody() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", pause("02:00"));
    stage.hears("site", failure());
    stage.until("00:10");
    stage.hears("site", success());
    stage.until("03:00");
    assert!(stage.pages.is_empty());
}

#[test]
fn the_end_is_told_within_a_pause() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", failure());
    stage.hears("site", pause("02:00"));
    stage.until("00:10");
    stage.hears("site", success());
    assert_eq!(stage.news("site"), ["opened", "resolved"]);
}

#[test]
fn a_pause_can_be_ended_and_never_lasts_for_ever() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", failure());
    let until = stage.now.wall + Span::days(9000);
    stage.hears("site", Report::Pause { by: "ann".to_owned(), reason: String::new(), until });
    let end = stage.roll.board(stage.now).lines[0].pause.as_ref().map(|pause| pause.until);
    assert_eq!(end, Some(stage.now.wall + Span::days(31)));
    stage.until("03:00");
    assert_eq!(stage.news("site"), ["opened"]);
    stage.hears("site", Report::Resume { by: "ann".to_owned() });
    assert_eq!(stage.news("site"), ["opened", "reminder"]);
}

#[test]
fn the_end_goes_to_everybody_who_was_told_whatever_the_configuration_says_now() {
    let mut stage = Stage::with(vec![report_only()]);
    stage.hears("site", failure());
    let mut changed = report_only();
    changed.notify = vec![channel("phone")];
    stage.replan(vec![changed]);
    stage.until("01:01");
    stage.hears("site", success());
    assert_eq!(stage.pages[1].to, [channel("phone")]);
    assert_eq!(stage.pages[2].to, [channel("ops"), channel("phone")]);
}

#[test]
fn removal_is_the_end_for_those_who_were_told() {
    let mut stage = Stage::with(vec![report_only(), job("other", every("1h"))]);
    stage.hears("site", failure());
    stage.replan(vec![job("other", every("1h"))]);
    assert_eq!(stage.news("site"), ["opened", "withdrawn"]);
    assert!(stage.roll.changed().iter().any(|(id, row)| id.name() == "site" && row.is_none()));
}

#[test]
fn going_to_and_fro_is_one_page_until_it_is_quiet() {
    let mut stage = Stage::with(vec![report_only()]);
    for _ in 0..8 {
        stage.hears("site", failure());
        stage.pass("1m");
        stage.hears("site", success());
        stage.pass("1m");
    }
    let mut expected = ["opened", "resolved"].repeat(4);
    expected.push("flapping");
    assert_eq!(stage.news("site"), expected);
    let stands = stage.condition("site");
    assert!(
        matches!(stands, Condition::Firing { reason: Reason::Failed { times: 1 }, .. }),
        "not in a row: {stands:?}"
    );
    assert_eq!(stage.word("site"), "firing");
    stage.until("01:13");
    assert_eq!(stage.word("site"), "firing");
    stage.until("01:15");
    assert_eq!(stage.news("site").last(), Some(&"resolved"));
}

#[test]
fn a_warning_that_becomes_serious_is_told() {
    let mut spec = job("site", every("1h"));
    spec.severity.missed = Level::Warn;
    let mut stage = Stage::with(vec![spec]);
    stage.until("01:30");
    assert!(stage.pages.is_empty());
    stage.hears("site", failure());
    assert_eq!(stage.news("site"), ["opened"]);
    assert!(matches!(&stage.pages[0].news, News::Opened { reason: Reason::Failed { .. }, .. }));
}
