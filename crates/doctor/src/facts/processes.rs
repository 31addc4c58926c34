//! Processes, the groups in which the kernel counts them, and memory.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// What runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Processes {
    /// When the machine was started.
    pub booted: Timestamp,
    /// Processes that are no threads of the kernel, by their number.
    pub running: Vec<Process>,
    /// Control groups of services and containers.
    pub groups: Vec<Group>,
    /// The machine's memory.
    pub memory: Memory,
    /// Processes that the kernel killed for want of memory since the machine was started.
    pub oom_kills: Fact<u64>,
    /// Those of the last seven days, by the log of the kernel: when, and what it says.
    pub oom_log: Fact<Vec<(Timestamp, String)>>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// At most 15 bytes.
    pub name: String,
    /// When it was started.
    pub started: Timestamp,
    /// Whose rights it has.
    pub uid: u32,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Open files and the limit that it may not pass; unknown where we may not look.
    pub files: Fact<(u64, u64)>,
    /// -1000 (never killed for memory) to 1000.
    pub oom_score_adj: i32,
    /// Signals that it has a handler for, or fetches: bit 0 for signal 1.
    pub handled: u64,
    /// Its control group.
    pub group: String,
}

impl Process {
    /// It handles this signal.
    pub fn handles(&self, signal: u32) -> bool {
        signal > 0 && self.handled >> (signal - 1) & 1 == 1
    }
}

/// A control group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its path, such as `/system.slice/api.service`.
    pub path: String,
    /// Most bytes; none without a limit.
    pub memory_max: Option<u64>,
    /// Processes that were killed in it for want of memory.
    pub oom_kills: u64,
    /// Processes and threads in it, and the limit.
    pub tasks: Option<(u64, u64)>,
}

/// The machine's memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// What programs may still take.
    pub available: u64,
    /// Swap.
    pub swap: u64,
}

impl Processes {
    /// The process of this number.
    pub fn of(&self, pid: u32) -> Option<&Process> {
        self.running.iter().find(|process| process.pid == pid)
    }
}
