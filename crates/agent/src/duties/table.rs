//! The list of duties with their terms, and what is expected of each.

use std::sync::Arc;
use std::time::Duration;

use muster_core::expectation::{Expectation, Hearing, Level, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::time::Span;
use muster_host::spool::users::Users;
use tokio::sync::{Notify, watch};

use super::{
    audit, beat, config, deliver, deploys, discover, doctor, drift, logs, looks, peers, prune, runs, spool,
    start, status_mail, status_page, status_push, store, watchdog,
};
use crate::clock::Clock;
use crate::driver::{Duty, Registration};
use crate::handle::Handle;
use crate::looks::Pulse;
use crate::parts::{ConfigSource, Examiner, Starter, Survey};
use crate::peers::Circle;
use crate::proof::Findings;
use crate::resident::{Settings, Vitals};
use crate::roster::Roster;
use crate::subscribe::desk::Desk;

/// What duties may use.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) handle: Handle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) layout: muster_host::state::Layout,
    pub(crate) users: Option<Users>,
    pub(crate) survey: Survey,
    pub(crate) config: Option<ConfigSource>,
    pub(crate) settings: watch::Receiver<Settings>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) wake_spool: Arc<Notify>,
    pub(crate) wake_store: Arc<Notify>,
    pub(crate) wake_config: Arc<Notify>,
    pub(crate) wake_start: Arc<Notify>,
    pub(crate) wake_discover: Arc<Notify>,
    pub(crate) wake_status: Arc<Notify>,
    pub(crate) wake_mail: Arc<Notify>,
    pub(crate) starter: Option<Starter>,
    pub(crate) examiner: Option<Examiner>,
    /// Whether checks are being looked at.
    pub(crate) pulse: Arc<Pulse>,
    /// What the audit found last.
    pub(crate) findings: Arc<Findings>,
    /// The agents that watch this one.
    pub(crate) circle: Arc<Circle>,
    /// Whoever people subscribe with.
    pub(crate) desk: Arc<Desk>,
}

/// The terms of a duty, known before there is anything to perform it with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) name: &'static str,
    pub(super) sentence: &'static str,
    pub(super) period: Duration,
    pub(super) deadline: Duration,
    /// Failures in a row before people are told.
    pub(super) after: u32,
}

/// Every duty there is.
pub(crate) struct Duties {
    spool: Registration,
    runs: Registration,
    start: Registration,
    deliver: Registration,
    store: Registration,
    deploys: Registration,
    discover: Registration,
    doctor: Registration,
    drift: Registration,
    config: Registration,
    prune: Registration,
    logs: Registration,
    looks: Registration,
    status_page: Registration,
    status_push: Registration,
    status_mail: Registration,
    audit: Registration,
    beat: Registration,
    peers: Registration,
    watchdog: Registration,
}

impl Duties {
    /// Makes all of them.
    pub(crate) fn new(context: &Context) -> Self {
        let intake = Arc::new(spool::Intake::new(context));
        let own = || Arc::new(Notify::new());
        let edition = Arc::new(status_page::Edition::default());
        let page = status_page::Writes::new(context, Arc::clone(&edition));
        let push = status_push::Pushes::new(context, Arc::clone(&edition));
        Self {
            spool: register(spool::TERMS, &context.wake_spool, spool::Spool::new(Arc::clone(&intake))),
            runs: register(runs::TERMS, &own(), runs::Runs::new(context, Arc::clone(&intake))),
            start: register(start::TERMS, &context.wake_start, start::Start::new(context, intake)),
            deliver: register(deliver::TERMS, &own(), deliver::Deliver::new(context)),
            store: register(store::TERMS, &context.wake_store, store::Store::new(context)),
            deploys: register(deploys::TERMS, &own(), deploys::Deploys::new(context)),
            discover: register(discover::TERMS, &context.wake_discover, discover::Discover::new(context)),
            doctor: register(doctor::TERMS, &own(), doctor::Doctor::new(context)),
            drift: register(drift::TERMS, &own(), drift::Drift::new(context)),
            config: register(config::TERMS, &context.wake_config, config::Config::new(context)),
            prune: register(prune::TERMS, &own(), prune::Prune::new(context)),
            logs: register(logs::TERMS, &own(), logs::Logs::new(context)),
            looks: register(looks::TERMS, &own(), looks::Looks::new(context)),
            status_page: register(status_page::TERMS, &context.wake_status, page),
            status_push: register(status_push::TERMS, &edition.news, push),
            status_mail: register(status_mail::TERMS, &context.wake_mail, status_mail::Mails::new(context)),
            audit: register(audit::TERMS, &own(), audit::Audit::new(context)),
            beat: register(beat::TERMS, &own(), beat::Beat::new(context)),
            peers: register(peers::TERMS, &own(), peers::Peers::new(context)),
            watchdog: register(watchdog::TERMS, &context.vitals.readiness, watchdog::Watchdog::new(context)),
        }
    }

    /// The list. Destructured in full, so that a duty which is not in it does not compile.
    pub(crate) fn list(self) -> [Registration; 20] {
        let Self {
            spool,
            runs,
            start,
            deliver,
            store,
            deploys,
            discover,
            doctor,
            drift,
            config,
            prune,
            logs,
            looks,
            status_page,
            status_push,
            status_mail,
            audit,
            beat,
            peers,
            watchdog,
        } = self;
        [
            spool,
            runs,
            start,
            deliver,
            store,
            deploys,
            discover,
            doctor,
            drift,
            config,
            prune,
            logs,
            looks,
            status_page,
            status_push,
            status_mail,
            audit,
            beat,
            peers,
            watchdog,
        ]
    }

    /// What is expected of each duty: that it is performed, and that it goes well.
    pub(crate) fn expectations() -> Vec<Expectation> {
        let all = [
            spool::TERMS,
            runs::TERMS,
            start::TERMS,
            deliver::TERMS,
            store::TERMS,
            deploys::TERMS,
            discover::TERMS,
            doctor::TERMS,
            drift::TERMS,
            config::TERMS,
            prune::TERMS,
            logs::TERMS,
            looks::TERMS,
            status_page::TERMS,
            status_push::TERMS,
            status_mail::TERMS,
            audit::TERMS,
            beat::TERMS,
            peers::TERMS,
            watchdog::TERMS,
        ];
        all.into_iter().filter_map(Terms::expectation).collect()
    }
}

impl Terms {
    fn expectation(self) -> Option<Expectation> {
        let id = ExpectationId::of("duty", self.name).ok()?;
        // Its own deadline, and some for a host that is short of breath.
        let within = Span::from(self.deadline) + Span::seconds(15);
        let mut expectation = Expectation::new(id, Rhythm::Every(self.period.into()), within);
        expectation.after = self.after;
        expectation.hearing = Hearing::Direct;
        // A host that is short of breath is told by lateness.
        expectation.severity.odd = Level::Ignore;
        Some(expectation)
    }
}

fn register(terms: Terms, wake: &Arc<Notify>, duty: impl Duty + 'static) -> Registration {
    let Terms { name, sentence, period, deadline, after: _ } = terms;
    Registration { name, sentence, period, deadline, wake: Arc::clone(wake), duty: Box::new(duty) }
}
