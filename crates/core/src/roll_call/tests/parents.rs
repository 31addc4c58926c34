//! Pages held back in favour of a parent.

use super::scene::{Stage, every, failure, id, job, span, success};
use crate::effect::Cause;
use crate::expectation::Level;
use crate::signal::Report;

fn family() -> Stage {
    let host = job("host", every("5m"));
    let mut child = job("child", every("4m"));
    child.parents = vec![id("host")];
    child.start_within = span("1h");
    let mut stage = Stage::with(vec![host, child]);
    stage.hears("host", success());
    stage.hears("child", success());
    stage.pass("1s");
    stage
}

#[test]
fn while_the_parent_fires_only_the_parent_is_told_about() {
    let mut stage = family();
    stage.hears("host", failure());
    stage.hears("child", failure());
    stage.pass("30m");
    assert_eq!(stage.word("child"), "firing", "suppression hides a page, never a check");
    assert_eq!(stage.roll.board(stage.now).lines[0].suppressed_by, Some(id("host")));
    assert_eq!((stage.news("host"), stage.news("child")), (vec!["opened"], vec![]));
}

#[test]
fn a_child_that_fires_first_waits_a_minute_for_its_parent() {
    let mut stage = family();
    stage.hears("child", failure());
    stage.pass("50s");
    stage.hears("host", failure());
    stage.pass("20m");
    assert!(stage.news("child").is_empty());
    let mut stage = family();
    stage.hears("child", failure());
    stage.pass("59s");
    assert!(stage.news("child").is_empty());
    stage.pass("1s");
    assert_eq!(stage.news("child"), ["opened"]);
}

#[test]
fn a_child_still_bad_one_interval_after_its_parent_came_back_is_told() {
    let mut stage = family();
    stage.hears("host", failure());
    stage.hears("child", failure());
    stage.pass("1m");
    stage.hears("host", success());
    stage.pass("3m");
    assert!(stage.news("child").is_empty());
    stage.pass("1m");
    assert_eq!(stage.news("child"), ["opened"]);
}

#[test]
fn a_child_that_comes_back_with_its_parent_is_told_to_nobody() {
    let mut stage = family();
    stage.hears("host", failure());
    stage.hears("child", failure());
    stage.pass("1m");
    stage.hears("host", success());
    stage.pass("1m");
    stage.hears("child", success());
    stage.pass("3m");
    assert!(stage.news("child").is_empty());
}

#[test]
fn the_end_of_a_childs_incident_is_told_while_the_parent_fires() {
    let mut stage = family();
    stage.hears("child", failure());
    stage.pass("2m");
    stage.hears("host", failure());
    stage.hears("child", success());
    assert_eq!(stage.news("child"), ["opened", "resolved"]);
}

#[test]
fn a_parent_that_is_new_paused_or_only_warned_about_suppresses_nobody() {
    let mut child = job("child", every("1h"));
    child.parents = vec![id("host")];
    let mut stage = Stage::with(vec![job("host", every("1h")), child.clone()]);
    stage.hears("child", failure());
    assert_eq!(stage.news("child"), ["opened"], "new");

    let mut host = job("host", every("1h"));
    host.severity.failed = Level::Warn;
    let mut stage = Stage::with(vec![host, child.clone()]);
    stage.hears("host", failure());
    stage.hears("child", failure());
    assert_eq!(stage.news("child"), ["opened"], "warn");

    let mut stage = Stage::with(vec![job("host", every("1h")), child]);
    let until = Stage::at("20:00");
    stage.hears("host", Report::Pause { by: "ann".to_owned(), reason: String::new(), until });
    stage.hears("host", failure());
    stage.hears("child", failure());
    assert_eq!(stage.news("child"), ["opened"], "paused");
}

#[test]
fn parents_in_a_circle_hold_nothing_back() {
    let (mut one, mut two) = (job("one", every("1h")), job("two", every("1h")));
    one.parents = vec![id("two")];
    two.parents = vec![id("one")];
    let mut stage = Stage::with(vec![one, two]);
    stage.hears("one", failure());
    stage.hears("two", failure());
    assert_eq!((stage.news("one"), stage.news("two")), (vec!["opened"], vec!["opened"]));
}

#[test]
fn removing_the_parent_sets_the_childs_page_free() {
    let mut stage = family();
    stage.hears("host", failure());
    stage.hears("child", failure());
    let mut child = job("child", every("4m"));
    child.start_within = span("1h");
    stage.replan(vec![child]);
    assert_eq!(stage.news("child"), ["opened"]);
    assert_eq!(stage.news("host"), ["opened", "withdrawn"]);
}

/// A child of two, and the two.
fn two_parents() -> Stage {
    let mut child = job("child", every("4m"));
    child.parents = vec![id("host"), id("uplink")];
    child.start_within = span("1h");
    let mut stage = Stage::with(vec![job("host", every("5m")), job("uplink", every("5m")), child]);
    for name in ["host", "uplink", "child"] {
        stage.hears(name, success());
    }
    stage.pass("1s");
    stage
}

#[test]
fn any_of_several_parents_holds_pages_back_until_all_are_back() {
    let mut stage = two_parents();
    stage.hears("uplink", failure());
    stage.hears("child", failure());
    assert_eq!(stage.roll.board(stage.now).lines[0].suppressed_by, Some(id("uplink")));
    stage.pass("1m");
    stage.hears("host", failure());
    stage.hears("uplink", success());
    stage.pass("4m");
    assert!(stage.news("child").is_empty(), "one of them is still down");
    stage.hears("host", success());
    stage.hears("uplink", success());
    stage.pass("3m");
    assert!(stage.news("child").is_empty(), "it has its time to come back");
    stage.pass("1m");
    assert_eq!(stage.news("child"), ["opened"]);
}

#[test]
fn of_several_parents_one_that_is_new_or_unknown_suppresses_nobody() {
    let mut child = job("child", every("1h"));
    child.parents = vec![id("host"), id("uplink"), id("nobody")];
    let mut stage = Stage::with(vec![job("host", every("1h")), job("uplink", every("1h")), child]);
    stage.hears("child", failure());
    assert_eq!(stage.news("child"), ["opened"]);
}

#[test]
fn the_parent_that_held_a_page_back_is_its_cause() {
    let mut stage = two_parents();
    stage.hears("uplink", failure());
    stage.hears("child", failure());
    stage.pass("2m");
    stage.hears("uplink", success());
    stage.pass("4m");
    let told = stage.pages.iter().find(|page| page.about == id("child")).expect("told");
    assert_eq!(told.causes, [Cause::Parent(id("uplink"))]);
    stage.hears("child", success());
    assert_eq!(stage.pages.last().expect("told").causes, [Cause::Parent(id("uplink"))], "of its end as well");

    let mut stage = two_parents();
    stage.hears("child", failure());
    stage.pass("2m");
    let told = stage.pages.iter().find(|page| page.about == id("child")).expect("told");
    assert!(told.causes.is_empty(), "both are well");
}

#[test]
fn a_circle_is_cut_and_the_rest_of_a_family_is_not() {
    let names = ["aunt", "child", "one", "two"];
    let mut plan: Vec<_> = names.iter().map(|name| job(name, every("1h"))).collect();
    plan[1].parents = vec![id("aunt"), id("one")];
    plan[2].parents = vec![id("two")];
    plan[3].parents = vec![id("one"), id("aunt")];
    let specs: Vec<_> = plan.iter().collect();
    assert_eq!(crate::roll_call::parent::lineage(&specs), [vec![], vec![0, 2], vec![], vec![0]]);
}
