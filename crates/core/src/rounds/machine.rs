//! The machine and its public face.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::Verdict;
use crate::ids::ExpectationId;
use crate::look::Look;
use crate::time::{Now, Span, Timestamp};

/// After a start each check looks within this time.
const OPENING: Span = Span::seconds(5);
/// A clock that moved further than this was set.
const SET: Span = Span::seconds(1);
/// Slots in a row that nobody was there for are recorded up to so many; what lies before was never planned.
const MOST: u64 = 100_000;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Which check.
    pub id: ExpectationId,
    /// From one slot to the next.
    pub every: Span,
    /// From the beginning of a bad look to that of the next one, which comes at once where the first took longer.
    pub retry: Span,
    /// Bad looks in a row after which only the slots count.
    pub after: u32,
}

/// One look that is to begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which check.
    pub id: ExpectationId,
    /// The slot that it fills; none if it tries again between two.
    pub due: Option<Timestamp>,
}

/// A look that goes on.
#[derive(Debug, Clone, Copy)]
struct Going {
    due: Option<Timestamp>,
    began: Timestamp,
}

#[derive(Debug, Clone)]
struct Row {
    round: Round,
    /// When it looks next, by the clock that nobody sets.
    next: Span,
    /// The next slot, by that clock. No later than `every` after the last one.
    slot: Span,
    /// What the wall clock shows at that slot, unless it is set in the meantime.
    due: Timestamp,
    /// The first look after a start: it fills the slot in progress.
    opening: bool,
    /// The slot in progress has its verdict from an earlier life.
    filled: bool,
    going: Option<Going>,
    bad: u32,
}

/// Who looks when.
#[derive(Debug, Clone, Default)]
pub struct Rounds {
    rows: Vec<Row>,
    places: BTreeMap<ExpectationId, usize>,
    index: BTreeSet<(Span, usize)>,
    /// Verdicts on slots, in the order in which they fell.
    out: Vec<Look>,
}

impl Rounds {
    /// Replaces the plan. A check that keeps its name and its `every` goes on as it was; another one begins anew.
    /// `last` is the last slot of each check that has a verdict, as it is remembered from an earlier life; what should
    /// have come since is unknown.
    pub fn plan(&mut self, rounds: Vec<Round>, last: &BTreeMap<ExpectationId, Timestamp>, now: Now) {
        let mut old: BTreeMap<ExpectationId, Row> =
            std::mem::take(&mut self.rows).into_iter().map(|row| (row.round.id.clone(), row)).collect();
        self.index.clear();
        self.places.clear();
        for round in rounds {
            let row = match old.remove(&round.id) {
                Some(row) if row.round.every == round.every => Row { round, ..row },
                Some(_) | None => {
                    let mut row = begin(round, now);
                    if let Some(last) = last.get(&row.round.id) {
                        row.filled = *last + row.round.every >= row.due;
                        self.close_gap(&row, *last, now);
                    }
                    row
                }
            };
            self.places.insert(row.round.id.clone(), self.rows.len());
            self.index.insert((row.next, self.rows.len()));
            self.rows.push(row);
        }
    }

    /// Who looks now. Ask again at [`Rounds::next`]; when that comes late by whole slots, they are missed.
    pub fn turns(&mut self, now: Now) -> Vec<Turn> {
        let mut turns = Vec::new();
        while let Some(&(at, place)) = self.index.first() {
            if at > now.uptime {
                break;
            }
            self.index.remove(&(at, place));
            turns.extend(self.turn(place, now));
            self.index.insert((self.rows[place].next, place));
        }
        turns
    }

    fn turn(&mut self, place: usize, now: Now) -> Option<Turn> {
        let row = &mut self.rows[place];
        let every = row.round.every;
        if row.opening {
            row.opening = false;
            row.next = row.slot;
            let due = row.due(now) - every;
            let due = (!row.filled).then_some(due);
            return row.start(due, now);
        }
        if now.uptime < row.slot {
            // Between two slots: it went badly, and is tried again.
            row.next = row.slot;
            return if row.going.is_some() { None } else { row.start(None, now) };
        }
        let behind = (now.uptime - row.slot).as_millis() / every.as_millis().max(1);
        let due = row.due(now);
        row.slot = row.slot + every.times(behind + 1);
        row.due = due + every.times(behind + 1);
        row.next = row.slot;
        let missed = |from: Timestamp, slots: u64| Look {
            about: row.round.id.clone(),
            due: Some(from),
            at: now.wall,
            verdict: Verdict::Missed,
            took: None,
            further: u32::try_from(slots.min(MOST).saturating_sub(1)).unwrap_or(u32::MAX),
            every,
        };
        if row.going.is_some() {
            self.out.push(missed(due, behind + 1));
            return None;
        }
        if behind > 0 {
            self.out.push(missed(due, behind));
        }
        row.start(Some(due + every.times(behind)), now)
    }

