//! Looks, tallies and traces as they are read: what is packed closely (strips, tallies), and the journal on top of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_core::ids::ExpectationId;
use muster_core::look::{Look, Tally, Trace};
use muster_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::journal::{first, of_seq, seq};
use super::open::fault;
use crate::contract::{DayTally, StoreError};
use crate::looks::{self, Bare, HOUR, LOOK_LIMIT, Place, TRACES};
use crate::packed;

/// Sentences about what was there and could not be read.
pub(super) type Unread = Vec<String>;

/// Names of checks by number. A name that is none is left out, and said.
type Names = HashMap<u32, ExpectationId>;

fn names(connection: &Connection, unread: &mut Unread) -> Result<Names, StoreError> {
    let mut statement = connection.prepare_cached("SELECT number, name FROM checks").map_err(fault)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(fault)?;
    let mut names = Names::new();
    for row in rows {
        let (number, name) = row.map_err(fault)?;
        match ExpectationId::new(&name) {
            Ok(name) => drop(names.insert(number, name)),
            Err(error) => unread.push(format!("name of check {number}, {name:?}: {error}")),
        }
    }
    Ok(names)
}

fn number(connection: &Connection, about: &ExpectationId) -> Result<Option<u32>, StoreError> {
    connection
        .prepare_cached("SELECT number FROM checks WHERE name = ?1")
        .and_then(|mut one| one.query_row(params![about.as_str()], |row| row.get(0)).optional())
        .map_err(fault)
}

/// Says what of the journal cannot be read, and what was lost when it was packed.
pub(super) fn unread(connection: &Connection) -> Result<Unread, StoreError> {
    let mut unread = Unread::new();
    names(connection, &mut unread)?;
    each_of_journal(connection, Timestamp::from_millis(i64::MIN), &mut unread, |_, _| {})?;
    let sql = "SELECT value FROM meta WHERE key LIKE 'unread.%' ORDER BY key DESC LIMIT 20";
    let mut said = connection.prepare_cached(sql).map_err(fault)?;
    for words in said.query_map([], |row| row.get(0)).map_err(fault)? {
        unread.push(words.map_err(fault)?);
    }
    Ok(unread)
}

/// The bytes of a column; none where they are of another type, which nobody here writes.
pub(super) fn bytes<'a>(row: &'a Row<'_>, column: usize) -> &'a [u8] {
    row.get_ref(column).ok().and_then(|value| value.as_blob().ok()).unwrap_or_default()
}

/// Goes through the looks of the journal that may reach to `since`.
fn each_of_journal(
    connection: &Connection,
    since: Timestamp,
    unread: &mut Unread,
    mut act: impl FnMut(u32, Bare),
) -> Result<(), StoreError> {
    let sql = "SELECT seq, body FROM journal WHERE newest >= ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query(params![since.millis()]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let read = packed::read_journal(bytes(row, 1));
        if let Some(error) = read.fault {
            unread.push(format!("journal row {}: {error}", row.get::<_, i64>(0).map_err(fault)?));
        }
        read.looks.into_iter().for_each(|(number, look)| act(number, look));
    }
    Ok(())
}

/// The strip of one check and hour, if there is one.
pub(super) fn strip(
    connection: &Connection,
    place: i64,
    unread: &mut Unread,
) -> Result<Option<Vec<Bare>>, StoreError> {
    let read = connection
        .prepare_cached("SELECT body FROM strips WHERE seq = ?1")
        .and_then(|mut one| {
            one.query_row(params![place], |row| Ok(packed::read_strip(bytes(row, 0)))).optional()
        })
        .map_err(fault)?;
    Ok(read.map(|read| {
        if let Some(error) = read.fault {
            let (hour, number) = of_seq(place);
            let began = Timestamp::from_millis(hour.saturating_mul(HOUR));
            unread.push(format!("looks of check {number} from {began} on: {error}"));
        }
        read.looks
    }))
}

