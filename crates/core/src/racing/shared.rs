//! When a job had company: for drawing.

use std::collections::BTreeMap;

use super::past::MEETINGS_LIMIT;
use super::stint::Stint;
use super::sweep::sweep;
use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

/// From when until when a job shared the host with another run that lasts as long.
pub type Shared<'a> = BTreeMap<&'a ExpectationId, Vec<(Timestamp, Timestamp)>>;

/// For each job the moments in which one of its runs met another, oldest first and joined where they touch. Runs shorter
/// than `least` are left out: a job of seconds meets everybody and costs nobody anything.
pub fn shared(stints: &[Stint], least: Span) -> Shared<'_> {
    let long: Vec<_> = stints.iter().filter(|stint| stint.length() >= least).collect();
    let intervals: Vec<_> = long.iter().map(|stint| (stint.from, stint.until)).collect();
    let mut found: Shared<'_> = BTreeMap::new();
    // Too many to look at are too many to draw: the newest are there.
    sweep(&intervals, MEETINGS_LIMIT, |a, b| {
        let span = (intervals[a].0.max(intervals[b].0), intervals[a].1.min(intervals[b].1));
        for i in [a, b] {
            found.entry(&long[i].job).or_default().push(span);
        }
    });
    for spans in found.values_mut() {
        spans.sort_unstable();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (from, until) in spans.drain(..) {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => joined.push((from, until)),
            }
        }
        *spans = joined;
    }
    found
}
