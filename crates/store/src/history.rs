//! Pages of history, and how runs follow from signals. Pure: both engines apply [`follow`].

use std::fmt;
use std::str::FromStr;

use muster_core::effect::Verdict;
use muster_core::ids::{ExpectationId, RunId};
use muster_core::look::Tally;
use muster_core::signal::{Ending, Outcome, ProcessMark, Report, Signal};
use muster_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Most items on one page.
pub const PAGE_LIMIT: usize = 1000;

/// Most slots in one answer.
pub const SLOT_LIMIT: usize = 5000;

/// One page, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next (older) page begins; none on the last page.
    pub next: Option<Cursor>,
}

/// A place in a history. It stays valid while things are added and pruned. As text: `1795246920000-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// Time of the last item of the page.
    pub at: Timestamp,
    /// Order of arrival among items of the same time.
    pub seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.millis(), self.seq)
    }
}

/// A text that is not a cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a page cursor")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (at, seq) = text.rsplit_once('-').ok_or(CursorError)?;
        let at = at.parse().map(Timestamp::from_millis).map_err(|_| CursorError)?;
        Ok(Self { at, seq: seq.parse().map_err(|_| CursorError)? })
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;
    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

/// One run of one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Whose.
    pub about: ExpectationId,
    /// Its id; for a sender without run ids, the id of the signal that began it.
    pub id: RunId,
    /// When it began: as told, or reckoned back from its end and duration.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub state: RunState,
    /// The process that watches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessMark>,
    /// The sender gave no run id, so the next end without an id ends this run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// It ended well.
    Ok(Outcome),
    /// It ended badly.
    Failed(Outcome),
    /// It gave way.
    Skipped {
        /// To whom.
        holder: Option<RunId>,
        /// Why.
        why: String,
    },
}

impl Run {
    /// True until its end is known.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// True if it ended only because nobody was left who could tell how. A later word from its wrapper is better.
    fn is_lost(&self) -> bool {
        matches!(&self.state, RunState::Failed(outcome) if matches!(outcome.ending, Ending::Lost { .. }))
    }
}

/// Adds slots that others were to fill to the tally of their day: missed is bad news here, and giving way says nothing.
pub(crate) fn count(tally: &mut Tally, verdict: Verdict, slots: u32) {
    let told = match verdict {
        Verdict::Missed => Verdict::Failed,
        Verdict::Skipped => Verdict::Missed,
        Verdict::Ok | Verdict::Failed | Verdict::Unknown => verdict,
    };
    tally.add_slots(told, slots, None);
}

/// Which run a signal speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The run with this id.
    Named(RunId),
    /// The newest open run of a sender without run ids, if there is one.
    NewestAnonymous,
    /// A run that nothing was heard of before.
    New,
    /// No run at all.
    None,
}

/// Which run must be looked up before [`follow`].
pub(crate) fn subject(signal: &Signal) -> Subject {
    match (&signal.report, &signal.run) {
        (Report::Start { .. } | Report::Success(_) | Report::Failure(_) | Report::Skip { .. }, Some(run)) => {
            Subject::Named(run.clone())
        }
        (Report::Success(_) | Report::Failure(_), None) => Subject::NewestAnonymous,
        (Report::Start { .. } | Report::Skip { .. }, None) => Subject::New,
        (
            Report::Unseen { .. }
            | Report::Alive
            | Report::Spent { .. }
            | Report::Log { .. }
            | Report::Acknowledge { .. }
            | Report::Pause { .. }
            | Report::Resume { .. },
            _,
        ) => Subject::None,
    }
}

