//! Steps of the clock and blind intervals.
//!
//! Wall time may be stepped; time since boot only moves on. When the two drift apart between two calls, the wall was
//! stepped: everything that is measured in elapsed time is re-expressed in the new clock, and the instants of cron
//! follow the rules of Debian's cron (3.0pl1): a step of less than three hours runs skipped fixed-time jobs at once
//! and repeats none; a larger one starts afresh.

use crate::effect::Verdict;
use crate::expectation::{Hearing, Rhythm};
use crate::time::{Now, Span, Timestamp};

use super::page::Telling;
use super::row::{Row, Scene, mutated};
use super::slot::{CLOSED_AT_ONCE, CivilGap, is_wild};
use super::verdict::Standing;

/// Clocks that differ by less are slewed, not stepped.
const STEP: i64 = 2_000;
/// From here on a step is a correction and not a change of civil time.
const LARGE_STEP: i64 = 3 * 3_600_000;

/// A stretch of time in which nothing could be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blind {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) why: String,
}

/// How far the wall was stepped between two readings, in milliseconds; 0 for none. `elapsed` is the true time between
/// them.
pub(super) fn step_between(before: Now, after: Now, elapsed: Span) -> i64 {
    let passed = after.wall.millis().saturating_sub(before.wall.millis());
    let drift = passed.saturating_sub(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
    if drift.abs() > STEP { drift } else { 0 }
}

impl Row {
    /// The clock was stepped by so many milliseconds and now shows `scene.now`.
    pub(super) fn step(&mut self, step: i64, scene: &mut Scene<'_>) {
        self.shift(step);
        if let Standing::Firing(incident) = &mut self.state.standing {
            // What was told by the new clock already, before the step was known, was not told in the future.
            incident.climb.asked = incident.climb.asked.map(|asked| asked.min(scene.now));
        }
        let civil = Timestamp::from_millis(scene.now.millis().saturating_sub(step));
        self.state.leap = (step > 0).then_some(CivilGap { from: civil, to: scene.now });
        let Rhythm::Cron(schedule) = &self.spec.rhythm else {
            if let Some(slot) = &mut self.state.slot {
                slot.from = slot.from.shifted(step);
            }
            return;
        };
        let wild = is_wild(schedule);
        if step.abs() >= LARGE_STEP && self.state.stuck.is_some() {
            self.state.stuck = Some(scene.now);
        }
        let Some(slot) = &mut self.state.slot else { return };
        let overdue = slot.from <= civil;
        if step.abs() >= LARGE_STEP {
            self.state.gap = None;
            if overdue {
                // By the new clock it may look as if it were not due yet.
                slot.from = scene.now;
                self.abandon_slot("the clock was stepped", scene);
            } else {
                self.state.slot = None;
            }
            self.rewind(step);
            self.plan_cron(scene.now, scene);
        } else if overdue {
            // Its grace is elapsed time.
            slot.from = slot.from.shifted(step);
            self.state.gap = (step > 0).then_some(CivilGap { from: civil, to: scene.now });
            if step < 0 && wild {
                self.rewind(step);
            }
        } else if step > 0 {
            self.state.gap = Some(CivilGap { from: civil, to: scene.now });
            if slot.from <= scene.now {
                if wild {
                    self.state.slot = None;
                    self.plan_cron(scene.now, scene);
                } else {
                    slot.from = scene.now;
                }
            }
        } else {
            self.state.gap = None;
            if wild {
                self.rewind(step);
                self.state.slot = None;
                self.plan_cron(scene.now, scene);
            }
        }
    }

    fn rewind(&mut self, step: i64) {
        if step < 0 {
            self.state.rewinds = self.state.rewinds.saturating_add(1);
        }
    }

    /// Re-expresses every elapsed time in the new clock.
    fn shift(&mut self, step: i64) {
        let state = &mut self.state;
        let move_on = |at: &mut Timestamp| *at = at.shifted(step);
        for at in [&mut state.registered, &mut state.since, &mut state.anchor] {
            move_on(at);
        }
        let moments =
            [&mut state.last_heard, &mut state.last_report, &mut state.last_success, &mut state.stuck];
        let hidden_until = state.slot.as_mut().and_then(|slot| slot.hidden_until.as_mut());
        for at in moments.into_iter().flatten().chain(hidden_until) {
            move_on(at);
        }
        for run in &mut state.runs {
            move_on(&mut run.since);
            move_on(&mut run.fresh);
        }
        for ended in &mut state.ended {
            move_on(&mut ended.at);
        }
        state.openings.iter_mut().for_each(move_on);
        if let Some(pause) = &mut state.pause {
            move_on(&mut pause.until);
        }
        match &mut state.standing {
            Standing::New | Standing::Ok | Standing::Unknown { .. } => {}
            Standing::Pending { since, .. } => move_on(since),
            Standing::Firing(incident) => {
                move_on(&mut incident.since);
                move_on(&mut incident.last_bad);
                match &mut incident.telling {
                    Telling::Untold { not_before } => move_on(not_before),
                    Telling::Told { next, .. } => move_on(next),
                }
                if let Some(asked) = &mut incident.climb.asked {
                    move_on(asked);
                }
                if let Some(acknowledged) = &mut incident.acknowledged {
                    move_on(&mut acknowledged.until);
                }
            }
        }
    }

    /// Nothing could be heard for a while.
    pub(super) fn blind(&mut self, blind: &Blind, scene: &mut Scene<'_>) {
        if mutated!(scene, RestartPostpones)
            && let Some(slot) = &mut self.state.slot
        {
            slot.from = slot.from.max(blind.to + slot.gap);
        }
        match self.spec.hearing {
            Hearing::Spooled => self.blind_spooled(blind, scene),
            Hearing::Direct | Hearing::Looked => self.blind_direct(blind, scene),
        }
    }

    /// The spool will tell; until then whatever would have been judged is unknown.
    fn blind_spooled(&mut self, blind: &Blind, scene: &mut Scene<'_>) {
        let deadlines = [self.slot_deadline(), self.run_deadline(), self.success_deadline()];
        if deadlines.into_iter().flatten().any(|deadline| deadline <= blind.to)
            && let Standing::New | Standing::Ok | Standing::Pending { .. } = &self.state.standing
        {
            let unseen = self.state.unseen;
            self.state.unseen = 0;
            self.unknown(format!("{}; what was spooled is being read", blind.why), scene);
            self.state.unseen = unseen;
        }
    }

    /// What was sent in the meantime is lost: slots that it hides are unknown.
    fn blind_direct(&mut self, blind: &Blind, scene: &mut Scene<'_>) {
        self.state.blind = self.state.blind + blind.to.since(blind.from);
        if !mutated!(scene, BlindIsEvidence) {
            self.hide_slots(blind, scene);
        }
        // The end of what runs may have been among what was lost.
        self.state.runs.iter_mut().for_each(|run| run.usual = None);
        let Some(limit) = self.spec.max_runtime else { return };
        while let Some(open) = self.state.runs.iter().position(|run| {
            let deadline = run.fresh + limit;
            !run.late && deadline > blind.from && deadline <= blind.to
        }) {
            let run = self.state.runs.remove(open);
            self.note_end(run.id.as_ref(), run.since);
            self.close_run(run.slot, run.id.as_ref(), Verdict::Unknown, scene);
            self.unknown(blind.why.clone(), scene);
        }
    }

    fn hide_slots(&mut self, blind: &Blind, scene: &mut Scene<'_>) {
        let mut counted = false;
        for _ in 0..CLOSED_AT_ONCE {
            let Some(deadline) = self.slot_deadline() else { return };
            if deadline < blind.from {
                // It was overdue before we went blind.
                self.close_silent(scene);
                continue;
            }
            if !self.hide_slot(blind, &mut counted) || deadline > blind.to {
                return;
            }
            self.close_silent(scene);
        }
        // The last one that is written and the first one that is not over are as hidden as all before.
        self.hide_slot(blind, &mut counted);
        self.jump_to(blind.to, scene);
        self.hide_slot(blind, &mut counted);
    }

    /// Notes that a report for the open slot may have been lost; false if none can have been. However many slots it
    /// hides, one interval counts once.
    fn hide_slot(&mut self, blind: &Blind, counted: &mut bool) -> bool {
        let Some(slot) = &mut self.state.slot else { return false };
        if !slot.may_come_before(blind.to) {
            return false;
        }
        slot.hidden_until = Some(blind.to);
        if slot.hidden.is_none() {
            slot.hidden = Some(blind.why.clone());
            if !std::mem::replace(counted, true) {
                self.state.unseen = self.state.unseen.saturating_add(1);
            }
        }
        true
    }
}
