//! Incidents: when people are told, reminded and asked again, and who hears the end.
//!
//! Bad pages can be held back (a pause, a maintenance, a firing parent, a spool that is not read yet). The end of an incident is
//! never held back: whoever was told hears it.

use serde::{Deserialize, Serialize};

use crate::effect::{Cause, Effect, News, Page, Reason};
use crate::expectation::{Expectation, Level, Rhythm};
use crate::ids::{ChannelName, ExpectationId, IncidentId};
use crate::signal::Outcome;
use crate::time::{Span, Timestamp};

use super::climb::{Climb, join};
use super::hold::Hold;
use super::parent::ParentView;
use super::past::Past;
use super::row::{Row, Scene, earliest, mutated};
use super::verdict::{Standing, is_odd};

/// Waiting times before the first, the second and every later reminder: 1 h and 4 h after the first page, then daily.
const REMINDERS: [Span; 3] = [Span::hours(1), Span::hours(3), Span::days(1)];
/// Longest acknowledgement: a forgotten one must end.
const LONGEST_ACKNOWLEDGEMENT: Span = Span::days(7);
/// More openings than this within the window are flapping.
const CALM_OPENINGS: usize = 4;
/// Shortest window in which openings are counted.
const FLAP_WINDOW: Span = Span::hours(1);
/// The window in intervals.
const FLAP_INTERVALS: u64 = 6;

/// From the first bad news that counts to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    pub(super) id: IncidentId,
    pub(super) since: Timestamp,
    pub(super) level: Level,
    /// Bad verdicts so far.
    pub(super) failures: u32,
    /// Good verdicts since the last bad one.
    pub(super) good: u32,
    pub(super) last_bad: Timestamp,
    pub(super) reason: Reason,
    pub(super) evidence: Option<Outcome>,
    /// The number of the next page.
    pub(super) pages: u32,
    /// Whom any page about it went to.
    pub(super) told: Vec<ChannelName>,
    pub(super) telling: Telling,
    #[serde(default)]
    pub(super) climb: Climb,
    pub(super) acknowledged: Option<Acknowledged>,
    pub(super) flapping: Option<Flapping>,
    /// The parent that held its pages back, or was going bad as well when they were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) behind: Option<ExpectationId>,
}

/// How far people have been told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Telling {
    /// Not yet, and not before this moment.
    Untold { not_before: Timestamp },
    /// Yes, and so many reminders; the next one then.
    Told { reminders: u32, next: Timestamp },
}

/// Somebody has seen it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Acknowledged {
    pub(super) by: String,
    pub(super) until: Timestamp,
}

/// It goes to and fro.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Flapping {
    pub(super) times: u32,
    pub(super) window: Span,
}

impl Incident {
    /// The news of the first page.
    fn opening(&self) -> News {
        let (since, reason) = (self.since, self.reason.clone());
        match &self.flapping {
            Some(flapping) => {
                News::Flapping { since, reason, times: flapping.times, window: flapping.window }
            }
            None => News::Opened { since, reason },
        }
    }

    /// What a page about it may have in common with others of its moment.
    fn causes(&self, spec: &Expectation) -> Vec<Cause> {
        let parent = self.behind.clone().map(Cause::Parent);
        let target = spec.target.clone().map(Cause::Target);
        parent.into_iter().chain(target).collect()
    }

    fn write(&mut self, spec: &Expectation, news: News, to: Vec<ChannelName>, at: Timestamp) -> Effect {
        let causes = self.causes(spec);
        let evidence = if news.is_end() { None } else { self.evidence.clone() };
        let number = self.pages;
        self.pages = self.pages.saturating_add(1);
        Effect::Page(Page {
            incident: self.id.clone(),
            number,
            about: spec.id.clone(),
            news,
            to,
            at,
            causes,
            evidence,
        })
    }
}

impl Row {
    /// How far back openings count.
    pub(super) fn flap_window(&self) -> Span {
        match self.spec.rhythm {
            Rhythm::Cron(_) | Rhythm::Every(_) => FLAP_WINDOW.max(self.interval().times(FLAP_INTERVALS)),
            Rhythm::OnReport | Rhythm::Unknown { .. } => FLAP_WINDOW,
        }
    }

