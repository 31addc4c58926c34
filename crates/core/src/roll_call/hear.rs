//! What each kind of report does to a row. The words of people (acknowledge, pause, resume) count at the moment they
//! are heard; everything else counts at the sender's time, brought into what can be true here.

use crate::board::Pause;
use crate::effect::{Reason, Verdict};
use crate::signal::{Report, Signal};
use crate::time::{Span, Timestamp};

use super::row::{Row, Scene, mutated};
use super::run::End;
use super::verdict::Weight;

/// Two reports closer than this may be heard in either order.
pub(super) const ORDER: Span = Span::seconds(2);
/// Longest pause: a forgotten one must end.
const LONGEST_PAUSE: Span = Span::days(31);

impl Row {
    /// Takes in one signal that was not heard before.
    pub(super) fn hear(&mut self, signal: &Signal, scene: &mut Scene<'_>) {
        let at = self.believable(signal.at, scene.now);
        let run = signal.run.as_ref();
        match &signal.report {
            Report::Start { process } => {
                self.start(run, process.as_ref(), at, scene);
                self.heard_at(at);
            }
            Report::Success(outcome) => {
                self.end(run, End::Success, outcome, at, scene);
                self.heard_at(at);
            }
            Report::Failure(outcome) => {
                self.end(run, End::Failure, outcome, at, scene);
                self.heard_at(at);
            }
            Report::Skip { holder: _, why } => {
                self.skip(signal, why, at, scene);
                self.heard_at(at);
            }
            Report::Unseen { why } => self.unseen(why, at, scene),
            Report::Alive => {
                self.alive(run, at);
                self.heard_at(at);
            }
            Report::Spent { used, quota } => {
                let reason = Reason::Spent { used: *used, quota: *quota };
                self.bad(reason, None, Weight::Whole, scene);
                self.heard_at(at);
            }
            Report::Log { .. } => self.heard_at(at),
            Report::Acknowledge { by, until } => self.acknowledge(by, *until, scene),
            Report::Pause { by, reason, until } => {
                let until = (*until).min(scene.now + LONGEST_PAUSE);
                self.state.pause =
                    (until > scene.now).then(|| Pause { by: by.clone(), reason: reason.clone(), until });
                if mutated!(scene, EndlessPause)
                    && let Some(pause) = &mut self.state.pause
                {
                    pause.until = Timestamp::from_millis(i64::MAX);
                }
            }
            Report::Resume { by: _ } => self.state.pause = None,
        }
    }

    fn heard_at(&mut self, at: Timestamp) {
        self.state.last_heard = self.state.last_heard.max(Some(at));
    }

    fn unseen(&mut self, why: &str, at: Timestamp, scene: &mut Scene<'_>) {
        let before = self.state.unseen;
        let slot = self.fill(at, scene);
        self.state.unseen = before.saturating_add(1);
        self.close_run(slot, None, Verdict::Unknown, scene);
        self.unknown(why.to_owned(), scene);
    }

    fn skip(&mut self, signal: &Signal, why: &str, at: Timestamp, scene: &mut Scene<'_>) {
        let run = signal.run.as_ref();
        // A run that announced itself before it found the lock held has carried its slot so far.
        let open = self.state.runs.iter().position(|open| run.is_some() && open.id.as_ref() == run);
        let slot = match open {
            Some(open) => self.state.runs.remove(open).slot,
            None => self.fill(at, scene),
        };
        if run.is_some() {
            self.note_end(run, at);
        }
        self.close_run(slot, run, Verdict::Skipped, scene);
        if mutated!(scene, SkipIsSuccess) {
            self.good(scene);
            return;
        }
        self.state.skips = self.state.skips.saturating_add(1);
        if self.state.skips >= self.spec.skip_alert.max(1) {
            let reason = Reason::Skipped { times: self.state.skips, why: why.to_owned() };
            self.bad(reason, None, Weight::Whole, scene);
        }
    }
}
