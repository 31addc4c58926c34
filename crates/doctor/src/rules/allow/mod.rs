//! Traps in what was allowed: a note that nobody reads, one that is over, one that hides nothing.

pub(super) mod over;
pub(super) mod unread;
pub(super) mod unused;

use super::answer::{Answer, Finding, Place};
use crate::facts::Facts;
use crate::facts::files::Note;

/// Judges each note; a host without any has nothing to judge.
fn each(facts: &Facts, mut judge: impl FnMut(&Note) -> Option<String>) -> Answer {
    if facts.notes.is_empty() {
        return Answer::nothing("nothing was allowed");
    }
    let mut answer = Answer::default();
    for note in &facts.notes {
        if let Some(observed) = judge(note) {
            let place = Place::line(&note.file, note.line, format!("muster: allow {}", note.text));
            answer.find(Finding::new(format!("{}: {}", note.file, note.text), place, observed));
        }
    }
    answer
}
