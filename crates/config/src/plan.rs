//! What reading gives: one part per room, every name in it resolved. No room sees more than its own part.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use muster_core::expectation::{Expectation, Step};
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::rota::Entry;
use muster_core::time::Span;

pub mod allowance;
pub mod check;
pub mod doctor;
pub mod drift;
pub mod expect;
pub mod peer;
pub mod retries;
pub mod service;
pub mod status_page;

use crate::secret::{MaybeSecret, SecretRef};
pub use allowance::Allowance;
pub use check::{CheckPlan, Vantage};
pub use doctor::Allow;
pub use drift::{DriftPlan, Watch, WatchItem};
pub use expect::{Expect, ExpectedFile, NewerThan};
pub use peer::PeerPlan;
pub use retries::Retries;
pub use service::{
    HealthSpec, Hooks, HostPlan, RestartSpec, RuntimeSpec, ServicePlan, ServiceSpec, Source, Strategy,
    Switch, Then, ToolSpec,
};
pub use status_page::{Component, MAIL_KIND, StatusPage, Subscribe};

/// A whole file, ready to be carried out. `C` is the part of a channel and `K` that of a check, of whatever kind.
#[derive(Debug, Clone)]
pub struct Plan<C, K> {
    /// For the agent itself.
    pub muster: MusterPlan,
    /// For the room that tells people, in the order of the file.
    pub channels: Vec<ChannelPlan<C>>,
    /// Whom to tell about what has no table of its own: the agent's duties, jobs found on the host.
    pub notify: Vec<ChannelName>,
    /// Whom to tell next about that while nobody answers.
    pub steps: Vec<Step>,
    /// For the roll call: one per job and per heartbeat, in the order of the file.
    pub expectations: Vec<Expectation>,
    /// For the room that looks at things, in the order of the file: one for each place that a check looks from.
    pub checks: Vec<CheckPlan<K>>,
    /// The agents that watch this one and are watched by it, in the order of the file.
    pub peers: Vec<PeerPlan>,
    /// For the wrapper.
    pub jobs: Vec<JobPlan>,
    /// The jobs that muster itself starts.
    pub rota: Vec<Entry>,
    /// The jobs whose rhythm is that of a systemd timer, and its name. Only the host can tell the rhythm: until somebody
    /// asks it, that of the expectation is [`Rhythm::Unknown`](muster_core::expectation::Rhythm::Unknown).
    pub timers: BTreeMap<ExpectationId, String>,
    /// The page for customers, if there is one.
    pub status_page: Option<StatusPage>,
    /// For the doctor: what is meant to be so.
    pub allow: Vec<Allow>,
    /// What is held against its accepted state, if anything is.
    pub drift: Option<DriftPlan>,
    /// The machines that services are deployed to, in the order of the file.
    pub hosts: Vec<HostPlan>,
    /// What is deployed, in the order of the file.
    pub services: Vec<ServicePlan>,
}

/// What `[muster]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct MusterPlan {
    /// Name of this installation.
    pub name: String,
    /// IANA time zone of schedules and pages.
    pub zone: String,
    /// Where the web page, the API and the ping URLs listen. Off loopback only with `password` and `tls`.
    pub listen: SocketAddr,
    /// Where the state lives; none leaves it to the place that suits the user.
    pub state: Option<PathBuf>,
    /// How long things are kept.
    pub keep: Keep,
    /// How many of the jobs that muster starts may run at the same time.
    pub at_once: u32,
    /// The outside address that hears from us while all is well.
    pub beat: Option<Beat>,
    /// Who is asked whether this host still has a way out.
    pub canaries: Vec<SocketAddr>,
    /// The password of the web page.
    pub password: Option<SecretRef>,
    /// Certificate and key of the listener.
    pub tls: Option<TlsFiles>,
    /// The `<key>` of the ping URLs; none leaves it to the state directory.
    pub ping_key: Option<SecretRef>,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Runs and history.
    pub runs: Span,
    /// Measurements.
    pub metrics: Span,
    /// Logs of runs, in bytes altogether.
    pub logs: u64,
    /// Logs of one job.
    pub logs_per_job: u32,
}

/// The outside address that hears from us while all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The address.
    pub url: MaybeSecret,
    /// How often.
    pub every: Span,
}

/// Certificate chain and private key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// One way to tell people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPlan<C> {
    /// Its name.
    pub name: ChannelName,
    /// The name of its kind.
    pub kind: &'static str,
    /// Who takes over when it cannot deliver. Never in a circle.
    pub fallback: Option<ChannelName>,
    /// How many messages it takes a day, if the file says so.
    pub quota: Option<u32>,
    /// What its kind made of the table.
    pub part: C,
}

/// What the wrapper needs to know of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlan {
    /// Its name below `[job]`.
    pub name: String,
    /// Its name on the roll.
    pub id: ExpectationId,
    /// Program and arguments; empty where they are given to `muster run NAME -- …`.
    pub command: Vec<String>,
    /// The time limits of one run.
    pub timeout: Timeout,
    /// What happens when the last run still goes on.
    pub overlap: Overlap,
    /// The lock file, for sharing a lock with flock(1); none leaves it to the state directory.
    pub lock: Option<PathBuf>,
    /// What a good run leaves behind.
    pub expect: Expect,
    /// What the whole tree of a run may use.
    pub allowance: Allowance,
    /// How often a failed run is tried again.
    pub retries: Retries,
}

/// The time limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// After this long the run is noted as slow, and goes on.
    pub soft: Option<Span>,
    /// After this long it is asked to end.
    pub hard: Option<Span>,
    /// After this much longer it is killed.
    pub grace: Span,
}

/// What happens when the last run still goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The new run gives way.
    Skip,
    /// The new run waits, and fails when it has waited so long.
    Wait {
        /// The longest wait.
        at_most: Span,
    },
    /// The old run is ended.
    Replace,
    /// Both run.
    Allow,
}
