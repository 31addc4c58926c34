//! Subscribers, bulletins and mails, as SQL.

use muster_core::notice::{Notice, NoticeId, Update};
use muster_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::read::{all, one, parse};
use super::write::{json, run};
use crate::contract::StoreError;
use crate::mailing::{
    BULLETIN_LIMIT, FREE, Fate, LONGEST_PAUSE, MAIL_LIMIT, MAILED_WITHIN, Mail, MailCounts, OFTEN,
    REMEMBERED, SPACED, STEP, STRIKES, SUBSCRIBER_LIMIT, Subscribed, Subscriber,
};

fn number(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<i64, StoreError> {
    let found = one(connection, sql, values, |row| Ok(Ok(row.get::<_, Option<i64>>(0)?)))?;
    Ok(found.flatten().unwrap_or(0))
}

fn count(connection: &Connection, what: &str, by: u64) -> Result<(), StoreError> {
    if by == 0 {
        return Ok(());
    }
    run(connection, &format!("UPDATE mail_counts SET {what} = {what} + ?1"), params![by as i64]).map(drop)
}

/// Keeps what an amendment said, for everybody who subscribed before. What is kept off the page is mailed to nobody.
pub(super) fn announce(
    connection: &Connection,
    id: &NoticeId,
    before: Option<&Notice>,
    after: &Notice,
) -> Result<(), StoreError> {
    if after.hidden {
        return forget(connection, id);
    }
    let known = before.map(|notice| notice.updates.as_slice()).unwrap_or_default();
    let new = after.updates.iter().filter(|update| !known.contains(update));
    for update in new {
        let upto = number(connection, "SELECT max(seq) FROM subscribers", [])?;
        if upto == 0 {
            return Ok(());
        }
        let public = Notice {
            causes: Default::default(),
            updates: vec![Update { by: None, ..update.clone() }],
            ..after.clone()
        };
        run(
            connection,
            "INSERT INTO bulletins (notice, amendment, at, own, upto, reached, body) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
             ON CONFLICT DO NOTHING",
            params![
                id.as_str(),
                amendment(update),
                update.at.millis(),
                update.by.is_none(),
                upto,
                json(&public)?
            ],
        )?;
    }
    bound(connection)
}

/// What tells one update of a notice from others.
fn amendment(update: &Update) -> String {
    format!("{}/{}/{}", update.at.millis(), update.stage.word(), update.words)
}

/// Forgets what waits of a notice.
fn forget(connection: &Connection, id: &NoticeId) -> Result<(), StoreError> {
    run(
        connection,
        "DELETE FROM mails WHERE bulletin IN (SELECT seq FROM bulletins WHERE notice = ?1)",
        params![id.as_str()],
    )?;
    let sql = "UPDATE bulletins SET reached = upto WHERE notice = ?1 AND reached < upto";
    run(connection, sql, params![id.as_str()]).map(drop)
}

/// Keeps the newest bulletins.
fn bound(connection: &Connection) -> Result<(), StoreError> {
    let newest = number(connection, "SELECT max(seq) FROM bulletins", [])?;
    drop_until(connection, "seq <= ?1", newest - BULLETIN_LIMIT)?;
    run(connection, "DELETE FROM bulletins WHERE seq <= ?1", params![newest - BULLETIN_LIMIT]).map(drop)
}

/// Gives up bulletins, and the mails that came of them.
fn drop_until(connection: &Connection, which: &str, until: i64) -> Result<(), StoreError> {
    let mails = format!("DELETE FROM mails WHERE bulletin IN (SELECT seq FROM bulletins WHERE {which})");
    let mails = run(connection, &mails, params![until])?;
    count(connection, "given_up", mails as u64)?;
    let unspread = format!("UPDATE bulletins SET reached = upto WHERE reached < upto AND {which}");
    let unspread = run(connection, &unspread, params![until])?;
    count(connection, "dropped", unspread as u64)
}

pub(super) fn subscribe(
    connection: &Connection,
    address: &str,
    now: Timestamp,
) -> Result<Subscribed, StoreError> {
    if number(connection, "SELECT count(*) FROM subscribers WHERE address = ?1", params![address])? > 0 {
        return Ok(Subscribed::Already);
    }
    let subscribers = number(connection, "SELECT count(*) FROM subscribers", [])?;
    if subscribers as u64 >= SUBSCRIBER_LIMIT {
        return Ok(Subscribed::Full);
    }
    let sql = "INSERT INTO subscribers (address, since) VALUES (?1, ?2)";
    run(connection, sql, params![address, now.millis()]).map(|_| Subscribed::New)
}

pub(super) fn unsubscribe(connection: &Connection, address: &str) -> Result<bool, StoreError> {
    run(connection, "DELETE FROM mails WHERE address = ?1", params![address])?;
    run(connection, "DELETE FROM subscribers WHERE address = ?1", params![address]).map(|gone| gone > 0)
}

pub(super) fn subscribers(connection: &Connection) -> Result<Vec<Subscriber>, StoreError> {
    let sql =
        format!("SELECT address, since, refused FROM subscribers ORDER BY seq LIMIT {SUBSCRIBER_LIMIT}");
    all(connection, &sql, [], |row| {
        let since = Timestamp::from_millis(row.get(1)?);
        Ok(Ok(Subscriber { address: row.get(0)?, since, refused: row.get(2)? }))
    })
}

/// A bulletin that has not got as far as everybody.
struct Unspread {
    seq: i64,
    notice: String,
    /// In muster's own words, and no mail was made of it yet.
    held: bool,
    upto: i64,
    reached: i64,
}

pub(super) fn spread(connection: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    drop_until(connection, "at <= ?1", (now - MAILED_WITHIN).millis())?;
    run(connection, "DELETE FROM bulletins WHERE at <= ?1", params![(now - REMEMBERED).millis()])?;
    let waiting = number(connection, "SELECT count(*) FROM mails", [])? as u64;
    let room = MAIL_LIMIT.saturating_sub(waiting).min(STEP);
    if room == 0 {
        return Ok(false);
    }
    let sql = "SELECT seq, notice, own = 1 AND spread IS NULL, upto, reached FROM bulletins WHERE reached < upto ORDER BY seq";
    let unspread: Vec<Unspread> = all(connection, sql, [], |row| {
        Ok(Ok(Unspread {
            seq: row.get(0)?,
            notice: row.get(1)?,
            held: row.get(2)?,
            upto: row.get(3)?,
            reached: row.get(4)?,
        }))
    })?;
    for one in unspread {
        if !one.held || is_its_turn(connection, &one, now)? {
            make_mails(connection, &one, room, now)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// True unless much was said about the notice of late. What a newer bulletin says in place of this one is left to that.
fn is_its_turn(connection: &Connection, one: &Unspread, now: Timestamp) -> Result<bool, StoreError> {
    let said = "FROM bulletins WHERE notice = ?1 AND own = 1 AND spread > ?2";
    let of_late = params![one.notice, (now - OFTEN).millis()];
    let times = number(connection, &format!("SELECT count(*) {said}"), of_late)?;
    if times < i64::from(FREE) {
        return Ok(true);
    }
    let newer =
        "SELECT count(*) FROM bulletins WHERE notice = ?1 AND own = 1 AND spread IS NULL AND seq > ?2";
    if number(connection, newer, params![one.notice, one.seq])? > 0 {
        run(connection, "UPDATE bulletins SET reached = upto WHERE seq = ?1", params![one.seq])?;
        return Ok(false);
    }
    let just_now = params![one.notice, (now - SPACED).millis()];
    Ok(number(connection, &format!("SELECT count(*) {said}"), just_now)? == 0)
}

fn make_mails(connection: &Connection, one: &Unspread, room: u64, now: Timestamp) -> Result<(), StoreError> {
    let page = "FROM subscribers WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3";
    let last = format!("SELECT max(seq) FROM (SELECT seq {page})");
    let last = number(connection, &last, params![one.reached, one.upto, room as i64])?;
    let reached = if last == 0 { one.upto } else { last };
    run(
        connection,
        "INSERT INTO mails (bulletin, address, due, tries) SELECT ?1, address, ?2, 0 FROM subscribers
         WHERE seq > ?3 AND seq <= ?4 ORDER BY seq ON CONFLICT DO NOTHING",
        params![one.seq, now.millis(), one.reached, reached],
    )?;
    run(
        connection,
        "UPDATE bulletins SET reached = ?2, spread = coalesce(spread, ?3) WHERE seq = ?1",
        params![one.seq, reached, now.millis()],
    )
    .map(drop)
}

pub(super) fn next_mail(connection: &Connection, now: Timestamp) -> Result<Option<Mail>, StoreError> {
    let sql = "SELECT mails.seq, mails.address, mails.tries, bulletins.amendment, bulletins.body
         FROM mails JOIN bulletins ON bulletins.seq = mails.bulletin
         WHERE (mails.due <= ?1 OR mails.due > ?2) AND NOT EXISTS (SELECT 1 FROM mails earlier
           WHERE earlier.address = mails.address AND earlier.bulletin < mails.bulletin)
         ORDER BY mails.due, mails.seq LIMIT 1";
    one(connection, sql, params![now.millis(), (now + LONGEST_PAUSE).millis()], |row| {
        let notice = match parse(row.get_ref(4)?.as_str()?) {
            Ok(notice) => notice,
            Err(error) => return Ok(Err(error)),
        };
        let (number, address) = (row.get(0)?, row.get(1)?);
        Ok(Ok(Mail { number, address, tries: row.get(2)?, amendment: row.get(3)?, notice }))
    })
}

pub(super) fn settle(connection: &Connection, mail: i64, fate: Fate) -> Result<bool, StoreError> {
    if let Fate::Later(due) = fate {
        let sql = "UPDATE mails SET due = ?2, tries = tries + 1 WHERE seq = ?1";
        return run(connection, sql, params![mail, due.millis()]).map(|_| false);
    }
    let sql = "SELECT address FROM mails WHERE seq = ?1";
    let Some(address) = one(connection, sql, params![mail], |row| Ok(Ok(row.get::<_, String>(0)?)))? else {
        // Whoever it was for ended it meanwhile.
        return Ok(false);
    };
    run(connection, "DELETE FROM mails WHERE seq = ?1", params![mail])?;
    match fate {
        Fate::Taken | Fate::Later(_) => {
            let sql = "UPDATE subscribers SET refused = 0 WHERE address = ?1 AND refused > 0";
            run(connection, sql, params![address])?;
            count(connection, "taken", 1)?;
            Ok(false)
        }
        Fate::Refused { recipient } => {
            count(connection, "given_up", 1)?;
            if !recipient {
                return Ok(false);
            }
            let sql = "UPDATE subscribers SET refused = refused + 1 WHERE address = ?1";
            run(connection, sql, params![address])?;
            let sql = "SELECT count(*) FROM subscribers WHERE address = ?1 AND refused >= ?2";
            if number(connection, sql, params![address, STRIKES])? == 0 {
                return Ok(false);
            }
            unsubscribe(connection, &address)
        }
    }
}

pub(super) fn counts(connection: &Connection) -> Result<MailCounts, StoreError> {
    let sql =
        "SELECT taken, given_up, dropped, (SELECT count(*) FROM subscribers), (SELECT count(*) FROM mails),
         (SELECT count(*) FROM bulletins WHERE reached < upto) FROM mail_counts";
    let counts = one(connection, sql, [], |row| {
        let at = |column: usize| row.get::<_, i64>(column).map(|count| count.max(0) as u64);
        let (taken, given_up, dropped) = (at(0)?, at(1)?, at(2)?);
        Ok(Ok(MailCounts {
            taken,
            given_up,
            dropped,
            subscribers: at(3)?,
            waiting: at(4)?,
            unspread: at(5)?,
        }))
    })?;
    Ok(counts.unwrap_or_default())
}
