//! Locks that matter to jobs: those with somebody waiting, and those that outlived who took them.

use serde::{Deserialize, Serialize};

/// A lock of flock(2) as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its file; none where nobody was seen to have it open.
    pub path: Option<String>,
    /// Who took it.
    pub pid: u32,
    /// Whether that process is still there.
    pub alive: bool,
    /// Who waits for it.
    pub waiters: Vec<u32>,
    /// Who has the file open, by number and name.
    pub holders: Vec<(u32, String)>,
}