    /// A look is over, `took` after it began.
    pub fn done(&mut self, id: &ExpectationId, verdict: Verdict, took: Span, now: Now) {
        let Some(&place) = self.places.get(id) else { return };
        let row = &mut self.rows[place];
        let Some(going) = row.going.take() else { return };
        self.out.push(Look {
            about: id.clone(),
            due: going.due,
            at: going.began,
            verdict,
            took: Some(took),
            further: 0,
            every: row.round.every,
        });
        row.bad = if verdict == Verdict::Ok { 0 } else { row.bad.saturating_add(1) };
        if row.bad > 0 && row.bad < row.round.after && !row.opening {
            let began = now.uptime - took;
            let again = (began + row.round.retry).max(now.uptime);
            if again < row.next {
                self.index.remove(&(row.next, place));
                row.next = again;
                self.index.insert((row.next, place));
            }
        }
    }

    /// When somebody looks next, by the clock that nobody sets.
    pub fn next(&self) -> Option<Span> {
        self.index.first().map(|(at, _)| *at)
    }

    /// Has this one look as soon as it can, beside its slots; false if nobody of that name looks, or it does already.
    pub fn look_now(&mut self, id: &ExpectationId, now: Now) -> bool {
        let Some(&place) = self.places.get(id) else { return false };
        let row = &mut self.rows[place];
        if row.going.is_some() {
            return false;
        }
        if now.uptime < row.next && !row.opening {
            self.index.remove(&(row.next, place));
            row.next = now.uptime;
            self.index.insert((row.next, place));
        }
        true
    }

    /// Hands out the verdicts that fell since the last call.
    pub fn drain(&mut self) -> Vec<Look> {
        std::mem::take(&mut self.out)
    }

    /// What should have come between the last verdict of an earlier life and the first slot of this one is unknown.
    fn close_gap(&mut self, row: &Row, last: Timestamp, now: Now) {
        let every = row.round.every;
        // The first slot of this life.
        let current = if row.opening { row.due - every } else { row.due };
        let slots = current.since(last + every).as_millis().div_ceil(every.as_millis().max(1)).min(MOST);
        if last >= current || slots == 0 {
            return;
        }
        self.out.push(Look {
            about: row.round.id.clone(),
            due: Some(current - every.times(slots)),
            at: now.wall,
            verdict: Verdict::Unknown,
            took: None,
            further: u32::try_from(slots - 1).unwrap_or(u32::MAX),
            every,
        });
    }
}

impl Row {
    /// What the wall clock shows at the next slot. Two clocks that are read in milliseconds never agree to the last one,
    /// so only a clock that was set moves it.
    fn due(&self, now: Now) -> Timestamp {
        let shown = wall(self.slot, now);
        let apart = shown.since(self.due).max(self.due.since(shown));
        if apart > SET { shown } else { self.due }
    }

    fn start(&mut self, due: Option<Timestamp>, now: Now) -> Option<Turn> {
        self.going = Some(Going { due, began: now.wall });
        Some(Turn { id: self.round.id.clone(), due })
    }
}

/// A check that has not looked yet: the first look soon, the slots by phase.
fn begin(round: Round, now: Now) -> Row {
    let every = round.every.max(Span::millis(1));
    let hash = hash(round.id.as_str());
    let phase = hash % every.as_millis();
    let into =
        (now.wall.millis().rem_euclid(i64::try_from(every.as_millis()).unwrap_or(i64::MAX))).unsigned_abs();
    let wait = (phase + every.as_millis() - into) % every.as_millis();
    let slot = now.uptime + Span::millis(if wait == 0 { every.as_millis() } else { wait });
    let window = OPENING.min(every);
    // A slot that comes soon needs no look before it.
    let opening = slot > now.uptime + window;
    let next =
        if opening { now.uptime + Span::millis(hash.rotate_left(32) % window.as_millis()) } else { slot };
    Row { round, next, slot, due: wall(slot, now), opening, filled: false, going: None, bad: 0 }
}

/// The wall time of a moment of the clock that nobody sets.
fn wall(at: Span, now: Now) -> Timestamp {
    if at >= now.uptime { now.wall + (at - now.uptime) } else { now.wall - (now.uptime - at) }
}

/// FNV-1a, mixed once more so that names that differ in their last letter lie far apart.
fn hash(text: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
