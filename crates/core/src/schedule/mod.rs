//! Cron expressions with time zone and daylight saving, as Debian's cron means them (`crontab(5)`, `cron(8)`).
//!
//! A schedule answers one question: what is the next instant strictly after this one. It answers in bounded time or
//! says that it cannot. What an instant is for (a job, a report, a deadline) is known elsewhere.
//!
//! | module | holds |
//! |---|---|
//! | `cron` | [`Schedule`] and its two errors |
//! | `fields` | the five fields as bit sets, and their grammar |
//! | `dialect` | the words of other crons, to say what they are instead of "bad field" |
//! | `calendar` | the next matching minute of a civil calendar without time zone |
//! | `search` | the same across the changes of offset of a time zone |

mod calendar;
mod cron;
mod dialect;
mod fields;
mod search;

pub use cron::{Schedule, ScheduleError, Uncomputable};
