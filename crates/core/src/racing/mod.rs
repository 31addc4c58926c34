//! Which jobs run at the same time, which will, and what that costs.
//!
//! Pure: runs and plans come in as intervals, findings go out as data. It does not know why two jobs meet, it does not
//! look at locks, and it prevents nothing: it shows people what to move.
//!
//! An interval is half open: a run that begins at the moment another ends does not meet it.
//!
//! | module | holds |
//! |---|---|
//! | [`stint`] | one interval of one job, and how long a job usually takes |
//! | [`past`] | which runs met, how often, how long, and what it cost in time |
//! | [`ahead`] | which planned runs will meet |
//! | [`memory`] | the moment at which the most memory was needed |
//! | [`shared`] | when a job had company, for drawing |

mod sweep;

pub mod ahead;
pub mod memory;
pub mod past;
pub mod shared;
pub mod stint;

#[cfg(test)]
mod tests;
