//! What supervisor and PM2 keep running: programs with their own idea of configuration, beside systemd.

use serde::{Deserialize, Serialize};

use super::Fact;
use super::services::UnitFile;

/// Both, as far as they are here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keepers {
    /// Files of supervisor.
    pub supervisor: Vec<UnitFile>,
    /// PM2, once for each user who has it.
    pub pm2: Vec<Pm2>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// PM2 of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pm2 {
    /// Whose.
    pub user: String,
    /// Its folder, such as `/root/.pm2`.
    pub home: String,
    /// What `pm2 save` wrote; nothing where nobody saved.
    pub saved: Fact<Vec<Pm2Program>>,
    /// Programs that run under it; nothing where only files were read.
    pub running: Fact<Vec<String>>,
    /// A unit that starts it at boot is enabled.
    pub at_boot: bool,
}

/// A program of PM2's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pm2Program {
    /// Its name.
    pub name: String,
    /// Bytes after which PM2 restarts it.
    pub memory_max: Option<u64>,
}
