//! Timers as systemd shows them.

use serde::{Deserialize, Serialize};

/// A timer that systemd has in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timer {
    /// `backup.timer`.
    pub name: String,
    /// `loaded`, `bad-setting`, `masked`…
    pub loaded: String,
    /// `active`, `inactive`, `failed`.
    pub active: String,
    /// It will fire again.
    pub next: bool,
}
