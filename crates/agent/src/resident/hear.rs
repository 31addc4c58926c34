//! Signals in: what is known already is left out, unknown names are taken in, the rest is heard.

use std::collections::{BTreeSet, HashSet};

use muster_core::ids::{ChannelName, ExpectationId, SignalId};
use muster_core::outbox::Delivery;
use muster_core::roll_call::Answer;
use muster_core::signal::{Ending, Outcome, Report, Signal};
use muster_core::time::{Now, Timestamp};
use tokio::sync::oneshot;

use super::message::{Message, Source};
use super::task::Resident;
use crate::driver::{Ending as DutyEnding, Performance};
use crate::faults;
use crate::handle::Heard;
use crate::looks::Batch;

/// Signals of one sender, and where the answer goes.
pub(super) struct Letter {
    pub(super) signals: Vec<Signal>,
    pub(super) source: Source,
    pub(super) reply: oneshot::Sender<Heard>,
}

impl Resident {
    /// One step: everything that came is heard, silence is judged, decisions are written and carried out, senders are
    /// answered.
    pub(super) async fn step(&mut self, batch: Vec<Message>) {
        let mut letters = Vec::new();
        let mut drained = None;
        for message in batch {
            match message {
                Message::Hear { signals, source, reply } => letters.push(Letter { signals, source, reply }),
                Message::Drained { began } => drained = Some(began),
                other => self.act(other).await,
            }
        }
        let known = self.known(&letters).await;
        let now = self.clock.now();
        self.take_in(&letters, &known, now);
        let mut answers = Vec::with_capacity(letters.len());
        for Letter { signals, source: _, reply } in letters {
            let mut heard = Heard::default();
            for signal in signals {
                self.hear_one(signal, &known, now, &mut heard);
            }
            answers.push((heard, reply));
        }
        self.mind_quotas(now);
        let durable = self.conclude(drained, now).await;
        self.grant(durable);
        for (heard, reply) in answers {
            // Whoever gave up waiting is not told.
            drop(reply.send(Heard { durable, ..heard }));
        }
        self.publish(now);
        self.vitals.tick();
    }

    /// Hears what we have to say ourselves, judges silence, and settles, until nothing new comes of it.
    async fn conclude(&mut self, drained: Option<Now>, now: Now) -> bool {
        let mut drained = drained;
        loop {
            for signal in std::mem::take(&mut self.own) {
                self.hear_own(signal, now);
            }
            self.mind_the_spool(drained.take(), now);
            self.roll.tick(now);
            self.rota.tick(now);
            let durable = self.settle(now).await;
            if self.own.is_empty() {
                return durable;
            }
        }
    }

    /// Writes everything down and hands out nothing more.
    pub(super) async fn finish(&mut self) {
        let now = self.clock.now();
        self.marked = None;
        for signal in std::mem::take(&mut self.own) {
            self.hear_own(signal, now);
        }
        self.settle(now).await;
        self.publish(now);
    }

    async fn known(&self, letters: &[Letter]) -> HashSet<SignalId> {
        let spooled = letters.iter().filter(|letter| letter.source == Source::Spool);
        let ids: Vec<SignalId> =
            spooled.flat_map(|letter| letter.signals.iter().map(|signal| signal.id.clone())).collect();
        if ids.is_empty() { HashSet::new() } else { self.ledger.known(ids).await }
    }

    /// Takes in names that nobody expects, all of the step at once: each new plan costs a look at every row.
    fn take_in(&mut self, letters: &[Letter], known: &HashSet<SignalId>, now: Now) {
        let signals =
            letters.iter().flat_map(|letter| &letter.signals).filter(|one| !known.contains(&one.id));
        let mut grown = false;
        let names: BTreeSet<&ExpectationId> = signals.map(|signal| &signal.about).collect();
        let mut refreshed = false;
        for about in names {
            if self.is_expected(about) {
                refreshed |= self.adopted.refresh(about, now.wall);
            } else if self.adopted.hear(about, now.wall) {
                grown = true;
            } else if matches!(about.table(), "job" | "check") {
                self.faults.raise(
                    faults::TOO_MANY,
                    format!("{about} was heard and is not watched: too many names are unknown to the configuration"),
                    "write the ones that matter into muster.toml, and see who sends the others",
                    now.wall,
                );
            }
        }
        if grown || refreshed {
            self.note_adopted();
        }
        if grown {
            self.expect_all(now);
        }
    }

