//! The roll call: who must report, what was heard, and when silence is an alarm.
//!
//! One machine, [`RollCall`], takes a plan ([`RollCall::expect`]), signals ([`RollCall::hear`]) and the time
//! ([`RollCall::tick`]) and gives decisions as data ([`RollCall::drain`]). It reads no clock and does no I/O: the
//! agent stores what changed and carries the decisions out, in one transaction.
//!
//! | module | holds |
//! |---|---|
//! | `machine` | the machine and its public face |
//! | `row` | one expectation with its state: what is stored, and how a plan is bound to it |
//! | `hear` | what each kind of report does to a row |
//! | `run` | runs that are going on, each with its own deadline |
//! | `habit` | runs that are unlike what is usual for the job |
//! | `slot` | planned slots: planning, filling, and the verdict of silence |
//! | `verdict` | the stream of good and bad verdicts, and the standing it leads to |
//! | `past` | the last verdicts, where bad ones are counted among several |
//! | `page` | incidents: when people are told, reminded, and told the end |
//! | `hold` | why pages are held back, and until when: a pause, a maintenance, a parent, an unread spool |
//! | `climb` | escalations: who is told next while nobody answers |
//! | `parent` | holding pages back in favour of a parent, one hop |
//! | `clock` | steps of the clock and blind intervals |
//! | `view` | the board |
//! | `invariant` | what must hold of the state at any moment |
//!
//! # How it is driven
//! At the start: [`RollCall::restore`] what was stored, [`RollCall::expect`] the plan, [`RollCall::wake`], hear the
//! spool in order of time, [`RollCall::drained`]. Then, at least every ten seconds: `hear` what came, `tick`, and store
//! `changed` together with what `drain` gives. Whenever [`RollCall::awaits_drain`] is true, read the spool to its end
//! and say `drained` again. A crash before the commit loses nothing that the spool still has.
//!
//! # Semantics in short
//! - *Slots.* One slot per expectation is open at a time, the earliest that was neither begun nor judged; a start (or
//!   an end without a start) fills it. Deadlines rise with due times, so this equals keeping all of them.
//! - *Verdicts.* A slot ends as exactly one of ok, failed, skipped, missed, unknown. Good and bad verdicts form a
//!   stream; `after` bad ones in a row (or of the last so many) open an incident, `recover` good ones end it.
//! - *Time.* Everything stored is wall time. After a step of the clock all elapsed times are re-expressed in the new
//!   clock; only the instants of cron are civil and stay.
//! - *Blindness.* What could not be seen is unknown, never ok: it is decided once the spool is drained, or it stays
//!   unknown where signals go straight to the listener. Two blind intervals in a row are bad news by themselves, and
//!   deadlines count from the last signal, so restarts cannot postpone an alarm for ever.

mod climb;
mod clock;
mod habit;
mod hear;
mod hold;
mod invariant;
mod machine;
#[cfg(test)]
mod mutant;
mod page;
mod parent;
mod past;
mod row;
mod run;
#[cfg(test)]
mod sim;
mod slot;
#[cfg(test)]
mod tests;
mod verdict;
mod view;

pub use invariant::Broken;
pub use machine::{Answer, LastSeen, RollCall};
pub use row::StoredRow;
pub use run::OpenRun;
pub(crate) use slot::is_wild;
