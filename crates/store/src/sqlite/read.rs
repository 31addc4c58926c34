//! What is read, as SQL. Every statement has a limit.

use std::collections::HashSet;

use muster_core::effect::{SlotClosed, Transition};
use muster_core::ids::{ExpectationId, RunId, SignalId};
use muster_core::look::Tally;
use muster_core::outbox::Entry;
use muster_core::signal::{Report, Signal};
use muster_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::open::fault;
use crate::brief::{BRIEF_LIMIT, Brief, GAP_LIMIT};
use crate::contract::{Loaded, StoreError};
use crate::credential::{Credential, CredentialKind};
use crate::history::{Cursor, Listed, PAGE_LIMIT, Run, RunState, SLOT_LIMIT};
use crate::looks;

/// A row as the engine gives it, and then as we mean it: the second step can fail on its own.
pub(super) type Reader<T> = fn(&Row<'_>) -> rusqlite::Result<Result<T, StoreError>>;

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("{error} in {text:.120}")))
}

fn name<T>(made: Result<T, muster_core::ids::NameError>) -> Result<T, StoreError> {
    made.map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    reader: Reader<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let rows = statement.query_map(values, reader).map_err(fault)?;
    rows.map(|row| row.map_err(fault)?).collect()
}

pub(super) fn one<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    reader: Reader<T>,
) -> Result<Option<T>, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(values, reader).optional())
        .map_err(fault)?
        .transpose()
}

/// A history that is read in pages.
struct History<T> {
    table: &'static str,
    time: &'static str,
    /// Of all expectations together it is read in the order of arrival, for want of an index over the time.
    by_arrival: bool,
    columns: &'static str,
    reader: Reader<T>,
}

/// One page. The first two columns are always time and order of arrival.
fn page<T>(
    connection: &Connection,
    history: &History<T>,
    about: Option<&ExpectationId>,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Listed<T>, StoreError> {
    let limit = limit.clamp(1, PAGE_LIMIT);
    let History { table, time, by_arrival, columns, reader } = history;
    let by_arrival = *by_arrival && about.is_none();
    let mut clauses = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    if let Some(about) = about {
        clauses.push("about = ?".to_owned());
        values.push(about.as_str().to_owned().into());
    }
    if let Some(cursor) = before {
        if by_arrival {
            clauses.push("seq < ?".to_owned());
        } else {
            clauses.push(format!("({time}, seq) < (?, ?)"));
            values.push(cursor.at.millis().into());
        }
        values.push(cursor.seq.into());
    }
    let filter = if clauses.is_empty() { String::new() } else { format!("WHERE {}", clauses.join(" AND ")) };
    let order = if by_arrival { "seq DESC".to_owned() } else { format!("{time} DESC, seq DESC") };
    // One more than asked for tells whether there is another page.
    let sql =
        format!("SELECT {time}, seq, {columns} FROM {table} {filter} ORDER BY {order} LIMIT {}", limit + 1);
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut items = Vec::new();
    let mut last = None;
    let mut next = None;
    while let Some(row) = rows.next().map_err(fault)? {
        if items.len() == limit {
            next = last;
            break;
        }
        let at = Timestamp::from_millis(row.get(0).map_err(fault)?);
        last = Some(Cursor { at, seq: row.get(1).map_err(fault)? });
        items.push(reader(row).map_err(fault)??);
    }
    Ok(Listed { items, next })
}

pub(super) fn load(connection: &Connection) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let pair = |row: &Row<'_>| -> rusqlite::Result<Result<(String, String), StoreError>> {
        Ok(Ok((row.get(0)?, row.get(1)?)))
    };
    for (about, state) in all(connection, "SELECT about, state FROM roll ORDER BY about", [], pair)? {
        match ExpectationId::new(&about) {
            Ok(about) => loaded.rows.push((about, state)),
            Err(error) => loaded.unreadable.push(format!("row of {about:?}: {error}")),
        }
    }
    let live = "SELECT key, entry FROM outbox WHERE live = 1 ORDER BY queued, seq";
    for (key, entry) in all(connection, live, [], pair)? {
        match parse(&entry) {
            Ok(entry) => loaded.outbox.push(entry),
            Err(error) => loaded.unreadable.push(format!("page {key}: {error}")),
        }
    }
    for (key, text) in all(connection, "SELECT key, value FROM meta WHERE key LIKE 'note.%'", [], pair)? {
        loaded.notes.insert(key.trim_start_matches("note.").to_owned(), text);
    }
    let watermark = "SELECT key, value FROM meta WHERE key = 'watermark'";
    if let Some((_, text)) = one(connection, watermark, [], pair)? {
        match parse(&text) {
            Ok(watermark) => loaded.watermark = Some(watermark),
            Err(error) => loaded.unreadable.push(format!("watermark: {error}")),
        }
    }
    Ok(loaded)
}

