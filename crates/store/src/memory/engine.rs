//! The contract over what is held.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_core::effect::{SlotClosed, Transition, Verdict};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::look::{Look, Tally, Trace};
use muster_core::notice::{Notice, NoticeId};
use muster_core::outbox::Entry;
use muster_core::signal::Signal;
use muster_core::time::Timestamp;

use super::held::Held;
use crate::brief::{BRIEF_LIMIT, Brief, GAP_LIMIT};
use crate::contract::{Commit, DayTally, Health, Loaded, NOTICE_LIMIT, Store, StoreError};
use crate::credential::Credential;
use crate::history::{Cursor, Listed, PAGE_LIMIT, Run, SLOT_LIMIT, count};
use crate::keep::{Keep, Pruned};
use crate::looks;
use crate::mailing::Mailing;

/// Everything in memory.
#[derive(Default)]
pub struct Memory(Mutex<Held>);

impl Memory {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// All that it holds, as one commit for an engine that lasts, and how many items had to be given up for room.
    pub fn held(&self) -> (Commit, u64) {
        let held = self.lock();
        let commit = Commit {
            signals: held.signals.iter().map(|(_, signal)| signal.clone()).collect(),
            rows: held.rows.iter().map(|(about, state)| (about.clone(), state.clone())).collect(),
            removed: held.removed.iter().cloned().collect(),
            transitions: held.transitions.iter().map(|(_, transition)| transition.clone()).collect(),
            slots: held.slots.values().cloned().collect(),
            outbox: held.outbox.values().map(|(_, entry)| entry.clone()).collect(),
            forgotten: held.forgotten.iter().cloned().collect(),
            notes: held.notes.clone().into_iter().collect(),
            looks: held.watched.looks(),
            traces: held.watched.traces(),
            amendments: held.amendments.iter().cloned().collect(),
            watermark: held.watermark.clone(),
        };
        (commit, held.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn page<'a, T: Clone + 'a>(
    items: impl Iterator<Item = (i64, &'a T)>,
    time: impl Fn(&T) -> Timestamp,
    before: Option<Cursor>,
    limit: usize,
) -> Listed<T> {
    let limit = limit.clamp(1, PAGE_LIMIT);
    let mut all: Vec<(Cursor, &T)> = items
        .map(|(seq, item)| (Cursor { at: time(item), seq }, item))
        .filter(|(cursor, _)| before.is_none_or(|before| *cursor < before))
        .collect();
    all.sort_by_key(|(cursor, _)| std::cmp::Reverse(*cursor));
    let more = all.len() > limit;
    all.truncate(limit);
    let next = all.last().map(|(cursor, _)| *cursor).filter(|_| more);
    Listed { items: all.into_iter().map(|(_, item)| item.clone()).collect(), next }
}

fn matches_about(about: Option<&ExpectationId>, own: &ExpectationId) -> bool {
    about.is_none_or(|about| about == own)
}

impl Mailing for Memory {}

impl Store for Memory {
    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let Commit {
            signals,
            rows,
            removed,
            transitions,
            slots,
            outbox,
            forgotten,
            notes,
            looks,
            traces,
            amendments,
            watermark,
        } = commit;
        let mut held = self.lock();
        for signal in signals {
            held.hear(signal);
        }
        for (about, state) in rows {
            held.removed.remove(&about);
            held.rows.insert(about, state);
        }
        for about in removed {
            held.rows.remove(&about);
            held.removed.insert(about);
        }
        for transition in transitions {
            let seq = held.next();
            held.transitions.push_back((seq, transition));
        }
        for slot in slots {
            held.slots.entry((slot.about.clone(), slot.due)).or_insert(slot);
        }
        for entry in outbox {
            let key = entry.key();
            let seq = held.outbox.get(&key).map(|(seq, _)| *seq);
            let seq = seq.unwrap_or_else(|| held.next());
            held.forgotten.remove(&key);
            held.outbox.insert(key, (seq, entry));
        }
        held.forgotten.extend(forgotten);
        held.notes.extend(notes);
        held.watched.see(looks);
        held.watched.note(&traces);
        for (id, amendment) in amendments {
            held.amend(id, amendment);
        }
        if watermark.is_some() {
            held.watermark = watermark;
        }
        held.bound();
        Ok(())
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        let held = self.lock();
        let mut live: Vec<_> = held
            .outbox
            .iter()
            .filter(|(key, _)| !held.forgotten.contains(*key))
            .map(|(_, (seq, entry))| ((entry.queued, *seq), entry.clone()))
            .collect();
        live.sort_by_key(|(order, _)| *order);
        Ok(Loaded {
            rows: held.rows.iter().map(|(about, state)| (about.clone(), state.clone())).collect(),
            outbox: live.into_iter().map(|(_, entry)| entry).collect(),
            notes: held.notes.clone(),
            watermark: held.watermark.clone(),
            unreadable: Vec::new(),
        })
    }

    fn known(&self, ids: &[SignalId]) -> Result<HashSet<SignalId>, StoreError> {
        let held = self.lock();
        Ok(ids.iter().filter(|id| held.known.contains(*id)).cloned().collect())
    }

    fn transitions(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Transition>, StoreError> {
        let held = self.lock();
        let items = held.transitions.iter().filter(|(_, item)| matches_about(about, &item.about));
        Ok(page(items.map(|(seq, item)| (*seq, item)), |item| item.at, before, limit))
    }

    fn runs(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Run>, StoreError> {
        let held = self.lock();
        let items = held.runs.iter().filter(|(_, item)| matches_about(about, &item.about));
        Ok(page(items.map(|(seq, item)| (*seq, item)), |item| item.started, before, limit))
    }

    fn run(&self, about: &ExpectationId, id: &RunId) -> Result<Option<Run>, StoreError> {
        let held = self.lock();
        Ok(held.runs.iter().find(|(_, run)| run.about == *about && run.id == *id).map(|(_, run)| run.clone()))
    }

    fn open_runs(&self) -> Result<Vec<Run>, StoreError> {
        let held = self.lock();
        let mut open: Vec<_> = held.runs.iter().filter(|(_, run)| run.is_open()).collect();
        open.sort_by_key(|(seq, run)| (run.started, *seq));
        Ok(open.into_iter().take(PAGE_LIMIT).map(|(_, run)| run.clone()).collect())
    }

    fn slots(&self, about: &ExpectationId, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
        let held = self.lock();
        let mut slots: Vec<_> =
            held.slots.values().filter(|slot| slot.about == *about && slot.due >= since).cloned().collect();
        let surplus = slots.len().saturating_sub(SLOT_LIMIT);
        slots.drain(..surplus);
        Ok(slots)
    }

    fn slot_days(
        &self,
        about: &ExpectationId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Tally)>, StoreError> {
        let from = looks::day_start(looks::day(since));
        let held = self.lock();
        let mut days: BTreeMap<i64, Tally> = BTreeMap::new();
        for slot in held.slots.values().filter(|slot| slot.about == *about && slot.due >= from) {
            count(days.entry(looks::day(slot.due)).or_default(), slot.verdict, 1);
        }
        Ok(days.into_iter().map(|(day, tally)| (looks::day_start(day), tally)).collect())
    }

    fn notices(&self, since: Timestamp) -> Result<Vec<Notice>, StoreError> {
        let held = self.lock();
        let wanted = |notice: &&Notice| notice.ended.is_none_or(|ended| ended >= since);
        let mut all: Vec<Notice> = held.notices.values().filter(wanted).cloned().collect();
        all.sort_by(|a, b| (b.began, &b.id).cmp(&(a.began, &a.id)));
        all.truncate(NOTICE_LIMIT);
        Ok(all)
    }

    fn notice(&self, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
        Ok(self.lock().notices.get(id).cloned())
    }

    fn briefs(
        &self,
        about: Option<&ExpectationId>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Brief>, StoreError> {
        let held = self.lock();
        let wanted = |run: &Run| matches_about(about, &run.about) && run.started >= since;
        let mut runs: Vec<_> = held.runs.iter().filter(|(_, run)| wanted(run)).collect();
        runs.sort_by_key(|(seq, run)| std::cmp::Reverse((run.started, *seq)));
        Ok(runs.into_iter().take(limit.min(BRIEF_LIMIT)).map(|(_, run)| Brief::of(run)).collect())
    }

    fn gaps(&self, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
        let held = self.lock();
        let is_gap = |slot: &&SlotClosed| {
            slot.due >= since && matches!(slot.verdict, Verdict::Missed | Verdict::Unknown)
        };
        let mut gaps: Vec<_> = held.slots.values().filter(is_gap).cloned().collect();
        gaps.sort_by_key(|slot| std::cmp::Reverse(slot.due));
        gaps.truncate(GAP_LIMIT);
        Ok(gaps)
    }

    fn signals(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Signal>, StoreError> {
        let held = self.lock();
        let items = held.signals.iter().filter(|(_, item)| matches_about(about, &item.about));
        Ok(page(items.map(|(seq, item)| (*seq, item)), |item| item.at, before, limit))
    }

    fn looks(&self, about: &ExpectationId, since: Timestamp, limit: usize) -> Result<Vec<Look>, StoreError> {
        Ok(self.lock().watched.looks_of(about, since, limit))
    }

    fn tallies(&self, about: Option<&ExpectationId>, since: Timestamp) -> Result<Vec<DayTally>, StoreError> {
        Ok(self.lock().watched.tallies(about, since))
    }

    fn last_slots(&self) -> Result<BTreeMap<ExpectationId, Timestamp>, StoreError> {
        Ok(self.lock().watched.last_slots())
    }

    fn traces(&self, about: &ExpectationId, limit: usize) -> Result<Vec<Trace>, StoreError> {
        Ok(self.lock().watched.traces_of(about, limit))
    }

    fn deliveries(&self, before: Option<Cursor>, limit: usize) -> Result<Listed<Entry>, StoreError> {
        let held = self.lock();
        Ok(page(held.outbox.values().map(|(seq, item)| (*seq, item)), |item| item.queued, before, limit))
    }

    fn put_credential(&self, credential: &Credential) -> Result<(), StoreError> {
        self.lock().credentials.insert(credential.digest.clone(), credential.clone());
        Ok(())
    }

    fn credential(&self, digest: &str) -> Result<Option<Credential>, StoreError> {
        Ok(self.lock().credentials.get(digest).cloned())
    }

    fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        let mut all: Vec<_> = self.lock().credentials.values().cloned().collect();
        all.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.digest.cmp(&b.digest)));
        all.truncate(PAGE_LIMIT);
        Ok(all)
    }

    fn spend_credential(&self, digest: &str, now: Timestamp) -> Result<Option<Credential>, StoreError> {
        let mut held = self.lock();
        Ok(held.credentials.get_mut(digest).filter(|it| it.used.is_none() && !it.is_expired(now)).map(|it| {
            it.used = Some(now);
            it.clone()
        }))
    }

    fn drop_credential(&self, digest: &str) -> Result<bool, StoreError> {
        Ok(self.lock().credentials.remove(digest).is_some())
    }

    fn prune(&self, keep: &Keep, now: Timestamp) -> Result<Pruned, StoreError> {
        let before = self.size()?;
        let mut held = self.lock();
        let cutoff = now - keep.age;
        let count = |held: &Held| {
            held.signals.len()
                + held.runs.len()
                + held.transitions.len()
                + held.slots.len()
                + held.outbox.len()
                + held.credentials.len()
                + held.notices.len()
                + held.watched.rows()
        };
        let rows = count(&held);
        let Held {
            signals, known, runs, transitions, slots, outbox, forgotten, credentials, notices, ..
        } = &mut *held;
        signals.retain(|(_, signal)| signal.at >= cutoff || !known.remove(&signal.id));
        runs.retain(|(_, run)| run.is_open() || run.started >= cutoff);
        let mut last: BTreeMap<ExpectationId, (Timestamp, i64)> = BTreeMap::new();
        for (seq, item) in transitions.iter() {
            let place = last.entry(item.about.clone()).or_insert((item.at, *seq));
            *place = (*place).max((item.at, *seq));
        }
        transitions
            .retain(|(seq, item)| item.at >= cutoff || last.get(&item.about) == Some(&(item.at, *seq)));
        slots.retain(|(_, due), _| *due >= cutoff);
        outbox.retain(|key, (_, entry)| entry.queued >= cutoff || !forgotten.remove(key));
        credentials.retain(|_, credential| !credential.is_expired(now));
        notices.retain(|_, notice| notice.ended.is_none_or(|ended| ended >= cutoff));
        held.watched.prune(keep, now);
        let gone = rows - count(&held);
        drop(held);
        Ok(Pruned { rows: gone as u64, before, after: self.size()?, more: false })
    }

    fn size(&self) -> Result<u64, StoreError> {
        let held = self.lock();
        // An estimate: what counts here is that it is bounded.
        let rows: usize = held.rows.values().map(String::len).sum();
        let items = held.signals.len()
            + held.runs.len()
            + held.transitions.len()
            + held.slots.len()
            + held.outbox.len();
        Ok((rows + items * 512) as u64 + held.watched.size())
    }

    fn health(&self) -> Health {
        Health {
            engine: "memory".into(),
            durable: false,
            fault: Some("history is kept in memory and ends with the process".into()),
            bytes: self.size().unwrap_or(0),
            unreadable: Vec::new(),
        }
    }
}
