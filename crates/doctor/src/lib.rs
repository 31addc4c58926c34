//! The doctor: reads a host for traps that fail in silence.
//!
//! Collectors read, each within its own time, and judge nothing; what they saw are [`facts`], which can be saved and read
//! again. Rules are pure functions from facts to findings. Nothing in here changes a host but [`mend`], and that only what
//! it was shown to a person.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | what was seen, as data |
//! | [`collect`] | reading a host within bounds, one file for each source |
//! | [`rules`] | the traps: one file each |
//! | [`report`] | what the rules said of a host |
//! | [`allow`] | what somebody said is meant to be so |
//! | [`baseline`] | what is new since the last time |
//! | [`kept`] | a report that was printed, read again |
//! | [`chart`] | what an agent keeps of its examinations |
//! | [`render`] | a report for other programs |
//! | `told` | what a blotted command still tells |
//! | [`mend`] | what is changed, and how it is taken back |
//! | [`firewall`] | where a packet ends, by the rules of this host |

pub mod allow;
pub mod baseline;
pub mod chart;
pub mod collect;
pub mod facts;
pub mod firewall;
pub mod kept;
pub mod mend;
pub mod render;
pub mod report;
pub mod rules;
mod shell;
mod told;
