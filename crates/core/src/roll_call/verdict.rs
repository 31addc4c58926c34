//! The stream of good and bad verdicts, and the standing it leads to.

use serde::{Deserialize, Serialize};

use crate::effect::{Condition, Effect, Reason, Transition};
use crate::expectation::{Level, Severity};
use crate::signal::Outcome;
use crate::time::Timestamp;

use super::page::Incident;
use super::past::Past;
use super::row::{Row, Scene, mutated};

/// How an expectation stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Standing {
    /// Registered and no verdict yet.
    New,
    /// The last verdict was good.
    Ok,
    /// Bad verdicts, not yet enough of them: too few in a row, or among the last ones.
    Pending { failures: u32, since: Timestamp, level: Level, reason: Reason },
    /// An incident is open.
    Firing(Box<Incident>),
    /// Nobody could see; the bad verdicts before still count.
    Unknown { why: String, failures: u32 },
}

/// How much a bad verdict counts towards `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// One more.
    One,
    /// The same run is already counted.
    Again,
    /// Bad enough by itself: it is a judgement over a long time already.
    Whole,
    /// Bad enough by itself, and no step towards `after`: it did not fail.
    Aside,
}

impl Standing {
    pub(super) fn condition(&self) -> Condition {
        match self {
            Self::New => Condition::New,
            Self::Ok => Condition::Ok,
            Self::Pending { failures, reason, .. } => {
                Condition::Pending { failures: *failures, reason: reason.clone() }
            }
            Self::Firing(incident) => Condition::Firing {
                incident: incident.id.clone(),
                reason: incident.reason.clone(),
                level: incident.level,
            },
            Self::Unknown { why, .. } => Condition::Unknown { why: why.clone() },
        }
    }

    fn failures(&self) -> u32 {
        match self {
            Self::Pending { failures, .. } | Self::Unknown { failures, .. } => *failures,
            Self::Firing(incident) => incident.failures,
            Self::New | Self::Ok => 0,
        }
    }
}

/// How loud this reason is.
pub(super) fn level(severity: &Severity, reason: &Reason) -> Level {
    match reason {
        Reason::Failed { .. }
        | Reason::Often { .. }
        | Reason::TooLong { .. }
        | Reason::TooShort { .. }
        | Reason::Spent { .. } => severity.failed,
        Reason::Missed { .. }
        | Reason::NeverReported { .. }
        | Reason::NoSuccess { .. }
        | Reason::Unseen { .. } => severity.missed,
        Reason::Skipped { .. } => severity.skipped,
        Reason::Odd { .. } => severity.odd,
        // Nobody can have meant that a job whose schedule is broken is of no interest.
        Reason::Unschedulable { .. } => Level::Page,
    }
}

/// True for a run that went well, or goes on, and is unlike itself.
pub(super) fn is_odd(reason: &Reason) -> bool {
    matches!(reason, Reason::Odd { .. })
}

/// True if `one` is at least as loud as `other`.
pub(super) fn as_loud(one: Level, other: Level) -> bool {
    let rank = |level| match level {
        Level::Ignore => 0,
        Level::Warn => 1,
        Level::Page => 2,
    };
    rank(one) >= rank(other)
}

impl Row {
    /// Changes the standing and records it in the history.
    pub(super) fn stand(&mut self, next: Standing, scene: &mut Scene<'_>) {
        let from = self.state.standing.condition();
        let to = next.condition();
        self.state.standing = next;
        if from == to {
            return;
        }
        if from.word() != to.word() {
            self.state.since = scene.now;
        }
        let about = self.state.id.clone();
        scene.out.push(Effect::Transition(Transition { about, at: scene.now, from, to }));
    }

    /// One bad verdict.
    pub(super) fn bad(
        &mut self,
        reason: Reason,
        evidence: Option<&Outcome>,
        weight: Weight,
        scene: &mut Scene<'_>,
    ) {
        let loudest = level(&self.spec.severity, &reason);
        let level = match evidence.and_then(|outcome| outcome.level) {
            Some(lesser) if as_loud(loudest, lesser) => lesser,
            Some(_) | None => loudest,
        };
        if level == Level::Ignore {
            return;
        }
        let failures = self.count(weight);
        let needed = self.spec.after.max(1);
        let reason = match reason {
            Reason::Failed { .. } => self.too_often(failures),
            other => other,
        };
        let window = self.flap_window();
        match &mut self.state.standing {
            Standing::Firing(incident) => {
                incident.failures = failures;
                incident.good = 0;
                incident.last_bad = scene.now;
                if mutated!(scene, PageStorm) {
                    incident.telling = super::page::Telling::Untold { not_before: scene.now };
                }
                // What is only odd so far does not make the first failure count for all.
                let counts = weight == Weight::Aside || failures >= needed || !is_odd(&incident.reason);
                if as_loud(level, incident.level) && counts {
                    incident.reason = reason;
                    incident.evidence = evidence.cloned();
                    if level != incident.level {
                        let from = Condition::Firing {
                            incident: incident.id.clone(),
                            reason: incident.reason.clone(),
                            level: incident.level,
                        };
                        incident.level = level;
                        // It was seen as a warning; as a page it is new.
                        incident.acknowledged = None;
                        let to = Condition::Firing {
                            incident: incident.id.clone(),
                            reason: incident.reason.clone(),
                            level,
                        };
                        let about = self.state.id.clone();
                        scene.out.push(Effect::Transition(Transition { about, at: scene.now, from, to }));
                    }
                }
            }
            Standing::New | Standing::Ok | Standing::Pending { .. } | Standing::Unknown { .. } => {
                let (since, level) = match &self.state.standing {
                    _ if weight == Weight::Aside => (scene.now, level),
                    Standing::Pending { since, level: earlier, .. } => {
                        (*since, if as_loud(*earlier, level) { *earlier } else { level })
                    }
                    Standing::New | Standing::Ok | Standing::Unknown { .. } | Standing::Firing(_) => {
                        (scene.now, level)
                    }
                };
                if failures >= needed || weight == Weight::Aside {
                    let incident =
                        self.open(since, level, reason, evidence.cloned(), failures, window, scene);
                    self.stand(Standing::Firing(Box::new(incident)), scene);
                } else {
                    self.stand(Standing::Pending { failures, since, level, reason }, scene);
                }
            }
        }
    }

