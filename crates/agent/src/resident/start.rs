//! The rota within the resident: what it is told, what of it is stored, and wishes of people.

use muster_core::ids::{ExpectationId, RunId};
use muster_core::signal::{Report, Signal};
use muster_core::time::Now;
use tokio::sync::oneshot;

use super::task::Resident;
use crate::handle::{NotStartable, Started};

/// Where the memory of the rota is noted.
pub(super) const ROTA: &str = "rota";

/// A run that a person asked for, until that is stored.
pub(super) struct Wish {
    run: RunId,
    reply: oneshot::Sender<Result<Started, NotStartable>>,
}

impl Resident {
    /// Tells the rota the plan.
    pub(super) fn expect_starts(&mut self, now: Now) {
        let starts = &self.plan.starts;
        self.rota.expect(starts.rota.clone(), starts.at_once, now);
    }

    /// Notes the memory of the rota if it changed; true if there is something to start.
    pub(super) fn note_rota(&mut self) -> bool {
        let Some(memory) = self.rota.changed() else { return false };
        match serde_json::to_string(&memory) {
            Ok(text) => self.unwritten.notes.push((ROTA.to_owned(), text)),
            Err(error) => tracing::error!(%error, "the rota cannot be noted"),
        }
        !self.rota.issued().is_empty()
    }

    /// All of its memory, for a store that holds none.
    pub(super) fn rota_note(&self) -> Option<(String, String)> {
        Some((ROTA.to_owned(), serde_json::to_string(&self.rota.memory()).ok()?))
    }

    /// A person wants a job to run now; answered once that is stored.
    pub(super) fn run_now(
        &mut self,
        about: ExpectationId,
        by: &str,
        reply: oneshot::Sender<Result<Started, NotStartable>>,
    ) {
        let refusal = if !self.is_expected(&about) {
            Some(NotStartable::Unknown)
        } else if !self.plan.starts.startable.contains(&about) {
            Some(NotStartable::NoCommand)
        } else if !self.starts_jobs {
            Some(NotStartable::NoStarter)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            drop(reply.send(Err(refusal)));
            return;
        }
        let now = self.clock.now();
        let run = muster_host::ids::run_id(now.wall);
        let signal = Signal {
            id: muster_host::ids::signal_id(now.wall),
            about: about.clone(),
            at: now.wall,
            run: None,
            report: Report::Log { text: format!("{by} asked for run {run}") },
        };
        self.roll.hear(&signal, now);
        self.unwritten.signals.push(signal);
        self.rota.run_now(about, run.clone(), now);
        self.wishes.push(Wish { run, reply });
    }

    /// Answers those whose runs or words are stored now.
    pub(super) fn grant(&mut self, durable: bool) {
        for Wish { run, reply } in self.wishes.drain(..) {
            // Whoever gave up waiting is not told.
            drop(reply.send(Ok(Started { run, durable })));
        }
        for reply in self.amending.drain(..) {
            reply.send(durable).ok();
        }
    }
}
