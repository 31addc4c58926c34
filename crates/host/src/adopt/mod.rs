//! Puts `muster run` in front of what a host schedules, and takes it away again.
//!
//! Only the command of a line changes, never a blank, a comment or another line; `muster run` is given exactly what
//! the shell was given before. What is wrapped is decided by whoever calls, what is written to disk as well.
//!
//! | module | holds |
//! |---|---|
//! | [`line`] | where the commands of a crontab are, byte for byte |
//! | [`shell`] | which commands need a shell, and how they are quoted |
//! | [`rewrite`] | a crontab with commands wrapped or unwrapped |

pub mod line;
pub mod rewrite;
pub mod shell;
