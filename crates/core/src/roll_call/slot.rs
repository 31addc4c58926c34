//! Planned slots: when the next one is due, what fills it, and the verdict of silence.

use serde::{Deserialize, Serialize};

use crate::effect::{Reason, Verdict};
use crate::expectation::{Expectation, Rhythm};
use crate::ids::RunId;
use crate::schedule::Schedule;
use crate::time::{Span, Timestamp};

use super::row::{Row, Scene, mutated};
use super::verdict::Weight;

/// A job may begin this much before it is due (clocks differ), but at most half the time between two slots.
const EARLY: Span = Span::seconds(30);
/// One interval of silence closes at most so many slots one by one; what lies beyond was never planned. It bounds the
/// work after a long absence of the agent.
pub(super) const CLOSED_AT_ONCE: u32 = 256;
/// A schedule that cannot be computed is tried again after this.
const RETRY: Span = Span::hours(1);

/// The earliest slot that is neither begun nor judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    /// Its name for ever: when it is due by plan.
    pub(super) due: Timestamp,
    /// From when it is really waited for; differs from `due` after a step of the clock.
    pub(super) from: Timestamp,
    /// The usual time to the next slot.
    pub(super) gap: Span,
    /// Why nobody could see whether it was filled.
    pub(super) hidden: Option<String>,
    /// The end of the blind interval that hid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hidden_until: Option<Timestamp>,
}

/// Civil time that never came because the clock was put forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CivilGap {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Slot {
    fn new(due: Timestamp, from: Timestamp, gap: Span) -> Self {
        Self { due, from, gap, hidden: None, hidden_until: None }
    }

    /// A report for it may have come before this moment.
    pub(super) fn may_come_before(&self, moment: Timestamp) -> bool {
        self.from - self.early() < moment
    }

    /// How early a start may come.
    pub(super) fn early(&self) -> Span {
        EARLY.min(self.gap.over(2))
    }

    /// From here on silence is an alarm.
    pub(super) fn deadline(&self, spec: &Expectation) -> Timestamp {
        self.from + spec.start_within
    }
}

/// True if cron follows the clock for it instead of catching up: a star begins its minute or its hour.
pub(crate) fn is_wild(schedule: &Schedule) -> bool {
    schedule.five_fields().split_whitespace().take(2).any(|field| field.starts_with('*'))
}

impl Row {
    pub(super) fn slot_deadline(&self) -> Option<Timestamp> {
        self.state.slot.as_ref().map(|slot| slot.deadline(&self.spec))
    }

    /// Plans the slot of the first instant after `after`.
    pub(super) fn plan_cron(&mut self, after: Timestamp, scene: &mut Scene<'_>) {
        let Rhythm::Cron(schedule) = &self.spec.rhythm else { return };
        let previous = self.state.slot.take();
        let mut found = schedule.next_after(after);
        let mut from = None;
        if let (Ok(due), Some(gap)) = (&found, self.state.gap)
            && *due > gap.from
            && *due <= gap.to
        {
            if is_wild(schedule) {
                found = schedule.next_after(gap.to);
            } else {
                from = Some(gap.to);
            }
        }
        match found {
            Ok(instant) => {
                // An instant that came before has its repetition a millisecond later, so that a due time stays unique.
                let again = self.state.highest.is_some_and(|highest| instant <= highest);
                let due = if again { instant.shifted(i64::from(self.state.rewinds)) } else { instant };
                let gap = match previous.map(|slot| instant.since(slot.due)) {
                    Some(gap) if !gap.is_zero() => gap,
                    Some(_) | None => {
                        schedule.next_after(instant).map_or(Span::minutes(1), |next| next.since(instant))
                    }
                };
                self.state.highest = self.state.highest.max(Some(due));
                self.state.slot = Some(Slot::new(due, from.unwrap_or(instant), gap));
            }
            Err(error) => {
                let (schedule, error) = (schedule.text().to_owned(), error.to_string());
                self.stick(schedule, error, scene);
            }
        }
    }

    /// Nobody can say when it is due, so there is no slot to plan, and that is bad news.
    pub(super) fn plan_nothing(&mut self, scene: &mut Scene<'_>) {
        if let Rhythm::Unknown { schedule, error } = &self.spec.rhythm {
            let (schedule, error) = (schedule.clone(), error.clone());
            self.stick(schedule, error, scene);
        }
    }

    fn stick(&mut self, schedule: String, error: String, scene: &mut Scene<'_>) {
        self.state.stuck = Some(scene.now + RETRY);
        if !mutated!(scene, PoisonSchedule) {
            self.bad(Reason::Unschedulable { schedule, error }, None, Weight::Whole, scene);
        }
    }

    /// Plans the slot of a period.
    pub(super) fn plan_every(&mut self, from: Timestamp, period: Span) {
        let due = self.state.highest.map_or(from, |highest| from.max(highest + Span::millis(1)));
        self.state.highest = Some(due);
        self.state.slot = Some(Slot::new(due, from, period));
    }

