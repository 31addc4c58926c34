//! The world: senders, the agent that lives and dies, its disk, two clocks, and people.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::effect::Effect;
use crate::expectation::Expectation;
use crate::ids::ExpectationId;
use crate::roll_call::mutant::Mutant;
use crate::roll_call::{LastSeen, RollCall, StoredRow};
use crate::signal::Signal;
use crate::time::{Now, Span, Timestamp};

use super::oracle::Oracle;
use super::plan::{SIZE, expectation};
use super::post::{Bug, Post};
use super::random::Random;

/// The machine may go without a tick for this long. Longer gaps are made on purpose.
pub(super) const PROMISE: i64 = 15 * 60_000;
const LONGEST_STEP: i64 = 5 * 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Up,
    Failing,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The sender has something to do.
    Act(usize),
    /// A run ends.
    End(usize, u64),
    /// A signal arrives at the spool or the listener.
    Arrive(usize),
    /// The agent is started again.
    Rise,
    /// The spool has been read.
    Drained,
}

/// What is looked for in one life.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Setting {
    pub(super) mutant: Option<Mutant>,
    pub(super) bug: Option<Bug>,
    /// A twin is restarted every so many steps and must not differ.
    pub(super) twin: Option<u64>,
}

pub(super) struct World {
    pub(super) random: Random,
    pub(super) oracle: Oracle,
    pub(super) post: Post,
    pub(super) roll: RollCall,
    pub(super) twin: Option<RollCall>,
    pub(super) setting: Setting,
    /// True milliseconds since the beginning.
    pub(super) now: i64,
    /// What the wall shows more than `now`.
    pub(super) wall: i64,
    pub(super) booted: i64,
    pub(super) boot: u32,
    pub(super) up: bool,
    pub(super) events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    pub(super) order: u64,
    pub(super) signals: Vec<(usize, Signal)>,
    pub(super) names: u64,
    pub(super) health: Vec<Health>,
    pub(super) plan: Vec<Option<Expectation>>,
    /// Arrived for an agent that was not there, or that forgot.
    pub(super) spool: Vec<usize>,
    /// Heard since the last commit.
    pub(super) uncommitted: Vec<usize>,
    pub(super) effects: Vec<Effect>,
    pub(super) stored: BTreeMap<ExpectationId, StoredRow>,
    pub(super) seen: Option<LastSeen>,
    pub(super) stepped: i64,
    pub(super) committed: i64,
    pub(super) steps: u64,
}

impl World {
    pub(super) fn new(seed: u64, setting: Setting) -> Self {
        let mut random = Random::new(seed);
        // Some time in the years 2025 and 2026, at a whole second.
        let wall = 1_735_689_600_000 + random.between(0, 700 * 86_400) * 1000;
        let begin = Timestamp::from_millis(wall);
        let plan: Vec<Option<Expectation>> =
            (0..SIZE).map(|place| Some(expectation(place, &mut random, begin))).collect();
        let mut world = Self {
            random,
            oracle: Oracle::new(),
            post: Post::new(setting.bug),
            roll: RollCall::new(),
            twin: None,
            setting,
            now: 0,
            wall,
            booted: -3_600_000,
            boot: 1,
            up: true,
            events: BinaryHeap::new(),
            order: 0,
            signals: Vec::new(),
            names: 0,
            health: vec![Health::Up; SIZE],
            plan,
            spool: Vec::new(),
            uncommitted: Vec::new(),
            effects: Vec::new(),
            stored: BTreeMap::new(),
            seen: None,
            stepped: 0,
            committed: 0,
            steps: 0,
        };
        world.roll = world.equip(RollCall::new());
        world.twin = setting.twin.map(|_| world.equip(RollCall::new()));
        let now = world.clocks();
        let first = world_plan(&world.plan);
        world.each(|roll| roll.expect(first.clone(), now));
        for place in 0..SIZE {
            world.oracle.register(place, 0);
            if world.random.chance(60) {
                world.die(place);
            }
            let first = world.random.between(0, 60_000);
            world.later(first, Event::Act(place));
        }
        world
    }

    pub(super) fn equip(&self, roll: RollCall) -> RollCall {
        let mut roll = roll.promising(Span::millis(PROMISE as u64));
        roll.mutant = self.setting.mutant;
        roll
    }

    pub(super) fn each(&mut self, act: impl Fn(&mut RollCall)) {
        act(&mut self.roll);
        if let Some(twin) = &mut self.twin {
            act(twin);
        }
    }

    pub(super) fn clocks(&self) -> Now {
        Now {
            wall: Timestamp::from_millis(self.now + self.wall),
            uptime: Span::millis((self.now - self.booted) as u64),
        }
    }