    /// Begins an incident.
    #[expect(clippy::too_many_arguments, reason = "an incident begins with all that is known of it")]
    pub(super) fn open(
        &mut self,
        since: Timestamp,
        level: Level,
        reason: Reason,
        evidence: Option<Outcome>,
        failures: u32,
        window: Span,
        scene: &mut Scene<'_>,
    ) -> Incident {
        let state = &mut self.state;
        let now = scene.now;
        state.openings.retain(|opening| now.since(*opening) <= window);
        state.openings.push_back(now);
        let times = state.openings.len();
        // Enough to know that it flaps; more would only grow.
        if times > CALM_OPENINGS + 4 {
            state.openings.pop_front();
        }
        let flapping = (times > CALM_OPENINGS)
            .then_some(Flapping { times: u32::try_from(times).unwrap_or(u32::MAX), window });
        let named = state.last_incident.map_or(now, |last| now.max(last + Span::millis(1)));
        state.last_incident = Some(named);
        let grace = match &scene.parent {
            ParentView::Watching { grace, .. } => *grace,
            ParentView::Absent | ParentView::Down(_) => Span::ZERO,
        };
        Incident {
            id: IncidentId::of(&state.id, named),
            since,
            level,
            failures,
            good: 0,
            last_bad: now,
            reason,
            evidence,
            pages: 0,
            told: Vec::new(),
            telling: Telling::Untold { not_before: now + grace },
            climb: Climb::default(),
            acknowledged: None,
            flapping,
            behind: scene.parent.suspect().cloned(),
        }
    }

    /// Tells what is due to be told.
    pub(super) fn speak(&mut self, scene: &mut Scene<'_>) {
        if self.page_due().is_none_or(|due| due > scene.now) {
            return;
        }
        if self.hold(scene).is_some() {
            return;
        }
        self.blame(scene);
        let now = scene.now;
        let (notify, steps) = (&self.spec.notify, self.spec.steps.as_slice());
        let Standing::Firing(incident) = &mut self.state.standing else { return };
        let (since, reason) = (incident.since, incident.reason.clone());
        let expired = incident.acknowledged.take();
        let climbed = incident.climb.climb(steps, now);
        let (news, to, reminders, next) = match (&incident.telling, expired) {
            (Telling::Untold { .. }, expired) => {
                let news = match expired {
                    None => incident.opening(),
                    Some(Acknowledged { by, .. }) => News::AcknowledgementExpired { since, reason, by },
                };
                incident.climb = Climb::begin(now);
                (news, notify.clone(), 0, now + REMINDERS[0])
            }
            (Telling::Told { reminders, .. }, Some(Acknowledged { by, .. })) => {
                let stops = mutated!(scene, StepsStopAtAcknowledgement);
                incident.climb.ask_again(steps, now, stops);
                let news = News::AcknowledgementExpired { since, reason, by };
                (news, incident.climb.reached(notify, steps), *reminders, now + wait(*reminders))
            }
            (Telling::Told { reminders, next }, None) => match climbed {
                Some((climb, news_to)) => {
                    incident.climb = climb;
                    let news = incident.climb.news(steps, since, reason, now);
                    if *next > now {
                        (news, news_to, *reminders, *next)
                    } else {
                        // It stands for the reminder that is due as well.
                        (news, incident.climb.reached(notify, steps), *reminders, now + wait(*reminders))
                    }
                }
                None => {
                    let nth = reminders.saturating_add(1);
                    let to = incident.climb.reached(notify, steps);
                    (News::Reminder { since, reason, nth }, to, nth, now + wait(nth))
                }
            },
        };
        if !(mutated!(scene, StepForgetsWhomItTold) && matches!(news, News::Escalated { .. })) {
            join(&mut incident.told, &to);
        }
        incident.telling = Telling::Told { reminders, next };
        let page = incident.write(&self.spec, news, to, now);
        if !mutated!(scene, ResolveOnly) {
            scene.out.push(page);
        }
    }

    /// When the next bad page is due, whether or not it would be held back.
    fn page_due(&self) -> Option<Timestamp> {
        match &self.state.standing {
            Standing::Firing(incident) if incident.level == Level::Page => {
                match (&incident.acknowledged, &incident.telling) {
                    (Some(acknowledged), _) => Some(acknowledged.until),
                    (None, Telling::Untold { not_before }) => Some(*not_before),
                    (None, Telling::Told { next, .. }) => {
                        earliest([Some(*next), incident.climb.next(&self.spec.steps)])
                    }
                }
            }
            Standing::Firing(_)
            | Standing::New
            | Standing::Ok
            | Standing::Pending { .. }
            | Standing::Unknown { .. } => None,
        }
    }

