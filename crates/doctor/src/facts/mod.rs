//! What was seen of a host, as data: one file for each part. Nothing in here is judged. Texts that may hold a secret are
//! blotted before they come here.

use std::collections::BTreeMap;

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use muster_core::fact::Fact;

pub mod accounts;
pub mod compose;
pub mod containers;
pub mod cron;
pub mod database;
pub mod deploys;
pub mod disks;
pub mod docker;
pub mod files;
pub mod filters;
pub mod firewall;
pub mod keepers;
pub mod needs;
pub mod nginx;
pub mod outside;
pub mod own;
pub mod postgres;
pub mod processes;
pub mod projects;
pub mod recipes;
pub mod services;
pub mod sqlite;
pub mod system;
pub mod timers;
pub mod tls;
pub mod ufw;

use containers::{Containers, Hoard};
pub mod locks;
pub mod logrotate;
pub mod logs;

use accounts::Accounts;
use compose::Compose;
use cron::Cron;
use database::{Backups, Databases, Stores};
use deploys::Deploys;
use disks::Disks;
use docker::Docker;
use files::{Entry, Note, User};
use filters::Filters;
use firewall::Firewall;
use keepers::Keepers;
use locks::Held;
use logrotate::Logrotate;
use logs::{Journal, Logs, OpenFiles};
use needs::Need;
use nginx::Nginx;
use outside::Outside;
use own::Own;
use postgres::{Bouncer, Server};
use processes::Processes;
use projects::Projects;
use recipes::Recipes;
use services::Services;
use sqlite::Sqlite;
use system::{Mail, System};
use timers::Timer;
use tls::Tls;
use ufw::Ufw;

/// The version of this format: facts of another one are refused.
pub const FORMAT: u32 = 2;

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
    /// What puts packet filters in place at boot.
    pub filters: Fact<Filters>,
    /// What must be reached from here.
    pub needs: Fact<Vec<Need>>,
    /// What Docker is told.
    pub docker: Fact<Docker>,
    /// Units of systemd.
    pub services: Fact<Services>,
    /// What supervisor and PM2 keep.
    pub keepers: Fact<Keepers>,
    /// Processes and memory.
    pub processes: Fact<Processes>,
    /// Containers and their images.
    pub containers: Fact<Containers>,
    /// What the container engine keeps and nothing uses.
    pub hoard: Fact<Hoard>,
    /// Compose files.
    pub compose: Fact<Compose>,
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
    /// What was put on the host to run there.
    pub deploys: Fact<Deploys>,
    /// What nginx is told.
    pub nginx: Fact<Nginx>,
    /// Certificates, and who renews them.
    pub tls: Fact<Tls>,
    /// What PostgreSQL and PgBouncer are told.
    pub databases: Fact<Databases>,
    /// Servers of PostgreSQL that run here, and what they say.
    pub postgres: Fact<Vec<Server>>,
    /// PgBouncer that runs here, and what it says.
    pub bouncer: Fact<Bouncer>,
    /// What scripts copy and dump.
    pub backups: Fact<Backups>,
    /// Data of databases that would be lost with this host, those in containers left out.
    pub stores: Fact<Stores>,
    /// Files of SQLite that programs have open, or that lie in folders of projects.
    pub sqlite: Fact<Vec<Sqlite>>,
    /// Time, names and upgrades.
    pub system: Fact<System>,
    /// Mail that waits.
    pub mail: Fact<Mail>,
    /// Timers as systemd shows them; nothing where only files were read or another init runs.
    pub timers: Fact<Vec<Timer>>,
    /// What muster itself is told and has heard.
    pub own: Fact<Own>,
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
            filters: Fact::unknown(nobody),
            needs: Fact::unknown(nobody),
            docker: Fact::unknown(nobody),
            services: Fact::unknown(nobody),
            keepers: Fact::unknown(nobody),
            processes: Fact::unknown(nobody),
            containers: Fact::unknown(nobody),
            hoard: Fact::unknown(nobody),
            compose: Fact::unknown(nobody),
            recipes: Fact::unknown(nobody),
            accounts: Fact::unknown(nobody),
            locks: Fact::unknown(nobody),
            logs: Fact::unknown(nobody),
            open_files: Fact::unknown(nobody),
            logrotate: Fact::unknown(nobody),
            journal: Fact::unknown(nobody),
            disks: Fact::unknown(nobody),
            projects: Fact::unknown(nobody),
            deploys: Fact::unknown(nobody),
            nginx: Fact::unknown(nobody),
            tls: Fact::unknown(nobody),
            databases: Fact::unknown(nobody),
            postgres: Fact::unknown(nobody),
            bouncer: Fact::unknown(nobody),
            backups: Fact::unknown(nobody),
            stores: Fact::unknown(nobody),
            sqlite: Fact::unknown(nobody),
            system: Fact::unknown(nobody),
            mail: Fact::unknown(nobody),
            timers: Fact::unknown(nobody),
            own: Fact::unknown(nobody),
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
