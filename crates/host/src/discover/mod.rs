//! What this host starts by itself, and how it stands: read, never changed, within bounds.
//!
//! Each source is read by its own module and put on one [`HostRoll`](muster_core::host_roll::HostRoll). What cannot be
//! seen is listed as unseen with the reason. What is there but will not run (a file name that cron ignores, a line
//! without its newline) is listed as scheduled with `cron: None` and the reason among what is `odd` about it. Whether a
//! schedule is good, and what to do about it, is decided elsewhere.
//!
//! | module | holds |
//! |---|---|
//! | `survey` | [`discover`]: the order of things, the bounds, the names |
//! | [`crontab`] | the text of one crontab, and of one anacrontab |
//! | `cron` | `/etc/crontab`, `/etc/cron.d`, users' crontabs |
//! | `run_parts` | `/etc/cron.{hourly,daily,weekly,monthly,yearly}` and anacron, which runs them too |
//! | `systemd` | timers and units in trouble |
//! | `timer` | when a timer starts something, as cron or a period |
//! | `calendar` | systemd's calendar times as cron fields |
//! | `disks` | mounted file systems, memory |
//! | [`command`] | what a command line runs: its name, its script, whether `muster run` covers it |
//! | `idle` | commands that end well and do nothing |
//! | [`blot`] | commands without their secrets |
//! | [`ask`] | another program's answer within a deadline |

pub mod ask;
pub mod blot;
mod calendar;
pub mod command;
mod cron;
pub mod crontab;
mod disks;
mod idle;
pub(crate) mod run_parts;
mod survey;
mod systemd;
#[cfg(test)]
mod tests;
mod timer;

pub use cron::{ignored_name, spool};
pub use idle::{Idle, idle};
pub use run_parts::FOLDERS;
pub use survey::{CrontabText, Look, Reach, RunnerLine, daemon, discover, five_fields, look};