    /// How many bad verdicts there are with one more of that weight: in a row, or among the last ones.
    fn count(&mut self, weight: Weight) -> u32 {
        if let Some(of) = self.spec.of {
            if matches!(weight, Weight::One | Weight::Whole) {
                self.state.past.note(true);
            }
            let (bad, _) = self.state.past.among(of);
            return match weight {
                Weight::One | Weight::Aside => bad,
                Weight::Again => bad.max(1),
                Weight::Whole => bad.max(self.spec.after),
            };
        }
        // In a row: one that comes after a good run, in an incident that goes on, is the first again.
        let before = match &self.state.standing {
            Standing::Firing(incident) if incident.good > 0 => 0,
            other => other.failures(),
        };
        match weight {
            Weight::One => before.saturating_add(1),
            Weight::Again => before.max(1),
            Weight::Whole => before.saturating_add(1).max(self.spec.after),
            Weight::Aside => before,
        }
    }

    /// What so many failures are called: all of the last ones, or some of them.
    fn too_often(&self, failures: u32) -> Reason {
        match self.spec.of.map(|of| self.state.past.among(of)) {
            Some((bad, of)) if bad < of => Reason::Often { bad, of, hearing: self.spec.hearing },
            Some(_) | None => Reason::Failed { times: failures },
        }
    }

    /// The number of bad verdicts that it takes may have become smaller.
    pub(super) fn reconsider(&mut self, scene: &mut Scene<'_>) {
        if !matches!(self.state.standing, Standing::Firing(_)) {
            // What was of no interest before may be of interest now.
            self.state.stale = false;
        }
        if self.spec.of.is_none() {
            self.state.past = Past::default();
        }
        if let Standing::Pending { failures, since, level, reason } = &self.state.standing
            && self.spec.of.map_or(*failures, |of| self.state.past.among(of).0) >= self.spec.after
        {
            let (failures, since, level, reason) = (*failures, *since, *level, reason.clone());
            let window = self.flap_window();
            let incident = self.open(since, level, reason, None, failures, window, scene);
            self.stand(Standing::Firing(Box::new(incident)), scene);
        }
    }

    /// One good verdict.
    pub(super) fn good(&mut self, scene: &mut Scene<'_>) {
        self.state.unseen = 0;
        let lately = self.spec.of.map_or(0, |of| {
            self.state.past.note(false);
            if mutated!(scene, GoodOnesForgiveAll) {
                self.state.past = Past::default();
            }
            self.state.past.among(of).0
        });
        match &mut self.state.standing {
            Standing::Firing(incident) => {
                incident.good = incident.good.saturating_add(1);
                self.calm(scene);
            }
            Standing::Ok => {}
            // One good look among bad ones is no all-clear.
            Standing::Pending { failures, .. } if lately == *failures && lately > 0 => {}
            Standing::Pending { since, level, .. } if lately > 0 => {
                let (since, level, reason) = (*since, *level, self.too_often(lately));
                self.stand(Standing::Pending { failures: lately, since, level, reason }, scene);
            }
            Standing::New | Standing::Pending { .. } | Standing::Unknown { .. } => {
                self.stand(Standing::Ok, scene);
            }
        }
    }

    /// Nobody could see what happened to a slot; a second blind interval in a row is bad news.
    pub(super) fn unknown(&mut self, why: String, scene: &mut Scene<'_>) {
        if self.state.unseen >= 2 {
            let since = self.state.last_heard.unwrap_or(self.state.registered);
            self.bad(Reason::Unseen { since, why }, None, Weight::Whole, scene);
            return;
        }
        if mutated!(scene, UnknownPushesOut) {
            self.state.past.note(false);
        }
        match &mut self.state.standing {
            // Good news in a row must be seen in a row.
            Standing::Firing(incident) => incident.good = 0,
            other @ (Standing::New | Standing::Ok | Standing::Pending { .. } | Standing::Unknown { .. }) => {
                let failures = other.failures();
                self.stand(Standing::Unknown { why, failures }, scene);
            }
        }
    }
}
