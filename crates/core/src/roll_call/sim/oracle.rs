//! The oracle: it knows what really happened and holds the roll call to its promises.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::effect::{Condition, Effect, News, Page, Reason, Verdict};
use crate::expectation::{Expectation, Hearing, Level, Rhythm, Step};
use crate::ids::{ChannelName, ExpectationId, IncidentId};
use crate::maintenance::Spell;
use crate::roll_call::RollCall;
use crate::roll_call::verdict::Standing;
use crate::time::{Span, Timestamp};
use crate::usual::LEAST_RUNS;

use super::plan::SIZE;

/// Time may pass between a deadline and the step that sees it.
const SLACK: i64 = 1_000;
/// How long a page may wait for a parent, at most: to be seen down, then the child's own way back, and that twice more
/// if the parent went down and up between two looks.
const FAMILY: i64 = 31 * 60_000;

/// What the clock may be slewed by and nobody sees.
const SLEW: Span = Span::seconds(2);

/// What the oracle knows of one expectation. Times are true milliseconds since the beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    /// The last signal that was heard.
    pub(super) sign: i64,
    /// What `Oracle::excused` was then.
    excused: i64,
    blinds: u32,
    /// Its specification was changed on the way.
    pub(super) replanned: bool,
    /// It never sends late and loses nothing.
    pub(super) faithful: bool,
    unknown: bool,
    succeeded: bool,
    /// Successes that were heard, lost ones included.
    successes: usize,
    /// Both in time seen: a boot with a step of the clock may hide as much time as nobody was there.
    pub(super) paused_until: i64,
    pub(super) acknowledged_until: i64,
    pub(super) acknowledged_at: i64,
    pub(super) acknowledged: Option<IncidentId>,
    /// When the last page about it was decided.
    paged: i64,
    /// Whom it escalates for, since when, in time seen, nobody answers, and how many later steps were taken.
    climb: Option<(IncidentId, i64, usize)>,
    /// Whether the last reports were bad, as far back as that is certain; none once the clock made it uncertain.
    recent: Option<VecDeque<bool>>,
    /// Since when, in time seen, it fires with nothing that could hold its page back.
    mute_since: Option<(IncidentId, i64)>,
}

#[derive(Default)]
pub(super) struct Oracle {
    pub(super) truths: Vec<Truth>,
    /// Time in which nobody could have judged: the agent down, the spool not read.
    pub(super) excused: i64,
    pub(super) blinds: u32,
    open: BTreeMap<ExpectationId, (IncidentId, Vec<ChannelName>)>,
    told: HashSet<IncidentId>,
    firsts: HashSet<IncidentId>,
    numbers: HashSet<(IncidentId, u32)>,
    slots: HashSet<(ExpectationId, Timestamp)>,
    pub(super) pages: u64,
    /// Incidents of what went to and fro too often.
    pub(super) often: u64,
    /// Incidents that began with something odd.
    pub(super) odd: u64,
    /// How often somebody should have heard of something, had it not been for a maintenance.
    pub(super) planned: u64,
    /// Later steps of escalations.
    pub(super) steps: u64,
    pub(super) verdicts: BTreeMap<String, u64>,
}

impl Oracle {
    pub(super) fn new() -> Self {
        Self { truths: vec![Truth::default(); SIZE], ..Self::default() }
    }

    /// A new one, which knows nothing of an earlier one of its name: after two steps of the clock back it may meet the
    /// same due times.
    pub(super) fn register(&mut self, place: usize, now: i64) {
        let id = super::plan::id(place);
        self.slots.retain(|(about, _)| *about != id);
        self.truths[place] = Truth {
            sign: now,
            excused: self.excused,
            blinds: self.blinds,
            faithful: true,
            recent: Some(VecDeque::new()),
            ..Truth::default()
        };
    }

    /// A signal about it was heard.
    pub(super) fn heard(&mut self, place: usize, now: i64, success: bool) {
        let (excused, blinds) = (self.excused, self.blinds);
        let truth = &mut self.truths[place];
        (truth.sign, truth.excused, truth.blinds) = (now, excused, blinds);
        if success {
            truth.unknown = false;
            truth.succeeded = true;
            truth.successes += 1;
        }
    }

    /// A report that is a verdict by itself was heard. One that was late may count for nothing.
    pub(super) fn counted(&mut self, place: usize, is_bad: bool, is_punctual: bool) {
        let Some(recent) = &mut self.truths[place].recent else { return };
        if !is_punctual {
            recent.clear();
            return;
        }
        recent.push_back(is_bad);
        if recent.len() > 64 {
            recent.pop_front();
        }
    }

