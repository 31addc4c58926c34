//! One expectation with its state. [`StoredRow`] is all of the state and nothing of the specification, so that a
//! changed configuration meets an unchanged memory. What events do to a row is in the sibling modules.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::board::Pause;
use crate::effect::{Effect, SlotClosed, Verdict};
use crate::expectation::{Expectation, Hearing, Rhythm};
use crate::ids::{ExpectationId, RunId, SignalId};
use crate::maintenance::Stretch;
use crate::time::{Span, Timestamp};
use crate::usual::Habit;

use super::parent::ParentView;
use super::past::Past;
use super::run::{Ended, Run};
use super::slot::{CivilGap, Slot};
use super::verdict::Standing;

/// How many signal ids a row remembers to know a repetition.
const REMEMBERED: usize = 64;
/// A check that looks well is stored again after this long, and not at each look.
const ROUTINE: Span = Span::minutes(5);
/// A ping that claims to be older than this has a wrong clock.
const DIRECT_PAST: Span = Span::hours(1);
/// A spooled record that claims to be older than this has a wrong clock.
const SPOOLED_PAST: Span = Span::days(31);

/// The whole memory of one expectation, as it is stored. The specification is never part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRow {
    pub(super) id: ExpectationId,
    pub(super) registered: Timestamp,
    /// Since when `standing` is of its present kind.
    pub(super) since: Timestamp,
    pub(super) standing: Standing,
    pub(super) last_heard: Option<Timestamp>,
    /// The latest `at` of a success or failure: older ones do not undo it.
    pub(super) last_report: Option<Timestamp>,
    pub(super) last_success: Option<Timestamp>,
    /// What a period counts from: the last filling of a slot, or the registration.
    pub(super) anchor: Timestamp,
    /// The earliest slot that is neither begun nor judged.
    pub(super) slot: Option<Slot>,
    /// The schedule could not be computed; tried again then.
    pub(super) stuck: Option<Timestamp>,
    /// The highest due time used so far: a due time is never used twice.
    pub(super) highest: Option<Timestamp>,
    /// Mark of the rhythm that `slot` was planned by.
    pub(super) rhythm: u64,
    /// Civil time that was jumped over by the last forward step of the clock.
    pub(super) gap: Option<CivilGap>,
    /// The last time that the clock was put forward, by whatever length: what was said before it is told by the old
    /// clock.
    pub(super) leap: Option<CivilGap>,
    /// How often civil time was turned back, which keeps repeated instants apart.
    pub(super) rewinds: u16,
    pub(super) runs: Vec<Run>,
    pub(super) ended: VecDeque<Ended>,
    /// Consecutive skips.
    pub(super) skips: u32,
    /// The absence of a success is bad news already told to the verdict stream.
    pub(super) stale: bool,
    /// Blind intervals in a row that hid a slot.
    pub(super) unseen: u32,
    /// Time blind since the last success.
    pub(super) blind: Span,
    pub(super) openings: VecDeque<Timestamp>,
    /// The last verdicts since the last incident ended, where bad ones are not counted in a row.
    #[serde(default, skip_serializing_if = "Past::is_empty")]
    pub(super) past: Past,
    /// The time in the id of the last incident; ids are never used twice.
    pub(super) last_incident: Option<Timestamp>,
    pub(super) pause: Option<Pause>,
    pub(super) heard: VecDeque<SignalId>,
    /// The last successes, where somebody wants to know of odd ones.
    #[serde(default, skip_serializing_if = "Habit::is_empty")]
    pub(super) habit: Habit,
}

impl StoredRow {
    /// Whose memory it is.
    pub fn id(&self) -> &ExpectationId {
        &self.id
    }

    fn new(id: ExpectationId, now: Timestamp) -> Self {
        Self {
            id,
            registered: now,
            since: now,
            standing: Standing::New,
            last_heard: None,
            last_report: None,
            last_success: None,
            anchor: now,
            slot: None,
            stuck: None,
            highest: None,
            rhythm: 0,
            gap: None,
            leap: None,
            rewinds: 0,
            runs: Vec::new(),
            ended: VecDeque::new(),
            skips: 0,
            stale: false,
            unseen: 0,
            blind: Span::ZERO,
            openings: VecDeque::new(),
            past: Past::default(),
            last_incident: None,
            pause: None,
            heard: VecDeque::new(),
            habit: Habit::default(),
        }
    }
}