    /// Plans the slot after one that was filled (at that moment) or judged (none).
    fn plan_after(&mut self, slot: &Slot, filled: Option<Timestamp>, scene: &mut Scene<'_>) {
        match &self.spec.rhythm {
            Rhythm::Cron(_) => {
                self.state.slot = Some(slot.clone());
                self.plan_cron(slot.due, scene);
            }
            Rhythm::Every(period) => {
                let period = (*period).max(Span::millis(1));
                let from = filled.unwrap_or(slot.from) + period;
                self.plan_every(from, period);
            }
            Rhythm::OnReport | Rhythm::Unknown { .. } => {}
        }
        // Where the grace is longer than a period, a blind interval hides slots that are over long after it.
        if let (Some(until), Some(next)) = (slot.hidden_until, &mut self.state.slot)
            && next.may_come_before(until)
        {
            next.hidden.clone_from(&slot.hidden);
            next.hidden_until = slot.hidden_until;
        }
    }

    /// A start (or an end without a start) takes the earliest open slot, if it is time for one.
    pub(super) fn fill(&mut self, at: Timestamp, scene: &mut Scene<'_>) -> Option<Timestamp> {
        self.judge_slots(at, scene);
        let slot = self.state.slot.as_ref()?;
        let ripe = match &self.spec.rhythm {
            Rhythm::Cron(_) => slot.from <= at + slot.early(),
            Rhythm::Every(_) => at > self.state.anchor || self.state.anchor == self.state.registered,
            Rhythm::OnReport | Rhythm::Unknown { .. } => false,
        };
        if !ripe {
            return None;
        }
        let slot = self.state.slot.take()?;
        self.state.anchor = self.state.anchor.max(at);
        self.state.unseen = 0;
        self.plan_after(&slot, Some(at), scene);
        Some(slot.due)
    }

    /// Hears silence: closes every slot whose deadline lies before `until`.
    pub(super) fn judge_slots(&mut self, until: Timestamp, scene: &mut Scene<'_>) {
        let live = until == scene.now;
        for _ in 0..CLOSED_AT_ONCE {
            let Some(deadline) = self.slot_deadline() else { return };
            // A report at the very deadline is in time; a tick at the deadline has waited long enough.
            if deadline > until || (!live && deadline == until) {
                return;
            }
            if mutated!(scene, NewMeansHealthy) && self.state.last_heard.is_none() {
                return;
            }
            self.close_silent(scene);
        }
        self.jump_to(until, scene);
    }

    /// Ends the open slot by silence: missed, or unknown if it was hidden from us.
    pub(super) fn close_silent(&mut self, scene: &mut Scene<'_>) {
        let Some(slot) = self.state.slot.take() else { return };
        match &slot.hidden {
            Some(why) if !mutated!(scene, UnknownIsGreen) => {
                self.close(slot.due, None, Verdict::Unknown, scene);
                self.unknown(why.clone(), scene);
            }
            Some(_) => {
                self.close(slot.due, None, Verdict::Ok, scene);
                self.good(scene);
            }
            None => {
                self.close(slot.due, None, Verdict::Missed, scene);
                let reason = match self.state.last_heard {
                    None => Reason::NeverReported { registered: self.state.registered },
                    last_heard => Reason::Missed { due: slot.due, last_heard },
                };
                self.bad(reason, None, Weight::One, scene);
            }
        }
        let lively = mutated!(scene, OwnFailureIsLife).then_some(scene.now);
        self.plan_after(&slot, lively, scene);
    }

    /// Plans the first slot that is not over yet, leaving out what lies between.
    pub(super) fn jump_to(&mut self, until: Timestamp, scene: &mut Scene<'_>) {
        if self.slot_deadline().is_none_or(|deadline| deadline > until) {
            return;
        }
        self.close_silent(scene);
        let Some(slot) = self.state.slot.clone() else { return };
        match &self.spec.rhythm {
            Rhythm::Cron(_) => {
                let after = (until - self.spec.start_within).max(slot.due);
                self.state.slot = None;
                self.plan_cron(after, scene);
            }
            Rhythm::Every(period) => {
                let step = (*period).max(Span::millis(1));
                let behind = until.since(slot.deadline(&self.spec)).as_millis() / step.as_millis() + 1;
                let from = slot.from + step.times(behind);
                self.plan_every(from, step);
            }
            Rhythm::OnReport | Rhythm::Unknown { .. } => {}
        }
    }

    /// Closes the slot that a run carried.
    pub(super) fn close_run(
        &self,
        slot: Option<Timestamp>,
        run: Option<&RunId>,
        verdict: Verdict,
        scene: &mut Scene<'_>,
    ) {
        if let Some(due) = slot {
            self.close(due, run.cloned(), verdict, scene);
        }
    }
}
