//! muster itself: what `muster.toml` declares, and what the ledger knows of it. The command fills it in: only it reads the
//! configuration as every other verb does. No address of a channel and no value of a secret comes here.

use std::collections::BTreeMap;

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// What muster is told on this host, and what it has heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// The file that says so.
    pub file: String,
    /// `[job.NAME]`, in the order of the file.
    pub jobs: Vec<Job>,
    /// `[check.NAME]`, once for each, in the order of the file.
    pub checks: Vec<Check>,
    /// How many checks of kind `heartbeat` there are.
    pub heartbeats: usize,
    /// `[notify.NAME]`, in the order of the file.
    pub channels: Vec<Channel>,
    /// `beat` of `[muster]`: an outside address hears from the agent.
    pub beat: bool,
    /// `[peer.NAME]`.
    pub peers: Vec<String>,
    /// What was heard, by its name on the roll: `job.backup`, `check.shop`, `channel.ops`.
    pub ledger: Fact<BTreeMap<String, Heard>>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `job.backup`.
    pub id: String,
    /// Where its table begins, from 1; none where that is not plain.
    pub line: Option<u32>,
    /// As people read it: `30 2 * * * (UTC)`, `every 15m`.
    pub rhythm: String,
    /// Seconds between its next two due times; none where nobody can say.
    pub period: Option<u64>,
    /// When it is due next, by the file; none where nobody can say.
    pub due: Option<Timestamp>,
    /// Two runs may go on at once: `overlap = "allow"`.
    pub overlaps: bool,
    /// It says what a good run leaves behind: output or a file.
    pub expects: bool,
    /// Seconds after which a run is ended.
    pub timeout: Option<u64>,
    /// What runs it, and when that last changed; only what could be seen.
    pub tools: Vec<Tool>,
}

/// Something that a job needs besides its own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its path, links followed.
    pub path: String,
    /// When it was put there or changed (for a program its `ctime`: packages keep an older time of writing).
    pub changed: Timestamp,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `check.shop`.
    pub id: String,
    /// `http`, `tcp`, `mail`…
    pub kind: String,
    /// What it shows when it is good.
    pub shows: Shows,
}

/// What a good look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// Work was done: a mail arrived, a file is fresh, a row is there, a flow went through.
    Work,
    /// Somebody answers.
    Life,
}

/// A way to tell people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// `channel.ops`.
    pub id: String,
    /// `mail`, `telegram`…
    pub kind: String,
}

/// What the ledger knows of one name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// `new`, `ok`, `pending`, `firing`, `unknown`.
    pub condition: String,
    /// When anything was last heard of it.
    pub last: Option<Timestamp>,
    /// When it last went well.
    pub success: Option<Timestamp>,
    /// Nine of ten of its last successes took less, in milliseconds; none before ten of them.
    pub nine_of_ten: Option<u64>,
    /// How many of its runs go on now.
    pub running: usize,
}

impl Own {
    /// What the ledger knows of a name.
    pub fn heard(&self, id: &str) -> Option<&Heard> {
        self.ledger.known()?.get(id)
    }
}