    /// When paging needs to be looked at again. What holds a page back tells us when it ends.
    pub(super) fn page_deadline(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let page = match self.hold(scene) {
            Some(Hold::Asked(_) | Hold::Parent(_) | Hold::Spool) => None,
            None => self.page_due(),
        };
        earliest([page, self.calm_at()])
    }

    /// When an incident that flaps will have been quiet for long enough.
    fn calm_at(&self) -> Option<Timestamp> {
        match &self.state.standing {
            Standing::Firing(incident) if incident.good >= self.spec.recover.max(1) => {
                let flapping = incident.flapping.as_ref()?;
                self.state.stuck.is_none().then_some(incident.last_bad + flapping.window)
            }
            Standing::Firing(_)
            | Standing::New
            | Standing::Ok
            | Standing::Pending { .. }
            | Standing::Unknown { .. } => None,
        }
    }

    /// Ends the incident if there is enough good news, the schedule is sound, and it has been quiet long enough.
    pub(super) fn calm(&mut self, scene: &mut Scene<'_>) {
        let Standing::Firing(incident) = &self.state.standing else { return };
        let quiet = match &incident.flapping {
            None => true,
            Some(flapping) => incident.last_bad + flapping.window <= scene.now,
        };
        if incident.good >= self.spec.recover.max(1) && quiet && self.state.stuck.is_none() {
            self.resolve(Standing::Ok, scene);
        }
    }

    /// A schedule that can be computed again ends the incident that its fault began.
    pub(super) fn unstick(&mut self, scene: &mut Scene<'_>) {
        if let Standing::Firing(incident) = &self.state.standing
            && matches!(incident.reason, Reason::Unschedulable { .. })
            && self.state.stuck.is_none()
        {
            let why = "its schedule could not be computed; not heard since".to_owned();
            self.resolve(Standing::Unknown { why, failures: 0 }, scene);
        }
    }

    /// The end: told to everybody who was told of the beginning, whatever holds other pages back.
    fn resolve(&mut self, next: Standing, scene: &mut Scene<'_>) {
        let now = scene.now;
        let (hold_eats, pause_eats) =
            (mutated!(scene, SilenceEatsResolve), mutated!(scene, PauseEatsResolve));
        let swallowed =
            (hold_eats && self.hold(scene).is_some()) || (pause_eats && self.asked_until(now).is_some());
        if let Standing::Firing(incident) = &mut self.state.standing
            && !incident.told.is_empty()
            && !swallowed
        {
            let news = News::Resolved { since: incident.since, until: now, reason: incident.reason.clone() };
            let to = incident.told.clone();
            let page = incident.write(&self.spec, news, to, now);
            scene.out.push(page);
        }
        if let Standing::Firing(incident) = &self.state.standing
            && !is_odd(&incident.reason)
        {
            // What is over counts for nothing later.
            self.state.past = Past::default();
        }
        self.stand(next, scene);
    }

    /// The end by removal from the plan.
    pub(super) fn tell_withdrawn(&mut self, scene: &mut Scene<'_>) {
        let now = scene.now;
        if let Standing::Firing(incident) = &mut self.state.standing
            && !incident.told.is_empty()
        {
            let news = News::Withdrawn { since: incident.since, reason: incident.reason.clone() };
            let to = incident.told.clone();
            let page = incident.write(&self.spec, news, to, now);
            scene.out.push(page);
        }
    }

    /// A person has seen it.
    pub(super) fn acknowledge(&mut self, by: &str, until: Timestamp, scene: &Scene<'_>) {
        let now = scene.now;
        let until = until.min(now + LONGEST_ACKNOWLEDGEMENT);
        if let Standing::Firing(incident) = &mut self.state.standing
            && until > now
        {
            let until =
                if mutated!(scene, EndlessAcknowledgement) { until + Span::days(9999) } else { until };
            incident.acknowledged = Some(Acknowledged { by: by.to_owned(), until });
        }
    }
}

/// How long after the nth page about it the next reminder comes.
fn wait(reminders: u32) -> Span {
    REMINDERS[(reminders as usize).min(REMINDERS.len() - 1)]
}
