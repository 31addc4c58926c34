//! The embedded engine: one SQLite file in WAL mode.
//!
//! | module | holds |
//! |---|---|
//! | `schema` | the migrations |
//! | `open` | opening, setting a damaged file aside |
//! | `writer` | the one thread that writes, with group commit |
//! | `readers` | the small pool of reading connections |
//! | `write` | one commit as SQL |
//! | `journal` | its looks and traces |
//! | `mailing` | subscribers, bulletins and mails |
//! | `read` | what is read, as SQL |
//! | `looks` | looks, tallies and traces as they are read |
//! | `compact` | the journal of past hours into strips and tallies |
//! | `prune` | deleting, in small steps |
//! | `archive` | [`Archive`]: the file read without an agent |
//! | `engine` | [`Sqlite`], which puts these behind the contract |

mod archive;
mod compact;
mod engine;
mod journal;
mod looks;
mod mailing;
mod notices;
mod open;
mod prune;
mod read;
mod readers;
mod schema;
mod write;
mod writer;

pub use archive::Archive;
pub use engine::Sqlite;
pub use open::Opened;
