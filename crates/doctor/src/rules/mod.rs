//! The rules: one file for each trap, one row in [`RULES`]. A rule is a pure function from facts to an answer; it reads
//! nothing else and changes nothing.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;

mod allow;
mod answer;
mod backup;
mod container;
mod cron;
mod database;
mod deploy;
mod disk;
mod firewall;
pub mod fixture;
mod host;
mod image;
mod layout;
mod lock;
mod log;
mod memory;
mod nginx;
mod own;
mod secrets;
mod service;
#[cfg(test)]
pub(crate) mod tests;
mod timer;
mod tls;

pub use answer::{Answer, Finding, Place};
pub(crate) use disk::shared::DATABASES;
use fixture::Fixture;
pub(crate) use secrets::unwritable::written_by;
pub(crate) use timer::not_firing::{PLACES as UNIT_PLACES, started};

/// How bad a trap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Low,
    /// It makes the next fault worse.
    Medium,
    /// It will fail, and nobody will hear.
    High,
    /// It fails already, or all of it does at once.
    Critical,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// Its name on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Whether it has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// It fails now.
    Failing,
    /// It will fail, and nothing will say so.
    Waiting,
    /// It would make another fault worse.
    Hygiene,
}

/// Who mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fix {
    /// `--fix` does: nothing that runs is disturbed.
    Safe,
    /// It disturbs something that runs, so a person decides: `--fix --allow-disruptive`, where it can be given back.
    Disruptive,
    /// A person does; the words say how.
    Told,
}

/// One trap.
#[derive(Debug)]
pub struct Rule {
    /// Stable: it is never given to another rule. Its letters are its group.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it has happened where it is found.
    pub outlook: Outlook,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why nothing complains.
    pub silent: &'static str,
    /// What to do.
    pub cure: &'static str,
    /// Who does it.
    pub fix: Fix,
    /// When it does not apply.
    pub unless: &'static str,
    /// Judges.
    pub judge: fn(&Facts) -> Answer,
    /// A host in which it is found.
    pub bad: Fixture,
    /// Hosts that look like it and are right.
    pub good: [Fixture; 2],
}

impl Rule {
    /// Its group: the letters of its id.
    pub fn group(&self) -> &'static str {
        self.id.trim_end_matches(|c: char| c.is_ascii_digit())
    }
}

