//! Channels that took as many messages within a day as they take.

use super::scene::{Stage, direct, failure, job, success};
use crate::effect::{News, Reason};
use crate::expectation::{Expectation, Rhythm};
use crate::signal::Report;

fn channel() -> Expectation {
    let mut spec = direct(job("phone", Rhythm::OnReport));
    spec.after = 2;
    spec
}

#[test]
fn a_spent_quota_is_told_at_once_and_once_and_so_is_its_end() {
    let mut stage = Stage::with(vec![channel()]);
    stage.hears("phone", success());
    stage.hears("phone", Report::Spent { used: 250, quota: 250 });
    assert_eq!(stage.news("phone"), ["opened"], "no second one is waited for");
    let News::Opened { reason, .. } = &stage.pages[0].news else { panic!("{:?}", stage.pages) };
    assert_eq!(*reason, Reason::Spent { used: 250, quota: 250 });
    stage.pass("10m");
    stage.hears("phone", Report::Spent { used: 251, quota: 250 });
    assert_eq!(stage.news("phone"), ["opened"]);
    stage.hears("phone", success());
    assert_eq!(stage.news("phone"), ["opened", "resolved"]);
}

#[test]
fn what_does_not_work_at_all_is_the_worse_news() {
    let mut stage = Stage::with(vec![channel()]);
    stage.hears("phone", Report::Spent { used: 250, quota: 250 });
    stage.hears("phone", failure());
    let stands = stage.condition("phone");
    assert!(format!("{stands:?}").contains("Failed"), "{stands:?}");
}
