//! The board: how everything stands, for people to read.

use crate::board::{Incident, Line, NextStep, Retried, Running};
use crate::effect::Condition;
use crate::expectation::Level;
use crate::usual::Measure;

use super::climb::number;
use super::hold::Hold;
use super::row::{Row, Scene};
use super::verdict::Standing;

impl Row {
    /// The line of this row.
    pub(super) fn line(&self, scene: &Scene<'_>) -> Line {
        let state = &self.state;
        let incident = match &state.standing {
            Standing::Firing(incident) => Some(Incident {
                id: incident.id.clone(),
                since: incident.since,
                // A page that went to nobody has told nobody.
                told: !incident.told.is_empty(),
                refused: None,
                acknowledged: incident.acknowledged.as_ref().map(|seen| (seen.by.clone(), seen.until)),
                flapping: incident.flapping.is_some(),
                next_step: self.next_step(incident),
            }),
            Standing::New | Standing::Ok | Standing::Pending { .. } | Standing::Unknown { .. } => None,
        };
        let suppressed_by = match (&state.standing, self.hold(scene)) {
            (Standing::Firing(_), Some(Hold::Parent(parent))) => Some(parent),
            (_, _) => None,
        };
        Line {
            id: state.id.clone(),
            condition: state.standing.condition(),
            since: state.since,
            rhythm: self.spec.rhythm.text(),
            last_heard: state.last_heard,
            last_success: state.last_success,
            due: state.slot.as_ref().map(|slot| slot.from),
            deadline: self.slot_deadline(),
            running: state
                .runs
                .iter()
                .map(|run| Running {
                    run: run.id.clone(),
                    since: run.since,
                    limit: self.spec.max_runtime,
                    late: run.late,
                })
                .collect(),
            incident,
            notify: self.spec.notify.clone(),
            pause: state.pause.clone(),
            maintenance: self.maintenance_until(scene.now),
            suppressed_by,
            usual: state.habit.usual(Measure::Duration),
            usage: None,
            own: false,
            retried: Some(state.habit.retried())
                .filter(|(times, _)| *times > 0)
                .map(|(times, of)| Retried { times, of }),
        }
    }

    fn next_step(&self, incident: &super::page::Incident) -> Option<NextStep> {
        let at = incident.climb.next(&self.spec.steps)?;
        let step = self.spec.steps.get(incident.climb.taken)?;
        (incident.acknowledged.is_none() && incident.level == Level::Page).then(|| NextStep {
            step: number(incident.climb.taken + 1),
            of: number(self.spec.steps.len()),
            at,
            to: step.notify.clone(),
        })
    }

    /// True if this row shows green.
    pub(super) fn is_green(&self) -> bool {
        self.state.standing.condition() == Condition::Ok
    }
}
