//! How a page that was just put in is told: at once, together with others of its moment, or in a digest.
//!
//! The first page goes at once. What follows it within [`WINDOW`] on the same channel, says the same sort of thing and
//! has a cause in common with it, is gathered and told in one message when the window ends.

use super::entry::{Entry, EntryState};
use super::lane::{Id, Lane};
use super::machine::Outbox;
use crate::effect::News;
use crate::ids::ChannelName;
use crate::time::{Span, Timestamp};

/// How long after a page those that belong to it are gathered.
pub(super) const WINDOW: Span = Span::seconds(10);

/// What sort of thing a page says; only pages of one sort are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Nobody may have heard of it, or nobody has answered: never held back for thrift.
    First,
    /// It is known and goes on.
    Again,
    /// It is over.
    End,
}

impl Sort {
    pub(super) fn of(news: &News) -> Self {
        match news {
            News::Opened { .. }
            | News::Flapping { .. }
            | News::Escalated { .. }
            | News::AcknowledgementExpired { .. }
            | News::Test { .. } => Self::First,
            News::Reminder { .. } => Self::Again,
            News::Resolved { .. } | News::Withdrawn { .. } => Self::End,
        }
    }
}

impl Lane {
    /// Pages that opened a window which is still open.
    pub(super) fn leaders(&mut self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Id)> + '_ {
        self.leaders.retain(|(at, _)| *at <= now && now.since(*at) < WINDOW);
        self.leaders.iter().copied()
    }
}

impl Outbox {
    /// Takes in a stored entry; what came lately still gathers others behind it.
    pub(super) fn lead_again(&mut self, entry: Entry) {
        let leads = !entry.digest
            && entry.gathered.is_none()
            && !matches!(entry.state, EntryState::Folded { .. })
            && !matches!(entry.page.news, News::Test { .. });
        let (channel, queued) = (entry.channel.clone(), entry.queued);
        let id = self.admit(entry);
        if let Some(lane) = self.lanes.get_mut(&channel).filter(|_| leads) {
            lane.leaders.push_back((queued, id));
        }
    }

    /// Decides how a page is told that was just put in and folded with others about its incident.
    pub(super) fn place(&mut self, id: Id, storm: bool, now: Timestamp) {
        let Some(entry) = self.entries.get(&id) else { return };
        if matches!(entry.page.news, News::Test { .. }) {
            return;
        }
        let (channel, sort) = (entry.channel.clone(), Sort::of(&entry.page.news));
        let alone = self.waits(id);
        let thrift = self.thrift(&channel, sort, now);
        match (storm, thrift) {
            (true, _) if alone => self.collapse(id, now),
            (false, Some(pause)) if alone => self.spare(id, pause, now),
            (false, None) if alone => self.gather(id, &channel, now),
            // A digest that waits for the sake of the quota makes way for first news in it.
            (false, thrift) if sort == Sort::First => self.hasten(self.carrier(id), thrift, now),
            _ => {}
        }
    }

    /// Tells it together with what else came within the window of a page that it belongs to.
    fn gather(&mut self, id: Id, channel: &ChannelName, now: Timestamp) {
        let Some((until, leader)) = self.leader(id, channel, now) else {
            if let Some(lane) = self.lanes.get_mut(channel) {
                lane.leaders.push_back((now, id));
            }
            return;
        };
        let waiting = self.lanes.get(channel).map(|lane| lane.waiting.clone()).unwrap_or_default();
        let of_leader = |other: &Id| {
            *other != id
                && self.entries.get(other).is_some_and(|entry| entry.gathered.as_ref() == Some(&leader))
        };
        let carrier = waiting.iter().copied().find(of_leader);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.gathered = Some(leader);
            entry.state = EntryState::Waiting { next_try: until };
        }
        let Some(carrier) = carrier else { return };
        if let Some(entry) = self.entries.get_mut(&carrier) {
            entry.digest = true;
        }
        self.changed.insert(carrier);
        self.fold(id, carrier, now);
        // One message, however many pages: a hundred of one cause are no storm.
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.forget_last();
        }
    }

    /// The page whose window this one falls into: when that ends, and the page's key.
    fn leader(&mut self, id: Id, channel: &ChannelName, now: Timestamp) -> Option<(Timestamp, String)> {
        let open: Vec<(Timestamp, Id)> = self.lanes.get_mut(channel)?.leaders(now).collect();
        let page = &self.entries.get(&id)?.page;
        open.into_iter().find_map(|(at, leader)| {
            let other = self.entries.get(&leader).filter(|_| leader != id)?;
            let same = other.page.causes.iter().any(|cause| page.causes.contains(cause));
            let fits = same && Sort::of(&other.page.news) == Sort::of(&page.news);
            fits.then(|| (at + WINDOW, other.key()))
        })
    }

    /// A digest that was not tried yet goes out sooner.
    fn hasten(&mut self, carrier: Id, thrift: Option<Span>, now: Timestamp) {
        let soon = now + thrift.unwrap_or(Span::ZERO);
        if let Some(entry) = self.entries.get_mut(&carrier)
            && entry.digest
            && entry.attempts == 0
            && matches!(entry.state, EntryState::Waiting { next_try } if next_try > soon)
        {
            entry.state = EntryState::Waiting { next_try: soon };
            self.changed.insert(carrier);
        }
    }
}
