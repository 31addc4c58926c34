//! The moment at which the most memory was needed.

use std::collections::BTreeSet;

use serde::Serialize;

use super::stint::Stint;
use crate::ids::ExpectationId;
use crate::time::Timestamp;

/// Runs at one moment, with their peaks summed. The peaks need not fall together, so the sum is what could be needed at
/// the most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fullest {
    /// From when on.
    pub at: Timestamp,
    /// The peaks together, in bytes.
    pub bytes: u64,
    /// Whose runs, in order of id, each once.
    pub jobs: Vec<ExpectationId>,
    /// How many of these nobody measured, so that the sum lacks them.
    pub unmeasured: usize,
}

/// The first moment at which runs that met had the largest peaks together; none if no two measured runs met.
pub fn fullest(stints: &[Stint]) -> Option<Fullest> {
    let real = stints.iter().enumerate().filter(|(_, stint)| stint.from < stint.until);
    // At one moment ends come before beginnings.
    let mut events: Vec<_> =
        real.flat_map(|(i, stint)| [(stint.until, false, i), (stint.from, true, i)]).collect();
    events.sort_unstable();
    let (mut sum, mut measured) = (0_u64, 0_usize);
    let mut best: Option<(u64, Timestamp)> = None;
    for (at, begins, i) in events {
        let Some(bytes) = stints[i].peak_memory else { continue };
        if !begins {
            sum = sum.saturating_sub(bytes);
            measured -= 1;
            continue;
        }
        sum = sum.saturating_add(bytes);
        measured += 1;
        if measured > 1 && best.is_none_or(|(most, _)| sum > most) {
            best = Some((sum, at));
        }
    }
    let (bytes, at) = best?;
    let there: Vec<_> = stints.iter().filter(|stint| stint.from <= at && at < stint.until).collect();
    let unmeasured = there.iter().filter(|stint| stint.peak_memory.is_none()).count();
    let jobs: BTreeSet<_> = there.into_iter().map(|stint| &stint.job).collect();
    Some(Fullest { at, bytes, jobs: jobs.into_iter().cloned().collect(), unmeasured })
}
