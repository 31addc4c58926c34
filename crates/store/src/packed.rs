//! Looks as bytes: few of them, and whatever the bytes are, nothing worse comes of it than a look that is not read.
//!
//! A record begins with a byte that says what follows: the verdict in the three lowest bits, and a bit each for what is
//! absent, present, or as foreseen. Then, where the bits ask for it: `every`, `due` (as the difference from what is
//! foreseen), `at` (as the difference from `due`), `took`, `further`. Numbers are LEB128, seven bits a byte; those that
//! may be negative are zigzag. All of them wrap, so that every value comes back as it was.

use muster_core::effect::Verdict;
use muster_core::time::{Span, Timestamp};

use crate::looks::{Bare, NUMBERS};

/// The first byte of whatever is packed here.
const VERSION: u8 = 1;

const VERDICTS: [Verdict; 5] =
    [Verdict::Ok, Verdict::Failed, Verdict::Skipped, Verdict::Missed, Verdict::Unknown];
const VERDICT: u8 = 0b111;
const NO_SLOT: u8 = 1 << 3;
const FORESEEN: u8 = 1 << 4;
const NO_LENGTH: u8 = 1 << 5;
const FURTHER: u8 = 1 << 6;
const EVERY: u8 = 1 << 7;

/// What was read, and what is wrong with the rest, if anything is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unpacked<T> {
    pub(crate) looks: Vec<T>,
    pub(crate) fault: Option<String>,
}

impl<T> Unpacked<T> {
    fn of(looks: Vec<T>, count: Option<u64>, left: &[u8]) -> Self {
        let fault = match count {
            Some(count) if count == looks.len() as u64 && left.is_empty() => None,
            Some(count) => Some(format!("{} of {count} looks could be read", looks.len())),
            None => Some("it does not begin as it should".into()),
        };
        Self { looks, fault }
    }
}

/// All looks of one commit, each with the number of its check, in the order of the numbers.
pub(crate) fn journal(looks: &[(u32, Bare)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + looks.len() * 8);
    let base = looks.first().map_or(0, |(_, look)| look.at.millis());
    begin(&mut out, looks.len(), base);
    let mut course = Course::new(base, false);
    let mut before = 0;
    for (number, look) in looks {
        put(&mut out, u64::from(number.saturating_sub(before)));
        before = *number;
        course.put(&mut out, look);
    }
    out
}

/// Reads what [`journal`] wrote.
pub(crate) fn read_journal(bytes: &[u8]) -> Unpacked<(u32, Bare)> {
    let mut rest = bytes;
    let Some((count, base)) = head(&mut rest) else { return Unpacked::of(Vec::new(), None, rest) };
    let mut course = Course::new(base, false);
    let mut number = 0_u32;
    let mut looks = Vec::new();
    while (looks.len() as u64) < count {
        let Some(step) = take(&mut rest).and_then(|step| u32::try_from(step).ok()) else { break };
        let Some(look) = course.take(&mut rest) else { break };
        number = number.saturating_add(step);
        if number >= NUMBERS {
            break;
        }
        looks.push((number, look));
    }
    Unpacked::of(looks, Some(count), rest)
}

/// The looks of one check, in the order in which they are listed.
pub(crate) fn strip(looks: &[Bare]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + looks.len() * 5);
    let base = looks.first().map_or(0, |look| look.at.millis());
    begin(&mut out, looks.len(), base);
    let mut course = Course::new(base, true);
    for look in looks {
        course.put(&mut out, look);
    }
    out
}

/// Reads what [`strip`] wrote.
pub(crate) fn read_strip(bytes: &[u8]) -> Unpacked<Bare> {
    let mut rest = bytes;
    let Some((count, base)) = head(&mut rest) else { return Unpacked::of(Vec::new(), None, rest) };
    let mut course = Course::new(base, true);
    let mut looks = Vec::new();
    while (looks.len() as u64) < count {
        let Some(look) = course.take(&mut rest) else { break };
        looks.push(look);
    }
    Unpacked::of(looks, Some(count), rest)
}

fn begin(out: &mut Vec<u8>, count: usize, base: i64) {
    out.push(VERSION);
    put(out, count as u64);
    put_signed(out, base);
}

fn head(rest: &mut &[u8]) -> Option<(u64, i64)> {
    (byte(rest)? == VERSION).then_some(())?;
    Some((take(rest)?, take_signed(rest)?))
}

/// What the next record is foreseen to be.
struct Course {
    /// Records of one check: the next slot is one `every` later.
    one: bool,
    due: i64,
    at: i64,
    every: u64,
}

impl Course {
    fn new(base: i64, one: bool) -> Self {
        Self { one, due: base, at: base, every: 0 }
    }

    fn put(&mut self, out: &mut Vec<u8>, look: &Bare) {
        let every = look.every.as_millis();
        let due = look.due.map(Timestamp::millis);
        let mut flags = VERDICTS.iter().position(|one| *one == look.verdict).unwrap_or(0) as u8;
        for (is, flag) in [
            (due.is_none(), NO_SLOT),
            (due == Some(self.due), FORESEEN),
            (look.took.is_none(), NO_LENGTH),
            (look.further > 0, FURTHER),
            (every != self.every, EVERY),
        ] {
            flags |= if is { flag } else { 0 };
        }
        out.push(flags);
        if flags & EVERY != 0 {
            put(out, every);
        }
        if let Some(due) = due.filter(|_| flags & FORESEEN == 0) {
            put_signed(out, due.wrapping_sub(self.due));
        }
        put_signed(out, look.at.millis().wrapping_sub(due.unwrap_or(self.at)));
        if let Some(took) = look.took {
            put(out, took.as_millis());
        }
        if look.further > 0 {
            put(out, u64::from(look.further));
        }
        self.pass(look);
    }

