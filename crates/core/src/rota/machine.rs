//! The machine: turns that come due, wait for room, are issued, and are over when they are heard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expectation::Rhythm;
use crate::ids::{ExpectationId, RunId};
use crate::signal::{Report, Signal};
use crate::time::{Now, Span, Timestamp};

use super::slots::{self, Mark};

/// Most turns that `catch_up = "all"` makes up for.
const CAUGHT_UP: usize = 50;
/// Clocks that differ by less are slewed, not stepped.
const STEP: i64 = 2_000;
/// A run of which nothing was heard for so long holds no place any more.
const LONGEST: Span = Span::days(31);

/// One job that muster starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Whose.
    pub about: ExpectationId,
    /// When it is due.
    pub rhythm: Rhythm,
    /// How late a slot may still be started where nothing is caught up.
    pub start_within: Span,
    /// What becomes of slots that nobody was there for.
    pub catch_up: CatchUp,
    /// It is started up to so much after its slot, always by the same length.
    pub jitter: Span,
}

/// What becomes of slots that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// One run for all of them.
    #[default]
    Once,
    /// None, unless it is not too late for the last one.
    Skip,
    /// A run for each, at most the last fifty.
    All,
}

/// One start of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Whose.
    pub about: ExpectationId,
    /// The run that it is.
    pub run: RunId,
    /// The slot, or when it was asked for.
    pub due: Timestamp,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// As many run as may.
    Waiting,
    /// To be started; nothing was heard of it yet.
    Issued,
    /// Its start was heard.
    Running,
}

/// The whole memory of the rota, as it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StoredRota {
    #[serde(default)]
    marks: BTreeMap<ExpectationId, Mark>,
    #[serde(default)]
    pub(super) turns: Vec<Turn>,
    /// The clocks and the boot when this was stored.
    #[serde(default)]
    seen: Option<(Now, String)>,
}

/// Who is to be started, and what became of it.
#[derive(Debug, Clone)]
pub struct Rota {
    entries: BTreeMap<ExpectationId, Entry>,
    at_once: usize,
    state: StoredRota,
    /// The next slot of each entry, as computed from its mark.
    next: BTreeMap<ExpectationId, Timestamp>,
    last: Now,
    boot: String,
    /// A step of the clock while nobody was there; it waits for the first plan.
    woken: i64,
    ready: bool,
    changed: bool,
}

impl Rota {
    /// Takes up an old memory, or begins without one. Nothing is issued before [`Rota::drained`].
    pub fn restore(state: Option<StoredRota>, boot: &str, now: Now) -> Self {
        let state = state.unwrap_or_default();
        let woken = match &state.seen {
            Some((seen, before)) if before == boot => step(*seen, now),
            // Time since boot says nothing across boots; but no time can have been less than none.
            Some((seen, _)) => now.wall.millis().saturating_sub(seen.wall.millis()).min(0),
            None => 0,
        };
        Self {
            entries: BTreeMap::new(),
            at_once: 1,
            state,
            next: BTreeMap::new(),
            last: now,
            boot: boot.to_owned(),
            woken: if woken.abs() > STEP { woken } else { 0 },
            ready: false,
            changed: false,
        }
    }

    /// Replaces the plan. A new job, or one with another rhythm, begins with its next slot. At most `at_once` turns run
    /// at the same time, at least one.
    pub fn expect(&mut self, plan: Vec<Entry>, at_once: usize, now: Now) {
        self.observe(now);
        let step = std::mem::take(&mut self.woken);
        self.at_once = at_once.max(1);
        let entries: BTreeMap<ExpectationId, Entry> =
            plan.into_iter().map(|entry| (entry.about.clone(), entry)).collect();
        if entries == self.entries && step == 0 {
            return;
        }
        self.entries = entries;
        self.changed = true;
        let entries = &self.entries;
        self.state.marks.retain(|about, _| entries.contains_key(about));
        // A turn that nobody has begun is not wanted any more; a wish of a person is issued at once and stays.
        self.state.turns.retain(|turn| turn.stage != Stage::Waiting || entries.contains_key(&turn.about));
        for (about, entry) in entries {
            let rhythm = entry.rhythm.text();
            let afresh = || Mark { at: now.wall, rhythm: rhythm.clone(), rewinds: 0 };
            let mark = self.state.marks.entry(about.clone()).or_insert_with(afresh);
            if mark.rhythm != rhythm {
                *mark = Mark { rewinds: mark.rewinds.wrapping_add(1), ..afresh() };
            } else if step != 0 {
                mark.step(&entry.rhythm, step, now.wall);
            }
        }
        self.compute();
    }

    /// Everything that was spooled before has been heard: a turn that was issued and of which nothing is known has not
    /// begun.
    pub fn drained(&mut self) {
        self.ready = true;
    }

    /// Makes turns of what is due, and issues as many as may run.
    pub fn tick(&mut self, now: Now) {
        self.observe(now);
        if !self.ready {
            return;
        }
        let due: Vec<ExpectationId> = self
            .next
            .iter()
            .filter(|(about, slot)| **slot + self.delay(about) <= now.wall)
            .map(|(about, _)| about.clone())
            .collect();
        for about in due {
            self.take_turns(&about, now.wall);
        }
        let turns = self.state.turns.len();
        self.state.turns.retain(|turn| now.wall.since(turn.due) < LONGEST);
        self.changed |= turns != self.state.turns.len();
        let mut room =
            self.at_once.saturating_sub(self.state.turns.iter().filter(|turn| turn.is_under_way()).count());
        for turn in &mut self.state.turns {
            if room == 0 {
                break;
            }
            if turn.stage == Stage::Waiting {
                turn.stage = Stage::Issued;
                self.changed = true;
                room -= 1;
            }
        }
    }

