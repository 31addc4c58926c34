//! One channel's queue: what waits, what is in flight, back-off, and how storms are noticed.

use std::collections::{BTreeSet, VecDeque};

use super::entry::{Entry, EntryState};
use crate::time::{Span, Timestamp};

/// Number of an entry in memory, in the order of its arrival.
pub(super) type Id = u64;

/// A receiver that was away for a moment is told within five seconds of its return: so many tries come this soon.
const SOON: Span = Span::seconds(4);
const SOON_TRIES: u32 = 15;
/// Back-off after the failures in a row that follow; the last one for ever.
const BACK_OFF: [Span; 4] = [Span::seconds(10), Span::seconds(20), Span::seconds(40), Span::seconds(60)];
/// A delivery that was not reported on by then is lost with its worker. Longer than any channel's own deadline.
pub(super) const LOST_AFTER: Span = Span::seconds(60);
/// An entry that is not delivered by then goes to the fallback channel as well.
pub(super) const PATIENCE: Span = Span::seconds(30);
/// So many failures in a row, and the fallback channel gets everything at once.
pub(super) const BROKEN_AFTER: u32 = 2;
/// The longest wish of a receiver that is honoured: a wrong header must not silence a channel for a year.
pub(super) const LONGEST_WISH: Span = Span::hours(1);
/// More pages than this within [`STORM_WINDOW`], or more waiting at once, are collapsed into a digest.
pub(super) const STORM: usize = 20;
const STORM_WINDOW: Span = Span::minutes(5);
/// A digest goes out when no page has come for this long…
const CALM: Span = Span::seconds(60);
/// …or at the latest this long after it was begun.
pub(super) const LONGEST_HOLD: Span = Span::minutes(5);
/// What could not be delivered for so long becomes part of one digest.
pub(super) const OLD: Span = Span::hours(24);

/// How long to wait after so many failures in a row.
pub(super) fn back_off(failures: u32) -> Span {
    if failures <= SOON_TRIES {
        return SOON;
    }
    let step = usize::try_from(failures - SOON_TRIES - 1).unwrap_or(usize::MAX);
    BACK_OFF[step.min(BACK_OFF.len() - 1)]
}

/// When a digest begun at `begun` goes out if a page came just now: once it is calm, and one in five minutes.
pub(super) fn hold(begun: Timestamp, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
    let calm = (now + CALM).min(begun + LONGEST_HOLD);
    last.map_or(calm, |last| calm.max(last + LONGEST_HOLD))
}

/// An entry that was handed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) id: Id,
    pub(super) until: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    /// Entries that wait and are not in flight.
    pub(super) waiting: BTreeSet<Id>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) failures: u32,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    /// The whole channel rests until then.
    pub(super) not_before: Timestamp,
    /// Pages that the fallback channel has not been given, should it come to that; those in a digest too.
    pub(super) kept: BTreeSet<Id>,
    /// When the last pages came, just enough of them to notice a storm.
    recent: VecDeque<Timestamp>,
    /// Pages that others may be gathered behind, and when they came.
    pub(super) leaders: VecDeque<(Timestamp, Id)>,
    /// When the channel took the messages of the last day.
    pub(super) sent: VecDeque<Timestamp>,
    /// When it took the last digest of a storm.
    pub(super) digested: Option<Timestamp>,
}

impl Lane {
    /// True if too many pages have come to be told one by one.
    pub(super) fn storms(&mut self, now: Timestamp) -> bool {
        self.recent.retain(|at| *at <= now && now.since(*at) < STORM_WINDOW);
        self.recent.len() > STORM || self.waiting.len() > STORM
    }

    /// Notes that a page came then.
    pub(super) fn remember(&mut self, at: Timestamp) {
        self.recent.push_back(at);
        if self.recent.len() > STORM + 1 {
            self.recent.pop_front();
        }
    }

    /// Counts an entry that is new here: just put in, or restored.
    pub(super) fn take_up(&mut self, entry: &Entry) {
        let folded = matches!(entry.state, EntryState::Folded { .. });
        if !(folded && entry.gathered.is_some()) {
            self.remember(entry.queued);
        }
        if let EntryState::Delivered { at, .. } = entry.state {
            self.took(entry, at);
        }
    }

    /// The channel took a message.
    pub(super) fn took(&mut self, entry: &Entry, at: Timestamp) {
        self.spend(at);
        if entry.digest && entry.gathered.is_none() {
            self.digested = self.digested.max(Some(at));
        }
    }

    /// The last page is no message of its own.
    pub(super) fn forget_last(&mut self) {
        self.recent.pop_back();
    }

    pub(super) fn worked(&mut self) {
        self.failures = 0;
        self.failing_since = None;
        self.not_before = Timestamp::default();
    }

    pub(super) fn failed(&mut self, why: &str, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        self.last_error = Some(why.to_owned());
    }

    pub(super) fn is_broken(&self) -> bool {
        self.failures >= BROKEN_AFTER
    }

    /// Every entry that is still to be told by itself.
    pub(super) fn open(&self) -> impl Iterator<Item = Id> + '_ {
        self.in_flight.map(|flight| flight.id).into_iter().chain(self.waiting.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_is_short_for_a_minute_and_then_grows_to_a_minute_and_stays() {
        let seconds = |n| back_off(n).as_millis() / 1000;
        assert!((0..=SOON_TRIES).all(|n| seconds(n) == 4));
        let later: Vec<u64> = (1..=6).map(|n| seconds(SOON_TRIES + n)).collect();
        assert_eq!(later, [10, 20, 40, 60, 60, 60]);
    }
}
