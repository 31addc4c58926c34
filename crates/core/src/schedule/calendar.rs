//! The next matching minute of a civil calendar: no zone, no daylight saving.

use jiff::civil::{Date, DateTime, Time};

use super::fields::{Fields, up_to};

/// Months that a search may look at. A leap day on a given weekday can be 40 years away (2096 is followed by 2104),
/// and nothing is further.
const MONTHS: u32 = 12 * 41 + 1;

impl Fields {
    /// The first matching minute at or after `from`, whose seconds are taken as zero. None when the calendar ends or
    /// the budget is used up.
    pub(super) fn first_from(&self, from: DateTime) -> Option<DateTime> {
        let date = from.date();
        if self.matches_date(date)
            && let Some(time) = self.time_from(bit(from.hour()), bit(from.minute()))
        {
            return Some(date.to_datetime(time));
        }
        let (mut year, mut month) = (date.year(), date.month());
        let mut days = above(bit(date.day()));
        for _ in 0..MONTHS {
            if self.months >> month & 1 == 1 {
                let first = Date::new(year, month, 1).ok()?;
                let left = self.days_of(first) & days;
                if left != 0 {
                    let day = i8::try_from(left.trailing_zeros()).ok()?;
                    return Some(Date::new(year, month, day).ok()?.to_datetime(self.time_from(0, 0)?));
                }
            }
            days = u64::MAX;
            (year, month) = if month == 12 { (year.checked_add(1)?, 1) } else { (year, month + 1) };
        }
        None
    }

    fn matches_date(&self, date: Date) -> bool {
        self.months >> date.month() & 1 == 1 && self.days_of(date.first_of_month()) >> date.day() & 1 == 1
    }

    /// The days of the month that begins with `first`, as bits.
    fn days_of(&self, first: Date) -> u64 {
        let real = up_to(bit(first.days_in_month())) & !1;
        // Weekdays of a whole month: the week's seven bits again and again, moved so that bit 1 is the first's weekday.
        let weekday = bit(first.weekday().to_sunday_zero_offset());
        let week = self.weekdays >> weekday | self.weekdays << (7 - weekday);
        let week = week & 0x7f;
        let by_weekday = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;
        let days = if self.both_days { self.days & by_weekday } else { self.days | by_weekday };
        days & real
    }

    /// The first time of day at or after hour and minute.
    fn time_from(&self, hour: u8, minute: u8) -> Option<Time> {
        let now = if self.hours >> hour & 1 == 1 { self.minutes & (u64::MAX << minute) } else { 0 };
        let (hour, minutes) = if now != 0 {
            (u32::from(hour), now)
        } else {
            let later = self.hours & above(hour);
            if later == 0 {
                return None;
            }
            (later.trailing_zeros(), self.minutes)
        };
        Time::new(i8::try_from(hour).ok()?, i8::try_from(minutes.trailing_zeros()).ok()?, 0, 0).ok()
    }
}

/// Bits from `n` + 1 on.
const fn above(n: u8) -> u64 {
    !up_to(n)
}

/// A part of a civil time as the number of a bit; jiff's are signed, and never negative here.
fn bit(part: i8) -> u8 {
    part.unsigned_abs()
}
