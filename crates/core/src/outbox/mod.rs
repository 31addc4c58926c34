//! Which page goes to which channel, and when it is tried again. Sans-I/O, like the roll call.
//!
//! The promise: every page that was put in ends delivered, refused for good (and then passed on to the fallback
//! channel), or told as part of another one. Nothing is dropped, however long a channel is down.
//!
//! The duplicate window: an entry counts as delivered when the `report` about it is committed. A crash between the
//! channel's acceptance and that commit sends the entry once more, under the same [`Dispatch::key`], so that a
//! receiver that knows keys can tell. There is no other way to hear the same page twice on one channel.
//!
//! What it leaves to others: sending (a channel delivers once and reports), words (a channel renders), storing
//! (`changes` says what to write, in the transaction of the state that caused it), and the alarm about a broken
//! channel (`health` says how each one stands).
//!
//! | module | holds |
//! |---|---|
//! | `entry` | the values: an entry, its state, a dispatch, the verdict of a delivery, the health of a channel |
//! | `machine` | `restore`, `enqueue`, `due`, `report`, `next_try`, `changes`, `prune` |
//! | `lane` | one channel's queue: what waits, what is in flight, back-off, storms |
//! | `fold` | which entries are told as part of which others |
//! | `gather` | which pages of one moment are told together |
//! | `thrift` | channels that take only so many messages a day |
//! | `usage` | how much of its quota a channel has used |
//! | `pass_on` | what the fallback channels get |
//! | `prune` | what may be forgotten |

mod entry;
mod fold;
mod gather;
mod heard;
mod lane;
mod machine;
mod pass_on;
mod prune;
#[cfg(test)]
mod tests;
mod thrift;
mod usage;

pub use entry::{Delivery, Dispatch, Entry, EntryState, Health, Route};
pub use machine::Outbox;
pub use usage::Usage;
