//! The seam: what every engine must do, and the words for what goes in, comes out and goes wrong.

use std::collections::{BTreeMap, HashSet};

use muster_core::effect::{SlotClosed, Transition};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::look::{Look, Tally, Trace};
use muster_core::notice::{Amendment, Notice, NoticeId};
use muster_core::outbox::Entry;
use muster_core::signal::Signal;
use muster_core::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::brief::Brief;
use crate::credential::Credential;
use crate::history::{Cursor, Listed, Run};
use crate::keep::{Keep, Pruned};
use crate::mailing::Mailing;

/// Everything of one step of the roll call. It is written in one transaction, or not at all.
///
/// Writing the same commit twice is harmless: signals are known by id, slots by expectation and due time, outbox
/// entries by key, rows by expectation, notes by name, looks by check and their times, traces by check and beginning,
/// and what an amendment says of a notice is said once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    /// What was heard. An id that is already known is ignored, and changes no run.
    pub signals: Vec<Signal>,
    /// Changed rows of the roll call, as JSON text.
    pub rows: Vec<(ExpectationId, String)>,
    /// Expectations that are no longer on the roll; their history stays until it is pruned.
    pub removed: Vec<ExpectationId>,
    /// Changes of condition.
    pub transitions: Vec<Transition>,
    /// Slots that reached their verdict.
    pub slots: Vec<SlotClosed>,
    /// Outbox entries that are new or changed.
    pub outbox: Vec<Entry>,
    /// Keys of entries that the outbox needs no more: they stay in the history, and are not loaded again.
    pub forgotten: Vec<String>,
    /// Small texts that the agent keeps under a name; a later one replaces an earlier one.
    pub notes: Vec<(String, String)>,
    /// What checks saw. A look whose times are those of another look of the same check is ignored.
    pub looks: Vec<Look>,
    /// Looks that went badly, in full.
    pub traces: Vec<Trace>,
    /// What happened to notices, in order.
    pub amendments: Vec<(NoticeId, Amendment)>,
    /// How far time had come.
    pub watermark: Option<Watermark>,
}

impl Commit {
    /// True if there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How far time had come at a commit, by both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Wall time.
    pub wall: Timestamp,
    /// Time since boot.
    pub uptime: Span,
    /// Which boot `uptime` belongs to.
    pub boot: String,
}

/// What a start needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// All rows of the roll call, as JSON text, ordered by expectation.
    pub rows: Vec<(ExpectationId, String)>,
    /// Outbox entries that were not forgotten, oldest first: those that wait, and those that say who was told of what
    /// and must hear its end.
    pub outbox: Vec<Entry>,
    /// The notes by name.
    pub notes: BTreeMap<String, String>,
    /// The last watermark.
    pub watermark: Option<Watermark>,
    /// What was there and could not be read, a sentence each. Never dropped in silence.
    pub unreadable: Vec<String>,
}

/// What a UTC day of a check came to: which check, when the day began, the slots that were due on it.
pub type DayTally = (ExpectationId, Timestamp, Tally);

/// Most notices in one answer.
pub const NOTICE_LIMIT: usize = 500;

/// How an engine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `sqlite` or `memory`.
    pub engine: String,
    /// What is committed survives the process and the power.
    pub durable: bool,
    /// Why the last write failed, if it did.
    pub fault: Option<String>,
    /// Bytes in use.
    pub bytes: u64,
    /// What was met since the start and could not be read, a sentence each; what lay beside it was read all the same.
    pub unreadable: Vec<String>,
}

/// Why the store could not do it. Nothing of the commit was written (or, after [`StoreError::Unavailable`] by
/// time-out, perhaps all of it: writing it again is harmless).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the share of it that the store may use, is full.
    #[error("no room left for the store: {0}")]
    Full(String),
    /// Somebody else holds the database.
    #[error("another process holds the store: {0}")]
    Locked(String),
    /// The file is not what was written.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// Written by a newer muster.
    #[error("the store has schema {found}, and this version knows {known}")]
    TooNew {
        /// Schema of the file.
        found: i64,
        /// Newest schema of this version.
        known: i64,
    },
    /// Anything else: read-only, no permission, input/output error, no answer in time.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
}

impl StoreError {
    /// Stable code, as shown on screens.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "M0301",
            Self::Locked(_) => "M0302",
            Self::Corrupt(_) => "M0303",
            Self::TooNew { .. } => "M0304",
            Self::Unavailable(_) => "M0305",
        }
    }

    /// What a person can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Full(_) => "free space on the disk of the state directory (`df -h`), or lower `keep`",
            Self::Locked(_) => "see who holds it: `fuser -v muster.db`; stop the second muster",
            Self::Corrupt(_) => "restart muster: it moves the damaged file aside and begins a new one",
            Self::TooNew { .. } => "start the newer muster again, or move muster.db aside",
            Self::Unavailable(_) => "check the state directory: `ls -ld`, `mount`, `dmesg | tail`",
        }
    }
}

