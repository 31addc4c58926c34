//! What the roll call decided, as data. The agent carries it out and stores it in the transaction of the state.

use serde::{Deserialize, Serialize};

use crate::expectation::{Hearing, Level};
use crate::ids::{ChannelName, ExpectationId, IncidentId, RunId};
use crate::signal::Outcome;
use crate::time::{Span, Timestamp};
use crate::usual::{Measure, Usual};

/// One decision.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a decision lives for one step and few are alive at a time")]
pub enum Effect {
    /// Tell people.
    Page(Page),
    /// The state of an expectation changed; a line of its history.
    Transition(Transition),
    /// A planned slot reached its one and only verdict.
    Slot(SlotClosed),
}

/// One message to people. `incident` and `number` together are unique for ever and make the idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Which incident it belongs to.
    pub incident: IncidentId,
    /// 0, 1, 2… within the incident.
    pub number: u32,
    /// Whom it is about.
    pub about: ExpectationId,
    /// What it says.
    pub news: News,
    /// To whom it goes.
    pub to: Vec<ChannelName>,
    /// When it was decided.
    pub at: Timestamp,
    /// What it may have in common with other pages of the same moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// The evidence at hand: the failed run's outcome, if a run is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Outcome>,
}

/// What may be behind several pages of the same moment. That two things failed on one host is no cause in common: each
/// has a story of its own, and its page the last lines of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// They depend on the same one.
    Parent(ExpectationId),
    /// They are about the same host.
    Target(String),
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// Bad news, told for the first time.
    Opened {
        /// When it began.
        since: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Still bad.
    Reminder {
        /// When it began.
        since: Timestamp,
        /// Why.
        reason: Reason,
        /// 1 for the first reminder.
        nth: u32,
    },
    /// The acknowledgement ran out and it is still bad.
    AcknowledgementExpired {
        /// When it began.
        since: Timestamp,
        /// Why.
        reason: Reason,
        /// Who had acknowledged it.
        by: String,
    },
    /// Nobody has answered: the next step of the escalation.
    Escalated {
        /// When it began.
        since: Timestamp,
        /// Why.
        reason: Reason,
        /// Which step; the first page was step 1.
        step: u32,
        /// How many there are.
        of: u32,
        /// How long nobody has answered.
        unanswered: Span,
    },
    /// It goes to and fro: one page for all of it until it is quiet.
    Flapping {
        /// When the present incident began.
        since: Timestamp,
        /// The last reason.
        reason: Reason,
        /// How often it went bad within `window`.
        times: u32,
        /// The time looked at.
        window: Span,
    },
    /// It is over.
    Resolved {
        /// When it began.
        since: Timestamp,
        /// When it ended.
        until: Timestamp,
        /// What had been wrong.
        reason: Reason,
    },
    /// It is no longer expected at all (removed from the configuration), which also ends the incident.
    Withdrawn {
        /// When it began.
        since: Timestamp,
        /// What had been wrong.
        reason: Reason,
    },
    /// Somebody asked for a test of the channel.
    Test {
        /// Who.
        by: String,
    },
}

impl News {
    /// True for the page that ends an incident.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Resolved { .. } | Self::Withdrawn { .. })
    }
}

/// Why something is bad news.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It ran (or reported) and went wrong; the outcome is the page's evidence.
    Failed {
        /// Consecutive failures so far.
        times: u32,
    },
    /// It went wrong too often, with good ones in between; the last outcome is the page's evidence.
    Often {
        /// How many were bad.
        bad: u32,
        /// Of how many.
        of: u32,
        /// What they were: looks, runs or reports.
        hearing: Hearing,
    },
    /// It was due and did not begin.
    Missed {
        /// When it was due.
        due: Timestamp,
        /// When it was last heard at all.
        last_heard: Option<Timestamp>,
    },
    /// It never reported since it was registered.
    NeverReported {
        /// When it was registered.
        registered: Timestamp,
    },
    /// A run is still going past its limit.
    TooLong {
        /// The run.
        run: Option<RunId>,
        /// When it began.
        started: Timestamp,
        /// The limit.
        limit: Span,
    },
    /// It "succeeded" too fast to have done its work.
    TooShort {
        /// How long it took.
        took: Span,
        /// The least it takes.
        least: Span,
    },
    /// It went well, or still goes on, and is unlike itself.
    Odd {
        /// The run.
        run: Option<RunId>,
        /// What is unlike itself.
        measure: Measure,
        /// What it is: milliseconds or bytes.
        observed: u64,
        /// What it usually is.
        usual: Usual,
        /// The run still goes on, and this is what it came to so far.
        running: bool,
    },
    /// It gave way too often in a row.
    Skipped {
        /// How often.
        times: u32,
        /// The last reason given.
        why: String,
    },
    /// No success for too long.
    NoSuccess {
        /// The last one, if there ever was one.
        last: Option<Timestamp>,
        /// The longest allowed time between two.
        every: Span,
    },
    /// Its schedule cannot be computed, so nobody knows when it is due.
    Unschedulable {
        /// The schedule as written.
        schedule: String,
        /// What went wrong.
        error: String,
    },
    /// A channel took as many messages within a day as it takes.
    Spent {
        /// How many it took.
        used: u32,
        /// How many it takes.
        quota: u32,
    },
    /// muster itself could not see, twice in a row, whether it happened.
    Unseen {
        /// Since when.
        since: Timestamp,
        /// Why not.
        why: String,
    },
}

impl Reason {
    /// One word for the sort of it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "failed",
            Self::Often { .. } => "often bad",
            Self::Missed { .. } => "missed",
            Self::NeverReported { .. } => "never reported",
            Self::TooLong { .. } => "too long",
            Self::TooShort { .. } => "too short",
            Self::Odd { .. } => "odd",
            Self::Skipped { .. } => "skipped",
            Self::NoSuccess { .. } => "no success",
            Self::Unschedulable { .. } => "unschedulable",
            Self::Spent { .. } => "spent",
            Self::Unseen { .. } => "unseen",
        }
    }
}

/// The condition of an expectation, as shown and stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Registered and not heard yet.
    New,
    /// As it should be.
    Ok,
    /// Bad verdicts, not yet enough of them.
    Pending {
        /// How many so far.
        failures: u32,
        /// The last one.
        reason: Reason,
    },
    /// Bad, and people are told (or the reason why not is here).
    Firing {
        /// The incident.
        incident: IncidentId,
        /// The last reason.
        reason: Reason,
        /// How loud.
        level: Level,
    },
    /// Nobody can say: the watcher could not see.
    Unknown {
        /// Why not.
        why: String,
    },
}

impl Condition {
    /// One word for screens, tables and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ok => "ok",
            Self::Pending { .. } => "pending",
            Self::Firing { .. } => "firing",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// One change of condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Whose.
    pub about: ExpectationId,
    /// When.
    pub at: Timestamp,
    /// From.
    pub from: Condition,
    /// To.
    pub to: Condition,
}

/// The verdict on one planned slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotClosed {
    /// Whose.
    pub about: ExpectationId,
    /// When it was due. With `about` it is unique.
    pub due: Timestamp,
    /// When the verdict fell.
    pub at: Timestamp,
    /// The run that filled it, if any.
    pub run: Option<RunId>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Every planned slot ends as exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It happened and went well.
    Ok,
    /// It happened and went wrong.
    Failed,
    /// It gave way.
    Skipped,
    /// It did not happen.
    Missed,
    /// Nobody could see.
    Unknown,
}
