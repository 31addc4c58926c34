//! What can be heard.
//!
//! A signal says who, what and when, with evidence. People's acts (acknowledge, pause) are signals too, so that one
//! log tells the whole story.

use serde::{Deserialize, Serialize};

use crate::expectation::Level;
use crate::ids::{ExpectationId, RunId, SignalId};
use crate::time::{Span, Timestamp};

/// Longest tail of output that a signal carries, in bytes.
pub const TAIL_LIMIT: usize = 4096;

/// One report about one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Unique; the second hearing of an id is ignored.
    pub id: SignalId,
    /// Whom it is about.
    pub about: ExpectationId,
    /// When it happened, by the sender's clock.
    pub at: Timestamp,
    /// Which run, where the sender has runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What happened.
    pub report: Report,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// A run began.
    Start {
        /// The process that watches the run, so that its death can be noticed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<ProcessMark>,
    },
    /// It happened and went well. Ends the run if there is one.
    Success(Outcome),
    /// It went wrong. Ends the run if there is one.
    Failure(Outcome),
    /// It was started and gave way, usually to a run that still held the lock. Not a success.
    Skip {
        /// The run in whose favour it gave way, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<RunId>,
        /// Why, in words.
        why: String,
    },
    /// It was looked at and nobody could see.
    Unseen {
        /// Why not.
        why: String,
    },
    /// A long run is still well; its deadline starts again.
    Alive,
    /// A channel took as many messages within a day as it takes.
    Spent {
        /// How many it took.
        used: u32,
        /// How many it takes.
        quota: u32,
    },
    /// Words for the record; no change of state.
    Log {
        /// At most [`TAIL_LIMIT`] bytes.
        text: String,
    },
    /// A person has seen the incident; reminders stop until then.
    Acknowledge {
        /// Who.
        by: String,
        /// The acknowledgement ends here and people are asked again.
        until: Timestamp,
    },
    /// Pages about it are held back until then; it is still watched. There is always an end.
    Pause {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Mandatory end.
        until: Timestamp,
    },
    /// The pause ends now.
    Resume {
        /// Who.
        by: String,
    },
}

/// Identifies a process beyond the reuse of its number: number, start time and boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMark {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub started: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
}

/// How it ended, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Why it counts as it does.
    pub ending: Ending,
    /// From start to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// User plus system time of the whole tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Span>,
    /// Largest resident set of one process of the tree, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// The last output, at most [`TAIL_LIMIT`] bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// Path of the whole log on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Name of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What else a person should know: processes left behind, a log that could not be written. A sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What it wrote to both streams, in bytes; none where nobody counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// What it left behind, where `expect.file` says what that should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefact: Option<Artefact>,
    /// What was expected of it and not seen, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    /// How loud it is at most, where only lesser things are unmet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The attempts before the last one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// How long the last one took, where there were some before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt: Option<Span>,
    /// The limits that were in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// Files that a run left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// How many.
    pub files: u32,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

/// One try of a run that was tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub duration: Span,
    /// How it ended.
    pub ending: Ending,
}

/// The limits of a run, and who kept them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Who kept them.
    pub by: Enforcement,
    /// Memory of the whole tree, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Processor time per second, in thousandths of one processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Processes and threads at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

/// Who keeps the limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// A control group of version 2 that was handed to us.
    CgroupV2,
    /// A control group of version 1.
    CgroupV1,
    /// A transient scope of systemd.
    SystemdScope,
    /// Limits of each process (setrlimit(2)), and a look at the whole tree from time to time.
    Rlimit,
}

impl Outcome {
    /// An outcome with nothing but its ending.
    pub fn bare(ending: Ending) -> Self {
        Self {
            ending,
            duration: None,
            cpu: None,
            peak_memory: None,
            tail: String::new(),
            log: None,
            host: None,
            notes: Vec::new(),
            output: None,
            artefact: None,
            unmet: Vec::new(),
            level: None,
            attempts: Vec::new(),
            last_attempt: None,
            limits: None,
        }
    }

    /// How long the work itself took: without the attempts that failed before, and the waits between.
    pub fn worked(&self) -> Option<Span> {
        self.last_attempt.or(self.duration)
    }
}

/// The way something ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The process exited with this code.
    Exit {
        /// 0 to 255.
        code: u8,
    },
    /// A signal killed the process.
    Killed {
        /// Signal number, as in signal(7).
        signal: u8,
        /// A core was dumped.
        core: bool,
    },
    /// The kernel killed it for memory.
    OutOfMemory {
        /// The limit that was hit in bytes, where one was in force.
        limit: Option<u64>,
    },
    /// muster ended it because it ran past its hard limit.
    TimedOut {
        /// The limit.
        limit: Span,
    },
    /// The command could not be started.
    NotStarted {
        /// The system's words.
        error: String,
    },
    /// The lock did not become free in time.
    LockTimeout {
        /// How long it waited.
        waited: Span,
    },
    /// The run began, and whoever watched it is gone without a word.
    Lost {
        /// What was seen instead.
        why: String,
    },
    /// A report without a process behind it: a ping, a duty, a delivery.
    Reported {
        /// The sender's words, if any.
        words: String,
    },
}
