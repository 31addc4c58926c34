//! Planned times in which pages are held back.

use super::scene::{Stage, every, failure, id, job, span, success};
use crate::expectation::{Expectation, Rhythm};
use crate::maintenance::{Maintenance, Spell};
use crate::schedule::Schedule;
use crate::signal::Report;
use crate::time::Timestamp;

/// Every day from three to five.
fn nightly() -> Spell {
    Spell::Recurrent { schedule: Schedule::parse("0 3 * * *", "UTC").expect("valid"), lasts: span("2h") }
}

fn maintained(mut spec: Expectation, spells: Vec<Spell>) -> Expectation {
    spec.maintenance = Maintenance::new(spells).expect("it ends");
    spec
}

fn site() -> Expectation {
    maintained(job("site", Rhythm::OnReport), vec![nightly()])
}

/// Until when the board says that it is in maintenance.
fn shown(stage: &Stage, name: &str) -> Option<Timestamp> {
    let board = stage.roll.board(stage.now);
    board.lines.into_iter().find(|line| line.id == id(name)).expect("on the roll").maintenance
}

#[test]
fn what_is_still_bad_at_the_end_is_told_then() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("03:00");
    assert_eq!(shown(&stage, "site"), Some(Stage::at("05:00")));
    stage.hears("site", failure());
    assert_eq!(stage.word("site"), "firing", "it is still watched");
    stage.until("04:59:59");
    assert!(stage.pages.is_empty());
    stage.until("05:00");
    assert_eq!(stage.news("site"), ["opened"]);
    assert_eq!(shown(&stage, "site"), None);
}

#[test]
fn what_began_and_ended_within_it_is_told_to_nobody() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("03:10");
    stage.hears("site", failure());
    stage.until("04:00");
    stage.hears("site", success());
    stage.until("06:00");
    assert!(stage.pages.is_empty());
}

#[test]
fn the_end_of_what_was_told_before_is_told_within_it() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("02:50");
    stage.hears("site", failure());
    stage.until("03:10");
    stage.hears("site", success());
    assert_eq!(stage.news("site"), ["opened", "resolved"]);
}

#[test]
fn reminders_that_came_due_within_it_are_one_at_its_end() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("02:30");
    stage.hears("site", failure());
    stage.until("04:59:59");
    assert_eq!(stage.news("site"), ["opened"]);
    stage.until("05:10");
    assert_eq!(stage.news("site"), ["opened", "reminder"]);
}

#[test]
fn its_beginning_and_its_end_are_deadlines() {
    let mut stage = Stage::with(vec![site()]);
    assert_eq!(stage.roll.next_deadline(), Some(Stage::at("03:00")));
    stage.until("03:00");
    assert_eq!(stage.roll.next_deadline(), Some(Stage::at("05:00")));
}

#[test]
fn it_ends_while_nobody_is_there() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("03:10");
    stage.hears("site", failure());
    stage.is_down_for("3h");
    stage.drained();
    assert_eq!(stage.news("site"), ["opened"]);

    let mut stage = Stage::with(vec![site()]);
    stage.until("02:50");
    stage.is_down_for("30m");
    stage.drained();
    stage.hears("site", failure());
    assert!(stage.pages.is_empty(), "it began while nobody was there");
    stage.until("05:00");
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn it_goes_by_the_clock_on_the_wall_also_when_that_is_set() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("03:10");
    stage.hears("site", failure());
    stage.clock_steps(2 * 3600);
    assert_eq!(stage.news("site"), ["opened"], "the clock shows ten past five");
    stage.clock_steps(-3600);
    assert_eq!(shown(&stage, "site"), Some(Stage::at("05:00")), "and ten past four again");
    stage.pass("1h");
    assert_eq!(stage.news("site"), ["opened", "reminder"]);
}

#[test]
fn the_later_end_of_a_pause_and_a_maintenance_counts() {
    let pause = |until: &str| Report::Pause {
        by: "ann".to_owned(),
        reason: "upgrade".to_owned(),
        until: Stage::at(until),
    };
    for (until, told) in [("04:00", "05:00"), ("06:00", "06:00")] {
        let mut stage = Stage::with(vec![site()]);
        stage.until("03:10");
        stage.hears("site", failure());
        stage.hears("site", pause(until));
        stage.until("07:00");
        assert_eq!(stage.pages.first().map(|page| page.at), Some(Stage::at(told)));
    }
}

#[test]
fn a_parent_in_maintenance_suppresses_nobody_and_does_again_at_its_end() {
    let host = maintained(job("host", Rhythm::OnReport), vec![nightly()]);
    let mut child = job("child", every("4m"));
    child.parents = vec![id("host")];
    child.start_within = span("9h");
    let mut stage = Stage::with(vec![host, child]);
    stage.until("02:30");
    stage.hears("host", failure());
    stage.hears("child", failure());
    stage.until("02:59:59");
    assert_eq!((stage.news("host"), stage.news("child")), (vec!["opened"], vec![]));
    stage.until("03:05");
    assert_eq!(stage.news("child"), ["opened"]);
    stage.hears("child", success());
    stage.until("05:00");
    stage.hears("child", failure());
    stage.until("05:30");
    assert_eq!(stage.news("child"), ["opened", "resolved"], "the host fires again");
}

#[test]
fn a_clock_that_is_set_into_the_maintenance_of_a_parent_delays_nobody() {
    let host = maintained(job("host", Rhythm::OnReport), vec![nightly()]);
    let mut child = job("job", every("4m"));
    child.parents = vec![id("host")];
    child.start_within = span("9h");
    let mut stage = Stage::with(vec![host, child]);
    stage.until("02:30");
    stage.hears("host", failure());
    stage.hears("job", failure());
    stage.clock_steps(3600);
    stage.pass("4m");
    assert_eq!(stage.news("job"), ["opened"], "after its time to come back, and not an hour later");
}

#[test]
fn a_plan_that_is_changed_counts_at_once() {
    let mut stage = Stage::with(vec![site()]);
    stage.until("03:10");
    stage.hears("site", failure());
    stage.replan(vec![job("site", Rhythm::OnReport)]);
    assert_eq!(stage.news("site"), ["opened"]);
}
