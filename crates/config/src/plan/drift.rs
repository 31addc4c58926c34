//! What `[drift]` says.

use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::glob::Glob;

/// What is held against its accepted state, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftPlan {
    /// The items, in the order of the file.
    pub watch: Vec<WatchItem>,
    /// From one look to the next.
    pub every: Span,
}

/// One thing that is held against its accepted state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchItem {
    /// Its name on the roll: `drift.etc-nginx`.
    pub id: ExpectationId,
    /// As it is written.
    pub text: String,
    /// What it is.
    pub what: Watch,
}

/// What can be held against an accepted state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// A file, or a folder with all below it, by an absolute path.
    Path(String),
    /// All files and folders that match, each folder with all below it.
    Glob(Glob),
    /// Everything that cron reads.
    Crontabs,
    /// The rules of the packet filters, and the files that they are made of.
    Firewall,
    /// The files that the SSH server reads.
    Sshd,
    /// The names of the keys in all files that match, never their values.
    Keys(Glob),
}
