//! Decisions out: pages into the outbox, everything into one transaction, and only then to the couriers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::effect::{Effect, Verdict};
use muster_core::ids::ExpectationId;
use muster_core::time::{Now, Span};
use muster_store::contract::{Commit, StoreError, Watermark};

use super::task::{Resident, Unwritten};
use crate::ledger::Written;

/// The longest that rows which say nothing new wait to be written.
const QUIET: Duration = Duration::from_secs(60);

/// How far the note of when we last looked may lag behind. After a crash the blind interval begins that much earlier.
const MARK: Span = Span::seconds(1);

/// True for what muster says itself: of itself, of its like, and of what was accepted; all the time, and all the same.
fn is_own(about: &ExpectationId) -> bool {
    matches!(about.table(), "duty" | "channel" | "peer" | "drift")
}

impl Resident {
    /// Writes what must not wait and hands out pages; true if everything that was heard is on disk.
    pub(super) async fn settle(&mut self, now: Now) -> bool {
        self.collect(now);
        let starts = self.note_rota();
        self.write(now).await;
        if starts {
            // Stored, or in memory if that is all there is: a full disk stops no job.
            self.wake_start.notify_one();
        }
        let dispatches = self.outbox.due(now.wall);
        for dispatch in dispatches {
            self.couriers.send(dispatch);
        }
        self.ledger.absent().is_none()
    }

    /// Takes over what the roll call decided and changed.
    fn collect(&mut self, now: Now) {
        for effect in self.roll.drain() {
            match effect {
                Effect::Page(page) => {
                    tracing::info!(incident = %page.incident, about = %page.about, number = page.number, "page");
                    self.outbox.enqueue(&page, now.wall);
                    self.unwritten.loud = true;
                    self.news.at_once();
                }
                Effect::Transition(transition) => {
                    self.status_news |= !is_own(&transition.about);
                    self.unwritten.transitions.push(transition);
                    self.unwritten.loud = true;
                }
                // Thousands a day, all the same: what a duty did not do is the news.
                Effect::Slot(slot) if is_own(&slot.about) && slot.verdict == Verdict::Ok => {}
                Effect::Slot(slot) => {
                    self.unwritten.slots.push(slot);
                    self.unwritten.loud = true;
                }
            }
            self.news.soon();
        }
        for (about, row) in self.roll.changed() {
            // Also what only time brought about must be seen: that a maintenance began, or a pause ended.
            self.news.later();
            self.unwritten.loud |= row.is_none() || !is_own(&about);
            self.unwritten.rows.insert(about, row);
        }
    }

    async fn write(&mut self, now: Now) {
        let entries = self.outbox.changes();
        let Unwritten {
            signals,
            transitions: _,
            slots: _,
            looks,
            traces: _,
            amendments,
            rows,
            forgotten,
            notes,
            loud,
            since,
        } = &mut self.unwritten;
        *loud |= !entries.is_empty()
            || !looks.is_empty()
            || !signals.is_empty()
            || !forgotten.is_empty()
            || !amendments.is_empty()
            || !notes.is_empty();
        if !rows.is_empty() && since.is_none() {
            *since = Some(Instant::now());
        }
        if !*loud && since.is_none_or(|since| since.elapsed() < QUIET) {
            return;
        }
        let Unwritten {
            signals, transitions, slots, looks, traces, amendments, rows, forgotten, notes, ..
        } = std::mem::take(&mut self.unwritten);
        let mut commit = Commit {
            signals,
            transitions,
            slots,
            looks,
            traces,
            amendments,
            outbox: entries,
            forgotten,
            notes,
            watermark: self.is_mark_old(now).then(|| self.watermark(now)),
            ..Commit::default()
        };
        if commit.watermark.is_some() {
            self.marked = Some(now);
        }
        for (about, row) in rows {
            match row.map(|row| serde_json::to_string(&row)) {
                None => commit.removed.push(about),
                Some(Ok(text)) => commit.rows.push((about, text)),
                Some(Err(error)) => tracing::error!(%about, %error, "a row cannot be written"),
            }
        }
        if commit.rows.is_empty()
            && commit == (Commit { watermark: commit.watermark.clone(), ..Commit::default() })
        {
            return;
        }
        let was_absent = self.ledger.absent().is_some();
        if let Written::InMemory(error) = self.ledger.write(commit, now.uptime).await
            && !was_absent
        {
            self.lose_store(&error, now);
        }
    }

    /// A page less to write for each heartbeat.
    fn is_mark_old(&self, now: Now) -> bool {
        // A clock that was set is noted at once.
        self.marked.is_none_or(|mark| {
            now.uptime - mark.uptime >= MARK || now.wall.since(mark.wall) >= MARK || now.wall < mark.wall
        })
    }

    pub(super) fn watermark(&self, now: Now) -> Watermark {
        Watermark { wall: now.wall, uptime: now.uptime, boot: self.boot.clone() }
    }

    /// The store is gone from here on: says so on every page, and to people.
    pub(super) fn lose_store(&mut self, error: &StoreError, now: Now) {
        tracing::error!(%error, "the store is gone; going on in memory");
        self.lack_store(error, now);
        if let Ok(about) = ExpectationId::of("duty", "store") {
            let signal = self.say(about, Err(error.to_string()));
            self.own.push(signal);
        }
        Arc::clone(&self.wake_store).notify_one();
    }
    /// Shows why the store is gone; an earlier reason makes way.
    pub(super) fn lack_store(&mut self, error: &StoreError, now: Now) {
        let what = format!("{error}; history is kept in memory until it is back");
        self.faults.lack_store(error, what, now.wall);
    }
}
