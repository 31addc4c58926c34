//! What must hold of the state at any moment. The promises about history are asserted by the simulation.

use crate::expectation::Level;
use crate::ids::ExpectationId;
use crate::usual::KEPT_RUNS;

use super::machine::RollCall;
use super::page::Telling;
use super::row::Row;
use super::verdict::Standing;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{about}: {what}")]
pub struct Broken {
    /// Whose state it is.
    pub about: ExpectationId,
    /// What should hold and does not.
    pub what: String,
}

impl RollCall {
    /// Looks at the whole state after a [`RollCall::tick`]; costs time in the order of its size.
    ///
    /// # Errors
    /// [`Broken`] with the first promise that does not hold.
    pub fn check_invariants(&self) -> Result<(), Broken> {
        for (place, row) in self.rows().iter().enumerate() {
            self.check(place, row).map_err(|what| Broken { about: row.state.id.clone(), what })?;
        }
        Ok(())
    }

    fn check(&self, place: usize, row: &Row) -> Result<(), String> {
        let ticked = self.ticked();
        let state = &row.state;
        let deaf = self.with_scene(place, |row, scene| row.deaf(scene));
        let hold = self.with_scene(place, |row, scene| row.hold(scene));
        let due = self.with_scene(place, |row, scene| row.deadline(scene));
        if let Some(ticked) = ticked {
            if !deaf && row.slot_deadline().is_some_and(|deadline| deadline <= ticked) {
                return Err(format!("a slot is open past its deadline {:?}", row.slot_deadline()));
            }
            if !deaf && row.run_deadline().is_some_and(|deadline| deadline <= ticked) {
                return Err("a run is past its limit and nobody said so".to_owned());
            }
            if !deaf && row.long_deadline().is_some_and(|deadline| deadline <= ticked) {
                return Err("a run lasts longer than is usual and nobody said so".to_owned());
            }
            if state.pause.as_ref().is_some_and(|pause| pause.until <= ticked) {
                return Err("a pause is past its end".to_owned());
            }
            if row.asked_until(ticked).is_some_and(|until| until <= ticked) {
                return Err("a maintenance is past its end".to_owned());
            }
            if let Standing::Firing(incident) = &state.standing
                && incident.level == Level::Page
                && hold.is_none()
                && incident.acknowledged.is_none()
                && matches!(incident.telling, Telling::Untold { not_before } if not_before <= ticked)
            {
                return Err("it fires, nothing holds its page back, and nobody was told".to_owned());
            }
            if let Standing::Firing(incident) = &state.standing
                && incident.level == Level::Page
                && hold.is_none()
                && incident.acknowledged.is_none()
                && matches!(incident.telling, Telling::Told { .. })
                && incident.climb.next(&row.spec.steps).is_some_and(|at| at <= ticked)
            {
                return Err("nobody answers, and the next step was not taken".to_owned());
            }
        }
        if row.wake != due {
            return Err(format!("the index of deadlines says {:?} where {due:?} is right", row.wake));
        }
        if let (Standing::Pending { .. }, Some(of)) = (&state.standing, row.spec.of)
            && state.past.among(of).0 >= row.spec.after
        {
            return Err("enough of its last verdicts were bad, and it does not fire".to_owned());
        }
        let ignored = row.spec.severity.missed == Level::Ignore;
        if row.is_green() && ((state.stale && !ignored) || state.stuck.is_some()) {
            return Err("green without a reason to be".to_owned());
        }
        if state.runs.len() > 64
            || state.ended.len() > 32
            || state.heard.len() > 64
            || state.openings.len() > 8
            || state.habit.len() > KEPT_RUNS
        {
            return Err("its memory grows without bound".to_owned());
        }
        let open = state.slot.as_ref().map(|slot| slot.due);
        for (place, run) in state.runs.iter().enumerate() {
            if run.slot.is_some()
                && (run.slot == open || state.runs[..place].iter().any(|other| other.slot == run.slot))
            {
                return Err(format!("slot {:?} is held twice", run.slot));
            }
        }
        Ok(())
    }
}
