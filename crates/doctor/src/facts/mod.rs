//! What was seen of a host, as data: one file for each part. Nothing in here is judged. Texts that may hold a secret are
//! blotted before they come here.

use std::collections::BTreeMap;

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use muster_core::fact::Fact;

pub mod accounts;
pub mod containers;
pub mod cron;
pub mod database;
pub mod disks;
pub mod files;
pub mod firewall;
pub mod keepers;
pub mod nginx;
pub mod outside;
pub mod processes;
pub mod projects;
pub mod recipes;
pub mod services;
pub mod system;
pub mod tls;
pub mod ufw;

use containers::Containers;
pub mod locks;
pub mod logrotate;
pub mod logs;

use accounts::Accounts;
use cron::Cron;
use database::{Backups, Databases};
use disks::Disks;
use files::{Entry, Note, User};
use firewall::Firewall;
use keepers::Keepers;
use locks::Held;
use logrotate::Logrotate;
use logs::{Journal, Logs, OpenFiles};
use nginx::Nginx;
use outside::Outside;
use processes::Processes;
use projects::Projects;
use recipes::Recipes;
use services::Services;
use system::{Mail, System};
use tls::Tls;
use ufw::Ufw;

/// The version of this format: facts of another one are refused.
pub const FORMAT: u32 = 1;

/// Everything that one run saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// [`FORMAT`].
    pub format: u32,
    /// The host's name, empty where a tree has none.
    pub host: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// From where.
    pub vantage: Vantage,
    /// `/etc/passwd`.
    pub users: Fact<Vec<User>>,
    /// Files that something refers to, by their path on the host.
    pub entries: BTreeMap<String, Fact<Entry>>,
    /// What the operator wrote for the doctor beside what it is about.
    pub notes: Vec<Note>,
    /// Crontabs and what runs them.
    pub cron: Fact<Cron>,
    /// Packet filters, addresses, listeners.
    pub firewall: Fact<Firewall>,
    /// What another host of the fleet saw when it connected to this one.
    pub outside: Fact<Outside>,
    /// What ufw is told.
    pub ufw: Fact<Ufw>,
    /// Units of systemd.
    pub services: Fact<Services>,
    /// What supervisor and PM2 keep.
    pub keepers: Fact<Keepers>,
    /// Processes and memory.
    pub processes: Fact<Processes>,
    /// Containers and their images.
    pub containers: Fact<Containers>,
    /// Dockerfiles.
    pub recipes: Fact<Recipes>,
    /// Terms of accounts, and groups.
    pub accounts: Fact<Accounts>,
    /// Locks that somebody waits for, or that outlived who took them.
    pub locks: Fact<Vec<Held>>,
    /// Log files.
    pub logs: Fact<Logs>,
    /// Logs and removed files that processes write to.
    pub open_files: OpenFiles,
    /// logrotate.
    pub logrotate: Fact<Logrotate>,
    /// The journal.
    pub journal: Fact<Journal>,
    /// File systems.
    pub disks: Fact<Disks>,
    /// Folders of projects: their secrets and their links.
    pub projects: Fact<Projects>,
    /// What nginx is told.
    pub nginx: Fact<Nginx>,
    /// Certificates, and who renews them.
    pub tls: Fact<Tls>,
    /// What PostgreSQL and PgBouncer are told.
    pub databases: Fact<Databases>,
    /// What scripts copy and dump.
    pub backups: Fact<Backups>,
    /// Time, names and upgrades.
    pub system: Fact<System>,
    /// Mail that waits.
    pub mail: Fact<Mail>,
}

/// From where a host was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vantage {
    /// The folder that was taken for `/`.
    pub root: String,
    /// The host itself was running; else only files were read.
    pub live: bool,
    /// Whose rights the doctor had.
    pub uid: u32,
}

impl Facts {
    /// Facts of which nothing is known yet.
    pub fn blank(host: String, at: Timestamp, vantage: Vantage) -> Self {
        let nobody = "nobody looked";
        Self {
            format: FORMAT,
            host,
            at,
            vantage,
            users: Fact::unknown(nobody),
            entries: BTreeMap::new(),
            notes: Vec::new(),
            cron: Fact::unknown(nobody),
            firewall: Fact::unknown(nobody),
            outside: Fact::nothing("no peer was asked to look: `--from PEER`"),
            ufw: Fact::unknown(nobody),
            services: Fact::unknown(nobody),
            keepers: Fact::unknown(nobody),
            processes: Fact::unknown(nobody),
            containers: Fact::unknown(nobody),
            recipes: Fact::unknown(nobody),
            accounts: Fact::unknown(nobody),
            locks: Fact::unknown(nobody),
            logs: Fact::unknown(nobody),
            open_files: Fact::unknown(nobody),
            logrotate: Fact::unknown(nobody),
            journal: Fact::unknown(nobody),
            disks: Fact::unknown(nobody),
            projects: Fact::unknown(nobody),
            nginx: Fact::unknown(nobody),
            tls: Fact::unknown(nobody),
            databases: Fact::unknown(nobody),
            backups: Fact::unknown(nobody),
            system: Fact::unknown(nobody),
            mail: Fact::unknown(nobody),
        }
    }

    /// What stands at a path that something refers to.
    pub fn entry(&self, path: &str) -> Fact<&Entry> {
        match self.entries.get(path) {
            Some(Fact::Known(entry)) => Fact::Known(entry),
            Some(Fact::Unknown { why }) => Fact::unknown(why.clone()),
            Some(Fact::Nothing { why }) => Fact::nothing(why.clone()),
            None => Fact::unknown(format!("nobody looked at {path}")),
        }
    }

    /// Whether the host has this user; none where its list could not be read.
    pub fn user(&self, name: &str) -> Option<Option<&User>> {
        Some(self.users.known()?.iter().find(|user| user.name == name))
    }
}
