//! From what was stored to a living roll.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use muster_core::board::Snapshot;
use muster_core::expectation::Expectation;
use muster_core::host_roll::{HostRoll, Unseen};
use muster_core::ids::ExpectationId;
use muster_core::outbox::Outbox;
use muster_core::roll_call::{LastSeen, RollCall, StoredRow};
use muster_core::rota::Rota;
use muster_core::time::{Now, Span};
use muster_store::contract::{Loaded, StoreError};
use muster_store::sqlite::Opened;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};

use super::act::{ADOPTED, TIMERS};
use super::drift::DRIFT;
use super::publish::News;
use super::start::ROTA;
use super::task::{Resident, Settings, Unwritten, Vitals};
use crate::adopted::Adopted;
use crate::clock::Clock;
use crate::couriers::Couriers;
use crate::faults::{self, Faults};
use crate::ledger::Ledger;
use crate::parts::AgentPlan;
use crate::peers::Circle;
use crate::roster::Roster;
use crate::timers::Timers;

/// A longer gap between two ticks than this means that nothing could be heard.
const PROMISE: Span = Span::seconds(10);

/// What a resident is made of.
pub(crate) struct Origin {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) boot: String,
    pub(crate) plan: AgentPlan,
    pub(crate) duties: Vec<Expectation>,
    pub(crate) ledger: Ledger,
    pub(crate) loaded: Loaded,
    pub(crate) opened: Result<Opened, StoreError>,
    pub(crate) board: watch::Sender<Arc<Snapshot>>,
    pub(crate) settings: watch::Sender<Settings>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) circle: Arc<Circle>,
    pub(crate) wake_store: Arc<Notify>,
    pub(crate) wake_spool: Arc<Notify>,
    pub(crate) wake_start: Arc<Notify>,
    pub(crate) wake_discover: Arc<Notify>,
    pub(crate) wake_status: Arc<Notify>,
    pub(crate) starts_jobs: bool,
}

/// What was noted under this name; nothing, and a word among the unreadable, where it cannot be read.
fn recall<T: DeserializeOwned>(
    notes: &BTreeMap<String, String>,
    name: &str,
    what: &str,
    unreadable: &mut Vec<String>,
) -> Option<T> {
    match serde_json::from_str(notes.get(name)?) {
        Ok(value) => Some(value),
        Err(error) => {
            unreadable.push(format!("{what}: {error}"));
            None
        }
    }
}

impl Resident {
    /// Takes up the old life where it was left, or begins a new one.
    pub(crate) fn new(origin: Origin) -> Self {
        let Origin {
            clock,
            boot,
            plan,
            duties,
            ledger,
            loaded,
            opened,
            board,
            settings,
            vitals,
            roster,
            circle,
            wake_store,
            wake_spool,
            wake_start,
            wake_discover,
            wake_status,
            starts_jobs,
        } = origin;
        let now = clock.now();
        let Loaded { rows, outbox, watermark, notes, mut unreadable } = loaded;
        let mut memories: Vec<StoredRow> = Vec::with_capacity(rows.len());
        for (about, text) in rows {
            match serde_json::from_str(&text) {
                Ok(row) => memories.push(row),
                Err(error) => unreadable.push(format!("state of {about}: {error}")),
            }
        }
        let seen = watermark
            .map(|mark| LastSeen { now: Now { wall: mark.wall, uptime: mark.uptime }, boot: mark.boot });
        let mut roll = RollCall::restore(memories, seen).promising(PROMISE);
        roll.wake(&boot, now);
        let adopted: Option<Adopted> = recall(&notes, ADOPTED, "names that were taken in", &mut unreadable);
        let drift: Option<BTreeSet<ExpectationId>> =
            recall(&notes, DRIFT, "which schedules drifted", &mut unreadable);
        let timers: Option<Timers> = recall(&notes, TIMERS, "what timers said", &mut unreadable);
        let rota = recall(&notes, ROTA, "which jobs were started", &mut unreadable);
        let rota = Rota::restore(rota, &boot, now);
        let mut couriers = Couriers::default();
        couriers.replace(&plan.channels);
        let mut resident = Self {
            outbox: Outbox::restore(outbox, plan.routes()),
            clock,
            boot,
            plan,
            duties,
            rota,
            starts_jobs,
            wishes: Vec::new(),
            amending: Vec::new(),
            status_news: true,
            roll,
            ledger,
            couriers,
            adopted: adopted.unwrap_or_default(),
            timers: timers.unwrap_or_default(),
            drift: drift.unwrap_or_default(),
            faults: Faults::default(),
            host: HostRoll {
                // Until the first look is over, nothing found means nothing.
                unseen: vec![Unseen {
                    what: "what this host does by itself".to_owned(),
                    why: "the agent has just started and is still looking".to_owned(),
                }],
                ..HostRoll::default()
            },
            expected: BTreeSet::new(),
            last_words: BTreeMap::new(),
            unwritten: Unwritten { loud: true, ..Unwritten::default() },
            marked: None,
            own: Vec::new(),
            quotas_seen: None,
            tests: HashMap::new(),
            undrained: None,
            board,
            news: News::new(),
            settings,
            vitals,
            roster,
            circle,
            wake_store,
            wake_spool,
            wake_start,
            wake_discover,
            wake_status,
        };
        resident.expect_all(now);
        resident.tell_of_the_opening(opened, &unreadable, now);
        resident
    }

    fn tell_of_the_opening(&mut self, opened: Result<Opened, StoreError>, unreadable: &[String], now: Now) {
        match opened {
            Ok(opened) => {
                self.note_opened(&opened, now);
                if let (Opened::Replaced { why, .. }, Ok(about)) =
                    (&opened, ExpectationId::of("duty", "store"))
                {
                    let signal = self.say(about, Err(format!("it was damaged ({why}) and begun anew")));
                    self.own.push(signal);
                }
            }
            Err(error) => self.lose_store(&error, now),
        }
        if let Some(first) = unreadable.first() {
            let what = format!("{} stored items could not be read, the first: {first}", unreadable.len());
            self.faults.raise(faults::UNREADABLE, what, "see the log; they stay in the file", now.wall);
            for what in unreadable {
                tracing::error!(what, "stored and not readable");
            }
        }
    }
}
