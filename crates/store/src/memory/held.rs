//! What is held, and how it stays bounded.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use muster_core::effect::{SlotClosed, Transition};
use muster_core::ids::{ExpectationId, SignalId};
use muster_core::notice::{Amendment, Notice, NoticeId};
use muster_core::outbox::Entry;
use muster_core::signal::Signal;
use muster_core::time::Timestamp;

use super::watched::Watched;
use crate::contract::Watermark;
use crate::credential::Credential;
use crate::history::{Run, Subject, follow, subject};

/// Most items of each kind of history; the oldest go first. Rows of the roll and waiting pages are not bounded here:
/// the first are as many as there are expectations, the second are promises.
const HELD: usize = 4000;

/// All of it.
#[derive(Default, Clone)]
pub(super) struct Held {
    pub(super) seq: i64,
    pub(super) rows: BTreeMap<ExpectationId, String>,
    pub(super) removed: BTreeSet<ExpectationId>,
    pub(super) signals: VecDeque<(i64, Signal)>,
    pub(super) known: HashSet<SignalId>,
    pub(super) runs: VecDeque<(i64, Run)>,
    pub(super) transitions: VecDeque<(i64, Transition)>,
    pub(super) slots: BTreeMap<(ExpectationId, Timestamp), SlotClosed>,
    pub(super) outbox: BTreeMap<String, (i64, Entry)>,
    pub(super) forgotten: BTreeSet<String>,
    pub(super) credentials: BTreeMap<String, Credential>,
    pub(super) notes: BTreeMap<String, String>,
    pub(super) notices: BTreeMap<NoticeId, Notice>,
    /// What happened to notices, also to those that only the disk knows.
    pub(super) amendments: VecDeque<(NoticeId, Amendment)>,
    pub(super) watermark: Option<Watermark>,
    pub(super) watched: Watched,
    pub(super) dropped: u64,
}

impl Held {
    pub(super) fn next(&mut self) -> i64 {
        self.seq += 1;
        self.seq
    }

    pub(super) fn hear(&mut self, signal: Signal) {
        if !self.known.insert(signal.id.clone()) {
            return;
        }
        let place = match subject(&signal) {
            Subject::Named(id) => {
                Some(self.runs.iter().position(|(_, run)| run.about == signal.about && run.id == id))
            }
            Subject::NewestAnonymous => Some(self.newest_anonymous(&signal.about)),
            Subject::New => Some(None),
            Subject::None => None,
        };
        if let Some(place) = place {
            let existing = place.and_then(|place| self.runs.get(place)).map(|(_, run)| run.clone());
            match (follow(existing, &signal), place.and_then(|place| self.runs.get_mut(place))) {
                (Some(changed), Some((_, run))) => *run = changed,
                (Some(changed), None) => {
                    let seq = self.next();
                    self.runs.push_back((seq, changed));
                }
                (None, _) => {}
            }
        }
        let seq = self.next();
        self.signals.push_back((seq, signal));
    }

    fn newest_anonymous(&self, about: &ExpectationId) -> Option<usize> {
        self.runs
            .iter()
            .enumerate()
            .filter(|(_, (_, run))| run.about == *about && run.anonymous && run.is_open())
            .max_by_key(|(_, (seq, run))| (run.started, *seq))
            .map(|(place, _)| place)
    }

    pub(super) fn amend(&mut self, id: NoticeId, amendment: Amendment) {
        let before = self.notices.remove(&id);
        if let Some(after) = Notice::amended(before, &id, &amendment) {
            self.notices.insert(id.clone(), after);
        }
        self.amendments.push_back((id, amendment));
    }

    pub(super) fn bound(&mut self) {
        while self.signals.len() > HELD {
            if let Some((_, signal)) = self.signals.pop_front() {
                self.known.remove(&signal.id);
                self.dropped += 1;
            }
        }
        while self.runs.len() > HELD {
            let Some(place) = self.runs.iter().position(|(_, run)| !run.is_open()) else { break };
            self.dropped += u64::from(self.runs.remove(place).is_some());
        }
        while self.transitions.len() > HELD {
            self.dropped += u64::from(self.transitions.pop_front().is_some());
        }
        while self.slots.len() > HELD {
            let oldest = self.slots.keys().min_by_key(|(_, due)| *due).cloned();
            self.dropped += u64::from(oldest.and_then(|key| self.slots.remove(&key)).is_some());
        }
        while self.outbox.len() > HELD {
            let finished = self
                .outbox
                .iter()
                .filter(|(key, _)| self.forgotten.contains(*key))
                .min_by_key(|(_, (seq, _))| *seq)
                .map(|(key, _)| key.clone());
            let Some(key) = finished else { break };
            self.dropped += u64::from(self.outbox.remove(&key).is_some());
        }
        while self.amendments.len() > HELD {
            self.dropped += u64::from(self.amendments.pop_front().is_some());
        }
        self.dropped += self.watched.bound();
    }
}
