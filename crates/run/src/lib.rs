//! Wraps a job: lock, log, limits, record. No async runtime, no database, no network.
//!
//! | module | holds |
//! |---|---|
//! | [`entry`] | the story of one run |
//! | `arguments`, `settings`, `excerpt` | what was asked for: on the command line, in `muster.toml` |
//! | [`exit_code`] | what the exit code means |
//! | `overlap` | what happens while an earlier run goes on |
//! | `spawn`, `tree`, `terminal`, `signals` | the job as processes |
//! | `watch`, `ladder` | the loop beside the job, and its limits |
//! | `capture`, `mirror`, `tail` | the job's output |
//! | [`log`] | the log of a run, written and read |
//! | `fence`, `scope`, `gate`, `sample` | the limits of the whole tree |
//! | `expect` | what a good run leaves behind |
//! | `memory`, `outcome`, `report` | how it went, and the telling |
//! | `rescue` | what is left when muster itself fails |

mod arguments;
mod capture;
pub mod entry;
mod excerpt;
pub mod exit_code;
mod expect;
mod fence;
mod gate;
mod ladder;
pub mod log;
mod memory;
mod mirror;
mod outcome;
mod overlap;
mod report;
mod rescue;
mod sample;
mod scope;
mod settings;
mod signals;
mod spawn;
mod tail;
mod terminal;
mod tree;
mod turn;
mod watch;

pub use entry::main;