/// Called with what became of a commit.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What is remembered. Blocking: call it from a thread that may wait.
///
/// Pages are newest first; `before` is the cursor of the page before; `limit` is cut at
/// [`crate::history::PAGE_LIMIT`].
pub trait Store: Mailing {
    /// Writes one step. Returns once it is durable.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written then.
    fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// As [`Store::commit`], without waiting: `done` is called once, on a thread of the engine, as soon as it is
    /// durable or has failed. An engine without threads calls it before this returns.
    fn submit(&self, commit: Commit, done: Done) {
        done(self.commit(commit));
    }

    /// What a start needs.
    ///
    /// # Errors
    /// [`StoreError`] when nothing at all can be read.
    fn load(&self) -> Result<Loaded, StoreError>;

    /// Which of these signals were committed before.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn known(&self, ids: &[SignalId]) -> Result<HashSet<SignalId>, StoreError>;

    /// Changes of condition of one expectation, or of all.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn transitions(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Transition>, StoreError>;

    /// Runs of one expectation, or of all, by their start.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn runs(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Run>, StoreError>;

    /// One run. Ids are only unique within an expectation: senders of pings choose their own.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn run(&self, about: &ExpectationId, id: &RunId) -> Result<Option<Run>, StoreError>;

    /// Runs that have begun and not ended, oldest first, at most [`crate::history::PAGE_LIMIT`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn open_runs(&self) -> Result<Vec<Run>, StoreError>;

    /// Verdicts on the slots that were due at or after `since`, oldest first; the newest
    /// [`crate::history::SLOT_LIMIT`] if there are more.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn slots(&self, about: &ExpectationId, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError>;

    /// The slots of one expectation by the UTC day on which they were due, since that of `since`, oldest first. Here a
    /// slot that was missed counts as failed, because it was for others to fill, and one that gave way as missed.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn slot_days(
        &self,
        about: &ExpectationId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Tally)>, StoreError>;

    /// The notices that go on, and those that ended at or after `since`, newest beginning first, at most
    /// [`NOTICE_LIMIT`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn notices(&self, since: Timestamp) -> Result<Vec<Notice>, StoreError>;

    /// One notice.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn notice(&self, id: &NoticeId) -> Result<Option<Notice>, StoreError>;

    /// Runs of one expectation, or of all, that began at or after `since`, in brief, newest first, at most `limit` and
    /// [`crate::brief::BRIEF_LIMIT`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn briefs(
        &self,
        about: Option<&ExpectationId>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Brief>, StoreError>;

    /// The slots of all expectations that were due at or after `since` and ended as missed or unknown, newest first, at
    /// most [`crate::brief::GAP_LIMIT`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn gaps(&self, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError>;

    /// Looks of one check that began, or had a slot that was due, at or after `since`, oldest first; the newest `limit`
    /// if there are more, and never more than [`crate::looks::LOOK_LIMIT`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn looks(&self, about: &ExpectationId, since: Timestamp, limit: usize) -> Result<Vec<Look>, StoreError>;

    /// The tallies of one check, or of all, for each UTC day since that of `since`, today included, by check and then
    /// by day. A row of slots counts on the days on which they were due.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn tallies(&self, about: Option<&ExpectationId>, since: Timestamp) -> Result<Vec<DayTally>, StoreError>;

    /// The last slot of each check that has a verdict. It outlives the looks: it goes once the check is off the roll
    /// and nothing was seen of it for [`Keep::age`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn last_slots(&self) -> Result<BTreeMap<ExpectationId, Timestamp>, StoreError>;

    /// The newest traces of one check, newest first, at most `limit` and [`crate::looks::TRACES`].
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn traces(&self, about: &ExpectationId, limit: usize) -> Result<Vec<Trace>, StoreError>;

    /// What was heard about one expectation, or about all.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn signals(
        &self,
        about: Option<&ExpectationId>,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<Listed<Signal>, StoreError>;

    /// Outbox entries in every state, by the time they were put in.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn deliveries(&self, before: Option<Cursor>, limit: usize) -> Result<Listed<Entry>, StoreError>;

    /// Adds or replaces a credential by its digest.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn put_credential(&self, credential: &Credential) -> Result<(), StoreError>;

    /// The credential with this digest, expired or not.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn credential(&self, digest: &str) -> Result<Option<Credential>, StoreError>;

    /// All credentials, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn credentials(&self) -> Result<Vec<Credential>, StoreError>;

    /// Marks a credential as used at `now` and returns it, if it was never used and has not expired. Of two callers at
    /// the same moment one gets it: this is what makes a link a one-time link.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn spend_credential(&self, digest: &str, now: Timestamp) -> Result<Option<Credential>, StoreError>;

    /// Forgets a credential; true if it was there.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn drop_credential(&self, digest: &str) -> Result<bool, StoreError>;

    /// Deletes what is too old or too much, oldest first, a bounded number of rows at a time. Rows of the roll, runs
    /// that go on, entries that wait and the last transition of each expectation are never deleted. Looks of hours that
    /// are over are packed closer here, so it should be called once an hour at least, and again while there is more.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    fn prune(&self, keep: &Keep, now: Timestamp) -> Result<Pruned, StoreError>;

    /// Bytes in use.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    fn size(&self) -> Result<u64, StoreError>;

    /// How the engine is. Never blocks for long, never fails.
    fn health(&self) -> Health;
}
