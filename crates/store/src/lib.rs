//! What is remembered: one contract, an embedded database behind it, and memory for when the disk is gone.
//!
//! Nothing here decides anything: the agent hands over what the core decided, and everything of one decision is
//! written in one transaction or not at all. No SQL type leaves this crate.
//!
//! | module | holds |
//! |---|---|
//! | [`contract`] | [`contract::Store`], what is committed, what is loaded, errors |
//! | [`brief`] | runs without their texts, for timelines |
//! | [`history`] | pages, cursors, and how runs follow from signals |
//! | [`credential`] | sessions, tokens and one-time links of the web |
//! | [`keep`] | how much is kept, and what pruning did |
//! | [`looks`] | how many looks and traces, in which order, and what counts on which day |
//! | [`mailing`] | who subscribed to the status page, and what waits to be mailed to them |
//! | [`memory`] | [`memory::Memory`]: bounded, lost at the end of the process |
//! | `packed` | looks as bytes |
//! | [`sqlite`] | [`sqlite::Sqlite`]: one file, WAL, one writer thread with group commit |
//! | [`switch`] | [`switch::Switch`]: the engine of the moment, exchangeable |

pub mod brief;
pub mod contract;
pub mod credential;
pub mod history;
pub mod keep;
pub mod looks;
pub mod mailing;
pub mod memory;
mod packed;
pub mod sqlite;
pub mod switch;
