//! JSON under `/api/v1`, for all that the pages show and do. Every answer carries `version`; a refusal is
//! `{version, code, what, help}`.
//!
//! | module | holds |
//! |---|---|
//! | [`read`] | the roll, expectations, runs, logs, services, the host, deliveries |
//! | [`jobs`] | the jobs screen |
//! | [`checks`] | the checks screen, one check, looking now |
//! | [`act`] | acknowledge, pause, resume, test a channel |
//! | [`incidents`] | what customers are told |
//! | [`subscribers`] | who is mailed that |
//! | [`peers`] | what another agent sees of this host |
//! | [`keys`] | one-time links and tokens |

pub mod act;
pub mod checks;
pub mod incidents;
pub mod jobs;
pub mod keys;
pub mod peers;
pub mod read;
mod routes;
pub mod subscribers;

pub use read::health;
pub use routes::router;

/// Version of the JSON. A field may be added without a new version; none is changed or taken away.
pub const VERSION: u32 = 1;
