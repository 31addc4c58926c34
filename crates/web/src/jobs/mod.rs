//! What the jobs screen shows: each job with its runs of the last day, its plans for the next, and what it shares the
//! host with. Made once, shown by the page and by the API; nothing here decides.
//!
//! | module | holds |
//! |---|---|
//! | [`kept`] | runs of the last day and of the last weeks, read once for all who look |
//! | [`track`] | runs and plans as bars on an axis of two days |
//! | [`card`] | one job, and all of them in the order in which they need an eye |
//! | [`racing`] | what meets, in sentences |

pub mod card;
pub mod kept;
pub mod racing;
pub mod track;