    /// What was counted so far may have been lost; after a step of the clock also what comes.
    pub(super) fn forget_counts(&mut self, for_good: bool) {
        for truth in &mut self.truths {
            truth.recent = truth.recent.take().filter(|_| !for_good).map(|_| VecDeque::new());
        }
    }

    /// Takes in what was committed, in order.
    pub(super) fn committed(&mut self, effects: &[Effect], now: i64) -> Result<(), String> {
        for effect in effects {
            match effect {
                Effect::Page(page) => self.paged(page, now)?,
                Effect::Slot(slot) => {
                    let word = format!("{:?}", slot.verdict);
                    *self.verdicts.entry(word).or_insert(0) += 1;
                    if !self.slots.insert((slot.about.clone(), slot.due)) {
                        return Err(format!("{}: slot {} ended twice", slot.about, slot.due));
                    }
                    let place = place(&slot.about);
                    if slot.verdict == Verdict::Ok && !self.truths[place].succeeded {
                        return Err(format!("{}: a slot is ok and nothing ever went well", slot.about));
                    }
                }
                Effect::Transition(change) => {
                    if change.from == change.to {
                        return Err(format!("{}: a change that changes nothing", change.about));
                    }
                }
            }
        }
        Ok(())
    }

    fn paged(&mut self, page: &Page, now: i64) -> Result<(), String> {
        self.pages += 1;
        self.truths[place(&page.about)].paged = now;
        if !self.numbers.insert((page.incident.clone(), page.number)) {
            return Err(format!("page {}/{} twice", page.incident, page.number));
        }
        match &page.news {
            News::Opened { .. } | News::Flapping { .. } => {
                if !self.firsts.insert(page.incident.clone()) {
                    return Err(format!("{} was opened twice", page.incident));
                }
                self.truths[place(&page.about)].climb = Some((page.incident.clone(), now - self.excused, 0));
                self.tell(page)
            }
            News::Reminder { .. } => self.tell(page),
            News::AcknowledgementExpired { .. } => {
                let climb = &mut self.truths[place(&page.about)].climb;
                let taken =
                    climb.take().filter(|(known, ..)| *known == page.incident).map_or(0, |(.., taken)| taken);
                *climb = Some((page.incident.clone(), now - self.excused, taken));
                self.tell(page)
            }
            News::Escalated { step, of, .. } => {
                self.steps += 1;
                let (step, of) = (*step as usize, *of as usize);
                match &mut self.truths[place(&page.about)].climb {
                    Some((known, _, taken)) if *known == page.incident && step > *taken + 1 && step <= of => {
                        *taken = step - 1;
                    }
                    other => return Err(format!("{}: step {step} of {of} after {other:?}", page.incident)),
                }
                self.tell(page)
            }
            News::Resolved { .. } | News::Withdrawn { .. } => match self.open.remove(&page.about) {
                Some((incident, told)) if incident == page.incident => {
                    if told == page.to {
                        Ok(())
                    } else {
                        Err(format!("{incident}: told {told:?}, the end went to {:?}", page.to))
                    }
                }
                other => Err(format!("the end of {} that nobody knows: {other:?}", page.incident)),
            },
            News::Test { .. } => Err("nobody asked for a test".to_owned()),
        }
    }

    fn tell(&mut self, page: &Page) -> Result<(), String> {
        self.told.insert(page.incident.clone());
        let fresh = (page.incident.clone(), Vec::new());
        let (incident, told) = self.open.entry(page.about.clone()).or_insert(fresh);
        if *incident != page.incident {
            return Err(format!("{incident} was told and its end was not"));
        }
        for channel in &page.to {
            if !told.contains(channel) {
                told.push(channel.clone());
            }
        }
        Ok(())
    }

    /// Told means told: nobody waits for the end of something that is over. Right after a commit.
    pub(super) fn ends_are_told(&self, roll: &RollCall) -> Result<(), String> {
        for (about, (incident, _)) in &self.open {
            let row = roll.rows().iter().find(|row| row.state.id == *about);
            match row.map(|row| &row.state.standing) {
                Some(Standing::Firing(present)) if present.id == *incident => {}
                _ => return Err(format!("{incident} is over and those who were told do not know")),
            }
        }
        Ok(())
    }

    /// Every planned slot ends: in a life without steps of the clock, cron's own list is the witness.
    pub(super) fn every_instant_ended(&self, roll: &RollCall, now: Timestamp) -> Result<(), String> {
        for row in roll.rows() {
            let Rhythm::Cron(schedule) = &row.spec.rhythm else { continue };
            if self.truths[place(&row.state.id)].replanned {
                continue;
            }
            let mut due = row.state.registered;
            while let Ok(next) = schedule.next_after(due) {
                due = next;
                let open = row.state.slot.as_ref().is_some_and(|slot| slot.due <= due);
                if open || due > now {
                    break;
                }
                let carried = row.state.runs.iter().any(|run| run.slot == Some(due));
                if !carried && !self.slots.contains(&(row.state.id.clone(), due)) {
                    return Err(format!("{}: slot {due} never ended", row.state.id));
                }
            }
        }
        Ok(())
    }

