//! Whether anybody has heard of an incident: that a page was put in tells nobody.

use super::entry::EntryState;
use super::machine::Outbox;
use crate::ids::IncidentId;

impl Outbox {
    /// True if a channel accepted some page of this incident, and where none of its pages is known (any more).
    pub fn is_heard(&self, incident: &IncidentId) -> bool {
        let Some(pages) = self.incidents.get(incident) else { return true };
        pages
            .iter()
            .filter_map(|id| self.entries.get(&self.carrier(*id)))
            .any(|entry| matches!(entry.state, EntryState::Delivered { .. }))
    }

    /// What a channel said when it last took none of the pages of this incident, and which one; none if it was not asked.
    pub fn refusal(&self, incident: &IncidentId) -> Option<String> {
        let pages = self.incidents.get(incident)?.iter();
        pages.filter_map(|id| self.entries.get(&self.carrier(*id))).find_map(|entry| {
            let error = entry.last_error.as_deref();
            let why = match &entry.state {
                EntryState::Refused { why, .. } => error.unwrap_or(why),
                _ => error?,
            };
            Some(format!("{}: {why}", entry.channel))
        })
    }
}
