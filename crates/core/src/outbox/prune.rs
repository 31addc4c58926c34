//! What may be forgotten.

use std::collections::BTreeSet;

use super::entry::{Entry, EntryState};
use super::lane::Id;
use super::machine::Outbox;
use crate::effect::News;
use crate::ids::{ChannelName, IncidentId};
use crate::time::Timestamp;

impl Outbox {
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

    /// Takes one entry out. What was folded into it takes over its verdict.
    pub(super) fn forget(&mut self, id: Id) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.changed.remove(&id);
        if let Some(lane) = self.lanes.get_mut(&entry.channel) {
            lane.kept.remove(&id);
        }
        let heir = self.told_by.get(&id).copied();
        self.unfold(id);
        for part in self.tells.remove(&id).unwrap_or_default() {
            match heir {
                Some(into) => {
                    self.told_by.insert(part, into);
                    self.tells.entry(into).or_default().push(part);
                }
                None => {
                    self.told_by.remove(&part);
                }
            }
            if let Some(child) = self.entries.get_mut(&part) {
                child.state = entry.state.clone();
                self.changed.insert(part);
            }
        }
        Some(entry)
    }
}