    /// The promises about the present. `watching` is false while the agent is down or the spool is not read.
    pub(super) fn check(
        &mut self,
        roll: &RollCall,
        now: i64,
        wall: Timestamp,
        stepped: i64,
        watching: bool,
    ) -> Result<(), String> {
        for row in roll.rows() {
            let place = place(&row.state.id);
            let standing = &row.state.standing;
            let truth = &self.truths[place];
            if truth.unknown && row.is_green() {
                return Err(format!("{}: unknown is green", row.state.id));
            }
            if row.is_green() && !truth.succeeded {
                return Err(format!("{}: green and nothing ever went well", row.state.id));
            }
            Self::bad_ones_are_counted(truth, &row.spec, standing)?;
            if watching {
                self.silence_is_bounded(place, &row.spec, standing, now, stepped)?;
                let is_planned = is_in_maintenance(&row.spec, wall);
                self.bad_news_is_told(roll, place, &row.spec.steps, standing, is_planned, now)?;
            } else {
                self.truths[place].mute_since = None;
            }
        }
        Ok(())
    }

    /// With enough bad ones among the last reports, it fires.
    fn bad_ones_are_counted(truth: &Truth, spec: &Expectation, standing: &Standing) -> Result<(), String> {
        let (Some(of), Some(recent)) = (spec.of, &truth.recent) else { return Ok(()) };
        let bad = recent.iter().rev().take(of as usize).filter(|is_bad| **is_bad).count();
        match standing {
            Standing::Firing(_) => Ok(()),
            _ if bad < spec.after as usize => Ok(()),
            other => Err(format!(
                "{}: {bad} of the last {of} were bad, and it is {}",
                spec.id,
                other.condition().word()
            )),
        }
    }

    fn silence_is_bounded(
        &self,
        place: usize,
        spec: &Expectation,
        standing: &Standing,
        now: i64,
        stepped: i64,
    ) -> Result<(), String> {
        let truth = &self.truths[place];
        if spec.severity.missed == Level::Ignore || matches!(standing, Standing::Firing(_)) {
            return Ok(());
        }
        let silent = now - truth.sign - (self.excused - truth.excused);
        let grace = millis(spec.start_within);
        let bound = match &spec.rhythm {
            Rhythm::Every(period) => {
                let one = millis(*period) + grace;
                let hidden = spec.hearing == Hearing::Direct && self.blinds > truth.blinds;
                if hidden {
                    // Two blind intervals may each hide a slot that they only touch.
                    (i64::from(spec.after) + 2) * one + millis(*period)
                } else {
                    one + i64::from(spec.after.max(1) - 1) * millis(*period)
                }
            }
            // A day holds at least two instants of each; a step of the clock may take some away.
            Rhythm::Cron(_) => {
                let since = now - truth.sign.max(stepped) - (self.excused - truth.excused);
                let bound = (i64::from(spec.after) + 3) * 14 * 3_600_000;
                return if since > bound {
                    Err(format!("{}: cron silent for {since} ms without bad news", spec.id))
                } else {
                    Ok(())
                };
            }
            Rhythm::OnReport | Rhythm::Unknown { .. } => return Ok(()),
        };
        if silent > bound + SLACK {
            return Err(format!(
                "{}: silent for {silent} ms, bound {bound} ms, and it is {}",
                spec.id,
                standing.condition().word()
            ));
        }
        Ok(())
    }

    /// Somebody should hear of it: nobody was told yet, or who acknowledged it was not asked again.
    fn is_owed(&self, truth: &Truth, incident: &IncidentId, now: i64) -> bool {
        let seen = truth.acknowledged.as_ref() == Some(incident) && truth.acknowledged_until <= now;
        !self.told.contains(incident) || (seen && truth.paged <= truth.acknowledged_at)
    }

    /// Nobody has answered for long enough for the next step of the escalation.
    fn is_step_owed(truth: &Truth, steps: &[Step], incident: &IncidentId, now: i64) -> bool {
        truth.climb.as_ref().is_some_and(|(known, asked, taken)| {
            known == incident && steps.get(*taken).is_some_and(|step| now - asked > millis(step.after))
        })
    }

