//! Which planned runs will meet, from schedules and from how long jobs usually take.

use std::collections::BTreeMap;

use serde::Serialize;

use super::memory::{Fullest, fullest};
use super::past::{MEETINGS_LIMIT, PAIRS_LIMIT};
use super::stint::{Lengths, Stint};
use super::sweep::sweep;
use crate::expectation::Rhythm;
use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

/// Most planned runs of one job: a day of minutes.
pub const DUE_LIMIT: usize = 1440;

/// What one job will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which job.
    pub job: ExpectationId,
    /// When it is due, oldest first.
    pub due: Vec<Timestamp>,
    /// How long it usually takes; none where nobody knows.
    pub lengths: Option<Lengths>,
    /// Largest peak memory of late, in bytes, where known.
    pub peak_memory: Option<u64>,
}

/// Two jobs that will meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coming {
    /// In order of id; the same job twice if it will meet itself.
    pub jobs: [ExpectationId; 2],
    /// How many times they meet if both take as long as 19 of 20 runs do at the most.
    pub possible: usize,
    /// How many times they meet even if both take their median.
    pub likely: usize,
    /// When the first of these begins.
    pub first: Timestamp,
    /// The longest of these.
    pub longest: Span,
}

/// What is to come.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Ahead {
    /// Pairs, the likely first, then the longest; at most [`PAIRS_LIMIT`].
    pub pairs: Vec<Coming>,
    /// Pairs that are not told.
    pub more: usize,
    /// Jobs that are due and of which nobody knows how long they take: whom they will meet is unknown.
    pub unknown: Vec<ExpectationId>,
    /// The moment that needs the most memory, if every peak is as large as of late.
    pub fullest: Option<Fullest>,
    /// Not all meetings were looked at: there were too many.
    pub cut: bool,
}

/// The moments after `now` and up to `until` at which something of this rhythm is due, at most [`DUE_LIMIT`]. `first` is
/// when it is due next, for a rhythm that counts from its last start. Empty when nothing is planned or nothing can be
/// computed.
pub fn due(rhythm: &Rhythm, first: Option<Timestamp>, now: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut at = now;
    while found.len() < DUE_LIMIT {
        let next = match rhythm {
            Rhythm::Cron(schedule) => schedule.next_after(at).ok(),
            Rhythm::Every(period) if period.is_zero() => None,
            Rhythm::Every(_) if found.is_empty() => first.filter(|first| *first > now),
            Rhythm::Every(period) => Some(at + *period),
            Rhythm::OnReport | Rhythm::Unknown { .. } => None,
        };
        match next {
            Some(next) if next <= until => found.push(next),
            _ => break,
        }
        at = found.last().copied().unwrap_or(until);
    }
    found
}

/// Looks at what is planned.
pub fn look_ahead(plans: &[Plan]) -> Ahead {
    let unknown = plans.iter().filter(|plan| plan.lengths.is_none() && !plan.due.is_empty());
    let unknown = unknown.map(|plan| plan.job.clone()).collect();
    let mut runs = Vec::new();
    for (of, plan) in plans.iter().enumerate() {
        let Some(lengths) = plan.lengths else { continue };
        runs.extend(plan.due.iter().map(|due| (of, *due, lengths)));
    }
    let longest: Vec<_> = runs.iter().map(|(_, from, lengths)| (*from, *from + lengths.upper)).collect();
    let mut found: BTreeMap<[&ExpectationId; 2], Coming> = BTreeMap::new();
    let cut = sweep(&longest, MEETINGS_LIMIT, |a, b| {
        let names = [&plans[runs[a].0].job, &plans[runs[b].0].job];
        let key = if names[0] <= names[1] { names } else { [names[1], names[0]] };
        let begins = longest[a].0.max(longest[b].0);
        let shared = longest[a].1.min(longest[b].1).since(begins);
        let coming = found.entry(key).or_insert_with(|| Coming {
            jobs: key.map(ExpectationId::clone),
            possible: 0,
            likely: 0,
            first: begins,
            longest: Span::ZERO,
        });
        let median = |i: usize| runs[i].1 + runs[i].2.median;
        coming.possible += 1;
        coming.likely += usize::from(begins < median(a).min(median(b)));
        coming.first = coming.first.min(begins);
        coming.longest = coming.longest.max(shared);
    });
    let mut pairs: Vec<_> = found.into_values().collect();
    pairs.sort_by_key(|pair| (pair.likely == 0, std::cmp::Reverse(pair.longest), pair.first));
    let more = pairs.len().saturating_sub(PAIRS_LIMIT);
    pairs.truncate(PAIRS_LIMIT);
    let stints: Vec<_> = runs
        .iter()
        .zip(&longest)
        .map(|((of, ..), (from, until))| Stint {
            job: plans[*of].job.clone(),
            from: *from,
            until: *until,
            well: true,
            peak_memory: plans[*of].peak_memory,
        })
        .collect();
    Ahead { pairs, more, unknown, fullest: fullest(&stints), cut: cut.is_some() }
}
