//! Deleting, oldest first, a bounded number of rows at a time. Freed pages go back to the disk step by step; the
//! database is never rewritten as a whole while it is in use.

use muster_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::looks::Unread;
use super::open::fault;
use super::{compact, journal, notices, read, write};
use crate::contract::StoreError;
use crate::keep::{Keep, Pruned};
use crate::looks::{self, DAY};

/// Most rows of one table that one step deletes.
const STEP: u32 = 500;

/// Pages given back to the disk at each step.
const PAGES: u32 = 512;

/// A table of history.
struct Table {
    name: &'static str,
    /// Its column of time.
    time: &'static str,
    /// In which order its rows are looked at: by time, or by arrival where an index over the time would cost more
    /// than it gives.
    order: &'static str,
    /// Which rows may go.
    may_go: &'static str,
}

/// When the hour of a strip began.
const STRIP_TIME: &str = "CAST((seq >> 20) * 3600000 AS INTEGER)";

const TABLES: [Table; 7] = [
    Table { name: "signals", time: "at", order: "seq", may_go: "1" },
    Table { name: "runs", time: "started", order: "started, seq", may_go: "ended IS NOT NULL" },
    Table {
        name: "transitions",
        time: "at",
        order: "at, seq",
        // The last transition of each expectation says since when it is as it is.
        may_go: "EXISTS (SELECT 1 FROM transitions later WHERE later.about = transitions.about
                 AND (later.at, later.seq) > (transitions.at, transitions.seq))",
    },
    Table { name: "slots", time: "due", order: "seq", may_go: "1" },
    Table { name: "outbox", time: "queued", order: "queued, seq", may_go: "live = 0" },
    Table { name: "traces", time: "at", order: "seq", may_go: "1" },
    // By bytes as well as by age; they have an age of their own, which is less.
    Table { name: "strips", time: STRIP_TIME, order: "seq", may_go: "1" },
];

pub(super) fn prune(
    connection: &Connection,
    keep: &Keep,
    now: Timestamp,
) -> Result<(Pruned, Unread), StoreError> {
    let before = read::size(connection)?;
    let cutoff = now - keep.age;
    let packed = compact::compact(connection, now)?;
    compact::forget_unread(connection, now - keep.looks)?;
    let mut rows = 0;
    let mut more = packed.more;
    for table in &TABLES {
        let gone = delete(connection, table, cutoff)?;
        rows += gone;
        more |= gone >= u64::from(STEP);
    }
    let closely = [("strips", looks::hour(now - keep.looks.min(keep.age))), ("tallies", looks::day(cutoff))];
    for (table, time) in closely {
        let gone = first_of(connection, table, journal::first(time))?;
        rows += gone;
        more |= gone >= u64::from(STEP);
    }
    rows += nameless(connection, cutoff)?;
    rows += journal::bound_traces(connection, keep)?;
    rows += expired(connection, now)?;
    rows += notices::forget(connection, cutoff)?;
    if read::size(connection)? > keep.bytes {
        rows += by_bytes(connection, keep.bytes)?;
    }
    give_back(connection)?;
    let after = read::size(connection)?;
    more |= rows > 0 && after > keep.bytes;
    Ok((Pruned { rows, before, after, more }, packed.unread))
}

/// Deletes the oldest rows of all tables together if more than `bytes` are in use; how many went.
pub(super) fn by_bytes(connection: &Connection, bytes: u64) -> Result<u64, StoreError> {
    if read::size(connection)? <= bytes {
        return Ok(0);
    }
    if let Some(cutoff) = oldest(connection)? {
        let mut rows = 0;
        for table in &TABLES {
            rows += delete(connection, table, cutoff)?;
        }
        return Ok(rows);
    }
    // Looks of this hour alone, or days that were added up.
    match compact::compact_all(connection)?.rows {
        0 => first_of(connection, "tallies", i64::MAX),
        rows => Ok(rows),
    }
}

/// Deletes the first strips or tallies before a place.
fn first_of(connection: &Connection, table: &str, end: i64) -> Result<u64, StoreError> {
    let sql = format!(
        "DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE seq < ?1 ORDER BY seq LIMIT {STEP})"
    );
    write::run(connection, &sql, params![end]).map(|gone| gone as u64)
}

/// Deletes the names of checks that are off the roll, and of which nothing is left: when they were last seen is known
/// to the day.
fn nameless(connection: &Connection, cutoff: Timestamp) -> Result<u64, StoreError> {
    let sql = format!(
        "DELETE FROM checks WHERE number IN (SELECT number FROM checks WHERE seen < ?1
         AND NOT EXISTS (SELECT 1 FROM roll WHERE roll.about = checks.name)
         AND NOT EXISTS (SELECT 1 FROM traces WHERE traces.number = checks.number) LIMIT {STEP})"
    );
    // A tally goes when its whole day is too old.
    let seen = cutoff.millis().saturating_sub(2 * DAY);
    write::run(connection, &sql, params![seen]).map(|gone| gone as u64)
}

fn delete(connection: &Connection, table: &Table, cutoff: Timestamp) -> Result<u64, StoreError> {
    let Table { name, time, order, may_go } = table;
    // Where the order is not that of time, only the first rows are looked at: behind them all is younger, but for what
    // came late, whose turn comes later.
    let sql = if order.starts_with(time) {
        format!("SELECT seq FROM {name} WHERE {time} < ?1 AND {may_go} ORDER BY {order} LIMIT {STEP}")
    } else {
        let first =
            format!("SELECT seq, {time} AS t FROM {name} WHERE {may_go} ORDER BY {order} LIMIT {STEP}");
        format!("SELECT seq FROM ({first}) WHERE t < ?1")
    };
    let gone = connection
        .prepare_cached(&format!("DELETE FROM {name} WHERE seq IN ({sql})"))
        .and_then(|mut statement| statement.execute(params![cutoff.millis()]))
        .map_err(fault)?;
    Ok(gone as u64)
}

/// The time before which about [`STEP`] rows of all tables together lie.
fn oldest(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let parts = TABLES.map(|Table { name, time, order, may_go }| {
        format!("SELECT * FROM (SELECT {time} AS t FROM {name} WHERE {may_go} ORDER BY {order} LIMIT {STEP})")
    });
    let sql =
        format!("SELECT max(t) FROM (SELECT t FROM ({}) ORDER BY t LIMIT {STEP})", parts.join(" UNION ALL "));
    let newest: Option<i64> = connection.query_row(&sql, [], |row| row.get(0)).map_err(fault)?;
    Ok(newest.map(|millis| Timestamp::from_millis(millis.saturating_add(1))))
}

fn expired(connection: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    connection
        .execute("DELETE FROM credentials WHERE expires IS NOT NULL AND expires <= ?1", params![now.millis()])
        .map(|gone| gone as u64)
        .map_err(fault)
}

fn give_back(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})")).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    // One page is freed per step of the statement.
    while rows.next().map_err(fault)?.is_some() {}
    Ok(())
}
