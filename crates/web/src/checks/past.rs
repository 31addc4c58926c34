//! What was seen of one check: the last day in places of a quarter of an hour, and ninety days.

use muster_core::effect::Verdict;
use muster_core::look::{Look, Tally};
use muster_core::time::{Span, Timestamp};

/// Places of the last day.
pub const PLACES: usize = 96;
/// Length of a place, in milliseconds.
pub const PLACE: i64 = 15 * 60 * 1000;
/// Days that are shown.
pub const DAYS: u64 = 90;
/// Length of a day, in milliseconds.
const DAY: i64 = 86_400_000;

/// What the slots of one place came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// All of them.
    pub tally: Tally,
    /// Only those that looked well, so that a look that was cut off says nothing of how quick it usually is.
    pub well: Tally,
}

impl Place {
    /// How long a good look took, on average.
    pub fn took(&self) -> Option<Span> {
        (self.well.ok > 0).then(|| Span::millis(self.well.took / u64::from(self.well.ok)))
    }

    fn join(&mut self, other: &Self) {
        self.tally.join(&other.tally);
        self.well.join(&other.well);
    }
}

/// What was seen of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// When the first place begins.
    pub begins: Timestamp,
    /// The places, oldest first.
    pub places: Vec<Place>,
    /// The UTC days on which there were slots, oldest first, each with its beginning.
    pub days: Vec<(Timestamp, Tally)>,
}

/// The number of the place in which a moment lies.
fn number(at: Timestamp) -> i64 {
    at.millis().div_euclid(PLACE)
}

impl Past {
    /// Nothing was seen yet.
    pub fn empty(now: Timestamp) -> Self {
        let begins = Timestamp::from_millis((number(now) + 1 - PLACES as i64) * PLACE);
        Self { begins, places: vec![Place::default(); PLACES], days: Vec::new() }
    }

    /// A past of which nothing is worth keeping: all of it is still to be read.
    pub fn none(now: Timestamp) -> Self {
        Self::empty(now - Span::days(2))
    }

    /// From when on looks must be read to bring this past to `now`. What comes late may change the last two places, and
    /// a look may fill a slot that was due as long ago as there is between two slots.
    pub fn unread(&self, every: Span, now: Timestamp) -> Timestamp {
        let seen = self.begins.shifted((PLACES as i64 - 2) * PLACE) - every;
        Timestamp::from_millis(number(seen) * PLACE).max(Self::empty(now).begins)
    }

    /// This past at a later moment, with the looks since [`Past::unread`] and the days in full.
    pub fn later(&self, looks: &[Look], days: Vec<(Timestamp, Tally)>, every: Span, now: Timestamp) -> Self {
        let mut past = Self { days, ..Self::empty(now) };
        let (first, fresh) = (number(past.begins), number(self.unread(every, now)));
        let moved = usize::try_from(first - number(self.begins)).unwrap_or(PLACES);
        let kept = usize::try_from(fresh - first).unwrap_or(0).min(PLACES);
        for (new, old) in past.places.iter_mut().take(kept).zip(self.places.iter().skip(moved)) {
            *new = *old;
        }
        for look in looks {
            past.add(look, fresh);
        }
        past
    }

    /// Adds the slots of one look, or row of slots, that lie at or after the place `fresh`.
    fn add(&mut self, look: &Look, fresh: i64) {
        let Some(due) = look.due else { return };
        let every = i64::try_from(look.every.as_millis()).unwrap_or(i64::MAX).max(1);
        let from = fresh.max(number(self.begins)) * PLACE;
        let skipped = (from - due.millis()).max(0).div_euclid(every);
        let ends = self.begins.millis() + PLACES as i64 * PLACE;
        for slot in skipped..=i64::from(look.further) {
            let at = due.millis().saturating_add(every.saturating_mul(slot));
            if at >= ends {
                break;
            }
            let place = usize::try_from((at - self.begins.millis()).div_euclid(PLACE));
            let Some(place) = place.ok().filter(|_| at >= from).and_then(|n| self.places.get_mut(n)) else {
                continue;
            };
            place.tally.add_slots(look.verdict, 1, look.took);
            if look.verdict == Verdict::Ok {
                place.well.add_slots(look.verdict, 1, look.took);
            }
        }
    }

