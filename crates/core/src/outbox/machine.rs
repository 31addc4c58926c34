//! The outbox as its owner sees it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entry::{Delivery, Dispatch, Entry, EntryState, Health, Route, key};
use super::lane::{Id, InFlight, LONGEST_WISH, LOST_AFTER, Lane, PATIENCE, back_off};
use crate::effect::Page;
use crate::ids::{ChannelName, IncidentId};
use crate::time::{Span, Timestamp};

/// All pages on their way to people.
///
/// Its owner calls [`Outbox::enqueue`] for each page, [`Outbox::due`] whenever [`Outbox::next_try`] has come, hands
/// each [`Dispatch`] to its channel, and [`Outbox::report`]s the answer. After each of these it stores
/// [`Outbox::changes`]. Channels do not wait for each other; each has at most one entry in flight. Time is wall time: a
/// clock set back shortens waits, a clock set forward by a minute counts what is in flight as lost.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    pub(super) routes: Vec<Route>,
    pub(super) lanes: BTreeMap<ChannelName, Lane>,
    pub(super) entries: BTreeMap<Id, Entry>,
    pub(super) incidents: HashMap<IncidentId, Vec<Id>>,
    /// Folded entry to the entry that tells it, and back.
    pub(super) told_by: HashMap<Id, Id>,
    pub(super) tells: HashMap<Id, Vec<Id>>,
    pub(super) changed: BTreeSet<Id>,
    keys: HashMap<String, Id>,
    next_id: Id,
    clock: Timestamp,
}

impl Outbox {
    /// An empty outbox.
    pub fn new(channels: Vec<Route>) -> Self {
        Self { routes: channels, ..Self::default() }
    }

    /// The outbox as it was stored: every entry that was not pruned, in any order. What was in flight waits again.
    pub fn restore(mut entries: Vec<Entry>, channels: Vec<Route>) -> Self {
        entries.sort_by(|a, b| {
            (a.queued, &a.page.incident, a.page.number).cmp(&(b.queued, &b.page.incident, b.page.number))
        });
        let mut outbox = Self::new(channels);
        for entry in entries {
            outbox.lead_again(entry);
        }
        let folded: Vec<(Id, Id)> = outbox
            .entries
            .iter()
            .filter_map(|(id, entry)| match &entry.state {
                EntryState::Folded { into, .. } => Some((*id, *outbox.keys.get(into)?)),
                _ => None,
            })
            .collect();
        for (id, into) in folded {
            outbox.told_by.insert(id, into);
            outbox.tells.entry(into).or_default().push(id);
        }
        outbox.clock = outbox.entries.values().map(|entry| entry.queued).max().unwrap_or_default();
        let open: Vec<Id> = outbox.lanes.values().flat_map(|lane| lane.waiting.iter().copied()).collect();
        for id in open {
            // What was in flight stood alone until its fate was known; now it waits like the rest.
            if outbox.waits(id) {
                outbox.fold_again(id, outbox.clock);
            }
            outbox.keep(id);
            for part in outbox.parts(id) {
                outbox.keep(part);
            }
        }
        outbox
    }

    /// Replaces the channels, after the configuration changed. What waits for a channel that is gone is refused there
    /// and passed on.
    pub fn channels(&mut self, channels: Vec<Route>, now: Timestamp) {
        self.routes = channels;
        self.advance(now);
    }

    /// Puts a page in, once for each channel it goes to; the second time changes nothing. The end of an incident also
    /// goes to every channel that was told of it as a fallback.
    pub fn enqueue(&mut self, page: &Page, now: Timestamp) {
        self.notice(now);
        let mut targets: Vec<(ChannelName, Option<ChannelName>)> =
            page.to.iter().map(|channel| (channel.clone(), None)).collect();
        if page.news.is_end() {
            for id in self.incidents.get(&page.incident).into_iter().flatten() {
                let (Some(entry), Some(carrier)) =
                    (self.entries.get(id), self.entries.get(&self.carrier(*id)))
                else {
                    continue;
                };
                let heard = !matches!(carrier.state, EntryState::Refused { .. });
                if heard && carrier.channel == entry.channel && !page.to.contains(&entry.channel) {
                    targets.push((entry.channel.clone(), entry.fallback_for.clone()));
                }
            }
        }
        for (channel, fallback_for) in targets {
            self.insert(page, &channel, fallback_for, now);
        }
        self.advance(now);
    }

