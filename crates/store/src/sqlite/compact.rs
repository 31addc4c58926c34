//! Packs the looks of hours that are over: rows of the journal become strips, and are added to the tallies of their days,
//! all in the transaction of the caller. A look is counted when it comes into a strip, and one that is there already is
//! not counted again: so a step may be cut off anywhere, and a commit may come twice, even after its hour was packed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use muster_core::look::Tally;
use muster_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::journal::{of_seq, seq};
use super::looks::{TALLY, Unread, bytes, strip, tally};
use super::open::fault;
use super::write::{self, run};
use crate::contract::StoreError;
use crate::looks::{self, Bare, HOUR, Place};
use crate::packed;

/// Looks of one step, but for those of its last row.
const STEP: usize = 100_000;

/// What one step did.
#[derive(Default)]
pub(super) struct Compacted {
    /// Rows of the journal that were packed.
    pub(super) rows: u64,
    /// There may be more to pack.
    pub(super) more: bool,
    /// What could not be read, and is lost.
    pub(super) unread: Unread,
}

/// Packs rows of the journal, oldest first: those whose looks are all of hours before that of `now`. What lies more
/// than an hour ahead was seen by a wrong clock and is packed as well, else it would stay until that time comes.
pub(super) fn compact(connection: &Connection, now: Timestamp) -> Result<Compacted, StoreError> {
    let hour = looks::hour(now).saturating_mul(HOUR);
    rows_outside(connection, hour, hour.saturating_add(2 * HOUR), now)
}

/// Packs rows of the journal, oldest first, whatever their hours.
pub(super) fn compact_all(connection: &Connection) -> Result<Compacted, StoreError> {
    rows_outside(connection, i64::MAX, i64::MAX, Timestamp::from_millis(i64::MAX))
}

fn rows_outside(
    connection: &Connection,
    from: i64,
    to: i64,
    now: Timestamp,
) -> Result<Compacted, StoreError> {
    let mut done = Compacted::default();
    let mut strips: BTreeMap<i64, Vec<Bare>> = BTreeMap::new();
    let mut taken = Vec::new();
    let mut looks = 0;
    {
        let sql = "SELECT seq, body, newest FROM journal WHERE newest < ?1 OR newest >= ?2 ORDER BY seq";
        let mut statement = connection.prepare_cached(sql).map_err(fault)?;
        let mut rows = statement.query(params![from, to]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            if looks >= STEP {
                done.more = true;
                break;
            }
            let row_seq: i64 = row.get(0).map_err(fault)?;
            let read = packed::read_journal(bytes(row, 1));
            if let Some(error) = read.fault {
                let newest: i64 = row.get(2).map_err(fault)?;
                let words = format!("journal row {row_seq}: {error}");
                say_unread(connection, newest.min(now.millis()), row_seq, &words)?;
                done.unread.push(words);
            }
            looks += read.looks.len();
            for (number, look) in read.looks {
                strips.entry(seq(look.hour(), number)).or_default().push(look);
            }
            taken.push(row_seq);
        }
    }
    // First of all room is made: what follows takes less.
    for row in &taken {
        run(connection, "DELETE FROM journal WHERE seq = ?1", params![row])?;
    }
    let mut sums = Sums::default();
    for (place, looks) in strips {
        put_strip(connection, place, looks, &mut sums, &mut done.unread)?;
    }
    sums.put(connection)?;
    done.rows = taken.len() as u64;
    Ok(done)
}

/// Joins looks to the strip at `place`.
fn put_strip(
    connection: &Connection,
    place: i64,
    looks: Vec<Bare>,
    sums: &mut Sums,
    unread: &mut Unread,
) -> Result<(), StoreError> {
    let (hour, number) = of_seq(place);
    let before = unread.len();
    let there = strip(connection, place, unread)?.unwrap_or_default();
    if let Some(words) = unread.get(before) {
        say_unread(connection, hour.saturating_mul(HOUR), place, words)?;
    }
    let mut all: BTreeMap<Place, Bare> = there.into_iter().map(|look| (look.place(), look)).collect();
    for look in looks {
        if let Entry::Vacant(free) = all.entry(look.place()) {
            sums.add(number, &look);
            free.insert(look);
        }
    }
    let all: Vec<Bare> = all.into_values().collect();
    run(
        connection,
        "INSERT INTO strips (seq, body) VALUES (?1, ?2) ON CONFLICT (seq) DO UPDATE SET body = ?2",
        params![place, packed::strip(&all)],
    )
    .map(drop)
}

/// Writes down that something could not be read, for the next start to say: what is packed anew is without it.
fn say_unread(connection: &Connection, time: i64, seq: i64, words: &str) -> Result<(), StoreError> {
    write::put_meta(connection, &format!("unread.{time}.{seq}"), words)
}

/// Says no more what could not be read of looks that would be gone by now.
pub(super) fn forget_unread(connection: &Connection, cutoff: Timestamp) -> Result<(), StoreError> {
    let sql = "DELETE FROM meta WHERE key LIKE 'unread.%' AND CAST(substr(key, 8) AS INTEGER) < ?1";
    run(connection, sql, params![cutoff.millis()]).map(drop)
}

/// What a step adds to the tallies and to the last slots.
#[derive(Default)]
struct Sums {
    days: HashMap<u32, BTreeMap<i64, Tally>>,
    slots: HashMap<u32, Timestamp>,
}

impl Sums {
    fn add(&mut self, number: u32, look: &Bare) {
        let Some(slot) = look.last_slot() else { return };
        looks::count(look, self.days.entry(number).or_default());
        let last = self.slots.entry(number).or_insert(slot);
        *last = slot.max(*last);
    }

    fn put(self, connection: &Connection) -> Result<(), StoreError> {
        let sql = format!("SELECT {TALLY} FROM tallies WHERE seq = ?1");
        let mut one = connection.prepare_cached(&sql).map_err(fault)?;
        let days = |(number, days): (u32, BTreeMap<i64, Tally>)| {
            days.into_iter().map(move |(day, sum)| (seq(day, number), sum))
        };
        for (place, mut sum) in self.days.into_iter().flat_map(days) {
            let before = one.query_row(params![place], tally).optional().map_err(fault)?;
            if let Some((_, before)) = before {
                sum.join(&before);
            }
            let Tally { ok, failed, unknown, missed, took, longest } = sum;
            run(
                connection,
                &format!("INSERT OR REPLACE INTO tallies ({TALLY}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
                params![place, ok, failed, unknown, missed, i64::try_from(took).unwrap_or(i64::MAX), longest],
            )?;
        }
        for (number, slot) in self.slots {
            let sql = "UPDATE checks SET slot = max(coalesce(slot, ?2), ?2) WHERE number = ?1";
            run(connection, sql, params![number, slot.millis()])?;
        }
        Ok(())
    }
}
