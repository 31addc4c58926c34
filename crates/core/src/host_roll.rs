//! What a host is found to do by itself: schedules, units, disks, memory, and what could not be seen. Types only;
//! the host's floor fills them in.

use serde::{Deserialize, Serialize};

use crate::ids::ExpectationId;
use crate::time::Span;

/// What was found on one host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HostRoll {
    /// Host name.
    pub name: String,
    /// IANA name of the host's time zone, where it could be read.
    #[serde(default)]
    pub zone: Option<String>,
    /// Everything that is scheduled, wrapped or not.
    pub scheduled: Vec<Scheduled>,
    /// Every systemd timer, and when it starts something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<Timer>,
    /// systemd units that have failed or keep restarting.
    pub failed_units: Vec<FailedUnit>,
    /// Mounted file systems with a disk behind them.
    pub disks: Vec<Disk>,
    /// Memory, if `/proc/meminfo` could be read.
    pub memory: Option<Memory>,
    /// What could not be seen, and why. Never empty in silence: an unreadable source is listed here.
    pub unseen: Vec<Unseen>,
}

/// One thing that the host starts by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    /// A short name, made from the command; unique on this host and fit for `[job.NAME]`.
    pub name: String,
    /// Who starts it.
    pub by: Starter,
    /// File and line, or the unit's name.
    pub source: String,
    /// The schedule as written there: a cron expression, `@daily`, or a timer's `OnCalendar`.
    pub schedule: String,
    /// The same as five cron fields, where it can be said so.
    pub cron: Option<String>,
    /// Whose rights it has.
    pub user: String,
    /// The command as written, at most 400 bytes, with what looks like a secret blotted out.
    pub command: String,
    /// The expectation that covers it, if it is wrapped with `muster run`.
    pub covered: Option<ExpectationId>,
    /// What is odd about it, a sentence each (a missing script, a line that cron ignores).
    pub odd: Vec<String>,
}

/// Who starts something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starter {
    /// A user's or the system's crontab, or a file in `/etc/cron.d`.
    Cron,
    /// A script in `/etc/cron.{hourly,daily,weekly,monthly}`.
    RunParts,
    /// A systemd timer.
    Timer,
    /// anacron.
    Anacron,
}

/// A systemd timer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Unit name.
    pub name: String,
    /// When it starts something; else why nobody can say, and what to do about it.
    pub rhythm: Result<TimerRhythm, String>,
    /// By how much systemd may start it late.
    pub delay: Span,
}

/// When a timer starts something, as far as cron or a period can say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerRhythm {
    /// At the instants of a cron expression.
    Cron {
        /// Its five fields.
        fields: String,
        /// The IANA zone that the timer names; else it goes by that of the host.
        zone: Option<String>,
    },
    /// So long after its last start.
    Every(Span),
}

/// A systemd unit in trouble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedUnit {
    /// Unit name.
    pub name: String,
    /// systemd's words: `failed (Result: exit-code)`.
    pub state: String,
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// Where it is mounted.
    pub mount: String,
    /// Size in bytes.
    pub size: u64,
    /// Bytes that an ordinary user may still write (`f_bavail`).
    pub available: u64,
    /// Share of inodes in use, 0 to 1; none where the file system has no fixed number.
    pub inodes_used: Option<f64>,
}

/// Memory of the host in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// `MemTotal`.
    pub total: u64,
    /// `MemAvailable`.
    pub available: u64,
    /// `SwapTotal`.
    pub swap_total: u64,
    /// `SwapFree`.
    pub swap_free: u64,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// What: `/var/spool/cron/crontabs`.
    pub what: String,
    /// Why: `permission denied; run as root to see other users' crontabs`.
    pub why: String,
}
