//! Which runs met, how often, how long, and what it cost in time.
//!
//! Cost is told only where both sides have enough runs: the median length of runs that had company, and of runs that had
//! none. A run that takes long for another reason meets more of the others just because it is there longer; so only
//! company within the first part of a run counts, up to the length that the shortest quarter of its runs stays below.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stint::{Stint, quantile};
use super::sweep::sweep;
use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

/// Fewest runs with company, and fewest without, from which a cost is told.
pub const ENOUGH: usize = 4;
/// From this factor on a job is slower with company.
pub const SLOWER: f64 = 1.15;
/// Most meetings of two runs that are looked at.
pub const MEETINGS_LIMIT: usize = 400_000;
/// Most pairs of jobs that are told.
pub const PAIRS_LIMIT: usize = 200;

/// Two jobs whose runs met, or one job that met itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Two sides in order of id; the same job twice if it met itself.
    pub sides: [Side; 2],
    /// How many times a run of one met a run of the other.
    pub meetings: usize,
    /// The longest of these.
    pub longest: Span,
    /// All of these together.
    pub together: Span,
    /// When the last of these began.
    pub last: Timestamp,
}

/// One of the two jobs of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Which job.
    pub job: ExpectationId,
    /// Its runs that were looked at.
    pub runs: usize,
    /// How many of these met the other.
    pub met: usize,
    /// What the other's company cost it, where enough runs tell.
    pub cost: Option<Cost>,
}

/// Median lengths with company and without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Median of the runs that had the other's company.
    pub with: Span,
    /// Median of the runs that had nobody's.
    pub alone: Span,
    /// How many had the other's company.
    pub runs_with: usize,
    /// How many had nobody's.
    pub runs_alone: usize,
}

impl Cost {
    /// How many times as long it took with company.
    pub fn factor(&self) -> f64 {
        self.with.as_seconds() / self.alone.as_seconds().max(0.001)
    }

    /// True if it took longer by more than what medians differ by anyway.
    pub fn is_slower(&self) -> bool {
        self.factor() >= SLOWER
    }

    /// Time lost in all; zero if it was not slower.
    pub fn lost(&self) -> Span {
        if !self.is_slower() {
            return Span::ZERO;
        }
        (self.with - self.alone).times(self.runs_with as u64)
    }
}

impl Pair {
    /// A job that met itself.
    pub fn is_own(&self) -> bool {
        self.sides[0].job == self.sides[1].job
    }

    /// The side with fewer runs, and the other.
    pub fn rarer(&self) -> (&Side, &Side) {
        let [one, other] = &self.sides;
        if other.runs < one.runs { (other, one) } else { (one, other) }
    }

    /// Time that company cost both.
    pub fn lost(&self) -> Span {
        let lost = |side: &Side| side.cost.map_or(Span::ZERO, |cost| cost.lost());
        let other = if self.is_own() { Span::ZERO } else { lost(&self.sides[1]) };
        lost(&self.sides[0]) + other
    }
}

/// What was found in the past.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Past {
    /// Pairs, the most time lost first, then the longest meeting; at most [`PAIRS_LIMIT`].
    pub pairs: Vec<Pair>,
    /// Pairs that are not told.
    pub more: usize,
    /// Meetings of runs that ended before this were not looked at: there were too many.
    pub cut: Option<Timestamp>,
}

#[derive(Default)]
struct Tally {
    meetings: usize,
    longest: Span,
    together: Span,
    last: Timestamp,
    /// Runs of both sides that met, and those of them that met early enough to count as company.
    met: [Vec<usize>; 2],
    company: [Vec<usize>; 2],
}

