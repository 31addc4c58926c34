//! Looks and traces, held in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_core::ids::ExpectationId;
use muster_core::look::{Look, Tally, Trace};
use muster_core::time::Timestamp;

use crate::contract::DayTally;
use crate::keep::Keep;
use crate::looks::{self, Bare, Place, TRACES};

/// Most looks; at 15 a second half an hour. What they add up to is kept for longer.
const LOOKS: usize = 32_768;

/// Most traces of all checks together.
const ALL_TRACES: usize = 1024;

/// Most days of all checks together that are kept as tallies.
const DAYS: usize = 32_768;

/// What checks saw.
#[derive(Default, Clone)]
pub(super) struct Watched {
    looks: BTreeMap<ExpectationId, BTreeMap<Place, Bare>>,
    /// In the order in which they came.
    order: VecDeque<(ExpectationId, Place)>,
    tallies: BTreeMap<(ExpectationId, i64), Tally>,
    slots: BTreeMap<ExpectationId, Timestamp>,
    traces: VecDeque<Trace>,
}

impl Watched {
    pub(super) fn see(&mut self, looks: Vec<Look>) {
        for look in looks {
            let (about, look) = (look.about.clone(), Bare::of(&look));
            let place = look.place();
            let own = self.looks.entry(about.clone()).or_default();
            if own.contains_key(&place) {
                continue;
            }
            let mut days = BTreeMap::new();
            looks::count(&look, &mut days);
            for (day, tally) in days {
                self.tallies.entry((about.clone(), day)).or_default().join(&tally);
            }
            if let Some(slot) = look.last_slot() {
                let last = self.slots.entry(about.clone()).or_insert(slot);
                *last = slot.max(*last);
            }
            own.insert(place, look);
            self.order.push_back((about, place));
        }
    }

    pub(super) fn note(&mut self, traces: &[Trace]) {
        for trace in traces {
            if !self.traces.iter().any(|other| other.about == trace.about && other.at == trace.at) {
                self.traces.push_back(looks::cut(trace));
            }
        }
    }

    /// Keeps it bounded; how many looks and traces were given up.
    pub(super) fn bound(&mut self) -> u64 {
        let mut dropped = 0;
        while self.order.len() > LOOKS {
            let Some((about, place)) = self.order.pop_front() else { break };
            self.forget(&about, &place);
            dropped += 1;
        }
        while self.tallies.len() > DAYS {
            let oldest = self.tallies.keys().map(|(_, day)| *day).min();
            self.tallies.retain(|(_, day), _| Some(*day) != oldest);
        }
        let before = self.traces.len();
        let mut newest: BTreeMap<ExpectationId, BTreeSet<Timestamp>> = BTreeMap::new();
        for trace in &self.traces {
            let own = newest.entry(trace.about.clone()).or_default();
            own.insert(trace.at);
            while own.len() > TRACES {
                own.pop_first();
            }
        }
        self.traces.retain(|trace| newest.get(&trace.about).is_some_and(|own| own.contains(&trace.at)));
        let surplus = self.traces.len().saturating_sub(ALL_TRACES);
        self.traces.drain(..surplus);
        dropped + (before - self.traces.len()) as u64
    }

    fn forget(&mut self, about: &ExpectationId, place: &Place) {
        if let Some(own) = self.looks.get_mut(about) {
            own.remove(place);
            if own.is_empty() {
                self.looks.remove(about);
            }
        }
    }

    pub(super) fn looks(&self) -> Vec<Look> {
        let find = |(about, place): &(ExpectationId, Place)| {
            self.looks.get(about)?.get(place).map(|look| look.look(about.clone()))
        };
        self.order.iter().filter_map(find).collect()
    }

    pub(super) fn traces(&self) -> Vec<Trace> {
        self.traces.iter().cloned().collect()
    }

    pub(super) fn looks_of(&self, about: &ExpectationId, since: Timestamp, limit: usize) -> Vec<Look> {
        let own = self.looks.get(about).into_iter().flatten();
        let wanted = own.filter(|(place, _)| place.0 >= since);
        looks::newest(wanted.map(|(place, look)| (*place, *look)).collect(), about, limit)
    }

    pub(super) fn tallies(&self, about: Option<&ExpectationId>, since: Timestamp) -> Vec<DayTally> {
        let first = looks::day(since);
        self.tallies
            .iter()
            .filter(|((own, day), _)| *day >= first && about.is_none_or(|about| about == own))
            .map(|((own, day), tally)| (own.clone(), looks::day_start(*day), *tally))
            .collect()
    }

    pub(super) fn last_slots(&self) -> BTreeMap<ExpectationId, Timestamp> {
        self.slots.clone()
    }

    pub(super) fn traces_of(&self, about: &ExpectationId, limit: usize) -> Vec<Trace> {
        let mut own: Vec<_> = self.traces.iter().filter(|trace| trace.about == *about).cloned().collect();
        own.sort_by_key(|trace| std::cmp::Reverse(trace.at));
        own.truncate(limit.min(TRACES));
        own
    }

    pub(super) fn prune(&mut self, keep: &Keep, now: Timestamp) {
        let cutoff = now - keep.looks.min(keep.age);
        let old: Vec<_> = self.order.iter().filter(|(_, place)| place.0 < cutoff).cloned().collect();
        for (about, place) in &old {
            self.forget(about, place);
        }
        self.order.retain(|(_, place)| place.0 >= cutoff);
        let first = looks::day(now - keep.age);
        self.tallies.retain(|(_, day), _| *day >= first);
        self.traces.retain(|trace| trace.at >= now - keep.age);
    }

    pub(super) fn rows(&self) -> usize {
        self.order.len() + self.tallies.len() + self.traces.len()
    }

    /// An estimate, in bytes.
    pub(super) fn size(&self) -> u64 {
        let traces: usize = self.traces.iter().map(looks::weight).sum();
        (self.order.len() * 256 + self.tallies.len() * 128 + self.slots.len() * 64 + traces) as u64
    }
}
