//! Why bad pages are held back, and until when. The end of an incident is never held back.

use crate::effect::Reason;
use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

use super::parent::ParentView;
use super::row::{Row, Scene, earliest, mutated};
use super::verdict::Standing;

/// Why a bad page is held back, and until when where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// People want it so: a pause, or a maintenance that the file plans.
    Asked(Timestamp),
    Parent(ExpectationId),
    Spool,
}

impl Row {
    /// Why bad pages about this row are held back at present.
    pub(super) fn hold(&self, scene: &Scene<'_>) -> Option<Hold> {
        if let Some(until) = self.asked_until(scene.now) {
            return Some(Hold::Asked(until));
        }
        if let ParentView::Down(parent) = &scene.parent {
            return Some(Hold::Parent(parent.clone()));
        }
        match &self.state.standing {
            Standing::Firing(incident) if self.deaf(scene) && is_silence(&incident.reason) => {
                Some(Hold::Spool)
            }
            Standing::Firing(_)
            | Standing::New
            | Standing::Ok
            | Standing::Pending { .. }
            | Standing::Unknown { .. } => None,
        }
    }

    /// Until when people want no pages about it, if they do.
    pub(super) fn asked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.state.pause.as_ref().map(|pause| pause.until).max(self.maintenance_until(now))
    }

    /// The end of the maintenance that goes on.
    pub(super) fn maintenance_until(&self, now: Timestamp) -> Option<Timestamp> {
        if self.spec.maintenance.is_empty() {
            return None;
        }
        let stretch =
            if self.stretch.contains(now) { self.stretch } else { self.spec.maintenance.stretch(now) };
        stretch.held_until()
    }

    /// Looks up whether it is in maintenance, where that may have changed.
    pub(super) fn look_up(&mut self, scene: &Scene<'_>) {
        if self.spec.maintenance.is_empty() || self.stretch.contains(scene.now) {
            return;
        }
        self.stretch = self.spec.maintenance.stretch(scene.now);
        if mutated!(scene, MaintenanceOutlivesItsEnd) {
            self.stretch = self.stretch.longer(Span::days(1));
        }
    }

    /// When people want pages again, or a maintenance begins. At that moment somebody must look.
    pub(super) fn asked_deadline(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let pause = self.state.pause.as_ref().map(|pause| pause.until);
        let planned = self.stretch.to().filter(|_| !self.spec.maintenance.is_empty());
        earliest([pause, planned.filter(|_| !mutated!(scene, MaintenanceEndsUnseen))])
    }
}

/// True for bad news that nobody sent: a spool that is not read yet may refute it.
fn is_silence(reason: &Reason) -> bool {
    match reason {
        Reason::Missed { .. }
        | Reason::NeverReported { .. }
        | Reason::TooLong { .. }
        | Reason::NoSuccess { .. }
        | Reason::Unseen { .. }
        | Reason::Odd { running: true, .. } => true,
        Reason::Failed { .. }
        | Reason::Often { .. }
        | Reason::Odd { running: false, .. }
        | Reason::TooShort { .. }
        | Reason::Skipped { .. }
        | Reason::Spent { .. }
        | Reason::Unschedulable { .. } => false,
    }
}
