//! Puts `muster run` in front of what a host schedules, and takes it away again.
//!
//! Only the command of a line changes, never a blank, a comment or another line; `muster run` is given exactly what
//! the shell was given before. What is to be wrapped is decided by whoever calls.
//!
//! | module | holds |
//! |---|---|
//! | [`line`] | where the commands of a crontab are, byte for byte |
//! | [`shell`] | which commands need a shell, and how they are quoted |
//! | [`rewrite`] | a crontab with commands wrapped or unwrapped |
//! | [`package`] | which of it belongs to a package of the system |
//! | [`candidate`] | everything on a host that could be adopted, and why some of it is left |
//! | [`drop_in`] | supervision of a systemd timer without touching its units |
//! | [`place`] | files that are replaced whole, if they are still as they were read |
//! | [`record`] | what was adopted, and what was there before |

pub mod candidate;
pub mod drop_in;
pub mod line;
pub mod package;
pub mod place;
pub mod record;
pub mod rewrite;
pub mod shell;
