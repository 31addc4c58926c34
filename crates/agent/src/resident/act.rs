//! Every message that is not a signal.

use muster_core::effect::{News, Page};
use muster_core::expectation::{Expectation, Hearing, Level, Rhythm};
use muster_core::ids::{ChannelName, ExpectationId, IncidentId};
use muster_core::outbox::Delivery;
use muster_core::time::{Now, Span};
use muster_store::contract::{Commit, StoreError};
use muster_store::sqlite::Opened;
use tokio::sync::oneshot;

use super::drift::DRIFT;
use super::message::{Message, SelfReport};
use super::task::{Resident, Settings};
use crate::drift;
use crate::faults;
use crate::ledger::Found;
use crate::parts::{AgentPlan, BadConfig};

/// Where the names that were taken in are noted.
pub(super) const ADOPTED: &str = "adopted";

/// Where it is noted what timers said.
pub(super) const TIMERS: &str = "timers";

/// Failed deliveries in a row after which a channel is bad news on the others.
const CHANNEL_AFTER: u32 = 2;

fn answer(reply: oneshot::Sender<()>) {
    if reply.send(()).is_err() {
        tracing::debug!("whoever asked has gone");
    }
}

impl Resident {
    /// Whoever asked may have gone; the answer is then nobody's.
    pub(super) async fn act(&mut self, message: Message) {
        match message {
            Message::Hear { .. } | Message::Drained { .. } => {}
            Message::Looked(batch) => self.hear_looks(batch),
            Message::Peers(words) => {
                let signals = words.into_iter().map(|(about, word)| self.say(about, word));
                let signals: Vec<_> = signals.collect();
                self.own.extend(signals);
            }
            Message::Compared(all) => self.hear_comparisons(all),
            Message::Performed(done) => self.hear_performance(&done),
            Message::Host { roll: host, record } => {
                let now = self.clock.now();
                if self.adopted.find(&host, now.wall) {
                    self.note_adopted();
                    self.expect_all(now);
                }
                self.host = *host;
                if self.timers.find(&self.plan.timers, &self.host, &self.plan.zone) {
                    self.note_timers();
                    self.expect_all(now);
                }
                self.mind_drift(record.as_deref(), now);
                self.news.soon();
            }
            Message::Troubles(troubles) => {
                let now = self.clock.now();
                self.mind(troubles, now);
                self.news.soon();
            }
            Message::Reload { outcome, reply } => {
                self.reload(outcome);
                answer(reply);
            }
            Message::Test { channel, by, reply } => self.test(channel, by, reply),
            Message::OpenRuns(reply) => drop(reply.send(self.roll.open_runs())),
            Message::Issued(reply) => drop(reply.send(self.rota.issued())),
            Message::RunNow { about, by, reply } => self.run_now(about, &by, reply),
            Message::Amend { amendments, reply } => {
                self.unwritten.amendments.extend(amendments);
                self.amending.push(reply);
                self.status_news = true;
                self.news.soon();
            }
            Message::Store(reply) => drop(reply.send(self.ledger.standing(self.clock.now().uptime))),
            Message::Attempted { outcome, reply } => {
                let words = self.attempted(outcome).await;
                drop(reply.send(words));
            }
            Message::Forget { before, reply } => {
                self.unwritten.forgotten.extend(self.outbox.prune(before));
                answer(reply);
            }
            Message::Audit(reply) => drop(reply.send(self.report())),
        }
    }

    fn reload(&mut self, outcome: Result<Box<AgentPlan>, BadConfig>) {
        let now = self.clock.now();
        match outcome {
            Ok(plan) => {
                self.faults.clear(faults::CONFIG);
                self.plan = *plan;
                self.couriers.replace(&self.plan.channels);
                self.outbox.channels(self.plan.routes(), now.wall);
                self.settings.send_replace(Settings::of(&self.plan));
                self.expect_all(now);
                self.status_news = true;
                if !self.plan.timers.is_empty() {
                    self.wake_discover.notify_one();
                }
            }
            Err(bad) => {
                let what = format!("the configuration on disk is not in force: {}", bad.what);
                self.faults.raise(faults::CONFIG, what, &bad.help, now.wall);
            }
        }
    }

    /// Tells the roll call the whole plan: what is written, what was taken in, our duties and our channels.
    pub(super) fn expect_all(&mut self, now: Now) {
        let AgentPlan { expectations, notify, steps, channels, zone, .. } = &self.plan;
        let mut all = self.adopted.expectations(expectations, zone, notify);
        all.extend(self.drift.iter().map(|id| drift::expectation(id.clone(), notify)));
        all.extend(self.duties.iter().cloned().map(|duty| Expectation { notify: notify.clone(), ..duty }));
        all.iter_mut().for_each(|unwritten| unwritten.steps.clone_from(steps));
        all.extend(expectations.iter().map(|one| self.timers.resolved(one, &self.plan.timers)));
        for telling in channels {
            let Ok(about) = ExpectationId::of("channel", telling.name.as_str()) else { continue };
            let mut channel = Expectation::new(about, Rhythm::OnReport, Span::ZERO);
            channel.after = CHANNEL_AFTER;
            channel.hearing = Hearing::Direct;
            channel.severity.odd = Level::Ignore;
            // A channel cannot tell of its own failure.
            channel.notify = channels
                .iter()
                .map(|other| other.name.clone())
                .filter(|other| *other != telling.name)
                .collect();
            all.push(channel);
        }
        self.expected = all.iter().map(|one| one.id.clone()).collect();
        self.roll.expect(all, now);
        self.expect_starts(now);
        self.news.soon();
    }