    fn take_turns(&mut self, about: &ExpectationId, now: Timestamp) {
        let (Some(entry), Some(mark)) = (self.entries.get(about), self.state.marks.get_mut(about)) else {
            return;
        };
        let delay = slots::delay(about, entry.jitter);
        let most = if entry.catch_up == CatchUp::All { CAUGHT_UP } else { 1 };
        let slots = slots::due(&entry.rhythm, mark.at, now - delay, most);
        let Some(last) = slots.last() else { return };
        mark.at = *last;
        self.changed = true;
        let waits = self.state.turns.iter().any(|turn| turn.about == *about && turn.stage == Stage::Waiting);
        for slot in &slots {
            let wanted = match entry.catch_up {
                CatchUp::All => true,
                // One that waits already does for both.
                CatchUp::Once => !waits,
                CatchUp::Skip => !waits && now <= *slot + delay + entry.start_within,
            };
            if wanted && let Some(run) = slots::run_of(about, *slot, mark.rewinds) {
                let turn = Turn { about: about.clone(), run, due: *slot, stage: Stage::Waiting };
                self.state.turns.push(turn);
            }
        }
        match slots::next(&entry.rhythm, mark.at) {
            Some(next) => self.next.insert(about.clone(), next),
            None => self.next.remove(about),
        };
    }

    /// A person wants a run of this job now, beside whatever runs. `run` must be fresh.
    pub fn run_now(&mut self, about: ExpectationId, run: RunId, now: Now) {
        self.state.turns.push(Turn { about, run, due: now.wall, stage: Stage::Issued });
        self.changed = true;
    }

    /// Hears of a run: a turn that began is no longer to be started, and one that ended makes room.
    pub fn hear(&mut self, signal: &Signal) {
        let Some(run) = &signal.run else { return };
        let known = self.state.turns.iter().position(|turn| turn.run == *run && turn.about == signal.about);
        let Some(known) = known else { return };
        match &signal.report {
            Report::Start { .. } if self.state.turns[known].stage != Stage::Running => {
                self.state.turns[known].stage = Stage::Running;
                self.changed = true;
            }
            Report::Success(_) | Report::Failure(_) | Report::Skip { .. } => {
                self.state.turns.remove(known);
                self.changed = true;
            }
            Report::Start { .. }
            | Report::Unseen { .. }
            | Report::Alive
            | Report::Spent { .. }
            | Report::Log { .. }
            | Report::Acknowledge { .. }
            | Report::Pause { .. }
            | Report::Resume { .. } => {}
        }
    }

    /// The turns to start, of which nothing was heard yet; none before [`Rota::drained`]. Only those that are stored may
    /// be started.
    pub fn issued(&self) -> Vec<Turn> {
        let issued = self.state.turns.iter().filter(|turn| self.ready && turn.stage == Stage::Issued);
        issued.cloned().collect()
    }

    /// The next moment at which [`Rota::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let next = self.next.iter().map(|(about, slot)| *slot + self.delay(about)).min();
        next.filter(|_| self.ready)
    }

    /// The memory to store, if it changed since the last call.
    pub fn changed(&mut self) -> Option<StoredRota> {
        std::mem::take(&mut self.changed).then(|| self.memory())
    }

    /// The whole memory.
    pub fn memory(&self) -> StoredRota {
        StoredRota { seen: Some((self.last, self.boot.clone())), ..self.state.clone() }
    }

    fn delay(&self, about: &ExpectationId) -> Span {
        self.entries.get(about).map_or(Span::ZERO, |entry| slots::delay(about, entry.jitter))
    }

    fn compute(&mut self) {
        self.next = self
            .entries
            .iter()
            .filter_map(|(about, entry)| {
                let mark = self.state.marks.get(about)?;
                Some((about.clone(), slots::next(&entry.rhythm, mark.at)?))
            })
            .collect();
    }

    /// Reads the clocks against the last reading.
    fn observe(&mut self, now: Now) {
        let step = step(std::mem::replace(&mut self.last, now), now);
        if step.abs() <= STEP {
            return;
        }
        for (about, entry) in &self.entries {
            if let Some(mark) = self.state.marks.get_mut(about) {
                mark.step(&entry.rhythm, step, now.wall);
            }
        }
        for turn in &mut self.state.turns {
            turn.due = turn.due.shifted(step);
        }
        self.changed = true;
        self.compute();
    }
}

impl Turn {
    fn is_under_way(&self) -> bool {
        self.stage != Stage::Waiting
    }
}

/// How far the wall was stepped between two readings of one boot, in milliseconds.
fn step(before: Now, after: Now) -> i64 {
    let passed = after.wall.millis().saturating_sub(before.wall.millis());
    let elapsed = i64::try_from(after.uptime.as_millis()).unwrap_or(i64::MAX)
        - i64::try_from(before.uptime.as_millis()).unwrap_or(i64::MAX);
    passed.saturating_sub(elapsed)
}
