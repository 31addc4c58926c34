//! The machine and its public face: rows in order of their ids, an index of their deadlines, and decisions that wait
//! to be carried out. A tick costs time in the order of what is due, not of what is expected.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::effect::{Condition, Effect};
use crate::expectation::{Expectation, Rhythm};
use crate::ids::ExpectationId;
use crate::signal::Signal;
use crate::time::{Now, Span, Timestamp};

use super::clock::{Blind, step_between};
use super::parent::{ParentView, lineage};
use super::row::{Row, Scene, StoredRow, mutated};
use super::run::OpenRun;

/// A longer time between two calls means that nothing could be heard.
const TICK_PROMISE: Span = Span::seconds(10);
/// Silence is judged without the spool when that has not been read for this long.
const PATIENCE: Span = Span::minutes(2);

/// When the last agent was last known to be alive. Stored together with the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// Both clocks.
    pub now: Now,
    /// The boot that `now.uptime` counts from (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It changed the state of its expectation.
    Heard,
    /// Nobody of that name is expected.
    UnknownExpectation,
    /// Its id was heard before; nothing changed.
    Repeated,
}

/// Who must report, what was heard, and what was decided.
#[derive(Debug, Clone)]
pub struct RollCall {
    /// Ordered by id.
    rows: Vec<Row>,
    /// The deadline of each row that has one.
    index: BTreeSet<(Timestamp, usize)>,
    out: Vec<Effect>,
    dirty: Vec<usize>,
    removed: BTreeSet<ExpectationId>,
    /// Memories that wait for the first plan.
    restored: BTreeMap<ExpectationId, StoredRow>,
    seen: Option<LastSeen>,
    /// A step and a blind interval that wait for the first plan.
    woken: Option<(i64, Option<Blind>)>,
    /// The last reading of the clocks.
    last: Option<Now>,
    ticked: Option<Timestamp>,
    /// The spool is not read yet; silence is judged without it from then on.
    undrained: Option<Timestamp>,
    promise: Span,
    #[cfg(test)]
    pub(super) mutant: Option<super::mutant::Mutant>,
    #[cfg(test)]
    woke: Option<Timestamp>,
}

impl Default for RollCall {
    fn default() -> Self {
        Self::new()
    }
}

impl RollCall {
    /// A roll on which nobody stands.
    pub fn new() -> Self {
        Self::restore(Vec::new(), None)
    }

    /// Takes up old memories. They wait for [`RollCall::expect`] to say who is still expected; signals heard before
    /// that are unknown. Follow with [`RollCall::wake`].
    pub fn restore(rows: Vec<StoredRow>, seen: Option<LastSeen>) -> Self {
        Self {
            rows: Vec::new(),
            index: BTreeSet::new(),
            out: Vec::new(),
            dirty: Vec::new(),
            removed: BTreeSet::new(),
            restored: rows.into_iter().map(|row| (row.id.clone(), row)).collect(),
            seen,
            woken: None,
            last: None,
            ticked: None,
            undrained: None,
            promise: TICK_PROMISE,
            #[cfg(test)]
            mutant: None,
            #[cfg(test)]
            woke: None,
        }
    }

    /// Changes how often the caller promises to call [`RollCall::tick`] (10 s unless said). A longer gap between two
    /// calls is a blind interval.
    #[must_use]
    pub fn promising(mut self, promise: Span) -> Self {
        self.promise = promise;
        self
    }

