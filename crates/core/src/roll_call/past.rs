//! The last verdicts, good and bad, for those whose bad ones are counted among several and not in a row. What nobody saw
//! is neither, and pushes nothing out.

use serde::{Deserialize, Serialize};

/// Most verdicts that are remembered.
pub(super) const MOST: u32 = u64::BITS;

/// Up to [`MOST`] verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Past {
    /// One bit for each, the newest lowest; set if it was bad.
    bits: u64,
    /// How many there are.
    len: u32,
}

impl Past {
    /// True if nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more.
    pub(super) fn note(&mut self, is_bad: bool) {
        self.bits = self.bits << 1 | u64::from(is_bad);
        self.len = self.len.saturating_add(1).min(MOST);
    }

    /// How many of the last so many were bad, and how many of them there are yet.
    pub(super) fn among(&self, last: u32) -> (u32, u32) {
        let of = last.min(self.len).min(MOST);
        let kept = if of == 0 { 0 } else { self.bits & u64::MAX >> (MOST - of) };
        (kept.count_ones(), of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_counted_and_older_ones_forgotten() {
        let mut past = Past::default();
        assert_eq!(past.among(5), (0, 0));
        for is_bad in [true, false, true, true, false, false] {
            past.note(is_bad);
        }
        assert_eq!(
            (past.among(3), past.among(5), past.among(6), past.among(64)),
            ((1, 3), (2, 5), (3, 6), (3, 6))
        );
        (0..200).for_each(|_| past.note(true));
        assert_eq!((past.among(64), past.among(u32::MAX)), ((64, 64), (64, 64)));
    }
}
