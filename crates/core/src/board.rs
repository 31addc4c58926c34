//! The state of everything at one moment, for people to read. A view: it decides nothing.

use serde::{Deserialize, Serialize};

use crate::effect::Condition;
use crate::host_roll::HostRoll;
use crate::ids::{ChannelName, ExpectationId, IncidentId, RunId};
use crate::outbox::Usage;
use crate::time::{Span, Timestamp};
use crate::usual::Usual;

/// Everything that a screen needs and the store does not hold: published by the agent after each change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The roll.
    pub board: Board,
    /// What is wrong with muster itself (the store cannot be written, the configuration on disk is invalid). Shown on
    /// every page.
    pub faults: Vec<Fault>,
    /// What this host does by itself.
    pub host: HostRoll,
    /// Who watches this agent.
    #[serde(default)]
    pub watchers: Watchers,
}

/// Who notices when this agent is no more.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Watchers {
    /// An outside address hears from it.
    pub beat: bool,
    /// Other agents, by name.
    pub peers: Vec<Peer>,
    /// Somebody came as a peer, with a wrong key. No fault of muster's own: whoever can reach it could do so.
    pub stranger: Option<Fault>,
}

/// Another agent, and what is known of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Peer {
    /// Its name here, as in `[peer.NAME]`.
    pub name: String,
    /// When its last beat came.
    pub last_heard: Option<Timestamp>,
    /// When it last said that it hears us.
    pub hears_us: Option<Timestamp>,
    /// By how many milliseconds its clock is ahead of ours; less than zero where it is behind.
    pub ahead: Option<i64>,
    /// What is wrong between the two at present; none while all is well.
    pub trouble: Option<String>,
}

/// Clocks that differ by more than this, in milliseconds, are worth a word.
pub const CLOCKS_APART: u64 = 5_000;

impl Peer {
    /// How far the clocks are apart, where that is worth a word: `its clock is 7s ahead of ours`.
    pub fn clocks(&self) -> Option<String> {
        let ahead = self.ahead.filter(|ahead| ahead.unsigned_abs() > CLOCKS_APART)?;
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        Some(format!("its clock is {} {side} ours", Span::millis(ahead.unsigned_abs())))
    }
}

impl Watchers {
    /// True if nobody would notice the end of this agent.
    pub fn is_nobody(&self) -> bool {
        !self.beat && self.peers.is_empty()
    }
}

/// Something wrong with muster itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Stable code, such as `M0301`.
    pub code: String,
    /// What, in one sentence.
    pub what: String,
    /// A command to try, or what to do.
    pub help: String,
    /// Since when.
    pub since: Timestamp,
}

/// The whole roll at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Board {
    /// The moment.
    pub at: Timestamp,
    /// One line per expectation, ordered by id.
    pub lines: Vec<Line>,
}

impl Board {
    /// How one expectation stands; none if it is not on the roll.
    pub fn line(&self, about: &ExpectationId) -> Option<&Line> {
        self.place(about).map(|at| &self.lines[at])
    }

    /// The same, to be changed.
    pub fn line_mut(&mut self, about: &ExpectationId) -> Option<&mut Line> {
        self.place(about).map(|at| &mut self.lines[at])
    }

    fn place(&self, about: &ExpectationId) -> Option<usize> {
        self.lines.binary_search_by(|line| line.id.cmp(about)).ok()
    }
}

/// One expectation as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Who.
    pub id: ExpectationId,
    /// How it stands.
    pub condition: Condition,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Its rhythm as the configuration says it: a cron line with its zone, or a period.
    pub rhythm: String,
    /// When it was last heard.
    pub last_heard: Option<Timestamp>,
    /// When it last went well.
    pub last_success: Option<Timestamp>,
    /// When it is due next; none if it has no rhythm or it cannot be computed.
    pub due: Option<Timestamp>,
    /// From here on silence is an alarm.
    pub deadline: Option<Timestamp>,
    /// The runs that are going on.
    pub running: Vec<Running>,
    /// The present incident, if any.
    pub incident: Option<Incident>,
    /// Whom a page goes to. Nobody is told of an expectation without one.
    #[serde(default)]
    pub notify: Vec<ChannelName>,
    /// Somebody wants no pages until then.
    pub pause: Option<Pause>,
    /// It is in a maintenance that the file plans, until then.
    #[serde(default)]
    pub maintenance: Option<Timestamp>,
    /// The firing parent in whose favour the page is held back.
    pub suppressed_by: Option<ExpectationId>,
    /// How long its runs usually take, in milliseconds; none before ten successes.
    #[serde(default)]
    pub usual: Option<Usual>,
    /// Which of its last successes needed more than one attempt; none where all went well at once.
    #[serde(default)]
    pub retried: Option<Retried>,
    /// For a channel: what it took within a day. The roll call does not know; whoever publishes its board says so.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// muster itself starts it. The roll call does not know; whoever publishes its board says so.
    #[serde(default)]
    pub own: bool,
}

impl Line {
    /// True while people want no pages about it: it is paused, or in maintenance.
    pub fn is_quiet(&self) -> bool {
        self.pause.is_some() || self.maintenance.is_some()
    }
}

/// Successes that needed more than one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// How many.
    pub times: usize,
    /// Of how many that are remembered.
    pub of: usize,
}

/// A run that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Its id, if the sender gave one.
    pub run: Option<RunId>,
    /// Since when.
    pub since: Timestamp,
    /// The limit, if there is one.
    pub limit: Option<Span>,
    /// It is past its limit.
    pub late: bool,
}

/// An incident as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// When it began.
    pub since: Timestamp,
    /// People have been told: some channel took a page.
    pub told: bool,
    /// Which channel did not take the page and what it said, while nobody has been told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Who has seen it, and until when that counts.
    pub acknowledged: Option<(String, Timestamp)>,
    /// It goes to and fro.
    pub flapping: bool,
    /// The next step of the escalation; none if there is none, or somebody has acknowledged it.
    #[serde(default)]
    pub next_step: Option<NextStep>,
}

/// The next step of an escalation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextStep {
    /// Which; the first page was step 1.
    pub step: u32,
    /// How many there are.
    pub of: u32,
    /// When it is taken, unless somebody answers.
    pub at: Timestamp,
    /// Who is told then.
    pub to: Vec<ChannelName>,
}

/// A pause as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Its end.
    pub until: Timestamp,
}
