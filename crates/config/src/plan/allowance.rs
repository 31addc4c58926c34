//! What the whole tree of a run may use.

/// What the whole tree of a run may use. None: as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Processor time per second, in thousandths of one processor.
    pub cpu: Option<u32>,
    /// Processes and threads at the same time.
    pub pids: Option<u32>,
}