    /// Replaces the roll. New ones are registered and planned; changed ones keep their state; removed ones are
    /// withdrawn, and whoever was told of their incident hears that. Of two with the same id the later counts.
    pub fn expect(&mut self, plan: Vec<Expectation>, now: Now) {
        self.observe(now);
        self.ticked = None;
        let wall = now.wall;
        let plan: BTreeMap<ExpectationId, Expectation> =
            plan.into_iter().map(|spec| (spec.id.clone(), spec)).collect();
        let mut memories = std::mem::take(&mut self.restored);
        let anew: BTreeSet<ExpectationId> = memories.keys().cloned().collect();
        for row in std::mem::take(&mut self.rows) {
            memories.insert(row.state.id.clone(), row.state);
        }
        let specs: Vec<&Expectation> = plan.values().collect();
        let parents = lineage(&specs);
        self.index.clear();
        self.dirty.clear();
        self.rows = plan
            .into_values()
            .map(|spec| {
                let memory = memories.remove(&spec.id);
                self.removed.remove(&spec.id);
                let mut row = Row::bind(spec, memory, wall);
                if anew.contains(row.state.id()) {
                    row.begin_again(wall);
                }
                row
            })
            .collect();
        for (place, parents) in parents.into_iter().enumerate() {
            for parent in &parents {
                self.rows[*parent].children.push(place);
            }
            self.rows[place].parents = parents;
        }
        self.dirty.extend(0..self.rows.len());
        for (id, memory) in memories {
            let spec = Expectation::new(id.clone(), Rhythm::OnReport, Span::ZERO);
            let mut row = Row::bind(spec, Some(memory), wall);
            let mut scene = Scene {
                now: wall,
                undrained: self.undrained.is_some(),
                parent: ParentView::Absent,
                out: &mut self.out,
                #[cfg(test)]
                mutant: self.mutant,
            };
            row.withdraw(&mut scene);
            self.removed.insert(id);
        }
        for place in 0..self.rows.len() {
            self.touch(place, wall, |row, scene| row.plan(scene));
        }
        if let Some((step, blind)) = self.woken.take() {
            self.disturb(step, blind, wall);
        }
    }

    /// Begins a new life after [`RollCall::restore`]: the time since the last one is a blind interval if it was longer
    /// than the promised tick. Until [`RollCall::drained`] no silence of what is spooled is judged.
    pub fn wake(&mut self, boot: &str, now: Now) {
        self.undrained = Some(now.wall + PATIENCE);
        self.last = Some(now);
        #[cfg(test)]
        {
            self.woke = Some(now.wall);
        }
        let Some(seen) = self.seen.take() else {
            self.reindex();
            return;
        };
        let (elapsed, step) = if seen.boot == boot {
            let elapsed = now.uptime - seen.now.uptime;
            (elapsed, step_between(seen.now, now, elapsed))
        } else {
            // Time since boot says nothing across boots; but no time can have been less than none.
            let passed = now.wall.millis().saturating_sub(seen.now.wall.millis());
            (now.wall.since(seen.now.wall), passed.min(0))
        };
        let from = now.wall - elapsed;
        let blind = (elapsed > self.promise).then(|| Blind {
            from,
            to: now.wall,
            why: format!("muster was not running from {from} to {}", now.wall),
        });
        if self.restored.is_empty() {
            self.disturb(step, blind, now.wall);
        } else {
            self.woken = Some((step, blind));
        }
        self.reindex();
    }

    /// Hears one signal. One whose expectation is unknown is not remembered. While [`RollCall::awaits_drain`], spooled
    /// signals should come in order of their time: a slot is judged by what was heard before the next one is filled.
    pub fn hear(&mut self, signal: &Signal, now: Now) -> Answer {
        self.observe(now);
        let Some(place) = self.find(&signal.about) else {
            return Answer::UnknownExpectation;
        };
        if !self.rows[place].remember(&signal.id) {
            return Answer::Repeated;
        }
        self.ticked = None;
        self.touch(place, now.wall, |row, scene| row.hear(signal, scene));
        Answer::Heard
    }

    /// Hears silence: everything whose deadline has come is judged. Also notices that the clock was stepped (wall and
    /// uptime drifted apart by more than 2 s between two calls) or that the caller was stopped (a gap longer than the
    /// promised tick).
    pub fn tick(&mut self, now: Now) {
        self.observe(now);
        if self.undrained.is_some_and(|until| until <= now.wall) {
            self.undrained = None;
            self.reindex();
        }
        while let Some(&(due, place)) = self.index.first() {
            if due > now.wall {
                break;
            }
            if mutated!(self, HungBlocksRest) && self.rows[place].state.runs.iter().any(|run| run.late) {
                break;
            }
            self.touch(place, now.wall, Row::tick);
            if self.rows[place].wake.is_some_and(|wake| wake <= now.wall) {
                // A row that asks again for this very moment would hold up all others.
                self.index.remove(&(self.rows[place].wake.unwrap_or(due), place));
                self.index.insert((now.wall + Span::seconds(1), place));
                self.rows[place].wake = Some(now.wall + Span::seconds(1));
            }
            if mutated!(self, CrowdedTick) {
                break;
            }
        }
        self.ticked = Some(now.wall);
    }

