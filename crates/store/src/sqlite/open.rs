//! Opening the file, and setting a damaged one aside.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_core::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema;
use crate::contract::StoreError;
use crate::keep::Keep;

/// How long one statement waits for another process. Short: the agent has better things to do, and tries again.
const BUSY: Duration = Duration::from_millis(250);

/// Statements that the writer keeps parsed: more than it has.
const STATEMENTS: usize = 80;

/// What was found at the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing; a new file was made.
    Fresh,
    /// A database of ours.
    Existing,
    /// A file that cannot be read. It was moved aside and a new one was made: history is missing, which people must
    /// be told.
    Replaced {
        /// Where it lies now.
        aside: PathBuf,
        /// What was wrong with it.
        why: String,
    },
}

/// The words of the contract for an error of the engine.
pub(super) fn fault(error: rusqlite::Error) -> StoreError {
    let words = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(words),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked(words),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(words),
        _ => StoreError::Unavailable(words),
    }
}

/// Opens the writing connection, making or replacing the file where needed.
pub(super) fn open(path: &Path, keep: &Keep, now: Timestamp) -> Result<(Connection, Opened), StoreError> {
    match attempt(path, keep) {
        Ok((connection, true)) => Ok((connection, Opened::Fresh)),
        Ok((connection, false)) => Ok((connection, Opened::Existing)),
        Err(StoreError::Corrupt(why)) => {
            let aside = set_aside(path, now)?;
            let (connection, _) = attempt(path, keep)?;
            Ok((connection, Opened::Replaced { aside, why }))
        }
        Err(error) => Err(error),
    }
}

fn attempt(path: &Path, keep: &Keep) -> Result<(Connection, bool), StoreError> {
    private_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement beside a partial index is planned anew for each value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fault)?;
    // Only takes effect in a file without tables, so it comes first.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(fault)?;
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
        .map_err(fault)
        .and_then(|mode| match mode.as_str() {
            "wal" => Ok(()),
            other => Err(StoreError::Unavailable(format!("journal mode {other} instead of wal"))),
        })?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 1000;
             PRAGMA journal_size_limit = 4194304;
             PRAGMA cache_size = -1024;
             PRAGMA temp_store = MEMORY;",
        )
        .map_err(fault)?;
    let fresh = schema::migrate(&mut connection)?;
    if !fresh {
        quick_check(&connection)?;
    }
    cap(&connection, keep)?;
    Ok((connection, fresh))
}

/// Opens one more connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -512;").map_err(fault)?;
    Ok(connection)
}

/// Sets the size that the file may never exceed.
pub(super) fn cap(connection: &Connection, keep: &Keep) -> Result<(), StoreError> {
    let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(fault)?;
    let pages = keep.hard_cap() / u64::from(page.max(512));
    connection
        .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))
        .map_err(fault)
        .map(drop)
}

/// Makes the file readable by its owner only, before anything is in it. The files beside it (`-wal`, `-shm`) take
/// their mode from it.
fn private_file(path: &Path) -> Result<(), StoreError> {
    let unavailable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            StoreError::Full(error.to_string())
        }
        _ => StoreError::Unavailable(format!("{}: {error}", path.display())),
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(unavailable)?;
    let mode = file.metadata().map_err(unavailable)?.permissions().mode() & 0o777;
    if mode != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(unavailable)?;
    }
    Ok(())
}

fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(fault)?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt(verdict)) }
}

/// Moves the database and the files beside it to names that are not in use.
fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let beside = |base: &Path, ending: &str| {
        let mut name = base.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let aside = (0..100)
        .map(|nth| {
            let dot = if nth == 0 { String::new() } else { format!(".{nth}") };
            beside(path, &format!(".corrupt-{}{dot}", now.seconds()))
        })
        .find(|candidate| !candidate.exists())
        .ok_or_else(|| StoreError::Unavailable("too many damaged databases beside this one".into()))?;
    for ending in ["", "-wal", "-shm"] {
        let from = beside(path, ending);
        if from.exists() {
            std::fs::rename(&from, beside(&aside, ending))
                .map_err(|error| StoreError::Unavailable(format!("{}: {error}", from.display())))?;
        }
    }
    Ok(aside)
}
