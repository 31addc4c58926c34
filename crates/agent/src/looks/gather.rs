//! What was seen, on its way to the resident: signals for the roll call, looks and traces for the store.

use std::time::{Duration, Instant};

use muster_checks::look::Looked;
use muster_core::effect::Verdict;
use muster_core::ids::ExpectationId;
use muster_core::look::{Look, Trace};
use muster_core::signal::{Ending, Outcome, Report, Signal, TAIL_LIMIT};
use muster_core::time::{Span, Timestamp};

/// How long good news waits for more of it, so that a second of looks is one transaction.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most looks of one transaction.
const MOST: usize = 500;

/// What goes to the resident at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// For the roll call.
    pub(crate) signals: Vec<Signal>,
    /// For the store.
    pub(crate) looks: Vec<Look>,
    /// Of those that went badly.
    pub(crate) traces: Vec<Trace>,
}

/// What waits to go.
#[derive(Debug, Default)]
pub(super) struct Gather {
    batch: Batch,
    since: Option<Instant>,
    urgent: bool,
}

impl Gather {
    /// One look is over.
    pub(super) fn add(
        &mut self,
        about: &ExpectationId,
        began: Timestamp,
        looked: &Looked,
        note: Option<String>,
    ) {
        let bad = looked.verdict != Verdict::Ok || looked.level.is_some();
        self.batch.signals.push(signal(about, began, looked, note));
        if bad {
            self.batch.traces.push(Trace { about: about.clone(), at: began, sight: looked.sight.clone() });
            self.urgent = true;
        }
        self.since.get_or_insert_with(Instant::now);
    }

    /// Verdicts on slots.
    pub(super) fn close(&mut self, looks: Vec<Look>) {
        if !looks.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            self.batch.looks.extend(looks);
        }
    }

    /// How long it may still wait; none while there is nothing.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let since = self.since?;
        if self.urgent || self.batch.looks.len() >= MOST {
            return Some(Duration::ZERO);
        }
        Some(PATIENCE.saturating_sub(since.elapsed()))
    }

    /// Hands over what is due.
    pub(super) fn take(&mut self) -> Option<Batch> {
        if self.due_in() != Some(Duration::ZERO) {
            return None;
        }
        self.since = None;
        self.urgent = false;
        Some(std::mem::take(&mut self.batch))
    }
}

fn signal(about: &ExpectationId, began: Timestamp, looked: &Looked, note: Option<String>) -> Signal {
    let sight = &looked.sight;
    let took = Span::from(looked.took);
    let outcome = || {
        let mut outcome = Outcome::bare(Ending::Reported { words: sight.words.clone() });
        outcome.duration = Some(took);
        outcome
    };
    let report = match looked.verdict {
        Verdict::Ok if looked.level.is_none() => Report::Success(outcome()),
        Verdict::Unknown => Report::Unseen { why: sight.words.clone() },
        Verdict::Ok | Verdict::Failed | Verdict::Skipped | Verdict::Missed => {
            let mut outcome = outcome();
            outcome.level = looked.level;
            outcome.unmet.clone_from(&sight.unmet);
            outcome.notes.extend(note);
            outcome.tail = tail(&sight.lines);
            Report::Failure(outcome)
        }
    };
    let at = began + took;
    Signal { id: muster_host::ids::signal_id(at), about: about.clone(), at, run: None, report }
}

/// The last lines of a trace, as many as a signal carries.
fn tail(lines: &[String]) -> String {
    let mut kept = 0;
    let mut room = TAIL_LIMIT;
    for line in lines.iter().rev() {
        let Some(rest) = room.checked_sub(line.len() + 1) else { break };
        room = rest;
        kept += 1;
    }
    lines[lines.len() - kept..].join("\n")
}
