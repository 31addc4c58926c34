//! What a good run of a job leaves behind.

use muster_core::time::Span;

use crate::glob::Glob;

/// What must be seen of a run that is to count as a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The exit codes of success.
    pub exit: Vec<u8>,
    /// Regular expressions that must each match a line of output. All of them compile.
    pub output: Vec<String>,
    /// Regular expressions that may match no line of output. All of them compile.
    pub forbid: Vec<String>,
    /// The file that it writes.
    pub file: Option<ExpectedFile>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { exit: vec![0], output: Vec::new(), forbid: Vec::new(), file: None }
    }
}

/// Files that a run is to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedFile {
    /// Where they are.
    pub glob: Glob,
    /// Which of those that match count.
    pub newer_than: NewerThan,
    /// Least size of each that counts, in bytes.
    pub min_size: Option<u64>,
    /// Largest size of each that counts, in bytes.
    pub max_size: Option<u64>,
    /// How many must count.
    pub min_count: u32,
}

/// The age from which a file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewerThan {
    /// It was modified during the run.
    Start,
    /// It was modified within this time before the end of the run.
    Age(Span),
}