pub(super) fn looks(
    connection: &Connection,
    about: &ExpectationId,
    since: Timestamp,
    limit: usize,
    unread: &mut Unread,
) -> Result<Vec<Look>, StoreError> {
    let limit = limit.min(LOOK_LIMIT);
    let Some(number) = number(connection, about)? else { return Ok(Vec::new()) };
    let mut all: BTreeMap<Place, Bare> = BTreeMap::new();
    each_of_journal(connection, since, unread, |own, look| {
        let place = look.place();
        if own == number && place.0 >= since {
            all.entry(place).or_insert(look);
        }
    })?;
    // From the newest hour back, by the hours that there are.
    let sql = "SELECT seq FROM strips WHERE seq < ?1 ORDER BY seq DESC LIMIT 1";
    let mut before = connection.prepare_cached(sql).map_err(fault)?;
    let mut end = i64::MAX;
    while all.len() < limit {
        let next: Option<i64> = before.query_row(params![end], |row| row.get(0)).optional().map_err(fault)?;
        let Some((hour, _)) = next.map(of_seq) else { break };
        if hour < looks::hour(since) {
            break;
        }
        for look in strip(connection, seq(hour, number), unread)?.into_iter().flatten() {
            let place = look.place();
            if place.0 >= since {
                // What is in a strip came before what is still in the journal.
                all.insert(place, look);
            }
        }
        end = first(hour);
    }
    Ok(looks::newest(all, about, limit))
}

pub(super) fn last_slots(
    connection: &Connection,
    unread: &mut Unread,
) -> Result<BTreeMap<ExpectationId, Timestamp>, StoreError> {
    let mut slots: HashMap<u32, Timestamp> = HashMap::new();
    let sql = "SELECT number, slot FROM checks WHERE slot IS NOT NULL";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?))))
        .map_err(fault)?;
    for row in rows {
        let (number, slot) = row.map_err(fault)?;
        slots.insert(number, slot);
    }
    each_of_journal(connection, Timestamp::from_millis(i64::MIN), unread, |number, look| {
        if let Some(slot) = look.last_slot() {
            let last = slots.entry(number).or_insert(slot);
            *last = slot.max(*last);
        }
    })?;
    let names = names(connection, unread)?;
    Ok(slots.into_iter().filter_map(|(number, slot)| Some((names.get(&number)?.clone(), slot))).collect())
}

/// What one check adds to its tallies out of the journal.
#[derive(Default)]
struct Sum {
    /// As long as looks come in their order, none can be there twice.
    last: Option<Place>,
    days: BTreeMap<i64, Tally>,
}

pub(super) fn tallies(
    connection: &Connection,
    about: Option<&ExpectationId>,
    since: Timestamp,
    unread: &mut Unread,
) -> Result<Vec<DayTally>, StoreError> {
    let names = match about {
        None => names(connection, unread)?,
        Some(about) => number(connection, about)?.map(|number| (number, about.clone())).into_iter().collect(),
    };
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let first_day = looks::day(since);
    let since = looks::day_start(first_day);
    let mut sums: HashMap<u32, Sum> = HashMap::new();
    let mut doubtful = BTreeSet::new();
    let mut oldest = i64::MAX;
    each_of_journal(connection, since, unread, |number, look| {
        if !names.contains_key(&number) {
            return;
        }
        let place = look.place();
        oldest = oldest.min(look.hour());
        let sum = sums.entry(number).or_default();
        if sum.last.is_some_and(|last| last >= place) {
            doubtful.insert(number);
        }
        sum.last = Some(place);
        looks::count(&look, &mut sum.days);
    })?;
    if oldest != i64::MAX {
        doubtful.extend(packed_since(connection, oldest)?.into_iter().filter(|one| sums.contains_key(one)));
    }
    for (number, days) in exactly(connection, since, &doubtful)? {
        sums.insert(number, Sum { last: None, days });
    }
    let mut all: BTreeMap<(&ExpectationId, i64), Tally> = BTreeMap::new();
    stored(connection, about.and(names.keys().next().copied()), first_day, |place, tally| {
        let (day, number) = of_seq(place);
        if let Some(about) = names.get(&number) {
            all.entry((about, day)).or_default().join(&tally);
        }
    })?;
    for (number, sum) in &sums {
        let Some(about) = names.get(number) else { continue };
        for (day, tally) in sum.days.range(first_day..) {
            all.entry((about, *day)).or_default().join(tally);
        }
    }
    Ok(all.into_iter().map(|((about, day), tally)| (about.clone(), looks::day_start(day), tally)).collect())
}

