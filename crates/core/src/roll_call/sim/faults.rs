//! What goes wrong, and what people do meanwhile.

use crate::expectation::Hearing;
use crate::ids::SignalId;
use crate::roll_call::verdict::Standing;
use crate::roll_call::{RollCall, StoredRow};
use crate::signal::{Report, Signal};
use crate::time::Timestamp;

use super::plan::{SIZE, expectation, id};
use super::world::{Event, Health, PROMISE, World, world_plan};

impl World {
    pub(super) fn fault(&mut self) -> Result<(), String> {
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

    pub(super) fn die(&mut self, place: usize) {
        self.health[place] = Health::Dead;
        self.oracle.truths[place].faithful = false;
    }

    /// The agent is killed, and is back after so long. What was not committed never happened.
    pub(super) fn fall(&mut self, down: i64) -> Result<(), String> {
        if self.twin.is_some() {
            // The twin has no disk of its own: it is told by what both have committed.
            self.commit()?;
        }
        self.up = false;
        self.oracle.blinds += 1;
        self.effects.clear();
        self.oracle.forgot();
        self.oracle.forget_counts(false);
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

    pub(super) fn rise(&mut self) {
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

    pub(super) fn drained(&mut self) -> Result<(), String> {
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

    pub(super) fn step_clock(&mut self) {
        let step = match self.random.index(4) {
            0 => self.random.between(-3_600_000, 3_600_000),
            1 => self.random.between(-60_000, 60_000),
            2 => 3_600_000,
            _ => self.random.between(-86_400_000, 86_400_000),
        };
        self.wall += step;
        self.oracle.forget_counts(true);
        self.stepped = self.now;
        // What is heard later was written down by the clock before.
        for number in self.spool.iter().chain(&self.uncommitted) {
            self.oracle.truths[self.signals[*number].0].faithful = false;
        }
        if !self.up {
            self.doubt_all();
        }
    }

    pub(super) fn doubt_all(&mut self) {
        for truth in &mut self.oracle.truths {
            truth.faithful = false;
        }
    }

    /// The host sleeps: nobody sends and nobody hears.
    pub(super) fn suspend(&mut self) {
        let mut longest = 6;
        if self.random.chance(50) {
            // More slots than are written one by one.
            longest = 72;
            self.oracle.truths.iter_mut().for_each(|truth| truth.replanned = true);
        }
        let asleep = self.random.between(PROMISE + 1_000, longest * 3_600_000);
        self.oracle.blinds += 1;
        self.oracle.excused += asleep;
        self.now += asleep;
        // Senders on other hosts went on without being heard.
        self.doubt_all();
        let soon = self.random.between(0, 30_000);
        self.later(soon, Event::Drained);
    }

    pub(super) fn reload(&mut self) {
        let place = self.random.index(SIZE);
        match self.random.index(4) {
            0 => self.plan[place] = None,
            1 | 2 => {
                let wall = self.clocks().wall;
                let fresh = expectation(place, &mut self.random, wall);
                if self.plan[place].is_none() {
                    self.oracle.register(place, self.now);
                } else {
                    self.oracle.heard(place, self.now, false);
                }
                self.oracle.truths[place].faithful = false;
                self.oracle.truths[place].replanned = true;
                self.oracle.forget_counts(false);
                self.plan[place] = Some(fresh);
            }
            _ => {}
        }
        let (plan, now) = (world_plan(&self.plan), self.clocks());
        self.each(|roll| roll.expect(plan.clone(), now));
    }

    pub(super) fn people(&mut self) {
        let place = self.random.index(SIZE);
        if self.plan[place].is_none() {
            return;
        }
        let lasts = self.random.between(60_000, 3 * 3_600_000);
        let until = Timestamp::from_millis(self.now + self.wall + lasts);
        let by = "ann".to_owned();
        let seen = self.now - self.oracle.excused;
        let truth = &mut self.oracle.truths[place];
        let report = match self.random.index(5) {
            0 => {
                truth.paused_until = seen + lasts;
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
                    truth.acknowledged_until = seen + lasts;
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
}
