//! Those who report: punctual or not, well or failing or dead, over a way that loses, delays and repeats.

use crate::expectation::{Hearing, Rhythm};
use crate::ids::{RunId, SignalId};
use crate::roll_call::Answer;
use crate::signal::{Ending, Outcome, Report, Signal};

use super::plan::is_counted;
use super::world::{Event, Health, World};

impl World {
    pub(super) fn act(&mut self, place: usize) {
        let Some(spec) = self.plan[place].clone() else {
            return self.later(600_000, Event::Act(place));
        };
        let health = self.health[place];
        let every = match &spec.rhythm {
            Rhythm::Every(period) => period.as_millis() as i64 * self.random.between(500, 950) / 1000,
            Rhythm::OnReport | Rhythm::Unknown { .. } => self.random.between(60_000, 3_600_000),
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
            let most = longest.min(every.max(1_000));
            // Mostly of one length, so that the others are odd.
            let lasts = if self.random.chance(900) { most / 4 } else { self.random.between(500, most) };
            self.send(place, run_id(place, run), Report::Start { process: None });
            if self.random.chance(985) {
                self.later(lasts, Event::End(place, run));
            }
        } else {
            let well = match (is_counted(place), health == Health::Up) {
                (false, well) => well,
                // They go to and fro.
                (true, true) => self.random.chance(850),
                (true, false) => self.random.chance(400),
            };
            let report = self.report(well);
            self.send(place, None, report);
        }
    }

    pub(super) fn end(&mut self, place: usize, run: u64) {
        let report = self.report(self.health[place] == Health::Up);
        self.send(place, run_id(place, run), report);
    }

    pub(super) fn send(&mut self, place: usize, run: Option<RunId>, report: Report) {
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

    fn report(&mut self, well: bool) -> Report {
        if !well {
            return Report::Failure(Outcome::bare(Ending::Exit { code: 1 }));
        }
        let mut outcome = Outcome::bare(Ending::Exit { code: 0 });
        if self.random.chance(900) {
            let share = if self.random.chance(30) { self.random.between(0, 400) } else { 100 };
            outcome.output = Some(1_000 * share as u64);
        }
        Report::Success(outcome)
    }

    pub(super) fn arrive(&mut self, number: usize) -> Result<(), String> {
        let place = self.signals[number].0;
        match self.plan[place].as_ref().map(|spec| spec.hearing) {
            // The spool is read in order of time.
            Some(Hearing::Spooled) if !self.up || self.roll.awaits_drain() => self.spool.push(number),
            Some(Hearing::Direct) | None if !self.up => self.oracle.truths[place].faithful = false,
            Some(_) | None => return self.hear(number),
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, number: usize) -> Result<(), String> {
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
            if is_counted(*place) {
                self.oracle.counted(*place, !success, signal.at == now.wall);
            }
            self.uncommitted.push(number);
        }
        Ok(())
    }
}

fn run_id(place: usize, run: u64) -> Option<RunId> {
    // Some senders have no run ids.
    (!place.is_multiple_of(4)).then(|| RunId::new(format!("r{run}")).expect("valid"))
}
