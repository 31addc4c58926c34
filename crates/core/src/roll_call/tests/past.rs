//! Bad verdicts that are counted among several and not in a row.

use super::scene::{Stage, direct, every, failure, job, success};
use crate::effect::{Condition, News, Reason};
use crate::expectation::{Expectation, Hearing, Rhythm};
use crate::signal::Report;

fn three_of_five() -> Expectation {
    let mut spec = job("site", Rhythm::OnReport);
    (spec.after, spec.of, spec.recover) = (3, Some(5), 2);
    spec.hearing = Hearing::Looked;
    spec
}

fn hears(stage: &mut Stage, word: &str) {
    for letter in word.chars() {
        stage.pass("10s");
        stage.hears(
            "site",
            match letter {
                'b' => failure(),
                'g' => success(),
                _ => Report::Unseen { why: "the name could not be asked for".to_owned() },
            },
        );
    }
}

#[test]
fn three_bad_ones_of_the_last_five_are_told() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "ggbgb");
    assert_eq!((stage.word("site"), stage.pages.len()), ("pending", 0));
    hears(&mut stage, "b");
    assert_eq!(stage.news("site"), ["opened"]);
    let News::Opened { since, reason } = stage.pages[0].news.clone() else { panic!("{:?}", stage.pages) };
    assert_eq!(reason, Reason::Often { bad: 3, of: 5, hearing: Hearing::Looked });
    assert_eq!(since, Stage::at("00:00:30"), "the first of the bad ones");
}

#[test]
fn bad_ones_that_lie_too_far_apart_are_told_to_nobody() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "bggbggbggbggbgg");
    assert!(stage.pages.is_empty());
    assert_eq!(stage.word("site"), "pending", "one of the last five was bad");
    hears(&mut stage, "ggg");
    assert_eq!(stage.word("site"), "ok");
}

#[test]
fn all_of_the_last_ones_are_so_many_in_a_row() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "bbb");
    assert!(matches!(&stage.pages[0].news, News::Opened { reason: Reason::Failed { times: 3 }, .. }));
}

#[test]
fn what_nobody_saw_counts_for_nothing_and_pushes_nothing_out() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "bg?bg?");
    assert_eq!(stage.word("site"), "unknown");
    hears(&mut stage, "b");
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn it_ends_after_good_ones_in_a_row_and_begins_to_count_anew() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "bbbgbg");
    assert_eq!(stage.word("site"), "firing", "not two in a row");
    hears(&mut stage, "g");
    assert_eq!(stage.news("site"), ["opened", "resolved"]);
    hears(&mut stage, "bb");
    assert_eq!((stage.word("site"), stage.pages.len()), ("pending", 2));
    hears(&mut stage, "b");
    assert_eq!(stage.news("site"), ["opened", "resolved", "opened"]);
}

#[test]
fn the_count_survives_a_restart() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "bgb");
    stage.is_down_for("5s");
    stage.drained();
    hears(&mut stage, "b");
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn silence_is_bad_news_that_counts_as_well() {
    let mut spec = direct(job("site", every("1h")));
    (spec.after, spec.of) = (2, Some(4));
    let mut stage = Stage::with(vec![spec]);
    stage.until("00:30");
    stage.hears("site", success());
    stage.until("01:40");
    assert_eq!((stage.word("site"), stage.pages.len()), ("pending", 0));
    stage.hears("site", success());
    stage.until("02:40");
    assert!(stage.pages.is_empty());
    stage.until("02:50");
    assert_eq!(stage.news("site"), ["opened"]);
}

#[test]
fn fewer_that_are_needed_count_at_once() {
    let mut stage = Stage::with(vec![three_of_five()]);
    hears(&mut stage, "bgb");
    let mut changed = three_of_five();
    changed.after = 2;
    stage.replan(vec![changed]);
    assert_eq!(stage.news("site"), ["opened"]);
    let mut in_a_row = three_of_five();
    in_a_row.of = None;
    stage.replan(vec![in_a_row]);
    assert!(matches!(stage.condition("site"), Condition::Firing { .. }), "it goes on as it is");
}
