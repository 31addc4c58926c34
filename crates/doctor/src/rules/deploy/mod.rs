//! Traps in what was put on a host to run there.

pub(super) mod dirty;
pub(super) mod old_library;
pub(super) mod old_program;
pub(super) mod other_modules;
pub(super) mod unchecked;

use super::answer::Answer;
use crate::facts::deploys::{Deploys, Replaced};
use crate::facts::{Fact, Facts};

/// Judges what was deployed, and passes on what could not be read and that the rule is about.
fn deploys(facts: &Facts, about: fn(&str) -> bool, judge: impl FnOnce(&Deploys, &mut Answer)) -> Answer {
    Answer::of(&facts.deploys, |deploys, answer| {
        for (what, why) in deploys.unseen.iter().filter(|(what, _)| about(what)) {
            answer.blind(format!("{what}: {why}"));
        }
        judge(deploys, answer);
    })
}

/// Judges processes whose code was replaced.
fn replaced(facts: &Facts, judge: impl FnOnce(&[Replaced], &mut Answer)) -> Answer {
    Answer::of(&facts.deploys, |deploys, answer| match &deploys.replaced {
        Fact::Known(replaced) => judge(replaced, answer),
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { why } => answer.nothing = Some(why.clone()),
    })
}

/// A process of a fixture, whose program was replaced so many hours ago.
fn tell(facts: &mut Facts, name: &str, path: &str, hours: i64, change: impl FnOnce(&mut Replaced)) {
    let mut replaced = Replaced {
        pid: 812,
        name: name.to_owned(),
        group: format!("/system.slice/{name}.service"),
        path: path.to_owned(),
        library: false,
        removed: Some(facts.at.shifted(-hours * 3_600_000)),
        is_there: true,
        of_package: path.starts_with("/usr/"),
    };
    change(&mut replaced);
    if let Fact::Known(deploys) = &mut facts.deploys {
        deploys.replaced = Fact::Known(vec![replaced]);
    }
}
