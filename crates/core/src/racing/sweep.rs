//! All pairs of intervals that meet, newest first, within a budget.

use crate::time::Timestamp;

/// Calls `meet` once for each two intervals that share a moment; empty intervals meet nobody.
///
/// Sorted by their ends and swept from the newest to the oldest: n log n, and one step per meeting. When `budget`
/// meetings would be exceeded it stops and returns the moment up to which (seen from the newest) it got: every meeting
/// of two intervals that both end after it was told.
pub(super) fn sweep(
    intervals: &[(Timestamp, Timestamp)],
    budget: usize,
    mut meet: impl FnMut(usize, usize),
) -> Option<Timestamp> {
    let mut order: Vec<usize> = (0..intervals.len()).filter(|&i| intervals[i].0 < intervals[i].1).collect();
    order.sort_unstable_by_key(|&i| std::cmp::Reverse((intervals[i].1, intervals[i].0, i)));
    let mut open: Vec<usize> = Vec::new();
    let mut left = budget;
    for i in order {
        let (_, until) = intervals[i];
        // All that is still to come ends at `until` or before, so what begins later meets nobody any more.
        open.retain(|&newer| intervals[newer].0 < until);
        if open.len() > left {
            return Some(until);
        }
        left -= open.len();
        for &newer in &open {
            meet(i, newer);
        }
        open.push(i);
    }
    None
}