    pub(super) fn later(&mut self, delay: i64, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + delay.max(0), self.order, event)));
    }

    /// One step: to the next thing that happens, with a fault now and then.
    pub(super) fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        let mut to = self.now + LONGEST_STEP;
        if let Some(Reverse((at, ..))) = self.events.peek() {
            to = to.min((*at).max(self.now));
        }
        if self.up {
            let watch = if self.post.blocked { None } else { self.roll.next_deadline() };
            let due = [watch, self.post.next_try()].into_iter().flatten().min();
            if let Some(due) = due {
                to = to.min((due.millis() - self.wall).max(self.now));
            }
        }
        self.pass(to);
        let event = match self.events.peek() {
            Some(Reverse((at, ..))) if *at <= self.now => {
                self.events.pop().map(|Reverse((_, _, event))| event)
            }
            _ => None,
        };
        match event {
            Some(Event::Act(place)) => self.act(place),
            Some(Event::End(place, run)) => self.end(place, run),
            Some(Event::Arrive(signal)) => self.arrive(signal)?,
            Some(Event::Rise) => self.rise(),
            Some(Event::Drained) => self.drained()?,
            None => {}
        }
        self.live()?;
        self.fault()?;
        self.examine()
    }

    fn pass(&mut self, to: i64) {
        if !self.up || self.roll.awaits_drain() {
            self.oracle.excused += to - self.now;
        }
        self.now = to;
    }

    /// The agent's own life: tick, drain, commit, send.
    fn live(&mut self) -> Result<(), String> {
        if !self.up {
            return Ok(());
        }
        let now = self.clocks();
        if self.post.blocked {
            // The bug: the watch waits for the receiver.
            if self.post.next_try().is_some_and(|at| at <= now.wall)
                && self.post.send(now.wall, &mut self.random)?
            {
                self.fall(0)?;
            }
            return Ok(());
        }
        self.each(|roll| roll.tick(now));
        self.collect()?;
        if self.random.chance(900) || !self.effects.is_empty() && self.random.chance(500) {
            self.commit()?;
        }
        if self.post.next_try().is_some_and(|at| at <= now.wall) && self.effects.is_empty() {
            let killed = self.post.send(now.wall, &mut self.random)?;
            if killed {
                return self.fall(0);
            }
            self.post.commit();
        }
        Ok(())
    }

    /// What was decided so far; the twin must have decided the same.
    pub(super) fn collect(&mut self) -> Result<(), String> {
        let effects = self.roll.drain();
        if let Some(twin) = &mut self.twin {
            let other = twin.drain();
            if effects != other {
                return Err(format!("a restart changed what was decided: {effects:?} and {other:?}"));
            }
        }
        self.oracle.decided(&effects, &self.plan)?;
        self.effects.extend(effects);
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), String> {
        let now = self.clocks();
        for (id, row) in self.roll.changed() {
            match row {
                Some(row) => self.stored.insert(id, row),
                None => self.stored.remove(&id),
            };
        }
        self.seen = Some(LastSeen { now, boot: self.boot.to_string() });
        self.uncommitted.clear();
        self.committed = self.now;
        if self.effects.is_empty() {
            return Ok(());
        }
        let effects = std::mem::take(&mut self.effects);
        self.oracle.committed(&effects, self.now)?;
        self.oracle.ends_are_told(&self.roll)?;
        for effect in &effects {
            if let Effect::Page(page) = effect {
                self.post.enqueue(page, now.wall);
            }
        }
        self.post.commit();
        Ok(())
    }

    fn examine(&mut self) -> Result<(), String> {
        if !self.up {
            return Ok(());
        }
        self.roll.check_invariants().map_err(|broken| broken.to_string())?;
        let watching = !self.roll.awaits_drain();
        self.oracle.check(&self.roll, self.now, self.clocks().wall, self.stepped, watching)?;
        self.restart_twin()
    }

    fn restart_twin(&mut self) -> Result<(), String> {
        let now = self.clocks();
        let Some(every) = self.setting.twin else { return Ok(()) };
        if !self.steps.is_multiple_of(every) || self.roll.awaits_drain() {
            return Ok(());
        }
        let Some(mut old) = self.twin.take() else { return Ok(()) };
        // Both are brought to the same moment first.
        self.roll.tick(now);
        old.tick(now);
        self.twin = Some(old);
        self.collect()?;
        let Some(old) = self.twin.take() else { return Ok(()) };
        if self.roll.awaits_drain() {
            self.twin = Some(old);
            return Ok(());
        }
        let mut rows = Vec::new();
        for row in old.rows() {
            let text = serde_json::to_string(&row.state).map_err(|error| error.to_string())?;
            rows.push(serde_json::from_str(&text).map_err(|error| error.to_string())?);
        }
        let seen = LastSeen { now, boot: self.boot.to_string() };
        let mut twin = self.equip(RollCall::restore(rows, Some(seen)));
        twin.expect(world_plan(&self.plan), now);
        twin.wake(&self.boot.to_string(), now);
        twin.drained(now);
        for (one, two) in self.roll.board(now).lines.iter().zip(&twin.board(now).lines) {
            if one != two {
                return Err(format!("a restart changed the board: {one:?} and {two:?}"));
            }
        }
        if twin.next_deadline() != self.roll.next_deadline() {
            return Err("a restart changed the next deadline".to_owned());
        }
        self.twin = Some(twin);
        Ok(())
    }

    /// The end of the world: everything is committed and every page arrives.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        let now = self.clocks().wall;
        if self.up {
            self.commit()?;
            if self.stepped == 0 {
                self.oracle.every_instant_ended(&self.roll, now)?;
            }
        }
        self.post.settle(now, &mut self.random)
    }
}

pub(super) fn world_plan(plan: &[Option<Expectation>]) -> Vec<Expectation> {
    plan.iter().flatten().cloned().collect()
}
