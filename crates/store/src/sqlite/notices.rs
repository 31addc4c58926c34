//! Notices: few, amended as a whole.

use muster_core::notice::{Amendment, Notice, NoticeId};
use muster_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::mailing;
use super::read::{all, one, parse};
use super::write::{json, run};
use crate::contract::{NOTICE_LIMIT, StoreError};

/// Writes what an amendment makes of a notice, and what subscribers are to be told of it; nothing where it changes nothing.
pub(super) fn amend(connection: &Connection, id: &NoticeId, amendment: &Amendment) -> Result<(), StoreError> {
    let before = notice(connection, id)?;
    let Some(after) = Notice::amended(before.clone(), id, amendment) else { return Ok(()) };
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    run(
        connection,
        "INSERT INTO notices (id, began, ended, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET began = ?2, ended = ?3, body = ?4",
        params![id.as_str(), after.began.millis(), after.ended.map(Timestamp::millis), json(&after)?],
    )?;
    mailing::announce(connection, id, before.as_ref(), &after)
}

pub(super) fn notice(connection: &Connection, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
    let sql = "SELECT body FROM notices WHERE id = ?1";
    one(connection, sql, params![id.as_str()], |row| Ok(parse(row.get_ref(0)?.as_str()?)))
}

pub(super) fn notices(connection: &Connection, since: Timestamp) -> Result<Vec<Notice>, StoreError> {
    let sql = format!(
        "SELECT body FROM notices WHERE ended IS NULL OR ended >= ?1 ORDER BY began DESC, id DESC LIMIT {NOTICE_LIMIT}"
    );
    all(connection, &sql, params![since.millis()], |row| Ok(parse(row.get_ref(0)?.as_str()?)))
}

/// Deletes what ended before `cutoff`; how many went.
pub(super) fn forget(connection: &Connection, cutoff: Timestamp) -> Result<u64, StoreError> {
    run(connection, "DELETE FROM notices WHERE ended < ?1", params![cutoff.millis()]).map(|gone| gone as u64)
}
