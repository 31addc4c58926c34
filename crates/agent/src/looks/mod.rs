//! What is looked at: rounds, vantages, and the last sight of each check.
//!
//! One task, the [`Lookout`], asks the rounds of the core who looks when, has each look made in a task of its own with a
//! deadline from outside, and hands what was seen to the resident about once a second, bad news at once. It judges
//! nothing: the roll call does.
//!
//! | module | holds |
//! |---|---|
//! | `lookout` | the task |
//! | `egress` | whether this host still has a way out |
//! | `gather` | what was seen, on its way to the resident |
//! | `sights` | the last sight of each check, for the screens |
//! | `pulse` | whether the rounds go on, for the duty that watches them |
//! | `vantage` | looking from inside a container's network |

pub(crate) mod egress;
mod gather;
mod lookout;
mod pulse;
mod sights;
mod vantage;

pub(crate) use gather::Batch;
pub(crate) use lookout::{Lookout, Order};
pub(crate) use pulse::Pulse;
pub use sights::Sights;
