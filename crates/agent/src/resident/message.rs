//! What is said to the resident.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::host_roll::HostRoll;
use muster_core::ids::{ChannelName, ExpectationId};
use muster_core::notice::{Amendment, NoticeId};
use muster_core::outbox::Delivery;
use muster_core::roll_call::OpenRun;
use muster_core::rota::Turn;
use muster_core::signal::Signal;
use muster_core::time::{Now, Span, Timestamp};
use muster_host::adopt::record::Record;
use muster_store::contract::StoreError;
use tokio::sync::oneshot;

use crate::driver::Performance;
use crate::handle::{Heard, NotStartable, Started};
use crate::ledger::{Found, Standing};
use crate::looks::Batch;
use crate::parts::{AgentPlan, BadConfig};
use crate::peers::circle::Word;

/// Where signals come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Made just now: nobody can have heard them before.
    Fresh,
    /// Read from the spool: perhaps heard by an agent that died before it could take them out.
    Spool,
}

/// One thing to do for the resident.
pub(crate) enum Message {
    /// Signals.
    Hear { signals: Vec<Signal>, source: Source, reply: oneshot::Sender<Heard> },
    /// What was looked at, and how it looked.
    Looked(Batch),
    /// The spool was read to its end; the reading began then.
    Drained { began: Now },
    /// What is to be said of peers.
    Peers(Vec<Word>),
    /// What of the host is, or is not, as it was accepted.
    Compared(Vec<(ExpectationId, Comparison)>),
    /// A duty was performed.
    Performed(Performance),
    /// The host was looked at.
    Host { roll: Box<HostRoll>, record: Option<Box<Record>> },
    /// The host was examined, and this is what came since.
    Troubles(Troubles),
    /// The configuration was read again.
    Reload { outcome: Result<Box<AgentPlan>, BadConfig>, reply: oneshot::Sender<()> },
    /// A test page is wanted.
    Test { channel: ChannelName, by: String, reply: oneshot::Sender<Option<Delivery>> },
    /// Which runs go on?
    OpenRuns(oneshot::Sender<Vec<OpenRun>>),
    /// Which turns of the rota are to be started?
    Issued(oneshot::Sender<Vec<Turn>>),
    /// A person wants a job to run now.
    RunNow { about: ExpectationId, by: String, reply: oneshot::Sender<Result<Started, NotStartable>> },
    /// Something happened to notices. True once that is on disk, false if it is in memory only.
    Amend { amendments: Vec<(NoticeId, Amendment)>, reply: oneshot::Sender<bool> },
    /// Is the store there, and what is to be tried if not?
    Store(oneshot::Sender<Standing>),
    /// An attempt to come back to the disk ended. Words for the duty.
    Attempted { outcome: Result<Found, StoreError>, reply: oneshot::Sender<Result<String, String>> },
    /// What was settled before then is no longer needed in the outbox.
    Forget { before: Timestamp, reply: oneshot::Sender<()> },
    /// How do things stand with yourself?
    Audit(oneshot::Sender<SelfReport>),
}

/// What is wrong in one table, each an expectation of its own for as long as it lasts.
#[derive(Debug, Clone)]
pub(crate) struct Troubles {
    pub(crate) table: &'static str,
    /// Those that are bad, and what is said of them.
    pub(crate) bad: BTreeMap<ExpectationId, String>,
    /// Those that nobody could see: they stay as they were.
    pub(crate) hidden: BTreeSet<ExpectationId>,
    /// What is said of those that have ended.
    pub(crate) well: &'static str,
}

/// How something of the host stands to what was accepted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// They say the same, or it was seen and accepted for the first time.
    Same(String),
    /// They do not: which things, what to do about it, and the difference as a patch.
    Differs { words: String, help: String, patch: String },
    /// Nobody can say.
    Unseen(String),
}

/// How the resident stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelfReport {
    /// Something was due so long ago and is not judged.
    pub(crate) unjudged: Option<Span>,
    /// A page should have been handed out so long ago.
    pub(crate) undispatched: Option<Span>,
    /// Age of the oldest page that nobody was told.
    pub(crate) undelivered: Option<Span>,
    /// What is committed is on disk.
    pub(crate) durable: bool,
}
