//! Runs in brief: what a timeline needs of them, without their texts, so that a day of ten thousand is read at once.

use muster_core::ids::{ExpectationId, RunId};
use muster_core::signal::{Ending, Limits, Outcome};
use muster_core::time::{Span, Timestamp};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::history::{Run, RunState};

/// Most runs in brief in one answer.
pub const BRIEF_LIMIT: usize = 50_000;

/// Most gaps in one answer.
pub const GAP_LIMIT: usize = 5_000;

/// One run in brief.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brief {
    /// Whose.
    pub about: ExpectationId,
    /// Its id.
    pub id: RunId,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none while it goes on.
    pub ended: Option<Timestamp>,
    /// How it stands.
    pub state: BriefState,
    /// How long it took, as its sender says, else from start to end.
    pub took: Option<Span>,
    /// Largest resident set in bytes, where measured.
    pub peak_memory: Option<u64>,
    /// Attempts before the last one.
    pub retries: usize,
    /// How many things were expected of it and not seen.
    pub unmet: usize,
    /// The limits that were in force.
    pub limits: Option<Limits>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BriefState {
    /// It goes on.
    Running,
    /// It ended well.
    Ok,
    /// It ended badly.
    Failed,
    /// Whoever watched it is gone without a word.
    Lost,
    /// It gave way.
    Skipped,
}

impl Brief {
    /// The same of a whole run.
    pub(crate) fn of(run: &Run) -> Self {
        let (state, outcome) = match &run.state {
            RunState::Running => (BriefState::Running, None),
            RunState::Ok(outcome) => (BriefState::Ok, Some(outcome)),
            RunState::Failed(outcome) if matches!(outcome.ending, Ending::Lost { .. }) => {
                (BriefState::Lost, Some(outcome))
            }
            RunState::Failed(outcome) => (BriefState::Failed, Some(outcome)),
            RunState::Skipped { .. } => (BriefState::Skipped, None),
        };
        let facts = outcome.map(Facts::of);
        Self::made(run.about.clone(), run.id.clone(), (run.started, run.ended), state, facts)
    }

    /// From the parts that an engine keeps; `state` is the JSON of a [`RunState`].
    pub(crate) fn read(
        about: ExpectationId,
        id: RunId,
        times: (Timestamp, Option<Timestamp>),
        state: &str,
    ) -> Result<Self, serde_json::Error> {
        if state == "\"running\"" {
            return Ok(Self::made(about, id, times, BriefState::Running, None));
        }
        let (state, facts) = match serde_json::from_str(state)? {
            Kept { ok: Some(facts), .. } => (BriefState::Ok, Some(facts)),
            Kept { failed: Some(facts), .. } if facts.ending.lost.is_some() => {
                (BriefState::Lost, Some(facts))
            }
            Kept { failed: Some(facts), .. } => (BriefState::Failed, Some(facts)),
            Kept { .. } => (BriefState::Skipped, None),
        };
        Ok(Self::made(about, id, times, state, facts))
    }

    fn made(
        about: ExpectationId,
        id: RunId,
        (started, ended): (Timestamp, Option<Timestamp>),
        state: BriefState,
        facts: Option<Facts>,
    ) -> Self {
        let measured = facts.as_ref().and_then(|facts| facts.duration);
        let lasted = ended.filter(|_| facts.is_some()).map(|ended| ended.since(started));
        Self {
            about,
            id,
            started,
            ended,
            state,
            took: measured.or(lasted),
            peak_memory: facts.as_ref().and_then(|facts| facts.peak_memory),
            retries: facts.as_ref().map_or(0, |facts| facts.attempts.len()),
            unmet: facts.as_ref().map_or(0, |facts| facts.unmet.len()),
            limits: facts.and_then(|facts| facts.limits),
        }
    }
}

/// The state of a run as it is kept, of which only some is read. What skips has nothing that is wanted.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    ok: Option<Facts>,
    #[serde(default)]
    failed: Option<Facts>,
}

/// What is read of an outcome.
#[derive(Deserialize)]
struct Facts {
    ending: Lost,
    #[serde(default)]
    duration: Option<Span>,
    #[serde(default)]
    peak_memory: Option<u64>,
    #[serde(default)]
    attempts: Vec<IgnoredAny>,
    #[serde(default)]
    unmet: Vec<IgnoredAny>,
    #[serde(default)]
    limits: Option<Limits>,
}

/// Of an ending only whether it is that of a lost run.
#[derive(Deserialize)]
struct Lost {
    #[serde(default)]
    lost: Option<IgnoredAny>,
}

impl Facts {
    fn of(outcome: &Outcome) -> Self {
        Self {
            ending: Lost { lost: None },
            duration: outcome.duration,
            peak_memory: outcome.peak_memory,
            attempts: vec![IgnoredAny; outcome.attempts.len()],
            unmet: vec![IgnoredAny; outcome.unmet.len()],
            limits: outcome.limits.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_core::signal::Attempt;

    use super::*;

    #[test]
    fn a_brief_from_its_text_is_that_of_the_whole_run() {
        let at = Timestamp::from_seconds;
        let outcome = Outcome {
            duration: Some(Span::seconds(4)),
            peak_memory: Some(7),
            tail: "\"ok\": {}".into(),
            unmet: vec!["no file".into()],
            attempts: vec![Attempt {
                started: at(1),
                duration: Span::seconds(1),
                ending: Ending::Exit { code: 1 },
            }],
            ..Outcome::bare(Ending::Exit { code: 0 })
        };
        let lost = Outcome::bare(Ending::Lost { why: "gone".into() });
        let killed = Outcome::bare(Ending::Killed { signal: 9, core: false });
        for (state, ended) in [
            (RunState::Running, None),
            (RunState::Ok(outcome), Some(at(9))),
            (RunState::Failed(lost), Some(at(9))),
            (RunState::Failed(killed), Some(at(9))),
            (RunState::Skipped { holder: None, why: "held".into() }, Some(at(3))),
        ] {
            let run = Run {
                about: "job.x".parse().expect("an id"),
                id: "r".parse().expect("an id"),
                started: at(3),
                ended,
                state,
                process: None,
                anonymous: false,
            };
            let text = serde_json::to_string(&run.state).expect("text");
            let read = Brief::read(run.about.clone(), run.id.clone(), (run.started, run.ended), &text);
            assert_eq!(read.expect("read"), Brief::of(&run), "{text}");
        }
    }
}