/// What a row can see of the world while it is being changed.
pub(super) struct Scene<'a> {
    /// Wall time.
    pub(super) now: Timestamp,
    /// What was spooled has not been read yet: absence proves nothing for the time being.
    pub(super) undrained: bool,
    /// The parents, as one.
    pub(super) parent: ParentView,
    /// Where decisions go.
    pub(super) out: &'a mut Vec<Effect>,
    #[cfg(test)]
    pub(super) mutant: Option<super::mutant::Mutant>,
}

/// Asks whether a known bug is switched on. In normal builds this is the constant `false`.
macro_rules! mutated {
    ($scene:expr, $bug:ident) => {{
        #[cfg(test)]
        let on = $scene.mutant == Some($crate::roll_call::mutant::Mutant::$bug);
        #[cfg(not(test))]
        let on = {
            let _ = &$scene;
            false
        };
        on
    }};
}
pub(super) use mutated;

/// One expectation: what is asked of it, and its state.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) spec: Expectation,
    pub(super) state: StoredRow,
    /// Its key in the machine's index of deadlines.
    pub(super) wake: Option<Timestamp>,
    /// Its state differs from what was last handed out for storing.
    pub(super) dirty: bool,
    /// Positions of the parents, without those that lead in a circle.
    pub(super) parents: Vec<usize>,
    /// Positions of the rows whose pages are held back in favour of this one.
    pub(super) children: Vec<usize>,
    /// When its state was last handed out for storing.
    pub(super) stored: Timestamp,
    /// Whether it is in maintenance, and until when that is so. Looked up in the plan again when it is over.
    pub(super) stretch: Stretch,
    /// Pages about the children are held back, as far as they know.
    pub(super) holding: bool,
}

impl Row {
    /// A row for a specification, with its old memory where there is one.
    pub(super) fn bind(spec: Expectation, memory: Option<StoredRow>, now: Timestamp) -> Self {
        let state = memory.unwrap_or_else(|| StoredRow::new(spec.id.clone(), now));
        let stretch = spec.maintenance.stretch(now);
        let mut row = Self {
            spec,
            state,
            wake: None,
            dirty: true,
            parents: Vec::new(),
            children: Vec::new(),
            stored: now,
            stretch,
            holding: false,
        };
        row.holding = row.suppresses(now);
        row
    }

    /// A new life of the agent: what it looks at is looked at anew, and silence counts from now on.
    pub(super) fn begin_again(&mut self, now: Timestamp) {
        if self.spec.hearing == Hearing::Looked {
            self.state.slot = None;
            self.state.rhythm = 0;
            self.state.anchor = now;
        }
    }

    /// Plans the first slot, or plans again when the rhythm is another one than before. What was not bad enough may
    /// be by the new specification.
    pub(super) fn plan(&mut self, scene: &mut Scene<'_>) {
        self.reconsider(scene);
        let mark = mark(&self.spec.rhythm);
        if self.state.rhythm == mark {
            return;
        }
        self.state.rhythm = mark;
        self.abandon_slot("its plan was changed while it was due", scene);
        let was_stuck = self.state.stuck.take().is_some();
        match &self.spec.rhythm {
            Rhythm::Cron(_) => self.plan_cron(scene.now, scene),
            Rhythm::Every(period) => {
                // While nobody knew the period, no silence was too long.
                let from = if was_stuck { scene.now } else { self.state.anchor } + *period;
                self.plan_every(from, *period);
            }
            Rhythm::OnReport => {}
            Rhythm::Unknown { .. } => self.plan_nothing(scene),
        }
        self.unstick(scene);
    }

    /// Ends the row: whoever was told hears it, and what was begun gets its verdict.
    pub(super) fn withdraw(&mut self, scene: &mut Scene<'_>) {
        self.abandon_slot("it is no longer expected", scene);
        for run in std::mem::take(&mut self.state.runs) {
            if let Some(due) = run.slot {
                self.close(due, run.id, Verdict::Unknown, scene);
            }
        }
        self.tell_withdrawn(scene);
    }

    /// Drops the open slot; one that was due already is unknown for ever.
    pub(super) fn abandon_slot(&mut self, why: &str, scene: &mut Scene<'_>) {
        if let Some(slot) = self.state.slot.take()
            && slot.from <= scene.now
        {
            self.close(slot.due, None, Verdict::Unknown, scene);
            self.unknown(why.to_owned(), scene);
        }
    }

