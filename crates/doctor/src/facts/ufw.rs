//! What ufw and Docker are told about packets, by their files.

use serde::{Deserialize, Serialize};

/// The settings of ufw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ufw {
    /// `ENABLED=yes` in `/etc/ufw/ufw.conf`: it is to be loaded at boot.
    pub enabled: bool,
    /// `MANAGE_BUILTINS=yes`: a reload empties chains of others.
    pub manages_builtins: bool,
    /// `DEFAULT_FORWARD_POLICY`.
    pub forward: String,
    /// The line of `/etc/default/ufw` that says so.
    #[serde(default)]
    pub forward_line: Option<u32>,
}