    pub(super) fn is_expected(&self, about: &ExpectationId) -> bool {
        self.expected.contains(about)
    }

    pub(super) fn note_adopted(&mut self) {
        match serde_json::to_string(&self.adopted) {
            Ok(text) => self.unwritten.notes.push((ADOPTED.to_owned(), text)),
            Err(error) => tracing::error!(%error, "the names that were taken in cannot be noted"),
        }
    }

    fn note_timers(&mut self) {
        match serde_json::to_string(&self.timers) {
            Ok(text) => self.unwritten.notes.push((TIMERS.to_owned(), text)),
            Err(error) => tracing::error!(%error, "what timers said cannot be noted"),
        }
    }

    fn test(&mut self, channel: ChannelName, by: String, reply: oneshot::Sender<Option<Delivery>>) {
        let now = self.clock.now().wall;
        let names = ExpectationId::of("channel", channel.as_str())
            .and_then(|about| Ok((about, IncidentId::new(format!("test-{channel}-{}", now.millis()))?)));
        let (true, Ok((about, incident))) = (self.couriers.has(&channel), names) else {
            drop(reply.send(None));
            return;
        };
        let page = Page {
            incident,
            number: 0,
            about,
            news: News::Test { by },
            to: vec![channel.clone()],
            at: now,
            causes: Vec::new(),
            evidence: None,
        };
        self.tests.retain(|_, waiting| !waiting.is_closed());
        self.tests.insert(format!("{}/{}/{channel}", page.incident, page.number), reply);
        self.outbox.enqueue(&page, now);
    }

    /// Comes back to the disk if the attempt found it; words for the duty that watches the store.
    async fn attempted(&mut self, outcome: Result<Found, StoreError>) -> Result<String, String> {
        let now = self.clock.now();
        let Found { engine, opened } = match outcome {
            Ok(found) => found,
            Err(error) => {
                let words = error.to_string();
                self.lack_store(&error, now);
                self.ledger.still_absent(error);
                return Err(words);
            }
        };
        if self.ledger.absent().is_none() {
            return Ok("the store can be written".into());
        }
        let state = self.whole(now);
        let dropped = self.ledger.come_back(engine, state).await.map_err(|error| error.to_string())?;
        tracing::info!(dropped, "the store is back");
        self.faults.clear_store();
        if dropped > 0 {
            let what = format!("{dropped} old lines of history were given up while the store was gone");
            self.faults.raise(faults::GAVE_UP, what, "nothing to do; pages were not affected", now.wall);
        }
        self.note_opened(&opened, now);
        match opened {
            Opened::Replaced { aside, why } => {
                Err(format!("it was damaged ({why}), moved to {} and begun anew", aside.display()))
            }
            Opened::Fresh | Opened::Existing => Ok("the store is back".into()),
        }
    }

    pub(super) fn note_opened(&mut self, opened: &Opened, now: Now) {
        if let Opened::Replaced { aside, why } = opened {
            let what = format!("the history was damaged ({why}) and begun anew");
            let help = format!("the damaged file is {}; restore a copy, or remove it", aside.display());
            self.faults.raise(faults::REPLACED, what, &help, now.wall);
        }
    }

    /// Everything that a store must hold, whatever it held before.
    fn whole(&mut self, now: Now) -> Commit {
        // The plan again makes every row count as changed.
        self.expect_all(now);
        let mut rows = Vec::new();
        for (about, row) in self.roll.changed() {
            if let Some(Ok(text)) = row.as_ref().map(serde_json::to_string) {
                rows.push((about.clone(), text));
            }
            self.unwritten.rows.insert(about, row);
        }
        let notes = serde_json::to_string(&self.adopted).map(|text| vec![(ADOPTED.to_owned(), text)]);
        let mut notes = notes.unwrap_or_default();
        notes.extend(serde_json::to_string(&self.timers).map(|text| (TIMERS.to_owned(), text)));
        notes.extend(serde_json::to_string(&self.drift).map(|text| (DRIFT.to_owned(), text)));
        notes.extend(self.rota_note());
        Commit {
            rows,
            outbox: self.outbox.entries().cloned().collect(),
            notes,
            watermark: Some(self.watermark(now)),
            ..Commit::default()
        }
    }

    fn report(&self) -> SelfReport {
        let now = self.clock.now().wall;
        let late = |at: Option<muster_core::time::Timestamp>| {
            at.map(|at| now.since(at)).filter(|late| *late > Span::seconds(3))
        };
        SelfReport {
            unjudged: late(self.roll.next_deadline()),
            undispatched: late(self.outbox.next_try()),
            undelivered: self.outbox.oldest_undelivered(now),
            durable: self.ledger.absent().is_none(),
        }
    }
}