    /// The last day in as many cells as the time between two looks allows.
    pub fn cells(&self, every: Span) -> Vec<Place> {
        let wanted = every.as_millis().div_ceil(PLACE.unsigned_abs()).clamp(1, PLACES as u64);
        // Cells of the same width, so a divisor of all places.
        let size = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, PLACES];
        let size = size.into_iter().find(|size| *size as u64 >= wanted).unwrap_or(PLACES);
        let cell = |places: &[Place]| {
            let mut cell = Place::default();
            places.iter().for_each(|place| cell.join(place));
            cell
        };
        self.places.chunks(size).map(cell).collect()
    }

    /// The last day, the last seven and the last ninety days, each with its word. Days are those of UTC.
    pub fn uptimes(&self, now: Timestamp) -> [(&'static str, Tally); 3] {
        let mut day = Tally::default();
        self.places.iter().for_each(|place| day.join(&place.tally));
        let since = |days: i64| {
            let first = (now.millis().div_euclid(DAY) - days + 1) * DAY;
            let mut sum = Tally::default();
            let days = self.days.iter().filter(|(at, _)| at.millis() >= first);
            days.for_each(|(_, tally)| sum.join(tally));
            sum
        };
        [("24 h", day), ("7 d", since(7)), ("90 d", since(DAYS as i64))]
    }
}

/// A share in words, rounded down: 100 % only where nothing is missing.
pub fn percent(share: f64) -> String {
    if share >= 1.0 {
        return "100 %".to_owned();
    }
    let hundredths = (share * 10_000.0).floor().max(0.0);
    if hundredths == 0.0 { "0 %".to_owned() } else { format!("{:.2} %", hundredths / 100.0) }
}

/// A coverage in words: a whole number, rounded down.
pub fn seen(share: f64) -> String {
    match share {
        share if share >= 1.0 => "all seen".to_owned(),
        share if share < 0.01 => "under 1 % seen".to_owned(),
        share => format!("{:.0} % seen", (share * 100.0).floor()),
    }
}

#[cfg(test)]
mod tests {
    use muster_core::ids::ExpectationId;

    use super::*;

    const EVERY: Span = Span::minutes(5);
    const NOW: Timestamp = Timestamp::from_seconds(1_795_266_120);

    fn look(ago: Span, verdict: Verdict, further: u32) -> Look {
        Look {
            about: ExpectationId::new("check.site").unwrap(),
            due: Some(NOW - ago),
            at: NOW - ago,
            verdict,
            took: matches!(verdict, Verdict::Ok | Verdict::Failed).then(|| Span::millis(40)),
            further,
            every: EVERY,
        }
    }

    #[test]
    fn a_row_of_slots_lies_in_the_places_of_its_slots() {
        let looks =
            [look(Span::hours(48), Verdict::Missed, 12 * 25 - 1), look(Span::minutes(2), Verdict::Ok, 0)];
        let past = Past::none(NOW).later(&looks, Vec::new(), EVERY, NOW);
        let missed: u32 = past.places.iter().map(|place| place.tally.missed).sum();
        assert_eq!(missed, 9, "those of the first places of the last day");
        assert_eq!(past.places[PLACES - 1].tally.ok, 1);
        assert_eq!(past.uptimes(NOW)[0].1.uptime(), Some(1.0));
        assert!(past.uptimes(NOW)[0].1.coverage().unwrap() < 0.2);
    }

    #[test]
    fn a_past_that_grew_is_the_past_read_at_once() {
        let looks: Vec<_> = (0..300).rev().map(|n| look(Span::minutes(5 * n), Verdict::Ok, 0)).collect();
        let whole = Past::none(NOW).later(&looks, Vec::new(), EVERY, NOW);
        let before = NOW - Span::hours(3);
        let earlier: Vec<_> = looks.iter().filter(|look| look.at <= before).cloned().collect();
        let then = Past::none(before).later(&earlier, Vec::new(), EVERY, before);
        let unread = then.unread(EVERY, NOW);
        let rest: Vec<_> = looks.iter().filter(|look| look.at >= unread).cloned().collect();
        assert!(rest.len() < 60, "{}", rest.len());
        assert_eq!(then.later(&rest, Vec::new(), EVERY, NOW), whole);
        let long_ago = Past::empty(NOW - Span::days(3));
        assert_eq!(long_ago.later(&looks, Vec::new(), EVERY, NOW), whole);
    }

    #[test]
    fn a_look_that_fills_a_slot_of_long_ago_is_not_lost() {
        let every = Span::hours(1);
        let late = Look { at: NOW, every, ..look(Span::minutes(52), Verdict::Ok, 0) };
        let past = Past::none(NOW).later(&[], Vec::new(), every, NOW);
        assert!(past.unread(every, NOW) <= late.due.unwrap());
        let past = past.later(&[late], Vec::new(), every, NOW + Span::seconds(20));
        assert_eq!(past.uptimes(NOW)[0].1.ok, 1);
    }

    #[test]
    fn a_rare_check_has_wide_cells() {
        let past = Past::empty(NOW);
        assert_eq!(past.cells(Span::seconds(30)).len(), PLACES);
        assert_eq!(past.cells(Span::hours(1)).len(), 24);
        assert_eq!(past.cells(Span::days(7)).len(), 1);
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!(percent(0.999_99), "99.99 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(seen(0.999), "99 % seen");
        assert_eq!(seen(0.000_1), "under 1 % seen");
    }
}
