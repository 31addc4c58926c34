//! Secrets that others can read.

pub(super) mod env_readable;
pub(super) mod env_tracked;
pub(super) mod told;
pub(super) mod unwritable;

use super::answer::Answer;
use crate::facts::Facts;
use crate::facts::projects::{Projects, SettingsFile};

/// Judges the folders of projects, and passes on what could not be read.
fn projects(facts: &Facts, judge: impl FnOnce(&Projects, &mut Answer)) -> Answer {
    Answer::of(&facts.projects, |projects, answer| {
        for (what, why) in &projects.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(projects, answer);
    })
}

/// The names of the secrets in a file, the first few.
fn named(file: &SettingsFile) -> String {
    let shown = file.secrets.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match file.secrets.len() {
        0..=3 => shown,
        more => format!("{shown} and {} more", more - 3),
    }
}
