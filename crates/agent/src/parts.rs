//! What the agent is given by whoever wires it: nothing here is looked up, read from the environment or guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use muster_checks::probe::Part as Probe;
use muster_config::plan::{CheckPlan, DriftPlan, Plan, StatusPage, Vantage};
use muster_core::expectation::{Expectation, Rhythm, Step};
use muster_core::host_roll::HostRoll;
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::outbox::Route;
use muster_core::rota::Entry;
use muster_core::rounds::Round;
use muster_core::time::Span;
use muster_host::spool::users::Users;
use muster_host::state::Layout;
pub use muster_notify::channel::Channel;
pub use muster_notify::kinds::email::Email;
use muster_run::log::bounds::Bounds;
use muster_store::contract::{Store, StoreError};
use muster_store::keep::Keep;
use muster_store::sqlite::Opened;

use crate::clock::Clock;
use crate::looks::egress;
use crate::peers::Peering;

/// A future on the heap.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Opens the store; called at the start, and again whenever the store has failed. Blocking.
pub type StoreOpener = Arc<dyn Fn() -> Result<(Arc<dyn Store>, Opened), StoreError> + Send + Sync>;

/// Looks at what this host does by itself. Blocking.
pub type Survey = Arc<dyn Fn() -> HostRoll + Send + Sync>;

/// Calls the outside address once.
pub type Beacon = Arc<dyn Fn() -> Boxed<Result<(), String>> + Send + Sync>;

/// Reads the configuration again. Blocking.
pub type Reader = Arc<dyn Fn() -> Result<AgentPlan, BadConfig> + Send + Sync>;

/// Everything that an agent is made of.
pub struct Parts {
    /// Where its files are.
    pub layout: Layout,
    /// The users of this host whose spools it reads as well; none unless it runs as root for the whole host.
    pub users: Option<Users>,
    /// What it does.
    pub plan: AgentPlan,
    /// Its memory.
    pub open: StoreOpener,
    /// Which boot this is (`muster_host::clock::boot_id`).
    pub boot: String,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its eyes.
    pub survey: Survey,
    /// How the configuration is read again; none where there is no file.
    pub config: Option<ConfigSource>,
    /// How jobs are started; none where it starts none.
    pub starter: Option<Starter>,
    /// How the host is examined; none where nobody does.
    pub examiner: Option<Examiner>,
}

/// How a host is examined: by this program's own doctor, whose memory goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examiner {
    /// The program.
    pub program: PathBuf,
    /// Its words; it must print a report in JSON.
    pub words: Vec<OsString>,
    /// Files and folders after whose change it is asked again.
    pub watched: Vec<PathBuf>,
}

/// How a job is started: by this program's own wrapper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// The program.
    pub program: PathBuf,
    /// The configuration that it reads the job from, if one was named.
    pub config: Option<PathBuf>,
    /// All of the environment of a job.
    pub environment: Vec<(OsString, OsString)>,
    /// Where a job begins.
    pub folder: PathBuf,
}

/// What is started, and when.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Starts {
    /// The jobs that are started when they are due.
    pub rota: Vec<Entry>,
    /// How many of them may run at the same time.
    pub at_once: usize,
    /// Every job that can be started, because its command is known.
    pub startable: BTreeSet<ExpectationId>,
}