    /// Hands out what is to be sent now and counts it as in flight. What is not reported on within a minute is handed
    /// out again.
    pub fn due(&mut self, now: Timestamp) -> Vec<Dispatch> {
        self.notice(now);
        let lost: Vec<Id> = self
            .lanes
            .values()
            .filter_map(|lane| lane.in_flight.filter(|flight| flight.until <= now).map(|flight| flight.id))
            .collect();
        for id in lost {
            let why = format!("no word from the delivery within {LOST_AFTER}");
            self.conclude(id, Delivery::NotNow { why, retry_at: None }, now);
        }
        self.advance(now);
        let mut dispatches = Vec::new();
        let ready: Vec<Id> = self.routes.iter().filter_map(|route| self.head(&route.name, now)).collect();
        for id in ready {
            self.decide_late(id);
            let Some(entry) = self.entries.get(&id).cloned() else { continue };
            if let Some(lane) = self.lanes.get_mut(&entry.channel) {
                lane.waiting.remove(&id);
                lane.in_flight = Some(InFlight { id, until: now + LOST_AFTER });
            }
            let folded =
                self.parts(id).into_iter().filter_map(|part| self.entries.get(&part).cloned()).collect();
            dispatches.push(Dispatch { key: self.dispatch_key(id, &entry), entry, folded });
        }
        dispatches
    }

    /// Takes the answer to the [`Dispatch`] of this key. An answer that comes too late still counts if it says that
    /// the same message was accepted; any other is ignored.
    pub fn report(&mut self, dispatch_key: &str, delivery: Delivery, now: Timestamp) {
        self.notice(now);
        let plain = dispatch_key.split_once('+').map_or(dispatch_key, |(plain, _)| plain);
        let Some(id) = self.keys.get(plain).copied() else { return };
        let Some(entry) = self.entries.get(&id) else { return };
        let in_flight = self
            .lanes
            .get(&entry.channel)
            .is_some_and(|lane| lane.in_flight.is_some_and(|flight| flight.id == id));
        let accepted_late = !matches!(entry.state, EntryState::Delivered { .. })
            && matches!(delivery, Delivery::Accepted { .. })
            && self.dispatch_key(id, entry) == dispatch_key;
        if in_flight || accepted_late {
            self.unfold(id);
            self.conclude(id, delivery, now);
            // Whoever heard of it when it was thought untold must hear the end too.
            self.insert_end(id, now);
        }
        self.advance(now);
    }

    /// When [`Outbox::due`] has something to do next; none while everything is settled.
    pub fn next_try(&self) -> Option<Timestamp> {
        let lanes = self.routes.iter().filter_map(|route| {
            let lane = self.lanes.get(&route.name)?;
            let sending = match lane.in_flight {
                Some(flight) => Some(flight.until),
                None => lane
                    .waiting
                    .iter()
                    .filter_map(|id| self.next_try_of(*id))
                    .min()
                    .map(|at| at.max(lane.not_before)),
            };
            let passing = route
                .fallback
                .as_ref()
                .and_then(|_| lane.kept.iter().filter_map(|id| self.released(*id)).min())
                .map(|at| at + PATIENCE);
            sending.into_iter().chain(passing).min()
        });
        lanes.min()
    }