/// Every rule, in the order of the report.
pub const RULES: &[&Rule] = &[
    &cron::unwrapped::RULE,
    &cron::no_mail::RULE,
    &cron::muted::RULE,
    &cron::no_newline::RULE,
    &cron::ignored_name::RULE,
    &cron::skipped_script::RULE,
    &cron::no_user::RULE,
    &cron::unknown_user::RULE,
    &cron::percent::RULE,
    &cron::no_script::RULE,
    &cron::missing_script::RULE,
    &cron::not_executable::RULE,
    &cron::relative::RULE,
    &cron::not_found::RULE,
    &cron::bashism::RULE,
    &cron::insecure::RULE,
    &cron::odd_schedule::RULE,
    &cron::not_running::RULE,
    &cron::twice::RULE,
    &cron::account_over::RULE,
    &cron::refused_line::RULE,
    &timer::not_firing::RULE,
    &timer::not_caught_up::RULE,
    &own::unproven::RULE,
    &own::changed_tools::RULE,
    &own::overlapping::RULE,
    &own::life_only::RULE,
    &own::unwatched::RULE,
    &lock::silent_skip::RULE,
    &lock::blocking::RULE,
    &lock::inherited::RULE,
    &lock::fragile_place::RULE,
    &lock::dead_alert::RULE,
    &lock::wrapper_parts::RULE,
    &log::no_rotation::RULE,
    &log::size_and_time::RULE,
    &log::ignored_config::RULE,
    &log::not_rotating::RULE,
    &log::lost_file::RULE,
    &log::journal::RULE,
    &log::no_retention::RULE,
    &disk::full::RULE,
    &disk::inodes::RULE,
    &disk::shared::RULE,
    &disk::faulty::RULE,
    &disk::not_mounted::RULE,
    &disk::hoard::RULE,
    &firewall::past_ufw::RULE,
    &firewall::cut_off::RULE,
    &firewall::flushed::RULE,
    &firewall::need_closed::RULE,
    &firewall::egress_differs::RULE,
    &firewall::no_effect::RULE,
    &firewall::not_kept::RULE,
    &firewall::host_service::RULE,
    &firewall::hands_off::RULE,
    &firewall::none::RULE,
    &firewall::not_loaded::RULE,
    &firewall::not_final::RULE,
    &firewall::dead_rule::RULE,
    &firewall::six_open::RULE,
    &firewall::reject_forward::RULE,
    &firewall::two_owners::RULE,
    &firewall::forwarding_off::RULE,
    &firewall::connections_full::RULE,
    &firewall::open_outside::RULE,
    &firewall::shut_outside::RULE,
    &service::no_restart::RULE,
    &service::failed::RULE,
    &service::not_enabled::RULE,
    &service::crash_loop::RULE,
    &service::ignored_key::RULE,
    &service::not_reloaded::RULE,
    &service::old_environment::RULE,
    &service::missing_environment::RULE,
    &service::pm2_forgets::RULE,
    &service::supervisor_key::RULE,
    &service::nobody_told::RULE,
    &service::before_network::RULE,
    &service::no_linger::RULE,
    &memory::no_limit::RULE,
    &memory::killed::RULE,
    &memory::promised::RULE,
    &memory::full::RULE,
    &container::no_restart::RULE,
    &container::no_health::RULE,
    &container::moving_tag::RULE,
    &container::database_inside::RULE,
    &container::old_image::RULE,
    &container::takes_the_host::RULE,
    &container::unhealthy::RULE,
    &container::unready::RULE,
    &container::open_database::RULE,
    &image::root::RULE,
    &image::secrets::RULE,
    &image::absent_health::RULE,
    &image::absent_command::RULE,
    &image::deaf::RULE,
    &container::log_without_end::RULE,
    &secrets::env_readable::RULE,
    &secrets::env_tracked::RULE,
    &secrets::told::RULE,
    &secrets::unwritable::RULE,
    &layout::in_a_home::RULE,
    &layout::strayed_link::RULE,
    &deploy::dirty::RULE,
    &deploy::old_program::RULE,
    &deploy::other_modules::RULE,
    &deploy::unchecked::RULE,
    &deploy::old_library::RULE,
    &tls::expiring::RULE,
    &tls::old_served::RULE,
    &tls::not_renewed::RULE,
    &tls::misfit::RULE,
    &nginx::refused::RULE,
    &nginx::not_reloaded::RULE,
    &nginx::resolved_once::RULE,
    &nginx::dead_port::RULE,
    &nginx::unread_site::RULE,
    &nginx::lost_header::RULE,
    &database::idle_in_transaction::RULE,
    &database::waits_forever::RULE,
    &database::pool_too_large::RULE,
    &database::aborted::RULE,
    &database::unread_reset::RULE,
    &database::no_reset::RULE,
    &database::schema::RULE,
    &database::runs_out::RULE,
    &database::keeps_log::RULE,
    &database::serializable::RULE,
    &database::sqlite_copied::RULE,
    &database::sqlite_log::RULE,
    &backup::none::RULE,
    &backup::same_disk::RULE,
    &backup::never_tried::RULE,
    &database::deaf_dump::RULE,
    &host::clock::RULE,
    &host::no_resolver::RULE,
    &host::one_resolver::RULE,
    &host::upgrades::RULE,
    &host::mail_waits::RULE,
    &allow::unread::RULE,
    &allow::over::RULE,
    &allow::unused::RULE,
];

/// The rule of an id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// Every group, in the order of the report.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = Vec::new();
    for rule in RULES {
        if !groups.contains(&rule.group()) {
            groups.push(rule.group());
        }
    }
    groups
}
