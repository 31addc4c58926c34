//! Runs that are going on. Every one has its own deadline, however many overlap.

use serde::{Deserialize, Serialize};

use crate::effect::{Reason, Verdict};
use crate::ids::{ExpectationId, RunId};
use crate::signal::{Ending, Outcome, ProcessMark};
use crate::time::{Span, Timestamp};
use crate::usual::{Measure, Sample, Usual};

use super::row::{Row, Scene, mutated};
use super::verdict::Weight;

/// More open runs than this are not kept: the oldest is taken as lost.
const OPEN_RUNS: usize = 64;
/// How many ended runs are remembered, so that a late start does not open them again.
const ENDED_RUNS: usize = 32;
/// A second start without a run id within this time is the same start, sent twice.
const SAME_START: Span = Span::seconds(30);

/// A run that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: Option<RunId>,
    pub(super) since: Timestamp,
    /// The start or the last sign of life: its limit counts from here.
    pub(super) fresh: Timestamp,
    /// The slot that it carries, until that has its verdict.
    pub(super) slot: Option<Timestamp>,
    /// It is past its limit, and that has been told to the verdict stream.
    pub(super) late: bool,
    /// How long it may take until it is unlike itself, as it was known when it began; none once that has been told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usual: Option<Usual>,
    pub(super) process: Option<ProcessMark>,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) id: Option<RunId>,
    pub(super) at: Timestamp,
}

/// A run that is going on and the process that watches it, for whoever can see whether the process still lives.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRun {
    /// Whose run.
    pub about: ExpectationId,
    /// Its id, if the sender gave one.
    pub run: Option<RunId>,
    /// Since when.
    pub since: Timestamp,
    /// The process.
    pub process: ProcessMark,
}

/// How a run ended.
pub(super) enum End {
    Success,
    Failure,
}

impl Row {
    /// The earliest moment at which a run passes its limit.
    pub(super) fn run_deadline(&self) -> Option<Timestamp> {
        let limit = self.spec.max_runtime?;
        self.state.runs.iter().filter(|run| !run.late).map(|run| run.fresh + limit).min()
    }

    pub(super) fn start(
        &mut self,
        id: Option<&RunId>,
        process: Option<&ProcessMark>,
        at: Timestamp,
        scene: &mut Scene<'_>,
    ) {
        if self.state.ended.iter().any(|ended| ended.id.as_ref() == id && at <= ended.at) {
            return;
        }
        if let Some(open) = self.state.runs.iter().position(|run| run.id.as_ref() == id) {
            let same = id.is_some()
                || at.since(self.state.runs[open].since) <= SAME_START.min(self.interval().over(2));
            if same || at < self.state.runs[open].since {
                return;
            }
            self.lose(open, "it was started again without having ended", scene);
        }
        let slot = self.fill(at, scene);
        if self.state.runs.len() >= OPEN_RUNS {
            self.lose(0, "more runs are open than can be watched", scene);
        }
        if mutated!(scene, OnlyNewestRunTimed) {
            for run in &mut self.state.runs {
                run.late = true;
            }
        }
        let process = process.cloned();
        let usual = self.state.habit.usual(Measure::Duration);
        self.state.runs.push(Run {
            id: id.cloned(),
            since: at,
            fresh: at,
            slot,
            late: false,
            usual,
            process,
        });
    }

