//! The post office: the outbox, what of it is on disk, and receivers that refuse, hang and come back.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::effect::Page;
use crate::ids::ChannelName;
use crate::outbox::{Delivery, Entry, EntryState, Outbox, Route};
use crate::time::Timestamp;

use super::plan::channel;
use super::random::Random;

/// How the post office is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    ForgetsFailures,
    BlocksTheWatch,
    DropsEnds,
    ForgetsOnKill,
    RetriesInMemory,
    ForgetsTheFolded,
}

pub(super) struct Post {
    outbox: Outbox,
    stored: BTreeMap<String, Entry>,
    /// Keys of the pages that must arrive, with their channel.
    owed: Vec<(String, ChannelName)>,
    received: HashSet<String>,
    accepted: HashMap<String, u32>,
    down: Vec<ChannelName>,
    pub(super) crashes: u32,
    /// Messages that stood for several incidents.
    pub(super) digests: u64,
    pub(super) bug: Option<Bug>,
    /// The watch waits for a receiver that hangs until then.
    pub(super) blocked: bool,
}

fn routes() -> Vec<Route> {
    vec![
        Route { name: channel("ops"), fallback: Some(channel("phone")), quota: None },
        Route { name: channel("chat"), fallback: None, quota: Some(20) },
        Route { name: channel("phone"), fallback: None, quota: None },
    ]
}

impl Post {
    pub(super) fn new(bug: Option<Bug>) -> Self {
        Self {
            outbox: Outbox::new(routes()),
            stored: BTreeMap::new(),
            owed: Vec::new(),
            received: HashSet::new(),
            accepted: HashMap::new(),
            down: Vec::new(),
            crashes: 0,
            digests: 0,
            bug,
            blocked: false,
        }
    }

    /// A page that was committed, in the same transaction.
    pub(super) fn enqueue(&mut self, page: &Page, now: Timestamp) {
        for channel in &page.to {
            self.owed.push((format!("{}/{}/{channel}", page.incident, page.number), channel.clone()));
        }
        self.outbox.enqueue(page, now);
    }

    pub(super) fn commit(&mut self) {
        for entry in self.outbox.changes() {
            if self.bug == Some(Bug::RetriesInMemory) && !entry.is_settled() {
                continue;
            }
            self.stored.insert(entry.key(), entry);
        }
    }

    /// kill -9: what was not committed is gone.
    pub(super) fn crash(&mut self) {
        self.crashes += 1;
        let entries = match self.bug {
            Some(Bug::ForgetsOnKill) => Vec::new(),
            _ => self.stored.values().cloned().collect(),
        };
        self.outbox = Outbox::restore(entries, routes());
    }

    /// A receiver breaks or comes back.
    pub(super) fn flip(&mut self, random: &mut Random) {
        let name = channel(["ops", "chat", "phone"][random.index(3)]);
        match self.down.iter().position(|down| *down == name) {
            Some(place) => {
                self.down.remove(place);
            }
            None => self.down.push(name),
        }
    }

    pub(super) fn next_try(&self) -> Option<Timestamp> {
        self.outbox.next_try()
    }

    /// Sends what is due. Sometimes the agent is killed between the acceptance and the commit: then true.
    pub(super) fn send(&mut self, now: Timestamp, random: &mut Random) -> Result<bool, String> {
        self.blocked = false;
        for dispatch in self.outbox.due(now) {
            let works = !self.down.contains(&dispatch.entry.channel);
            if works {
                let times = self.accepted.entry(dispatch.key.clone()).or_insert(0);
                *times += 1;
                if *times > self.crashes + 1 {
                    return Err(format!("{} was delivered {times} times", dispatch.key));
                }
                self.received.insert(dispatch.entry.key());
                if self.bug != Some(Bug::ForgetsTheFolded) {
                    self.received.extend(dispatch.folded.iter().map(Entry::key));
                }
                self.digests += u64::from(dispatch.entry.digest);
                if random.chance(5) {
                    return Ok(true);
                }
                self.outbox.report(&dispatch.key, Delivery::Accepted { receipt: "ok".to_owned() }, now);
                continue;
            }
            self.blocked |= self.bug == Some(Bug::BlocksTheWatch);
            let forget = match self.bug {
                Some(Bug::ForgetsFailures) => true,
                Some(Bug::DropsEnds) => dispatch.entry.page.news.is_end(),
                Some(
                    Bug::BlocksTheWatch | Bug::ForgetsOnKill | Bug::RetriesInMemory | Bug::ForgetsTheFolded,
                )
                | None => false,
            };
            let delivery = if forget {
                Delivery::Accepted { receipt: "logged and forgotten".to_owned() }
            } else {
                Delivery::NotNow { why: "connection refused".to_owned(), retry_at: None }
            };
            self.outbox.report(&dispatch.key, delivery, now);
        }
        Ok(false)
    }

    /// Every receiver works again and there is time enough: everything owed must be there.
    pub(super) fn settle(&mut self, mut now: Timestamp, random: &mut Random) -> Result<(), String> {
        self.down.clear();
        for _ in 0..200_000 {
            let Some(next) = self.outbox.next_try() else { break };
            now = now.max(next);
            if self.send(now, random)? {
                self.crash();
            }
            self.commit();
        }
        let folded: HashSet<String> = self
            .outbox
            .entries()
            .filter(|entry| matches!(entry.state, EntryState::Folded { .. }))
            .map(Entry::key)
            .collect();
        for (key, _) in &self.owed {
            if !self.received.contains(key) {
                let how = if folded.contains(key) { " (folded)" } else { "" };
                return Err(format!("page {key} never arrived{how}"));
            }
        }
        Ok(())
    }
}
