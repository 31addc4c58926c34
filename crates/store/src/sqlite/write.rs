//! One commit, and the credentials, as SQL.

use muster_core::outbox::Entry;
use muster_core::signal::Signal;
use muster_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::open::fault;
use super::{journal, notices, read};
use crate::contract::{Commit, StoreError};
use crate::credential::Credential;
use crate::history::{Run, Subject, follow, subject};
use crate::keep::Keep;

pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Unavailable(format!("cannot be written: {error}")))
}

pub(super) fn run(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(fault)
}

pub(super) fn commit(connection: &Connection, commit: &Commit, keep: &Keep) -> Result<(), StoreError> {
    for signal in &commit.signals {
        put_signal(connection, signal)?;
    }
    for (about, state) in &commit.rows {
        run(
            connection,
            "INSERT INTO roll (about, state) VALUES (?1, ?2) ON CONFLICT (about) DO UPDATE SET state = ?2",
            params![about.as_str(), state],
        )?;
    }
    for about in &commit.removed {
        run(connection, "DELETE FROM roll WHERE about = ?1", params![about.as_str()])?;
    }
    for transition in &commit.transitions {
        run(
            connection,
            "INSERT INTO transitions (about, at, body) VALUES (?1, ?2, ?3)",
            params![transition.about.as_str(), transition.at.millis(), json(transition)?],
        )?;
    }
    for slot in &commit.slots {
        run(
            connection,
            "INSERT INTO slots (about, due, at, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![slot.about.as_str(), slot.due.millis(), slot.at.millis(), json(slot)?],
        )?;
    }
    for entry in &commit.outbox {
        put_entry(connection, entry)?;
    }
    for key in &commit.forgotten {
        run(connection, "UPDATE outbox SET live = 0 WHERE key = ?1", params![key])?;
    }
    for (name, text) in &commit.notes {
        put_meta(connection, &format!("note.{name}"), text)?;
    }
    journal::put_looks(connection, &commit.looks)?;
    journal::put_traces(connection, &commit.traces, keep)?;
    for (id, amendment) in &commit.amendments {
        notices::amend(connection, id, amendment)?;
    }
    if let Some(watermark) = &commit.watermark {
        put_meta(connection, "watermark", &json(watermark)?)?;
    }
    Ok(())
}

pub(super) fn put_meta(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        params![key, value],
    )
    .map(drop)
}

fn put_signal(connection: &Connection, signal: &Signal) -> Result<(), StoreError> {
    let added = run(
        connection,
        "INSERT INTO signals (id, about, at, run, report) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![
            signal.id.as_str(),
            signal.about.as_str(),
            signal.at.millis(),
            signal.run.as_ref().map(muster_core::ids::RunId::as_str),
            json(&signal.report)?
        ],
    )?;
    if added == 0 {
        return Ok(());
    }
    let existing = match subject(signal) {
        Subject::Named(id) => read::run(connection, &signal.about, &id)?,
        Subject::NewestAnonymous => read::newest_anonymous(connection, &signal.about)?,
        Subject::New => None,
        Subject::None => return Ok(()),
    };
    match follow(existing, signal) {
        Some(changed) => put_run(connection, &changed),
        None => Ok(()),
    }
}

fn put_run(connection: &Connection, item: &Run) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO runs (about, id, started, ended, anonymous, state, process) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (about, id) DO UPDATE SET started = ?3, ended = ?4, anonymous = ?5, state = ?6, process = ?7",
        params![
            item.about.as_str(),
            item.id.as_str(),
            item.started.millis(),
            item.ended.map(Timestamp::millis),
            item.anonymous,
            json(&item.state)?,
            item.process.as_ref().map(json).transpose()?
        ],
    )
    .map(drop)
}

fn put_entry(connection: &Connection, entry: &Entry) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO outbox (key, live, queued, entry) VALUES (?1, 1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET live = 1, entry = ?3",
        params![entry.key(), entry.queued.millis(), json(entry)?],
    )
    .map(drop)
}

pub(super) fn put_credential(connection: &Connection, credential: &Credential) -> Result<(), StoreError> {
    run(
        connection,
        "INSERT INTO credentials (digest, kind, scope, held_by, created, expires, used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (digest) DO UPDATE SET kind = ?2, scope = ?3, held_by = ?4, created = ?5, expires = ?6, used = ?7",
        params![
            credential.digest,
            credential.kind.word(),
            credential.scope,
            credential.by,
            credential.created.millis(),
            credential.expires.map(Timestamp::millis),
            credential.used.map(Timestamp::millis)
        ],
    )
    .map(drop)
}

pub(super) fn spend_credential(
    connection: &Connection,
    digest: &str,
    now: Timestamp,
) -> Result<Option<Credential>, StoreError> {
    let spent = run(
        connection,
        "UPDATE credentials SET used = ?2 WHERE digest = ?1 AND used IS NULL AND (expires IS NULL OR expires > ?2)",
        params![digest, now.millis()],
    )?;
    if spent == 0 { Ok(None) } else { read::credential(connection, digest) }
}

pub(super) fn drop_credential(connection: &Connection, digest: &str) -> Result<bool, StoreError> {
    connection
        .query_row("DELETE FROM credentials WHERE digest = ?1 RETURNING 1", params![digest], |_| Ok(()))
        .optional()
        .map(|gone| gone.is_some())
        .map_err(fault)
}