/// Looks at runs that ended or go on.
pub fn look_back(stints: &[Stint]) -> Past {
    let (names, of) = number(stints);
    let heads = heads(stints, &names, &of);
    let intervals: Vec<_> = stints.iter().map(|stint| (stint.from, stint.until)).collect();
    let mut tallies: BTreeMap<(usize, usize), Tally> = BTreeMap::new();
    let mut disturbed = vec![false; stints.len()];
    let cut = sweep(&intervals, MEETINGS_LIMIT, |a, b| {
        let (a, b) = if (of[a], a) <= (of[b], b) { (a, b) } else { (b, a) };
        let from = stints[a].from.max(stints[b].from);
        let shared = stints[a].until.min(stints[b].until).since(from);
        let tally = tallies.entry((of[a], of[b])).or_default();
        tally.meetings += 1;
        tally.longest = tally.longest.max(shared);
        tally.together = tally.together + shared;
        tally.last = tally.last.max(from);
        let own = of[a] == of[b];
        for (side, run, other) in [(0, a, b), (1, b, a)] {
            let side = if own { 0 } else { side };
            tally.met[side].push(run);
            if stints[other].from < stints[run].from + heads[of[run]] {
                disturbed[run] = true;
                tally.company[side].push(run);
            }
        }
    });
    let looked = |stint: &Stint| cut.is_none_or(|cut| stint.until > cut);
    let mut runs = vec![0; names.len()];
    let mut alone: Vec<Vec<Span>> = vec![Vec::new(); names.len()];
    for (i, stint) in stints.iter().enumerate().filter(|(_, stint)| looked(stint)) {
        runs[of[i]] += 1;
        if stint.well && !disturbed[i] {
            alone[of[i]].push(stint.length());
        }
    }
    alone.iter_mut().for_each(|lengths| lengths.sort_unstable());
    let mut pairs: Vec<_> = tallies
        .into_iter()
        .map(|((one, other), tally)| {
            let own = one == other;
            let side = |side: usize, job: usize| {
                let mut met = tally.met[side].clone();
                met.sort_unstable();
                met.dedup();
                let cost = cost(stints, &tally.company[side], &alone[job]);
                Side { job: names[job].clone(), runs: runs[job], met: met.len(), cost }
            };
            Pair {
                sides: [side(0, one), side(usize::from(!own), other)],
                meetings: tally.meetings,
                longest: tally.longest,
                together: tally.together,
                last: tally.last,
            }
        })
        .collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse((pair.lost(), pair.longest)));
    let more = pairs.len().saturating_sub(PAIRS_LIMIT);
    pairs.truncate(PAIRS_LIMIT);
    Past { pairs, more, cut }
}

/// Numbers for names in order of id, and the number of each stint.
fn number(stints: &[Stint]) -> (Vec<ExpectationId>, Vec<usize>) {
    let mut numbers: BTreeMap<&ExpectationId, usize> = stints.iter().map(|stint| (&stint.job, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(n, number)| *number = n);
    let of = stints.iter().map(|stint| numbers.get(&stint.job).copied().unwrap_or_default()).collect();
    (numbers.into_keys().cloned().collect(), of)
}

/// For each job the part of a run in which company counts.
fn heads(stints: &[Stint], names: &[ExpectationId], of: &[usize]) -> Vec<Span> {
    let mut lengths: Vec<Vec<Span>> = vec![Vec::new(); names.len()];
    for (i, stint) in stints.iter().enumerate().filter(|(_, stint)| stint.well) {
        lengths[of[i]].push(stint.length());
    }
    let head = |mut lengths: Vec<Span>| {
        lengths.sort_unstable();
        quantile(&lengths, 25)
    };
    lengths.into_iter().map(head).collect()
}

fn cost(stints: &[Stint], company: &[usize], alone: &[Span]) -> Option<Cost> {
    let mut runs: Vec<usize> = company.iter().copied().filter(|&run| stints[run].well).collect();
    runs.sort_unstable();
    runs.dedup();
    if runs.len() < ENOUGH || alone.len() < ENOUGH {
        return None;
    }
    let mut with: Vec<_> = runs.iter().map(|&run| stints[run].length()).collect();
    with.sort_unstable();
    Some(Cost {
        with: quantile(&with, 50),
        alone: quantile(alone, 50),
        runs_with: with.len(),
        runs_alone: alone.len(),
    })
}
