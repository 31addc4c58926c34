//! The world: senders, the agent that lives and dies, its disk, two clocks, and people.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::effect::Effect;
use crate::expectation::{Expectation, Hearing, Rhythm};
use crate::ids::{ExpectationId, RunId, SignalId};
use crate::roll_call::mutant::Mutant;
use crate::roll_call::verdict::Standing;
use crate::roll_call::{Answer, LastSeen, RollCall, StoredRow};
use crate::signal::{Ending, Outcome, Report, Signal};
use crate::time::{Now, Span, Timestamp};

use super::oracle::Oracle;
use super::plan::{SIZE, expectation, id};
use super::post::{Bug, Post};
use super::random::Random;

/// The machine may go without a tick for this long. Longer gaps are made on purpose.
const PROMISE: i64 = 15 * 60_000;
const LONGEST_STEP: i64 = 5 * 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Up,
    Failing,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
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
    post: Post,
    roll: RollCall,
    twin: Option<RollCall>,
    setting: Setting,
    /// True milliseconds since the beginning.
    now: i64,
    /// What the wall shows more than `now`.
    wall: i64,
    booted: i64,
    boot: u32,
    up: bool,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    order: u64,
    signals: Vec<(usize, Signal)>,
    names: u64,
    health: Vec<Health>,
    plan: Vec<Option<Expectation>>,
    /// Arrived for an agent that was not there, or that forgot.
    spool: Vec<usize>,
    /// Heard since the last commit.
    uncommitted: Vec<usize>,
    effects: Vec<Effect>,
    stored: BTreeMap<ExpectationId, StoredRow>,
    seen: Option<LastSeen>,
    stepped: i64,
    committed: i64,
    pub(super) steps: u64,
}

