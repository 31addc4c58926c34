//! What the checks screen shows, before it is words and drawings.
//!
//! | module | holds |
//! |---|---|
//! | [`card`] | one check, its company at other vantages, and their order |
//! | [`past`] | what was seen of a check: a day in quarters of an hour, ninety days |
//! | [`kept`] | pasts that need not be read again |

pub mod card;
pub mod kept;
pub mod past;