    fn bad_news_is_told(
        &mut self,
        roll: &RollCall,
        place: usize,
        steps: &[Step],
        standing: &Standing,
        is_planned: bool,
        now: i64,
    ) -> Result<(), String> {
        let now_seen = now - self.excused;
        let at = roll.rows().binary_search_by(|row| row.state.id.cmp(&super::plan::id(place))).ok();
        let parents = at.map_or(&[][..], |at| &roll.rows()[at].parents);
        // One after the other they may go down and come back.
        let family = FAMILY * parents.len().max(1) as i64;
        let truth = self.truths[place].clone();
        let truth = &truth;
        let mute = match standing {
            Standing::Firing(incident)
                if incident.level == Level::Page
                    && (self.is_owed(truth, &incident.id, now_seen)
                        || Self::is_step_owed(truth, steps, &incident.id, now_seen)) =>
            {
                let held = parents.iter().any(|parent| roll.rows()[*parent].holding);
                let free = !held && now_seen >= truth.paused_until && now_seen >= truth.acknowledged_until;
                self.planned += u64::from(free && is_planned);
                free && !is_planned
            }
            _ => false,
        };
        let since = match (standing, &truth.mute_since) {
            (Standing::Firing(present), Some((known, since))) if mute && present.id == *known => {
                Some((known.clone(), *since))
            }
            (Standing::Firing(present), _) if mute => Some((present.id.clone(), now_seen)),
            _ => None,
        };
        self.truths[place].mute_since.clone_from(&since);
        match since {
            Some((incident, since)) if now_seen - since > family + SLACK => Err(format!(
                "{incident}: bad for {} ms, nothing holds its page back, and nobody was told",
                now_seen - since
            )),
            _ => Ok(()),
        }
    }

    /// The agent died before it could commit: what it decided then never was.
    pub(super) fn forgot(&mut self) {
        for truth in &mut self.truths {
            truth.unknown = false;
        }
    }

    /// Takes in what was decided, before it is committed. A faithful sender is never said to be silent.
    pub(super) fn decided(&mut self, effects: &[Effect], plan: &[Option<Expectation>]) -> Result<(), String> {
        for effect in effects {
            if let Effect::Page(page) = effect
                && !page.news.is_end()
                && let Some(spec) = &plan[place(&page.about)]
                && is_in_maintenance(spec, page.at)
                && is_in_maintenance(spec, page.at + SLEW)
            {
                return Err(format!("{}: {:?} within its maintenance", page.about, page.news));
            }
            if let Effect::Slot(slot) = effect
                && slot.verdict == Verdict::Unknown
            {
                self.truths[place(&slot.about)].unknown = true;
            }
            if let Effect::Transition(change) = effect
                && matches!(change.from, Condition::Firing { .. })
                && !matches!(change.to, Condition::Firing { .. })
                && let Some(recent) = &mut self.truths[place(&change.about)].recent
            {
                // What is over counts for nothing later.
                recent.clear();
            }
            if let Effect::Transition(change) = effect
                && let Condition::Firing { reason: Reason::Often { .. }, .. } = &change.to
            {
                self.often += 1;
            }
            if let Effect::Transition(change) = effect
                && let Condition::Firing { reason: Reason::Odd { observed, usual, .. }, level, .. } =
                    &change.to
            {
                let truth = &self.truths[place(&change.about)];
                // The one that is being heard is not counted yet.
                if truth.successes + 1 < LEAST_RUNS {
                    return Err(format!("{}: odd after {} successes", change.about, truth.successes));
                }
                if usual.judge(*observed).is_none() && *observed < usual.high {
                    return Err(format!("{}: {observed} is odd within {usual:?}", change.about));
                }
                if *level == Level::Ignore {
                    return Err(format!("{}: nobody wants to know of it", change.about));
                }
                self.odd += 1;
            }
            if let Effect::Transition(change) = effect
                && let Condition::Firing { reason, .. } = &change.to
                && matches!(reason, Reason::Missed { .. } | Reason::NeverReported { .. })
            {
                let place = place(&change.about);
                if self.truths[place].faithful
                    && let Some(spec) = &plan[place]
                    && spec.hearing == Hearing::Spooled
                    && matches!(spec.rhythm, Rhythm::Every(_))
                {
                    return Err(format!("{}: a false alarm: {reason:?}", change.about));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn place(id: &ExpectationId) -> usize {
    id.name()[1..].parse().expect("named by the plan")
}

/// By plain arithmetic: one of its planned times began, and is not over.
fn is_in_maintenance(spec: &Expectation, wall: Timestamp) -> bool {
    spec.maintenance.spells().iter().any(|spell| match spell {
        Spell::Once { from, until } => (*from..*until).contains(&wall),
        Spell::Recurrent { schedule, lasts } => {
            schedule.next_after(wall - *lasts).is_ok_and(|begun| begun <= wall)
        }
    })
}

fn millis(span: Span) -> i64 {
    span.as_millis() as i64
}
