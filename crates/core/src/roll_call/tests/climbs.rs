//! Who is told next while nobody answers.

use super::scene::{Stage, channel, every, failure, job, span, success};
use crate::effect::{News, Page};
use crate::expectation::{Expectation, Rhythm, Step};
use crate::ids::ChannelName;
use crate::signal::Report;
use crate::time::Span;

/// Tells `ops` at once, `phone` after ten minutes and `boss` with `ops` after forty.
fn climbing() -> Expectation {
    let mut spec = job("site", Rhythm::OnReport);
    let step = |after, to: &[&str]| Step {
        after: span(after),
        notify: to.iter().map(|name| channel(name)).collect(),
    };
    spec.steps = vec![step("10m", &["phone"]), step("40m", &["boss", "ops"])];
    spec
}

fn names(page: &Page) -> Vec<&str> {
    page.to.iter().map(ChannelName::as_str).collect()
}

fn said(stage: &Stage) -> Vec<(u64, &'static str, Vec<&str>)> {
    let minutes = |page: &Page| page.at.since(Stage::at("00:00")).as_millis() / 60_000;
    let words = stage.news("site");
    stage.pages.iter().zip(words).map(|(page, word)| (minutes(page), word, names(page))).collect()
}

fn acknowledge(until: &str) -> Report {
    Report::Acknowledge { by: "ann".to_owned(), until: Stage::at(until) }
}

#[test]
fn each_step_is_taken_when_nobody_has_answered_for_its_time() {
    let mut stage = Stage::with(vec![climbing()]);
    stage.hears("site", failure());
    stage.until("01:05");
    assert_eq!(
        said(&stage),
        [
            (0, "opened", vec!["ops"]),
            (10, "step", vec!["phone"]),
            (40, "step", vec!["boss", "ops"]),
            (60, "reminder", vec!["ops", "phone", "boss"]),
        ]
    );
    assert!(
        matches!(stage.pages[1].news, News::Escalated { step: 2, of: 3, unanswered, .. } if unanswered == Span::minutes(10)),
        "{:?}",
        stage.pages[1].news
    );
}

#[test]
fn whoever_was_told_by_any_step_hears_the_end_and_nobody_else() {
    let mut stage = Stage::with(vec![climbing()]);
    stage.hears("site", failure());
    stage.until("00:15");
    stage.hears("site", success());
    assert_eq!(said(&stage).last(), Some(&(15, "resolved", vec!["ops", "phone"])));
    stage.until("02:00");
    assert_eq!(stage.pages.len(), 3, "what is over is escalated no further");
}

#[test]
fn an_acknowledgement_stops_the_steps_and_when_it_runs_out_they_go_on() {
    let mut stage = Stage::with(vec![climbing()]);
    stage.hears("site", failure());
    stage.until("00:12");
    stage.hears("site", acknowledge("03:00"));
    stage.until("03:45");
    assert_eq!(
        said(&stage),
        [
            (0, "opened", vec!["ops"]),
            (10, "step", vec!["phone"]),
            (180, "expired", vec!["ops", "phone"]),
            (210, "step", vec!["boss", "ops"]),
        ],
        "from the second step to the third it is half an hour"
    );
    assert!(
        matches!(stage.pages[3].news, News::Escalated { step: 3, unanswered, .. } if unanswered == Span::minutes(30))
    );
}

#[test]
fn steps_that_came_due_within_a_pause_are_taken_together_at_its_end() {
    let mut stage = Stage::with(vec![climbing()]);
    stage.hears("site", failure());
    let until = Stage::at("00:50");
    stage.hears("site", Report::Pause { by: "ann".to_owned(), reason: String::new(), until });
    stage.until("00:55");
    assert_eq!(said(&stage), [(0, "opened", vec!["ops"]), (50, "step", vec!["phone", "boss", "ops"])]);
    assert!(matches!(stage.pages[1].news, News::Escalated { step: 3, of: 3, .. }));
}

#[test]
fn a_restart_between_two_steps_changes_nothing() {
    let mut stage = Stage::with(vec![climbing()]);
    stage.hears("site", failure());
    stage.until("00:05");
    stage.is_down_for("3m");
    stage.drained();
    stage.until("00:45");
    let kinds: Vec<(u64, &str)> = said(&stage).into_iter().map(|(at, word, _)| (at, word)).collect();
    assert_eq!(kinds, [(0, "opened"), (10, "step"), (40, "step")]);
}

#[test]
fn a_step_of_the_clock_neither_hastens_nor_delays_a_step() {
    let mut stage = Stage::with(vec![climbing()]);
    stage.hears("site", failure());
    stage.pass("5m");
    stage.clock_steps(7200);
    assert_eq!(stage.news("site"), ["opened"]);
    stage.pass("5m");
    assert_eq!(stage.news("site"), ["opened", "step"]);
}

#[test]
fn the_board_says_who_is_next() {
    let mut stage = Stage::with(vec![climbing(), job("other", every("1h"))]);
    stage.hears("site", failure());
    let next = |stage: &Stage| {
        let board = stage.roll.board(stage.now);
        let line = board.lines.into_iter().find(|line| line.id.name() == "site").expect("on the roll");
        line.incident.and_then(|incident| incident.next_step)
    };
    let step = next(&stage).expect("somebody");
    assert_eq!((step.step, step.of, step.at), (2, 3, Stage::at("00:10")));
    assert_eq!(step.to, [channel("phone")]);
    stage.hears("site", acknowledge("02:00"));
    assert_eq!(next(&stage), None);
}

#[test]
fn steps_that_are_configured_while_it_lasts_are_taken_at_once_if_they_are_due() {
    let mut stage = Stage::with(vec![job("site", Rhythm::OnReport)]);
    stage.hears("site", failure());
    stage.until("00:20");
    stage.replan(vec![climbing()]);
    assert_eq!(stage.news("site"), ["opened", "step"]);
    stage.replan(vec![job("site", Rhythm::OnReport)]);
    stage.hears("site", success());
    assert_eq!(names(&stage.pages[2]), ["ops", "phone"], "told means told");
}
