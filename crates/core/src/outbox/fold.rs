//! Which entries are told as part of which others, and which are passed on to the fallback channel.
//!
//! On one channel, all that waits about one incident has one carrier: the digest if there is one, else the end of the
//! incident, else its opening, else the newest page. As a channel has one entry in flight at a time, the order within
//! an incident follows from that.

use std::collections::BTreeSet;

use super::entry::{Entry, EntryState};
use super::lane::{Id, OLD, PATIENCE, hold};
use super::machine::Outbox;
use crate::effect::{News, Page};
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

    fn on_channel(&self, incident: &IncidentId, channel: &ChannelName) -> Vec<(Id, &Entry)> {
        let ids = self.incidents.get(incident).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.entries.get(id)?)))
            .filter(|(_, entry)| entry.channel == *channel)
            .collect()
    }

    fn waits(&self, id: Id) -> bool {
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

    fn fold(&mut self, id: Id, into: Id, now: Timestamp) {
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

    fn waiting_digest(&self, channel: &ChannelName) -> Option<Id> {
        let waiting = self.lanes.get(channel)?.waiting.iter().copied();
        waiting.into_iter().find(|id| self.entries.get(id).is_some_and(|entry| entry.digest))
    }

    /// Makes a waiting entry part of the channel's digest, or the beginning of one.
    pub(super) fn collapse(&mut self, id: Id, now: Timestamp) {
        let Some(channel) = self.entries.get(&id).map(|entry| entry.channel.clone()) else { return };
        match self.waiting_digest(&channel) {
            Some(digest) if digest == id => {}
            Some(digest) => {
                self.fold(id, digest, now);
                if let Some(entry) = self.entries.get_mut(&digest)
                    && entry.attempts == 0
                {
                    entry.state = EntryState::Waiting { next_try: hold(entry.queued, now) };
                    self.changed.insert(digest);
                }
            }
            None => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.digest = true;
                    if entry.attempts == 0 {
                        entry.state = EntryState::Waiting { next_try: hold(now, now) };
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

    fn fallback_of(&self, channel: &ChannelName) -> Option<ChannelName> {
        self.routes.iter().find(|route| route.name == *channel)?.fallback.clone()
    }

    /// Counts a page among those that the fallback channel may yet be given.
    pub(super) fn keep(&mut self, id: Id) {
        let Some(entry) = self.entries.get(&id) else { return };
        if !matches!(entry.page.news, News::Test { .. })
            && let Some(lane) = self.lanes.get_mut(&entry.channel)
        {
            lane.kept.insert(id);
        }
    }

    /// Gives the fallback channels what waits for too long, or on a channel that is broken.
    pub(super) fn pass_on(&mut self, now: Timestamp) {
        // A fallback channel may be broken too and have its own: again until nothing moves.
        loop {
            let mut late = Vec::new();
            for route in self.routes.iter().filter(|route| route.fallback.is_some()) {
                let Some(lane) = self.lanes.get(&route.name) else { continue };
                let is_late =
                    |id: &Id| lane.is_broken() || self.released(*id).is_some_and(|at| at + PATIENCE <= now);
                late.extend(lane.kept.iter().copied().filter(is_late));
            }
            if late.is_empty() {
                return;
            }
            for id in late {
                self.give_to_fallback(id, None, now);
            }
        }
    }

    /// Passes on whatever a refused entry would have told.
    pub(super) fn pass_on_all(&mut self, id: Id, now: Timestamp) {
        for part in std::iter::once(id).chain(self.parts(id)) {
            self.give_to_fallback(part, None, now);
        }
    }

    fn give_to_fallback(&mut self, id: Id, instead: Option<ChannelName>, now: Timestamp) {
        let Some(entry) = self.entries.get(&id) else { return };
        let (page, channel) = (entry.page.clone(), entry.channel.clone());
        let kept = self.lanes.get_mut(&channel).is_some_and(|lane| lane.kept.remove(&id));
        let Some(fallback) = instead.or_else(|| self.fallback_of(&channel)).filter(|_| kept) else { return };
        self.insert(&page, &fallback, Some(channel.clone()), now);
        // Whoever hears of it late hears the end too.
        if let Some(end) = self.end_of(&page.incident) {
            self.insert(&end, &fallback, Some(channel), now);
        }
    }

    fn end_of(&self, incident: &IncidentId) -> Option<Page> {
        let ids = self.incidents.get(incident)?;
        let pages = ids.iter().filter_map(|id| self.entries.get(id)).map(|entry| &entry.page);
        pages.into_iter().find(|page| page.news.is_end()).cloned()
    }

    /// A fallback channel need not tell what its principal has told after all.
    pub(super) fn release_fallbacks(&mut self, id: Id, now: Timestamp) {
        let Some(channel) = self.entries.get(&id).map(|entry| entry.channel.clone()) else { return };
        for part in std::iter::once(id).chain(self.parts(id)) {
            if let Some(lane) = self.lanes.get_mut(&channel) {
                lane.kept.remove(&part);
            }
            let Some(page) = self.entries.get(&part).map(|entry| entry.page.clone()) else { continue };
            let twins: Vec<(Id, ChannelName)> = self
                .incidents
                .get(&page.incident)
                .into_iter()
                .flatten()
                .filter_map(|twin| Some((*twin, self.entries.get(twin)?)))
                .filter(|(twin, entry)| {
                    entry.page.number == page.number
                        && entry.fallback_for.as_ref() == Some(&channel)
                        && !entry.digest
                        && self.waits(*twin)
                })
                .map(|(twin, entry)| (twin, entry.channel.clone()))
                .collect();
            for (twin, fallback) in twins {
                // Told means told: whoever heard of it as a fallback hears the end as well.
                if !(page.news.is_end() && self.is_told(&page.incident, &fallback)) {
                    self.fold(twin, id, now);
                    if let Some(lane) = self.lanes.get_mut(&fallback) {
                        lane.kept.remove(&twin);
                    }
                }
            }
        }
    }

    /// Refuses what waits for a channel that is no longer configured; if none of the page's channels is, it goes to
    /// the first that is. With no channel at all it waits for one.
    pub(super) fn refuse_orphans(&mut self, now: Timestamp) {
        let Some(first) = self.routes.first().map(|route| route.name.clone()) else { return };
        let known = |name: &ChannelName| self.routes.iter().any(|route| route.name == *name);
        let orphans: Vec<Id> = self
            .lanes
            .iter()
            .filter(|(name, _)| !known(name))
            .flat_map(|(_, lane)| lane.waiting.iter().copied())
            .collect();
        for id in orphans {
            let parts: Vec<Id> = std::iter::once(id).chain(self.parts(id)).collect();
            if let Some(entry) = self.entries.get_mut(&id) {
                let why = format!("channel {} is not configured", entry.channel);
                entry.last_error = Some(why.clone());
                entry.state = EntryState::Refused { at: now, why };
                self.changed.insert(id);
                if let Some(lane) = self.lanes.get_mut(&entry.channel) {
                    lane.waiting.remove(&id);
                }
            }
            for part in parts {
                let Some(entry) = self.entries.get(&part) else { continue };
                let told_by_others =
                    entry.page.to.iter().any(|name| self.routes.iter().any(|r| r.name == *name));
                if !told_by_others {
                    self.give_to_fallback(part, Some(first.clone()), now);
                }
            }
        }
    }

    /// Which entries of an incident may be forgotten.
    pub(super) fn forgettable(&self, incident: &IncidentId, before: Timestamp) -> Vec<Id> {
        let Some(ids) = self.incidents.get(incident) else { return Vec::new() };
        let settled_at = |id: Id| match self.entries.get(&self.carrier(id)).map(|carrier| &carrier.state) {
            Some(
                EntryState::Delivered { at, .. }
                | EntryState::Refused { at, .. }
                | EntryState::Folded { at, .. },
            ) => Some(*at),
            Some(EntryState::Waiting { .. }) | None => None,
        };
        if ids.iter().any(|id| settled_at(*id).is_none()) {
            return Vec::new();
        }
        let closed = self.end_of(incident).is_some()
            || ids.iter().all(|id| {
                self.entries.get(id).is_some_and(|entry| matches!(entry.page.news, News::Test { .. }))
            });
        let mut witnesses: BTreeSet<&ChannelName> = BTreeSet::new();
        let mut gone = Vec::new();
        for id in ids {
            let (Some(entry), Some(carrier)) = (self.entries.get(id), self.entries.get(&self.carrier(*id)))
            else {
                continue;
            };
            let old = settled_at(*id).is_some_and(|at| at < before);
            // While the incident lasts, one delivered page for each channel says who must hear the end.
            let told =
                matches!(carrier.state, EntryState::Delivered { .. }) && carrier.channel == entry.channel;
            let witness = !closed && told && witnesses.insert(&entry.channel);
            if old && !witness {
                gone.push(*id);
            }
        }
        gone
    }

    /// Before an entry is forgotten, what was folded into it takes over its verdict.
    pub(super) fn bequeath(&mut self, id: Id) {
        let Some(state) = self.entries.get(&id).map(|entry| entry.state.clone()) else { return };
        let heir = self.told_by.get(&id).copied();
        for part in self.tells.get(&id).cloned().unwrap_or_default() {
            match heir {
                Some(into) => {
                    self.told_by.insert(part, into);
                    self.tells.entry(into).or_default().push(part);
                }
                None => {
                    self.told_by.remove(&part);
                }
            }
            if let Some(entry) = self.entries.get_mut(&part) {
                entry.state = state.clone();
                self.changed.insert(part);
            }
        }
    }
}
