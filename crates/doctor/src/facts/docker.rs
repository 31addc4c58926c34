//! What Docker itself is told.

use serde::{Deserialize, Serialize};

/// The settings of Docker that decide about packets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docker {
    /// Where it is told to leave the packet filter alone: file, line, what stands there.
    pub hands_off: Option<(String, u32, String)>,
}
