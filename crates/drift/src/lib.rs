//! Holds what a host is against what somebody accepted: files, what cron reads, packet filters, names of keys.
//!
//! A look reads within bounds and follows no link below what is watched. What was accepted is on disk as digests, and
//! as texts without their secrets: enough to tell that something changed, and what. Nothing in here changes the host,
//! knows a page or has a clock.
//!
//! | module | holds |
//! |---|---|
//! | [`thing`] | one file, folder, link or text, as it is remembered |
//! | [`ground`] | the files of a host under a root |
//! | [`look`] | one look at an item |
//! | [`firewall`] | the rules in force, without what changes by itself |
//! | [`keys`] | the names of the keys of a file, without their values |
//! | [`blot`] | a text without its secrets |
//! | [`record`] | what was accepted, by whom and why |
//! | [`differ`] | where the two no longer say the same |
//! | [`patch`] | how two texts differ |
//! | [`own`] | what muster itself changes is accepted with it |

pub mod blot;
pub mod differ;
pub mod firewall;
pub mod ground;
pub mod keys;
pub mod look;
pub mod own;
pub mod patch;
pub mod record;
pub mod thing;