/// The run as it stands after `signal`; none if the signal changes no run. A plain heartbeat (a success without a run)
/// makes none: a year of them would be a year of rows that say nothing.
pub(crate) fn follow(existing: Option<Run>, signal: &Signal) -> Option<Run> {
    // A signal id is a valid run id: the same alphabet and the same length.
    let id = signal.run.clone().or_else(|| RunId::new(signal.id.as_str()).ok())?;
    let fresh = |started: Timestamp, ended: Option<Timestamp>, state: RunState| Run {
        about: signal.about.clone(),
        id,
        started,
        ended,
        state,
        process: None,
        anonymous: signal.run.is_none(),
    };
    match (&signal.report, existing) {
        (Report::Start { process }, None) => {
            Some(Run { process: process.clone(), ..fresh(signal.at, None, RunState::Running) })
        }
        // The start came after the end: only the beginning is learnt.
        (Report::Start { process }, Some(run)) => Some(Run {
            started: run.started.min(signal.at),
            process: run.process.clone().or_else(|| process.clone()),
            ..run
        }),
        (Report::Success(outcome), Some(run)) => ended(run, signal.at, RunState::Ok(outcome.clone())),
        (Report::Failure(outcome), Some(run)) => ended(run, signal.at, RunState::Failed(outcome.clone())),
        (Report::Success(outcome), None) if signal.run.is_some() => {
            Some(fresh(began(signal.at, outcome), Some(signal.at), RunState::Ok(outcome.clone())))
        }
        (Report::Failure(outcome), None) => {
            Some(fresh(began(signal.at, outcome), Some(signal.at), RunState::Failed(outcome.clone())))
        }
        (Report::Skip { holder, why }, None) => {
            let state = RunState::Skipped { holder: holder.clone(), why: why.clone() };
            Some(fresh(signal.at, Some(signal.at), state))
        }
        (Report::Skip { holder, why }, Some(run)) => {
            ended(run, signal.at, RunState::Skipped { holder: holder.clone(), why: why.clone() })
        }
        _ => None,
    }
}

fn ended(run: Run, at: Timestamp, state: RunState) -> Option<Run> {
    (run.is_open() || run.is_lost()).then_some(Run { ended: Some(at), state, ..run })
}

fn began(end: Timestamp, outcome: &Outcome) -> Timestamp {
    end - outcome.duration.unwrap_or(Span::ZERO)
}

#[cfg(test)]
mod tests {
    use muster_core::ids::SignalId;

    use super::*;

    fn signal(id: &str, run: Option<&str>, at: i64, report: Report) -> Signal {
        Signal {
            id: SignalId::new(id).unwrap(),
            about: ExpectationId::new("job.x").unwrap(),
            at: Timestamp::from_seconds(at),
            run: run.map(|run| RunId::new(run).unwrap()),
            report,
        }
    }

    #[test]
    fn a_late_end_replaces_a_run_that_was_given_up_for_lost() {
        let start = follow(None, &signal("a", Some("r"), 1, Report::Start { process: None }));
        let lost = Outcome::bare(Ending::Lost { why: "gone".into() });
        let lost = follow(start, &signal("b", Some("r"), 2, Report::Failure(lost)));
        let end = Outcome::bare(Ending::Exit { code: 0 });
        let run = follow(lost, &signal("c", Some("r"), 3, Report::Success(end.clone()))).unwrap();
        assert_eq!(run.state, RunState::Ok(end.clone()));
        assert_eq!(follow(Some(run), &signal("d", Some("r"), 4, Report::Failure(end))), None);
    }

    #[test]
    fn a_start_after_its_end_does_not_reopen_the_run() {
        let end = Outcome::bare(Ending::Exit { code: 0 });
        let run = follow(None, &signal("b", Some("r"), 9, Report::Success(end)));
        let run = follow(run, &signal("a", Some("r"), 4, Report::Start { process: None })).unwrap();
        assert!(!run.is_open());
        assert_eq!(run.started, Timestamp::from_seconds(4));
    }

    #[test]
    fn a_plain_heartbeat_makes_no_run() {
        let beat = Report::Success(Outcome::bare(Ending::Reported { words: String::new() }));
        assert_eq!(follow(None, &signal("a", None, 1, beat)), None);
    }

    #[test]
    fn a_cursor_survives_its_text() {
        for (at, seq) in [(0, 0), (1_795_246_920_000, 17), (-5, 3)] {
            let cursor = Cursor { at: Timestamp::from_millis(at), seq };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert_eq!("x".parse::<Cursor>(), Err(CursorError));
    }
}