    /// Records the one and only verdict on a slot.
    pub(super) fn close(&self, due: Timestamp, run: Option<RunId>, verdict: Verdict, scene: &mut Scene<'_>) {
        if self.spec.hearing == Hearing::Looked {
            return;
        }
        scene.out.push(Effect::Slot(SlotClosed {
            about: self.state.id.clone(),
            due,
            at: scene.now,
            run,
            verdict,
        }));
    }

    /// Absence proves nothing for now: something spooled may tell.
    pub(super) fn deaf(&self, scene: &Scene<'_>) -> bool {
        scene.undrained && self.spec.hearing == Hearing::Spooled
    }

    /// The sender's time, brought into what can be true here.
    pub(super) fn believable(&self, at: Timestamp, now: Timestamp) -> Timestamp {
        let past = match self.spec.hearing {
            Hearing::Direct | Hearing::Looked => DIRECT_PAST,
            Hearing::Spooled => SPOOLED_PAST,
        };
        let at = match self.state.leap {
            Some(leap) if at <= leap.from => at + leap.to.since(leap.from),
            Some(_) | None => at,
        };
        if at > now || now.since(at) > past { now } else { at }
    }

    /// It is looked at and all is well: a state that the next look would make again.
    pub(super) fn is_well(&self) -> bool {
        self.spec.hearing == Hearing::Looked && self.state.standing == Standing::Ok
    }

    /// True if what is stored of it is not old.
    pub(super) fn is_stored_lately(&self, now: Timestamp) -> bool {
        now < self.stored + ROUTINE && self.stored <= now
    }

    /// Remembers the id of a signal; false if it was known.
    pub(super) fn remember(&mut self, id: &SignalId) -> bool {
        if self.spec.hearing == Hearing::Looked {
            return true;
        }
        if self.state.heard.contains(id) {
            return false;
        }
        if self.state.heard.len() >= REMEMBERED {
            self.state.heard.pop_front();
        }
        self.state.heard.push_back(id.clone());
        true
    }

    /// The usual time between two slots; a minute for what has no rhythm.
    pub(super) fn interval(&self) -> Span {
        match (&self.spec.rhythm, &self.state.slot) {
            (Rhythm::Every(period), _) => *period,
            (Rhythm::Cron(_), Some(slot)) => slot.gap,
            (Rhythm::Cron(_), None) | (Rhythm::OnReport | Rhythm::Unknown { .. }, _) => Span::minutes(1),
        }
    }

    /// When this row next needs to be looked at.
    pub(super) fn deadline(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let silence = if self.deaf(scene) {
            None
        } else {
            earliest([
                self.slot_deadline(),
                self.run_deadline(),
                self.long_deadline(),
                self.success_deadline(),
            ])
        };
        earliest([silence, self.state.stuck, self.page_deadline(scene), self.asked_deadline(scene)])
    }

    /// Does everything that is due.
    pub(super) fn tick(&mut self, scene: &mut Scene<'_>) {
        if self.state.pause.as_ref().is_some_and(|pause| pause.until <= scene.now) {
            self.state.pause = None;
        }
        if self.state.stuck.is_some_and(|retry| retry <= scene.now) {
            self.state.stuck = None;
            match self.spec.rhythm {
                Rhythm::Unknown { .. } => self.plan_nothing(scene),
                _ => self.plan_cron(scene.now, scene),
            }
            self.unstick(scene);
        }
        if !self.deaf(scene) {
            self.judge_slots(scene.now, scene);
            self.judge_runs(scene);
            self.judge_long(scene);
            self.judge_freshness(scene);
        }
        self.calm(scene);
    }
}

/// The earliest of several moments that may not come.
pub(super) fn earliest<const N: usize>(moments: [Option<Timestamp>; N]) -> Option<Timestamp> {
    moments.into_iter().flatten().min()
}

/// A mark that differs when the rhythm does, or why it is not known (FNV-1a over its text; never 0).
fn mark(rhythm: &Rhythm) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let why = match rhythm {
        Rhythm::Unknown { error, .. } => error.as_str(),
        Rhythm::Cron(_) | Rhythm::Every(_) | Rhythm::OnReport => "",
    };
    for byte in rhythm.text().bytes().chain(why.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash | 1
}