impl World {
    pub(super) fn new(seed: u64, setting: Setting) -> Self {
        let mut random = Random::new(seed);
        let plan: Vec<Option<Expectation>> =
            (0..SIZE).map(|place| Some(expectation(place, &mut random))).collect();
        // Some time in the years 2025 and 2026, at a whole second.
        let wall = 1_735_689_600_000 + random.between(0, 700 * 86_400) * 1000;
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

    fn equip(&self, roll: RollCall) -> RollCall {
        let mut roll = roll.promising(Span::millis(PROMISE as u64));
        roll.mutant = self.setting.mutant;
        roll
    }

    fn each(&mut self, act: impl Fn(&mut RollCall)) {
        act(&mut self.roll);
        if let Some(twin) = &mut self.twin {
            act(twin);
        }
    }

    fn clocks(&self) -> Now {
        Now {
            wall: Timestamp::from_millis(self.now + self.wall),
            uptime: Span::millis((self.now - self.booted) as u64),
        }
    }

    fn later(&mut self, delay: i64, event: Event) {
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
    fn collect(&mut self) -> Result<(), String> {
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

    fn commit(&mut self) -> Result<(), String> {
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

    // ── senders ──────────────────────────────────────────────────────────────────────────

    fn act(&mut self, place: usize) {
        let Some(spec) = self.plan[place].clone() else {
            return self.later(600_000, Event::Act(place));
        };
        let health = self.health[place];
        let every = match &spec.rhythm {
            Rhythm::Every(period) => period.as_millis() as i64 * self.random.between(500, 950) / 1000,
            Rhythm::OnReport => self.random.between(60_000, 3_600_000),
            Rhythm::Cron(schedule) => {
                let wall = self.clocks().wall;
                schedule.next_after(wall).map_or(600_000, |next| next.since(wall).as_millis() as i64 + 500)
            }
        };
        self.later(every, Event::Act(place));
        if health == Health::Dead {
            return;
        }
        let with_runs = place.is_multiple_of(2) || spec.max_runtime.is_some();
        if with_runs {
            if self.random.chance(60) {
                let why = "another run holds the lock".to_owned();
                return self.send(place, None, Report::Skip { holder: None, why });
            }
            self.names += 1;
            let run = self.names;
            // A faithful sender's runs may last, but not for ever.
            let longest = spec.max_runtime.map_or(60_000, |limit| limit.as_millis() as i64 * 9 / 8);
            let lasts = self.random.between(500, longest.min(every.max(1_000)));
            self.send(place, run_id(place, run), Report::Start { process: None });
            if self.random.chance(985) {
                self.later(lasts, Event::End(place, run));
            }
        } else {
            let report = report(health == Health::Up);
            self.send(place, None, report);
        }
    }

    fn end(&mut self, place: usize, run: u64) {
        let report = report(self.health[place] == Health::Up);
        self.send(place, run_id(place, run), report);
    }

    fn send(&mut self, place: usize, run: Option<RunId>, report: Report) {
        self.names += 1;
        let id = SignalId::new(format!("s{}", self.names)).expect("valid");
        let direct = self.plan[place].as_ref().is_some_and(|spec| spec.hearing == Hearing::Direct);
        let signal = Signal { id, about: super::plan::id(place), at: self.clocks().wall, run, report };
        if direct && self.random.chance(20) {
            self.oracle.truths[place].faithful = false;
            return;
        }
        self.signals.push((place, signal));
        let number = self.signals.len() - 1;
        let delay = if self.random.chance(20) {
            self.oracle.truths[place].faithful = false;
            self.random.between(1_000, 120_000)
        } else {
            0
        };
        self.later(delay, Event::Arrive(number));
        if self.random.chance(20) {
            let again = self.random.between(0, 300_000);
            self.later(again, Event::Arrive(number));
        }
    }

    fn arrive(&mut self, number: usize) -> Result<(), String> {
        let place = self.signals[number].0;
        match self.plan[place].as_ref().map(|spec| spec.hearing) {
            // The spool is read in order of time.
            Some(Hearing::Spooled) if !self.up || self.roll.awaits_drain() => self.spool.push(number),
            Some(Hearing::Direct) | None if !self.up => self.oracle.truths[place].faithful = false,
            Some(_) | None => return self.hear(number),
        }
        Ok(())
    }

    fn hear(&mut self, number: usize) -> Result<(), String> {
        let now = self.clocks();
        let (_, signal) = &self.signals[number];
        let answer = self.roll.hear(signal, now);
        if let Some(twin) = &mut self.twin
            && twin.hear(signal, now) != answer
        {
            return Err("a restart changed the answer to a signal".to_owned());
        }
        self.collect()?;
        let (place, signal) = &self.signals[number];
        if answer == Answer::Heard {
            let success = matches!(signal.report, Report::Success(_));
            self.oracle.heard(*place, self.now, success);
            self.uncommitted.push(number);
        }
        Ok(())
    }

    // ── faults ───────────────────────────────────────────────────────────────────────────

    fn fault(&mut self) -> Result<(), String> {
        let dice = self.random.next() % 10_000;
        match dice {
            0..=29 if self.up => {
                let down = if self.random.chance(600) {
                    self.random.between(0, 60_000)
                } else {
                    self.random.between(60_000, 4 * 3_600_000)
                };
                self.fall(down)
            }
            30..=39 => {
                self.step_clock();
                Ok(())
            }
            40..=44 if self.up => {
                self.suspend();
                Ok(())
            }
            45..=99 => {
                let place = self.random.index(SIZE);
                match self.random.index(3) {
                    0 => self.die(place),
                    1 => self.health[place] = Health::Failing,
                    _ => self.health[place] = Health::Up,
                }
                Ok(())
            }
            100..=119 => {
                self.post.flip(&mut self.random);
                Ok(())
            }
            120..=129 if self.up => {
                self.reload();
                Ok(())
            }
            130..=199 if self.up => {
                self.people();
                // A person's word is answered after it is committed.
                self.collect()?;
                self.commit()
            }
            _ => Ok(()),
        }
    }

    fn die(&mut self, place: usize) {
        self.health[place] = Health::Dead;
        self.oracle.truths[place].faithful = false;
    }

    /// The agent is killed, and is back after so long. What was not committed never happened.
    fn fall(&mut self, down: i64) -> Result<(), String> {
        if self.twin.is_some() {
            // The twin has no disk of its own: it is told by what both have committed.
            self.commit()?;
        }
        self.up = false;
        self.oracle.blinds += 1;
        self.effects.clear();
        self.oracle.forgot();
        for number in std::mem::take(&mut self.uncommitted) {
            let place = self.signals[number].0;
            if self.plan[place].as_ref().is_some_and(|spec| spec.hearing == Hearing::Spooled) {
                self.spool.push(number);
            }
        }
        self.post.crash();
        if self.random.chance(100) {
            // The host was booted.
            self.boot += 1;
            self.booted = self.now;
            if self.stepped >= self.committed {
                // What is on disk was written by the clock before, and nothing tells.
                self.doubt_all();
            }
        }
        self.later(down, Event::Rise);
        Ok(())
    }

    fn rise(&mut self) {
        if self.up {
            return;
        }
        self.up = true;
        let now = self.clocks();
        let rows: Vec<StoredRow> = self.stored.values().cloned().collect();
        self.roll = self.equip(RollCall::restore(rows.clone(), self.seen.clone()));
        if self.twin.is_some() {
            self.twin = Some(self.equip(RollCall::restore(rows, self.seen.clone())));
        }
        let boot = self.boot.to_string();
        let plan = world_plan(&self.plan);
        if self.random.chance(500) {
            self.each(|roll| {
                roll.expect(plan.clone(), now);
                roll.wake(&boot, now);
            });
        } else {
            self.each(|roll| {
                roll.wake(&boot, now);
                roll.expect(plan.clone(), now);
            });
        }
        let soon = self.random.between(0, 20_000);
        self.later(soon, Event::Drained);
    }

    fn drained(&mut self) -> Result<(), String> {
        if !self.up {
            return Ok(());
        }
        let mut spool = std::mem::take(&mut self.spool);
        spool.sort_by_key(|number| self.signals[*number].1.at);
        for number in spool {
            self.hear(number)?;
        }
        let now = self.clocks();
        self.each(|roll| roll.drained(now));
        Ok(())
    }

    fn step_clock(&mut self) {
        let step = match self.random.index(4) {
            0 => self.random.between(-3_600_000, 3_600_000),
            1 => self.random.between(-60_000, 60_000),
            2 => 3_600_000,
            _ => self.random.between(-86_400_000, 86_400_000),
        };
        self.wall += step;
        self.stepped = self.now;
        // What is heard later was written down by the clock before.
        for number in self.spool.iter().chain(&self.uncommitted) {
            self.oracle.truths[self.signals[*number].0].faithful = false;
        }
        if !self.up {
            self.doubt_all();
        }
    }

    fn doubt_all(&mut self) {
        for truth in &mut self.oracle.truths {
            truth.faithful = false;
        }
    }

    /// The host sleeps: nobody sends and nobody hears.
    fn suspend(&mut self) {
        let asleep = self.random.between(PROMISE + 1_000, 6 * 3_600_000);
        self.oracle.blinds += 1;
        self.oracle.excused += asleep;
        self.now += asleep;
        // Senders on other hosts went on without being heard.
        self.doubt_all();
        let soon = self.random.between(0, 30_000);
        self.later(soon, Event::Drained);
    }

    fn reload(&mut self) {
        let place = self.random.index(SIZE);
        match self.random.index(4) {
            0 => self.plan[place] = None,
            1 | 2 => {
                let fresh = expectation(place, &mut self.random);
                if self.plan[place].is_none() {
                    self.oracle.register(place, self.now);
                } else {
                    self.oracle.heard(place, self.now, false);
                }
                self.oracle.truths[place].faithful = false;
                self.oracle.truths[place].replanned = true;
                self.plan[place] = Some(fresh);
            }
            _ => {}
        }
        let (plan, now) = (world_plan(&self.plan), self.clocks());
        self.each(|roll| roll.expect(plan.clone(), now));
    }

    fn people(&mut self) {
        let place = self.random.index(SIZE);
        if self.plan[place].is_none() {
            return;
        }
        let lasts = self.random.between(60_000, 3 * 3_600_000);
        let until = Timestamp::from_millis(self.now + self.wall + lasts);
        let by = "ann".to_owned();
        let truth = &mut self.oracle.truths[place];
        let report = match self.random.index(5) {
            0 => {
                truth.paused_until = self.now + lasts;
                Report::Pause { by, reason: "upgrade".to_owned(), until }
            }
            1 => {
                truth.paused_until = 0;
                Report::Resume { by }
            }
            _ => {
                let about = id(place);
                let firing = self.roll.rows().iter().find(|row| row.state.id == about).and_then(|row| {
                    match &row.state.standing {
                        Standing::Firing(incident) => Some(incident.id.clone()),
                        _ => None,
                    }
                });
                if firing.is_some() {
                    truth.acknowledged_until = self.now + lasts;
                    truth.acknowledged_at = self.now;
                    truth.acknowledged = firing;
                }
                Report::Acknowledge { by, until }
            }
        };
        self.names += 1;
        let signal_id = SignalId::new(format!("p{}", self.names)).expect("valid");
        let signal = Signal { id: signal_id, about: id(place), at: self.clocks().wall, run: None, report };
        let now = self.clocks();
        self.each(|roll| {
            roll.hear(&signal, now);
        });
    }

    // ── judgement ────────────────────────────────────────────────────────────────────────

    fn examine(&mut self) -> Result<(), String> {
        if !self.up {
            return Ok(());
        }
        self.roll.check_invariants().map_err(|broken| broken.to_string())?;
        let watching = !self.roll.awaits_drain();
        self.oracle.check(&self.roll, self.now, self.stepped, watching)?;
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

fn world_plan(plan: &[Option<Expectation>]) -> Vec<Expectation> {
    plan.iter().flatten().cloned().collect()
}

fn run_id(place: usize, run: u64) -> Option<RunId> {
    // Some senders have no run ids.
    (!place.is_multiple_of(4)).then(|| RunId::new(format!("r{run}")).expect("valid"))
}

fn report(well: bool) -> Report {
    if well {
        Report::Success(Outcome::bare(Ending::Exit { code: 0 }))
    } else {
        Report::Failure(Outcome::bare(Ending::Exit { code: 1 }))
    }
}
