//! Troubles that come and go: schedules that drifted, what the doctor finds. Each is an expectation of its own for as long
//! as it lasts, and until its end has been told. And what was accepted: an expectation for each item of the configuration.

use std::collections::BTreeSet;

use muster_core::ids::ExpectationId;
use muster_core::signal::{Ending, Outcome, Report};
use muster_core::time::Now;
use muster_host::adopt::record::Record;

use super::message::{Comparison, Troubles};
use super::task::Resident;
use crate::drift::drifts;

/// Where they are noted: a restart in between is no end of it.
pub(super) const DRIFT: &str = "drift";

impl Resident {
    /// Compares what was found on the host with what is written down.
    pub(super) fn mind_drift(&mut self, record: Option<&Record>, now: Now) {
        let bad = drifts(&self.plan.expectations, &self.plan.zone, &self.host, record, now.wall);
        let well = "the schedule is what muster.toml says";
        self.mind(Troubles { table: "schedule", bad, hidden: BTreeSet::new(), well }, now);
    }

    /// Hears all that is wrong in a table.
    pub(super) fn mind(&mut self, troubles: Troubles, now: Now) {
        let Troubles { table, bad, hidden, well } = troubles;
        let (ours, others): (BTreeSet<ExpectationId>, BTreeSet<ExpectationId>) =
            self.drift.iter().cloned().partition(|id| id.table() == table);
        let stays = |id: &ExpectationId| bad.contains_key(id) || hidden.contains(id);
        // Those that are well again stay until the next look, so that their end is heard.
        let ended: Vec<ExpectationId> = ours.iter().filter(|id| !stays(id)).cloned().collect();
        let mut expected = others;
        expected.extend(bad.keys().cloned());
        expected.extend(ours.into_iter().filter(|id| hidden.contains(id)));
        expected.extend(ended.iter().filter(|id| !self.has_ended(id)).cloned());
        if expected != self.drift {
            self.drift = expected;
            match serde_json::to_string(&self.drift) {
                Ok(text) => self.unwritten.notes.push((DRIFT.to_owned(), text)),
                Err(error) => tracing::error!(%error, "what has drifted cannot be noted"),
            }
            self.expect_all(now);
        }
        for id in ended.into_iter().filter(|id| self.drift.contains(id)) {
            let signal = self.say(id, Ok(well.to_owned()));
            self.own.push(signal);
        }
        for (id, words) in bad {
            let signal = self.say(id, Err(words));
            self.own.push(signal);
        }
    }

    /// Says how items stand to what was accepted of them.
    pub(super) fn hear_comparisons(&mut self, all: Vec<(ExpectationId, Comparison)>) {
        for (about, comparison) in all {
            let signal = match comparison {
                Comparison::Same(words) => self.say(about, Ok(words)),
                Comparison::Unseen(why) => self.signal(about, Report::Unseen { why }),
                Comparison::Differs { words, help, patch } => {
                    let bare = Outcome::bare(Ending::Reported { words });
                    let outcome = Outcome { tail: patch, notes: vec![help], ..bare };
                    self.signal(about, Report::Failure(outcome))
                }
            };
            self.own.push(signal);
        }
    }

    /// Its end was heard already.
    fn has_ended(&self, id: &ExpectationId) -> bool {
        self.last_words.get(id).is_some_and(String::is_empty)
    }
}
