//! The ground floor: who must report in, and when silence is an alarm.
//!
//! Nothing here reads a clock, a file, a socket or the environment. Time comes in as an argument and decisions go
//! out as data ([`effect`]), so that the whole of it is proved by simulation.
//!
//! | module | holds |
//! |---|---|
//! | [`time`] | points in time and spans, as people write them |
//! | [`ids`] | names of expectations, runs, signals, channels |
//! | [`signal`] | what can be heard |
//! | [`schedule`] | cron expressions with time zone and daylight saving |
//! | [`expectation`] | what should happen |
//! | [`maintenance`] | planned times in which pages are held back |
//! | [`roll_call`] | the machine: `expect`, `hear`, `tick`, `next_deadline`, `drain` |
//! | [`rota`] | which job muster itself starts, and when |
//! | [`effect`] | what the machine decided |
//! | [`outbox`] | which page goes to whom, and when it is tried again |
//! | [`notice`] | trouble as customers are told of it |
//! | [`look`] | one look of a check, as it is remembered |
//! | [`rounds`] | which check looks when, and what became of each slot |
//! | [`racing`] | which jobs run at the same time, and what it costs |
//! | [`fact`] | what was seen, what could not be, and what is not there |
//! | [`host_roll`] | what a host is found to do by itself |
//! | [`usual`] | what is usual for a job, and what is odd |
//! | [`words`] | reasons and endings as people say them |
//! | [`board`] | the state of everything, for people to read |

pub mod board;
pub mod effect;
pub mod expectation;
pub mod fact;
pub mod host_roll;
pub mod ids;
pub mod look;
pub mod maintenance;
pub mod notice;
pub mod outbox;
pub mod plan;
pub mod racing;
pub mod roll_call;
pub mod rota;
pub mod rounds;
pub mod schedule;
pub mod signal;
pub mod time;
pub mod usual;
pub mod words;
