//! Which check looks when, and what became of each slot.
//!
//! One machine, [`Rounds`]: it is told what is looked at ([`Rounds::plan`]) and what time it is ([`Rounds::turns`]), and
//! says who looks now; it is told how a look went ([`Rounds::done`]), and gives every slot its one verdict
//! ([`Rounds::drain`]). It reads no clock and looks at nothing itself.
//!
//! - *Phase.* The slots of a check lie at `phase + k × every` of the wall clock, where the phase is a hash of its name:
//!   checks are spread evenly, and a restart keeps the phase. From the first slot on time is counted on the clock that
//!   nobody can set, so a step moves nothing.
//! - *A start.* Each check looks once within the shorter of `every` and five seconds, whatever its phase: that look fills
//!   the slot in progress, unless the next one comes as soon. What lies between the last slot before the start and this one is
//!   unknown.
//! - *Overlap.* A check whose last look still goes on does not look: the slot is missed, and stays so.
//! - *Trying again.* While looks go badly, and fewer than `after` in a row did, the next one comes `retry` after the
//!   beginning of the last, or at its end if that is later. It fills no slot.
//!
//! It leaves to others whether anybody is told: the roll call judges what was seen.

mod machine;

pub use machine::{Round, Rounds, Turn};

#[cfg(test)]
mod tests;
