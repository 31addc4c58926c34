//! Which entries are told as part of which others.
//!
//! On one channel, all that waits about one incident has one carrier: the digest if there is one, else the end of the
//! incident, else its opening, else the newest page. As a channel has one entry in flight at a time, the order within
//! an incident follows from that.

use std::collections::BTreeSet;

use super::entry::{Entry, EntryState};
use super::lane::{Id, OLD, hold};
use super::machine::Outbox;
use crate::effect::News;
use crate::ids::{ChannelName, IncidentId};
use crate::time::Timestamp;

impl Outbox {
    /// The entry that tells this one in the end; itself if it is not folded.
    pub(super) fn carrier(&self, mut id: Id) -> Id {
        while let Some(into) = self.told_by.get(&id) {
            id = *into;
        }
        id
    }

    /// Everything folded into it, directly or not, oldest first.
    pub(super) fn parts(&self, id: Id) -> Vec<Id> {
        let mut parts = Vec::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            let direct = self.tells.get(&next).map(Vec::as_slice).unwrap_or_default();
            parts.extend_from_slice(direct);
            open.extend_from_slice(direct);
        }
        parts.sort_unstable();
        parts
    }

    pub(super) fn on_channel(&self, incident: &IncidentId, channel: &ChannelName) -> Vec<(Id, &Entry)> {
        let ids = self.incidents.get(incident).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.entries.get(id)?)))
            .filter(|(_, entry)| entry.channel == *channel)
            .collect()
    }

    pub(super) fn waits(&self, id: Id) -> bool {
        self.entries
            .get(&id)
            .and_then(|entry| self.lanes.get(&entry.channel))
            .is_some_and(|lane| lane.waiting.contains(&id))
    }

    pub(super) fn next_try_of(&self, id: Id) -> Option<Timestamp> {
        match self.entries.get(&id)?.state {
            EntryState::Waiting { next_try } => Some(next_try),
            _ => None,
        }
    }

    /// Since when this page could have been told: when it was put in, or when its digest was let go.
    pub(super) fn released(&self, id: Id) -> Option<Timestamp> {
        let carrier = self.entries.get(&self.carrier(id))?;
        match carrier.state {
            EntryState::Waiting { next_try } if carrier.digest && carrier.attempts == 0 => Some(next_try),
            EntryState::Waiting { .. } => Some(self.entries.get(&id)?.queued),
            _ => None,
        }
    }

    /// The channel was told the end of the incident, or is being told.
    pub(super) fn has_heard_the_end(&self, incident: &IncidentId, channel: &ChannelName) -> bool {
        self.on_channel(incident, channel)
            .into_iter()
            .any(|(id, entry)| entry.page.news.is_end() && !self.waits(self.carrier(id)))
    }

    /// The channel was told that the incident is there.
    fn is_told(&self, incident: &IncidentId, channel: &ChannelName) -> bool {
        self.on_channel(incident, channel).into_iter().any(|(id, entry)| {
            !entry.page.news.is_end()
                && self.entries.get(&self.carrier(id)).is_some_and(|carrier| {
                    carrier.channel == *channel && matches!(carrier.state, EntryState::Delivered { .. })
                })
        })
    }

    /// The channel was told that the incident is there, or may be told right now.
    pub(super) fn may_know(&self, incident: &IncidentId, channel: &ChannelName) -> bool {
        let in_flight = self.lanes.get(channel).and_then(|lane| lane.in_flight);
        self.is_told(incident, channel)
            || self
                .on_channel(incident, channel)
                .into_iter()
                .any(|(id, _)| in_flight.is_some_and(|flight| flight.id == self.carrier(id)))
    }

    /// The same page was accepted by another channel; tests of a channel never need telling.
    pub(super) fn is_told_elsewhere(&self, id: Id) -> bool {
        let Some(entry) = self.entries.get(&id) else { return true };
        let twins = self.incidents.get(&entry.page.incident).into_iter().flatten();
        matches!(entry.page.news, News::Test { .. })
            || twins
                .filter(|twin| {
                    self.entries.get(twin).is_some_and(|other| other.page.number == entry.page.number)
                })
                .filter_map(|twin| self.entries.get(&self.carrier(*twin)))
                .any(|carrier| matches!(carrier.state, EntryState::Delivered { .. }))
    }

    /// Says for each end in this entry whether its channel hears of the incident for the first time.
    pub(super) fn decide_late(&mut self, id: Id) {
        for part in std::iter::once(id).chain(self.parts(id)) {
            let Some(entry) = self.entries.get(&part) else { continue };
            let late = entry.page.news.is_end() && !self.is_told(&entry.page.incident, &entry.channel);
            if late != entry.late
                && let Some(entry) = self.entries.get_mut(&part)
            {
                entry.late = late;
                self.changed.insert(part);
            }
        }
    }

    pub(super) fn fold(&mut self, id: Id, into: Id, now: Timestamp) {
        let Some(target) = self.entries.get(&into) else { return };
        let (key, digest) = (target.key(), target.digest);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.state = EntryState::Folded { at: now, into: key };
        if digest && let Some(evidence) = &mut entry.page.evidence {
            // A list has no room for it, and a storm would keep thousands of them.
            evidence.tail.clear();
        }
        // A page about the same incident speaks for this one on the fallback channel too; a list does not.
        if let Some(lane) = self.lanes.get_mut(&entry.channel) {
            lane.waiting.remove(&id);
            if !digest {
                lane.kept.remove(&id);
            }
        }
        self.changed.insert(id);
        self.told_by.insert(id, into);
        self.tells.entry(into).or_default().push(id);
    }

    /// Takes an entry out of its carrier: it turned out to be told by itself.
    pub(super) fn unfold(&mut self, id: Id) {
        if let Some(parts) = self.told_by.remove(&id).and_then(|into| self.tells.get_mut(&into)) {
            parts.retain(|part| *part != id);
        }
    }

    /// Leaves one carrier for all that waits on the channel about the incident.
    pub(super) fn fold_incident(&mut self, channel: &ChannelName, incident: &IncidentId, now: Timestamp) {
        let carriers: BTreeSet<Id> = self
            .on_channel(incident, channel)
            .into_iter()
            .filter(|(_, entry)| !matches!(entry.page.news, News::Test { .. }))
            .map(|(id, _)| self.carrier(id))
            .filter(|id| self.waits(*id))
            .collect();
        let rank = |id: &Id| {
            self.entries.get(id).map(|entry| {
                let page = &entry.page;
                let opened = matches!(page.news, News::Opened { .. });
                (entry.digest, page.news.is_end(), opened, page.number)
            })
        };
        let Some(target) = carriers.iter().copied().max_by_key(rank) else { return };
        for id in carriers.into_iter().filter(|id| *id != target) {
            self.fold(id, target, now);
        }
    }

    pub(super) fn waiting_digest(&self, channel: &ChannelName) -> Option<Id> {
        let waiting = self.lanes.get(channel)?.waiting.iter().copied();
        waiting.into_iter().find(|id| self.entries.get(id).is_some_and(|entry| entry.digest))
    }

    /// Makes a waiting entry part of the channel's digest, or the beginning of one.
    pub(super) fn collapse(&mut self, id: Id, now: Timestamp) {
        let Some(channel) = self.entries.get(&id).map(|entry| entry.channel.clone()) else { return };
        let last = self.lanes.get(&channel).and_then(|lane| lane.digested);
        match self.waiting_digest(&channel) {
            Some(digest) if digest == id => {}
            Some(digest) => {
                self.fold(id, digest, now);
                if let Some(entry) = self.entries.get_mut(&digest)
                    && entry.attempts == 0
                {
                    entry.state = EntryState::Waiting { next_try: hold(entry.queued, now, last) };
                    self.changed.insert(digest);
                }
            }
            None => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.digest = true;
                    if entry.attempts == 0 {
                        entry.state = EntryState::Waiting { next_try: hold(now, now, last) };
                    }
                    self.changed.insert(id);
                }
            }
        }
    }

    /// An entry that failed waits again: what came while it was in flight may now tell it.
    pub(super) fn fold_again(&mut self, id: Id, now: Timestamp) {
        let Some(entry) = self.entries.get(&id) else { return };
        let channel = entry.channel.clone();
        if entry.digest
            && let Some(other) = self.waiting_digest(&channel).filter(|other| *other != id)
        {
            self.fold(other, id, now);
        }
        let ids = std::iter::once(id).chain(self.parts(id));
        let incidents: BTreeSet<IncidentId> =
            ids.filter_map(|part| self.entries.get(&part)).map(|entry| entry.page.incident.clone()).collect();
        for incident in incidents {
            self.fold_incident(&channel, &incident, now);
        }
    }

    /// Collapses what has waited for a day into one digest for each channel.
    pub(super) fn fold_old(&mut self, now: Timestamp) {
        let channels: Vec<ChannelName> = self.lanes.keys().cloned().collect();
        for channel in channels {
            let Some(lane) = self.lanes.get(&channel) else { continue };
            let is_old = |id: &Id| {
                self.entries.get(id).is_some_and(|entry| {
                    !entry.digest
                        && now.since(entry.queued) >= OLD
                        && !matches!(entry.page.news, News::Test { .. })
                })
            };
            let old: Vec<Id> = lane.waiting.iter().copied().filter(is_old).collect();
            if old.len() > 1 || (old.len() == 1 && self.waiting_digest(&channel).is_some()) {
                for id in old {
                    self.collapse(id, now);
                }
            }
        }
    }
}
