//! Time, names, upgrades, and mail that waits.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// What a host as a whole depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// Who keeps the clock, and whether it does; nothing where the clock is another host's.
    pub clock: Fact<Clock>,
    /// The zone that `/etc/localtime` leads to.
    pub zone: Option<String>,
    /// What `/etc/timezone` says.
    pub zone_file: Option<String>,
    /// Where names are asked for.
    pub resolver: Fact<Resolver>,
    /// Since when a restart is asked for, and for which packages; nothing where none is.
    pub restart: Fact<(Timestamp, Vec<String>)>,
    /// Upgrades that come by themselves; nothing where nobody asked for them.
    pub upgrades: Fact<Upgrades>,
}

/// Who keeps the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The program; none: nobody does.
    pub keeper: Option<String>,
    /// It has set the clock by others; unknown where it was not asked.
    pub set: Fact<bool>,
    /// Seconds since the host was started.
    pub uptime: u64,
}

/// `/etc/resolv.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolver {
    /// What it says, if it is a symbolic link.
    pub link: Option<String>,
    /// The file is there, links followed.
    pub is_there: bool,
    /// Name servers with their line.
    pub servers: Vec<(u32, String)>,
    /// Whom the resolver of this host asks, where it is one of systemd's.
    pub behind: Option<Vec<String>>,
}

/// Upgrades that come by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrades {
    /// The file and line that ask for them.
    pub asked: (String, u32),
    /// The program that does them is there.
    pub is_installed: bool,
    /// When they last began, by their log.
    pub last: Option<Timestamp>,
    /// Errors of the last time: line of the log, text.
    pub errors: Vec<(u32, String)>,
}

/// Mail that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The program whose queue it is.
    pub program: String,
    /// The folder.
    pub folder: String,
    /// How many messages.
    pub waiting: usize,
    /// More than are counted.
    pub more: bool,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
    /// How long they are tried, in days.
    pub given_up_after: u32,
}
