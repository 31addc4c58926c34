//! One job as the screen shows it, and all of them in the order in which they need an eye.

use std::collections::HashMap;
use std::sync::Arc;

use muster_core::board::{Line, Snapshot};
use muster_core::effect::{Condition, Reason, SlotClosed};
use muster_core::expectation::Rhythm;
use muster_core::host_roll::Scheduled;
use muster_core::ids::ExpectationId;
use muster_core::racing::ahead::{Ahead, Plan, due, look_ahead};
use muster_core::racing::shared::shared;
use muster_core::racing::stint::{Lengths, Stint};
use muster_core::time::{Span, Timestamp};
use muster_store::brief::Brief;
use muster_store::contract::StoreError;

use super::kept::{Day, RECENT, Weeks, day, stints, weeks};
use super::track::{Axis, Bar};
use crate::records::blocking;
use crate::router::Web;

/// Company of a run counts for the eye from this length on.
const VISIBLE: Span = Span::minutes(2);

/// One job.
#[derive(Debug)]
pub struct Card<'a> {
    /// How it stands.
    pub line: &'a Line,
    /// What starts it, where the host was seen to do so.
    pub starter: Option<&'a Scheduled>,
    /// Its last runs, newest first, at most [`RECENT`].
    pub recent: Vec<Brief>,
    /// Two days as bars.
    pub bars: Vec<Bar>,
    /// How long it takes, where enough runs tell.
    pub lengths: Option<Lengths>,
}

impl Card<'_> {
    /// The last run that ended.
    pub fn last(&self) -> Option<&Brief> {
        self.recent.iter().find(|run| run.ended.is_some())
    }
}

/// All that the screen is made from.
#[derive(Debug)]
pub struct Desk {
    /// Runs of the last day.
    pub day: Arc<Day>,
    /// Runs of the last weeks.
    pub weeks: Arc<Weeks>,
    /// What is to come.
    pub ahead: Ahead,
    due: HashMap<ExpectationId, Vec<Timestamp>>,
    company: HashMap<ExpectationId, Vec<(Timestamp, Timestamp)>>,
}

/// True for a job.
pub fn is_job(line: &&Line) -> bool {
    line.id.table() == "job"
}

/// Reads and reckons all that the screen is made from.
///
/// # Errors
/// [`StoreError`] when the history cannot be read.
pub async fn desk(web: &Web, snapshot: &Arc<Snapshot>, now: Timestamp) -> Result<Desk, StoreError> {
    let (day, weeks) = (day(web).await?, weeks(web).await?);
    let (runs, known, snapshot) = (Arc::clone(&day), Arc::clone(&weeks), Arc::clone(snapshot));
    let reckoned = blocking(move || reckon(&snapshot, &runs, &known, now)).await;
    let (due, company, ahead) = reckoned
        .ok_or_else(|| StoreError::Unavailable("the plans could not be reckoned in time".to_owned()))?;
    Ok(Desk { day, weeks, ahead, due, company })
}

type Reckoned =
    (HashMap<ExpectationId, Vec<Timestamp>>, HashMap<ExpectationId, Vec<(Timestamp, Timestamp)>>, Ahead);

fn reckon(snapshot: &Snapshot, day: &Day, weeks: &Weeks, now: Timestamp) -> Reckoned {
    let until = now + Span::days(1);
    let plan = |line: &Line| Plan {
        job: line.id.clone(),
        due: Rhythm::of_text(&line.rhythm)
            .map(|rhythm| due(&rhythm, line.due, now, until))
            .unwrap_or_default(),
        lengths: weeks.lengths.get(&line.id).copied(),
        peak_memory: weeks.peaks.get(&line.id).copied(),
    };
    let plans: Vec<_> = snapshot.board.lines.iter().filter(is_job).map(plan).collect();
    let mut all = stints(&day.runs, now);
    for plan in &plans {
        let Some(lengths) = plan.lengths else { continue };
        all.extend(plan.due.iter().map(|due| Stint {
            job: plan.job.clone(),
            from: *due,
            until: *due + lengths.median,
            well: true,
            peak_memory: None,
        }));
    }
    let company = shared(&all, VISIBLE).into_iter().map(|(job, spans)| (job.clone(), spans)).collect();
    let ahead = look_ahead(&plans);
    (plans.into_iter().map(|plan| (plan.job, plan.due)).collect(), company, ahead)
}

impl Desk {
    /// All jobs, what needs an eye first.
    pub fn cards<'a>(&self, snapshot: &'a Snapshot, now: Timestamp) -> Vec<Card<'a>> {
        let mut runs: HashMap<&ExpectationId, Vec<&Brief>> = HashMap::new();
        for run in &self.day.runs {
            runs.entry(&run.about).or_default().push(run);
        }
        let mut gaps: HashMap<&ExpectationId, Vec<&SlotClosed>> = HashMap::new();
        for gap in &self.day.gaps {
            gaps.entry(&gap.about).or_default().push(gap);
        }
        let covered = |id| snapshot.host.scheduled.iter().find(|found| found.covered.as_ref() == Some(id));
        let axis = Axis { now };
        let card = |line: &'a Line| {
            let runs = runs.get(&line.id).map_or(&[][..], Vec::as_slice);
            let lengths = self.weeks.lengths.get(&line.id).copied();
            Card {
                line,
                starter: covered(&line.id),
                recent: self.recent(&line.id, runs),
                bars: axis.bars(
                    runs,
                    gaps.get(&line.id).map_or(&[], Vec::as_slice),
                    self.due.get(&line.id).map_or(&[], Vec::as_slice),
                    lengths,
                    self.company.get(&line.id).map_or(&[], Vec::as_slice),
                ),
                lengths,
            }
        };
        let mut cards: Vec<_> = snapshot.board.lines.iter().filter(is_job).map(card).collect();
        cards.sort_by_cached_key(urgency);
        cards
    }

    /// The last runs: those of the day are newer than what is kept of the weeks.
    fn recent(&self, job: &ExpectationId, today: &[&Brief]) -> Vec<Brief> {
        let mut recent: Vec<_> = today.iter().take(RECENT).map(|run| (*run).clone()).collect();
        for older in self.weeks.recent.get(job).map_or(&[][..], Vec::as_slice) {
            if recent.len() >= RECENT {
                break;
            }
            if !recent.iter().any(|run| run.id == older.id) {
                recent.push(older.clone());
            }
        }
        recent
    }
}

/// What sorts first is what needs an eye first.
fn urgency(card: &Card<'_>) -> (u8, bool, Option<Timestamp>, ExpectationId) {
    let line = card.line;
    let answered =
        line.is_quiet() || line.incident.as_ref().is_some_and(|incident| incident.acknowledged.is_some());
    let rank = match &line.condition {
        Condition::Firing {
            reason: Reason::Missed { .. } | Reason::NeverReported { .. } | Reason::NoSuccess { .. },
            ..
        } => 0,
        Condition::Firing { .. } => 1,
        Condition::Pending { .. } => 2,
        Condition::Unknown { .. } => 3,
        Condition::New => 5,
        Condition::Ok if line.retried.is_some() || line.running.iter().any(|run| run.late) => 4,
        Condition::Ok => 6,
    };
    (rank, answered, line.due.or(Some(Timestamp::from_millis(i64::MAX))), line.id.clone())
}
