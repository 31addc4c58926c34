//! One interval of one job, and how long a job usually takes.

use serde::Serialize;

use crate::ids::ExpectationId;
use crate::time::{Span, Timestamp};

/// Fewest runs from which a length is called usual.
pub const FEWEST: usize = 3;

/// One interval in which a job ran, or will run.
#[derive(Debug, Clone, PartialEq)]
pub struct Stint {
    /// Whose.
    pub job: ExpectationId,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; for a run that goes on, now.
    pub until: Timestamp,
    /// It ended well, so its length says something about the job.
    pub well: bool,
    /// Its peak memory in bytes, where known.
    pub peak_memory: Option<u64>,
}

impl Stint {
    /// How long it is.
    pub fn length(&self) -> Span {
        self.until.since(self.from)
    }
}

/// How long a job usually takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// Half of its runs take at most this.
    pub median: Span,
    /// 19 of 20 runs take at most this.
    pub upper: Span,
    /// From how many runs.
    pub runs: usize,
}

impl Lengths {
    /// From measured lengths, in any order; none for fewer than [`FEWEST`].
    pub fn of(measured: &[Span]) -> Option<Self> {
        if measured.len() < FEWEST {
            return None;
        }
        let mut sorted = measured.to_vec();
        sorted.sort_unstable();
        Some(Self { median: quantile(&sorted, 50), upper: quantile(&sorted, 95), runs: sorted.len() })
    }
}

/// The value that `percent` of sorted lengths do not exceed (nearest rank); zero for none.
pub(super) fn quantile(sorted: &[Span], percent: usize) -> Span {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(Span::ZERO)
}
