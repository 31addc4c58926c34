//! The status page beside the roll: what its days are made from, its folder, and the way to another host.
//!
//! | module | holds |
//! |---|---|
//! | [`pasts`] | the days of everything on the page, read as seldom as may be |
//! | [`shelf`] | the folder: only ours, each file whole, readable by everybody |
//! | [`courier`] | the command that takes the folder to another host |

pub(crate) mod courier;
pub(crate) mod pasts;
pub(crate) mod shelf;
