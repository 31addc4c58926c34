//! Log files, who writes to them, and the journal.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// Logs of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Logs {
    /// Files below the places where logs are.
    pub files: Vec<LogFile>,
    /// Folders of logs.
    pub folders: Vec<LogFolder>,
    /// What `tmpfiles.d` cleans by age: paths as written there.
    pub cleaned: Vec<String>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// Its path.
    pub path: String,
    /// Bytes on the disk.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
    /// When it was made, where the file system remembers.
    pub created: Option<Timestamp>,
    /// Who owns it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// A folder of logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFolder {
    /// Its path.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Who owns it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Files in it.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// When the oldest of them was last written.
    pub oldest: Option<Timestamp>,
}

/// A file that a process holds open for writing, and that is a log or has no name any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFile {
    /// Its path.
    pub path: String,
    /// The process.
    pub pid: u32,
    /// What the kernel calls it.
    pub program: String,
    /// The file was removed.
    pub deleted: bool,
    /// Each write goes to its end (`O_APPEND`).
    pub appends: bool,
    /// Bytes on the disk.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

/// The journal's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Settings of `[Journal]`, the last word on each, with where it was said.
    pub settings: Vec<(String, String, String)>,
    /// `/var/log/journal` is there.
    pub folder: bool,
    /// A syslog daemon writes what the journal hears to files.
    pub syslog: bool,
}

impl Journal {
    /// What a setting is, and where it was said.
    pub fn setting(&self, name: &str) -> Option<(&str, &str)> {
        let found = self.settings.iter().find(|(key, ..)| key == name);
        found.map(|(_, value, file)| (value.as_str(), file.as_str()))
    }
}

/// How much a log grows in a day, from its age and its size; none where its age is not known or below an hour.
pub fn daily(file: &LogFile, at: Timestamp) -> Option<u64> {
    let hours = at.since(file.created?).as_millis() / 3_600_000;
    (hours > 0).then(|| file.size.saturating_mul(24) / hours)
}

/// Open files, or why nobody looked.
pub type OpenFiles = Fact<Vec<OpenFile>>;
