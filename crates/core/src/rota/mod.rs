//! The rota: which job muster itself starts, and when.
//!
//! One machine, [`Rota`], takes a plan ([`Rota::expect`]), signals ([`Rota::hear`]), wishes ([`Rota::run_now`]) and the
//! time ([`Rota::tick`]) and gives turns to start ([`Rota::issued`]). It reads no clock and does no I/O. Whether a job
//! came in time is not judged here: that is the roll call's.
//!
//! # Exactly once
//! A turn is stored before it is started, with a run id that follows from job and slot. Whoever starts it claims that id
//! first, so that a turn which is started again after a crash runs once at most; and it stays here until its start or its
//! end is heard, so that it is not lost. After a restart nothing is issued before [`Rota::drained`]: what was spooled
//! tells which turns have begun.
//!
//! | module | holds |
//! |---|---|
//! | `machine` | the machine and its public face |
//! | `slots` | which instants are due, and what a stepped clock makes of them |

mod machine;
mod slots;
#[cfg(test)]
mod tests;

pub use machine::{CatchUp, Entry, Rota, StoredRota, Turn};
