//! The loop: wait for a message, a delivery or a deadline, gather what has come meanwhile, take one step.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_config::plan::DriftPlan;
use muster_core::board::Snapshot;
use muster_core::effect::{SlotClosed, Transition};
use muster_core::expectation::Expectation;
use muster_core::host_roll::HostRoll;
use muster_core::ids::ExpectationId;
use muster_core::look::{Look, Trace};
use muster_core::notice::{Amendment, NoticeId};
use muster_core::outbox::{Delivery, Outbox};
use muster_core::roll_call::{RollCall, StoredRow};
use muster_core::rota::Rota;
use muster_core::signal::Signal;
use muster_core::time::{Now, Span};
use muster_notify::kinds::email::Email;
use muster_run::log::bounds::Bounds;
use muster_store::keep::Keep;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::message::Message;
use super::start::Wish;
use crate::adopted::Adopted;
use crate::clock::Clock;
use crate::couriers::{Couriers, Told};
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::parts::{AgentPlan, Beat, Sheet, Watched};
use crate::peers::{Circle, Peering};
use crate::roster::Roster;
use crate::timers::Timers;

/// The longest time between two ticks.
const TICK: Duration = Duration::from_secs(1);

/// The shortest: a deadline that cannot be met must not make the loop spin.
const SPIN: Duration = Duration::from_millis(15);

/// Most messages of one step, and so of one transaction.
const GATHER: usize = 512;

/// How long the end waits for deliveries under way.
const LAST_DELIVERIES: Duration = Duration::from_secs(2);

/// What duties need to know of the plan.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) keep: Keep,
    pub(crate) logs: Bounds,
    pub(crate) beat: Option<Beat>,
    pub(crate) name: String,
    pub(crate) peers: Arc<[Peering]>,
    pub(crate) checks: Arc<[Watched]>,
    pub(crate) canaries: Arc<[SocketAddr]>,
    pub(crate) status: Option<Arc<Sheet>>,
    pub(crate) mail: Option<Arc<Email>>,
    pub(crate) drift: Option<Arc<DriftPlan>>,
}

impl Settings {
    pub(crate) fn of(plan: &AgentPlan) -> Self {
        Self {
            keep: plan.keep,
            logs: plan.logs,
            beat: plan.beat.clone(),
            name: plan.name.clone(),
            peers: Arc::clone(&plan.peers),
            checks: Arc::clone(&plan.checks),
            canaries: Arc::clone(&plan.canaries),
            status: plan.status.clone(),
            mail: plan.mail.clone(),
            drift: plan.drift.clone(),
        }
    }
}

/// Signs of life that others look at without asking.
pub(crate) struct Vitals {
    ticked: Mutex<Instant>,
    ready: AtomicBool,
    /// Woken once it is ready.
    pub(crate) readiness: Arc<Notify>,
}

impl Vitals {
    pub(crate) fn new() -> Self {
        Self {
            ticked: Mutex::new(Instant::now()),
            ready: AtomicBool::new(false),
            readiness: Arc::new(Notify::new()),
        }
    }

    /// Time since the last finished step.
    pub(crate) fn since_tick(&self) -> Duration {
        self.ticked.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The spool was read once: from now on silence means something.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(super) fn tick(&self) {
        *self.ticked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn set_ready(&self) {
        if !self.ready.swap(true, Ordering::AcqRel) {
            self.readiness.notify_one();
        }
    }
}

/// Everything the resident owns.
pub(crate) struct Resident {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) boot: String,
    pub(super) plan: AgentPlan,
    /// One per duty, without whom to tell.
    pub(super) duties: Vec<Expectation>,
    pub(super) roll: RollCall,
    /// Everybody on the roll.
    pub(super) expected: BTreeSet<ExpectationId>,
    /// Which jobs are started.
    pub(super) rota: Rota,
    pub(super) starts_jobs: bool,
    /// Whoever waits for a run that was asked for to be stored.
    pub(super) wishes: Vec<Wish>,
    /// Whoever waits for amendments of notices to be stored.
    pub(super) amending: Vec<oneshot::Sender<bool>>,
    /// Customers may have to be told of what happened since the last snapshot.
    pub(super) status_news: bool,
    pub(super) outbox: Outbox,
    pub(super) ledger: Ledger,
    pub(super) couriers: Couriers,
    pub(super) adopted: Adopted,
    /// What the timers say that jobs go by.
    pub(super) timers: Timers,
    /// Schedules that are not, or were not lately, what the configuration says.
    pub(super) drift: BTreeSet<ExpectationId>,
    pub(super) faults: Faults,
    pub(super) host: HostRoll,
    /// The last words of each duty and channel: only a change of them is worth a line of history.
    pub(super) last_words: BTreeMap<ExpectationId, String>,
    pub(super) unwritten: Unwritten,
    /// When it was last written down that we look.
    pub(super) marked: Option<Now>,
    /// Signals of our own that wait to be heard in this step.
    pub(super) own: Vec<Signal>,
    /// Uptime when it was last looked at how much of their quotas the channels used.
    pub(super) quotas_seen: Option<Span>,
    /// Whoever waits for the first try of a test page, by the entry's key.
    pub(super) tests: HashMap<String, oneshot::Sender<Option<Delivery>>>,
    /// Uptime since when the roll call waits for the spool.
    pub(super) undrained: Option<Span>,
    pub(super) board: watch::Sender<Arc<Snapshot>>,
    pub(super) news: super::publish::News,
    pub(super) settings: watch::Sender<Settings>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) roster: Arc<Roster>,
    pub(super) circle: Arc<Circle>,
    pub(super) wake_store: Arc<Notify>,
    pub(super) wake_spool: Arc<Notify>,
    pub(super) wake_start: Arc<Notify>,
    pub(super) wake_discover: Arc<Notify>,
    pub(super) wake_status: Arc<Notify>,
}