pub(super) fn known(connection: &Connection, ids: &[SignalId]) -> Result<HashSet<SignalId>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM signals WHERE id = ?1").map_err(fault)?;
    let mut found = HashSet::new();
    for id in ids {
        if statement.exists(params![id.as_str()]).map_err(fault)? {
            found.insert(id.clone());
        }
    }
    Ok(found)
}

pub(super) fn transitions(
    connection: &Connection,
    about: Option<&ExpectationId>,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Listed<Transition>, StoreError> {
    let history = History {
        table: "transitions",
        time: "at",
        by_arrival: false,
        columns: "body",
        reader: |row| Ok(parse(row.get_ref(2)?.as_str()?)),
    };
    page(connection, &history, about, before, limit)
}

pub(super) fn signals(
    connection: &Connection,
    about: Option<&ExpectationId>,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Listed<Signal>, StoreError> {
    let history = History {
        table: "signals",
        time: "at",
        by_arrival: true,
        columns: "id, about, run, report",
        reader: signal,
    };
    page(connection, &history, about, before, limit)
}

fn signal(row: &Row<'_>) -> rusqlite::Result<Result<Signal, StoreError>> {
    let at: i64 = row.get(0)?;
    let id: String = row.get(2)?;
    let about: String = row.get(3)?;
    let run: Option<String> = row.get(4)?;
    let report: String = row.get(5)?;
    let read = || {
        Ok(Signal {
            id: name(SignalId::new(id))?,
            about: name(ExpectationId::new(about))?,
            at: Timestamp::from_millis(at),
            run: run.map(|run| name(RunId::new(run))).transpose()?,
            report: parse::<Report>(&report)?,
        })
    };
    Ok(read())
}

/// Columns of a run in the order that [`run_row`] reads, after time and order of arrival.
const RUN: &str = "about, id, ended, anonymous, state, process";

fn run_row(row: &Row<'_>) -> rusqlite::Result<Result<Run, StoreError>> {
    let started: i64 = row.get(0)?;
    let about: String = row.get(2)?;
    let id: String = row.get(3)?;
    let ended: Option<i64> = row.get(4)?;
    let anonymous: bool = row.get(5)?;
    let state: String = row.get(6)?;
    let process: Option<String> = row.get(7)?;
    let read = || {
        Ok(Run {
            about: name(ExpectationId::new(about))?,
            id: name(RunId::new(id))?,
            started: Timestamp::from_millis(started),
            ended: ended.map(Timestamp::from_millis),
            state: parse::<RunState>(&state)?,
            process: process.as_deref().map(parse).transpose()?,
            anonymous,
        })
    };
    Ok(read())
}

pub(super) fn runs(
    connection: &Connection,
    about: Option<&ExpectationId>,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Listed<Run>, StoreError> {
    let history =
        History { table: "runs", time: "started", by_arrival: false, columns: RUN, reader: run_row };
    page(connection, &history, about, before, limit)
}

pub(super) fn run(
    connection: &Connection,
    about: &ExpectationId,
    id: &RunId,
) -> Result<Option<Run>, StoreError> {
    let sql = format!("SELECT started, seq, {RUN} FROM runs WHERE about = ?1 AND id = ?2");
    one(connection, &sql, params![about.as_str(), id.as_str()], run_row)
}

pub(super) fn newest_anonymous(
    connection: &Connection,
    about: &ExpectationId,
) -> Result<Option<Run>, StoreError> {
    let sql = format!(
        "SELECT started, seq, {RUN} FROM runs WHERE about = ?1 AND ended IS NULL AND anonymous = 1
         ORDER BY started DESC, seq DESC LIMIT 1"
    );
    one(connection, &sql, params![about.as_str()], run_row)
}

pub(super) fn open_runs(connection: &Connection) -> Result<Vec<Run>, StoreError> {
    let sql = format!(
        "SELECT started, seq, {RUN} FROM runs WHERE ended IS NULL ORDER BY started, seq LIMIT {PAGE_LIMIT}"
    );
    all(connection, &sql, [], run_row)
}

pub(super) fn slots(
    connection: &Connection,
    about: &ExpectationId,
    since: Timestamp,
) -> Result<Vec<SlotClosed>, StoreError> {
    let sql =
        format!("SELECT body FROM slots WHERE about = ?1 AND due >= ?2 ORDER BY due DESC LIMIT {SLOT_LIMIT}");
    let mut slots = all(connection, &sql, params![about.as_str(), since.millis()], |row| {
        Ok(parse(row.get_ref(0)?.as_str()?))
    })?;
    slots.reverse();
    Ok(slots)
}

pub(super) fn slot_days(
    connection: &Connection,
    about: &ExpectationId,
    since: Timestamp,
) -> Result<Vec<(Timestamp, Tally)>, StoreError> {
    // Times before the epoch are nobody's slots, so division is rounding down.
    let sql = "SELECT due / 86400000, json_extract(body, '$.verdict'), count(*) FROM slots
               WHERE about = ?1 AND due >= ?2 GROUP BY 1, 2 ORDER BY 1";
    let from = looks::day_start(looks::day(since));
    let rows = all(connection, sql, params![about.as_str(), from.millis()], |row| {
        let (day, verdict, slots) = (row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?);
        Ok(parse(&format!("\"{verdict}\"")).map(|verdict| (day, verdict, slots)))
    })?;
    let mut days: Vec<(Timestamp, Tally)> = Vec::new();
    for (day, verdict, slots) in rows {
        let begins = looks::day_start(day);
        if days.last().is_none_or(|(last, _)| *last != begins) {
            days.push((begins, Tally::default()));
        }
        if let Some((_, tally)) = days.last_mut() {
            crate::history::count(tally, verdict, slots);
        }
    }
    Ok(days)
}

pub(super) fn briefs(
    connection: &Connection,
    about: Option<&ExpectationId>,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<Brief>, StoreError> {
    let mut values = vec![Value::Integer(since.millis())];
    let mut whose = "";
    if let Some(about) = about {
        values.push(Value::Text(about.as_str().to_owned()));
        whose = "AND about = ?2";
    }
    let sql = format!(
        "SELECT started, about, id, ended, state FROM runs WHERE started >= ?1 {whose}
         ORDER BY started DESC, seq DESC LIMIT {}",
        limit.min(BRIEF_LIMIT)
    );
    all(connection, &sql, params_from_iter(values), |row| {
        let (started, about, id) = (row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?);
        let ended: Option<i64> = row.get(3)?;
        let state = row.get_ref(4)?.as_str()?;
        let read = || {
            let times = (Timestamp::from_millis(started), ended.map(Timestamp::from_millis));
            Brief::read(name(ExpectationId::new(about))?, name(RunId::new(id))?, times, state)
                .map_err(|error| StoreError::Corrupt(format!("{error} in {state:.120}")))
        };
        Ok(read())
    })
}

pub(super) fn gaps(connection: &Connection, since: Timestamp) -> Result<Vec<SlotClosed>, StoreError> {
    let sql = format!(
        "SELECT body FROM slots WHERE due >= ?1 AND json_extract(body, '$.verdict') IN ('missed', 'unknown')
         ORDER BY due DESC, seq DESC LIMIT {GAP_LIMIT}"
    );
    all(connection, &sql, params![since.millis()], |row| Ok(parse(row.get_ref(0)?.as_str()?)))
}

pub(super) fn deliveries(
    connection: &Connection,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Listed<Entry>, StoreError> {
    let history = History {
        table: "outbox",
        time: "queued",
        by_arrival: false,
        columns: "entry",
        reader: |row| Ok(parse(row.get_ref(2)?.as_str()?)),
    };
    page(connection, &history, None, before, limit)
}

const CREDENTIAL: &str = "SELECT digest, kind, scope, held_by, created, expires, used FROM credentials";

fn credential_row(row: &Row<'_>) -> rusqlite::Result<Result<Credential, StoreError>> {
    let kind: String = row.get(1)?;
    let Some(kind) = CredentialKind::of_word(&kind) else {
        return Ok(Err(StoreError::Corrupt(format!("credential of unknown kind {kind:?}"))));
    };
    Ok(Ok(Credential {
        digest: row.get(0)?,
        kind,
        scope: row.get(2)?,
        by: row.get(3)?,
        created: Timestamp::from_millis(row.get(4)?),
        expires: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
        used: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
    }))
}

pub(super) fn credential(connection: &Connection, digest: &str) -> Result<Option<Credential>, StoreError> {
    one(connection, &format!("{CREDENTIAL} WHERE digest = ?1"), params![digest], credential_row)
}

pub(super) fn credentials(connection: &Connection) -> Result<Vec<Credential>, StoreError> {
    let sql = format!("{CREDENTIAL} ORDER BY created DESC, digest LIMIT {PAGE_LIMIT}");
    all(connection, &sql, [], credential_row)
}

/// Bytes in use: pages that are not free.
pub(super) fn size(connection: &Connection) -> Result<u64, StoreError> {
    let number = |pragma: &str| -> Result<u64, StoreError> {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, u32>(0))
            .map(u64::from)
            .map_err(fault)
    };
    Ok(number("page_count")?.saturating_sub(number("freelist_count")?) * number("page_size")?)
}
