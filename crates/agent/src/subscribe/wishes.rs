//! Addresses that somebody wants to subscribe and nobody confirmed. They live in memory only: an address that is not
//! confirmed is not kept, and whoever asked asks again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use muster_core::time::{Span, Timestamp};

/// Most of them; more are not mailed an hour in any case.
const LIMIT: usize = 120;

/// How long one is tried.
const TRIED_FOR: Span = Span::hours(1);

/// How often.
const TRIES: u32 = 5;

/// One address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(super) address: String,
    pub(super) at: Timestamp,
    pub(super) tries: u32,
    /// Not before then.
    pub(super) due: Timestamp,
}

/// All of them, in order.
#[derive(Debug, Default)]
pub(super) struct Wishes(Mutex<VecDeque<Wish>>);

impl Wishes {
    /// Adds one.
    pub(super) fn put(&self, address: String, now: Timestamp) {
        self.push(Wish { address, at: now, tries: 0, due: now });
    }

    /// The next one that should be tried.
    pub(super) fn take(&self, now: Timestamp) -> Option<Wish> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|wish| wish.at <= now && now.since(wish.at) < TRIED_FOR && wish.tries < TRIES);
        let place = all.iter().position(|wish| wish.due <= now)?;
        all.remove(place)
    }

    /// Puts one back that is to be tried again then.
    pub(super) fn put_back(&self, wish: Wish, due: Timestamp) {
        self.push(Wish { tries: wish.tries + 1, due, ..wish });
    }

    fn push(&self, wish: Wish) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < LIMIT {
            all.push_back(wish);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_246_920);

    #[test]
    fn a_wish_is_tried_five_times_within_an_hour_and_then_forgotten() {
        let wishes = Wishes::default();
        wishes.put("ann@example.com".into(), NOW);
        for minute in 0..5 {
            let now = NOW + Span::minutes(minute);
            let wish = wishes.take(now).unwrap();
            assert_eq!(wishes.take(now), None);
            wishes.put_back(wish, now + Span::minutes(1));
            assert_eq!(wishes.take(now), None, "not before its time");
        }
        assert_eq!(wishes.take(NOW + Span::minutes(5)), None);
        wishes.put("bob@example.com".into(), NOW);
        assert_eq!(wishes.take(NOW + Span::hours(1)), None);
        (0..500).for_each(|n| wishes.put(format!("{n}@example.com"), NOW));
        assert_eq!(wishes.0.lock().unwrap().len(), LIMIT);
    }
}
