//! Traps in the configuration of databases, and in how they are copied.

pub(super) mod deaf_dump;
pub(super) mod no_reset;
pub(super) mod pool_too_large;
pub(super) mod sqlite_copied;
pub(super) mod unread_reset;
pub(super) mod waits_forever;

use super::answer::{Answer, Place};
use crate::facts::Facts;
use crate::facts::database::{Backups, Databases, Setting};

/// Judges the configuration of databases, and passes on what could not be read.
fn databases(facts: &Facts, judge: impl FnOnce(&Databases, &mut Answer)) -> Answer {
    Answer::of(&facts.databases, |databases, answer| {
        for (what, why) in &databases.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(databases, answer);
    })
}

/// Judges what scripts copy and dump, and passes on what could not be read.
fn backups(facts: &Facts, judge: impl FnOnce(&Backups, &mut Answer)) -> Answer {
    Answer::of(&facts.backups, |backups, answer| {
        for (what, why) in &backups.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(backups, answer);
    })
}

/// Where a setting stands.
fn place(setting: &Setting) -> Place {
    Place::line(&setting.file, setting.line, format!("{} = {}", setting.name, setting.value))
}
