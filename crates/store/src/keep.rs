//! How much is kept.

use muster_core::time::Span;

/// Bounds of what is kept. Both hold: what is older goes, and what is too much goes, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Oldest history.
    pub age: Span,
    /// Oldest single looks; of what is older only the tallies of whole days are kept, up to `age`.
    pub looks: Span,
    /// Most bytes in use. The file itself may never grow past [`Keep::hard_cap`].
    pub bytes: u64,
}

impl Default for Keep {
    /// 90 days, single looks 7 days, 256 MiB.
    fn default() -> Self {
        Self { age: Span::days(90), looks: Span::days(7), bytes: 256 << 20 }
    }
}

impl Keep {
    /// The size that the database file may never exceed, in bytes: room to prune in, beyond `bytes`.
    pub fn hard_cap(&self) -> u64 {
        self.bytes.saturating_add(self.bytes / 4).saturating_add(1 << 20)
    }
}

/// What one call of pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Rows deleted.
    pub rows: u64,
    /// Bytes in use before.
    pub before: u64,
    /// Bytes in use after.
    pub after: u64,
    /// There is more to delete: call again soon.
    pub more: bool,
}