    /// Everything that was spooled before has been heard: what is silent now was silent.
    pub fn drained(&mut self, now: Now) {
        self.observe(now);
        self.undrained = None;
        self.reindex();
        self.tick(now);
    }

    /// True while silence waits for the spool to be read and [`RollCall::drained`] to be called: after
    /// [`RollCall::wake`], and after the caller was stopped for a while.
    pub fn awaits_drain(&self) -> bool {
        self.undrained.is_some()
    }

    /// The next moment at which [`RollCall::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let due = self.index.first().map(|(due, _)| *due);
        due.into_iter().chain(self.undrained).min()
    }

    /// Hands out what was decided since the last call, in order.
    pub fn drain(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    /// Hands out the rows to store since the last call; none for a row to remove.
    pub fn changed(&mut self) -> Vec<(ExpectationId, Option<StoredRow>)> {
        let mut changed: Vec<(ExpectationId, Option<StoredRow>)> =
            std::mem::take(&mut self.removed).into_iter().map(|id| (id, None)).collect();
        for place in std::mem::take(&mut self.dirty) {
            let row = &mut self.rows[place];
            row.dirty = false;
            row.stored = row.state.last_heard.unwrap_or(row.stored);
            changed.push((row.state.id.clone(), Some(row.state.clone())));
        }
        changed
    }

    /// How everything stands.
    pub fn board(&self, now: Now) -> Board {
        let lines = (0..self.rows.len()).map(|place| self.with_scene(place, Row::line)).collect();
        Board { at: now.wall, lines }
    }

    /// How one of them stands; none if it is not on the roll.
    pub fn condition(&self, id: &ExpectationId) -> Option<Condition> {
        self.find(id).map(|place| self.rows[place].state.standing.condition())
    }

    /// The open runs whose watching process is known. A process that is gone should be reported as a failure with the
    /// ending [`crate::signal::Ending::Lost`].
    pub fn open_runs(&self) -> Vec<OpenRun> {
        let mut open = Vec::new();
        for row in &self.rows {
            for run in &row.state.runs {
                if let Some(process) = &run.process {
                    let (about, run, since) = (row.state.id.clone(), run.id.clone(), run.since);
                    open.push(OpenRun { about, run, since, process: process.clone() });
                }
            }
        }
        open
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn ticked(&self) -> Option<Timestamp> {
        self.ticked
    }

    fn find(&self, id: &ExpectationId) -> Option<usize> {
        self.rows.binary_search_by(|row| row.state.id.cmp(id)).ok()
    }

    fn parent_view(&self, place: usize) -> ParentView {
        let views = self.rows[place].parents.iter().map(|parent| self.rows[*parent].seen_by_child());
        views.fold(ParentView::Absent, ParentView::or)
    }

    /// Looks at a row as it is seen in a change that changes nothing.
    pub(super) fn with_scene<T>(&self, place: usize, look: impl FnOnce(&Row, &Scene<'_>) -> T) -> T {
        let mut out = Vec::new();
        let scene = Scene {
            now: self.last.map_or(Timestamp::default(), |last| last.wall),
            undrained: self.undrained.is_some(),
            parent: self.parent_view(place),
            out: &mut out,
            #[cfg(test)]
            mutant: self.mutant,
        };
        look(&self.rows[place], &scene)
    }

    /// Changes one row, tells what is due to be told, and lets its children know.
    fn touch(&mut self, place: usize, now: Timestamp, change: impl FnOnce(&mut Row, &mut Scene<'_>)) {
        self.alter(place, now, change);
        self.spread(place, now);
    }

    /// Lets the children of a row know that it began or ceased to hold their pages back.
    fn spread(&mut self, place: usize, now: Timestamp) {
        let mut turned = self.turned(place, now);
        // A child's page depends on us, and nobody's on the child's page; but a maintenance of the child may have begun or
        // ended unseen.
        while let Some((place, held)) = turned.pop() {
            for child in self.rows[place].children.clone() {
                self.alter(child, now, |row, scene| {
                    row.blame(scene);
                    // Another parent may still hold it back.
                    if held && !matches!(scene.parent, ParentView::Down(_)) {
                        row.released(scene);
                    }
                });
                turned.append(&mut self.turned(child, now));
            }
        }
    }

    /// The row if it began or ceased to hold pages back, and whether it did before.
    fn turned(&mut self, place: usize, now: Timestamp) -> Vec<(usize, bool)> {
        let row = &mut self.rows[place];
        let (held, holds) = (row.holding, row.suppresses(now));
        row.holding = holds;
        if held == holds { Vec::new() } else { vec![(place, held)] }
    }

    fn alter(&mut self, place: usize, now: Timestamp, change: impl FnOnce(&mut Row, &mut Scene<'_>)) {
        let parent = self.parent_view(place);
        let mut scene = Scene {
            now,
            undrained: self.undrained.is_some(),
            parent,
            out: &mut self.out,
            #[cfg(test)]
            mutant: self.mutant,
        };
        let row = &mut self.rows[place];
        let well = row.is_well();
        row.look_up(&scene);
        change(row, &mut scene);
        #[cfg(test)]
        let said = scene.out.len();
        row.speak(&mut scene);
        let wake = row.deadline(&scene);
        let routine = well && row.is_well() && row.is_stored_lately(now);
        if !row.dirty && !routine {
            row.dirty = true;
            self.dirty.push(place);
        }
        #[cfg(test)]
        if mutated!(self, OnlyGlobalStatus) && self.rows.iter().filter(|row| row.suppresses(now)).count() > 1
        {
            self.out.truncate(said);
        }
        self.set_wake(place, wake);
    }

    fn set_wake(&mut self, place: usize, wake: Option<Timestamp>) {
        #[cfg(test)]
        let wake = match (wake, self.woke) {
            (Some(wake), Some(woke)) if mutated!(self, StaggeredStart) => {
                Some(wake.max(woke + Span::seconds(20).times(place as u64 + 1)))
            }
            (wake, _) => wake,
        };
        let row = &mut self.rows[place];
        if row.wake == wake {
            return;
        }
        if let Some(old) = row.wake {
            self.index.remove(&(old, place));
        }
        if let Some(new) = wake {
            self.index.insert((new, place));
        }
        row.wake = wake;
    }

    /// Computes every deadline anew.
    fn reindex(&mut self) {
        for place in 0..self.rows.len() {
            let wake = self.with_scene(place, Row::deadline);
            self.set_wake(place, wake);
        }
    }

    /// Reads the clocks against the last reading.
    fn observe(&mut self, now: Now) {
        let Some(last) = self.last.replace(now) else { return };
        let elapsed = now.uptime - last.uptime;
        let step = step_between(last, now, elapsed);
        let blind = (elapsed > self.promise).then(|| {
            let from = now.wall - elapsed;
            Blind { from, to: now.wall, why: format!("muster was stopped from {from} to {}", now.wall) }
        });
        if blind.is_some() {
            self.undrained = Some(now.wall + PATIENCE);
        }
        if step != 0 || blind.is_some() {
            self.disturb(step, blind, now.wall);
            self.reindex();
        }
    }

    fn disturb(&mut self, step: i64, blind: Option<Blind>, wall: Timestamp) {
        if step != 0 {
            self.ticked = None;
            if blind.is_none() {
                self.undrained = self.undrained.map(|until| until.shifted(step));
            }
            for place in 0..self.rows.len() {
                self.alter(place, wall, |row, scene| row.step(step, scene));
            }
            // A child that is let go waits by the new clock, so its own waits must be in that first.
            for place in 0..self.rows.len() {
                self.spread(place, wall);
            }
        }
        if let Some(blind) = blind {
            for place in 0..self.rows.len() {
                self.touch(place, wall, |row, scene| row.blind(&blind, scene));
            }
        }
    }
}
