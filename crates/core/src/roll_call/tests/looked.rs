//! What the agent itself looks at.

use super::scene::{Stage, every, id, job, span, success};
use crate::effect::{Condition, Verdict};
use crate::expectation::{Expectation, Hearing, Level, Rhythm};
use crate::signal::{Ending, Outcome, Report};
use crate::time::Span;

fn looked(name: &str) -> Expectation {
    let mut spec = job(name, every("20s"));
    spec.start_within = span("10s");
    spec.hearing = Hearing::Looked;
    (spec.after, spec.recover) = (3, 2);
    spec
}

fn unseen() -> Report {
    Report::Unseen { why: "the secret is not there".to_owned() }
}

fn failed(level: Option<Level>) -> Report {
    let outcome = Outcome::bare(Ending::Reported { words: "503".to_owned() });
    Report::Failure(Outcome { level, ..outcome })
}

/// One look every twenty seconds.
fn looks(stage: &mut Stage, times: usize, report: &Report) {
    for _ in 0..times {
        stage.pass("20s");
        stage.hears("site", report.clone());
    }
}

#[test]
fn three_bad_looks_page_once_and_two_good_ones_end_it() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 3, &success());
    looks(&mut stage, 2, &failed(None));
    assert_eq!((stage.word("site"), stage.pages.len()), ("pending", 0));
    looks(&mut stage, 5, &failed(None));
    looks(&mut stage, 1, &success());
    assert_eq!(stage.news("site"), ["opened"]);
    looks(&mut stage, 1, &success());
    assert_eq!(stage.news("site"), ["opened", "resolved"]);
    assert_eq!(stage.verdicts("site"), [Verdict::Ok; 0], "the rounds close its slots");
}

#[test]
fn what_nobody_could_see_is_unknown_then_news_and_never_ok() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 3, &success());
    looks(&mut stage, 1, &unseen());
    assert_eq!(stage.word("site"), "unknown");
    assert!(stage.pages.is_empty());
    looks(&mut stage, 1, &unseen());
    assert_eq!(stage.news("site"), ["opened"]);
    looks(&mut stage, 2, &success());
    assert_eq!(stage.news("site"), ["opened", "resolved"]);
}

#[test]
fn a_blind_look_between_two_bad_ones_forgets_none_of_them() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 2, &failed(None));
    looks(&mut stage, 1, &unseen());
    looks(&mut stage, 1, &failed(None));
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn nobody_looking_is_an_alarm() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 3, &success());
    stage.pass("2m");
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn lesser_assertions_warn_and_page_nobody() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 5, &failed(Some(Level::Warn)));
    assert!(matches!(stage.condition("site"), Condition::Firing { level: Level::Warn, .. }));
    assert!(stage.pages.is_empty());
    looks(&mut stage, 3, &failed(None));
    assert_eq!(stage.news("site"), ["opened"]);
    let mut quiet = looked("site");
    quiet.severity.failed = Level::Warn;
    let mut stage = Stage::with(vec![quiet]);
    looks(&mut stage, 5, &failed(Some(Level::Page)));
    assert!(stage.pages.is_empty(), "an assertion is never louder than its check");
}

#[test]
fn a_state_that_the_next_look_would_make_again_is_not_stored_at_each() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 2, &success());
    assert_eq!(stage.roll.changed().len(), 1);
    let mut stored = 0;
    for _ in 0..60 {
        looks(&mut stage, 1, &success());
        stored += stage.roll.changed().len();
    }
    assert!((1..=5).contains(&stored), "{stored} times in twenty minutes");
    looks(&mut stage, 1, &failed(None));
    assert_eq!(stage.roll.changed().len(), 1, "bad news is stored at once");
}

#[test]
fn after_a_restart_silence_counts_from_then_on() {
    let mut stage = Stage::with(vec![looked("site")]);
    looks(&mut stage, 2, &success());
    stage.is_down_for("2h");
    stage.drained();
    stage.pass("15s");
    assert!(stage.pages.is_empty());
    looks(&mut stage, 3, &success());
    assert_eq!((stage.pages.len(), stage.word("site")), (0, "ok"));
    stage.is_down_for("2h");
    stage.drained();
    stage.pass("3m");
    assert_eq!(stage.news("site"), ["opened"], "nobody looks any more");
}

#[test]
fn checks_do_not_wait_for_the_way_out_and_are_held_back_once_it_is_lost() {
    let mut way_out = job("way-out", Rhythm::OnReport);
    way_out.hearing = Hearing::Looked;
    way_out.start_within = Span::ZERO;
    let mut site = looked("site");
    site.parents = vec![id("way-out")];
    let mut stage = Stage::with(vec![way_out.clone(), site.clone()]);
    looks(&mut stage, 3, &failed(None));
    assert_eq!(stage.news("site"), ["opened"], "nobody waits for it");
    let mut stage = Stage::with(vec![way_out, site]);
    looks(&mut stage, 2, &failed(None));
    stage.hears("way-out", failed(None));
    looks(&mut stage, 10, &failed(None));
    assert_eq!((stage.news("site"), stage.news("way-out")), (vec![], vec!["opened"]));
    assert_eq!(stage.word("site"), "firing");
    stage.hears("way-out", success());
    looks(&mut stage, 3, &success());
    assert_eq!((stage.news("site"), stage.news("way-out")), (vec![], vec!["opened", "resolved"]));
}
