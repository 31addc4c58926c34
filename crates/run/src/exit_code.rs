//! What the exit code of `muster run` means. The record of the run says the same without ambiguity: a job may use any
//! of these numbers itself.
//!
//! | code | meaning |
//! |---|---|
//! | 0–255 | the job's own exit code, passed through |
//! | 75 | the job did not run: an earlier run holds the lock (`--skip-exit` changes it), or it did not become free in time |
//! | 124 | the job ran past its hard limit and was ended |
//! | 125 | muster could not begin: wrong arguments, no command |
//! | 126 | the command is there and cannot be executed |
//! | 127 | the command was not found |
//! | 128 + n | signal n ended the job |

use std::io;

use muster_core::signal::Ending;

/// The lock is held (`EX_TEMPFAIL` of sysexits.h).
pub const LOCK_HELD: u8 = 75;
/// The hard limit.
pub const TIMED_OUT: u8 = 124;
/// Nothing was started because of muster's own arguments.
pub const NOT_BEGUN: u8 = 125;
/// The command cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// There is no such command.
pub const NOT_FOUND: u8 = 127;

/// The code for an exec that failed.
pub(crate) fn of_exec(error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

/// The code for a run that took place.
pub(crate) fn of_ending(ending: &Ending) -> u8 {
    match ending {
        Ending::Exit { code } => *code,
        Ending::Killed { signal, .. } => 128_u8.saturating_add(*signal),
        Ending::OutOfMemory { .. } => 128 + 9,
        Ending::TimedOut { .. } => TIMED_OUT,
        Ending::NotStarted { .. } => NOT_BEGUN,
        Ending::LockTimeout { .. } => LOCK_HELD,
        Ending::Lost { .. } | Ending::Reported { .. } => NOT_BEGUN,
    }
}
