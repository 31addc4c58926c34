//! Takes what a host schedules into muster.toml and behind the wrapper, and gives it back. The plan is made whole before
//! anything is changed.
//!
//! | module | holds |
//! |---|---|
//! | [`scene`] | the host, its configuration and its record as they are now |
//! | [`entry`] | the text that muster.toml gets for a job |
//! | [`change`] | files that are replaced, and the order in which it happens |

pub(crate) mod change;
pub(crate) mod entry;
pub(crate) mod scene;
