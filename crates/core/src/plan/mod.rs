//! How a release comes in front of users on several hosts, and back: the order of the steps, and what becomes of a deploy
//! when any of them fails. Pure: whoever carries the steps out tells the machine how they went.
//!
//! It leaves to others what a step does, and how a host is reached. What it counts on: a host that leads requests to a
//! release which nobody has confirmed goes back by itself, [`CONFIRM`] after it last heard from the deployer.
//!
//! | module | holds |
//! |---|---|
//! | [`act`] | what a host can be asked to do |
//! | [`order`] | from what is wanted and what is there to the steps |
//! | [`machine`] | carries a plan out, or back |
//! | [`settle`] | what is left to do of a deploy whose deployer died |
//! | [`side`] | the two sides of a service |

mod act;
mod machine;
mod order;
mod settle;
mod side;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use act::{Act, OnFailure};
pub use machine::{Deploy, End, INSISTENCE, Order, Reply};
pub use order::{Attempt, Flow, Goal, Objection, Observed, Plan, Stand, Step, plan};
pub use settle::{Settling, settle};
pub use side::Side;

use crate::time::Span;

/// So long after its last word from the deployer a host goes back from a release that nobody has confirmed.
pub const CONFIRM: Span = Span::seconds(60);