    fn take(&mut self, rest: &mut &[u8]) -> Option<Bare> {
        let flags = byte(rest)?;
        let verdict = *VERDICTS.get(usize::from(flags & VERDICT))?;
        let every = if flags & EVERY != 0 { take(rest)? } else { self.every };
        let due = match (flags & NO_SLOT != 0, flags & FORESEEN != 0) {
            (true, _) => None,
            (false, true) => Some(self.due),
            (false, false) => Some(self.due.wrapping_add(take_signed(rest)?)),
        };
        let at = due.unwrap_or(self.at).wrapping_add(take_signed(rest)?);
        let took = if flags & NO_LENGTH != 0 { None } else { Some(Span::millis(take(rest)?)) };
        let further = if flags & FURTHER != 0 { u32::try_from(take(rest)?).ok()? } else { 0 };
        let (due, at) = (due.map(Timestamp::from_millis), Timestamp::from_millis(at));
        let look = Bare { due, at, verdict, took, further, every: Span::millis(every) };
        self.pass(&look);
        Some(look)
    }

    fn pass(&mut self, look: &Bare) {
        self.at = look.at.millis();
        self.every = look.every.as_millis();
        if let Some(due) = look.due {
            let slots = u64::from(look.further) + 1;
            let ahead = if self.one { self.every.wrapping_mul(slots) } else { 0 };
            self.due = due.millis().wrapping_add(ahead.cast_signed());
        }
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = byte(rest)?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    take(rest).map(|value| (value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(n: i64) -> Bare {
        Bare {
            due: (n % 7 != 3).then(|| Timestamp::from_millis(1_800_000_000_000 + n * 20_000)),
            at: Timestamp::from_millis(1_800_000_000_000 + n * 20_000 + n * 7 % 11),
            verdict: VERDICTS[n as usize % VERDICTS.len()],
            took: (n % 5 != 3).then(|| Span::millis(n as u64 * 37 % 900)),
            further: if n % 9 == 4 { 12 } else { 0 },
            every: Span::seconds(if n % 17 < 9 { 20 } else { 60 }),
        }
    }

    #[test]
    fn what_was_packed_comes_back() {
        let strange = [0, 1, -1, i64::MAX, i64::MIN, 1 << 40].map(Timestamp::from_millis);
        let mut looks: Vec<_> = (0..100).map(look).collect();
        for at in strange {
            for due in strange {
                let (took, every) = (Some(Span::millis(u64::MAX)), Span::millis(due.millis().unsigned_abs()));
                looks.push(Bare { due: Some(due), at, took, every, further: u32::MAX, ..look(0) });
                looks.push(Bare { due: None, at, ..look(0) });
            }
        }
        assert_eq!(read_strip(&strip(&looks)), Unpacked { looks: looks.clone(), fault: None });
        let numbered: Vec<_> = (0..NUMBERS).step_by(7000).zip(looks).collect();
        assert_eq!(read_journal(&journal(&numbered)), Unpacked { looks: numbered, fault: None });
        assert_eq!(read_strip(&strip(&[])), Unpacked { looks: Vec::new(), fault: None });
    }

    #[test]
    fn of_what_is_cut_off_the_beginning_is_read() {
        let looks: Vec<_> = (0..50).map(look).collect();
        let whole = strip(&looks);
        let numbered: Vec<_> = (0..50).zip(looks.clone()).collect();
        let row = journal(&numbered);
        for end in 0..whole.len() {
            let read = read_strip(&whole[..end]);
            assert!(read.fault.is_some() && looks.starts_with(&read.looks), "{end}");
        }
        for end in 0..row.len() {
            let read = read_journal(&row[..end]);
            assert!(read.fault.is_some() && numbered.starts_with(&read.looks), "{end}");
        }
        let longer = [whole, vec![0]].concat();
        assert_eq!(read_strip(&longer).looks, looks);
        assert!(read_strip(&longer).fault.is_some());
    }

    #[test]
    fn no_bytes_do_harm() {
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = vec![VERSION];
            for _ in 0..state % 60 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                bytes.push((state >> 56) as u8);
            }
            state = state.wrapping_add(1);
            let mut days = std::collections::BTreeMap::new();
            for look in read_strip(&bytes).looks {
                let _hour = look.hour();
                crate::looks::count(&look, &mut days);
            }
            assert!(read_journal(&bytes).looks.iter().all(|(number, _)| *number < NUMBERS));
        }
        assert!(read_strip(&[]).fault.is_some());
        assert!(read_strip(&[9, 0, 0]).fault.is_some());
    }

    #[test]
    fn a_look_that_went_well_takes_few_bytes() {
        let ok = |n: i64, check: i64| Bare {
            due: Some(Timestamp::from_millis(1_800_000_000_000 + n * 20_000 + check * 67)),
            at: Timestamp::from_millis(1_800_000_000_000 + n * 20_000 + check * 67 + (n * 31 + check) % 60),
            verdict: Verdict::Ok,
            took: Some(Span::millis((n * 7919 % 2000).unsigned_abs())),
            further: 0,
            every: Span::seconds(20),
        };
        let row: Vec<_> = (0..15).map(|n| (n as u32 * 20, ok(0, n))).collect();
        assert!(journal(&row).len() <= 15 * 8, "{}", journal(&row).len());
        let hour: Vec<_> = (0..180).map(|n| ok(n, 0)).collect();
        assert!(strip(&hour).len() <= 180 * 5, "{}", strip(&hour).len());
    }
}
