//! The roll call and the outbox in a world of faults, run by seed, with an oracle that knows the truth.
//!
//! The world restarts the agent at any step (with what was committed, or with less), tears commits, steps the clock,
//! suspends the host, loses, delays and repeats signals, reloads the plan in the middle of outages, acknowledges,
//! pauses, plans maintenance, and breaks the receivers. After each step the oracle asserts the six promises; a failure names its seed
//! and its step.
//!
//! `MUSTER_SIM_SEED` (first seed), `MUSTER_SIM_SEEDS` (how many) and `MUSTER_SIM_STEPS` say how much is run.
//!
//! The bugs of other programs, brought back one at a time, and what notices them:
//!
//! | bug | mutant | noticed by |
//! |---|---|---|
//! | 1 uptime-kuma: a failed notification is forgotten | `Post::ForgetsFailures` | every page arrives |
//! | 2 uptime-kuma: a hanging webhook stops all checks | `Post::BlocksTheWatch` | silence is bounded |
//! | 3 uptime-kuma: down, maintenance, up: the end is told to nobody | `PauseEatsResolve` | told means told |
//! | 3 uptime-kuma: its own absence counts as up | `UnknownIsGreen` | unknown is never green |
//! | 4 uptime-kuma: after a start the monitors are taken up one by one | `StaggeredStart` | silence is bounded |
//! | 5 gatus: a few hold all slots of the loop | `CrowdedTick` | the state's own invariants |
//! | 6 gatus: its own record of a failure is a sign of life | `OwnFailureIsLife` | silence is bounded |
//! | 6 gatus: a restart begins the deadline anew | `RestartPostpones` | silence is bounded |
//! | 7 gatus: the end is dropped when the receiver errs | `Post::DropsEnds` | every page arrives |
//! | 8 alertmanager: what was accepted is lost by a kill | `Post::ForgetsOnKill` | every page arrives |
//! | 9 alertmanager: inhibition eats the end | `SilenceEatsResolve` | told means told |
//! | 10 vigil: only a change of the whole is told | `OnlyGlobalStatus` | silence is bounded |
//! | 10 vigil: what never reported is healthy | `NewMeansHealthy` | silence is bounded |
//! | 11 monit: one that hangs holds up the rest | `HungBlocksRest` | the state's own invariants |
//! | 12 oncall is the model: without its re-asking an acknowledgement is for ever | `EndlessAcknowledgement` | silence is bounded |
//! | 13 ntfy's limits: a page for every bad verdict burns the day's quota | `PageStorm` | one page per incident |
//! | 14 apprise: what is retried lives in memory | `Post::RetriesInMemory` | every page arrives |
//!
//! Further bugs (a poison schedule, an untimed overlapping run, a skip taken for a success, absence taken for proof)
//! are noticed by single sentences: see `tests/infected.rs`.

mod faults;
mod mutants;
mod oracle;
mod plan;
mod post;
mod random;
mod senders;
mod sweep;
mod world;
