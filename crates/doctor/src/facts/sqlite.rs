//! Files of SQLite, by their first bytes; no row is read.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// A file of SQLite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sqlite {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
    /// It keeps a log beside it (`journal_mode = wal`), by its own first bytes.
    pub wal: Fact<bool>,
    /// Bytes of that log; none where there is none.
    pub log: Option<u64>,
    /// Programs that have it open for writing: process and name.
    pub writers: Vec<(u32, String)>,
}
