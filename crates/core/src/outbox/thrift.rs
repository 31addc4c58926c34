//! Channels that take only so many messages a day.
//!
//! The last fifth of the quota is kept for first news: reminders and ends are then told in a digest every hour. When
//! nothing is left, first news is told in a digest as well, within five minutes, and the fallback channel gets
//! everything at once: what is counted here may differ from what the receiver counts, and trying costs nothing.
//! Nothing is dropped.

use super::entry::EntryState;
use super::gather::Sort;
use super::lane::{Id, LONGEST_HOLD, Lane};
use super::machine::Outbox;
use crate::ids::ChannelName;
use crate::time::{Span, Timestamp};

/// How long a message counts. Any day of the receiver's lies within so much time.
const DAY: Span = Span::days(1);
/// How long reminders and ends wait for company while the quota is low.
const PAUSE: Span = Span::hours(1);
/// The part of the quota that is kept for first news.
pub(super) const RESERVE: u32 = 5;

impl Lane {
    /// Messages that the channel took within the last day.
    pub(super) fn spent(&self, now: Timestamp) -> u32 {
        let recent = self.sent.iter().filter(|at| now.since(**at) < DAY).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// Counts a message that the channel took.
    pub(super) fn spend(&mut self, at: Timestamp) {
        self.sent.retain(|old| at.since(*old) < DAY);
        self.sent.push_back(at);
    }
}

impl Outbox {
    /// What is left of a channel's quota; none if it has none.
    pub(super) fn left(&self, channel: &ChannelName, now: Timestamp) -> Option<(u32, u32)> {
        let quota = self.routes.iter().find(|route| route.name == *channel)?.quota?;
        let spent = self.lanes.get(channel).map_or(0, |lane| lane.spent(now));
        Some((quota.saturating_sub(spent), quota))
    }

    /// True if the channel has nothing left for today.
    pub(super) fn is_spent(&self, channel: &ChannelName, now: Timestamp) -> bool {
        self.left(channel, now).is_some_and(|(left, _)| left == 0)
    }

    /// How long a page of this sort waits for company for the sake of the quota, if it does.
    pub(super) fn thrift(&self, channel: &ChannelName, sort: Sort, now: Timestamp) -> Option<Span> {
        let (left, quota) = self.left(channel, now)?;
        match sort {
            Sort::First if left == 0 => Some(LONGEST_HOLD),
            Sort::First => None,
            Sort::Again | Sort::End if left <= quota.div_ceil(RESERVE) => Some(PAUSE),
            Sort::Again | Sort::End => None,
        }
    }

    /// Makes a waiting entry part of the channel's digest, or the beginning of one, which goes out after this pause at
    /// the latest.
    pub(super) fn spare(&mut self, id: Id, pause: Span, now: Timestamp) {
        let Some(channel) = self.entries.get(&id).map(|entry| entry.channel.clone()) else { return };
        let until = now + pause;
        let digest = self.waiting_digest(&channel).filter(|digest| *digest != id);
        if let Some(digest) = digest {
            self.fold(id, digest, now);
        }
        let carrier = digest.unwrap_or(id);
        if let Some(entry) = self.entries.get_mut(&carrier) {
            entry.digest = true;
            if let (EntryState::Waiting { next_try }, 0) = (&entry.state, entry.attempts) {
                let sooner = if digest.is_some() { until.min(*next_try) } else { until };
                entry.state = EntryState::Waiting { next_try: sooner };
            }
            self.changed.insert(carrier);
        }
    }
}