    fn hear_one(&mut self, signal: Signal, known: &HashSet<SignalId>, now: Now, heard: &mut Heard) {
        if known.contains(&signal.id) {
            heard.repeated += 1;
            return;
        }
        self.rota.hear(&signal);
        match self.roll.hear(&signal, now) {
            Answer::Heard => {
                heard.heard += 1;
                self.unwritten.signals.push(signal);
                self.news.soon();
            }
            Answer::Repeated => heard.repeated += 1,
            Answer::UnknownExpectation => heard.unknown.push(signal.about),
        }
    }

    /// Hears what looks saw. How each went is kept by itself, so none of these signals goes into the history.
    pub(super) fn hear_looks(&mut self, batch: Batch) {
        let now = self.clock.now();
        for signal in &batch.signals {
            self.roll.hear(signal, now);
            if matches!(signal.report, Report::Success(_)) {
                self.news.later();
            } else {
                self.news.soon();
            }
        }
        self.unwritten.looks.extend(batch.looks);
        self.unwritten.traces.extend(batch.traces);
    }

    /// Hears about a duty or a channel. Only a change of words goes into the history.
    fn hear_own(&mut self, signal: Signal, now: Now) {
        if self.roll.hear(&signal, now) != Answer::Heard {
            return;
        }
        let words = match &signal.report {
            Report::Failure(Outcome { ending: Ending::Reported { words }, .. }) => words.clone(),
            Report::Unseen { why } => why.clone(),
            Report::Spent { used, quota } => muster_core::words::spent(*used, *quota),
            _ => String::new(),
        };
        let before = self.last_words.insert(signal.about.clone(), words.clone());
        if before.unwrap_or_default() == words {
            self.news.later();
        } else {
            self.unwritten.signals.push(signal);
            self.news.soon();
        }
    }

    /// Silence waits for the spool after a start and after a stop: sees to it that it is read, and notices when.
    fn mind_the_spool(&mut self, drained: Option<Now>, now: Now) {
        if let Some(began) = drained {
            self.vitals.set_ready();
            self.rota.drained();
            if self.undrained.is_none_or(|since| began.uptime >= since) {
                self.undrained = None;
                if self.roll.awaits_drain() {
                    self.roll.drained(now);
                }
            }
        }
        match (self.roll.awaits_drain(), self.undrained) {
            (true, None) => {
                self.undrained = Some(now.uptime);
                self.wake_spool.notify_one();
            }
            (false, Some(_)) => self.undrained = None,
            _ => {}
        }
    }

    pub(super) fn hear_performance(&mut self, done: &Performance) {
        self.roster.note(done);
        let Ok(about) = ExpectationId::of("duty", done.name) else { return };
        let report = match &done.ending {
            DutyEnding::Done(words) => Ok(words.clone()),
            DutyEnding::Failed(words) => Err(words.clone()),
            DutyEnding::Panicked(words) => Err(format!("it panicked: {words}")),
            DutyEnding::Overran => Err(format!("it did not end within {:?}", done.took)),
        };
        let mut signal = self.say(about, report);
        if let Report::Success(outcome) | Report::Failure(outcome) = &mut signal.report {
            outcome.duration = Some(done.took.into());
        }
        self.own.push(signal);
    }

    pub(super) fn hear_delivery(&mut self, channel: &ChannelName, delivery: &Delivery, _now: Timestamp) {
        let Ok(about) = ExpectationId::of("channel", channel.as_str()) else { return };
        let report = match delivery {
            Delivery::Accepted { .. } if self.is_spent(&about) => return,
            Delivery::Accepted { receipt } => Ok(receipt.clone()),
            Delivery::Refused { why } | Delivery::NotNow { why, retry_at: _ } => Err(why.clone()),
        };
        let signal = self.say(about, report);
        self.own.push(signal);
    }

    /// A signal of our own, now.
    pub(super) fn say(&self, about: ExpectationId, report: Result<String, String>) -> Signal {
        let outcome = |words: String| Outcome::bare(Ending::Reported { words });
        let report = match report {
            Ok(words) => Report::Success(outcome(words)),
            Err(words) => Report::Failure(outcome(words)),
        };
        self.signal(about, report)
    }

    /// The same of any sort.
    pub(super) fn signal(&self, about: ExpectationId, report: Report) -> Signal {
        let at = self.clock.now().wall;
        Signal { id: muster_host::ids::signal_id(at), about, at, run: None, report }
    }
}
