//! What the fallback channels get, and what they are spared.
//!
//! A page is passed on when its channel refuses it for good, fails twice in a row, or has not delivered it for half a
//! minute. The channel itself keeps trying.

use super::entry::EntryState;
use super::lane::{Id, PATIENCE};
use super::machine::Outbox;
use crate::effect::{News, Page};
use crate::ids::{ChannelName, IncidentId};
use crate::time::Timestamp;

impl Outbox {
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
                let spent = self.is_spent(&route.name, now);
                let is_late = |id: &Id| {
                    spent || lane.is_broken() || self.released(*id).is_some_and(|at| at + PATIENCE <= now)
                };
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

    /// If the incident is over, its end goes to this entry's channel too, even if that had been spared it.
    pub(super) fn insert_end(&mut self, id: Id, now: Timestamp) {
        let Some(entry) = self.entries.get(&id) else { return };
        let (channel, fallback_for) = (entry.channel.clone(), entry.fallback_for.clone());
        let Some(end) = self.end_of(&entry.page.incident) else { return };
        let spared = self.on_channel(&end.incident, &channel).into_iter().find(|(other, entry)| {
            let carrier = self.entries.get(&self.carrier(*other));
            entry.page.news.is_end() && carrier.is_some_and(|carrier| carrier.channel != channel)
        });
        match spared.map(|(other, _)| other) {
            None => self.insert(&end, &channel, fallback_for, now),
            Some(other) => {
                self.unfold(other);
                if let Some(entry) = self.entries.get_mut(&other) {
                    entry.state = EntryState::Waiting { next_try: now };
                    self.changed.insert(other);
                }
                if let Some(lane) = self.lanes.get_mut(&channel) {
                    lane.waiting.insert(other);
                }
                self.keep(other);
            }
        }
    }

    pub(super) fn end_of(&self, incident: &IncidentId) -> Option<Page> {
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
                        // It may tell what is meant for its channel itself: a later step of an escalation.
                        && self.parts(*twin).iter().all(|part| self.is_fallback(*part))
                })
                .map(|(twin, entry)| (twin, entry.channel.clone()))
                .collect();
            for (twin, fallback) in twins {
                // Told means told: whoever heard of it as a fallback hears the end as well.
                if !(page.news.is_end() && self.may_know(&page.incident, &fallback)) {
                    self.fold(twin, id, now);
                    let spared: Vec<Id> = std::iter::once(twin).chain(self.parts(twin)).collect();
                    if let Some(lane) = self.lanes.get_mut(&fallback) {
                        lane.kept.retain(|kept| !spared.contains(kept));
                    }
                }
            }
        }
    }

    fn is_fallback(&self, id: Id) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.fallback_for.is_some())
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
}