    /// A run ended, known or not.
    pub(super) fn end(
        &mut self,
        id: Option<&RunId>,
        end: End,
        outcome: &Outcome,
        at: Timestamp,
        scene: &mut Scene<'_>,
    ) {
        let known = self.state.runs.iter().position(|run| run.id.as_ref() == id);
        let run = match known {
            Some(open) => {
                let run = self.state.runs.remove(open);
                self.note_end(id, at.max(run.since));
                Some(run)
            }
            None => None,
        };
        let before =
            self.state.ended.iter().any(|ended| id.is_some() && ended.id.as_ref() == id && known.is_none());
        if before && self.state.ended.iter().any(|ended| ended.id.as_ref() == id && at <= ended.at) {
            return;
        }
        let (slot, started, late) = match run {
            Some(run) => (run.slot, Some(run.since), run.late),
            // Its slot has had a verdict: this is an afterthought, news but not another slot.
            None if before => (None, None, true),
            None => {
                let slot = self.fill(at, scene);
                if id.is_some() {
                    self.note_end(id, at);
                }
                (slot, None, false)
            }
        };
        let old = self.state.last_report.is_some_and(|last| at + super::hear::ORDER < last);
        self.state.last_report = self.state.last_report.max(Some(at));
        let weight = if late { Weight::Again } else { Weight::One };
        match end {
            End::Success => {
                let took = outcome.worked().or(started.map(|started| at.since(started)));
                if let (Some(took), Some(least)) = (took, self.spec.min_runtime)
                    && took < least
                {
                    self.close_run(slot, id, Verdict::Failed, scene);
                    if !old {
                        self.bad(Reason::TooShort { took, least }, Some(outcome), weight, scene);
                    }
                    return;
                }
                self.close_run(slot, id, Verdict::Ok, scene);
                self.state.last_success = self.state.last_success.max(Some(at));
                self.state.blind = Span::ZERO;
                self.state.stale = false;
                self.state.skips = 0;
                if !old {
                    self.went_well(id, &Sample::of(outcome, took), outcome, scene);
                }
            }
            End::Failure => {
                self.close_run(slot, id, Verdict::Failed, scene);
                if !old {
                    self.bad(Reason::Failed { times: 1 }, Some(outcome), weight, scene);
                }
            }
        }
    }

    /// A run is still well.
    pub(super) fn alive(&mut self, id: Option<&RunId>, at: Timestamp) {
        if let Some(run) = self.state.runs.iter_mut().find(|run| run.id.as_ref() == id) {
            run.fresh = run.fresh.max(at);
        }
    }

    /// Ends a run of which nothing more will be heard.
    fn lose(&mut self, open: usize, why: &str, scene: &mut Scene<'_>) {
        let run = self.state.runs.remove(open);
        self.note_end(run.id.as_ref(), run.since);
        self.close_run(run.slot, run.id.as_ref(), Verdict::Failed, scene);
        let weight = if run.late { Weight::Again } else { Weight::One };
        let outcome = Outcome::bare(Ending::Lost { why: why.to_owned() });
        self.bad(Reason::Failed { times: 1 }, Some(&outcome), weight, scene);
    }

    pub(super) fn note_end(&mut self, id: Option<&RunId>, at: Timestamp) {
        self.state.ended.retain(|ended| ended.id.as_ref() != id);
        if self.state.ended.len() >= ENDED_RUNS {
            self.state.ended.pop_front();
        }
        self.state.ended.push_back(Ended { id: id.cloned(), at });
    }

    /// Bad news once for every run that passed its limit.
    pub(super) fn judge_runs(&mut self, scene: &mut Scene<'_>) {
        let Some(limit) = self.spec.max_runtime else { return };
        for open in 0..self.state.runs.len() {
            let run = &mut self.state.runs[open];
            if run.late || run.fresh + limit > scene.now {
                continue;
            }
            run.late = true;
            let (slot, id, started) = (run.slot.take(), run.id.clone(), run.since);
            self.close_run(slot, id.as_ref(), Verdict::Failed, scene);
            self.bad(Reason::TooLong { run: id, started, limit }, None, Weight::One, scene);
        }
    }

    /// Bad news once when there was no success for too long.
    pub(super) fn judge_freshness(&mut self, scene: &mut Scene<'_>) {
        if let (Some(deadline), Some(every)) = (self.success_deadline(), self.spec.success_every)
            && deadline <= scene.now
        {
            self.state.stale = true;
            self.bad(Reason::NoSuccess { last: self.state.last_success, every }, None, Weight::Whole, scene);
        }
    }

    /// When the absence of a success becomes bad news; none once it is.
    pub(super) fn success_deadline(&self) -> Option<Timestamp> {
        let every = self.spec.success_every?;
        if self.state.stale {
            return None;
        }
        Some(self.state.last_success.unwrap_or(self.state.registered) + every + self.state.blind)
    }
}