/// A configuration that can be read again.
#[derive(Clone)]
pub struct ConfigSource {
    /// The file that is watched.
    pub path: PathBuf,
    /// The file as it was when the plan that the agent starts with was read; where that is not known it is read again at
    /// once.
    pub read_at: Option<Mark>,
    /// Reads it.
    pub read: Reader,
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Mark {
    /// The file as it is; none if it is not there. Through links: editors and configuration tools replace what the link
    /// points to.
    pub fn of(path: &Path) -> Option<Self> {
        let there = std::fs::metadata(path).ok()?;
        Some(Self { inode: there.ino(), size: there.size(), changed: (there.ctime(), there.ctime_nsec()) })
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadConfig {
    /// The first fault with its place, in one sentence.
    pub what: String,
    /// A command to try.
    pub help: String,
}

/// What the agent does, compiled from the configuration.
#[derive(Clone)]
pub struct AgentPlan {
    /// How this agent calls itself.
    pub name: String,
    /// What was written down.
    pub expectations: Vec<Expectation>,
    /// The jobs that are due when a systemd timer of this host is, and its name.
    pub timers: BTreeMap<ExpectationId, String>,
    /// Whom to tell about what was not written down: duties, and jobs found on the host.
    pub notify: Vec<ChannelName>,
    /// Whom to tell next about that while nobody answers.
    pub steps: Vec<Step>,
    /// The ways to tell people.
    pub channels: Vec<Telling>,
    /// IANA zone of schedules found on the host.
    pub zone: String,
    /// How much history is kept.
    pub keep: Keep,
    /// How much of run logs is kept.
    pub logs: Bounds,
    /// The outside address.
    pub beat: Option<Beat>,
    /// The agents that watch this one and are watched by it.
    pub peers: Arc<[Peering]>,
    /// What is started, and when.
    pub starts: Starts,
    /// What is looked at.
    pub checks: Arc<[Watched]>,
    /// Who is asked whether this host still has a way out.
    pub canaries: Arc<[SocketAddr]>,
    /// The page for customers.
    pub status: Option<Arc<Sheet>>,
    /// The mail server that carries what subscribers get; none where nobody can subscribe.
    pub mail: Option<Arc<Email>>,
    /// What of this host is held against its accepted state.
    pub drift: Option<Arc<DriftPlan>>,
}

/// The page for customers, and what its days are reckoned by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What the configuration says.
    pub page: StatusPage,
    /// What is looked at, of all that its components are made of: their days are in the tallies.
    pub looked: BTreeSet<ExpectationId>,
    /// The time between two slots, of those whose slots are evenly spread.
    pub every: BTreeMap<ExpectationId, Span>,
}

/// One thing that is looked at, from one place.
#[derive(Debug, Clone)]
pub struct Watched {
    /// When it is looked at.
    pub round: Round,
    /// A look that takes longer is cut off.
    pub timeout: Span,
    /// From where.
    pub from: Vantage,
    /// Its table, where a peer looks.
    pub lent: Option<String>,
    /// The name of its kind.
    pub kind: &'static str,
    /// Who looks.
    pub probe: Probe,
}

/// One way to tell people.
#[derive(Clone)]
pub struct Telling {
    /// Its name.
    pub name: ChannelName,
    /// Who takes over when it cannot deliver.
    pub fallback: Option<ChannelName>,
    /// How many messages it takes a day, if there is such a limit.
    pub quota: Option<u32>,
    /// The part that delivers.
    pub channel: Arc<dyn Channel>,
}

/// The outside address that hears from us while all is well.
#[derive(Clone)]
pub struct Beat {
    /// How often.
    pub every: Span,
    /// Calls it.
    pub call: Beacon,
}

impl AgentPlan {
    /// The agent's share of a configuration. What has no table of its own is told to `notify` of `[defaults]`; where that
    /// is empty, to every channel that does not merely stand in for another one, because nothing may fail untold.
    pub fn of<C>(
        plan: &Plan<C, Probe>,
        channels: Vec<Telling>,
        beat: Option<Beacon>,
        peers: Vec<Peering>,
        mail: Option<Arc<Email>>,
    ) -> Self {
        let stands_in =
            |name: &ChannelName| channels.iter().any(|other| other.fallback.as_ref() == Some(name));
        let mut notify = plan.notify.clone();
        if notify.is_empty() {
            notify = channels.iter().map(|one| one.name.clone()).filter(|name| !stands_in(name)).collect();
        }
        if notify.is_empty() {
            notify = channels.iter().map(|one| one.name.clone()).collect();
        }
        let checks: Arc<[Watched]> = plan.checks.iter().map(watched).collect();
        let mut expectations = plan.expectations.clone();
        egress::expect(&mut expectations, &checks, &notify, &plan.steps);
        Self {
            name: plan.muster.name.clone(),
            peers: peers.into(),
            expectations,
            timers: plan.timers.clone(),
            notify,
            steps: plan.steps.clone(),
            channels,
            zone: plan.muster.zone.clone(),
            keep: Keep { age: plan.muster.keep.runs, looks: plan.muster.keep.metrics, ..Keep::default() },
            logs: Bounds {
                age: plan.muster.keep.runs,
                per_job: plan.muster.keep.logs_per_job,
                bytes: plan.muster.keep.logs,
            },
            starts: Starts {
                rota: plan.rota.clone(),
                at_once: usize::try_from(plan.muster.at_once).unwrap_or(1),
                startable: plan
                    .jobs
                    .iter()
                    .filter(|job| !job.command.is_empty())
                    .map(|job| job.id.clone())
                    .collect(),
            },
            checks,
            canaries: plan.muster.canaries.clone().into(),
            status: plan.status_page.as_ref().map(|page| Arc::new(Sheet::of(page, plan))),
            mail,
            drift: plan.drift.clone().map(Arc::new),
            beat: plan.muster.beat.as_ref().zip(beat).map(|(beat, call)| Beat { every: beat.every, call }),
        }
    }

    pub(crate) fn routes(&self) -> Vec<Route> {
        self.channels
            .iter()
            .map(|one| Route { name: one.name.clone(), fallback: one.fallback.clone(), quota: one.quota })
            .collect()
    }
}

impl Sheet {
    fn of<C>(page: &StatusPage, plan: &Plan<C, Probe>) -> Self {
        let shown: BTreeSet<&ExpectationId> = page.components.iter().flat_map(|one| &one.of).collect();
        let checks = plan.checks.iter().filter(|check| shown.contains(&check.id));
        let every =
            plan.expectations.iter().filter(|one| shown.contains(&one.id)).filter_map(|one| {
                match one.rhythm {
                    Rhythm::Every(every) => Some((one.id.clone(), every)),
                    _ => None,
                }
            });
        Self {
            page: page.clone(),
            looked: checks.map(|check| check.id.clone()).collect(),
            every: every.collect(),
        }
    }
}

fn watched(check: &CheckPlan<Probe>) -> Watched {
    let CheckPlan { id, kind, every, timeout, retry, after, from, lent, part } = check;
    Watched {
        round: Round { id: id.clone(), every: *every, retry: *retry, after: *after },
        timeout: *timeout,
        from: from.clone(),
        lent: lent.clone(),
        kind,
        probe: Arc::clone(part),
    }
}