/// What waits for the next transaction.
#[derive(Default)]
pub(super) struct Unwritten {
    pub(super) signals: Vec<Signal>,
    pub(super) transitions: Vec<Transition>,
    pub(super) slots: Vec<SlotClosed>,
    pub(super) looks: Vec<Look>,
    pub(super) traces: Vec<Trace>,
    pub(super) amendments: Vec<(NoticeId, Amendment)>,
    /// None for a row that is to be removed.
    pub(super) rows: BTreeMap<ExpectationId, Option<StoredRow>>,
    pub(super) forgotten: Vec<String>,
    pub(super) notes: Vec<(String, String)>,
    /// Something here must not wait.
    pub(super) loud: bool,
    /// When the oldest quiet row came in.
    pub(super) since: Option<Instant>,
}

impl Resident {
    /// Lives until `stop` turns true, then writes down everything.
    pub(crate) async fn live(mut self, mut inbox: mpsc::Receiver<Message>, mut stop: watch::Receiver<bool>) {
        let mut batch = Vec::new();
        loop {
            let pause = self.pause();
            let mut told = None;
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                one = self.couriers.told() => told = Some(one),
                _ = inbox.recv_many(&mut batch, GATHER) => {}
                () = tokio::time::sleep(pause) => {}
            }
            if let Some(told) = told {
                self.take_told(told);
            }
            while batch.len() < GATHER {
                match inbox.try_recv() {
                    Ok(message) => batch.push(message),
                    Err(_) => break,
                }
            }
            self.step(std::mem::take(&mut batch)).await;
        }
        self.end(inbox).await;
    }

    /// How long nothing has to be done unless somebody speaks.
    fn pause(&self) -> Duration {
        let now = self.clock.now().wall;
        let due = [self.roll.next_deadline(), self.outbox.next_try(), self.rota.next_deadline()];
        let next = due.into_iter().flatten().min();
        let deadline = next.map_or(TICK, |at| at.since(now).to_std());
        deadline.min(self.news.due_in().unwrap_or(TICK)).clamp(SPIN, TICK)
    }

    async fn end(mut self, mut inbox: mpsc::Receiver<Message>) {
        inbox.close();
        let mut rest = Vec::new();
        while let Ok(message) = inbox.try_recv() {
            rest.push(message);
        }
        self.step(rest).await;
        let until = tokio::time::Instant::now() + LAST_DELIVERIES;
        while !self.couriers.is_idle() {
            match tokio::time::timeout_at(until, self.couriers.told()).await {
                Ok(told) => self.take_told(told),
                // What is under way now is sent again by the next life, under the same key.
                Err(_) => break,
            }
        }
        self.unwritten.loud = true;
        self.finish().await;
    }

    pub(super) fn take_told(&mut self, told: Told) {
        let now = self.clock.now().wall;
        let Told { key, channel, delivery } = told;
        if let Some(reply) = self.tests.remove(key.as_str()) {
            drop(reply.send(Some(delivery.clone())));
        }
        self.hear_delivery(&channel, &delivery, now);
        self.quotas_seen = None;
        self.outbox.report(&key, delivery, now);
        // Whether anybody has heard of an incident is on the board.
        self.news.soon();
    }
}
