//! How much of logs stays: by age, by count, by the blocks that they occupy together, and by what is left of the disk.

use muster_core::time::Span;

/// How much of logs stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Longest time since the end of a run.
    pub age: Span,
    /// Logs of one job.
    pub per_job: u32,
    /// Bytes on disk of all logs together.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { age: Span::days(90), per_job: 1000, bytes: 1 << 30 }
    }
}

/// Largest size of one log in bytes, however much is kept.
const ONE_AT_MOST: u64 = 16 << 20;
/// Smallest limit of one log in bytes, however little is kept.
const ONE_AT_LEAST: u64 = 512 << 10;

/// The limits of one log, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// All of it.
    pub(super) whole: u64,
    /// Once the file has this much, lines stay in memory.
    pub(super) head: u64,
    /// What is kept in memory and written at the end.
    pub(super) end: usize,
}

impl Bounds {
    /// What one log may take: a sixteenth, so that one job cannot have it all, and at most 16 MiB.
    pub(super) fn share(&self) -> Share {
        let whole = (self.bytes / 16).clamp(ONE_AT_LEAST, ONE_AT_MOST);
        let end = whole / 16;
        // What was read together may exceed the head by a little, and muster's words come at the end.
        let room = (whole / 4).min(256 << 10);
        Share { whole, head: whole - end - room, end: usize::try_from(end).unwrap_or(0) }
    }
}

/// Free space that logs leave to others, in bytes: a twentieth of the file system, and at most 256 MiB. Where there is
/// less, logs shrink.
pub(super) fn floor(file_system: u64) -> u64 {
    (file_system / 20).min(256 << 20)
}
