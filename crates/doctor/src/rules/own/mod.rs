//! Traps in what muster itself is told: jobs that prove nothing, checks that only see life, a watchman whom nobody watches.

pub(super) mod changed_tools;
pub(super) mod life_only;
pub(super) mod overlapping;
pub(super) mod unproven;
pub(super) mod unwatched;

use std::collections::BTreeMap;

use super::answer::{Answer, Place};
use crate::facts::own::{Check, Heard, Job, Own, Shows};
use crate::facts::{Fact, Facts};

/// Judges what muster is told here.
fn own(facts: &Facts, judge: impl FnOnce(&Own, &mut Answer)) -> Answer {
    Answer::of(&facts.own, judge)
}

/// Judges each job by what was heard of it, and passes on that nobody could ask.
fn each_heard(facts: &Facts, mut judge: impl FnMut(&Own, &Job, &Heard, &mut Answer)) -> Answer {
    own(facts, |own, answer| {
        match &own.ledger {
            Fact::Unknown { why } if !own.jobs.is_empty() => answer.blind(why.clone()),
            Fact::Nothing { why } => answer.nothing = Some(why.clone()),
            _ => {}
        }
        for job in &own.jobs {
            if let Some(heard) = own.heard(&job.id) {
                judge(own, job, heard, answer);
            }
        }
    })
}

/// Where a job is declared.
fn declared(own: &Own, job: &Job) -> Place {
    match job.line {
        Some(line) => {
            let table = format!("[{}]", job.id);
            Place::line(&own.file, line, table)
        }
        None => Place::of(&own.file),
    }
}

/// The first few names of many.
fn named(names: &[&str]) -> String {
    let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=5 => shown,
        more => format!("{shown} and {} more", more - 5),
    }
}

/// A fixture's muster that is watched, with nothing on its roll.
fn told(facts: &mut Facts, tell: impl FnOnce(&mut Own)) {
    let mut own = Own {
        file: "/etc/muster/muster.toml".to_owned(),
        jobs: Vec::new(),
        checks: Vec::new(),
        heartbeats: 0,
        channels: Vec::new(),
        beat: true,
        peers: Vec::new(),
        ledger: Fact::Known(BTreeMap::new()),
    };
    tell(&mut own);
    facts.own = Fact::Known(own);
}

/// A fixture's nightly job that says what it leaves behind.
fn job(name: &str) -> Job {
    Job {
        id: format!("job.{name}"),
        line: Some(3),
        rhythm: "0 2 * * * (UTC)".to_owned(),
        period: Some(86_400),
        due: None,
        overlaps: false,
        expects: true,
        timeout: None,
        tools: Vec::new(),
    }
}

/// A fixture's check.
fn check(name: &str, kind: &str, shows: Shows) -> Check {
    Check { id: format!("check.{name}"), kind: kind.to_owned(), shows }
}

/// Puts what was heard into a fixture's ledger.
fn hear(own: &mut Own, id: &str, heard: Heard) {
    if let Fact::Known(ledger) = &mut own.ledger {
        ledger.insert(id.to_owned(), heard);
    }
}
