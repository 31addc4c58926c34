//! Looks and traces of one commit as SQL: one row for all looks, and a row for each trace.

use muster_core::ids::ExpectationId;
use muster_core::look::{Look, Trace};
use muster_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::open::fault;
use super::write::{json, run};
use crate::contract::StoreError;
use crate::keep::Keep;
use crate::looks::{self, Bare, DAY, NUMBERS, TRACE_BYTES, TRACES};
use crate::packed;

/// Strips and tallies are found by one number: the hour or the day since the epoch, and so many bits for the check.
const BITS: u32 = NUMBERS.trailing_zeros();

/// Traces that go at once when all together are too many.
const STEP: u32 = 32;

/// Where a strip (of an hour) or a tally (of a day) of a check is.
pub(super) fn seq(time: i64, number: u32) -> i64 {
    first(time) | i64::from(number)
}

/// Where those of an hour or a day begin.
pub(super) fn first(time: i64) -> i64 {
    time.clamp(i64::MIN >> BITS, i64::MAX >> BITS) << BITS
}

/// The hour or day, and the check, whose place this is.
pub(super) fn of_seq(seq: i64) -> (i64, u32) {
    (seq >> BITS, (seq & i64::from(NUMBERS - 1)) as u32)
}

/// Adds all looks of a commit.
pub(super) fn put_looks(connection: &Connection, all: &[Look]) -> Result<(), StoreError> {
    let Some(newest) = all.iter().map(|look| Bare::of(look).place().0).max() else { return Ok(()) };
    let mut numbered = Vec::with_capacity(all.len());
    for look in all {
        numbered.push((number(connection, &look.about, look.at)?, Bare::of(look)));
    }
    numbered.sort_by_key(|(number, _)| *number);
    run(
        connection,
        "INSERT INTO journal (newest, body) VALUES (?1, ?2)",
        params![newest.millis(), packed::journal(&numbered)],
    )
    .map(drop)
}

/// The number of a check, a new one if it was never seen. When it was last seen is known to the day.
fn number(connection: &Connection, about: &ExpectationId, at: Timestamp) -> Result<u32, StoreError> {
    let known: Option<(u32, i64)> = connection
        .prepare_cached("SELECT number, seen FROM checks WHERE name = ?1")
        .and_then(|mut statement| {
            statement.query_row(params![about.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(fault)?;
    match known {
        Some((number, seen)) => {
            if at.millis() > seen.saturating_add(DAY) {
                let sql = "UPDATE checks SET seen = ?2 WHERE number = ?1";
                run(connection, sql, params![number, at.millis()])?;
            }
            Ok(number)
        }
        None => {
            let sql = "INSERT INTO checks (name, seen) VALUES (?1, ?2) RETURNING number";
            let number: u32 = connection
                .prepare_cached(sql)
                .and_then(|mut new| new.query_row(params![about.as_str(), at.millis()], |row| row.get(0)))
                .map_err(fault)?;
            if number < NUMBERS {
                Ok(number)
            } else {
                Err(StoreError::Unavailable("more names of checks than the store has numbers for".into()))
            }
        }
    }
}

/// Adds the traces of a commit, and lets go of older ones: beyond the newest of each check, and beyond the bytes that
/// all may take.
pub(super) fn put_traces(connection: &Connection, traces: &[Trace], keep: &Keep) -> Result<(), StoreError> {
    for trace in traces {
        let number = number(connection, &trace.about, trace.at)?;
        run(
            connection,
            "INSERT INTO traces (number, at, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![number, trace.at.millis(), json(&looks::cut(trace).sight)?],
        )?;
        let surplus = format!(
            "DELETE FROM traces WHERE number = ?1 AND at <=
             (SELECT at FROM traces WHERE number = ?1 ORDER BY at DESC LIMIT 1 OFFSET {TRACES})"
        );
        run(connection, &surplus, params![number])?;
    }
    if !traces.is_empty() {
        bound_traces(connection, keep)?;
    }
    Ok(())
}

/// Deletes the oldest traces as long as all together take too much; how many went.
pub(super) fn bound_traces(connection: &Connection, keep: &Keep) -> Result<u64, StoreError> {
    let bound = TRACE_BYTES.min(keep.bytes / 4);
    let mut gone = 0;
    loop {
        let bytes: i64 = connection
            .prepare_cached("SELECT bytes FROM trace_bytes")
            .and_then(|mut sum| sum.query_row([], |row| row.get(0)))
            .map_err(fault)?;
        if u64::try_from(bytes).unwrap_or(0) <= bound {
            return Ok(gone);
        }
        let sql =
            format!("DELETE FROM traces WHERE seq IN (SELECT seq FROM traces ORDER BY seq LIMIT {STEP})");
        match run(connection, &sql, [])? {
            0 => return Ok(gone),
            rows => gone += rows as u64,
        }
    }
}
