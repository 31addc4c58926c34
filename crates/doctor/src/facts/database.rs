//! What PostgreSQL and PgBouncer are told by their files, and what scripts copy and dump.

use serde::{Deserialize, Serialize};

use super::Fact;

/// Configuration of databases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Databases {
    /// Clusters of PostgreSQL.
    pub clusters: Vec<Settings>,
    /// PgBouncer's `[pgbouncer]`.
    pub pgbouncer: Option<Settings>,
    /// Its `[databases]`.
    pub pools: Vec<Pool>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// Settings of a program: only those that are judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Its main file.
    pub file: String,
    /// In the order of reading: the last of a name counts.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name in small letters.
    pub name: String,
    /// Its value without quotes.
    pub value: String,
    /// The file.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
}

impl Settings {
    /// The setting that counts.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.name == name)
    }

    /// The number that a setting is, or what holds without it.
    pub fn number(&self, name: &str, without: u64) -> u64 {
        self.get(name).and_then(|setting| setting.value.parse().ok()).unwrap_or(without)
    }
}

/// A database behind PgBouncer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name; `*` for all others.
    pub name: String,
    /// Where the server is; none: a socket of this host.
    pub host: Option<String>,
    /// The server's port.
    pub port: u16,
    /// Connections of its own.
    pub size: Option<u64>,
    /// Line number, from 1.
    pub line: u32,
}

/// What jobs and their scripts copy and dump.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Backups {
    /// Database files that are copied like others.
    pub copies: Vec<Copied>,
    /// Dumps that go through a pipe.
    pub dumps: Vec<Dump>,
    /// Commands that make copies, take them away, or try them.
    pub tools: Vec<Tool>,
    /// How many lines and scripts were read.
    pub read: usize,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// A scheduled command that makes copies, takes them away, or tries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// The script, crontab or unit.
    pub source: String,
    /// Line number, from 1; none where only its name is known.
    pub line: Option<u32>,
    /// What stands there, secrets blotted.
    pub text: String,
    /// The program.
    pub program: String,
    /// What it does.
    pub act: Act,
    /// Paths that it names.
    pub paths: Vec<String>,
    /// Where a dump goes, as far as it can be read.
    pub into: Option<String>,
}

/// What a command does with copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Writes a database of this kind out.
    Dumps(StoreKind),
    /// Copies files by their paths.
    Copies,
    /// Keeps copies of what it is told elsewhere, such as restic: of anything, and far away.
    Keeps,
    /// Takes files to another machine.
    Ships,
    /// Reads a copy back.
    Proves,
    /// Is called a backup; what it does is not understood.
    Named,
}

/// What would be lost with this host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stores {
    /// Data of databases.
    pub all: Vec<Store>,
    /// What could not be read, and why.
    pub unseen: Vec<(String, String)>,
}

/// Data that would be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// What it is.
    pub kind: StoreKind,
    /// The folder or the file, or the name of a volume.
    pub path: String,
    /// What shows that it holds something, in a few words.
    pub holds: String,
}

/// What keeps data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// Redis that writes down what it is told.
    Redis,
    /// MongoDB.
    Mongo,
    /// A file of SQLite.
    Sqlite,
}

impl StoreKind {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Redis => "Redis",
            Self::Mongo => "MongoDB",
            Self::Sqlite => "SQLite",
        }
    }
}

/// A database file that a script copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// The script or crontab.
    pub source: String,
    /// Line number, from 1.
    pub line: u32,
    /// What stands there, secrets blotted.
    pub text: String,
    /// The file that is copied.
    pub file: String,
    /// Bytes of the log beside it that belongs to it; nothing where there is none.
    pub wal: Fact<u64>,
    /// Something was stopped before.
    pub after_stop: bool,
}

/// A dump that goes through a pipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The script or crontab.
    pub source: String,
    /// Line number, from 1.
    pub line: u32,
    /// What stands there, secrets blotted.
    pub text: String,
    /// The program that dumps.
    pub program: String,
    /// What it is piped into.
    pub into: String,
    /// The failure of the first program is heard: `pipefail` or `PIPESTATUS`.
    pub heard: bool,
}
