//! One file per duty. A duty that is not in [`Duties::list`] does not compile.
//!
//! | duty | does |
//! |---|---|
//! | [`spool`] | hears what wrapped jobs left on disk |
//! | [`runs`] | notices runs whose watcher died |
//! | [`start`] | starts the jobs whose turn has come |
//! | [`deliver`] | sees to it that waiting pages are handed out |
//! | [`store`] | comes back to the disk after the store was gone |
//! | [`discover`] | looks at what this host does by itself |
//! | [`deploys`] | goes back from releases that nobody confirmed |
//! | [`doctor`] | has the host examined |
//! | [`config`] | reads the configuration again when it changed |
//! | [`drift`] | holds what this host is against what was accepted |
//! | [`prune`] | keeps history within its bounds |
//! | [`logs`] | keeps the logs of runs within theirs, and compresses them |
//! | [`looks`] | sees to it that checks are being looked at |
//! | [`status_page`] | writes the page for customers |
//! | [`status_push`] | takes it to another host |
//! | [`status_mail`] | mails subscribers what is reported |
//! | [`audit`] | checks that everything due is judged and every duty performed |
//! | [`beat`] | tells somebody outside that all is well |
//! | [`peers`] | exchanges beats with other agents, and judges their silence |
//! | [`watchdog`] | tells systemd that the agent is alive |
//!
//! Not duties: `table` lists them, `users` is a part of [`spool`], `pause` stands between attempts that fail.

mod audit;
mod beat;
mod config;
mod deliver;
mod deploys;
mod discover;
mod doctor;
mod drift;
mod logs;
mod looks;
mod pause;
mod peers;
mod prune;
mod runs;
mod spool;
mod start;
mod status_mail;
mod status_page;
mod status_push;
mod store;
mod table;
mod users;
mod watchdog;

pub(crate) use table::{Context, Duties};
pub(crate) use watchdog::tell_systemd;