    /// The entries that changed since the last call, to be written in one transaction with the state that changed
    /// them.
    pub fn changes(&mut self) -> Vec<Entry> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().filter_map(|id| self.entries.get(id).cloned()).collect()
    }

    /// Age of the oldest page that nobody has been told on any channel so far; none if there is none. A digest that is
    /// held back until the storm is over does not count before then.
    pub fn oldest_undelivered(&self, now: Timestamp) -> Option<Span> {
        let open = self.lanes.values().flat_map(Lane::open);
        let pages = open.flat_map(|id| std::iter::once(id).chain(self.parts(id)));
        pages
            .filter(|id| !self.is_told_elsewhere(*id))
            .filter_map(|id| self.released(id))
            .filter(|at| *at <= now)
            .min()
            .map(|at| now.since(at))
    }

    /// How each configured channel stands.
    pub fn health(&self) -> Vec<Health> {
        let idle = Lane::default();
        self.routes
            .iter()
            .map(|route| {
                let lane = self.lanes.get(&route.name).unwrap_or(&idle);
                let queued = lane.open().filter_map(|id| self.entries.get(&id)).map(|entry| entry.queued);
                Health {
                    channel: route.name.clone(),
                    failures: lane.failures,
                    failing_since: lane.failing_since,
                    last_error: lane.last_error.clone(),
                    waiting: lane.open().count(),
                    oldest: queued.min(),
                }
            })
            .collect()
    }

    /// Every entry it still knows.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Forgets what was settled before `before` and is not needed to know who must hear the end of an incident.
    /// Returns the keys of what may be deleted from the store.
    pub fn prune(&mut self, before: Timestamp) -> Vec<String> {
        let gone: Vec<Id> =
            self.incidents.keys().flat_map(|incident| self.forgettable(incident, before)).collect();
        let keys: Vec<String> = gone.into_iter().filter_map(|id| self.forget(id)).map(|e| e.key()).collect();
        for key in &keys {
            self.keys.remove(key);
        }
        let entries = &self.entries;
        self.incidents.retain(|_, ids| {
            ids.retain(|id| entries.contains_key(id));
            !ids.is_empty()
        });
        keys
    }

    /// Puts one entry in unless it is there already, or this channel has heard the end of the incident.
    pub(super) fn insert(
        &mut self,
        page: &Page,
        channel: &ChannelName,
        fallback_for: Option<ChannelName>,
        now: Timestamp,
    ) {
        let over =
            fallback_for.is_some() && !page.news.is_end() && self.has_heard_the_end(&page.incident, channel);
        if over || self.keys.contains_key(&key(page, channel)) {
            return;
        }
        let id = self.admit(Entry {
            page: page.clone(),
            channel: channel.clone(),
            fallback_for,
            late: false,
            digest: false,
            gathered: None,
            state: EntryState::Waiting { next_try: now },
            attempts: 0,
            last_error: None,
            queued: now,
        });
        self.keep(id);
        self.changed.insert(id);
        let Some(lane) = self.lanes.get_mut(channel) else { return };
        let storm = lane.storms(now);
        self.fold_incident(channel, &page.incident, now);
        self.place(id, storm, now);
    }

    pub(super) fn admit(&mut self, entry: Entry) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        let lane = self.lanes.entry(entry.channel.clone()).or_default();
        if !entry.is_settled() {
            lane.waiting.insert(id);
        }
        lane.take_up(&entry);
        self.keys.insert(entry.key(), id);
        self.incidents.entry(entry.page.incident.clone()).or_default().push(id);
        self.entries.insert(id, entry);
        id
    }

    /// The waiting entry that this channel sends next, if it may send now.
    fn head(&self, channel: &ChannelName, now: Timestamp) -> Option<Id> {
        let lane = self.lanes.get(channel)?;
        if lane.in_flight.is_some() || lane.not_before > now {
            return None;
        }
        let ready = lane.waiting.iter().filter_map(|id| Some((self.next_try_of(*id)?, *id)));
        ready.filter(|(at, _)| *at <= now).min().map(|(_, id)| id)
    }

    fn conclude(&mut self, id: Id, delivery: Delivery, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(lane) = self.lanes.get_mut(&entry.channel) else { return };
        lane.in_flight.take_if(|flight| flight.id == id);
        lane.waiting.remove(&id);
        entry.attempts = entry.attempts.saturating_add(1);
        self.changed.insert(id);
        match delivery {
            Delivery::Accepted { receipt } => {
                entry.state = EntryState::Delivered { at: now, receipt };
                lane.took(entry, now);
                let channel = entry.channel.clone();
                let was_broken = lane.is_broken();
                lane.worked();
                if was_broken {
                    self.hurry(&channel, now);
                }
                self.release_fallbacks(id, now);
            }
            Delivery::Refused { why } => {
                lane.failed(&why, now);
                entry.last_error = Some(why.clone());
                entry.state = EntryState::Refused { at: now, why };
                self.pass_on_all(id, now);
            }
            Delivery::NotNow { why, retry_at } => {
                lane.failed(&why, now);
                let wish = retry_at.unwrap_or(now).min(now + LONGEST_WISH);
                lane.not_before = (now + back_off(lane.failures)).max(wish);
                let next_try = (now + back_off(entry.attempts)).max(wish);
                entry.state = EntryState::Waiting { next_try };
                entry.last_error = Some(why);
                lane.waiting.insert(id);
                self.fold_again(id, now);
            }
        }
    }

    /// A channel that works again sends what waits without sitting out the pauses of its failures.
    fn hurry(&mut self, channel: &ChannelName, now: Timestamp) {
        let waiting = self.lanes.get(channel).map(|lane| lane.waiting.clone()).unwrap_or_default();
        for id in waiting {
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.attempts > 0
            {
                entry.state = EntryState::Waiting { next_try: now };
                self.changed.insert(id);
            }
        }
    }

    /// Runs whatever time alone brings about.
    fn advance(&mut self, now: Timestamp) {
        self.notice(now);
        self.fold_old(now);
        self.refuse_orphans(now);
        self.pass_on(now);
    }

    /// A wall clock that was set back must not turn a minute's wait into hours.
    fn notice(&mut self, now: Timestamp) {
        if now < self.clock {
            let limit = now + back_off(u32::MAX);
            for lane in self.lanes.values_mut() {
                lane.not_before = lane.not_before.min(limit);
                lane.sent.iter_mut().chain(&mut lane.digested).for_each(|at| *at = (*at).min(now));
                if let Some(flight) = &mut lane.in_flight {
                    flight.until = flight.until.min(now + LOST_AFTER);
                }
            }
            for (id, entry) in &mut self.entries {
                if let EntryState::Waiting { next_try } = entry.state {
                    entry.state = EntryState::Waiting { next_try: next_try.min(limit) };
                    entry.queued = entry.queued.min(now);
                    self.changed.insert(*id);
                }
            }
        }
        self.clock = now;
    }

    fn dispatch_key(&self, id: Id, entry: &Entry) -> String {
        let plain = entry.key();
        if entry.digest { format!("{plain}+{}", self.parts(id).len()) } else { plain }
    }
}
