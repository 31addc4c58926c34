//! The one task that owns the roll call and the outbox. Nothing is shared and nothing is locked: whoever wants
//! something sends a message.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | what is said to it |
//! | `task` | the loop: wait, gather, step |
//! | `birth` | from what was stored to a living roll |
//! | `hear` | signals in: known, adopted, heard, answered |
//! | `settle` | decisions out: pages, one transaction, couriers |
//! | `act` | every message that is not a signal |
//! | `quota` | channels that take nothing more today |
//! | `publish` | the snapshot |

mod act;
mod birth;
mod drift;
mod hear;
pub(crate) mod message;
mod publish;
mod quota;
mod settle;
mod start;
mod task;

pub(crate) use birth::Origin;
pub(crate) use task::{Resident, Settings, Vitals};
