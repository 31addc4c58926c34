//! Runs that are unlike what is usual for the job: odd when they end, and too long while they go on.

use crate::effect::Reason;
use crate::expectation::Level;
use crate::ids::RunId;
use crate::signal::Outcome;
use crate::time::{Span, Timestamp};
use crate::usual::{Measure, Odd, Sample};

use super::row::{Row, Scene, mutated};
use super::verdict::{Standing, Weight, is_odd};

impl Row {
    /// A run went well; it may be odd all the same. That is news of its own and no failure: it ends what failures
    /// began, and the next ordinary run ends it.
    pub(super) fn went_well(
        &mut self,
        run: Option<&RunId>,
        sample: &Sample,
        outcome: &Outcome,
        scene: &mut Scene<'_>,
    ) {
        // Nobody is to know, so nothing is remembered: it would be written to disk with each report of a duty.
        let odd = match self.spec.severity.odd {
            Level::Ignore => None,
            Level::Warn | Level::Page => self.state.habit.learn(*sample),
        };
        let Some(Odd { measure, observed, usual }) = odd else { return self.good(scene) };
        match &mut self.state.standing {
            Standing::Firing(incident) if is_odd(&incident.reason) => incident.failures = 0,
            Standing::Firing(_)
            | Standing::New
            | Standing::Ok
            | Standing::Pending { .. }
            | Standing::Unknown { .. } => self.good(scene),
        }
        if let Standing::Firing(incident) = &self.state.standing
            && !is_odd(&incident.reason)
        {
            // It recovers from something worse, and takes more than one success for that.
            return;
        }
        self.state.unseen = 0;
        let reason = Reason::Odd { run: run.cloned(), measure, observed, usual, running: false };
        self.bad(reason, Some(outcome), Weight::Aside, scene);
    }

    /// The earliest moment at which a run lasts longer than is usual. One that is past its limit has been told of.
    pub(super) fn long_deadline(&self) -> Option<Timestamp> {
        let runs = self.state.runs.iter().filter(|run| !run.late);
        runs.filter_map(|run| Some(run.since + Span::millis(run.usual?.high))).min()
    }

    /// Bad news once for every run that lasts longer than is usual.
    pub(super) fn judge_long(&mut self, scene: &mut Scene<'_>) {
        for open in 0..self.state.runs.len() {
            let run = &mut self.state.runs[open];
            let Some(usual) = run.usual else { continue };
            let early = run.since + Span::millis(usual.high) > scene.now;
            if run.late || early || mutated!(scene, LongOnlyAtEnd) {
                continue;
            }
            run.usual = None;
            let (id, observed) = (run.id.clone(), scene.now.since(run.since).as_millis());
            let reason = Reason::Odd { run: id, measure: Measure::Duration, observed, usual, running: true };
            self.bad(reason, None, Weight::Aside, scene);
        }
    }
}