/// The checks that have a strip of this hour or a later one.
fn packed_since(connection: &Connection, hour: i64) -> Result<BTreeSet<u32>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT seq FROM strips WHERE seq >= ?1").map_err(fault)?;
    let rows = statement.query_map(params![first(hour)], |row| row.get(0)).map_err(fault)?;
    rows.map(|row| row.map(|place| of_seq(place).1).map_err(fault)).collect()
}

/// What these checks add out of the journal, each look once, and none that is in a strip already.
fn exactly(
    connection: &Connection,
    since: Timestamp,
    numbers: &BTreeSet<u32>,
) -> Result<BTreeMap<u32, BTreeMap<i64, Tally>>, StoreError> {
    if numbers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut all: BTreeMap<i64, BTreeMap<Place, Bare>> = BTreeMap::new();
    // What is unreadable was said the first time.
    let mut said = Unread::new();
    each_of_journal(connection, since, &mut said, |number, look| {
        if numbers.contains(&number) {
            all.entry(seq(look.hour(), number)).or_default().entry(look.place()).or_insert(look);
        }
    })?;
    let mut sums: BTreeMap<u32, BTreeMap<i64, Tally>> =
        numbers.iter().map(|number| (*number, BTreeMap::new())).collect();
    for (at, mut own) in all {
        for look in strip(connection, at, &mut said)?.into_iter().flatten() {
            own.remove(&look.place());
        }
        let days = sums.entry(of_seq(at).1).or_default();
        own.values().for_each(|look| looks::count(look, days));
    }
    Ok(sums)
}

/// Columns of a tally in the order that [`tally`] reads.
pub(super) const TALLY: &str = "seq, ok, failed, unknown, missed, took, longest";

pub(super) fn tally(row: &Row<'_>) -> rusqlite::Result<(i64, Tally)> {
    let number =
        |column| row.get::<_, i64>(column).map(|value| u32::try_from(value.max(0)).unwrap_or(u32::MAX));
    let took = row.get::<_, i64>(5)?.max(0).cast_unsigned();
    let tally = Tally {
        ok: number(1)?,
        failed: number(2)?,
        unknown: number(3)?,
        missed: number(4)?,
        took,
        longest: number(6)?,
    };
    Ok((row.get(0)?, tally))
}

/// The tallies of the days that were added up, of one check or of all.
fn stored(
    connection: &Connection,
    number: Option<u32>,
    day: i64,
    mut act: impl FnMut(i64, Tally),
) -> Result<(), StoreError> {
    let Some(number) = number else {
        let sql = format!("SELECT {TALLY} FROM tallies WHERE seq >= ?1");
        let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
        for row in statement.query_map(params![first(day)], tally).map_err(fault)? {
            let (place, tally) = row.map_err(fault)?;
            act(place, tally);
        }
        return Ok(());
    };
    // Day by day, by the days that there are.
    let sql = "SELECT seq FROM tallies WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    let mut after = connection.prepare_cached(sql).map_err(fault)?;
    let sql = format!("SELECT {TALLY} FROM tallies WHERE seq = ?1");
    let mut one = connection.prepare_cached(&sql).map_err(fault)?;
    let mut from = first(day);
    loop {
        let next: Option<i64> = after.query_row(params![from], |row| row.get(0)).optional().map_err(fault)?;
        let Some((day, _)) = next.map(of_seq) else { return Ok(()) };
        let found = one.query_row(params![seq(day, number)], tally).optional().map_err(fault)?;
        if let Some((place, tally)) = found {
            act(place, tally);
        }
        from = first(day.saturating_add(1));
    }
}

pub(super) fn traces(
    connection: &Connection,
    about: &ExpectationId,
    limit: usize,
    unread: &mut Unread,
) -> Result<Vec<Trace>, StoreError> {
    let Some(number) = number(connection, about)? else { return Ok(Vec::new()) };
    let sql = "SELECT at, body FROM traces WHERE number = ?1 ORDER BY at DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query(params![number, limit.min(TRACES) as i64]).map_err(fault)?;
    let mut traces = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let at = Timestamp::from_millis(row.get(0).map_err(fault)?);
        let text = row.get_ref(1).map_err(fault)?.as_str().unwrap_or_default();
        match serde_json::from_str(text) {
            Ok(sight) => traces.push(Trace { about: about.clone(), at, sight }),
            Err(error) => unread.push(format!("what {about} saw at {at}: {error}")),
        }
    }
    Ok(traces)
}
