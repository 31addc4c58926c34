//! The tables. A released migration is never edited: a change is a new entry at the end of [`MIGRATIONS`].

use rusqlite::Connection;

use super::open::fault;
use crate::contract::StoreError;

/// Schema 1. Rows are kept in order of arrival (`seq`), so that deleting the oldest frees whole pages. Times are
/// milliseconds since the epoch; what only people and the core read is JSON.
const FIRST: &str = "
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE roll (
  about TEXT PRIMARY KEY,
  state TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE signals (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  about TEXT NOT NULL,
  at INTEGER NOT NULL,
  run TEXT,
  report TEXT NOT NULL
);
CREATE INDEX signals_by_about ON signals (about, at, seq);
CREATE INDEX signals_by_at ON signals (at, seq);

CREATE TABLE runs (
  seq INTEGER PRIMARY KEY,
  about TEXT NOT NULL,
  id TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  anonymous INTEGER NOT NULL,
  state TEXT NOT NULL,
  process TEXT,
  UNIQUE (about, id)
);
CREATE INDEX runs_by_about ON runs (about, started, seq);
CREATE INDEX runs_by_start ON runs (started, seq);
CREATE INDEX runs_open ON runs (about, started, seq) WHERE ended IS NULL;

CREATE TABLE transitions (
  seq INTEGER PRIMARY KEY,
  about TEXT NOT NULL,
  at INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX transitions_by_about ON transitions (about, at, seq);
CREATE INDEX transitions_by_at ON transitions (at, seq);

CREATE TABLE slots (
  seq INTEGER PRIMARY KEY,
  about TEXT NOT NULL,
  due INTEGER NOT NULL,
  at INTEGER NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (about, due)
);
CREATE INDEX slots_by_due ON slots (due, seq);

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  live INTEGER NOT NULL,
  queued INTEGER NOT NULL,
  entry TEXT NOT NULL
);
CREATE INDEX outbox_by_time ON outbox (queued, seq);
CREATE INDEX outbox_live ON outbox (queued, seq) WHERE live = 1;

CREATE TABLE credentials (
  digest TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  scope TEXT NOT NULL,
  held_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  used INTEGER
) WITHOUT ROWID;
";

/// Schema 2. Rows arrive nearly in the order of their times, so the oldest are found by `seq`: two indexes less to
/// write for each heartbeat.
const SECOND: &str = "
DROP INDEX signals_by_at;
DROP INDEX slots_by_due;
";

/// Schema 3. What checks saw. `journal` has one row for all looks of a commit; `compact` puts what is older than the hour
/// into `strips`, one for a check and hour, and adds it to `tallies`, one for a check and day. `seq` of these two is the
/// hour or day since the epoch and the number of the check in one, so that those of one time lie together. Looks are
/// packed (`packed`), because there may be fourteen million a day.
const THIRD: &str = "
CREATE TABLE checks (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  slot INTEGER,
  seen INTEGER NOT NULL
);

CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  newest INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE strips (
  seq INTEGER PRIMARY KEY,
  body BLOB NOT NULL
);

CREATE TABLE tallies (
  seq INTEGER PRIMARY KEY,
  ok INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  missed INTEGER NOT NULL,
  took INTEGER NOT NULL,
  longest INTEGER NOT NULL
);

CREATE TABLE traces (
  seq INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (number, at)
);

CREATE TABLE trace_bytes (bytes INTEGER NOT NULL);
INSERT INTO trace_bytes VALUES (0);
CREATE TRIGGER trace_added AFTER INSERT ON traces
BEGIN UPDATE trace_bytes SET bytes = bytes + length(CAST(new.body AS BLOB)) + 64; END;
CREATE TRIGGER trace_gone AFTER DELETE ON traces
BEGIN UPDATE trace_bytes SET bytes = bytes - length(CAST(old.body AS BLOB)) - 64; END;
";

/// Schema 4. What customers are told of trouble. A notice is amended as a whole, inside the transaction of its amendment.
const FOURTH: &str = "
CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  began INTEGER NOT NULL,
  ended INTEGER,
  body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX notices_by_end ON notices (ended);
";

/// Schema 5. Who subscribed to the status page. A number is given once, so that `upto` tells who was on the list when a
/// bulletin was made, and `reached` who of these has a mail of it in the queue.
const FIFTH: &str = "
CREATE TABLE subscribers (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  address TEXT NOT NULL UNIQUE COLLATE NOCASE,
  since INTEGER NOT NULL,
  refused INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE bulletins (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  notice TEXT NOT NULL,
  amendment TEXT NOT NULL,
  at INTEGER NOT NULL,
  own INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  reached INTEGER NOT NULL,
  spread INTEGER,
  body TEXT NOT NULL,
  UNIQUE (notice, amendment)
);
CREATE INDEX bulletins_unspread ON bulletins (seq) WHERE reached < upto;

CREATE TABLE mails (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  bulletin INTEGER NOT NULL,
  address TEXT NOT NULL COLLATE NOCASE,
  due INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  UNIQUE (address, bulletin)
);
CREATE INDEX mails_by_due ON mails (due, seq);
CREATE INDEX mails_by_bulletin ON mails (bulletin);

CREATE TABLE mail_counts (taken INTEGER NOT NULL, given_up INTEGER NOT NULL, dropped INTEGER NOT NULL);
INSERT INTO mail_counts VALUES (0, 0, 0);
";

/// Entry `n` leads from schema `n` to schema `n + 1`.
const MIGRATIONS: [&str; 5] = [FIRST, SECOND, THIRD, FOURTH, FIFTH];

/// Brings the file to the newest schema, one transaction per step; true if the file was empty before.
pub(super) fn migrate(connection: &mut Connection) -> Result<bool, StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault)?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (target, sql) in (1..).zip(MIGRATIONS).filter(|(target, _)| *target > found) {
        let transaction = connection.transaction().map_err(fault)?;
        transaction.execute_batch(sql).map_err(fault)?;
        transaction.pragma_update(None, "user_version", target).map_err(fault)?;
        transaction.commit().map_err(fault)?;
    }
    Ok(found == 0)
}
