//! The verbs, one file each: the doc comment of its arguments is its help text, its body a short story of parse, refuse,
//! do, tell.
//!
//! | module | holds |
//! |---|---|
//! | [`command`] | the command line as a whole |
//! | [`up`] | the agent |
//! | [`run`] | wraps a job |
//! | [`ping`] | reports by hand |
//! | [`status`] | is anything silent? |
//! | [`jobs`] | list, history, log |
//! | [`checks`] | what is looked at, and one look now |
//! | [`adopt`] | import, adopt, release |
//! | [`ack`], [`pause`], [`resume`] | what people say about an incident |
//! | [`incident`] | what customers are told |
//! | [`notify`] | tries a channel |
//! | [`open`] | a link to the web page |
//! | [`scan`] | grades a site from outside |
//! | [`doctor`] | reads a host for traps that fail in silence |
//! | [`mending`] | what the doctor changes, and how it is kept or taken back |
//! | [`drift`] | what is no longer as it was accepted |
//! | [`deploy`] | puts a release in front, and the one before back |
//! | [`host`], [`prepare`] | prepares a host; the part of a deploy on each host |
//! | [`config`] | reads the configuration and says what is wrong |
//! | [`init`] | writes a first configuration, or the systemd unit |
//! | [`new`] | writes all that a new service needs |
//! | [`completions`], [`schema`] | for shells and editors |

pub(crate) mod ack;
pub(crate) mod adopt;
pub(crate) mod checks;
pub(crate) mod command;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod host;
pub(crate) mod incident;
pub(crate) mod init;
pub(crate) mod jobs;
pub(crate) mod mending;
pub(crate) mod new;
pub(crate) mod notify;
pub(crate) mod open;
mod outside;
pub(crate) mod pause;
pub(crate) mod ping;
pub(crate) mod prepare;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod up;
