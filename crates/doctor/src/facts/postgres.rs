//! What servers of PostgreSQL that run here say of themselves. No statement, no row and no secret of theirs comes here.

use muster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its first process.
    pub pid: u32,
    /// The folder of its data, as it calls it.
    pub data: String,
    /// Its port.
    pub port: u16,
    /// It runs in a container.
    pub inside: bool,
    /// What it said.
    pub said: Fact<Said>,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Said {
    /// Its version, such as 150018.
    pub version: u32,
    /// It follows another one.
    pub standby: bool,
    /// We may see what the sessions of others do.
    pub all_sessions: bool,
    /// Its main file; none where it does not tell us.
    pub config_file: Option<String>,
    /// Settings as they hold now.
    pub settings: Vec<Held>,
    /// What roles and databases are given instead (`ALTER ROLE … SET`).
    pub given: Vec<Given>,
    /// Roles that may log in and are no superusers, 200 at most.
    pub logins: Vec<String>,
    /// Sessions that are idle inside a transaction, 50 at most.
    pub sessions: Vec<Session>,
    /// Sessions that wait for a lock.
    pub waiting: u64,
    /// How old the oldest transaction ids of databases are, the oldest first.
    pub ages: Vec<Age>,
    /// Replication slots that last.
    pub slots: Vec<Slot>,
    /// Who takes finished segments of the log away.
    pub archiver: Archiver,
    /// How many databases there are to look into.
    pub databases: u64,
    /// Databases that were looked into.
    #[serde(default)]
    pub schemas: Vec<Schema>,
    /// Databases that were not, and why.
    #[serde(default)]
    pub unseen: Vec<(String, String)>,
}

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Its value in the unit of `pg_settings`.
    pub value: String,
    /// The file that says so; none where no file does.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// It holds for the role that asked only.
    pub own: bool,
}

/// A setting of a role, a database, or a role in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The database; none for all.
    pub database: Option<String>,
    /// The role; none for all.
    pub role: Option<String>,
    /// Its name.
    pub name: String,
    /// Its value as written.
    pub value: String,
}

/// A session that is idle inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its process.
    pub pid: u32,
    /// The database.
    pub database: Option<String>,
    /// Who is logged in.
    pub user: Option<String>,
    /// The program's name for itself, secrets blotted.
    pub program: Option<String>,
    /// A statement failed, and the transaction can only be rolled back.
    pub aborted: bool,
    /// Since when it is idle.
    pub since: Option<Timestamp>,
    /// When its transaction began.
    pub begun: Option<Timestamp>,
}

/// How far a database is behind with freezing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// Its name.
    pub database: String,
    /// Transactions since its oldest id that is not frozen.
    pub transactions: u64,
    /// The same for multixact ids.
    pub groups: u64,
}

/// A replication slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// `physical` or `logical`.
    pub kind: String,
    /// Somebody reads from it.
    pub active: bool,
    /// What it stood for is gone: it keeps nothing.
    pub lost: bool,
    /// Since when nobody reads, where the server knows (17 and later).
    pub idle_since: Option<Timestamp>,
    /// Bytes of the log that are kept for it; none where it keeps none.
    pub kept: Option<i64>,
}

/// The archiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Archiver {
    /// `archive_mode` is on.
    pub on: bool,
    /// It is told how: a command, or a library.
    pub told: bool,
    /// Failures since its counts were reset.
    pub failed: u64,
    /// The last one.
    pub last_failed: Option<Timestamp>,
    /// When it last took a segment away.
    pub last_done: Option<Timestamp>,
}

/// What stands in the catalogue of one database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Its name.
    pub database: String,
    /// Foreign keys of large tables without an index that begins with one of their columns, 50 at most.
    pub unindexed: Vec<ForeignKey>,
    /// Constraints that were never checked against what was there, 50 at most.
    pub unvalidated: Vec<Unvalidated>,
    /// Sequences that are more than half used, 50 at most.
    pub sequences: Vec<Sequence>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The table that refers.
    pub table: String,
    /// The constraint.
    pub name: String,
    /// The table that it refers to.
    pub parent: String,
    /// Columns that refer.
    pub columns: String,
    /// Rows of the table, about.
    pub rows: i64,
    /// Its bytes, about.
    pub bytes: i64,
    /// Rows of the other table, about.
    pub parent_rows: i64,
    /// Rows that were deleted from it since the counts were reset.
    pub parent_deletes: i64,
}

/// A constraint that was never checked against what was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unvalidated {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// It is a foreign key.
    pub foreign: bool,
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its name.
    pub name: String,
    /// The column that it fills.
    pub column: Option<String>,
    /// The last value that it gave.
    pub last: i64,
    /// The largest that it, or the column, can hold.
    pub most: i64,
    /// Rows that were inserted into the table since `counted_since`.
    pub inserted: Option<i64>,
    /// Since when.
    pub counted_since: Option<Timestamp>,
}

/// PgBouncer, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bouncer {
    /// Its port.
    pub port: u16,
    /// Settings as they hold now: name, value, and what holds without a word.
    pub settings: Vec<(String, String, String)>,
    /// Pools whose clients wait for a connection.
    pub waiting: Vec<Waiting>,
}

/// A pool whose clients wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The database.
    pub database: String,
    /// The user.
    pub user: String,
    /// Clients that wait.
    pub clients: u64,
    /// How long the first of them has waited, in seconds.
    pub seconds: u64,
}

impl Said {
    /// A setting as it holds for all that have none of their own.
    pub fn setting(&self, name: &str) -> Option<&Held> {
        self.settings.iter().find(|setting| setting.name == name && !setting.own)
    }
}

impl Held {
    /// The number that it is.
    pub fn number(&self) -> Option<i64> {
        self.value.parse().ok()
    }
}
