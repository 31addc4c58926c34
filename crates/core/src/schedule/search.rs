//! The next instant of a schedule in a time zone.
//!
//! Between two changes of offset the clock on the wall runs evenly, so the search goes from stretch to stretch: the
//! calendar says the next matching minute, and the change at the end of the stretch says what becomes of it.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp as Instant};

use super::fields::Fields;
use crate::time::Timestamp;

/// Changes of offset that one search may cross. Forty years have about eighty; Morocco has four a year in some.
const CHANGES: usize = 400;

/// From here on (in seconds) cron takes a jump forward for a correction of the clock and runs nothing for it.
const LARGE_GAP: i32 = 180 * 60;
/// Beyond this (in seconds) cron takes a jump backward for a correction and lives through the time again.
const LARGE_FOLD: i32 = 180 * 60;

/// The first instant strictly after `after`, or none within the budget.
pub(super) fn next(fields: &Fields, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let after = Instant::from_second(after.seconds()).ok()?;
    let mut offset = zone.to_offset(after);
    let mut found = fields.first_from(first_minute(fields, zone, after, offset)?)?;
    let mut changes = zone.following(after);
    for _ in 0..CHANGES {
        // The calendar may be at its end where the zone is not.
        let instant = offset.to_timestamp(found).ok()?;
        let Some(change) = changes.next() else {
            return Some(at(instant));
        };
        if instant < change.timestamp() {
            return Some(at(instant));
        }
        let begins = change.offset().to_datetime(change.timestamp());
        let shift = change.offset().seconds() - offset.seconds();
        offset = change.offset();
        if shift > 0 && found < begins {
            if !fields.follows_clock && shift < LARGE_GAP {
                return Some(at(change.timestamp()));
            }
            found = fields.first_from(whole_minute(begins)?)?;
        } else if shift < 0 && (fields.follows_clock || -shift > LARGE_FOLD) {
            found = fields.first_from(whole_minute(begins)?)?;
        }
    }
    None
}

/// The first minute on the wall that may count: the one after `after`, and for a job with a fixed time not before the
/// end of a repeated hour that `after` lies in.
fn first_minute(fields: &Fields, zone: &TimeZone, after: Instant, offset: Offset) -> Option<DateTime> {
    let wall = offset.to_datetime(after);
    let minute = wall.with().second(0).subsec_nanosecond(0).build().ok()?;
    let minute = minute.checked_add(SignedDuration::from_mins(1)).ok()?;
    if fields.follows_clock {
        return Some(minute);
    }
    let lived_before =
        zone.preceding(after.checked_add(SignedDuration::from_secs(1)).ok()?).next().and_then(|change| {
            let before = zone.to_offset(change.timestamp().checked_sub(SignedDuration::from_secs(1)).ok()?);
            let shift = change.offset().seconds() - before.seconds();
            (shift < 0 && -shift <= LARGE_FOLD).then(|| before.to_datetime(change.timestamp()))
        });
    match lived_before {
        Some(until) if until > minute => whole_minute(until),
        _ => Some(minute),
    }
}

/// The same minute, or the next if it has begun. Zones of old had offsets with seconds.
fn whole_minute(wall: DateTime) -> Option<DateTime> {
    if wall.second() == 0 && wall.subsec_nanosecond() == 0 {
        return Some(wall);
    }
    let minute = wall.with().second(0).subsec_nanosecond(0).build().ok()?;
    minute.checked_add(SignedDuration::from_mins(1)).ok()
}

fn at(instant: Instant) -> Timestamp {
    Timestamp::from_seconds(instant.as_second())
}
